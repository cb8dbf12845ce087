//! One client: a thread with one connection. It alone writes its keys, so that it knows what each of them may hold.

use std::collections::BTreeMap;
use std::time::Duration;

use super::load::{Seat, Seen};
use crate::clock::now;
use crate::reply::Node;
use crate::wire::Connection;

/// A client, and what it knows of its keys.
#[derive(Debug)]
pub(super) struct Writer {
    name: String,
    seat: Seat,
    connection: Option<Connection>,
    /// The newest value that was acknowledged or read, and the newest that was sent.
    values: Vec<(u64, u64)>,
    /// The same of its counter; the second is how much more it may have been counted.
    counter: (u64, u64),
    last_value: u64,
    seen: Seen,
}

impl Writer {
    pub(super) fn new(name: String, seat: Seat) -> Self {
        let values = vec![(0, 0); KEYS];
        Self { name, seat, connection: None, values, counter: (0, 0), last_value: 0, seen: Seen::default() }
    }

    /// Works until it is told to stop, then looks at all its keys from where it sits.
    pub(super) fn work(mut self) -> Seen {
        let mut round = 0;
        while !self.seat.is_over() {
            self.turn(round);
            self.seat.pause();
            round += 1;
        }
        self.seat.change();
        self.connection = None;
        for key in 0..KEYS {
            self.look(key);
        }
        self.count();
        self.seen
    }

    /// Writes one key and reads it with one that was written long ago, and counts, all in one pipeline.
    fn turn(&mut self, round: usize) {
        if self.seat.change() {
            self.connection = None;
        }
        let (fresh, old) = (round % KEYS, (round * 7 + 3) % KEYS);
        self.last_value += 1;
        let (value, counter) = (self.last_value, format!("{}-count", self.name));
        let (fresh_key, old_key) = (self.key(fresh), self.key(old));
        let text = format!("{value}:{}", "x".repeat(PADDING));
        let old_before = self.values[old].0;
        self.values[fresh].1 = value;
        let requests: [&[&str]; 4] =
            [&["SET", &fresh_key, &text], &["INCR", &counter], &["GET", &fresh_key], &["GET", &old_key]];
        let replies = self.converse(&requests);
        match replies.first() {
            Some(Ok(_)) => self.values[fresh].0 = value,
            Some(Err(error)) => self.seen.write_error(&self.name, error),
            None => {}
        }
        self.counted(replies.get(1));
        if let Some(read) = replies.get(2) {
            let least = self.values[fresh].0;
            self.read(fresh, least, read);
        }
        if let Some(read) = replies.get(3) {
            let least = if old == fresh { self.values[fresh].0 } else { old_before };
            self.read(old, least, read);
        }
    }

    fn look(&mut self, key: usize) {
        if self.values[key].1 == 0 {
            return;
        }
        let (name, least) = (self.key(key), self.values[key].0);
        match self.converse(&[&["GET", &name]]).pop() {
            Some(read) => self.read(key, least, &read),
            None => self.seen.read_errors.push(format!("{name} cannot be read in the end")),
        }
    }

    fn count(&mut self) {
        let counter = format!("{}-count", self.name);
        let reply = self.converse(&[&["INCR", &counter]]).pop();
        self.counted(reply.as_ref());
    }

    /// Judges the reply to INCR.
    fn counted(&mut self, reply: Option<&Result<String, String>>) {
        let Some(Ok(text)) = reply else {
            self.counter.1 += 1;
            if let Some(Err(error)) = reply {
                self.seen.write_error(&self.name, error);
            }
            return;
        };
        let (last, more) = self.counter;
        let count = text.parse().unwrap_or(0);
        if count <= last || count > last + more + 1 {
            let fault = format!("{}: counted {text} after {last}, with {more} unknown", self.name);
            self.seen.faults.push(fault);
        }
        self.counter = (count, 0);
    }

    /// Judges what was read.
    fn read(&mut self, key: usize, least: u64, read: &Result<String, String>) {
        let text = match read {
            Ok(text) => text,
            Err(error) => {
                self.seen.read_errors.push(format!("{}: {error}", self.key(key)));
                return;
            }
        };
        let value = text.split(':').next().and_then(|number| number.parse().ok()).unwrap_or(0);
        if value < least || value > self.values[key].1 {
            let fault = format!(
                "{} is {value}, not {least} to {} ({})",
                self.key(key),
                self.values[key].1,
                self.seat.port()
            );
            self.seen.faults.push(fault);
        }
        self.values[key].0 = value;
    }

    /// Sends a pipeline and reads what comes back: fewer replies than requests if the connection is lost, each with its text or
    /// its error.
    fn converse(&mut self, requests: &[&[&str]]) -> Vec<Result<String, String>> {
        let began = now();
        let mut replies = Vec::with_capacity(requests.len());
        if let Err(error) = self.exchange(requests, &mut replies) {
            self.connection = None;
            if self.seat.is_safe() {
                self.seen.read_errors.push(format!("{} at port {}: {error}", self.name, self.seat.port()));
            }
            self.seat.next();
        }
        self.seen.slowest = self.seen.slowest.max(began.elapsed());
        self.seen.answered += replies.len() as u64;
        replies
    }

    fn exchange(
        &mut self,
        requests: &[&[&str]],
        replies: &mut Vec<Result<String, String>>,
    ) -> Result<(), String> {
        let connection = match self.connection.take() {
            Some(connection) => self.connection.insert(connection),
            None => {
                let opened = Connection::open_at(self.seat.address(), CONNECT_TIME_MAX);
                self.connection.insert(opened.map_err(|error| format!("cannot connect: {error}"))?)
            }
        };
        for request in requests {
            connection.send(request).map_err(|error| format!("cannot send: {error}"))?;
        }
        for _ in requests {
            let reply = connection.read(ANSWER_TIME_MAX).map_err(|error| error.to_string())?;
            replies.push(match reply {
                Node::Line(b'-', text) => Err(String::from_utf8_lossy(&text).into_owned()),
                other => Ok(other.text()),
            });
        }
        Ok(())
    }

    fn key(&self, key: usize) -> String {
        format!("{}-{key}", self.name)
    }
}

impl Seen {
    fn write_error(&mut self, name: &str, error: &str) {
        if error.contains("outcome unknown") {
            self.unknown += 1;
        } else {
            *self.write_errors.entry(format!("{name}: {error}")).or_default() += 1;
        }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.answered += other.answered;
        self.unknown += other.unknown;
        self.faults.extend(other.faults);
        self.read_errors.extend(other.read_errors);
        other.write_errors.into_iter().for_each(|(text, count)| {
            *self.write_errors.entry(text).or_default() += count;
        });
        self.slowest = self.slowest.max(other.slowest);
    }
}

/// What errors are counted by.
pub(super) type Errors = BTreeMap<String, u64>;

/// Keys of one client.
const KEYS: usize = 60;
/// What makes values longer.
const PADDING: usize = 80;
const CONNECT_TIME_MAX: Duration = Duration::from_secs(1);
/// Longer than a node lets a request wait for an owner.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(12);
