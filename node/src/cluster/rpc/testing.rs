//! A network in memory for tests of the control plane: nodes by number, each at the port of the same number, connections
//! that can be cut, and ways that can be closed.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

use fastrand::Rng;
use larder_proto::topology::{ClusterId, Incarnation, NodeId};
use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::client::PeerParts;
use super::server::{Handler, serve};
use crate::link::testing::{Cut, pair};
use crate::link::{self, Introduction, Purpose, Secret, VERSIONS};
use crate::net::{Accept, Boxed, Network, Stream};

/// All that nodes share. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Hub(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    listening: BTreeMap<u64, mpsc::Sender<Stream>>,
    /// Open or once open connections: from, to.
    connections: Vec<(u64, u64, Cut)>,
    /// Ways on which nobody gets through, and nobody is told: from, to.
    closed: BTreeSet<(u64, u64)>,
    /// Connections that were opened.
    opened: usize,
}

impl Hub {
    /// Closes all ways between two groups; what is connected is cut.
    pub(crate) fn separate(&self, left: &[u64], right: &[u64]) {
        let mut state = self.0.lock();
        for (from, to) in left.iter().flat_map(|a| right.iter().flat_map(move |b| [(*a, *b), (*b, *a)])) {
            state.closed.insert((from, to));
        }
        let State { connections, closed, .. } = &mut *state;
        connections.retain(|(from, to, cut)| {
            let stays = !closed.contains(&(*from, *to));
            if !stays {
                cut.cut();
            }
            stays
        });
    }

    /// Opens all ways.
    pub(crate) fn join(&self) {
        self.0.lock().closed.clear();
    }

    /// The process is gone: nobody listens, and its connections end.
    pub(crate) fn remove(&self, node: u64) {
        let mut state = self.0.lock();
        state.listening.remove(&node);
        state.connections.retain(|(from, to, cut)| {
            let stays = *from != node && *to != node;
            if !stays {
                cut.cut();
            }
            stays
        });
    }

    pub(crate) fn opened(&self) -> usize {
        self.0.lock().opened
    }

    /// How a node sees the network.
    pub(crate) fn of(&self, own: u64) -> Arc<dyn Network> {
        Arc::new(Seen { hub: self.clone(), own })
    }

    /// What a node calls others with.
    pub(crate) fn parts(&self, own: u64) -> PeerParts {
        PeerParts {
            network: self.of(own),
            secret: Arc::new(secret()),
            own: Rc::new(move || introduction(own)),
            random: RefCell::new(Rng::with_seed(own)),
        }
    }

    /// Listens; what others open comes out here.
    pub(crate) fn listen(&self, own: u64) -> mpsc::Receiver<Stream> {
        let (sender, streams) = mpsc::channel(64);
        self.0.lock().listening.insert(own, sender);
        streams
    }

    /// Listens and answers with the handler, until the task is aborted.
    pub(crate) fn answer(&self, own: u64, handler: Rc<dyn Handler>) -> tokio::task::JoinHandle<()> {
        let mut streams = self.listen(own);
        tokio::task::spawn_local(async move {
            let mut serving = tokio::task::JoinSet::new();
            while let Some(stream) = streams.recv().await {
                let handler = Rc::clone(&handler);
                serving.spawn_local(async move {
                    let mut random = Rng::with_seed(own);
                    let called = link::answer(stream, &secret(), |_| introduction(own), &mut random).await;
                    if let Ok((link, theirs)) = called {
                        serve(link, theirs, handler).await;
                    }
                });
            }
        })
    }
}

pub(crate) fn secret() -> Secret {
    Secret::new("for tests")
}

pub(crate) fn introduction(own: u64) -> Introduction {
    Introduction {
        versions: VERSIONS,
        region: "test".to_owned(),
        cluster: Some(ClusterId(1)),
        node: Some(NodeId(own)),
        incarnation: Incarnation(own),
        purpose: Purpose::Control,
    }
}

struct Seen {
    hub: Hub,
    own: u64,
}

impl Network for Seen {
    fn resolve<'a>(&'a self, _: &'a str, port: u16) -> Boxed<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { Ok(vec![(Ipv4Addr::LOCALHOST, port).into()]) })
    }

    fn connect(&self, address: SocketAddr) -> Boxed<'_, io::Result<Stream>> {
        let to = u64::from(address.port());
        Box::pin(async move {
            if self.hub.0.lock().closed.contains(&(self.own, to)) {
                // Nobody says anything.
                return std::future::pending().await;
            }
            let mut state = self.hub.0.lock();
            let listening = state.listening.get(&to).cloned().ok_or(io::ErrorKind::ConnectionRefused)?;
            let (ours, theirs, cut) = pair(PIPE_BYTES);
            state.connections.push((self.own, to, cut));
            state.opened += 1;
            listening.try_send(theirs).map_err(|_| io::ErrorKind::ConnectionRefused)?;
            Ok(ours)
        })
    }

    fn listen(&self, _: SocketAddr) -> io::Result<Box<dyn Accept>> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

const PIPE_BYTES: usize = 64 * 1024;
