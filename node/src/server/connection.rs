//! One connection: reads what came, has it carried out, sends the replies with one write for each batch.
//!
//! An idle connection owns no buffer. Bytes are read into the worker's scratch space and run there; only the beginning
//! of a request whose rest has not come is kept. Replies are written into the worker's scratch space and sent from
//! there; only what the client does not take at once is kept.
//!
//! ```text
//!   waiting ── bytes ──► running ── replies sent ──► waiting
//!      │                    └── paused, unsent, turn over ──► running
//!      └── closed by the client, killed, idle too long, node stops ──► closed
//! ```

mod closing;
mod outbox;

use std::future::{pending, poll_fn};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use larder_proto::resp::Out;
use larder_proto::time::Millis;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};

use self::outbox::Outbox;
use super::batch::{Reader, Step};
use super::clients::Card;
use super::dispatch::Dispatch;
use super::worker::WorkerState;
use crate::commands::perform::end_watches;
use crate::commands::session::Session;
use crate::limits::{
    CONNECTION_BYTES, IDLE_BUFFER_BYTES_MAX, READ_BYTES, REPLY_BYTES_SOFT_MAX, UNSENT_BYTES_MAX, UNSENT_SHARE,
};

/// A connection. Its worker's thread alone touches it.
pub(super) struct Connection {
    stream: TcpStream,
    card: Arc<Card>,
    worker: Rc<WorkerState>,
    session: Session,
    reader: Reader,
    /// Bytes received that are not run yet.
    input: Vec<u8>,
    outbox: Outbox,
    /// Bytes from the first of the request that has begun, which its next step needs.
    wanted: usize,
    /// When the request that has begun has to be whole.
    whole_by: Option<Instant>,
    /// When the client has to have taken some of the replies that wait for it.
    taken_by: Option<Instant>,
    /// Bytes of buffers that are counted as memory in use.
    counted_bytes: usize,
}

