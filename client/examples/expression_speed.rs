//! What expressions of the usual shapes cost: `cargo run --release -p larder-client --example expression_speed`.

use std::sync::Arc;
use std::time::Duration;

use larder_client::context::{Context, Datum, Request, Subscription, Url};
use larder_client::expression::{EvaluationLimits, Position, Surroundings, Wanted, compile, parse};
use larder_client::{Clock, SystemClock, SystemRandom, SystemWallClock};

const ROUNDS: u32 = 1_000_000;
const COMPILATIONS: u32 = 20_000;

const SHAPES: &[&str] = &[
    r#"@("tok:" + context.Subscription?.Id)"#,
    r#"@((string)context.Variables["org"] + "-" + (string)context.Variables["acct"])"#,
    r#"@($"{(string)context.Variables["org"]}-{context.Variables["kind"]}")"#,
    r#"@((string)context.Variables["acct"])"#,
    r#"@(context.Variables.ContainsKey("org"))"#,
    r#"@(context.Request.Headers.GetValueOrDefault("X-Key", ""))"#,
    r#"@((int)context.Variables["ttl"] - 60)"#,
    r#"@{ var t = (int)context.Variables["ttl"]; if (t > 3600) { return t / 2; } return t; }"#,
    r#"@(Convert.ToInt32(((JObject)context.Variables["t"])["expires_in"]) - 60)"#,
];

#[expect(clippy::print_stdout, reason = "this is what it is for")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = Url::parse("https://api.example/orders/7?page=2").ok_or("no URL")?;
    let mut context = Context::new(Request::new(http::Method::GET, url));
    context.request.headers.insert("x-key", "user-4711".parse()?);
    context.subscription = Some(Arc::new(Subscription { id: "sub-1".into(), ..Subscription::default() }));
    for (name, value) in [
        ("org", Datum::text("acme")),
        ("acct", Datum::text("a-4711")),
        ("kind", Datum::text("user")),
        ("ttl", Datum::Int(3600)),
        ("t", Datum::Json(larder_client::dotnet::json::parse(r#"{"expires_in":3600}"#)?)),
    ] {
        context.variables.set(name, value);
    }
    let clock = SystemClock::new();
    let (limits, random) = (EvaluationLimits::default(), SystemRandom::new());
    let surroundings = Surroundings { clock: &clock, wall_clock: &SystemWallClock, random: &random, limits };
    let begun = clock.now();
    compile("@(context.Request)", Position::START, Wanted::Any).map_err(|errors| format!("{errors:?}"))?;
    println!("the table of members and one expression: {:.1?}", clock.now().saturating_sub(begun));
    println!("   value     compile   parse alone");
    for shape in SHAPES {
        let (compiling, parsing) = (compile_time(&clock, shape)?, parse_time(&clock, shape));
        let compiled =
            compile(shape, Position::START, Wanted::Any).map_err(|errors| format!("{errors:?}"))?;
        let begun = clock.now();
        for _ in 0..ROUNDS {
            std::hint::black_box(compiled.evaluate(&mut context, &surroundings)?);
        }
        let each = clock.now().saturating_sub(begun) / ROUNDS;
        println!("{each:>8.0?}  {compiling:>8.1?}  {parsing:>8.1?}  {shape}");
    }
    Ok(())
}

/// From the text to what runs.
fn compile_time(clock: &SystemClock, shape: &str) -> Result<Duration, String> {
    let begun = clock.now();
    for _ in 0..COMPILATIONS {
        let compiled =
            compile(shape, Position::START, Wanted::Any).map_err(|errors| format!("{errors:?}"))?;
        std::hint::black_box(compiled);
    }
    Ok(clock.now().saturating_sub(begun) / COMPILATIONS)
}

/// From the text to its syntax.
fn parse_time(clock: &SystemClock, shape: &str) -> Duration {
    let begun = clock.now();
    for _ in 0..COMPILATIONS {
        std::hint::black_box(parse(shape, Position::START).is_ok());
    }
    clock.now().saturating_sub(begun) / COMPILATIONS
}
