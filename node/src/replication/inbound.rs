//! The receiving side of streams: takes what an owner sends, in order, and tells it what it has and what it did not take.
//!
//! One task for each connection: it reads what is at hand, applies it, acknowledges all of it at once. It ends when the
//! connection does, or when the same sender has opened a newer one. What was received outlives the connection, so that the
//! sender goes on from there.

use std::collections::BTreeMap;
use std::sync::Arc;

use fastrand::Rng;
use larder_proto::slot::Partition;
use larder_proto::time::Millis;
use larder_proto::topology::{Epoch, Incarnation, NodeId};
use parking_lot::Mutex;
use tokio::task::yield_now;
use tokio::time::timeout;

use super::cell::{Cell, Verdict};
use super::core::Core;
use super::messages::{self, Effects, Open, Position, Rejected, Start, Writes, kind, put, read};
use crate::limits::{
    APPLIED_PER_TURN, APPLIED_TOGETHER, EPOCH_LOOK_TIME, EPOCH_WAIT_MAX, FILL_TURN_BYTES, LOOK_AHEAD_MIN,
};
use crate::link::{Frame, FrameError, FrameReader, FrameWriter, Introduction, Link, LinkError};
#[cfg(feature = "sabotage")]
use crate::sabotage::{Rule, is_broken};
use crate::store::{Access, PartitionGuard, Prepared};

/// What came from one other node.
#[derive(Debug, Default)]
pub(super) struct Inbound(Mutex<Received>);

#[derive(Debug, Default)]
struct Received {
    /// The run of the sender's process.
    incarnation: Incarnation,
    /// Which of its feeds.
    feed: u64,
    /// Messages received of it, taken or not.
    messages: u64,
    /// The newest connection: what comes on older ones is not taken any more.
    connection: u64,
    /// Partitions of which a message was not taken, with its position, until the sender begins anew with them. Told again on
    /// each connection: it may be that nobody heard.
    rejected: BTreeMap<u32, u64>,
}

/// One connection of a stream.
struct Receiver {
    core: Arc<Core>,
    from: NodeId,
    inbound: Arc<Inbound>,
    connection: u64,
    writer: FrameWriter,
    random: Rng,
    counted_bytes: usize,
    /// Bytes of keys that were taken since others had their turn.
    filled_bytes: usize,
}

