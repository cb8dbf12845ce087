//! What a policy costs: the processor time of a `cache-lookup-value` through the engine, beside that of
//! the bare call of the client, against a cache that holds the key.
//!
//! ```text
//! redis-server --port 6399 & cargo run --release -p larder-client --example policy_cost -- 127.0.0.1:6399
//! ```

use std::error::Error;
use std::io::Write;

use larder_client::context::Datum;
use larder_client::context::{Context, Request, Response, Url};
use larder_client::engine::{Engine, Forward, ForwardError, ForwardOptions, Policies};
use larder_client::policy::{Fragments, NamedValues};
use larder_client::{Cache, CachingType, Value};

struct Nothing;

impl Forward for Nothing {
    async fn forward(&self, _: &mut Context, _: &ForwardOptions) -> Result<Response, ForwardError> {
        Ok(Response::new(http::StatusCode::OK))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:6379".to_owned());
    let cache = Cache::builder("local").internal(address).build()?;
    cache.connected(CachingType::Internal, std::time::Duration::from_secs(5)).await;
    cache.store_value("userprofile-42", &Value::from("Ada"), 3600, CachingType::Internal).await;
    let engine = Engine::builder(cache.clone()).build();
    let read = |inbound: &str| {
        let text = format!("<policies><inbound>{inbound}</inbound><backend /></policies>");
        engine.read(&text, &NamedValues::new(), &Fragments::new()).map(|policy| Policies::of(&policy))
    };
    let nothing = read("")?;
    let one = read(LOOKUP)?;
    let ten = read(&LOOKUP.repeat(10))?;
    for round in 0..3 {
        let bare = cost(async || {
            cache.lookup_value("userprofile-42", CachingType::Internal, None).await;
        })
        .await?;
        let empty = cost(async || run(&engine, &nothing).await).await?;
        let one = cost(async || run(&engine, &one).await).await?;
        let ten = cost(async || run(&engine, &ten).await).await?;
        writeln!(
            std::io::stdout(),
            "{round}: bare call {bare:.2} us; request without statements {empty:.2} us, with one lookup {one:.2} us, \
             with ten {ten:.2} us; a lookup over the bare call {:.2} us",
            (ten - one) / 9.0 - bare
        )?;
    }
    Ok(())
}

async fn run(engine: &Engine, policies: &Policies) {
    let url = Url { scheme: "http".into(), host: "h".into(), port: 80, path: "/42".into(), query: "".into() };
    let mut context = Context::new(Request::new(http::Method::GET, url));
    context.variables.set("enduserid", Datum::text("42"));
    engine.run(policies, &mut context, &Nothing).await;
}

/// The processor time of one call in microseconds.
async fn cost(mut call: impl AsyncFnMut()) -> Result<f64, Box<dyn Error>> {
    for _ in 0..CALLS / 10 {
        call().await;
    }
    let before = processor_time()?;
    for _ in 0..CALLS {
        call().await;
    }
    Ok((processor_time()? - before) as f64 / f64::from(CALLS) / 1000.0)
}

/// Of this thread, in nanoseconds.
fn processor_time() -> Result<u64, Box<dyn Error>> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split(' ').next().unwrap_or_default().parse()?)
}

const CALLS: u32 = 20_000;
const LOOKUP: &str = "<cache-lookup-value key=\"@(\"userprofile-\" + context.Variables[\"enduserid\"])\" \
                      variable-name=\"userprofile\" caching-type=\"internal\" />";
