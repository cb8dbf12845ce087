//! A raw connection for tests: sends bytes or argument arrays, reads exactly one complete reply at a time. It
//! understands where replies end (`reply`) and nothing of what they mean.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use crate::clock::Deadline;
use crate::reply::{self, Node};

/// Why no reply could be read.
#[derive(Debug, PartialEq, Eq)]
pub enum ReadError {
    /// The time is up; bytes that came so far are kept.
    TimedOut,
    /// The server closed the connection.
    Closed,
    /// The bytes are not RESP.
    Malformed(String),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => f.write_str("no complete reply in time"),
            Self::Closed => f.write_str("connection closed by the server"),
            Self::Malformed(what) => write!(f, "not RESP: {what}"),
        }
    }
}

/// One connection to a server.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    /// Bytes that were read and belong to no reply yet.
    pending: Vec<u8>,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens there.
    pub fn open(port: u16) -> io::Result<Self> {
        Self::open_at((Ipv4Addr::LOCALHOST, port).into(), CONNECT_TIME_MAX)
    }

    /// Connects to any address within `time`.
    ///
    /// # Errors
    /// When nobody listens there, or nobody answers.
    pub fn open_at(address: SocketAddr, time: Duration) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, time)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(WRITE_TIME_MAX))?;
        Ok(Self { stream, pending: Vec::new() })
    }

    /// Sends a command as an array of bulk strings.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn send<A: AsRef<[u8]>>(&mut self, arguments: &[A]) -> io::Result<()> {
        self.send_raw(&encode(arguments))
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Reads one complete reply within `time`.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn read(&mut self, time: Duration) -> Result<Node, ReadError> {
        let deadline = Deadline::after(time);
        loop {
            if let Some((node, used)) = reply::parse(&self.pending).map_err(ReadError::Malformed)? {
                self.pending.drain(..used);
                return Ok(node);
            }
            self.fill(deadline)?;
        }
    }

    /// Sends a command and reads its reply within five seconds.
    ///
    /// # Errors
    /// See [`ReadError`]; a failed write counts as closed.
    pub fn call<A: AsRef<[u8]>>(&mut self, arguments: &[A]) -> Result<Node, ReadError> {
        self.send(arguments).map_err(|_| ReadError::Closed)?;
        self.read(Duration::from_secs(5))
    }

    /// Waits until the server has closed the connection; bytes that come before are an error.
    ///
    /// # Errors
    /// A sentence that says what came instead.
    pub fn read_close(&mut self, time: Duration) -> Result<(), String> {
        match self.read(time) {
            Err(ReadError::Closed) if self.pending.is_empty() => Ok(()),
            Err(error) => Err(error.to_string()),
            Ok(node) => Err(node.to_lines().join("\n")),
        }
    }

    /// Says that nothing more will be sent; replies still come.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn finish_sending(&self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)
    }

    /// Bytes that the server sent and nobody has asked for.
    pub fn unread(&self) -> &[u8] {
        &self.pending
    }

    fn fill(&mut self, deadline: Deadline) -> Result<(), ReadError> {
        let left = deadline.left().ok_or(ReadError::TimedOut)?;
        self.stream.set_read_timeout(Some(left)).map_err(|_| ReadError::Closed)?;
        let mut chunk = [0; CHUNK];
        match self.stream.read(&mut chunk) {
            Ok(0) => Err(ReadError::Closed),
            Ok(count) => {
                self.pending.extend_from_slice(&chunk[..count]);
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Err(ReadError::TimedOut)
            }
            // A reset is a close that met unread bytes.
            Err(_) => Err(ReadError::Closed),
        }
    }
}

/// Sends one command on a connection of its own and gives its reply.
///
/// # Errors
/// A sentence that says why there is none.
pub fn ask<A: AsRef<[u8]>>(port: u16, arguments: &[A]) -> Result<Node, String> {
    let mut connection = Connection::open(port).map_err(|error| format!("port {port}: {error}"))?;
    connection.call(arguments).map_err(|error| format!("port {port}: {error}"))
}

/// A command as an array of bulk strings.
pub fn encode<A: AsRef<[u8]>>(arguments: &[A]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", arguments.len()).into_bytes();
    for argument in arguments {
        let argument = argument.as_ref();
        bytes.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
        bytes.extend_from_slice(argument);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

const CHUNK: usize = 64 * 1024;
const CONNECT_TIME_MAX: Duration = Duration::from_secs(20);
const WRITE_TIME_MAX: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn commands_are_arrays_of_bulk_strings() {
        assert_eq!(encode(&["GET", "a b"]), b"*2\r\n$3\r\nGET\r\n$3\r\na b\r\n");
    }

    #[test]
    fn replies_are_read_one_by_one_and_the_close_is_seen() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut connection = Connection::open(listener.local_addr().unwrap().port()).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        server.write_all(b"+a\r\n$3\r\nx\r\n").unwrap();
        let time = Duration::from_millis(50);
        assert_eq!(connection.read(time).unwrap().to_lines(), ["+a"]);
        assert_eq!(connection.read(time), Err(ReadError::TimedOut));
        server.write_all(b"\r\n").unwrap();
        assert_eq!(connection.read(time).unwrap().to_lines(), ["$3", "x\\r\\n"]);
        assert!(connection.read_close(time).is_err());
        drop(server);
        assert_eq!(connection.read_close(Duration::from_secs(5)), Ok(()));
    }
}
