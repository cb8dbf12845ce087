//! What one node sends to one other: messages in one order, kept until they are acknowledged, so that a lost connection
//! loses none of them. Bytes and positions only; the network is the sender's part, what a message means the custody's.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::Waker;

use larder_proto::topology::{Incarnation, NodeId};
use parking_lot::Mutex;

use super::messages::LENGTH_BYTES;
use crate::limits::FEED_CHUNK_BYTES;

/// The messages for one run of one other node. Any thread appends, one task sends.
#[derive(Debug)]
pub(super) struct Feed {
    /// Its number within this process: never used twice.
    pub(super) number: u64,
    pub(super) node: NodeId,
    pub(super) incarnation: Incarnation,
    /// Messages that the other side has.
    acknowledged: AtomicU64,
    /// Bytes that wait to be acknowledged. Written with the queue locked.
    bytes: AtomicUsize,
    bytes_max: usize,
    is_closed: AtomicBool,
    /// Whether a connection is open. Written by the task that sends.
    pub(super) is_connected: AtomicBool,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    chunks: VecDeque<Chunk>,
    /// Room of a chunk that was dropped, for the next one.
    spare: Vec<u8>,
    /// How many chunks were dropped before the first.
    dropped: u64,
    /// How many messages were appended.
    appended: u64,
    /// Bytes of all of them.
    appended_bytes: u64,
    /// As many bytes have to be appended before the sender is woken.
    wake_at: u64,
    /// Whether the queue counts as full: from the limit on until it is well below it.
    is_full: bool,
    /// Of the task that sends.
    sender: Option<Waker>,
    /// Of tasks that wait for acknowledgements.
    waiting: Vec<Waker>,
}

/// Some whole frames.
#[derive(Debug)]
struct Chunk {
    bytes: Vec<u8>,
    /// Position of the last of them.
    last: u64,
}

/// How far the sender has come: a chunk, counted from the first there ever was, and a byte in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SendCursor {
    chunk: u64,
    offset: usize,
}

/// What was copied to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    Nothing,
    /// There is more.
    Some,
    /// Everything there is, up to the message at this position.
    All(u64),
}

/// What appending changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Appended {
    /// The frame's position.
    pub(super) position: u64,
    /// Bytes of memory that were taken.
    pub(super) bytes: usize,
    /// There is no room any more where there was some.
    pub(super) is_full: bool,
}

/// What an acknowledgement changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Acknowledged {
    /// More is acknowledged than before.
    pub(super) progress: bool,
    /// There is room again where there was none.
    pub(super) room: bool,
    /// Bytes of memory that were given back.
    pub(super) bytes: usize,
}

/// The other side has lost what was acknowledged, or claims what was never sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CannotResume;

impl Feed {
    pub(super) fn new(number: u64, node: NodeId, incarnation: Incarnation, bytes_max: usize) -> Self {
        Self {
            number,
            node,
            incarnation,
            acknowledged: AtomicU64::new(0),
            bytes: AtomicUsize::new(0),
            bytes_max,
            is_closed: AtomicBool::new(false),
            is_connected: AtomicBool::new(false),
            queue: Mutex::default(),
        }
    }

    /// Appends one whole frame.
    pub(super) fn append(&self, frame: &[u8]) -> Appended {
        let mut queue = self.queue.lock();
        queue.appended += 1;
        queue.appended_bytes += frame.len() as u64;
        let position = queue.appended;
        if self.is_closed() {
            return Appended { position, ..Appended::default() };
        }
        let fits = |chunk: &&mut Chunk| chunk.bytes.capacity() - chunk.bytes.len() >= frame.len();
        let mut taken = 0;
        match queue.chunks.back_mut().filter(fits) {
            Some(chunk) => {
                chunk.bytes.extend_from_slice(frame);
                chunk.last = position;
            }
            None => {
                let mut bytes = std::mem::take(&mut queue.spare);
                let before = bytes.capacity();
                bytes.reserve_exact(frame.len().max(FEED_CHUNK_BYTES));
                bytes.extend_from_slice(frame);
                taken = bytes.capacity() - before;
                queue.chunks.push_back(Chunk { bytes, last: position });
            }
        }
        let bytes = self.bytes.load(Ordering::Relaxed) + frame.len();
        self.bytes.store(bytes, Ordering::Relaxed);
        let is_full = !queue.is_full && bytes >= self.bytes_max;
        queue.is_full |= is_full;
        Appended { position, bytes: taken, is_full }
    }

