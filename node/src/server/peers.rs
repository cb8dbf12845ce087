//! The links of one worker to the nodes that serve what its clients ask for. Requests of a turn leave together; answers are
//! given to the connections that wait for them.
//!
//! ```text
//!   none ── first request ──► connecting ──► up ── broken, silent for too long ──► none
//!                                 └── failed ──► none, for a moment
//! ```

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use larder_proto::topology::NodeId;
use tokio::task::spawn_local;
use tokio::time::{Instant, Sleep, sleep, timeout};

use super::connection::Link;
use super::messages::{Answer, FAREWELL, FORWARD, Forward, REPLY, UNWATCH, encode_farewell};
use super::pending::Address;
use super::worker::WorkerState;
use crate::limits::{
    FORWARD_BYTES_MAX, FORWARD_SILENCE_MAX, FORWARDS_MAX, FRAMES_PER_TURN, PEER_CONNECT_TIME, PEER_PAUSE,
};
use crate::link::{FrameError, FrameReader, FrameWriter, LinkError};

/// All links of a worker.
#[derive(Default)]
pub(super) struct Peers(RefCell<BTreeMap<NodeId, Rc<Peer>>>);

struct Peer {
    node: NodeId,
    state: RefCell<PeerState>,
}

#[derive(Default)]
struct PeerState {
    /// While the link is up.
    writer: Option<FrameWriter>,
    /// Whether a task has the link, or is opening it.
    attended: bool,
    /// When it may be opened again.
    not_before: Option<Instant>,
    /// Its task, to be woken when there is something to send.
    task: Option<Waker>,
    /// Requests that are not answered, from number `first` on.
    flights: VecDeque<Option<Flight>>,
    first: u64,
    /// Answers that have come.
    answers: u64,
    /// Since when the oldest that waits may have been waiting: set when a request is sent and none was under way.
    waits_since: Option<Instant>,
    /// Bytes of memory that the store was told of.
    counted_bytes: usize,
    /// Links that have been up.
    links: u64,
}

/// Who waits for an answer.
pub(super) struct Flight {
    pub(super) link: Rc<Link>,
    pub(super) address: Address,
}

impl Peers {
    /// Whether a request to this node can be sent now. If there is no link, it is opened.
    pub(super) fn is_ready(&self, worker: &Rc<WorkerState>, node: NodeId) -> bool {
        self.has_link(worker, node, |state, writer| {
            state.flights.len() < FORWARDS_MAX && writer.queued_bytes() < FORWARD_BYTES_MAX
        })
    }

    /// Whether this node is reached at all. If there is no link, it is opened.
    pub(super) fn is_up(&self, worker: &Rc<WorkerState>, node: NodeId) -> bool {
        self.has_link(worker, node, |_, _| true)
    }

    fn has_link(
        &self,
        worker: &Rc<WorkerState>,
        node: NodeId,
        will_do: impl FnOnce(&PeerState, &FrameWriter) -> bool,
    ) -> bool {
        let peer = Rc::clone(self.0.borrow_mut().entry(node).or_insert_with(|| Rc::new(Peer::new(node))));
        let mut state = peer.state.borrow_mut();
        if let Some(writer) = &state.writer {
            return will_do(&state, writer);
        }
        let early = state.not_before.is_some_and(|moment| Instant::now() < moment);
        if !state.attended && !early {
            state.attended = true;
            spawn_local(attend(Rc::clone(worker), Rc::clone(&peer)));
        }
        false
    }

    /// Puts a request behind others that leave at the end of the turn; its number. `None` if the link is not up.
    pub(super) fn send(&self, node: NodeId, forward: &Forward<'_>, flight: Flight) -> Option<u64> {
        let peers = self.0.borrow();
        let mut state = peers.get(&node)?.state.borrow_mut();
        let number = state.first + state.flights.len() as u64;
        let writer = state.writer.as_mut()?;
        if writer.queued_bytes() == 0
            && let Some(task) = &state.task
        {
            task.wake_by_ref();
        }
        let writer = state.writer.as_mut()?;
        writer.queue(FORWARD, |to| Forward { id: number, ..*forward }.encode(to));
        if state.flights.is_empty() {
            state.waits_since = Some(Instant::now());
        }
        state.flights.push_back(Some(flight));
        Some(number)
    }

    /// Lets all nodes forget a client.
    pub(super) fn farewell(&self, client: u64) {
        self.0.borrow().values().for_each(|peer| peer.tell(FAREWELL, client));
    }

    /// Lets a node end the watches of a client.
    pub(super) fn unwatch(&self, node: NodeId, client: u64) {
        self.0.borrow().get(&node).into_iter().for_each(|peer| peer.tell(UNWATCH, client));
    }

    /// Which link to this node is up; another number is another link. 0 for none.
    pub(super) fn link(&self, node: NodeId) -> u64 {
        self.0.borrow().get(&node).map_or(0, |peer| {
            let state = peer.state.borrow();
            if state.writer.is_some() { state.links } else { 0 }
        })
    }
}

impl Peer {
    fn new(node: NodeId) -> Self {
        Self { node, state: RefCell::default() }
    }

    fn tell(&self, kind: u8, client: u64) {
        let mut state = self.state.borrow_mut();
        if let Some(writer) = &mut state.writer {
            writer.queue(kind, |to| encode_farewell(client, to));
        }
        if let Some(task) = &state.task {
            task.wake_by_ref();
        }
    }

