//! The network as one host sees it.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use larder_node::net::{Accept, Boxed, Network, Stream};

use super::state::{Backlog, Event, Knock};
use super::stream::SimStream;
use super::wires::Wires;

/// What is handed to the code of a node in place of the machine's network.
#[derive(Clone, Debug)]
pub struct HostNetwork {
    wires: Arc<Wires>,
    host: IpAddr,
}

impl HostNetwork {
    /// The network as this host sees it.
    #[must_use]
    pub fn new(wires: Arc<Wires>, host: IpAddr) -> Self {
        Self { wires, host }
    }
}

impl Network for HostNetwork {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Boxed<'a, io::Result<Vec<SocketAddr>>> {
        let found = match host.parse::<IpAddr>() {
            Ok(address) => Some(vec![address]),
            Err(_) => self.wires.with(|state| state.names.get(host).cloned()),
        };
        let found = found.ok_or_else(|| io::ErrorKind::NotFound.into());
        Box::pin(async move {
            found.map(|found| found.into_iter().map(|address| SocketAddr::new(address, port)).collect())
        })
    }

    fn connect(&self, address: SocketAddr) -> Boxed<'_, io::Result<Stream>> {
        let number = self.wires.with(|state| {
            let number = state.number();
            let from = SocketAddr::new(self.host, PORT_FIRST + (number % PORTS) as u16);
            let knock = Knock { from, to: address, answer: None, is_answered: false, waker: None };
            state.knocks.insert(number, knock);
            let at_ns = state.arrival_ns(from.ip(), address.ip(), 0);
            state.schedule(at_ns, Event::Knock(number));
            number
        });
        Box::pin(Connecting { wires: Arc::clone(&self.wires), number })
    }

    fn listen(&self, address: SocketAddr) -> io::Result<Box<dyn Accept>> {
        if address.ip() != self.host {
            return Err(io::ErrorKind::AddrNotAvailable.into());
        }
        self.wires.with(|state| {
            if state.listeners.contains_key(&address) {
                return Err(io::Error::from(io::ErrorKind::AddrInUse));
            }
            state.listeners.insert(address, Backlog::default());
            Ok(())
        })?;
        Ok(Box::new(Listener { wires: Arc::clone(&self.wires), address }))
    }
}

/// A connection that is being opened; dropping it gives up.
struct Connecting {
    wires: Arc<Wires>,
    number: u64,
}

impl Future for Connecting {
    type Output = io::Result<Stream>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answered = self.wires.with(|state| {
            let knock = state.knocks.get_mut(&self.number)?;
            if !knock.is_answered {
                knock.waker = Some(cx.waker().clone());
                return None;
            }
            state.knocks.remove(&self.number).and_then(|knock| knock.answer)
        });
        match answered {
            None => Poll::Pending,
            Some(Err(())) => Poll::Ready(Err(io::ErrorKind::ConnectionRefused.into())),
            Some(Ok(connection)) => {
                let stream = SimStream { wires: Arc::clone(&self.wires), connection, side: 0 };
                Poll::Ready(Ok(Stream::Other(Box::new(stream))))
            }
        }
    }
}

impl Drop for Connecting {
    fn drop(&mut self) {
        self.wires.with(|state| {
            if let Some(Knock { answer: Some(Ok(connection)), .. }) = state.knocks.remove(&self.number) {
                state.close(connection, 0);
            }
        });
    }
}

struct Listener {
    wires: Arc<Wires>,
    address: SocketAddr,
}

impl Accept for Listener {
    fn address(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }

    fn accept(&self) -> Boxed<'_, io::Result<(Stream, SocketAddr)>> {
        Box::pin(std::future::poll_fn(|cx| {
            let next = self.wires.with(|state| {
                let backlog = state.listeners.get_mut(&self.address)?;
                if backlog.waiting.is_empty() {
                    backlog.acceptor = Some(cx.waker().clone());
                }
                backlog.waiting.pop_front()
            });
            match next {
                None => Poll::Pending,
                Some((connection, from)) => {
                    let stream = SimStream { wires: Arc::clone(&self.wires), connection, side: 1 };
                    Poll::Ready(Ok((Stream::Other(Box::new(stream)), from)))
                }
            }
        }))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.wires.with(|state| {
            let waiting = state.listeners.remove(&self.address).map(|backlog| backlog.waiting);
            for (connection, _) in waiting.unwrap_or_default() {
                state.close(connection, 1);
            }
        });
    }
}

/// Ports of those who connect.
const PORT_FIRST: u16 = 32_768;
const PORTS: u64 = 28_000;
