//! Finds out how long it takes until every partition is served again.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use larder_proto::slot::{PARTITIONS, Partition};

use crate::clock::now;
use crate::reply::Node;
use crate::wire::Connection;

/// One key of every partition, and a connection to a server that is not harmed.
#[derive(Debug)]
pub struct Probe {
    keys: Vec<String>,
    connection: Connection,
}

impl Probe {
    /// Connects.
    ///
    /// # Panics
    /// Nobody listens there.
    pub fn new(server: SocketAddr) -> Self {
        let mut keys = vec![String::new(); usize::from(PARTITIONS)];
        let mut missing = keys.len();
        for number in 0.. {
            let key = format!("probe-{number}");
            let place = &mut keys[Partition::of(key.as_bytes()).index()];
            if place.is_empty() {
                *place = key;
                missing -= 1;
            }
            if missing == 0 {
                break;
            }
        }
        let connection = Connection::open_at(server, ANSWER_TIME_MAX);
        Self { keys, connection: connection.unwrap_or_else(|error| panic!("{server}: {error}")) }
    }

    /// Writes to every partition; the time since `harmed` after which all have succeeded. Replies come in order, so it is that of the
    /// slowest.
    ///
    /// # Errors
    /// What was answered instead.
    pub fn write_all(&mut self, harmed: Instant, value: &str) -> Result<Duration, String> {
        for key in &self.keys {
            self.connection.send(&["SET", key, value]).map_err(|error| error.to_string())?;
        }
        for key in &self.keys {
            let reply = self.connection.read(ANSWER_TIME_MAX).map_err(|error| format!("{key}: {error}"))?;
            if reply != Node::Line(b'+', b"OK".to_vec()) {
                return Err(format!("{key}: {}", reply.text()));
            }
        }
        Ok(now() - harmed)
    }

    /// Checks that every partition has what was written last.
    ///
    /// # Errors
    /// A key that has not.
    pub fn check_all(&mut self, value: &str) -> Result<(), String> {
        self.ask_all()?;
        self.expect_all(value)
    }

    /// Asks for every key, and reads no reply.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn ask_all(&mut self) -> Result<(), String> {
        let mut send = |key: &String| self.connection.send(&["GET", key]).map_err(|error| error.to_string());
        self.keys.iter().try_for_each(&mut send)
    }

    /// Reads the replies to [`Probe::ask_all`].
    ///
    /// # Errors
    /// A key that has another value.
    pub fn expect_all(&mut self, value: &str) -> Result<(), String> {
        for key in &self.keys {
            let reply = self.connection.read(ANSWER_TIME_MAX).map_err(|error| format!("{key}: {error}"))?;
            if reply.text() != value {
                return Err(format!("{key} is {:?}, not {value}", reply.text()));
            }
        }
        Ok(())
    }
}

/// The value below which so many per cent of them lie.
#[must_use]
pub fn percentile(times: &[Duration], per_cent: usize) -> Duration {
    let mut times = times.to_vec();
    times.sort();
    let place = (times.len() * per_cent / 100).min(times.len().saturating_sub(1));
    times.get(place).copied().unwrap_or_default()
}

const ANSWER_TIME_MAX: Duration = Duration::from_secs(15);