/// A message of the sender's.
enum Message<'m> {
    Effects(Effects<'m>),
    Keys(Effects<'m>),
    Begin(Start),
    Continue(Start),
    Writes(Writes),
}

/// Takes what another node sends on this link, until it ends.
pub(super) async fn receive(core: Arc<Core>, link: Link, theirs: Introduction) {
    let Some(from) = theirs.node else { return };
    if let Err(error) = serve(&core, link, from, theirs.incarnation).await {
        tracing::debug!(node = from.0, %error, "a stream from another node ended");
    }
}

async fn serve(
    core: &Arc<Core>,
    mut link: Link,
    from: NodeId,
    incarnation: Incarnation,
) -> Result<(), LinkError> {
    let opening = link.frame().await?;
    if opening.kind != kind::OPEN {
        return Err(FrameError::Kind(opening.kind).into());
    }
    let open: Open = read(opening.payload)?;
    let inbound = Arc::clone(core.inbound.lock().entry(from).or_default());
    let Some(connection) = inbound.open(incarnation, open.feed) else { return Ok(()) };
    let (reader, writer) = link.split();
    let random = core.random();
    let mut receiver = Receiver {
        core: Arc::clone(core),
        from,
        inbound,
        connection,
        writer,
        random,
        counted_bytes: 0,
        filled_bytes: 0,
    };
    receiver.tell_where_to_go_on();
    receiver.writer.flush().await?;
    receiver.run(reader).await
}

impl Inbound {
    /// A sender opens a connection for one of its feeds. The connection's number, unless there is a newer feed.
    fn open(&self, incarnation: Incarnation, feed: u64) -> Option<u64> {
        let mut received = self.0.lock();
        if received.incarnation == incarnation && feed < received.feed {
            return None;
        }
        received.connection += 1;
        if received.incarnation != incarnation || received.feed != feed {
            let connection = received.connection;
            *received = Received { incarnation, feed, connection, ..Received::default() };
        }
        Some(received.connection)
    }

    fn is_current(&self, connection: u64) -> bool {
        self.0.lock().connection == connection
    }
}

impl Receiver {
    fn tell_where_to_go_on(&mut self) {
        let received = self.inbound.0.lock();
        for (&partition, &position) in &received.rejected {
            self.writer.queue(kind::REJECTED, |to| put(to, &Rejected { partition, position }));
        }
        let position = received.messages;
        self.writer.queue(kind::RESUME, |to| put(to, &Position { position }));
    }

    async fn run(&mut self, mut reader: FrameReader) -> Result<(), LinkError> {
        loop {
            let mut taken = 0;
            while taken < APPLIED_PER_TURN {
                // All that has come is acknowledged at once.
                let frames = reader.some_frames(APPLIED_TOGETHER, taken == 0).await?;
                if frames.is_empty() {
                    break;
                }
                taken += frames.len();
                if !self.take_some(&frames).await? {
                    return Ok(());
                }
            }
            self.acknowledge().await?;
            self.count_buffers(&reader);
            if taken >= APPLIED_PER_TURN {
                yield_now().await;
            }
        }
    }

    /// Takes some messages, one after the other. Whether to go on.
    async fn take_some(&mut self, frames: &[Frame<'_>]) -> Result<bool, LinkError> {
        // After the wait, which may have been long: a clock that goes back upsets the ages of all that is held.
        let mut now = self.core.clock.now();
        let mut messages = Vec::with_capacity(frames.len());
        for frame in frames {
            let message = Message::read(*frame)?;
            let prepared = if frames.len() < LOOK_AHEAD_MIN { None } else { self.prepare_ahead(&message) };
            messages.push((message, prepared));
        }
        #[cfg(feature = "sabotage")]
        if is_broken(Rule::Order) && messages.len() > 1 {
            messages.swap(0, 1);
        }
        // The items that all of them change are fetched from memory at the same time.
        let store = &*self.core.store;
        messages.iter().filter_map(|(_, prepared)| prepared.as_ref()).for_each(|it| it.hint_items(store));
        for (message, prepared) in messages {
            if let Message::Keys(keys) = &message {
                self.filled_bytes += keys.effects.len();
            }
            if !self.take(message, prepared, now).await? {
                return Ok(false);
            }
            if self.filled_bytes >= FILL_TURN_BYTES {
                self.filled_bytes = 0;
                yield_now().await;
                now = self.core.clock.now();
            }
        }
        Ok(true)
    }

    fn prepare_ahead<'m>(&self, message: &Message<'m>) -> Option<Prepared<'m>> {
        let Message::Effects(effects) = message else { return None };
        self.core.store.prepare_ahead(message.partition().ok()?, effects.effects)
    }

    async fn acknowledge(&mut self) -> Result<(), LinkError> {
        let position = self.inbound.0.lock().messages;
        self.writer.queue(kind::ACKNOWLEDGED, |to| put(to, &Position { position }));
        self.writer.flush().await
    }

    /// Takes one message, as soon as this node knows the row under which it was sent. Whether to go on.
    async fn take<'m>(
        &mut self,
        message: Message<'m>,
        prepared: Option<Prepared<'m>>,
        mut now: Millis,
    ) -> Result<bool, LinkError> {
        let needed = message.epoch();
        let partition = message.partition()?;
        if needed > self.core.part(partition).adopted() {
            // The sender waits for what is taken already, and the wait may be long.
            self.acknowledge().await?;
            self.row_adopted(partition, needed).await?;
            now = self.core.clock.now();
        }
        if !self.core.store.is_free(partition) {
            self.core.unlocked(partition).await;
            // A clock that goes back upsets the ages of all that is held.
            now = self.core.clock.now();
        }
        // Held while the message is applied: a newer connection waits, and goes on behind it.
        let mut received = self.inbound.0.lock();
        if received.connection != self.connection {
            return Ok(false);
        }
        received.messages += 1;
        let position = received.messages;
        let number = partition.index() as u32;
        let begins = matches!(message, Message::Begin(_) | Message::Continue(_));
        let verdict =
            apply((&*self.core, self.from), partition, (message, prepared), (now, &mut self.random));
        if verdict == Verdict::Reject {
            let is_news = begins || !received.rejected.contains_key(&number);
            if is_news {
                received.rejected.insert(number, position);
                self.writer.queue(kind::REJECTED, |to| put(to, &Rejected { partition: number, position }));
            }
        } else if begins {
            received.rejected.remove(&number);
        }
        Ok(true)
    }

    async fn row_adopted(&self, partition: Partition, needed: Epoch) -> Result<(), LinkError> {
        let adopted = async {
            while self.inbound.is_current(self.connection) {
                if timeout(EPOCH_LOOK_TIME, self.core.row_adopted(partition, needed)).await.is_ok() {
                    return;
                }
            }
        };
        timeout(EPOCH_WAIT_MAX, adopted).await.map_err(|_| LinkError::Late)
    }

    fn count_buffers(&mut self, reader: &FrameReader) {
        let bytes = reader.buffer_bytes() + self.writer.buffer_bytes();
        self.core.store.memory().count_buffers(bytes as i64 - self.counted_bytes as i64);
        self.counted_bytes = bytes;
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.core.store.memory().count_buffers(-(self.counted_bytes as i64));
    }
}

