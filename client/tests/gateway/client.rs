//! A client that writes its requests byte by byte, as the tests want them.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::support::DEADLINE;

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case; of a repeated one, all values on a line each.
    headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
    pub(crate) took: Duration,
}

impl Answer {
    /// A header's value; empty if there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(String::as_str).unwrap_or_default()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// Takes a whole answer apart.
    fn read(bytes: &[u8], took: Duration) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no head: {:?}", String::from_utf8_lossy(bytes)));
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = HashMap::<String, String>::new();
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let known = headers.entry(name.to_lowercase()).or_default();
            let separator = if known.is_empty() { "" } else { "\n" };
            known.push_str(&format!("{separator}{}", value.trim()));
        }
        Self { status, headers, body: bytes[end + 4..].to_vec(), took }
    }
}

/// One request on a connection of its own, as curl does it. The answer is read until the connection ends: HTTP/1.0 has
/// no chunks.
pub(crate) fn ask(address: &str, method: &str, path: &str, headers: &[&str], body: &str) -> Answer {
    let more: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let length = body.len();
    send(
        address,
        &format!(
            "{method} {path} HTTP/1.0\r\nHost: api.example\r\nContent-Length: {length}\r\n{more}\r\n{body}"
        ),
    )
}

/// Sends a text as it is and reads until the connection ends.
#[expect(clippy::disallowed_methods, reason = "a test measures real time")]
pub(crate) fn send(address: &str, text: &str) -> Answer {
    let started = Instant::now();
    let mut stream = connect(address);
    // The gateway may have refused before all was sent.
    let _ = stream.write_all(text.as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    Answer::read(&answer, started.elapsed())
}

pub(crate) fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

/// Reads the head of an answer, up to the blank line.
pub(crate) fn head(stream: &mut TcpStream) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}