    /// Gives an answer to who waits for it; to whom, if to anybody.
    fn take_answer(&self, kind: u8, message: &[u8]) -> Result<Option<Rc<Link>>, LinkError> {
        if kind != REPLY {
            return Err(FrameError::Kind(kind).into());
        }
        let answer = Answer::decode(message).ok_or(FrameError::Message("answer"))?;
        let Some(Flight { link, address }) = self.state.borrow_mut().land(answer.id) else {
            return Ok(None);
        };
        if let Some(pending) = link.pending.borrow_mut().as_mut() {
            let what = (answer.verdict, answer.missing, answer.reply);
            pending.answer(address, (self.node, answer.id), what);
        }
        Ok(Some(link))
    }

    /// Takes in answers that have come, at most so many in one turn. Who got some.
    fn take_answers(
        &self,
        reader: &mut FrameReader,
        cx: &mut Context<'_>,
    ) -> Result<Vec<Rc<Link>>, LinkError> {
        let mut touched: Vec<Rc<Link>> = Vec::new();
        for _ in 0..FRAMES_PER_TURN {
            let Poll::Ready(frame) = reader.poll_frame(cx) else { return Ok(touched) };
            let frame = frame?;
            if let Some(link) = self.take_answer(frame.kind, frame.payload)?
                && !touched.last().is_some_and(|last| Rc::ptr_eq(last, &link))
            {
                touched.push(link);
            }
        }
        cx.waker().wake_by_ref();
        Ok(touched)
    }

    /// Whether requests wait for answers and none has come since the timer was set.
    fn is_silent(&self, timer: &mut std::pin::Pin<&mut Sleep>, seen: &mut u64, cx: &mut Context<'_>) -> bool {
        if timer.as_mut().poll(cx).is_pending() {
            return false;
        }
        let now = Instant::now();
        let state = self.state.borrow();
        // A link that was idle begins to be silent with the first request.
        let due = state.waits_since.map_or(now, |since| since + FORWARD_SILENCE_MAX);
        timer.as_mut().reset(if due > now { due } else { now + FORWARD_SILENCE_MAX });
        let _ = timer.as_mut().poll(cx);
        let silent = state.answers == *seen && !state.flights.is_empty() && due <= now;
        *seen = state.answers;
        silent
    }
}

impl PeerState {
    /// How much more memory the link takes than was told, or less: of what comes in and what goes out.
    fn growth(&mut self, reader_bytes: usize) -> i64 {
        let bytes = reader_bytes + self.writer.as_ref().map_or(0, FrameWriter::buffer_bytes);
        let growth = bytes as i64 - self.counted_bytes as i64;
        self.counted_bytes = bytes;
        growth
    }

    /// Who waits for the answer with this number.
    fn land(&mut self, number: u64) -> Option<Flight> {
        self.answers += 1;
        let place = usize::try_from(number.checked_sub(self.first)?).ok()?;
        let flight = self.flights.get_mut(place)?.take();
        while matches!(self.flights.front(), Some(None)) {
            self.flights.pop_front();
            self.first += 1;
        }
        flight
    }
}

/// Opens a link and serves it until it ends. Whoever waits for it then, or for an answer, is told.
async fn attend(worker: Rc<WorkerState>, peer: Rc<Peer>) {
    let Some(clustered) = worker.clustered.as_ref() else { return };
    let opened = timeout(PEER_CONNECT_TIME, clustered.region.connect(peer.node)).await;
    let error = match opened.unwrap_or(Err(LinkError::Late)) {
        Ok(link) => {
            let (reader, writer) = link.split();
            {
                let mut state = peer.state.borrow_mut();
                state.writer = Some(writer);
                state.links += 1;
            }
            worker.wake_waiting();
            serve(&worker, &peer, reader).await
        }
        Err(error) => error,
    };
    tracing::debug!(node = peer.node.0, %error, "a link for requests is down");
    let flights = {
        let mut state = peer.state.borrow_mut();
        state.writer = None;
        let given_back = state.growth(0);
        worker.shared.store.memory().count_buffers(given_back);
        state.attended = false;
        state.task = None;
        state.not_before = Some(Instant::now() + PEER_PAUSE);
        let first = state.first;
        state.first += state.flights.len() as u64;
        std::mem::take(&mut state.flights)
            .into_iter()
            .enumerate()
            .map(move |(at, flight)| (first + at as u64, flight))
    };
    for (number, flight) in flights {
        let Some(Flight { link, address }) = flight else { continue };
        if let Some(pending) = link.pending.borrow_mut().as_mut() {
            pending.broken(address, (peer.node, number));
        }
        worker.settle(&link);
    }
    worker.wake_waiting();
}

async fn serve(worker: &WorkerState, peer: &Peer, mut reader: FrameReader) -> LinkError {
    let mut timer = pin!(sleep(FORWARD_SILENCE_MAX));
    let mut seen = 0;
    poll_fn(|cx| {
        peer.state.borrow_mut().task = Some(cx.waker().clone());
        match peer.take_answers(&mut reader, cx) {
            Ok(touched) => touched.iter().for_each(|link| worker.settle(link)),
            Err(error) => return Poll::Ready(error),
        }
        if let Some(writer) = &mut peer.state.borrow_mut().writer
            && let Poll::Ready(Err(error)) = writer.poll_flush(cx)
        {
            return Poll::Ready(error);
        }
        let growth = peer.state.borrow_mut().growth(reader.buffer_bytes());
        if growth != 0 {
            worker.shared.store.memory().count_buffers(growth);
        }
        if peer.is_silent(&mut timer, &mut seen, cx) {
            return Poll::Ready(LinkError::Late);
        }
        Poll::Pending
    })
    .await
}
