//! Runs a transcript against a server: sends, reads, compares, and records where it is asked to.

use std::collections::BTreeMap;
use std::time::Duration;

use super::diff::unified;
use super::script::{Answer, Exchange, Item, Replies, Script, Send, version};
use crate::clock::Deadline;
use crate::process::Peer;
use crate::reply::Node;
use crate::text;
use crate::wire::{Connection, ReadError};

/// A Redis version, major and minor.
pub type Version = (u32, u32);

/// What a run came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Exchanges whose replies were compared.
    pub asserted: usize,
    /// Exchanges of which only a complete reply was asked (`!any`).
    pub any: usize,
    /// Compared exchanges that are listed as different.
    pub differences: usize,
    /// Exchanges that this server is too old for.
    pub skipped: usize,
    /// One text for each exchange that went wrong.
    pub failures: Vec<String>,
}

impl Outcome {
    /// Adds what another script came to.
    pub fn add(&mut self, other: Self) {
        self.asserted += other.asserted;
        self.any += other.any;
        self.differences += other.differences;
        self.skipped += other.skipped;
        self.failures.extend(other.failures);
    }
}

/// Runs scripts against one server.
#[derive(Debug)]
pub struct Runner {
    peer: Peer,
    port: u16,
    /// Exchanges that need more than this are skipped; nothing is skipped without it.
    version: Option<Version>,
    record: bool,
    connections: BTreeMap<String, Connection>,
    current: String,
    /// What `!let` kept, by `{NAME}`.
    kept: BTreeMap<String, String>,
}

/// What came back.
struct Actual {
    replies: Vec<Node>,
    end: Option<ReadError>,
}

impl Runner {
    /// A runner for the server on this port; with `record`, it writes replies into the script instead of failing.
    pub fn new(peer: Peer, port: u16, record: bool) -> Self {
        let current = FIRST.to_owned();
        let mut runner = Self {
            peer,
            port,
            version: None,
            record,
            connections: BTreeMap::new(),
            current,
            kept: BTreeMap::new(),
        };
        if peer == Peer::Redis {
            runner.version = redis_version(port);
        }
        runner
    }

    /// Runs a whole script.
    pub fn run(&mut self, script: &mut Script) -> Outcome {
        let mut outcome = Outcome::default();
        let name = script.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.connections.clear();
        self.kept.clear();
        FIRST.clone_into(&mut self.current);
        for item in &mut script.items {
            let done = match item {
                Item::Text(_) => Ok(()),
                Item::Reset => self.reset(),
                Item::Protocol(version) => self.hello(*version),
                Item::Connection(name) => {
                    name.clone_into(&mut self.current);
                    Ok(())
                }
                Item::Close => {
                    self.close();
                    Ok(())
                }
                Item::Exchange(exchange) => self.exchange(exchange, &mut outcome).map_err(|text| {
                    format!("{}: {name}:{}\n{}\n{text}", self.peer, exchange.line, exchange.sent())
                }),
            };
            outcome.failures.extend(done.err());
        }
        outcome
            .failures
            .extend(self.farewell().map(|text| format!("{}: {name}: at the end\n{text}", self.peer)));
        outcome
    }

    /// Ends every connection; tells of replies that nobody asked for.
    fn farewell(&mut self) -> Option<String> {
        let stray = |(name, mut connection): (String, Connection)| {
            let sent = connection.send(&["QUIT"]).is_ok();
            let rest = read_until_close(&mut connection).lines();
            // Without a reply: the connection had CLIENT REPLY OFF.
            let fine = rest == ["+OK", "<closed>"] || rest == ["<closed>"] || !sent;
            (!fine).then(|| format!("connection {name}, after QUIT:\n{}", rest.join("\n")))
        };
        std::mem::take(&mut self.connections).into_iter().find_map(stray)
    }

    fn exchange(&mut self, exchange: &mut Exchange, outcome: &mut Outcome) -> Result<(), String> {
        if self.version.zip(exchange.since).is_some_and(|(version, needed)| version < needed) {
            outcome.skipped += 1;
            return Ok(());
        }
        match exchange.replies {
            Replies::Any => outcome.any += 1,
            Replies::Differ(_) => {
                outcome.differences += 1;
                outcome.asserted += 1;
            }
            Replies::Same(_) | Replies::Missing => outcome.asserted += 1,
        }
        for index in 0..exchange.times.unwrap_or(1) {
            self.once_or_until(exchange, index)?;
        }
        Ok(())
    }

    fn once_or_until(&mut self, exchange: &mut Exchange, index: u32) -> Result<(), String> {
        if exchange.until {
            let mut last = Ok(());
            let met = Deadline::after(UNTIL_TIME_MAX).poll(|| {
                last = self.attempt(exchange, index, false);
                last.is_ok().then_some(())
            });
            return met.map_or(last, Ok);
        }
        self.attempt(exchange, index, self.record)
    }

