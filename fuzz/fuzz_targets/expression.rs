//! Expressions from text to value, under any text and small limits: both ends are reached, whatever it says, and soon.

#![no_main]

use std::time::Duration;

use larder_client::context::{Content, Context, Request, Response, Url};
use larder_client::dotnet::Datum;
use larder_client::dotnet::text::Formattable;
use larder_client::expression::{EvaluationLimits, Position, Surroundings, Wanted, compile};
use larder_client::{Clock, Random, WallClock};
use libfuzzer_sys::fuzz_target;

/// Always the same time and the same number, so that a finding stays one.
#[derive(Debug)]
struct Still;

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

fuzz_target!(|text: &str| {
    let compiled = match compile(text, Position::START, Wanted::Any) {
        Ok(compiled) => compiled,
        Err(errors) => return assert!(!errors.is_empty(), "refused without a word"),
    };
    let Some(url) = Url::parse("https://api.example/orders/7?page=2&tag=a&tag=b") else { return };
    let mut context = Context::new(Request::new(http::Method::GET, url));
    context.request.body = Content::Bytes(b"{\"a\":[1,2]}".as_slice().into());
    context.response = Some(Response::new(http::StatusCode::OK));
    context.variables.set("x", Datum::text("text"));
    context.variables.set("n", Datum::Int(7));
    let limits =
        EvaluationLimits { steps: 20_000, depth: 200, bytes: 1 << 18, time: Duration::from_secs(1) };
    let surroundings = Surroundings { clock: &Still, wall_clock: &Still, random: &Still, limits };
    match compiled.evaluate(&mut context, &surroundings) {
        // Both are printed: a text may fail, it may not panic.
        Ok(value) => drop((value.to_text(""), value.to_value())),
        Err(failure) => assert!(!failure.to_string().is_empty(), "failed without a word"),
    }
});
