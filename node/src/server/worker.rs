//! A worker: a thread with a runtime of its own and the connections that were dealt to it. Any worker serves any key.
//!
//! Its task takes up connections until the node stops; each connection is a task on the same thread. The thread ends
//! once all of them have.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
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
use super::connection::Connection;
use super::node::Shared;
use super::post::Post;
use super::statistics::WorkerStatistics;
use crate::limits::{HANDOFF_MAX, READ_BYTES, REPLY_BYTES_SOFT_MAX};

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
}

impl WorkerState {
    /// Sends the replies of this turn, as far as the clients take them.
    pub(super) fn deliver(&self) {
        self.post.borrow_mut().deliver(&self.statistics);
    }
}

/// A connection on its way to a worker.
pub(super) type Dealt = (std::net::TcpStream, Arc<Card>);

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
                let state = Rc::new(self.state(connections));
                if tell.send(Ok(())).is_ok() {
                    runtime.block_on(work(state, receiver));
                }
            }
            Err(error) => drop(tell.send(Err(error))),
        })?;
        told.recv().unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))?;
        Ok(WorkerHandle { handoff, thread })
    }

    fn state(self, connections: Arc<AtomicUsize>) -> WorkerState {
        let statistics = self.shared.statistics.worker(self.number);
        self.shared.store.memory().count_buffers((READ_BYTES + REPLY_BYTES_SOFT_MAX) as i64);
        WorkerState {
            shared: self.shared,
            statistics,
            random: RefCell::new(Rng::with_seed(self.seed)),
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
async fn work(state: Rc<WorkerState>, receiver: mpsc::Receiver<Dealt>) {
    let carrier = spawn_local(carry(Rc::clone(&state)));
    take_up(Rc::clone(&state), receiver).await;
    carrier.abort();
    state.deliver();
}

/// Sends the replies of each turn. Woken by the first of them, it stands behind all connections that were ready then.
async fn carry(state: Rc<WorkerState>) {
    poll_fn(|cx| {
        state.post.borrow_mut().carry_with(cx.waker());
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
            dealt = receiver.recv() => dealt,
            () = stop.cancelled() => None,
        };
        let Some((stream, card)) = dealt else { break };
        match TcpStream::from_std(stream) {
            Ok(stream) => {
                tasks.spawn_local(Connection::new(stream, card, Rc::clone(&state)).serve());
            }
            Err(error) => {
                tracing::warn!(%error, "cannot take up a connection");
                state.shared.registry.remove(card.id);
                state.connections.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }
    state.stopping.set(true);
    state.shared.registry.wake_all();
    tasks.close();
    tasks.wait().await;
}

/// Tasks that run before the sockets are looked at again, though others are ready: as many as an echo server would take
/// from one look.
const TASKS_PER_LOOK: u32 = 256;
