//! One connection: reads what came, has it carried out, and hands the replies to the worker's post, which sends them.
//!
//! An idle connection owns no buffer. Bytes are read into the worker's scratch space and run there; only the beginning
//! of a request whose rest has not come is kept. Replies are written into the worker's post and sent from there; only
//! what the client does not take at once is kept.
//!
//! ```text
//!   waiting ── bytes ──► running ── replies sent ──► waiting
//!      │                    └── paused, unsent, turn over ──► running
//!      └── closed by the client, killed, idle too long, node stops ──► closed
//! ```

mod closing;
mod link;
mod outbox;
mod stalls;

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use larder_proto::resp::Out;
use larder_proto::time::Millis;
use tokio::time::{Instant, Sleep, sleep_until, timeout};

pub(super) use self::link::Link;
use super::batch::{Reader, Step};
use super::clients::Card;
use super::dispatch::{Dispatch, Stall};
use super::worker::WorkerState;
use crate::commands::cluster::Endpoint;
use crate::commands::perform::end_watches;
use crate::commands::session::Session;
use crate::limits::{
    CONNECTION_BYTES, IDLE_BUFFER_BYTES_MAX, READ_BYTES, REPLY_BYTES_SOFT_MAX, UNSENT_BYTES_MAX, UNSENT_SHARE,
};
use crate::net::Stream;

/// A connection. Its worker's thread alone touches it. What it rarely needs is in boxes, so that an idle one is small.
pub(super) struct Connection {
    link: Rc<Link>,
    worker: Rc<WorkerState>,
    session: Session,
    /// While a request has begun or is held; otherwise it borrows the worker's.
    reader: Option<Box<Reader>>,
    /// Bytes received that are not run yet.
    input: Vec<u8>,
    /// Bytes from the first of the request that has begun, which its next step needs.
    wanted: usize,
    /// When the request that has begun has to be whole.
    whole_by: Option<Instant>,
    /// When the client has to have taken some of the replies that wait for it.
    taken_by: Option<Instant>,
    /// Since when requests have found no place.
    stalled_since: Option<Instant>,
    /// When a request came last, while idle connections are closed.
    active_at: Option<Instant>,
    /// Wakes the connection at the first of these times or before.
    timer: Option<Pin<Box<Sleep>>>,
    /// Bytes of buffers that are counted as memory in use.
    counted_bytes: usize,
}

/// What a connection waits for.
enum Event {
    /// A batch has run that does not simply go on with the next bytes.
    Step(Step),
    /// CLIENT KILL.
    Killed,
    /// The node stops.
    Stopped,
    /// It was idle, in the middle of a request, or took no replies, for too long.
    Late,
}

impl Connection {
    pub(super) fn new(
        stream: Stream,
        (card, endpoint): (Arc<Card>, Endpoint),
        worker: Rc<WorkerState>,
    ) -> Self {
        let now = worker.shared.clock.now();
        let mut session = Session::new(card.id, !worker.shared.logins.are_required(), now);
        session.endpoint = endpoint;
        session.hasty = worker.shared.tunables.hasty.load(Ordering::Relaxed);
        Self {
            link: Rc::new(Link::new(stream, card)),
            worker,
            session,
            reader: None,
            input: Vec::new(),
            wanted: 0,
            whole_by: None,
            taken_by: None,
            stalled_since: None,
            active_at: None,
            timer: None,
            counted_bytes: 0,
        }
    }

    /// Serves the connection until either side ends it. Ends also when the node stops: then what has arrived is
    /// answered first.
    pub(super) async fn serve(mut self) {
        // An error is the client's going away: there is nobody to tell.
        let _ = self.serve_until_closed().await;
    }

    async fn serve_until_closed(&mut self) -> io::Result<()> {
        poll_fn(|cx| {
            self.link.card.watch(cx.waker());
            Poll::Ready(())
        })
        .await;
        loop {
            match poll_fn(|cx| self.poll_event(cx)).await? {
                Event::Step(step) => {
                    if Box::pin(self.go_on(step)).await? == Step::Close {
                        return Box::pin(self.close()).await;
                    }
                }
                Event::Killed => return Ok(()),
                Event::Stopped => return Box::pin(self.finish()).await,
                Event::Late => return self.close_late(),
            }
        }
    }