impl Connection {
    pub(super) fn new(stream: TcpStream, card: Arc<Card>, worker: Rc<WorkerState>) -> Self {
        let now = worker.shared.clock.now();
        let session = Session::new(card.id, !worker.shared.password.is_required(), now);
        Self {
            stream,
            card,
            worker,
            session,
            reader: Reader::default(),
            input: Vec::new(),
            outbox: Outbox::default(),
            wanted: 0,
            whole_by: None,
            taken_by: None,
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
        let card = Arc::clone(&self.card);
        let stop = self.worker.shared.stop.clone();
        let mut killed = std::pin::pin!(card.killed());
        let mut stopped = std::pin::pin!(stop.cancelled());
        loop {
            let late = self.closing_time();
            let mut step = tokio::select! {
                biased;
                step = poll_fn(|cx| self.poll_event(cx)) => step?,
                () = &mut killed => return Ok(()),
                () = &mut stopped => return self.finish().await,
                () = at(late) => return self.close_late(),
            };
            loop {
                match step {
                    Step::Read { .. } => break,
                    Step::Close => return self.close().await,
                    Step::Yield if self.is_full() => self.send().await?,
                    Step::Yield => tokio::task::yield_now().await,
                    Step::Wait(until) => {
                        self.send().await?;
                        tokio::select! {
                            () = &mut killed => return Ok(()),
                            () = &mut stopped => return Ok(()),
                            () = self.pause_over(until) => {}
                        }
                    }
                }
                if self.card.is_killed() {
                    return Ok(());
                }
                step = self.run_input();
            }
        }
    }

    /// Waits until the client takes replies or sends bytes, whichever comes first. One that sends a long pipeline
    /// before it reads is served on, until more replies wait for it than may.
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Step>> {
        while !self.outbox.is_empty() {
            match self.stream.poll_write_ready(cx)? {
                Poll::Ready(()) if self.send_some()? > 0 => {
                    return Poll::Ready(Ok(Step::Read { wanted: self.wanted }));
                }
                Poll::Ready(()) => {}
                Poll::Pending => break,
            }
        }
        if self.is_full() { Poll::Pending } else { self.poll_input(cx) }
    }

    /// Waits for bytes and runs what they hold.
    fn poll_input(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Step>> {
        if !self.input.is_empty() {
            return self.poll_more(cx);
        }
        let worker = Rc::clone(&self.worker);
        let mut scratch = worker.scratch.borrow_mut();
        let mut buffer = ReadBuf::new(&mut scratch);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
        let filled = buffer.filled_mut();
        if filled.is_empty() {
            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        worker.statistics.count_input(filled.len());
        let (consumed, step) = self.run(filled);
        self.input.extend_from_slice(&filled[consumed..]);
        self.settle(step);
        Poll::Ready(Ok(step))
    }

    /// Waits for the rest of a request whose beginning is kept.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Step>> {
        if self.input.capacity() == self.input.len() && !self.grow_input() {
            return Poll::Ready(Ok(Step::Close));
        }
        let read = ready!(tokio_util::io::poll_read_buf(Pin::new(&mut self.stream), cx, &mut self.input))?;
        if read == 0 {
            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        self.worker.statistics.count_input(read);
        // A large argument is not looked at before it is whole.
        if self.input.len() < self.wanted {
            self.count_buffers();
            return Poll::Ready(Ok(Step::Read { wanted: self.wanted }));
        }
        Poll::Ready(Ok(self.run_input()))
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

    /// Runs the requests in `input` and sends as many replies as the client takes at once.
    fn run(&mut self, input: &mut [u8]) -> (usize, Step) {
        let worker = Rc::clone(&self.worker);
        let mut replies = worker.replies.borrow_mut();
        let mut random = worker.random.borrow_mut();
        let mut dispatch = Dispatch::new(&worker.shared, &self.card, &worker.statistics, &mut random);
        let done = self.reader.run(&mut dispatch, &mut self.session, input, &mut replies);
        dispatch.finish(&self.session);
        self.outbox.keep(&mut replies);
        // An error shows again when the rest is sent.
        let _ = self.send_some();
        if replies.capacity() > 2 * REPLY_BYTES_SOFT_MAX {
            replies.shrink_to(REPLY_BYTES_SOFT_MAX);
        }
        done
    }

    /// Notes what a step leaves behind: since when a request is unfinished, how large the buffers are.
    fn settle(&mut self, step: Step) {
        self.wanted = if let Step::Read { wanted } = step { wanted } else { 0 };
        let unfinished = matches!(step, Step::Read { .. }) && !self.input.is_empty();
        self.whole_by =
            unfinished.then(|| self.whole_by.unwrap_or_else(|| Instant::now() + self.frame_time()));
        if self.input.is_empty() {
            self.reader.parser.release();
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
            self.outbox.add(|replies| Out::new(replies, self.session.version).error("OOM", sentence));
            return false;
        }
        self.input.reserve_exact(room);
        true
    }

    /// Sends as many of the waiting replies as the client takes at once.
    fn send_some(&mut self) -> io::Result<usize> {
        let sent = self.outbox.write_to(&self.stream)?;
        self.worker.statistics.count_output(sent);
        if self.outbox.is_empty() {
            self.taken_by = None;
        } else if sent > 0 || self.taken_by.is_none() {
            self.taken_by = Some(Instant::now() + self.frame_time());
        }
        if sent > 0 {
            self.count_buffers();
        }
        Ok(sent)
    }

    /// Sends all waiting replies. A client that takes nothing for too long is given up.
    async fn send(&mut self) -> io::Result<()> {
        while !self.outbox.is_empty() {
            tokio::select! {
                ready = timeout(self.frame_time(), self.stream.writable()) => ready.map_err(|_| late())??,
                () = self.card.killed() => return Err(io::ErrorKind::ConnectionAborted.into()),
            }
            self.send_some()?;
        }
        Ok(())
    }

    /// Whether so many replies wait that no more requests are read: fewer are allowed while memory is short.
    fn is_full(&self) -> bool {
        let used = self.worker.shared.store.memory();
        let roomy = used.buffers() < used.limit() / UNSENT_SHARE;
        self.outbox.len() >= if roomy { UNSENT_BYTES_MAX } else { REPLY_BYTES_SOFT_MAX }
    }

    /// Closes a connection that was idle, sent half a request, or took no replies, for too long.
    fn close_late(&self) -> io::Result<()> {
        let reason = match (self.taken_by, self.whole_by) {
            (Some(_), _) => "takes no replies",
            (None, Some(_)) => "unfinished request",
            (None, None) => "idle",
        };
        tracing::debug!(client = %self.card.address, reason, "closing a connection");
        Ok(())
    }

    /// When to give up waiting for bytes.
    fn closing_time(&self) -> Option<Instant> {
        let idle = self.worker.shared.tunables.idle_seconds_max.load(Ordering::Relaxed);
        let idle = (idle > 0).then(|| Instant::now() + Duration::from_secs(idle));
        [self.whole_by, self.taken_by, idle].into_iter().flatten().min()
    }

    fn frame_time(&self) -> Duration {
        Duration::from_secs(self.worker.shared.tunables.frame_seconds_max.load(Ordering::Relaxed))
    }

    async fn pause_over(&self, until: Millis) {
        let shared = &self.worker.shared;
        let mut changed = shared.pause.subscribe();
        // Asked once more after subscribing: a change in between would never be seen.
        if shared.pause.holds(true, shared.clock.now()).is_some() {
            let left = Duration::from_millis(until.since(shared.clock.now()));
            let _ = timeout(left, changed.changed()).await;
        }
    }

    fn count_buffers(&mut self) {
        let buffers = self.input.capacity() + self.outbox.capacity() + self.reader.parser.capacity_bytes();
        let bytes = CONNECTION_BYTES + buffers + self.session.transaction.bytes();
        self.worker.shared.store.memory().count_buffers(bytes as i64 - self.counted_bytes as i64);
        self.counted_bytes = bytes;
        self.card.input_bytes.store(self.input.len(), Ordering::Relaxed);
        self.card.output_bytes.store(self.outbox.len(), Ordering::Relaxed);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let shared = &self.worker.shared;
        end_watches(&shared.store, &self.session.transaction);
        shared.store.memory().count_buffers(-(self.counted_bytes as i64));
        shared.registry.remove(self.card.id);
        self.worker.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => pending().await,
    }
}

fn late() -> io::Error {
    io::ErrorKind::TimedOut.into()
}
