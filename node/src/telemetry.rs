//! Logs: one line for each message, on standard error. Keys, values and secrets are never written.

use tracing_subscriber::EnvFilter;

/// Begins to log what passes the filter.
///
/// # Errors
/// The filter cannot be read.
pub fn start(filter: &str) -> Result<(), String> {
    let filter =
        EnvFilter::try_new(filter).map_err(|error| format!("log: '{filter}' is not a filter: {error}"))?;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).init();
    Ok(())
}
