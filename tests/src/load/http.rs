//! GETs over HTTP/1.1 at a set rate: each connection in a thread of its own asks at its moments and notes how long
//! each answer took. What the answers should be is left to others; only their status is looked at.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use crate::clock;

/// What is asked, and how often.
#[derive(Clone, Debug)]
pub struct HttpLoad {
    /// The server's port on 127.0.0.1.
    pub port: u16,
    /// The paths asked for, one after the other; each connection begins at another.
    pub paths: Arc<[String]>,
    /// A header line for each request, without its end; empty for none.
    pub header: String,
    /// Connections, a thread each.
    pub connections: u32,
    /// Requests a second, all connections together; 0: as many as are answered.
    pub rate: u32,
    /// How long.
    pub time: Duration,
}

/// What a run came to.
#[derive(Clone, Debug, Default)]
pub struct HttpTotal {
    /// From sending each request to having its whole answer, ascending.
    pub waits: Vec<Duration>,
    /// Answers that were not 200.
    pub refused: u64,
    /// From the first request to the last answer.
    pub time: Duration,
}

/// Asks as the load says. A connection whose moment has passed while it waited asks at once.
///
/// # Errors
/// When the server cannot be reached, closes a connection, or answers what is not HTTP/1.1 with a length.
pub fn run_http(load: &HttpLoad) -> io::Result<HttpTotal> {
    let start = clock::now();
    let threads: Vec<_> = (0..load.connections)
        .map(|number| {
            let load = load.clone();
            std::thread::spawn(move || ask(&load, number))
        })
        .collect();
    let mut total = HttpTotal::default();
    for thread in threads {
        let part = thread.join().map_err(|_| io::Error::other("a connection's thread failed"))??;
        total.waits.extend(part.waits);
        total.refused += part.refused;
    }
    total.time = start.elapsed();
    total.waits.sort_unstable();
    Ok(total)
}

fn ask(load: &HttpLoad, number: u32) -> io::Result<HttpTotal> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, load.port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(SILENCE_MAX))?;
    let mut answers = BufReader::new(stream.try_clone()?);
    let step = match load.rate {
        0 => Duration::ZERO,
        rate => Duration::from_secs(1) * load.connections / rate,
    };
    let start = clock::now();
    let mut due = step * number / load.connections.max(1);
    let (mut total, mut turn) = (HttpTotal::default(), number as usize);
    while start.elapsed() < load.time {
        if let Some(early) = due.checked_sub(start.elapsed()) {
            clock::rest(early);
        }
        due += step;
        let path = &load.paths[turn % load.paths.len()];
        turn += 1;
        let line = if load.header.is_empty() { String::new() } else { format!("{}\r\n", load.header) };
        let request = format!("GET {path} HTTP/1.1\r\nHost: bench\r\n{line}\r\n");
        let sent = clock::now();
        (&stream).write_all(request.as_bytes())?;
        if read_answer(&mut answers)? != 200 {
            total.refused += 1;
        }
        total.waits.push(sent.elapsed());
    }
    Ok(total)
}

/// The status of an answer that has been read to its end.
fn read_answer(answers: &mut impl BufRead) -> io::Result<u16> {
    let unfit = || io::Error::other("an answer that is not HTTP/1.1 with a length");
    let mut line = String::new();
    answers.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|word| word.parse().ok()).ok_or_else(unfit)?;
    let mut length = None;
    loop {
        line.clear();
        if answers.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse::<u64>().ok();
        }
    }
    let length = length.ok_or_else(unfit)?;
    match io::copy(&mut answers.take(length), &mut io::sink())? == length {
        true => Ok(status),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// A server that says nothing for this long has failed.
const SILENCE_MAX: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_with_its_body() {
        let mut text =
            &b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabHTTP/1.1 404 N\r\ncontent-length:0\r\n\r\n"[..];
        assert_eq!(read_answer(&mut text).unwrap(), 200);
        assert_eq!(read_answer(&mut text).unwrap(), 404);
        assert!(text.is_empty());
        assert!(read_answer(&mut &b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab"[..]).is_err());
        assert!(read_answer(&mut &b"HTTP/1.1 200 OK\r\n\r\n"[..]).is_err());
    }
}
