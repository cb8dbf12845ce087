//! Reads the settings, then starts a node, waits for a signal and drains; or asks a running node.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use larder_node::app::verbs::{self, Ended};
use larder_node::app::{App, Endpoints, cache_verbs};
use larder_node::clock::{Clock, SystemClock};
use larder_node::config::{self, Config, Verb, human_bytes};
use larder_node::server::Leave;
use larder_node::{descriptors, telemetry};
use tokio::signal::unix::{SignalKind, signal};

/// Collections come and go in small blocks, and what they leave must go back to the system without a pause: glibc's
/// allocator keeps it, and works off freed blocks in batches of tens of milliseconds.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let matches = config::command_line().get_matches();
    let invocation = match config::load(&matches) {
        Ok(invocation) => invocation,
        Err(error) => return fail(&error.to_string()),
    };
    for warning in &invocation.warnings {
        let _ = writeln!(io::stderr(), "larder: warning: {warning}");
    }
    let config = invocation.config;
    let outcome = match invocation.verb {
        Verb::Node => run_node(config).map(|()| Ended::Well),
        Verb::CheckConfig => show(&config.to_toml()).map(|()| Ended::Well),
        Verb::Status { json, wait_seconds } => {
            ask(verbs::status(&config, json, wait_seconds.map(Duration::from_secs)))
        }
        Verb::Recover => ask(verbs::recover(&config)),
        Verb::Cache(order) => ask(cache_verbs::cache(&config, order)),
        Verb::Drain { restart, force } => ask(verbs::drain(&config, Leave { for_good: !restart, force })),
    };
    outcome.map_or_else(|error| fail(&error), ExitCode::from)
}

/// Runs a verb that asks a node.
fn ask(verb: impl Future<Output = Result<Ended, String>>) -> Result<Ended, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(told)?;
    runtime.block_on(verb)
}

fn run_node(config: Config) -> Result<(), String> {
    telemetry::start(&config.log)?;
    descriptors::raise_limit(config.clients_max);
    let (memory_bytes_max, region) = (config.memory_bytes_max, config.region.clone());
    let within = Duration::from_secs(config.shutdown_seconds_max);
    let clock = SystemClock::default();
    let seed = fastrand::u64(..) ^ clock.now().0;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(told)?;
    let _guard = runtime.enter();
    // Caught before the node serves, so that no signal is missed.
    let mut terminate = signal(SignalKind::terminate()).map_err(told)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(told)?;
    let app = App::start(config, Arc::new(clock), seed).map_err(told)?;
    show(&greeting(app.endpoints(), memory_bytes_max, &region))?;
    runtime.block_on(async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    });
    tracing::info!("stopping: what others can serve is handed over, then requests in flight are answered");
    runtime.block_on(app.hand_over(within));
    if app.stop(within) {
        return Ok(());
    }
    tracing::warn!("connections were still busy after --shutdown-timeout and are closed");
    Ok(())
}

fn greeting(endpoints: Endpoints, memory_bytes_max: usize, region: &str) -> String {
    let (clients, admin) = (endpoints.clients, endpoints.admin);
    format!(
        "larder {} serves Redis clients on {clients} and health and metrics on http://{admin}, with {} of memory in \
         region {region}; try: redis-cli -h {} -p {} set hello world\n",
        env!("CARGO_PKG_VERSION"),
        human_bytes(memory_bytes_max),
        clients.ip(),
        clients.port(),
    )
}

fn show(text: &str) -> Result<(), String> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(told)
}

fn fail(message: &str) -> ExitCode {
    // Nothing is left to do where standard error is closed too.
    let _ = writeln!(io::stderr(), "larder: {message}");
    ExitCode::from(2)
}

fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}
