//! A client of the simulated cluster: keeps one connection to some node, sends pipelines, reads their replies. What it asks for
//! is the workload's part.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use fastrand::Rng;
use larder_node::net::{Network, Stream};
use tokio::time::timeout;

use super::network::HostNetwork;
use crate::history::Words;
use crate::reply::{self, Node};
use crate::wire::encode;

/// One client.
#[derive(Debug)]
pub struct Client {
    network: HostNetwork,
    /// Where the nodes listen.
    nodes: Vec<SocketAddr>,
    random: Rng,
    connection: Option<Connection>,
}

#[derive(Debug)]
struct Connection {
    stream: Stream,
    /// Bytes that belong to no reply yet.
    pending: Vec<u8>,
}

impl Client {
    /// A client that is not connected yet.
    #[must_use]
    pub fn new(network: HostNetwork, nodes: Vec<SocketAddr>, random: Rng) -> Self {
        Self { network, nodes, random, connection: None }
    }

    /// Sends all of this at once and hands over the replies one by one. Whatever is not answered, because the connection broke or
    /// the time was over, is not handed over, and the connection is given up. Returns whether all was answered.
    pub async fn ask(&mut self, requests: &[Words], mut answered: impl FnMut(usize, Node)) -> bool {
        let done = timeout(ANSWER_TIME_MAX, self.converse(requests, &mut answered)).await;
        let done = matches!(done, Ok(Ok(())));
        if !done {
            self.connection = None;
        }
        done
    }

    /// Gives the connection up; the next request goes to another node, perhaps.
    pub fn move_on(&mut self) {
        self.connection = None;
    }

    /// Connects, if it is not connected; whether it is now.
    pub async fn connect(&mut self) -> bool {
        if self.connection.is_none() {
            let address = self.nodes[self.random.usize(0..self.nodes.len())];
            if let Ok(Ok(stream)) = timeout(CONNECT_TIME_MAX, self.network.connect(address)).await {
                self.connection = Some(Connection { stream, pending: Vec::new() });
            }
        }
        self.connection.is_some()
    }

    async fn converse(
        &mut self,
        requests: &[Words],
        answered: &mut impl FnMut(usize, Node),
    ) -> io::Result<()> {
        let connection = self.connection.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        let bytes: Vec<u8> = requests.iter().flat_map(|words| encode(words)).collect();
        let mut sent = 0;
        for number in 0..requests.len() {
            let node = connection.next(&bytes, &mut sent).await?;
            answered(number, node);
        }
        Ok(())
    }
}

impl Connection {
    /// The next reply; what is still to be sent is sent meanwhile.
    async fn next(&mut self, bytes: &[u8], sent: &mut usize) -> io::Result<Node> {
        loop {
            while *sent < bytes.len() {
                match self.stream.write(&bytes[*sent..])? {
                    0 => break,
                    written => *sent += written,
                }
            }
            let parsed = reply::parse(&self.pending).map_err(io::Error::other)?;
            if let Some((node, used)) = parsed {
                self.pending.drain(..used);
                return Ok(node);
            }
            self.wait(*sent < bytes.len()).await?;
        }
    }

    /// Waits until something was read, or until more can be written if there is more.
    async fn wait(&mut self, has_more: bool) -> io::Result<()> {
        let mut buffer = [0; 4096];
        let Self { stream, pending } = self;
        poll_fn(|cx| {
            if let std::task::Poll::Ready(read) = stream.poll_read(cx, &mut buffer) {
                return std::task::Poll::Ready(match read? {
                    0 => Err(io::ErrorKind::UnexpectedEof.into()),
                    read => {
                        pending.extend_from_slice(&buffer[..read]);
                        Ok(())
                    }
                });
            }
            if has_more { stream.poll_write_ready(cx) } else { std::task::Poll::Pending }
        })
        .await
    }
}

/// Longer than a node lets a request wait for an owner.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(20);
const CONNECT_TIME_MAX: Duration = Duration::from_secs(1);