    /// Runs what has arrived already, in turns with other connections, and waits where it has to: until it reads on,
    /// or closes.
    async fn go_on(&mut self, mut step: Step) -> io::Result<Step> {
        loop {
            match step {
                Step::Read { .. } | Step::Close => return Ok(step),
                Step::Yield if self.is_full() => self.send().await?,
                Step::Yield => tokio::task::yield_now().await,
                Step::Wait(until) => {
                    self.send().await?;
                    self.pause_over(until).await?;
                }
                Step::Stall(why) => {
                    self.stall_over(why).await?;
                    // What has left the replies that wait is not taken by the client yet.
                    if self.is_full() {
                        self.send().await?;
                    }
                }
            }
            if self.link.card.is_killed() {
                return Err(aborted());
            }
            step = self.run_input();
        }
    }

    /// Serves the client until something else is to be done than to read on.
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Event>> {
        loop {
            if self.link.card.is_killed() {
                return Poll::Ready(Ok(Event::Killed));
            }
            if self.worker.stopping.get() {
                return Poll::Ready(Ok(Event::Stopped));
            }
            if self.link.has_again() {
                return Poll::Ready(Ok(Event::Step(Step::Stall(Stall::Again))));
            }
            let has_unsent = !self.link.outbox.borrow().is_empty();
            if has_unsent {
                self.poll_unsent(cx)?;
            }
            // One that sends a long pipeline before it reads is served on, until more replies wait for it than may.
            if has_unsent && self.is_full() {
                return self.poll_late(cx);
            }
            match self.poll_input(cx)? {
                Poll::Ready(Step::Read { .. }) => {}
                Poll::Ready(step) => return Poll::Ready(Ok(Event::Step(step))),
                Poll::Pending => return self.poll_late(cx),
            }
        }
    }

    /// Sends what waits for the client, as far as it takes it, and has the task woken when it takes more.
    fn poll_unsent(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.taken_by.is_none() {
            self.taken_by = Some(Instant::now() + self.frame_time());
        }
        while !self.link.outbox.borrow().is_empty() && self.link.poll_writable(cx)?.is_ready() {
            self.send_some()?;
        }
        self.count_buffers();
        Ok(())
    }

