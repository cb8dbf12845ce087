//! The two stores behind all cases: what is put into them, made older, listed. A case has a service of its own, so
//! that it sees nothing of the others.

use std::time::Duration;

use larder_client::Value;
use larder_client::dotnet::{date, decimal, guid};
use larder_tests::clock::Deadline;
use larder_tests::text;
use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;

use crate::case::{Given, Holds};
use crate::compare::Failure;
use crate::pattern::Names;

/// One server, seen by one case.
#[derive(Clone)]
pub(crate) struct Store {
    pub(crate) connection: MultiplexedConnection,
    pub(crate) address: String,
    pub(crate) service: String,
}

/// An entry as it was found.
struct Found {
    text: String,
    millis_left: i64,
}

impl Store {
    /// Waits until a client of this name is there: before that, its calls miss.
    pub(crate) async fn wait_for_client(&mut self, name: &str) {
        let (wanted, deadline) = (format!(" name={name} "), Deadline::after(CLIENT_TIME_MAX));
        loop {
            let clients: redis::RedisResult<String> =
                redis::cmd("CLIENT").arg("LIST").query_async(&mut self.connection).await;
            if clients.expect("the store answers").contains(&wanted) {
                return;
            }
            assert!(deadline.left().is_some(), "{name} does not reach its store");
            tokio::time::sleep(POLL_PAUSE).await;
        }
    }

    /// Puts entries in as another program would.
    pub(crate) async fn give(&mut self, given: &Given) -> redis::RedisResult<()> {
        for (key, bytes, seconds) in &given.entries {
            let key = format!("@{}/{key}", self.service);
            self.connection.set_ex::<_, _, ()>(key, bytes.as_slice(), *seconds).await?;
        }
        Ok(())
    }

    /// Makes all entries older; those that have come to their end go.
    pub(crate) async fn pass(&mut self, span: Duration) -> redis::RedisResult<()> {
        let span = i64::try_from(span.as_millis()).expect("cases do not last that long");
        for key in self.keys().await? {
            let left: i64 = self.connection.pttl(&key).await?;
            match left - span {
                left if left > 0 => self.connection.pexpire::<_, ()>(&key, left).await?,
                _ => self.connection.del::<_, ()>(&key).await?,
            }
        }
        Ok(())
    }

    /// Compares what the service holds with what the case says; nothing said is nothing held.
    pub(crate) async fn compare(
        &mut self,
        holds: Option<&Holds>,
        line: usize,
        elapsed: Duration,
        names: &mut Names,
    ) -> redis::RedisResult<Vec<Failure>> {
        let mut left = self.found().await?;
        let mut failures = Vec::new();
        for entry in holds.iter().flat_map(|holds| &holds.entries) {
            let place = left.iter().position(|found| entry.text.matches(&found.text, names));
            let Some(found) = place.map(|place| left.swap_remove(place)) else {
                failures.push(Failure::new(entry.line, entry.text.to_string(), "no such entry"));
                continue;
            };
            let (least, most) = entry.seconds;
            let seconds = found.millis_left as f64 / 1000.0;
            if seconds > most as f64 || seconds + elapsed.as_secs_f64() + SLACK_SECONDS < least as f64 {
                let expected = format!("{}, {least}..{most} s", entry.text);
                failures.push(Failure::new(entry.line, expected, format!("{}, {seconds} s", found.text)));
            }
        }
        let line = holds.map_or(line, |holds| holds.line);
        let more = left.iter().map(|found| Failure::new(line, "no other entry", &found.text));
        failures.extend(more);
        Ok(failures)
    }

    async fn found(&mut self) -> redis::RedisResult<Vec<Found>> {
        let mut all = Vec::new();
        for key in self.keys().await? {
            let bytes: Option<Vec<u8>> = self.connection.get(&key).await?;
            let millis_left: i64 = self.connection.pttl(&key).await?;
            // It may have come to its end just now.
            if let Some(bytes) = bytes {
                all.push(Found { text: self.shown(&key, bytes), millis_left });
            }
        }
        all.sort_by(|left, right| left.text.cmp(&right.text));
        Ok(all)
    }

    async fn keys(&mut self) -> redis::RedisResult<Vec<String>> {
        let pattern = format!("@*{}/*", self.service);
        let mut keys = Vec::new();
        let mut found = self.connection.scan_match::<_, String>(pattern).await?;
        while let Some(key) = found.next_item().await {
            keys.push(key?);
        }
        keys.sort();
        keys.dedup();
        Ok(keys)
    }

    /// `KEY = TYPE VALUE`, without what belongs to the service.
    fn shown(&self, key: &str, bytes: Vec<u8>) -> String {
        let service = &self.service;
        if let Some(key) = key.strip_prefix(&format!("@http:{service}/")) {
            return format!("+response/{key} = {}", value_text(bytes));
        }
        if let Some((limit, key)) =
            key.split_once(&format!("@{service}/")).filter(|(limit, _)| !limit.is_empty())
        {
            return format!("{}{key} = state", limit.trim_start_matches('@'));
        }
        let key = key.strip_prefix(&format!("@{service}/")).unwrap_or(key);
        format!("{key} = {}", value_text(bytes))
    }
}

/// A value as cases write it: its type, then what it is.
fn value_text(bytes: Vec<u8>) -> String {
    match Value::decode(&bytes.clone().into()) {
        Ok(value) => shown(&value),
        Err(_) => format!("unreadable {}", text::escape(&bytes)),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => format!("string {}", one_line(text)),
        Value::Bool(value) => format!("bool {value}"),
        Value::Int(value) => format!("int {value}"),
        Value::Long(value) => format!("long {value}"),
        Value::Double(value) => format!("double {value}"),
        Value::Decimal(value) => format!("decimal {}", decimal::text(*value)),
        Value::Date(value) => format!("date {}", date::format(*value, "o").unwrap_or_default()),
        Value::Guid(value) => format!("guid {}", guid::format(*value, "D").unwrap_or_default()),
        Value::Json(text) => format!("json {text}"),
        Value::Response(response) => {
            format!("response {} {}", response.status, one_line(&String::from_utf8_lossy(&response.body)))
        }
        Value::Bytes(bytes) => aged(bytes).unwrap_or_else(|| format!("bytes {}", escaped(bytes))),
        _ => "of another type".to_owned(),
    }
}

/// The stored form of `cache-value`: magic, when it was made, its two durations, the value.
fn aged(bytes: &[u8]) -> Option<String> {
    let rest = bytes.strip_prefix(b"LCV\x01")?;
    let number = |at: usize| Some(u32::from_le_bytes(rest.get(at..at + 4)?.try_into().ok()?));
    let (refresh, expires) = (number(8)?, number(12)?);
    Some(format!("aged {refresh}/{expires} {}", value_text(rest.get(16..)?.to_vec())))
}

/// Every byte that is no printable ASCII as `\xNN`: long runs stay as they are.
fn escaped(bytes: &[u8]) -> String {
    let shown = |byte: &u8| match byte {
        b' '..=b'~' => char::from(*byte).to_string(),
        byte => format!("\\x{byte:02x}"),
    };
    bytes.iter().map(shown).collect()
}

fn one_line(text: &str) -> String {
    text.replace('\n', "\\n").replace('\t', "\\t")
}

const CLIENT_TIME_MAX: Duration = Duration::from_secs(20);
const POLL_PAUSE: Duration = Duration::from_millis(5);
/// What the clocks of two programs may differ by, and a rounding.
const SLACK_SECONDS: f64 = 0.5;
