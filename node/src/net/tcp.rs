//! The real network: TCP with small messages sent at once, and probes that find out when the other side is gone.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream, lookup_host};

use super::{Accept, Boxed, Network, Stream};

/// TCP. Its methods need a runtime with I/O around them.
#[derive(Clone, Copy, Debug, Default)]
pub struct TcpNetwork;

impl Network for TcpNetwork {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Boxed<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move {
            let mut addresses: Vec<_> = lookup_host((host, port)).await?.collect();
            addresses.sort_unstable();
            addresses.dedup();
            addresses.truncate(ADDRESSES_MAX);
            Ok(addresses)
        })
    }

    fn connect(&self, address: SocketAddr) -> Boxed<'_, io::Result<Stream>> {
        Box::pin(async move {
            let stream = socket_for(address)?.connect(address).await?;
            prepare(&stream)?;
            Ok(Stream::Tcp(stream))
        })
    }

    fn listen(&self, address: SocketAddr) -> io::Result<Box<dyn Accept>> {
        let socket = socket_for(address)?;
        // A restarted node takes its port again though old connections linger on it.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        Ok(Box::new(Listening(socket.listen(BACKLOG)?)))
    }
}

/// A socket that listens.
struct Listening(TcpListener);

impl Accept for Listening {
    fn accept(&self) -> Boxed<'_, io::Result<(Stream, SocketAddr)>> {
        Box::pin(async move {
            let (stream, address) = self.0.accept().await?;
            prepare(&stream)?;
            Ok((Stream::Tcp(stream), address))
        })
    }

    fn address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

fn socket_for(address: SocketAddr) -> io::Result<TcpSocket> {
    if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }
}

fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let keepalive = socket2::TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 3);
    socket2::SockRef::from(stream).set_tcp_keepalive(&keepalive)
}

/// Silence after which the other side is probed.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1_024;

/// Addresses of one name that are looked at.
const ADDRESSES_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn two_ends_speak_and_the_end_is_told() {
        let network = TcpNetwork;
        let addresses = network.resolve("127.0.0.1", 0).await.unwrap();
        let listening = network.listen(addresses[0]).unwrap();
        let address = listening.address().unwrap();
        let (called, accepted) = tokio::join!(network.connect(address), listening.accept());
        let (called, (accepted, _)) = (called.unwrap(), accepted.unwrap());
        std::future::poll_fn(|cx| called.poll_write_ready(cx)).await.unwrap();
        assert_eq!(called.write(b"hello").unwrap(), 5);
        let mut buffer = [0; 16];
        let read = std::future::poll_fn(|cx| accepted.poll_read(cx, &mut buffer)).await.unwrap();
        assert_eq!(&buffer[..read], b"hello");
        drop(called);
        assert_eq!(std::future::poll_fn(|cx| accepted.poll_read(cx, &mut buffer)).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn nobody_listening_is_an_error() {
        let listening = TcpNetwork.listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listening.address().unwrap();
        drop(listening);
        assert!(TcpNetwork.connect(address).await.is_err());
        assert!(TcpNetwork.resolve("no such host", 1).await.is_err());
    }
}