    /// Waits until the connection is to be closed. The timer is not set anew for each request, but when it has gone off
    /// too early.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Event>> {
        let Some(late) = self.closing_time() else { return Poll::Pending };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(late)));
        if timer.deadline() > late {
            timer.as_mut().reset(late);
        }
        loop {
            ready!(timer.as_mut().poll(cx));
            if timer.deadline() >= late {
                return Poll::Ready(Ok(Event::Late));
            }
            timer.as_mut().reset(late);
        }
    }

    /// Waits for bytes and runs what they hold.
    fn poll_input(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Step>> {
        if !self.input.is_empty() {
            return self.poll_more(cx);
        }
        let worker = Rc::clone(&self.worker);
        let mut scratch = worker.scratch.borrow_mut();
        let read = ready!(self.link.poll_read(cx, &mut scratch))?;
        if read == 0 {
            return Poll::Ready(self.at_end());
        }
        worker.statistics.count_input(read);
        let (consumed, step) = self.run(&mut scratch[..read]);
        if consumed < read {
            self.input.extend_from_slice(&scratch[consumed..read]);
        }
        self.settle(step);
        Poll::Ready(Ok(step))
    }

    /// Waits for the rest of a request whose beginning is kept.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Step>> {
        if self.input.capacity() == self.input.len() && !self.grow_input() {
            return Poll::Ready(Ok(Step::Close));
        }
        let read = ready!(self.link.poll_read_more(cx, &mut self.input))?;
        if read == 0 {
            return Poll::Ready(self.at_end());
        }
        self.worker.statistics.count_input(read);
        // A large argument is not looked at before it is whole.
        if self.input.len() < self.wanted {
            self.count_buffers();
            return Poll::Ready(Ok(Step::Read { wanted: self.wanted }));
        }
        Poll::Ready(Ok(self.run_input()))
    }

    /// The client sends nothing more. It may still read: what it asked for is answered first.
    fn at_end(&self) -> io::Result<Step> {
        if self.link.has_pending() || !self.link.outbox.borrow().is_empty() {
            Ok(Step::Close)
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }

    /// Runs the kept bytes.
    fn run_input(&mut self) -> Step {
        let mut input = std::mem::take(&mut self.input);
        let (consumed, step) = self.run(&mut input);
        if consumed == input.len() && input.capacity() > IDLE_BUFFER_BYTES_MAX {
            input = Vec::new();
        } else {
            input.drain(..consumed);
        }
        self.input = input;
        self.settle(step);
        step
    }

    /// Runs the requests in `input` and hands their replies to the worker's post.
    fn run(&mut self, input: &mut [u8]) -> (usize, Step) {
        let worker = &self.worker;
        let mut post = worker.post.borrow_mut();
        let mut random = worker.random.borrow_mut();
        let waited = self.stalled_since.map_or(Duration::ZERO, |since| since.elapsed());
        let mut dispatch = Dispatch::new(worker, &self.link, &mut random, waited);
        let mut reader = self.reader.take().or_else(|| worker.reader.take()).unwrap_or_default();
        let done = reader.run(&mut dispatch, &mut self.session, input, post.desk());
        if dispatch.placed {
            self.stalled_since = None;
        }
        let ended_ns = dispatch.finish(&self.session);
        worker.clustered.iter().for_each(|clustered| clustered.note_batch(ended_ns, &post));
        post.hand_in(&self.link, ended_ns, &worker.statistics);
        drop((post, random));
        if self.link.has_pending() {
            worker.drain(&self.link);
        }
        if reader.is_idle() {
            reader.parser.release(IDLE_BUFFER_BYTES_MAX);
            worker.reader.set(Some(reader));
        } else {
            self.reader = Some(reader);
        }
        done
    }

    /// Notes what a step leaves behind: since when a request is unfinished, how large the buffers are.
    fn settle(&mut self, step: Step) {
        self.wanted = if let Step::Read { wanted } = step { wanted } else { 0 };
        let unfinished = matches!(step, Step::Read { .. }) && !self.input.is_empty();
        self.whole_by =
            unfinished.then(|| self.whole_by.unwrap_or_else(|| Instant::now() + self.frame_time()));
        if self.idle_seconds_max() > 0 {
            self.active_at = Some(Instant::now());
        }
        self.count_buffers();
    }

    /// Makes room for more of a request: as much as it is known to need, but no more than has come already, so that a
    /// length alone claims nothing. Whether the memory limit allows it.
    fn grow_input(&mut self) -> bool {
        let used = self.worker.shared.store.memory().snapshot();
        let missing = self.wanted.saturating_sub(self.input.len());
        // What can never fit evicts nothing on the way to its refusal.
        let hopeless = used.buffers + missing > used.limit;
        let room = missing.clamp(READ_BYTES, self.input.len().max(READ_BYTES));
        let (shared, random) = (&self.worker.shared, &mut *self.worker.random.borrow_mut());
        if hopeless || shared.store.make_room(room, shared.clock.now(), random).is_err() {
            let sentence = "request does not fit the memory limit: raise max-memory or send less at once";
            self.worker.deliver();
            self.link.add(|replies| Out::new(replies, self.session.version).error("OOM", sentence));
            return false;
        }
        self.input.reserve_exact(room);
        true
    }

    /// Sends as many of the waiting replies as the client takes at once.
    fn send_some(&mut self) -> io::Result<()> {
        let mut outbox = self.link.outbox.borrow_mut();
        let sent = self.link.write(outbox.waiting())?;
        outbox.note_sent(sent);
        self.worker.statistics.count_output(sent);
        if outbox.is_empty() {
            self.taken_by = None;
        } else if sent > 0 {
            self.taken_by = Some(Instant::now() + self.frame_time());
        }
        Ok(())
    }

    /// Sends all waiting replies. A client that takes nothing for too long is given up.
    async fn send(&mut self) -> io::Result<()> {
        self.worker.deliver();
        while !self.link.outbox.borrow().is_empty() {
            let writable = poll_fn(|cx| match self.link.card.is_killed() {
                true => Poll::Ready(Err(aborted())),
                false => self.link.poll_writable(cx),
            });
            timeout(self.frame_time(), writable).await.map_err(|_| late())??;
            self.send_some()?;
            self.count_buffers();
        }
        Ok(())
    }

    /// Whether so many replies wait that no more requests are read: fewer are allowed while memory is short.
    fn is_full(&self) -> bool {
        let used = self.worker.shared.store.memory();
        let roomy = used.buffers() < used.limit() / UNSENT_SHARE;
        self.link.outbox.borrow().len() >= if roomy { UNSENT_BYTES_MAX } else { REPLY_BYTES_SOFT_MAX }
    }

    /// Closes a connection that was idle, sent half a request, or took no replies, for too long.
    fn close_late(&self) -> io::Result<()> {
        let reason = match (self.taken_by, self.whole_by) {
            (Some(_), _) => "takes no replies",
            (None, Some(_)) => "unfinished request",
            (None, None) => "idle",
        };
        tracing::debug!(client = %self.link.card.address, reason, "closing a connection");
        Ok(())
    }

    /// When to give up waiting for bytes.
    fn closing_time(&mut self) -> Option<Instant> {
        let idle = self.idle_seconds_max();
        let idle =
            (idle > 0).then(|| *self.active_at.get_or_insert_with(Instant::now) + Duration::from_secs(idle));
        [self.whole_by, self.taken_by, idle].into_iter().flatten().min()
    }

    fn idle_seconds_max(&self) -> u64 {
        self.worker.shared.tunables.idle_seconds_max.load(Ordering::Relaxed)
    }

    fn frame_time(&self) -> Duration {
        Duration::from_secs(self.worker.shared.tunables.frame_seconds_max.load(Ordering::Relaxed))
    }

    /// Waits until commands are no longer paused, or until this moment.
    async fn pause_over(&self, until: Millis) -> io::Result<()> {
        let shared = &self.worker.shared;
        let mut changed = shared.pause.subscribe();
        // Asked once more after subscribing: a change in between would never be seen.
        if shared.pause.holds(true, shared.clock.now()).is_none() {
            return Ok(());
        }
        let left = Duration::from_millis(until.since(shared.clock.now()));
        let mut over = std::pin::pin!(timeout(left, changed.changed()));
        poll_fn(|cx| {
            if self.link.card.is_killed() || self.worker.stopping.get() {
                return Poll::Ready(Err(aborted()));
            }
            over.as_mut().poll(cx).map(|_| Ok(()))
        })
        .await
    }

    fn count_buffers(&mut self) {
        let outbox = self.link.outbox.borrow();
        let reader = self.reader.as_ref().map_or(0, |reader| reader.parser.capacity_bytes());
        let buffers = self.input.capacity() + outbox.capacity() + reader;
        let bytes = CONNECTION_BYTES + buffers + self.session.transaction.bytes();
        self.worker.shared.store.memory().count_buffers(bytes as i64 - self.counted_bytes as i64);
        self.counted_bytes = bytes;
        if let Some(pending) = self.link.pending.borrow_mut().as_mut() {
            self.worker.shared.store.memory().count_buffers(pending.growth());
        }
        self.link.card.input_bytes.store(self.input.len(), Ordering::Relaxed);
        self.link.card.output_bytes.store(outbox.len(), Ordering::Relaxed);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let shared = &self.worker.shared;
        end_watches(&shared.store, &self.session.transaction);
        self.forget_pending();
        shared.store.memory().count_buffers(-(self.counted_bytes as i64));
        self.link.card.leave();
        shared.registry.remove(self.link.card.id);
        self.worker.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

fn late() -> io::Error {
    io::ErrorKind::TimedOut.into()
}

fn aborted() -> io::Error {
    io::ErrorKind::ConnectionAborted.into()
}
