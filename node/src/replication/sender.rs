//! The sending side of a stream: one task for each feed keeps a connection to its node, sends what the feed holds, and hears
//! what the other side has and what it did not take. It ends when the feed is closed. A lost connection loses nothing.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use fastrand::Rng;
use tokio::time::{sleep, timeout};

use super::core::Core;
use super::feed::{Feed, SendCursor, Taken};
use super::messages::{self, Open, Position, Rejected, kind, put, read};
use crate::limits::{
    APPLIED_PER_TURN, HANDSHAKE_TIME_MAX, LINK_CONNECT_TIME_MAX, LINK_PORT_OFFSET, LINK_RETRY_TIME_MAX,
    LINK_RETRY_TIME_MIN, STREAM_COLLECTED_BYTES, STREAM_PIECE_BYTES,
};
use crate::link::{FrameError, FrameReader, FrameWriter, Link, LinkError, Purpose, call};
use crate::net::Stream;

/// One connection of a stream.
struct Sender<'s> {
    core: &'s Core,
    feed: &'s Feed,
    reader: FrameReader,
    writer: FrameWriter,
    cursor: SendCursor,
    /// Position of the last message that was sent when nothing more was there. Until it is acknowledged, what comes is
    /// collected: whoever waits for the next message would wait behind it anyway.
    flight: u64,
}

/// Sends a feed until it is closed.
pub(super) async fn send(core: Arc<Core>, feed: Arc<Feed>) {
    let mut random = core.random();
    let mut pause = LINK_RETRY_TIME_MIN;
    while !feed.is_closed() {
        match connect(&core, &feed, &mut random).await {
            Ok(link) => {
                pause = LINK_RETRY_TIME_MIN;
                let ended = serve(&core, &feed, link).await;
                feed.is_connected.store(false, Ordering::Relaxed);
                tracing::debug!(node = feed.node.0, ?ended, "a stream to another node ended");
            }
            Err(error) => {
                tracing::debug!(node = feed.node.0, %error, "cannot open a stream to another node");
            }
        }
        if !feed.is_closed() {
            sleep(pause.mul_f64(1.0 + random.f64() / 2.0)).await;
            pause = (pause * 2).min(LINK_RETRY_TIME_MAX);
        }
    }
}

/// Opens a connection to the run of the node that the feed is for.
async fn connect(core: &Core, feed: &Feed, random: &mut Rng) -> Result<Link, LinkError> {
    let member = core.topology().and_then(|topology| topology.members.get(&feed.node).cloned());
    let Some(member) = member.filter(|member| member.incarnation == feed.incarnation) else {
        return Err(LinkError::Io(io::ErrorKind::NotFound.into()));
    };
    let port = member.port.saturating_add(LINK_PORT_OFFSET);
    let stream = timeout(LINK_CONNECT_TIME_MAX, reach(core, &member.host, port)).await;
    let stream = stream.map_err(|_| LinkError::Late)??;
    let own = core.introduction(Purpose::Stream);
    let (link, theirs) = call(stream, &core.secret, &own, Some(feed.node), random).await?;
    if theirs.incarnation != feed.incarnation {
        // It has lost its memory: what the feed holds says nothing to it.
        return Err(LinkError::Closed);
    }
    Ok(link)
}

