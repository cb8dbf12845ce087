//! Byte streams between processes, handed in so that a simulation can put its own in the place of TCP. What travels on
//! them is left to the server and to the links between nodes.

mod tcp;

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustix::net::{RecvFlags, SendFlags, recv, send};
use tokio::io::Interest;
use tokio::net::TcpStream;

pub use self::tcp::TcpNetwork;

/// One connection. Nothing blocks: what cannot be done at once is `WouldBlock`, and the task is woken when it can.
pub enum Stream {
    /// A socket.
    Tcp(TcpStream),
    /// Anything else: a simulation's.
    Other(Box<dyn Duplex>),
}

/// A stream that is no socket. The methods are those of [`Stream`].
pub trait Duplex: Send + Sync {
    /// Waits until there is something to read, or the other side has closed.
    ///
    /// # Errors
    /// The connection is broken.
    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
    /// Reads once; 0 at the end.
    ///
    /// # Errors
    /// `WouldBlock` if there is nothing yet; the connection is broken.
    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize>;
    /// Waits until the other side can take more.
    ///
    /// # Errors
    /// The connection is broken.
    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
    /// Writes once; how many bytes were taken.
    ///
    /// # Errors
    /// `WouldBlock` if none; the connection is broken.
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize>;
    /// Says that nothing more will be written.
    ///
    /// # Errors
    /// The connection is broken.
    fn shutdown_write(&self) -> io::Result<()>;
}

/// A future of a trait object.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where connections come from.
pub trait Network: Send + Sync {
    /// All addresses of a host, which may be a name.
    ///
    /// # Errors
    /// The name is not known, or who knows it cannot be reached.
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Boxed<'a, io::Result<Vec<SocketAddr>>>;
    /// Opens a connection. Bounding the time is the caller's part.
    ///
    /// # Errors
    /// Nobody listens there, or the way is closed.
    fn connect(&self, address: SocketAddr) -> Boxed<'_, io::Result<Stream>>;
    /// Listens on an address.
    ///
    /// # Errors
    /// The address is taken, or not this machine's.
    fn listen(&self, address: SocketAddr) -> io::Result<Box<dyn Accept>>;
}

/// A listening socket.
pub trait Accept: Send + Sync {
    /// Waits for the next connection.
    ///
    /// # Errors
    /// The machine is out of descriptors, most likely.
    fn accept(&self) -> Boxed<'_, io::Result<(Stream, SocketAddr)>>;
    /// Where it listens: the port is the one that was given where any was asked for.
    ///
    /// # Errors
    /// The socket is broken.
    fn address(&self) -> io::Result<SocketAddr>;
}

impl Stream {
    /// Reads once into `buffer`, as soon as there is something to read; how many bytes, none at the end. A read that leaves
    /// room has emptied the socket, and the runtime is told so: to ask the socket once more would be a system call each.
    ///
    /// # Errors
    /// The connection is broken.
    pub fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let bytes_max = buffer.len();
        self.poll_receive(cx, bytes_max, |from| match from {
            Self::Tcp(stream) => Ok(recv(stream, &mut *buffer, RecvFlags::empty())?.0),
            Self::Other(stream) => stream.try_read(buffer),
        })
    }

    /// Like [`Stream::poll_read`], into the room that is left behind what `buffer` holds.
    ///
    /// # Errors
    /// The connection is broken.
    pub fn poll_read_more(&self, cx: &mut Context<'_>, buffer: &mut Vec<u8>) -> Poll<io::Result<usize>> {
        let room = buffer.capacity() - buffer.len();
        self.poll_receive(cx, room, |from| match from {
            Self::Tcp(stream) => {
                Ok(recv(stream, rustix::buffer::spare_capacity(&mut *buffer), RecvFlags::empty())?.0)
            }
            Self::Other(stream) => {
                let mut bytes = vec![0; room];
                let read = stream.try_read(&mut bytes)?;
                buffer.extend_from_slice(&bytes[..read]);
                Ok(read)
            }
        })
    }

    fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        bytes_max: usize,
        mut receive: impl FnMut(&Self) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            let Self::Tcp(stream) = self else {
                ready!(self.poll_read_ready(cx))?;
                match receive(self) {
                    Err(error) if is_transient(&error) => continue,
                    read => return Poll::Ready(read),
                }
            };
            ready!(stream.poll_read_ready(cx))?;
            let mut read = None;
            let tried = stream.try_io(Interest::READABLE, || {
                let bytes = receive(self)?;
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

    /// Waits until there is something to read.
    ///
    /// # Errors
    /// The connection is broken.
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => stream.poll_read_ready(cx),
            Self::Other(stream) => stream.poll_read_ready(cx),
        }
    }

    /// Waits until the other side can take more.
    ///
    /// # Errors
    /// The connection is broken.
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => stream.poll_write_ready(cx),
            Self::Other(stream) => stream.poll_write_ready(cx),
        }
    }

    /// Sends as many of these bytes as the other side takes at once; how many.
    ///
    /// # Errors
    /// The connection is broken.
    pub fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut sent = 0;
        while sent < bytes.len() {
            match self.try_write(&bytes[sent..]) {
                Ok(written) => sent += written,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(sent)
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => {
                stream.try_io(Interest::WRITABLE, || Ok(send(stream, bytes, SendFlags::NOSIGNAL)?))
            }
            Self::Other(stream) => stream.try_write(bytes),
        }
    }

    /// Says that nothing more will be sent.
    ///
    /// # Errors
    /// The connection is broken.
    pub fn shutdown_write(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => socket2::SockRef::from(stream).shutdown(std::net::Shutdown::Write),
            Self::Other(stream) => stream.shutdown_write(),
        }
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stream")
    }
}

fn is_transient(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
