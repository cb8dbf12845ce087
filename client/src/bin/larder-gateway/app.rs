//! Builds every part, joins them, and takes the signals: SIGHUP to read the policies again, SIGTERM and SIGINT to end.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use larder_client::engine::Engine;
use larder_client::http::{OriginLimit, Responses, WhenFull};
use larder_client::{BuildError, Cache, CacheBuilder, CachingType, StoreMode, SystemClock};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::plan::{Plan, Problems};
use crate::server::{self, Drain, Gateway, Limits, Statements};
use crate::settings::Settings;
use crate::upstream::Pool;
use crate::{admin, limits};

/// Serves until a signal says to end. `again` gives the settings anew.
///
/// # Errors
/// Something in the settings is wrong, or an address is taken; then nothing has been served.
#[tokio::main]
pub(crate) async fn run(
    settings: Settings,
    again: impl Fn() -> Result<Settings, String>,
) -> Result<(), String> {
    // Caught before anything is served, so that no signal is missed.
    let mut signals = Signals::new().map_err(|error| error.to_string())?;
    raise_open_files(&settings);
    let pool = Pool::new(&settings);
    let plan = Plan::build(&settings, &pool).map_err(|problems| told(&problems))?;
    let clock = Arc::new(SystemClock::new());
    let cache = cache_builder(&settings).build().map_err(|error: BuildError| error.to_string())?;
    let responses = responses(&cache, &settings);
    let engine = Engine::builder(cache.clone())
        .handler(Statements)
        .responses(responses)
        .clock(clock.clone())
        .debug_headers(settings.trace)
        .build();
    let gateway = Arc::new(Gateway::new(engine, plan, &settings, &pool, clock));
    let (listener, admin_listener) =
        (bind("listen", &settings.listen).await?, admin_listener(&settings).await?);
    // A request that comes before would go to another cache than later ones; and it would miss if it came before the
    // connection is there.
    cache.external_known(settings.time_budget).await;
    cache.connected(CachingType::PreferExternal, limits::CONNECT_WAIT).await;
    greet(&gateway, &listener, admin_listener.as_ref())?;
    let drain = Drain::default();
    let admin = serve_admin(admin_listener, gateway.clone(), drain.clone());
    let serve = server::serve(listener, gateway.clone(), drain.clone(), Limits::new(&settings));
    tokio::pin!(admin);
    tokio::select! {
        () = serve => {}
        () = signals.until_the_end(|| reload(&gateway, &pool, &again)) => {}
        () = &mut admin => {}
    }
    tracing::info!("stopping: what is under way is answered");
    // Health is told while it lasts.
    let finished = tokio::select! {
        finished = drain.finish(settings.shutdown_max) => finished,
        () = admin => false,
    };
    if !finished {
        tracing::warn!(
            open = drain.open(),
            "connections were still busy after shutdown-seconds-max and are cut"
        );
    }
    finish_stores(&gateway, &cache, settings.time_budget).await;
    Ok(())
}

/// Waits for the stores that no request waited for.
async fn finish_stores(gateway: &Gateway, cache: &Cache, time_budget: Duration) {
    tracing::info!("waiting for stores that are under way");
    // Responses first: each is one of the stores that the cache waits for.
    let responses = gateway.engine().responses().flush(time_budget).await;
    if !(cache.flush().await && responses) {
        tracing::warn!("stores were still under way after time-budget-ms and are given up");
    }
}

/// The caches of these settings, not connected yet.
pub(crate) fn cache_builder(settings: &Settings) -> CacheBuilder {
    let mut builder =
        Cache::builder(&settings.region).service(settings.service.as_str()).time_budget(settings.time_budget);
    // As the gateways do whose policies these are: no request waits for a store.
    builder = builder.failover(settings.failover).store_mode(StoreMode::Background);
    builder = builder.value_bytes_max(settings.value_bytes_max);
    if let Some(internal) = &settings.internal {
        builder = builder.internal(internal.reveal()).watch_external(settings.watch_external);
    }
    if let Some(file) = &settings.external_file {
        builder = builder.external_file(file);
    }
    for (region, string) in &settings.external {
        builder = builder.external(region.as_str(), string.reveal());
    }
    if let Some(file) = &settings.external_ca {
        builder = builder.root_certificates_file(file);
    }
    builder
}

