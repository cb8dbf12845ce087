//! How fast policies are read: a document of about 1 MiB, in the shapes that are published.
//! `cargo run --release -p larder-client --example policy_speed`

use std::io::Write;

use larder_client::policy::{Document, Fragments, NamedValues};
use larder_client::{Clock, SystemClock};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let text = format!("<policies><inbound>{}</inbound></policies>", STATEMENTS.repeat(1100));
    let values = NamedValues::new().with("host", "example.net").with("ttl", "3600");
    let clock = SystemClock::new();
    let start = clock.now();
    for _ in 0..ROUNDS {
        Document::read(&text, &values, &Fragments::new())?;
    }
    let seconds = (clock.now() - start).as_secs_f64();
    let speed = text.len() as f64 * f64::from(ROUNDS) / 1e6 / seconds;
    writeln!(std::io::stdout(), "{} bytes, {ROUNDS} times: {speed:.0} MB/s", text.len())?;
    Ok(())
}

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
