//! Logs: one line for each message, on standard error. Keys, values and secrets are never written.

use tracing_subscriber::EnvFilter;

/// Begins to log what passes the filter.
///
/// # Errors
/// The filter cannot be read.
pub fn start(filter: &str) -> Result<(), String> {
    let filter = parse(filter)?;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).init();
    Ok(())
}

fn parse(filter: &str) -> Result<EnvFilter, String> {
    EnvFilter::try_new(filter).map_err(|error| format!("log: '{filter}' is not a filter: {error}"))?;
    // What is said of the same part later counts.
    EnvFilter::try_new(format!("{QUIET},{filter}")).map_err(|error| error.to_string())
}

/// openraft warns many times a second of a node that cannot be reached. What matters of it, the cluster says itself.
const QUIET: &str = "openraft=error";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raft_is_quiet_unless_it_is_asked_for() {
        assert_eq!(parse("info").unwrap().to_string(), "openraft=error,info");
        assert_eq!(parse("info,openraft=debug").unwrap().to_string(), "openraft=debug,info");
        assert_eq!(parse("openraft=trace,warn").unwrap().to_string(), "openraft=trace,warn");
        assert!(parse("info,=,").unwrap_err().contains("'info,=,' is not a filter"));
    }
}
