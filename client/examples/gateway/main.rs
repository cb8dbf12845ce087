//! A gateway that caches values: an HTTP reverse proxy that does for each GET what the reference
//! example of `cache-lookup-value` does. `GET /42` looks up `userprofile-42`; on a miss it asks the
//! backend for `/42`, stores the body of a 200, and answers.
//!
//! ```text
//! cargo run -p larder-client --example gateway -- --backend http://127.0.0.1:9000
//! curl -i http://127.0.0.1:8080/42
//! ```
//!
//! Answers to GET carry `X-Cache: hit|miss|unavailable` and, if a cache is configured,
//! `X-Cache-Store: internal|external`. A value that makes no HTTP answer, as a date, is a `miss`, and
//! the backend's answer takes its place. Every other method is passed on as it is, except CONNECT and
//! TRACE, which are refused with 405; so is a path with dot segments, with 400.
//!
//! As in the reference example, the path (with its query) alone decides: what it answers is the same
//! for everybody, whatever `Authorization`, `Cache-Control` and `Vary` say. A body of more than 2 MiB,
//! or one that the backend has encoded, is passed on and not stored.

mod args;
mod backend;
mod body;
mod headers;
mod proxy;
mod server;
mod stored;

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use larder_client::Cache;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

use args::Args;
use proxy::Gateway;

fn main() -> ExitCode {
    let args = Args::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "gateway: {error}");
            ExitCode::from(2)
        }
    }
}

#[tokio::main]
async fn run(args: Args) -> Result<(), Box<dyn Error>> {
    let backend = args.backend_url()?;
    let cache = build_cache(&args)?;
    let listener =
        TcpListener::bind(&args.listen).await.map_err(|e| format!("--listen {}: {e}", args.listen))?;
    let address = listener.local_addr()?;
    // A request that comes before the connection is there would miss.
    let connected = cache.connected(args.caching_type, CONNECT_WAIT).await;
    let state = if connected { "" } else { " (not reached yet)" };
    let store = cache.report().store_for(args.caching_type);
    writeln!(
        std::io::stdout(),
        "gateway: http://{address} -> {}, region {}, {} cache: {store}{state}; try: curl -i http://{address}/42",
        backend,
        cache.report().region(),
        args.caching_type,
    )?;
    let gateway = Gateway {
        cache,
        backend: backend::Backend::new(backend, Duration::from_secs(args.backend_timeout.into())),
        caching_type: args.caching_type,
        duration_seconds: args.duration,
    };
    server::serve(listener, Arc::new(gateway)).await?;
    Ok(())
}

fn build_cache(args: &Args) -> Result<Cache, Box<dyn Error>> {
    let mut builder = Cache::builder(&args.region).internal(&args.internal);
    for (use_from, connection_string) in args.externals()? {
        builder = builder.external(&use_from, &connection_string);
    }
    if let Some(path) = &args.external_ca {
        builder = builder.root_certificates_file(path);
    }
    Ok(builder.build()?)
}

/// How long the start waits for the caches.
const CONNECT_WAIT: Duration = Duration::from_millis(500);
