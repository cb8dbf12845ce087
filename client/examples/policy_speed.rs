//! How fast policies are loaded: a document of about 1 MiB, in the shapes that are published. First its XML and
//! syntax alone, then to be run: every expression in it compiled.
//! `cargo run --release -p larder-client --example policy_speed`

use std::io::Write;
use std::time::Duration;

use larder_client::engine::Policy;
use larder_client::policy::{Document, Fragments, NamedValues, Problems};
use larder_client::{Clock, SystemClock};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let text = format!("<policies><inbound>{}</inbound></policies>", STATEMENTS.repeat(REPEATS));
    let values = NamedValues::new().with("host", "example.net").with("ttl", "3600");
    let none = Fragments::new();
    let reader = best(|| Document::read(&text, &values, &none))?;
    let whole = best(|| Policy::read(&text, &values, &none, |_| true))?;
    let expressions = STATEMENTS.matches("@(").count() * REPEATS;
    let speed = |took: Duration| text.len() as f64 / 1e6 / took.as_secs_f64();
    let each = whole.saturating_sub(reader).as_secs_f64() * 1e6 / expressions as f64;
    let out = &mut std::io::stdout();
    writeln!(out, "{} bytes, {expressions} expressions, the best of {ROUNDS}", text.len())?;
    writeln!(out, "reader alone:          {:.1} MB/s", speed(reader))?;
    writeln!(out, "expressions compiled:  {:.1} MB/s, {each:.2} us for an expression", speed(whole))?;
    Ok(())
}

/// The shortest of several rounds, after one that builds the tables. What is loaded is freed outside of it.
fn best<T>(load: impl Fn() -> Result<T, Problems>) -> Result<Duration, Problems> {
    let clock = SystemClock::new();
    load()?;
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let start = clock.now();
        let loaded = load()?;
        best = best.min(clock.now().saturating_sub(start));
        drop(loaded);
    }
    Ok(best)
}

const REPEATS: usize = 1100;

const ROUNDS: u32 = 20;

const STATEMENTS: &str = r#"
        <!-- a token, kept for a while -->
        <cache-lookup-value key="@("tok-" + (string)context.Variables["acct"])" variable-name="tok" default-value="NONE" />
        <choose>
            <when condition="@((string)context.Variables["tok"] == "NONE" && context.Request.Method != "GET")">
                <send-request mode="new" response-variable-name="answer" timeout="10" ignore-error="false">
                    <set-url>https://{{host}}/oauth2/token</set-url>
                    <set-body>@("grant_type=client_credentials&scope=a b")</set-body>
                </send-request>
                <cache-store-value key="tok" value="@($"{context.Variables["tok"]}")" duration="{{ttl}}" />
            </when>
        </choose>
"#;