    fn attempt(&mut self, exchange: &mut Exchange, index: u32, record: bool) -> Result<(), String> {
        let actual = self.perform(exchange, index, record)?;
        if let (Some(name), Some(reply)) = (&exchange.keep, actual.replies.first()) {
            self.kept.insert(format!("{{{name}}}"), reply.text());
        }
        if matches!(exchange.replies, Replies::Any) {
            return actual.end.map_or(Ok(()), |error| Err(error.to_string()));
        }
        let answer = exchange.answer(self.peer);
        if answer.is_some_and(|answer| actual.agrees(answer, exchange)) {
            return Ok(());
        }
        // A difference is recorded from either server, anything else from Redis alone.
        let may_record = self.peer == Peer::Redis
            || exchange.since.is_some()
            || matches!(exchange.replies, Replies::Differ(_));
        let lines = actual.lines();
        if record && may_record && !matches!(actual.end, Some(ReadError::TimedOut | ReadError::Malformed(_)))
        {
            let borrowed: Vec<&str> = lines.iter().map(String::as_str).collect();
            exchange.record(self.peer, Answer::parse(&borrowed)?);
            return Ok(());
        }
        let expected = answer.map_or_else(|| vec!["(nothing is recorded)".to_owned()], |it| it.lines.clone());
        Err(unified(&expected, &lines))
    }

    /// Sends and reads as many replies as are expected.
    fn perform(&mut self, exchange: &Exchange, index: u32, record: bool) -> Result<Actual, String> {
        let answer = exchange.answer(self.peer).cloned();
        let kept = self.kept.clone();
        let connection = self.connection()?;
        let stray = connection.unread().to_vec();
        if !stray.is_empty() {
            self.close();
            return Err(format!("+ {} (came unasked before)", text::escape(&stray)));
        }
        let sent = match &exchange.send {
            Send::Nothing => Ok(()),
            Send::Raw(bytes) => connection.send_raw(bytes),
            Send::Words(line) => {
                let line = line.replace("{i}", &index.to_string());
                let words =
                    text::split(&kept.iter().fold(line, |line, (name, text)| line.replace(name, text)))?;
                connection.send(&words)
            }
        };
        if let (Err(error), false) = (sent, matches!(exchange.send, Send::Raw(_))) {
            // Refused raw bytes may meet a close while they are sent; what was answered is still to be read.
            self.close();
            return Err(format!("cannot be sent: {error}"));
        }
        let raw = matches!(exchange.send, Send::Raw(_));
        let actual = match answer {
            Some(answer) if !(record && raw) => read_answer(connection, &answer),
            None if !raw => read_count(connection, 1),
            _ => read_until_quiet(connection),
        };
        if actual.end.is_some() {
            self.close();
        }
        Ok(actual)
    }

    fn connection(&mut self) -> Result<&mut Connection, String> {
        if !self.connections.contains_key(&self.current) {
            let opened = Connection::open(self.port).map_err(|error| format!("cannot connect: {error}"))?;
            self.connections.insert(self.current.clone(), opened);
        }
        self.connections.get_mut(&self.current).ok_or_else(|| "no connection".to_owned())
    }

    fn close(&mut self) {
        self.connections.remove(&self.current);
    }

    fn reset(&mut self) -> Result<(), String> {
        self.connections.clear();
        FIRST.clone_into(&mut self.current);
        expect_no_error(self.connection()?, &["FLUSHALL"])
    }

    fn hello(&mut self, version: u8) -> Result<(), String> {
        expect_no_error(self.connection()?, &["HELLO", &version.to_string()])
    }
}

impl Actual {
    fn agrees(&self, answer: &Answer, exchange: &Exchange) -> bool {
        let end = answer.closed.then_some(ReadError::Closed);
        self.end == end
            && self.replies.len() == answer.replies.len()
            && answer
                .replies
                .iter()
                .zip(&self.replies)
                .all(|(wanted, got)| wanted.agrees(got, exchange.order))
    }

    fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.replies.iter().flat_map(Node::to_lines).collect();
        match &self.end {
            Some(ReadError::Closed) => lines.push("<closed>".to_owned()),
            Some(error) => lines.push(format!("({error})")),
            None if lines.is_empty() => lines.push("<none>".to_owned()),
            None => {}
        }
        lines
    }
}

fn read_answer(connection: &mut Connection, answer: &Answer) -> Actual {
    let mut actual = read_count(connection, answer.replies.len());
    if answer.closed && actual.end.is_none() {
        match connection.read(REPLY_TIME_MAX) {
            Ok(node) => actual.replies.push(node),
            Err(error) => actual.end = Some(error),
        }
    }
    actual
}