fn responses(cache: &Cache, settings: &Settings) -> Responses {
    let builder = Responses::builder(cache.clone())
        .debug_headers(settings.trace)
        .head(settings.answer_head)
        .conditional(settings.answer_conditions)
        .stale_if_error(settings.stale_max)
        .honour_client(settings.honour_client)
        .purge_seen_within(settings.purge_seen)
        .body_bytes_max(settings.value_bytes_max);
    let limit = OriginLimit {
        parallel: settings.origin_parallel,
        wait: settings.origin_wait,
        when_full: WhenFull::Refuse,
    };
    if limit.parallel == 0 { builder.build() } else { builder.origin_limit(limit).build() }
}

/// Errors, then warnings, a line each.
pub(crate) fn told(problems: &Problems) -> String {
    let warnings = problems.warnings.iter();
    problems.errors.iter().chain(warnings).cloned().collect::<Vec<_>>().join("\n")
}

struct Signals {
    hangup: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        let (hangup, terminate) = (signal(SignalKind::hangup())?, signal(SignalKind::terminate())?);
        Ok(Self { hangup, terminate, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn until_the_end(&mut self, reload: impl Fn()) {
        loop {
            tokio::select! {
                _ = self.hangup.recv() => reload(),
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
            }
        }
    }
}

/// Reads everything again; what is wrong is said, and the old plan stays.
fn reload(gateway: &Gateway, pool: &Pool, again: &impl Fn() -> Result<Settings, String>) {
    let plan = again().and_then(|settings| Plan::build(&settings, pool).map_err(|problems| told(&problems)));
    match plan {
        Ok(plan) => {
            warn(&plan);
            tracing::info!(routes = plan.routes.len(), "policies and routes were read again");
            gateway.replace_plan(plan);
        }
        Err(error) => {
            error.lines().for_each(|line| tracing::error!("{line}"));
            tracing::error!("policies and routes stay as they were");
        }
    }
}

fn warn(plan: &Plan) {
    plan.warnings.iter().flat_map(|warning| warning.lines()).for_each(|line| tracing::warn!("{line}"));
}

/// What is served where, and why: the caches and their entries, each route, and a line to try.
fn greet(gateway: &Gateway, listener: &TcpListener, admin: Option<&TcpListener>) -> Result<(), String> {
    let address = |listener: &TcpListener| listener.local_addr().map_err(|error| error.to_string());
    let (plan, clients) = (gateway.plan(), address(listener)?);
    warn(&plan);
    let mut text = gateway.engine().cache().report().to_string();
    for route in &plan.routes {
        let _ = writeln!(text, "route {route}");
    }
    if let Some(admin) = admin {
        let _ = writeln!(text, "health and metrics: http://{}", address(admin)?);
    }
    let _ = writeln!(
        text,
        "larder-gateway {} serves clients on http://{clients}; try: curl -i http://{clients}/",
        env!("CARGO_PKG_VERSION")
    );
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(|error| error.to_string())
}

async fn bind(setting: &str, address: &str) -> Result<TcpListener, String> {
    TcpListener::bind(address).await.map_err(|error| format!("{setting} {address}: {error}"))
}

async fn admin_listener(settings: &Settings) -> Result<Option<TcpListener>, String> {
    match settings.admin.as_str() {
        "" => Ok(None),
        address => Ok(Some(bind("admin", address).await?)),
    }
}

async fn serve_admin(listener: Option<TcpListener>, gateway: Arc<Gateway>, drain: Drain) {
    match listener {
        Some(listener) => admin::serve(listener, gateway, drain).await,
        None => std::future::pending().await,
    }
}

/// Each connection takes a file, and so does each request to a backend.
fn raise_open_files(settings: &Settings) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let idle = limits::BACKEND_IDLE_MAX;
    let needed = (settings.connections_max + settings.backend_requests_max + idle) as u64
        + limits::OPEN_FILES_RESERVED;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= needed) {
        return;
    }
    let reachable = maximum.map_or(needed, |maximum| needed.min(maximum));
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(reachable), maximum });
    if raised.is_err() || reachable < needed {
        tracing::warn!(
            needed,
            reachable,
            "the limit of open files allows fewer connections: raise it (ulimit -n)"
        );
    }
}