/// Applies one message, if the partition is to be taken from this sender. Looking at the role and changing the content is one
/// step under the partition's lock: else this node could have become the owner in between.
fn apply<'m>(
    (core, from): (&Core, NodeId),
    partition: Partition,
    (message, ahead): (Message<'m>, Option<Prepared<'m>>),
    (now, random): (Millis, &mut Rng),
) -> Verdict {
    let prepared = match (ahead, &message) {
        (Some(ahead), _) => core.store.make_room_for(&ahead, (now, random)).map(|()| ahead),
        (None, Message::Effects(effects) | Message::Keys(effects)) => {
            core.store.prepare(partition, effects.effects, (now, random))
        }
        (None, _) => core.store.prepare(partition, &[], (now, random)),
    };
    let mut guard = core.store.lock_partition(partition, Access::Write, now);
    let mut cell = core.part(partition).cell.lock();
    let prepared = match prepared {
        Ok(prepared) => prepared,
        Err(error) => {
            cell.stop_following();
            tracing::warn!(partition = partition.index(), %error, "cannot apply what an owner sent");
            return Verdict::Reject;
        }
    };
    let locked = (&mut guard, &mut *cell);
    match message {
        Message::Effects(effects) => apply_effects((core, from), locked, &effects, &prepared),
        Message::Keys(keys) => apply_keys(from, locked, &keys, &prepared),
        Message::Begin(start) => begin((core, from), locked, &start),
        Message::Continue(start) => {
            let counts_the_same = guard.sequence() == start.sequence;
            cell.judge_continue(from, Epoch(start.term), counts_the_same)
        }
        Message::Writes(writes) => {
            let verdict = cell.judge(from, Epoch(writes.term));
            if verdict == Verdict::Take {
                core.count_remembered(cell.remembered.take_over(writes));
            }
            verdict
        }
    }
}

fn apply_effects(
    (core, from): (&Core, NodeId),
    (guard, cell): (&mut PartitionGuard<'_>, &mut Cell),
    effects: &Effects<'_>,
    prepared: &Prepared<'_>,
) -> Verdict {
    if cell.judge(from, effects.term) == Verdict::Reject {
        return Verdict::Reject;
    }
    #[cfg(feature = "sabotage")]
    if is_broken(Rule::Order) && !effects.effects.is_empty() {
        guard.set_sequence(effects.sequence - 1);
    }
    if !effects.effects.is_empty()
        && let Err(error) = guard.apply(effects.sequence, prepared)
    {
        cell.stop_following();
        tracing::warn!(partition = guard.partition().index(), %error, "an owner's effects do not fit");
        return Verdict::Reject;
    }
    if let Some((id, reply)) = &effects.write {
        let is_short = core.is_short_of_memory();
        core.count_remembered(cell.remembered.note(id, reply, is_short));
    }
    Verdict::Take
}

fn apply_keys(
    from: NodeId,
    (guard, cell): (&mut PartitionGuard<'_>, &mut Cell),
    keys: &Effects<'_>,
    prepared: &Prepared<'_>,
) -> Verdict {
    let verdict = cell.judge(from, keys.term);
    if verdict == Verdict::Take && guard.fill(prepared).is_err() {
        cell.stop_following();
        return Verdict::Reject;
    }
    verdict
}

fn begin(
    (core, from): (&Core, NodeId),
    (guard, cell): (&mut PartitionGuard<'_>, &mut Cell),
    start: &Start,
) -> Verdict {
    let verdict = cell.judge_begin(from, Epoch(start.term), Epoch(start.since));
    if verdict == Verdict::Take {
        guard.clear();
        guard.set_sequence(start.sequence);
        core.count_remembered(cell.remembered.clear());
    }
    verdict
}

impl<'m> Message<'m> {
    fn read(frame: Frame<'m>) -> Result<Self, FrameError> {
        Ok(match frame.kind {
            kind::EFFECTS => Self::Effects(Effects::decode(frame.payload)?),
            kind::KEYS => Self::Keys(Effects::decode(frame.payload)?),
            kind::BEGIN => Self::Begin(read(frame.payload)?),
            kind::CONTINUE => Self::Continue(read(frame.payload)?),
            kind::REMEMBERED => Self::Writes(read(frame.payload)?),
            other => return Err(FrameError::Kind(other)),
        })
    }

    /// The epoch that has to be adopted before it can be judged.
    fn epoch(&self) -> Epoch {
        match self {
            Self::Effects(effects) | Self::Keys(effects) => effects.term,
            Self::Begin(start) | Self::Continue(start) => Epoch(start.term.max(start.since)),
            Self::Writes(writes) => Epoch(writes.term),
        }
    }

    fn partition(&self) -> Result<Partition, FrameError> {
        messages::partition(match self {
            Self::Effects(effects) | Self::Keys(effects) => effects.partition,
            Self::Begin(start) | Self::Continue(start) => start.partition.into(),
            Self::Writes(writes) => writes.partition.into(),
        })
    }
}