async fn reach(core: &Core, host: &str, port: u16) -> io::Result<Stream> {
    let mut failed = io::Error::from(io::ErrorKind::NotFound);
    for address in core.network.resolve(host, port).await? {
        match core.network.connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

async fn serve(core: &Core, feed: &Feed, mut link: Link) -> Result<(), LinkError> {
    link.queue(kind::OPEN, |to| put(to, &Open { feed: feed.number }));
    link.flush().await?;
    let (reader, writer) = link.split();
    let mut sender = Sender { core, feed, reader, writer, cursor: SendCursor::default(), flight: 0 };
    timeout(HANDSHAKE_TIME_MAX, sender.resume()).await.map_err(|_| LinkError::Late)??;
    feed.is_connected.store(true, Ordering::Relaxed);
    poll_fn(|cx| sender.poll_run(cx)).await
}

impl Sender<'_> {
    /// Hears what the other side has, and goes on from there.
    async fn resume(&mut self) -> Result<(), LinkError> {
        loop {
            let frame = self.reader.frame().await?;
            match frame.kind {
                kind::REJECTED => note_rejected(self.core, self.feed, &read(frame.payload)?)?,
                kind::RESUME => {
                    let Position { position } = read(frame.payload)?;
                    let Ok(cursor) = self.feed.resume(position) else {
                        self.core.give_up(self.feed);
                        return Err(FrameError::Message("position of a stream").into());
                    };
                    self.cursor = cursor;
                    self.note_acknowledged(position)?;
                    self.core.changes.wake();
                    return Ok(());
                }
                other => return Err(FrameError::Kind(other).into()),
            }
        }
    }

    /// Hears and sends until the connection ends or the feed is closed.
    fn poll_run(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        if self.feed.is_closed() {
            return Poll::Ready(Ok(()));
        }
        let mut progress = false;
        let heard = self.hear(&mut progress, cx);
        // Also where the connection ended behind an acknowledgement.
        if progress {
            self.core.changes.wake();
        }
        heard?;
        self.poll_send(cx)
    }

    /// Takes in what has come, and notes whether an acknowledgement told news.
    fn hear(&mut self, progress: &mut bool, cx: &mut Context<'_>) -> Result<(), LinkError> {
        for _ in 0..APPLIED_PER_TURN {
            let Poll::Ready(frame) = self.reader.poll_frame(cx) else { return Ok(()) };
            let frame = frame?;
            match frame.kind {
                kind::REJECTED => note_rejected(self.core, self.feed, &read(frame.payload)?)?,
                kind::ACKNOWLEDGED => {
                    let Position { position } = read(frame.payload)?;
                    *progress |= self.note_acknowledged(position)?;
                }
                other => return Err(FrameError::Kind(other).into()),
            }
        }
        cx.waker().wake_by_ref();
        Ok(())
    }

    /// Sends as much as the connection takes; never ready but with an error.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        loop {
            if self.writer.queued_bytes() == 0 {
                let (feed, cursor) = (self.feed, &mut self.cursor);
                let is_landed = feed.acknowledged() >= self.flight;
                let bytes = (if is_landed { 1 } else { STREAM_COLLECTED_BYTES }, STREAM_PIECE_BYTES);
                match self.writer.queue_bytes(|to| feed.take(cursor, bytes, to, cx.waker())) {
                    Taken::Nothing => return Poll::Pending,
                    Taken::Some => self.flight = 0,
                    Taken::All(position) => self.flight = position,
                }
            }
            ready!(self.writer.poll_flush(cx))?;
        }
    }

    fn note_acknowledged(&mut self, position: u64) -> Result<bool, FrameError> {
        let acknowledged = self.feed.acknowledge(position);
        let acknowledged = acknowledged.map_err(|_| FrameError::Message("position of a stream"))?;
        self.core.count_acknowledged(&acknowledged);
        Ok(acknowledged.progress)
    }
}

fn note_rejected(core: &Core, feed: &Feed, rejected: &Rejected) -> Result<(), FrameError> {
    let partition = messages::partition(rejected.partition.into())?;
    let part = core.part(partition);
    let mut cell = part.cell.lock();
    if cell.reject(feed.number, rejected.position) {
        // Before the acknowledgement that follows lets any reply go.
        part.is_unsettled.store(true, Ordering::Release);
        // Most often it knows already that it is a copy no more; if not, the keeper tells.
        tracing::debug!(
            node = feed.node.0,
            partition = partition.index(),
            "a copy did not take what it was sent"
        );
    }
    Ok(())
}

impl Core {
    /// A node has lost what this feed sent it: none of its copies counts.
    fn give_up(&self, feed: &Feed) {
        for part in &self.parts {
            let mut cell = part.cell.lock();
            if cell.reject(feed.number, u64::MAX) {
                part.is_unsettled.store(true, Ordering::Release);
            }
        }
        tracing::warn!(node = feed.node.0, "a node has lost what it had acknowledged");
    }
}
