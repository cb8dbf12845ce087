//! The socket of a connection and the replies that its client has not taken yet. The connection reads from it; whoever
//! sends the replies of a turn writes to it.

use std::cell::RefCell;
use std::io;
use std::net::Shutdown;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustix::buffer::spare_capacity;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use tokio::io::Interest;
use tokio::net::TcpStream;

use super::super::clients::Card;
use super::outbox::Outbox;

/// What a connection shares with its worker's post. One thread alone touches it.
pub(in crate::server) struct Link {
    stream: TcpStream,
    pub(in crate::server) card: Arc<Card>,
    pub(in crate::server) outbox: RefCell<Outbox>,
}

impl Link {
    pub(super) fn new(stream: TcpStream, card: Arc<Card>) -> Self {
        Self { stream, card, outbox: RefCell::default() }
    }

    /// Reads once into `buffer`, as soon as there is something to read; how many bytes, none at the client's end.
    pub(super) fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let bytes_max = buffer.len();
        self.poll_receive(cx, bytes_max, |stream| Ok(recv(stream, &mut *buffer, RecvFlags::empty())?.0))
    }

    /// Like [`Link::poll_read`], into the room that a kept beginning has left.
    pub(super) fn poll_read_more(
        &self,
        cx: &mut Context<'_>,
        input: &mut Vec<u8>,
    ) -> Poll<io::Result<usize>> {
        let bytes_max = input.capacity() - input.len();
        self.poll_receive(cx, bytes_max, |stream| {
            Ok(recv(stream, spare_capacity(input), RecvFlags::empty())?.0)
        })
    }

    /// A read that leaves room has emptied the socket, and the runtime is told so: to ask the socket once more would be
    /// a system call for each request.
    fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        bytes_max: usize,
        mut receive: impl FnMut(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.stream.poll_read_ready(cx))?;
            let mut read = None;
            let tried = self.stream.try_io(Interest::READABLE, || {
                let bytes = receive(&self.stream)?;
                read = Some(bytes);
                if (1..bytes_max).contains(&bytes) { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
            });
            match (read, tried) {
                (Some(bytes), _) => return Poll::Ready(Ok(bytes)),
                (None, Err(error)) if is_transient(&error) => {}
                (None, Err(error)) => return Poll::Ready(Err(error)),
                (None, Ok(())) => return Poll::Ready(Ok(0)),
            }
        }
    }

    /// Waits until the client can take more.
    pub(super) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.poll_write_ready(cx)
    }

    /// Sends as many of these bytes as the client takes at once; how many.
    pub(in crate::server) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut sent = 0;
        while sent < bytes.len() {
            let rest = &bytes[sent..];
            let write = || Ok(send(&self.stream, rest, SendFlags::NOSIGNAL)?);
            match self.stream.try_io(Interest::WRITABLE, write) {
                Ok(written) => sent += written,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(sent)
    }

    /// Says that nothing more will be sent.
    pub(super) fn shut(&self) -> io::Result<()> {
        socket2::SockRef::from(&self.stream).shutdown(Shutdown::Write)
    }
}

fn is_transient(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
