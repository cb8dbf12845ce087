//! The side of a control connection that asks: one task for each node that is called, which connects when there is
//! something to ask, and again when the connection is lost.
//!
//! The task: it owns the connection, hears of calls by a notification, and ends with its [`Client`].
//!
//! ```text
//! Idle ── a call ──► Connecting ── introduced ──► Connected ── broken, or silent though asked ──┐
//!  ▲                     └── refused, late ──► calls fail ──┐                                   │
//!  └──────────────────────────── a pause ◄──────────────────┴───────── calls fail ◄────────────┘
//! ```

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use larder_proto::topology::NodeId;
use prost::Message;
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::messages::{ANSWER, Answer, REQUEST, Request};
use super::server::Refusal;
use crate::limits::{
    CONNECT_TIME_MAX, CONTROL_BATCH_BYTES, CONTROL_CALLS_MAX, CONTROL_PAUSE_MAX, CONTROL_PAUSE_MIN,
    CONTROL_SILENCE_MAX,
};
use crate::link::{self, FrameError, FrameReader, FrameWriter, Introduction, Link, LinkError, Secret};
use crate::net::Network;

/// What connections are made with.
pub struct PeerParts {
    /// Where they come from.
    pub network: Arc<dyn Network>,
    /// The cluster's secret.
    pub secret: Arc<Secret>,
    /// What this node says of itself, at the time of the call.
    pub own: Rc<dyn Fn() -> Introduction>,
    /// For challenges and pauses.
    pub random: RefCell<Rng>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallError {
    /// No address of this node is known.
    Unknown,
    /// Too many calls wait for this node already.
    Busy,
    /// No connection: it was refused, or nobody is there. The text says why and what to do.
    Unreachable(String),
    /// The connection was lost while the call waited; the node may have carried it out.
    Broken(String),
    /// The time is over; the node may have carried it out, or yet do so.
    Late,
    /// The node says no.
    Refused(Refusal),
}

impl CallError {
    /// Whether the node cannot have seen the request.
    #[must_use]
    pub const fn is_unsent(&self) -> bool {
        matches!(self, Self::Unknown | Self::Busy | Self::Unreachable(_))
    }
}

/// Calls one node.
pub(super) struct Client {
    shared: Rc<Shared>,
    _task: AbortOnDropHandle<()>,
}

/// Between those who call and the task. Both change it, on one thread.
struct Shared {
    /// Calls without an answer, by number.
    waiting: RefCell<BTreeMap<u64, Waiting>>,
    /// Numbers of those that are not sent yet, in order.
    unsent: RefCell<VecDeque<u64>>,
    next_number: Cell<u64>,
    /// There is something to send, or the connection is to be given up.
    wake: Notify,
    give_up: Notify,
    /// When something last came, or the connection began.
    heard: Cell<Option<Instant>>,
}

struct Waiting {
    request: Option<Request>,
    answer: oneshot::Sender<Result<Vec<u8>, CallError>>,
}

impl Client {
    pub(super) fn start(
        parts: Rc<PeerParts>,
        node: Option<NodeId>,
        address: impl Fn() -> Option<(String, u16)> + 'static,
    ) -> Self {
        let shared = Rc::new(Shared {
            waiting: RefCell::default(),
            unsent: RefCell::default(),
            next_number: Cell::new(1),
            wake: Notify::new(),
            give_up: Notify::new(),
            heard: Cell::new(None),
        });
        let keeper = Keeper { parts, node, address, shared: Rc::clone(&shared) };
        let task = tokio::task::spawn_local(keeper.run());
        Self { shared, _task: AbortOnDropHandle::new(task) }
    }

    pub(super) async fn call(
        &self,
        kind: u8,
        body: Vec<u8>,
        time_max: Duration,
    ) -> Result<Vec<u8>, CallError> {
        if self.shared.waiting.borrow().len() >= CONTROL_CALLS_MAX {
            return Err(CallError::Busy);
        }
        let number = self.shared.next_number.replace(self.shared.next_number.get() + 1);
        let (answer, answered) = oneshot::channel();
        let request = Some(Request { number, kind: u32::from(kind), body });
        self.shared.waiting.borrow_mut().insert(number, Waiting { request, answer });
        self.shared.unsent.borrow_mut().push_back(number);
        // Whichever way this ends, the call waits no longer.
        let _given_up = GiveUp { shared: &self.shared, number };
        self.shared.wake.notify_one();
        match timeout(time_max, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(CallError::Unreachable("this node is stopping".to_owned())),
            Err(_) => {
                self.shared.look_for_silence();
                Err(CallError::Late)
            }
        }
    }
}

/// Takes a call out when nobody waits for it any more.
struct GiveUp<'c> {
    shared: &'c Shared,
    number: u64,
}

impl Drop for GiveUp<'_> {
    fn drop(&mut self) {
        let waited = self.shared.waiting.borrow_mut().remove(&self.number);
        if waited.is_some_and(|waiting| waiting.request.is_some()) {
            self.shared.unsent.borrow_mut().retain(|number| *number != self.number);
        }
    }
}

impl Shared {
    /// A call ran out of time. If nothing at all has come for long, the connection may be cut where nobody says so, and TCP
    /// would take long to notice: a new one is tried.
    fn look_for_silence(&self) {
        if self.heard.get().is_some_and(|heard| heard.elapsed() >= CONTROL_SILENCE_MAX) {
            self.give_up.notify_one();
        }
    }

    /// All of them.
    fn fail(&self, error: &CallError) {
        self.unsent.borrow_mut().clear();
        for (_, waiting) in std::mem::take(&mut *self.waiting.borrow_mut()) {
            let _ = waiting.answer.send(Err(error.clone()));
        }
    }

