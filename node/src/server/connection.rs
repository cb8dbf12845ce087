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
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};

use super::batch::{Reader, Step};
use super::clients::Card;
use super::dispatch::Dispatch;
use super::worker::WorkerState;
use crate::commands::perform::end_watches;
use crate::commands::session::Session;
use crate::limits::{IDLE_BUFFER_BYTES_MAX, READ_BYTES, REPLY_BYTES_SOFT_MAX};

/// A connection. Its worker's thread alone touches it.
pub(super) struct Connection {
    stream: TcpStream,
    card: Arc<Card>,
    worker: Rc<WorkerState>,
    session: Session,
    reader: Reader,
    /// Bytes received that are not run yet.
    input: Vec<u8>,
    /// Replies that the client has not taken yet.
    unsent: Vec<u8>,
    /// Bytes from the first of the request that has begun, which its next step needs.
    wanted: usize,
    /// When the request that has begun has to be whole.
    whole_by: Option<Instant>,
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
            unsent: Vec::new(),
            wanted: 0,
            whole_by: None,
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
                step = poll_fn(|cx| self.poll_input(cx)) => step?,
                () = &mut killed => return Ok(()),
                () = &mut stopped => return self.finish().await,
                () = at(late) => return self.close_late(),
            };
            loop {
                self.send().await?;
                match step {
                    Step::Read { .. } => break,
                    Step::Close => return self.close().await,
                    Step::Yield => tokio::task::yield_now().await,
                    Step::Wait(until) => tokio::select! {
                        () = &mut killed => return Ok(()),
                        () = &mut stopped => return Ok(()),
                        () = self.pause_over(until) => {}
                    },
                }
                if self.card.is_killed() {
                    return Ok(());
                }
                step = self.run_input();
            }
        }
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
        let sent = if self.unsent.is_empty() { self.write_now(&replies) } else { 0 };
        self.unsent.extend_from_slice(&replies[sent..]);
        replies.clear();
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
        let missing = self.wanted.saturating_sub(self.input.len());
        let room = missing.clamp(READ_BYTES, self.input.len().max(READ_BYTES));
        let (shared, random) = (&self.worker.shared, &mut *self.worker.random.borrow_mut());
        if shared.store.make_room(room, shared.clock.now(), random).is_err() {
            let sentence = "request does not fit the memory limit: raise max-memory or send less at once";
            Out::new(&mut self.unsent, self.session.version).error("OOM", sentence);
            return false;
        }
        self.input.reserve_exact(room);
        true
    }

    fn write_now(&self, replies: &[u8]) -> usize {
        let mut sent = 0;
        while sent < replies.len() {
            // An error shows again when the rest is sent.
            let Ok(written) = self.stream.try_write(&replies[sent..]) else { break };
            sent += written;
        }
        self.worker.statistics.count_output(sent);
        sent
    }

    /// Sends what the client has not taken yet. One that takes nothing for too long is given up.
    async fn send(&mut self) -> io::Result<()> {
        if self.unsent.is_empty() {
            return Ok(());
        }
        let mut sent = 0;
        while sent < self.unsent.len() {
            tokio::select! {
                ready = timeout(self.frame_time(), self.stream.writable()) => ready.map_err(|_| late())??,
                () = self.card.killed() => return Err(io::ErrorKind::ConnectionAborted.into()),
            }
            match self.stream.try_write(&self.unsent[sent..]) {
                Ok(written) => sent += written,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        self.worker.statistics.count_output(sent);
        self.unsent = Vec::new();
        self.count_buffers();
        Ok(())
    }

    /// Answers what is in flight, until the client sends nothing for a moment, then closes.
    async fn finish(&mut self) -> io::Result<()> {
        for _ in 0..LAST_READS_MAX {
            let input = poll_fn(|cx| self.poll_input(cx));
            let Ok(Ok(mut step)) = timeout(LAST_READ_TIME, input).await else { break };
            self.send().await?;
            while step == Step::Yield {
                step = self.run_input();
                self.send().await?;
            }
            if !matches!(step, Step::Read { .. }) {
                break;
            }
        }
        self.close().await
    }

    /// Sends what is left and says that it was the last. Bytes that still come are read and dropped for a moment: a
    /// socket that is closed with unread bytes is reset, and the client could lose its last replies.
    async fn close(&mut self) -> io::Result<()> {
        self.send().await?;
        AsyncWriteExt::shutdown(&mut self.stream).await?;
        let worker = Rc::clone(&self.worker);
        let mut dropped = async || {
            poll_fn(|cx| {
                let mut scratch = worker.scratch.borrow_mut();
                let mut buffer = ReadBuf::new(&mut scratch);
                ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
                Poll::Ready(io::Result::Ok(buffer.filled().len()))
            })
            .await
        };
        for _ in 0..LAST_READS_MAX {
            let Ok(Ok(1..)) = timeout(LAST_READ_TIME, dropped()).await else { break };
        }
        Ok(())
    }

    /// Closes a connection that was idle, or sent half a request, for too long.
    fn close_late(&self) -> io::Result<()> {
        let reason = if self.whole_by.is_some() { "unfinished request" } else { "idle" };
        tracing::debug!(client = %self.card.address, reason, "closing a connection");
        Ok(())
    }

    /// When to give up waiting for bytes.
    fn closing_time(&self) -> Option<Instant> {
        let idle = self.worker.shared.tunables.idle_seconds_max.load(Ordering::Relaxed);
        let idle = (idle > 0).then(|| Instant::now() + Duration::from_secs(idle));
        match (self.whole_by, idle) {
            (Some(whole_by), Some(idle)) => Some(whole_by.min(idle)),
            (some, None) | (None, some) => some,
        }
    }

    fn frame_time(&self) -> Duration {
        Duration::from_secs(self.worker.shared.tunables.frame_seconds_max.load(Ordering::Relaxed))
    }

    async fn pause_over(&self, until: Millis) {
        let mut changed = self.worker.shared.pause.subscribe();
        let left = Duration::from_millis(until.since(self.worker.shared.clock.now()));
        let _ = timeout(left, changed.changed()).await;
    }

    fn count_buffers(&mut self) {
        let queued = self.session.transaction.queue.as_ref().map_or(0, |queue| queue.bytes);
        let bytes = self.input.capacity() + self.unsent.capacity() + queued;
        self.worker.shared.store.memory().count_buffers(bytes as i64 - self.counted_bytes as i64);
        self.counted_bytes = bytes;
        self.card.input_bytes.store(self.input.len(), Ordering::Relaxed);
        self.card.output_bytes.store(self.unsent.len(), Ordering::Relaxed);
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

/// How long nothing has to come from a client for its connection to be done with: longer than TCP waits before it sends
/// again what was dropped at a full window (200 ms).
const LAST_READ_TIME: Duration = Duration::from_millis(300);

/// Reads of a connection that ends: enough for what a client had sent, and an end for one that never stops.
const LAST_READS_MAX: usize = 1_024;
