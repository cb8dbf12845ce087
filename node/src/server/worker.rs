//! A worker: a thread with a runtime of its own and the connections that were dealt to it. Any worker serves any key.
//!
//! Its task takes up connections until the node stops; each connection is a task on the same thread. The thread ends
//! once all of them have.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::thread::{self, JoinHandle};

use fastrand::Rng;
use tokio::net::TcpStream;
use tokio::runtime::{LocalOptions, LocalRuntime};
use tokio::sync::mpsc;
use tokio::task::spawn_local;
use tokio_util::task::TaskTracker;

use super::batch::Reader;
use super::clients::Card;
use super::clustered::{self, Clustered};
use super::connection::Connection;
use super::host;
use super::node::Shared;
use super::post::Post;
use super::statistics::WorkerStatistics;
use crate::commands::cluster::Endpoint;
use crate::limits::{HANDOFF_MAX, READ_BYTES, REPLY_BYTES_SOFT_MAX};
use crate::link::Link;
use crate::net::Stream;

/// What a worker is made of.
pub struct Worker {
    /// The worker's place among all, from 0.
    pub number: usize,
    /// The node.
    pub shared: Arc<Shared>,
    /// Seed of the worker's random choices.
    pub seed: u64,
}

/// What the connections of a worker share. They run on one thread, and none holds a borrow while it waits.
pub(super) struct WorkerState {
    pub(super) shared: Arc<Shared>,
    pub(super) statistics: Arc<WorkerStatistics>,
    pub(super) random: RefCell<Rng>,
    /// Where bytes are read to.
    pub(super) scratch: RefCell<Box<[u8]>>,
    /// Where replies are written before they are sent.
    pub(super) post: RefCell<Post>,
    /// Reads the requests of whichever connection runs; one in the middle of a request keeps it.
    pub(super) reader: Cell<Option<Box<Reader>>>,
    /// Set when the node stops, before the connections are woken.
    pub(super) stopping: Cell<bool>,
    pub(super) connections: Arc<AtomicUsize>,
    /// Where the node is one of several.
    pub(super) clustered: Option<Clustered>,
}

impl WorkerState {
    /// Sends the replies of this turn, as far as the clients take them.
    pub(super) fn deliver(&self) {
        self.post.borrow_mut().deliver(&self.statistics);
    }
}

/// A connection on its way to a worker.
pub(super) enum Dealt {
    /// A client's, and the door it came through.
    Client(std::net::TcpStream, Arc<Card>, Endpoint),
    /// Another node's, for requests that it forwards.
    Node(Link),
}

/// A worker without a thread of its own, for who has one already: all its tasks run in the `LocalSet` or the local runtime
/// of the caller.
#[derive(Clone)]
pub struct LocalWorker {
    state: Rc<WorkerState>,
    number: usize,
}

impl LocalWorker {
    /// Sends the replies of each turn, and looks at what waits for the cluster; for as long as it is polled. Nothing works
    /// without it.
    pub async fn run(&self) {
        let carrier = carry(Rc::clone(&self.state));
        let watcher = clustered::watch(Rc::clone(&self.state), self.number);
        let (mut carrier, mut watcher) = (pin!(carrier), pin!(watcher));
        poll_fn(|cx| {
            let _ = (watcher.as_mut().poll(cx), carrier.as_mut().poll(cx));
            Poll::<()>::Pending
        })
        .await;
    }

    /// Serves a client until either side ends the connection. `false` if there are too many clients.
    pub async fn serve(&self, stream: Stream, addresses: (SocketAddr, SocketAddr), door: Endpoint) -> bool {
        let shared = &self.state.shared;
        let most = shared.tunables.clients_max.load(Ordering::Relaxed);
        let Some(card) = shared.registry.admit(addresses, shared.clock.now(), most) else { return false };
        self.state.connections.fetch_add(1, Ordering::Relaxed);
        Connection::new(stream, (card, door), Rc::clone(&self.state)).serve().await;
        true
    }

    /// Serves what another node forwards, until the link ends.
    pub async fn serve_node(&self, link: Link) {
        host::serve(Rc::clone(&self.state), link).await;
    }

    /// Tells the connections that the node stops: they answer what has come, and end.
    pub fn stop(&self) {
        self.state.stopping.set(true);
        self.state.shared.registry.wake_all();
    }
}