    /// Wakes the sender, once something was appended; not while it waits for more than there is.
    pub(super) fn wake_sender(&self) {
        let mut queue = self.queue.lock();
        let waker = if queue.appended_bytes >= queue.wake_at { queue.sender.take() } else { None };
        drop(queue);
        waker.into_iter().for_each(Waker::wake);
    }

    /// Whether writes may add to it.
    pub(super) fn has_room(&self) -> bool {
        // The lock is taken only where it is nearly full.
        self.bytes.load(Ordering::Relaxed) < self.bytes_max / 2 || !self.queue.lock().is_full
    }

    /// Bytes that wait to be acknowledged.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Bytes that may wait before writes have to.
    pub(super) const fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// Bytes of the messages that are acknowledged next: those that the other side is busy with.
    pub(super) fn head_bytes(&self) -> usize {
        self.queue.lock().chunks.front().map_or(0, |chunk| chunk.bytes.len())
    }

    /// Messages that were appended.
    pub(super) fn appended(&self) -> u64 {
        self.queue.lock().appended
    }

    /// Messages that the other side has. Whoever sees this also sees the rejections that were told before.
    pub(super) fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Acquire)
    }

    /// Takes note of an acknowledgement.
    ///
    /// # Errors
    /// It is of messages that were never appended.
    pub(super) fn acknowledge(&self, position: u64) -> Result<Acknowledged, CannotResume> {
        let mut queue = self.queue.lock();
        if position > queue.appended {
            return Err(CannotResume);
        }
        if position <= self.acknowledged.load(Ordering::Relaxed) {
            return Ok(Acknowledged::default());
        }
        self.acknowledged.store(position, Ordering::Release);
        let (mut bytes, mut freed) = (self.bytes.load(Ordering::Relaxed), 0);
        while queue.chunks.front().is_some_and(|chunk| chunk.last <= position) {
            if let Some(mut chunk) = queue.chunks.pop_front() {
                bytes -= chunk.bytes.len();
                queue.dropped += 1;
                if queue.spare.capacity() == 0 && chunk.bytes.capacity() <= FEED_CHUNK_BYTES {
                    chunk.bytes.clear();
                    queue.spare = chunk.bytes;
                } else {
                    freed += chunk.bytes.capacity();
                }
            }
        }
        self.bytes.store(bytes, Ordering::Relaxed);
        let room = queue.is_full && bytes < self.bytes_max / 4 * 3;
        queue.is_full &= !room;
        let waiting = std::mem::take(&mut queue.waiting);
        drop(queue);
        waiting.into_iter().for_each(Waker::wake);
        Ok(Acknowledged { progress: true, room, bytes: freed })
    }

    /// From where to send, given how many messages the other side has.
    ///
    /// # Errors
    /// What it lacks is not kept any more.
    pub(super) fn resume(&self, received: u64) -> Result<SendCursor, CannotResume> {
        let queue = self.queue.lock();
        if received < self.acknowledged() || received > queue.appended {
            return Err(CannotResume);
        }
        let mut first = self.first_kept(&queue);
        for (at, chunk) in queue.chunks.iter().enumerate() {
            let number = queue.dropped + at as u64;
            if chunk.last <= received {
                first = chunk.last + 1;
                continue;
            }
            let mut offset = 0;
            while first <= received {
                offset += frame_bytes(&chunk.bytes[offset..]).ok_or(CannotResume)?;
                first += 1;
            }
            return Ok(SendCursor { chunk: number, offset });
        }
        // Behind the last: what comes next may be put into the same chunk.
        let last = (queue.chunks.len() as u64).saturating_sub(1);
        let offset = queue.chunks.back().map_or(0, |chunk| chunk.bytes.len());
        Ok(SendCursor { chunk: queue.dropped + last, offset })
    }

    /// Position of the first message that is kept.
    fn first_kept(&self, queue: &Queue) -> u64 {
        let Some(chunk) = queue.chunks.front() else { return queue.appended + 1 };
        let (mut frames, mut offset) = (0, 0);
        while let Some(bytes) = frame_bytes(&chunk.bytes[offset..]) {
            offset += bytes;
            frames += 1;
        }
        chunk.last + 1 - frames
    }

    /// Copies what comes next, between the least and the most bytes given; where there is less, `waker` is woken once there
    /// is enough. The position of the last message, if everything that there is was copied.
    pub(super) fn take(
        &self,
        cursor: &mut SendCursor,
        (bytes_min, bytes_max): (usize, usize),
        to: &mut Vec<u8>,
        waker: &Waker,
    ) -> Taken {
        let mut queue = self.queue.lock();
        let before = to.len();
        // What was acknowledged was sent: the cursor is never before the first chunk.
        let mut at = (cursor.chunk.saturating_sub(queue.dropped)) as usize;
        if cursor.chunk < queue.dropped {
            (cursor.chunk, cursor.offset) = (queue.dropped, 0);
        }
        let (least, mut waiting) = (cursor.offset + bytes_min.max(1), 0);
        for chunk in queue.chunks.iter().skip(at) {
            waiting += chunk.bytes.len();
            if waiting >= least {
                break;
            }
        }
        if waiting < least {
            queue.wake_at = queue.appended_bytes + (least - waiting) as u64;
            set(&mut queue.sender, waker);
            return Taken::Nothing;
        }
        while let Some(chunk) = queue.chunks.get(at) {
            let rest = &chunk.bytes[cursor.offset..];
            let length = rest.len().min(bytes_max - (to.len() - before));
            to.extend_from_slice(&rest[..length]);
            cursor.offset += length;
            let is_last = at + 1 == queue.chunks.len();
            if cursor.offset < chunk.bytes.len() {
                return Taken::Some;
            }
            if is_last {
                break;
            }
            at += 1;
            (cursor.chunk, cursor.offset) = (cursor.chunk + 1, 0);
        }
        Taken::All(queue.appended)
    }

    /// Wakes this waker at the next acknowledgement, or when the feed is closed. Ask again after that.
    pub(super) fn watch(&self, waker: &Waker) {
        let mut queue = self.queue.lock();
        if !queue.waiting.iter().any(|known| known.will_wake(waker)) {
            queue.waiting.push(waker.clone());
        }
    }

    /// Nothing more is sent. Bytes of memory that were given back, and whether there was no room.
    pub(super) fn close(&self) -> (usize, bool) {
        let mut queue = self.queue.lock();
        self.is_closed.store(true, Ordering::Release);
        let was_full = std::mem::take(&mut queue.is_full);
        let kept = std::mem::take(&mut queue.spare).capacity();
        let freed = kept + queue.chunks.drain(..).map(|chunk| chunk.bytes.capacity()).sum::<usize>();
        self.bytes.store(0, Ordering::Relaxed);
        let wakers: Vec<Waker> =
            std::mem::take(&mut queue.waiting).into_iter().chain(queue.sender.take()).collect();
        drop(queue);
        wakers.into_iter().for_each(Waker::wake);
        (freed, was_full)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }
}

