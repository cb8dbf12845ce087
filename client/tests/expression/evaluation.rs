//! Compiles and evaluates for the tests.

use std::time::Duration;

use larder_client::context::{Context, Request, Url};
use larder_client::dotnet::Datum;
use larder_client::dotnet::text::Formattable;
use larder_client::expression::{EvaluationLimits, Position, Surroundings, Wanted, compile};
use larder_client::{Clock, Random, WallClock};

/// A clock that stands still: 2024-01-02 03:04:05 UTC.
#[derive(Debug)]
pub(crate) struct Still;

impl Clock for Still {
    fn now(&self) -> Duration {
        Duration::from_secs(100)
    }
}

impl WallClock for Still {
    fn since_epoch(&self) -> Duration {
        Duration::from_secs(1_704_164_645)
    }
}

impl Random for Still {
    fn next(&self) -> u64 {
        4
    }
}

/// What tests hand in.
pub(crate) const SURROUNDINGS: Surroundings<'static> = Surroundings {
    clock: &Still,
    wall_clock: &Still,
    random: &Still,
    limits: EvaluationLimits { steps: 100_000, depth: 500, bytes: 1 << 20, time: Duration::from_secs(1) },
};

/// A request with two variables.
pub(crate) fn given() -> Context {
    let url = Url::parse("https://api.example/orders/7?page=2&tag=a&tag=b").expect("a URL");
    let mut context = Context::new(Request::new(http::Method::GET, url));
    context.variables.set("org", Datum::text("acme"));
    context.variables.set("count", Datum::Int(7));
    context
}

/// The value, or the errors, or the failure, as texts.
pub(crate) fn value_of(expression: &str, context: &mut Context) -> Result<Datum, String> {
    let compiled = compile(expression, Position::START, Wanted::Any)
        .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
    compiled.evaluate(context, &SURROUNDINGS).map_err(|failure| failure.to_string())
}

/// The value as `ToString()` gives it.
pub(crate) fn text_of(expression: &str, context: &mut Context) -> Result<String, String> {
    value_of(expression, context).map(|value| value.to_text("").expect("a text"))
}