fn read_count(connection: &mut Connection, count: usize) -> Actual {
    let mut actual = Actual { replies: Vec::new(), end: None };
    for _ in 0..count {
        match connection.read(REPLY_TIME_MAX) {
            Ok(node) => actual.replies.push(node),
            Err(error) => {
                actual.end = Some(error);
                break;
            }
        }
    }
    actual
}

/// Only for recording: how many replies raw bytes have is not known before.
fn read_until_quiet(connection: &mut Connection) -> Actual {
    let mut actual = read_until(connection, QUIET_TIME);
    actual.end = actual.end.filter(|end| *end != ReadError::TimedOut);
    actual
}

fn read_until_close(connection: &mut Connection) -> Actual {
    read_until(connection, REPLY_TIME_MAX)
}

fn read_until(connection: &mut Connection, time: Duration) -> Actual {
    let mut replies = Vec::new();
    loop {
        match connection.read(time) {
            Ok(node) => replies.push(node),
            Err(error) => return Actual { replies, end: Some(error) },
        }
    }
}

fn expect_no_error(connection: &mut Connection, words: &[&str]) -> Result<(), String> {
    let reply = connection.call(words).map_err(|error| format!("{}: {error}", words.join(" ")))?;
    match reply {
        Node::Line(b'-', text) => Err(format!("{}: {}", words.join(" "), text::escape(&text))),
        _ => Ok(()),
    }
}

/// Nothing if it does not tell, as with a password.
fn redis_version(port: u16) -> Option<Version> {
    let info = Connection::open(port).ok()?.call(&["INFO", "server"]).ok()?.text();
    info.lines().find_map(|line| version(line.strip_prefix("redis_version:")?))
}

const FIRST: &str = "a";
const REPLY_TIME_MAX: Duration = Duration::from_secs(3);
const UNTIL_TIME_MAX: Duration = Duration::from_secs(10);
const QUIET_TIME: Duration = Duration::from_millis(300);

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{Ipv4Addr, TcpListener};
    use std::path::Path;

    /// A server that answers PING, INFO and QUIT, for one connection after the other.
    fn ponging() -> u16 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                std::thread::spawn(move || {
                    let mut chunk = [0; 1024];
                    while let Ok(count @ 1..) = stream.read(&mut chunk) {
                        let text = String::from_utf8_lossy(&chunk[..count]).into_owned();
                        let asked = text.matches("PING").count() + text.matches("INFO").count();
                        stream.write_all("+PONG\r\n".repeat(asked).as_bytes()).unwrap();
                        if text.contains("QUIT") {
                            return stream.write_all(b"+OK\r\n").unwrap();
                        }
                    }
                });
            }
        });
        port
    }

    fn run(text: &str, record: bool) -> (Outcome, String) {
        let mut script = Script::parse(Path::new("x.txt"), text).unwrap();
        let mut runner = Runner::new(Peer::Redis, ponging(), record);
        // As a Redis of this version; the server above cannot tell.
        runner.version = Some((7, 0));
        let outcome = runner.run(&mut script);
        (outcome, script.to_text())
    }

    #[test]
    fn a_right_expectation_passes_and_is_counted() {
        let text = "> PING\n  +PONG\n!any\n> PING\n!since 7.2\n> PING\n  +X\n";
        let (outcome, after) = run(text, false);
        assert_eq!(outcome, Outcome { asserted: 1, any: 1, skipped: 1, ..Outcome::default() });
        assert_eq!(after, text);
    }

    #[test]
    fn a_wrong_expectation_fails_with_a_diff() {
        for expected in ["  +OK\n", "  $4\n  PONG\n", "  <none>\n", ""] {
            let (outcome, _) = run(&format!("> PING\n{expected}"), false);
            assert_eq!(outcome.failures.len(), 1, "{expected}: {outcome:?}");
        }
        let (outcome, _) = run("\n> PING x\n  +OK\n", false);
        assert_eq!(outcome.failures, ["redis: x.txt:2\n> PING x\n- +OK\n+ +PONG\n"]);
    }

    #[test]
    fn a_close_that_does_not_come_fails() {
        let (outcome, _) = run("!raw \"PING\\r\\n\"\n  +PONG\n  <closed>\n", false);
        assert_eq!(outcome.failures.len(), 1);
    }

    #[test]
    fn recording_replaces_what_is_wrong_and_keeps_what_agrees() {
        let (outcome, after) = run("> PING\n> PING\n  +OK\n> PING\n  <any>\n", true);
        assert_eq!(outcome.failures, Vec::<String>::new());
        assert_eq!(after, "> PING\n  +PONG\n> PING\n  +PONG\n> PING\n  <any>\n");
    }
}
