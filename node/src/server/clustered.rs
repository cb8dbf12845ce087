//! What a worker has beside its connections where its node is one of several: its custody, the numbers of its writes, its
//! links to other nodes, and the connections whose replies wait.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};

use super::connection::Link;
use super::hands::Spare;
use super::numbers::Numbers;
use super::peers::Peers;
use super::post::Post;
use super::region::Region;
use super::runs::Runs;
use super::worker::WorkerState;
use crate::commands::ports::{Custody, Origin, WriteId};
use crate::limits::POST_HELD_NS_MAX;

/// The worker's share of the cluster.
pub(super) struct Clustered {
    pub(super) region: Arc<dyn Region>,
    pub(super) custody: RefCell<Box<dyn Custody>>,
    pub(super) numbers: RefCell<Numbers>,
    pub(super) peers: Peers,
    pub(super) spare: RefCell<Spare>,
    pub(super) runs: RefCell<Runs>,
    /// Connections whose replies wait, or that wait for a place.
    waiting: RefCell<Vec<Rc<Link>>>,
    /// Tasks of links from other nodes, which wait for tickets too.
    listeners: RefCell<BTreeMap<u64, Waker>>,
    last_listener: Cell<u64>,
    /// When the first batch of this turn ended; 0 before.
    turn_since_ns: Cell<u64>,
}

impl Clustered {
    pub(super) fn new(region: Arc<dyn Region>, run: u64) -> Self {
        let custody = region.custody();
        Self {
            region,
            custody: RefCell::new(custody),
            numbers: RefCell::new(Numbers::new(Origin { node: 0, run })),
            peers: Peers::default(),
            spare: RefCell::default(),
            runs: RefCell::default(),
            waiting: RefCell::default(),
            listeners: RefCell::default(),
            last_listener: Cell::new(0),
            turn_since_ns: Cell::new(0),
        }
    }

    /// A connection has run a batch. What the batches of a turn changed goes to the copies together, as their replies to
    /// clients do; a long turn does not hold it all.
    pub(super) fn note_batch(&self, ended_ns: u64, post: &Post) {
        match self.turn_since_ns.get() {
            0 => {
                self.turn_since_ns.set(ended_ns);
                post.call();
            }
            since if ended_ns.saturating_sub(since) >= POST_HELD_NS_MAX => self.end_turn(),
            _ => {}
        }
    }

    /// The turn is over.
    pub(super) fn end_turn(&self) {
        if self.turn_since_ns.take() > 0 {
            self.custody.borrow_mut().end_turn();
        }
    }

    /// Has this connection looked at whenever something changes, until nothing of it waits.
    pub(super) fn list(&self, link: &Rc<Link>) {
        let mut pending = link.pending.borrow_mut();
        let pending = pending.get_or_insert_default();
        if !pending.listed {
            pending.listed = true;
            self.waiting.borrow_mut().push(Rc::clone(link));
        }
    }

    /// The number of a write.
    pub(super) fn number(&self) -> WriteId {
        let mut numbers = self.numbers.borrow_mut();
        numbers.name(self.region.own().map_or(0, |node| node.0));
        numbers.next(self.region.epoch())
    }

    /// A number under which a task listens.
    pub(super) fn next_listener(&self) -> u64 {
        self.last_listener.set(self.last_listener.get() + 1);
        self.last_listener.get()
    }

    /// Wakes this task whenever something changes.
    pub(super) fn listen(&self, number: u64, waker: &Waker) {
        self.listeners.borrow_mut().insert(number, waker.clone());
    }

    pub(super) fn stop_listening(&self, number: u64) {
        self.listeners.borrow_mut().remove(&number);
    }
}

impl WorkerState {
    /// Sends what can be sent of the replies of a connection that wait, and wakes it if it has to do something itself.
    pub(super) fn settle(&self, link: &Rc<Link>) {
        self.drain(link);
        let needs = |pending: &super::pending::Pending| pending.has_again() || pending.stalled;
        if link.pending.borrow().as_ref().is_some_and(|pending| needs(pending)) {
            link.card.wake();
        }
    }

    /// Sends what can be sent of the replies of a connection that wait.
    pub(super) fn drain(&self, link: &Rc<Link>) {
        let Some(clustered) = &self.clustered else { return };
        let mut pending = link.pending.borrow_mut();
        let Some(pending) = pending.as_mut().filter(|pending| !pending.is_empty()) else { return };
        let region = &*clustered.region;
        pending.sweep(region);
        let mut post = self.post.borrow_mut();
        let (numbers, runs) = (&mut clustered.numbers.borrow_mut(), &mut clustered.runs.borrow_mut());
        pending.drain(region, (numbers, runs), post.desk());
        self.shared.store.memory().count_buffers(pending.growth());
        post.hand_in(link, self.shared.clock.monotonic_ns(), &self.statistics);
    }

    /// Looks at all connections whose replies wait.
    fn settle_waiting(&self) {
        let Some(clustered) = &self.clustered else { return };
        let listed = std::mem::take(&mut *clustered.waiting.borrow_mut());
        for link in listed {
            self.settle(&link);
            let waits = link.pending.borrow_mut().as_mut().is_some_and(|pending| {
                pending.listed = !pending.is_empty() || pending.stalled;
                pending.listed
            });
            if waits {
                clustered.waiting.borrow_mut().push(link);
            }
        }
    }

    /// Wakes connections that wait for a place.
    pub(super) fn wake_waiting(&self) {
        let Some(clustered) = &self.clustered else { return };
        clustered.waiting.borrow().iter().for_each(|link| link.card.wake());
    }
}

/// Looks at what waits whenever the region says that something has changed.
pub(super) async fn watch(state: Rc<WorkerState>, number: usize) {
    let Some(clustered) = &state.clustered else { return };
    poll_fn(|cx| {
        clustered.region.watch(number, cx.waker());
        state.settle_waiting();
        clustered.listeners.borrow().values().for_each(Waker::wake_by_ref);
        Poll::Pending
    })
    .await
}