/// Bytes of the first of some frames.
fn frame_bytes(frames: &[u8]) -> Option<usize> {
    let length = frames.first_chunk::<LENGTH_BYTES>()?;
    Some(LENGTH_BYTES + u32::from_le_bytes(*length) as usize)
}

fn set(place: &mut Option<Waker>, waker: &Waker) {
    if place.as_ref().is_none_or(|known| !known.will_wake(waker)) {
        *place = Some(waker.clone());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use fastrand::Rng;

    use super::super::messages::frame;
    use super::*;

    fn feed(bytes_max: usize) -> Feed {
        Feed::new(1, NodeId(2), Incarnation(3), bytes_max)
    }

    fn message(number: u64, bytes: usize) -> Vec<u8> {
        let mut message = Vec::new();
        frame(&mut message, 3, |to| {
            to.extend_from_slice(&number.to_le_bytes());
            to.resize(to.len() + bytes, 0);
        });
        message
    }

    /// The numbers of the messages in these bytes, and how many bytes they are.
    fn numbers(mut bytes: &[u8]) -> (Vec<u64>, usize) {
        let (mut found, whole) = (Vec::new(), bytes.len());
        while let Some(length) = frame_bytes(bytes).filter(|length| *length <= bytes.len()) {
            found.push(u64::from_le_bytes(bytes[5..13].try_into().unwrap()));
            bytes = &bytes[length..];
        }
        (found, whole - bytes.len())
    }

    #[test]
    fn whatever_is_lost_on_the_way_arrives_once_and_in_order() {
        for seed in 0..200 {
            let mut random = Rng::with_seed(seed);
            let feed = feed(usize::MAX);
            let (mut appended, mut arrived, mut cursor) = (0, 0, SendCursor::default());
            let mut way = Vec::new();
            for _ in 0..500 {
                match random.u32(..10) {
                    0..4 => {
                        appended += 1;
                        let bytes = if random.u32(..20) == 0 { 100_000 } else { random.usize(..2_000) };
                        assert_eq!(feed.append(&message(appended, bytes)).position, appended);
                    }
                    4..7 => {
                        feed.take(&mut cursor, (0, random.usize(1..50_000)), &mut way, Waker::noop());
                        let (found, bytes) = numbers(&way);
                        for number in found {
                            arrived += 1;
                            assert_eq!(number, arrived);
                        }
                        way.drain(..bytes);
                    }
                    7..9 => {
                        let _ = feed.acknowledge(random.u64(..=arrived)).unwrap();
                    }
                    // The connection is lost, with what was on the way.
                    _ => {
                        way.clear();
                        cursor = feed.resume(arrived).unwrap();
                    }
                }
            }
            way.clear();
            cursor = feed.resume(arrived).unwrap();
            while feed.take(&mut cursor, (0, 1 << 20), &mut way, Waker::noop()) != Taken::Nothing {}
            assert_eq!(numbers(&way).0, (arrived + 1..=appended).collect::<Vec<_>>());
            feed.acknowledge(appended).unwrap();
            assert_eq!((feed.bytes(), feed.resume(appended).is_ok()), (0, true));
        }
    }

    #[test]
    fn what_was_dropped_or_never_sent_cannot_be_resumed() {
        let feed = feed(1_000);
        (1..=3).for_each(|number| assert_eq!(feed.append(&message(number, 0)).position, number));
        assert_eq!(feed.acknowledge(4), Err(CannotResume));
        feed.acknowledge(2).unwrap();
        assert_eq!(feed.resume(1), Err(CannotResume));
        assert!(feed.resume(2).is_ok() && feed.resume(4).is_err());
    }

    #[test]
    fn a_full_queue_has_room_again_once_a_good_part_is_acknowledged() {
        let feed = feed(100_000);
        let mut number = 0;
        while feed.has_room() {
            number += 1;
            feed.append(&message(number, 10_000));
        }
        assert!(feed.bytes() >= 100_000 && feed.bytes() < 111_000, "{}", feed.bytes());
        assert!(!feed.acknowledge(1).unwrap().room && !feed.has_room());
        assert!(feed.acknowledge(number).unwrap().room && feed.has_room());
    }

    #[test]
    fn a_sender_that_collects_is_woken_once_there_is_enough() {
        let woken = Arc::new(Woken::default());
        let (feed, waker) = (feed(usize::MAX), Waker::from(Arc::clone(&woken)));
        let (mut cursor, mut way) = (SendCursor::default(), Vec::new());
        feed.append(&message(1, 100));
        assert_eq!(feed.take(&mut cursor, (1, 10_000), &mut way, &waker), Taken::All(1));
        feed.append(&message(2, 100));
        assert_eq!(feed.take(&mut cursor, (300, 10_000), &mut way, &waker), Taken::Nothing);
        feed.append(&message(3, 100));
        feed.wake_sender();
        assert!(!woken.0.load(Ordering::Relaxed), "226 bytes wait");
        feed.append(&message(4, 100));
        feed.wake_sender();
        assert!(woken.0.load(Ordering::Relaxed));
        // What is too much for once is told.
        assert_eq!(feed.take(&mut cursor, (300, 200), &mut way, &waker), Taken::Some);
        assert_eq!(feed.take(&mut cursor, (1, 200), &mut way, &waker), Taken::All(4));
        assert_eq!(numbers(&way).0, [1, 2, 3, 4]);
    }

    #[derive(Default)]
    struct Woken(AtomicBool);

    impl std::task::Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}