    /// Those that the other node may have seen. The others wait for the next connection.
    fn fail_sent(&self, error: &CallError) {
        for (_, waiting) in self.waiting.borrow_mut().extract_if(.., |_, waiting| waiting.request.is_none()) {
            let _ = waiting.answer.send(Err(error.clone()));
        }
    }

    fn is_idle(&self) -> bool {
        self.waiting.borrow().is_empty()
    }

    /// Moves what is to be sent to the writer, as far as it has room.
    fn queue(&self, writer: &mut FrameWriter) {
        let mut unsent = self.unsent.borrow_mut();
        while writer.queued_bytes() < CONTROL_BATCH_BYTES
            && let Some(number) = unsent.pop_front()
        {
            let mut waiting = self.waiting.borrow_mut();
            let Some(request) = waiting.get_mut(&number).and_then(|waiting| waiting.request.take()) else {
                continue;
            };
            writer.queue(REQUEST, |to| {
                // Writing to memory that grows cannot fail.
                let _ = request.encode(to);
            });
        }
    }

    fn answered(&self, answer: Answer) {
        // Nobody waits for an answer that comes too late.
        if let Some(waiting) = self.waiting.borrow_mut().remove(&answer.number) {
            let result = match answer.refusal {
                None => Ok(answer.body),
                Some(refusal) => Err(CallError::Refused(Refusal::new(refusal.code, refusal.text))),
            };
            let _ = waiting.answer.send(result);
        }
    }
}

/// The task.
struct Keeper<A> {
    parts: Rc<PeerParts>,
    /// Who has to answer; anybody if none.
    node: Option<NodeId>,
    address: A,
    shared: Rc<Shared>,
}

impl<A: Fn() -> Option<(String, u16)>> Keeper<A> {
    async fn run(self) {
        let mut pause = CONTROL_PAUSE_MIN;
        loop {
            while self.shared.is_idle() {
                self.shared.wake.notified().await;
            }
            match self.connect().await {
                Ok(link) => {
                    pause = CONTROL_PAUSE_MIN;
                    let reason = self.exchange(link).await;
                    self.shared.heard.set(None);
                    self.shared.fail_sent(&CallError::Broken(reason));
                }
                Err(error) => {
                    self.shared.fail(&error);
                    pause = (pause * 2).min(CONTROL_PAUSE_MAX);
                }
            }
            // Some of it by chance, so that nodes that lost each other do not all come back at the same moment.
            let part = self.parts.random.borrow_mut().u32(50..=100);
            sleep(pause * part / 100).await;
        }
    }

    async fn connect(&self) -> Result<Link, CallError> {
        let (host, port) = (self.address)().ok_or(CallError::Unknown)?;
        let unreachable =
            |error: &dyn fmt::Display| CallError::Unreachable(format!("{host}:{port}: {error}"));
        let resolving = timeout(CONNECT_TIME_MAX, self.parts.network.resolve(&host, port)).await;
        let addresses = resolving
            .map_err(|_| unreachable(&"the name takes too long to resolve"))?
            .map_err(|error| unreachable(&error))?;
        let mut last = unreachable(&"the name has no address");
        for address in addresses {
            match timeout(CONNECT_TIME_MAX, self.parts.network.connect(address)).await {
                Ok(Ok(stream)) => match self.introduce(stream).await {
                    Ok(link) => return Ok(link),
                    Err(error) => last = unreachable(&error),
                },
                Ok(Err(error)) => last = unreachable(&error),
                Err(_) => last = unreachable(&"nobody answers"),
            }
        }
        Err(last)
    }

    async fn introduce(&self, stream: crate::net::Stream) -> Result<Link, LinkError> {
        // Taken out, since it cannot be borrowed across a wait.
        let mut random = self.parts.random.borrow_mut().fork();
        let own = (self.parts.own)();
        let called = link::call(stream, &self.parts.secret, &own, self.node, &mut random).await;
        called.map(|(link, _)| link)
    }

    /// Until the connection ends; why.
    async fn exchange(&self, link: Link) -> String {
        let (reader, writer) = link.split();
        self.shared.heard.set(Some(Instant::now()));
        tokio::select! {
            biased;
            () = self.shared.give_up.notified() => "nothing has come for too long".to_owned(),
            error = self.read(reader) => error.to_string(),
            error = self.write(writer) => error.to_string(),
        }
    }

    async fn read(&self, mut reader: FrameReader) -> LinkError {
        loop {
            let answer = match reader.frame().await {
                Ok(frame) if frame.kind == ANSWER => Answer::decode(frame.payload),
                Ok(frame) => return FrameError::Kind(frame.kind).into(),
                Err(error) => return error,
            };
            self.shared.heard.set(Some(Instant::now()));
            match answer {
                Ok(answer) => self.shared.answered(answer),
                Err(_) => return FrameError::Message("answer").into(),
            }
        }
    }

    async fn write(&self, mut writer: FrameWriter) -> LinkError {
        loop {
            self.shared.queue(&mut writer);
            if writer.queued_bytes() == 0 {
                self.shared.wake.notified().await;
            } else if let Err(error) = writer.flush().await {
                return error;
            }
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("no address of the node is known"),
            Self::Busy => f.write_str("too many calls wait for the node"),
            Self::Unreachable(reason) => write!(f, "the node cannot be reached: {reason}"),
            Self::Broken(reason) => write!(f, "the connection to the node was lost: {reason}"),
            Self::Late => f.write_str("the node did not answer in time"),
            Self::Refused(refusal) => refusal.fmt(f),
        }
    }
}

impl std::error::Error for CallError {}
