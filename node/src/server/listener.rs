//! Accepts connections and deals each to the worker that has the fewest. Reading from them is the workers' part.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::clients::Card;
use super::node::Shared;
use super::worker::{Dealt, Handoff};
use crate::commands::cluster::Endpoint;

/// Accepts connections.
pub struct Listener {
    /// The listening socket.
    pub socket: TcpListener,
    /// What clients that come through it are shown.
    pub endpoint: Endpoint,
    /// The workers.
    pub workers: Vec<Handoff>,
    /// The node.
    pub shared: Arc<Shared>,
}

/// A listening socket on this address.
///
/// # Errors
/// The address cannot be listened on: in use, or not this machine's.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

impl Listener {
    /// Accepts until the node stops.
    pub async fn run(self) {
        loop {
            let accepted = tokio::select! {
                accepted = self.socket.accept() => accepted,
                () = self.shared.stop.cancelled() => return,
            };
            match accepted {
                Ok((stream, address)) => self.deal(stream, address),
                Err(error) => {
                    // Out of descriptors, most likely: connections that end make room.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn deal(&self, stream: TcpStream, address: SocketAddr) {
        let max = self.shared.tunables.clients_max.load(Ordering::Relaxed);
        let local = stream.local_addr().unwrap_or(address);
        let prepared = prepare(&stream).and_then(|()| stream.into_std());
        let Ok(stream) = prepared else { return };
        let now = self.shared.clock.now();
        match self.shared.registry.admit((address, local), now, max) {
            Some(card) => self.hand_over(stream, card),
            None => refuse(stream, b"-ERR max number of clients reached\r\n"),
        }
    }

    fn hand_over(&self, stream: std::net::TcpStream, card: Arc<Card>) {
        let Some(worker) =
            self.workers.iter().min_by_key(|worker| worker.connections.load(Ordering::Relaxed))
        else {
            return;
        };
        worker.connections.fetch_add(1, Ordering::Relaxed);
        if let Err(error) = worker.sender.try_send(Dealt::Client(stream, card, self.endpoint)) {
            worker.connections.fetch_sub(1, Ordering::Relaxed);
            let Dealt::Client(stream, card, _) = error.into_inner() else { return };
            self.shared.registry.remove(card.id);
            refuse(stream, b"-ERR too many connections at once, try again\r\n");
        }
    }
}

/// Replies leave at once, and a peer that vanished is noticed in the end.
fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let keepalive = socket2::TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 3);
    socket2::SockRef::from(stream).set_tcp_keepalive(&keepalive)
}

/// Tells a client why it is turned away. Its socket is new, so a short line goes out without waiting; if not, it is
/// turned away in silence.
fn refuse(mut stream: std::net::TcpStream, line: &[u8]) {
    let _ = stream.write(line);
}

const BACKLOG: u32 = 4_096;
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);
const KEEPALIVE: Duration = Duration::from_secs(300);