impl Handoff {
    /// Connections that the worker serves.
    #[must_use]
    pub fn load(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Deals a link from another node to the worker; whether it took it. It is broken off otherwise.
    #[must_use]
    pub fn deal_link(&self, link: Link) -> bool {
        self.sender.try_send(Dealt::Node(link)).is_ok()
    }
}

/// Deals connections to a worker.
#[derive(Clone, Debug)]
pub struct Handoff {
    pub(super) connections: Arc<AtomicUsize>,
    pub(super) sender: mpsc::Sender<Dealt>,
}

/// A running worker.
#[derive(Debug)]
pub struct WorkerHandle {
    /// Deals connections to it.
    pub handoff: Handoff,
    /// Ends when the worker's last connection has.
    pub thread: JoinHandle<()>,
}

impl Worker {
    /// Starts the thread.
    ///
    /// # Errors
    /// The machine gives no thread or no runtime.
    pub fn start(self) -> io::Result<WorkerHandle> {
        let (sender, receiver) = mpsc::channel(HANDOFF_MAX);
        let connections = Arc::new(AtomicUsize::new(0));
        let handoff = Handoff { connections: Arc::clone(&connections), sender };
        let name = format!("larder-{}", self.number);
        // The runtime belongs to its thread, which tells whether it has one.
        let (tell, told) = std::sync::mpsc::sync_channel(1);
        let thread = thread::Builder::new().name(name).spawn(move || match runtime() {
            Ok(runtime) => {
                let number = self.number;
                let state = Rc::new(self.state(connections));
                if tell.send(Ok(())).is_ok() {
                    runtime.block_on(work(state, number, receiver));
                }
            }
            Err(error) => drop(tell.send(Err(error))),
        })?;
        told.recv().unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))?;
        Ok(WorkerHandle { handoff, thread })
    }

    /// The worker without its thread.
    #[must_use]
    pub fn local(self) -> LocalWorker {
        let number = self.number;
        LocalWorker { state: Rc::new(self.state(Arc::default())), number }
    }

    fn state(self, connections: Arc<AtomicUsize>) -> WorkerState {
        let statistics = self.shared.statistics.worker(self.number);
        self.shared.store.memory().count_buffers((READ_BYTES + REPLY_BYTES_SOFT_MAX) as i64);
        let mut random = Rng::with_seed(self.seed);
        let clustered = self.shared.region.as_ref();
        let clustered = clustered.map(|region| Clustered::new(Arc::clone(region), random.u64(..)));
        WorkerState {
            shared: self.shared,
            statistics,
            random: RefCell::new(random),
            clustered,
            scratch: RefCell::new(vec![0; READ_BYTES].into_boxed_slice()),
            post: RefCell::default(),
            reader: Cell::default(),
            stopping: Cell::new(false),
            connections,
        }
    }
}

/// A runtime whose tasks stay on this thread.
fn runtime() -> io::Result<LocalRuntime> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().event_interval(TASKS_PER_LOOK).build_local(LocalOptions::default())
}

/// Serves connections until the node has stopped.
async fn work(state: Rc<WorkerState>, number: usize, receiver: mpsc::Receiver<Dealt>) {
    let carrier = spawn_local(carry(Rc::clone(&state)));
    let watcher = spawn_local(clustered::watch(Rc::clone(&state), number));
    take_up(Rc::clone(&state), receiver).await;
    carrier.abort();
    watcher.abort();
    state.deliver();
}

/// Sends the replies of each turn. Woken by the first of them, it stands behind all connections that were ready then.
async fn carry(state: Rc<WorkerState>) {
    poll_fn(|cx| {
        state.post.borrow_mut().carry_with(cx.waker());
        state.clustered.iter().for_each(Clustered::end_turn);
        state.deliver();
        Poll::Pending
    })
    .await
}

/// Takes up connections until the node stops, then waits for those that are open.
async fn take_up(state: Rc<WorkerState>, mut receiver: mpsc::Receiver<Dealt>) {
    let tasks = TaskTracker::new();
    let stop = state.shared.stop.clone();
    loop {
        let dealt = tokio::select! {
            biased;
            dealt = receiver.recv() => dealt,
            () = stop.cancelled() => None,
        };
        match dealt {
            None => break,
            Some(Dealt::Client(stream, card, endpoint)) => {
                take_client(&state, &tasks, stream, (card, endpoint))
            }
            Some(Dealt::Node(link)) => match link.at_home() {
                Ok(link) => drop(spawn_local(host::serve(Rc::clone(&state), link))),
                Err(error) => tracing::warn!(%error, "cannot take up a link from another node"),
            },
        }
    }
    state.stopping.set(true);
    state.shared.registry.wake_all();
    tasks.close();
    tasks.wait().await;
}

fn take_client(
    state: &Rc<WorkerState>,
    tasks: &TaskTracker,
    stream: std::net::TcpStream,
    (card, endpoint): (Arc<Card>, Endpoint),
) {
    match TcpStream::from_std(stream) {
        Ok(stream) => {
            let stream = Stream::Tcp(stream);
            tasks.spawn_local(Connection::new(stream, (card, endpoint), Rc::clone(state)).serve());
        }
        Err(error) => {
            tracing::warn!(%error, "cannot take up a connection");
            state.shared.registry.remove(card.id);
            state.connections.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// Tasks that run before the sockets are looked at again, though others are ready: as many as an echo server would take
/// from one look.
const TASKS_PER_LOOK: u32 = 256;
