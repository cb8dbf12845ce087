//! `larder-gateway` as a process, with one of two policies. What it should answer is left to the tests.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::http::{Answer, Client};
use crate::process::{Process, built, new_directory};

/// A GET is answered from `userprofile-PATH`, or by the backend, whose 200 is stored there as a text.
pub const VALUES: &str = r#"<policies>
    <inbound>
        <base />
        <choose>
            <when condition="@(context.Request.Method == "GET")">
                <set-variable name="enduserid" value="@(context.Request.OriginalUrl.Path.Substring(1))" />
                <cache-lookup-value key="@("userprofile-" + context.Variables["enduserid"])"
                    variable-name="userprofile" caching-type="{{caching-type}}" />
            </when>
        </choose>
        <choose>
            <when condition="@(context.Variables.ContainsKey("userprofile"))">
                <return-response>
                    <set-body>@((string)context.Variables["userprofile"])</set-body>
                </return-response>
            </when>
        </choose>
    </inbound>
    <outbound>
        <base />
        <choose>
            <when condition="@(context.Variables.ContainsKey("enduserid") && context.Response.StatusCode == 200)">
                <cache-store-value key="@("userprofile-" + context.Variables["enduserid"])"
                    value="@(context.Response.Body.As<string>(preserveContent: true))"
                    duration="{{duration}}" caching-type="{{caching-type}}" />
            </when>
        </choose>
    </outbound>
</policies>"#;

/// Whole answers are kept.
pub const RESPONSES: &str = r#"<policies>
    <inbound>
        <base />
        <cache-lookup vary-by-developer="false" vary-by-developer-groups="false" caching-type="{{caching-type}}" />
    </inbound>
    <outbound>
        <base />
        <cache-store duration="{{duration}}" />
    </outbound>
</policies>"#;

/// A running gateway; dropping it kills the process.
#[derive(Debug)]
pub struct Gateway {
    process: Process,
    port: u16,
    /// With its policy.
    directory: PathBuf,
}

impl Gateway {
    /// Starts a gateway that runs [`VALUES`] in front of the backend on this port, and waits until it listens. The named
    /// values `caching-type` (`prefer-external`) and `duration` (3600) may be given in the flags; answers are traced.
    ///
    /// # Errors
    /// A sentence that says what is missing or what the process printed.
    pub fn start(backend_port: u16, flags: &[&str]) -> Result<Self, String> {
        Self::start_with(VALUES, backend_port, flags)
    }

    /// The same with another policy.
    ///
    /// # Errors
    /// As [`Gateway::start`].
    pub fn start_with(policy: &str, backend_port: u16, flags: &[&str]) -> Result<Self, String> {
        let told = |error: std::io::Error| format!("no policy file: {error}");
        let directory = new_directory().map_err(told)?;
        let file = directory.join("policy.xml");
        fs::write(&file, policy).map_err(told)?;
        let mut command = Command::new(built("larder-gateway"));
        command
            .args([
                "--listen",
                "127.0.0.1:0",
                "--backend",
                &format!("http://127.0.0.1:{backend_port}"),
                "--policy",
            ])
            .arg(&file)
            .args(["--trace", "--named", "caching-type=prefer-external", "--named", "duration=3600"])
            .args(flags);
        let mut process = Process::start(command, "cargo build -p larder-client --features gateway")?;
        match process.wait_until(START_TIME_MAX, |process| port(&process.output())) {
            Some(port) => Ok(Self { process, port, directory }),
            None => {
                Err(format!("the gateway did not say where it listens; it printed:\n{}", process.output()))
            }
        }
    }

    /// The port for HTTP.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What the process printed so far.
    pub fn output(&self) -> String {
        self.process.output()
    }

    /// `GET path` on a connection of its own.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub fn get(&self, path: &str) -> Result<Answer, String> {
        Client::connect(self.port)?.get(path)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // What is left lies in the system's directory for such files.
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// What the gateway's lookup came to, by the trace of an answer, and of which kind of store: `hit`, `miss` or
/// `unavailable`, and `internal` or `external`; empty without a lookup or a store.
pub fn lookup<'a>(trace: impl IntoIterator<Item = &'a str>) -> (&'static str, &'static str) {
    let outcome = trace.into_iter().find_map(|line| {
        let (_, rest) = line.split_once(", cache-lookup")?;
        rest.strip_prefix("-value").unwrap_or(rest).strip_prefix(": ")
    });
    let Some(outcome) = outcome else { return ("", "") };
    let word = match outcome {
        _ if outcome.starts_with("not cached") => return ("", ""),
        _ if outcome.starts_with("hit") => "hit",
        _ if outcome.starts_with("the cache could not be asked") => "unavailable",
        _ => "miss",
    };
    let store =
        ["internal", "external"].into_iter().find(|store| outcome.contains(&format!(", store {store}")));
    (word, store.unwrap_or_default())
}

/// The same of an answer.
pub fn looked_up(answer: &Answer) -> (&'static str, &'static str) {
    lookup(answer.headers.get_all("x-larder-trace").iter().filter_map(|line| line.to_str().ok()))
}

/// The port that the last line of the report tells, once all of it is there.
fn port(output: &str) -> Option<u16> {
    let line = output.split_inclusive('\n').find(|line| line.contains(SERVES))?;
    let address = line.strip_suffix('\n')?.split_once(SERVES)?.1.split(';').next()?;
    address.rsplit(':').next()?.parse().ok()
}

const SERVES: &str = "serves clients on http://";
const START_TIME_MAX: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_told_by_a_whole_line() {
        let line = "region local\nlarder-gateway 0.1.0 serves clients on http://127.0.0.1:8080; try: curl\n";
        assert_eq!(port(line), Some(8080));
        assert_eq!(port(&line[..line.len() - 1]), None);
        assert_eq!(port("larder-gateway: listen 127.0.0.1:1: refused\n"), None);
    }

    #[test]
    fn the_trace_tells_the_lookup() {
        let lines = [
            "inbound, line 1, column 2, set-variable: ran",
            "inbound, line 5, column 1, cache-lookup-value: hit, store external:Default, 80 us, key \"x\"",
        ];
        assert_eq!(lookup(lines), ("hit", "external"));
        assert_eq!(lookup(["inbound, cache-lookup-value: no store is configured, store none"]), ("miss", ""));
        assert_eq!(
            lookup(["inbound, cache-lookup: the cache could not be asked, store internal"]),
            ("unavailable", "internal")
        );
        assert_eq!(lookup(["inbound, line 4, column 9, cache-lookup: not cached: method"]), ("", ""));
        assert_eq!(lookup(["backend, forward-request: the backend answered 200"]), ("", ""));
    }
}
