//! Keeps a copy of a body while it goes to the client, up to a limit. A copy that is not whole is never
//! stored. Reading the body is left to whoever sends it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Bytes, BytesMut};

use super::reason::NotStored;
use super::storing::StoreJob;
use crate::limits::RESPONSE_CAPTURE_BYTES_MAX;

/// The memory that copies take, all together.
#[derive(Debug, Default, Clone)]
pub(super) struct CaptureRoom(Arc<AtomicUsize>);

/// A part of it, given back when dropped.
#[derive(Debug)]
pub(super) struct Space {
    room: CaptureRoom,
    bytes: usize,
}

/// A body under way.
pub(super) struct Capturing {
    under_way: Option<Box<UnderWay>>,
}

struct UnderWay {
    job: StoreJob,
    kept: Kept,
    space: Space,
    /// The length that was announced.
    expected: Option<u64>,
    limit: usize,
}

/// One chunk is kept as it is; more are copied into one piece, so that small chunks do not hold on to
/// large buffers.
enum Kept {
    One(Bytes),
    Many(BytesMut),
}

impl CaptureRoom {
    fn none_taken(&self) -> Space {
        Space { room: self.clone(), bytes: 0 }
    }
}

impl Space {
    /// Takes so many bytes more; false if there is no room for them.
    fn grow(&mut self, bytes: usize) -> bool {
        let before = self.room.0.fetch_add(bytes, Ordering::Relaxed);
        self.bytes += bytes;
        before + bytes <= RESPONSE_CAPTURE_BYTES_MAX
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        self.room.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Capturing {
    pub(super) fn new(job: StoreJob, expected: Option<u64>, limit: usize) -> Self {
        let space = job.responses.shared.room.none_taken();
        let kept = Kept::One(Bytes::new());
        Self { under_way: Some(Box::new(UnderWay { job, kept, space, expected, limit })) }
    }

    /// The next chunk.
    pub(super) fn data(&mut self, chunk: &Bytes) {
        let Some(under_way) = &mut self.under_way else { return };
        let length = under_way.kept.len() + chunk.len();
        let reason = if length > under_way.limit {
            NotStored::TooLarge
        } else if !under_way.space.grow(chunk.len()) {
            NotStored::Overloaded
        } else {
            return under_way.kept.push(chunk);
        };
        self.fail(reason);
    }

    /// The body has ended.
    pub(super) fn end(&mut self) {
        let Some(under_way) = self.under_way.take() else { return };
        let UnderWay { job, kept, space, expected, .. } = *under_way;
        let body = kept.into_bytes();
        if expected.is_some_and(|expected| expected != body.len() as u64) {
            return job.failed(NotStored::Incomplete);
        }
        job.done(body, space);
    }

    /// There will be no whole body.
    pub(super) fn fail(&mut self, reason: NotStored) {
        if let Some(under_way) = self.under_way.take() {
            under_way.job.failed(reason);
        }
    }
}

impl Drop for Capturing {
    /// A server may drop a body as soon as it has sent the announced length, without asking for its end.
    fn drop(&mut self) {
        let length = self.under_way.as_ref().map(|under_way| (under_way.expected, under_way.kept.len()));
        match length {
            Some((Some(expected), kept)) if expected == kept as u64 => self.end(),
            _ => self.fail(NotStored::Incomplete),
        }
    }
}

impl Kept {
    fn len(&self) -> usize {
        match self {
            Self::One(bytes) => bytes.len(),
            Self::Many(bytes) => bytes.len(),
        }
    }

    fn push(&mut self, chunk: &Bytes) {
        match self {
            Self::One(bytes) if bytes.is_empty() => *self = Self::One(chunk.clone()),
            Self::One(bytes) => {
                let mut all = BytesMut::with_capacity(2 * (bytes.len() + chunk.len()));
                all.extend_from_slice(bytes);
                all.extend_from_slice(chunk);
                *self = Self::Many(all);
            }
            Self::Many(bytes) => bytes.extend_from_slice(chunk),
        }
    }

    fn into_bytes(self) -> Bytes {
        match self {
            Self::One(bytes) => bytes,
            Self::Many(bytes) => bytes.freeze(),
        }
    }
}
