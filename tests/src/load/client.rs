//! Who puts the load on: all connections in one thread, each sending a batch and waiting for its replies. Replies are
//! counted, and an error among them ends the run; what they say is left to other tests.

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::mix::{Load, Mix};
use crate::clock::{self, Deadline};

/// What a run came to.
#[derive(Clone, Debug, Default)]
pub struct Total {
    /// Requests that were answered.
    pub requests: u64,
    /// From the first request to the last reply.
    pub time: Duration,
    /// How long each batch waited for its last reply, ascending.
    pub waits: Vec<Duration>,
}

impl Total {
    /// The wait that this part of the batches did not exceed; zero if there were none.
    pub fn wait(&self, part: f64) -> Duration {
        let at = (self.waits.len() as f64 * part) as usize;
        self.waits.get(at.min(self.waits.len().saturating_sub(1))).copied().unwrap_or_default()
    }
}

/// Sets every key once.
///
/// # Errors
/// When the server cannot be reached or refuses.
pub async fn fill(load: &Load) -> io::Result<()> {
    let mut connection = Connection::open(load.port).await?;
    let mix = Mix::new(load, 0);
    for first in (0..load.keys()).step_by(FILL_BATCH) {
        let batch = first..load.keys().min(first + FILL_BATCH as u64);
        connection.batch.clear();
        batch.clone().for_each(|key| mix.push_set(key, &mut connection.batch));
        connection.exchange(batch.end - batch.start).await?;
    }
    Ok(())
}

/// Asks for as long as the load says.
///
/// # Errors
/// When the server cannot be reached, closes a connection or answers with an error.
pub async fn run(load: &Load) -> io::Result<Total> {
    let mut connections = Vec::new();
    for _ in 0..load.connections {
        connections.push(Connection::open(load.port).await?);
    }
    let (start, deadline) = (clock::now(), Deadline::after(load.time));
    let mut tasks = JoinSet::new();
    for (seed, connection) in connections.into_iter().enumerate() {
        let mix = Mix::new(load, seed as u64);
        tasks.spawn(ask(connection, mix, load.pipeline, deadline));
    }
    let mut waits = Vec::new();
    while let Some(done) = tasks.join_next().await {
        waits.append(&mut done.map_err(io::Error::other)??);
    }
    let (requests, time) = (waits.len() as u64 * u64::from(load.pipeline), start.elapsed());
    waits.sort_unstable();
    Ok(Total { requests, time, waits })
}

/// How long each batch waited.
async fn ask(
    mut connection: Connection,
    mut mix: Mix,
    pipeline: u32,
    deadline: Deadline,
) -> io::Result<Vec<Duration>> {
    let mut waits = Vec::new();
    while deadline.left().is_some() {
        connection.batch.clear();
        (0..pipeline).for_each(|_| mix.push(&mut connection.batch));
        let sent = clock::now();
        connection.exchange(pipeline.into()).await?;
        waits.push(sent.elapsed());
    }
    Ok(waits)
}

struct Connection {
    stream: TcpStream,
    batch: Vec<u8>,
    received: Vec<u8>,
}

impl Connection {
    async fn open(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, batch: Vec::new(), received: Vec::with_capacity(RECEIVE_BYTES) })
    }

    /// Sends the batch and waits for this many replies.
    async fn exchange(&mut self, replies: u64) -> io::Result<()> {
        self.stream.write_all(&self.batch).await?;
        let mut missing = replies;
        while missing > 0 {
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let (count, used) = count_replies(&self.received)?;
            missing =
                missing.checked_sub(count).ok_or_else(|| io::Error::other("more replies than requests"))?;
            self.received.drain(..used);
        }
        Ok(())
    }
}

/// Complete replies in `bytes` and their length together: simple strings, payloads, nulls, flat arrays of these.
fn count_replies(bytes: &[u8]) -> io::Result<(u64, usize)> {
    let (mut count, mut used) = (0, 0);
    while let Some(length) = reply_length(&bytes[used..])? {
        count += 1;
        used += length;
    }
    Ok((count, used))
}

fn reply_length(bytes: &[u8]) -> io::Result<Option<usize>> {
    let Some(line) = bytes.iter().position(|byte| *byte == b'\n') else { return Ok(None) };
    let header = String::from_utf8_lossy(&bytes[..line]);
    let length = match (bytes[0], header[1..].trim_end()) {
        (b'+', _) | (b'$', "-1") | (b'_', _) => line + 1,
        (b'$', digits) => line + 1 + digits.parse::<usize>().map_err(io::Error::other)? + 2,
        (b'*', digits) => {
            let mut length = line + 1;
            for _ in 0..digits.parse::<usize>().map_err(io::Error::other)? {
                let Some(element) = bytes.get(length..).map(element_length).transpose()?.flatten() else {
                    return Ok(None);
                };
                length += element;
            }
            length
        }
        _ => return Err(io::Error::other(format!("unexpected reply: {header}"))),
    };
    Ok((length <= bytes.len()).then_some(length))
}

fn element_length(bytes: &[u8]) -> io::Result<Option<usize>> {
    match bytes.first() {
        Some(b'*') => Err(io::Error::other("unexpected reply: an array within an array")),
        Some(_) => reply_length(bytes),
        None => Ok(None),
    }
}

const FILL_BATCH: usize = 500;
const RECEIVE_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_complete_replies_are_counted() {
        let bytes = b"+OK\r\n$3\r\nabc\r\n$-1\r\n$3\r\nab";
        assert_eq!(count_replies(bytes).unwrap(), (3, 19));
        let bytes = b"*3\r\n$3\r\nabc\r\n$-1\r\n$1\r\nx\r\n*1\r\n$1\r\n";
        assert_eq!(count_replies(bytes).unwrap(), (1, bytes.len() - 8));
        assert!(count_replies(b"-ERR x\r\n").is_err());
    }
}
