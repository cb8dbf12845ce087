//! Bodies that are passed on as they come: whoever sends one may be only so slow, and a client may send only so much.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use crate::pace::{Pace, PaceLimits};
use http_body_util::BodyExt;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use larder_client::context::StreamBody;
use larder_client::http::AheadBody;
use tokio::sync::OwnedSemaphorePermit;

/// Who sends a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Backend,
}

/// Why a body ended too early.
#[derive(Debug)]
pub(crate) enum BodyError {
    /// The connection broke off, or what came is no HTTP.
    Broken(Side, hyper::Error),
    /// Nothing, or too little, came in time.
    Slow(Side),
    /// The client sends more than is allowed.
    TooLong,
}

/// A body with limits on the time that it takes. Time in which nobody asks for a frame, because the receiver is slow,
/// does not count.
pub(crate) struct Paced {
    body: Incoming,
    side: Side,
    pace: Pace,
    bytes_left: u64,
    /// Kept until the body has been passed on.
    _turn: Option<OwnedSemaphorePermit>,
}

/// How far a request's body has come: written by the body, read by whoever waits for the answer.
#[derive(Debug, Default)]
pub(super) struct Upload {
    frames: AtomicU64,
    waits_for_client: AtomicBool,
}

impl Upload {
    /// A number that changes with every frame; none while the client is to send the next.
    pub(super) fn seen(&self) -> Option<u64> {
        (!self.waits_for_client.load(Ordering::Relaxed)).then(|| self.frames.load(Ordering::Relaxed))
    }
}

impl Paced {
    /// The body of a request, of at most so many bytes.
    pub(crate) fn from_client(body: Incoming, limits: PaceLimits, bytes_max: u64) -> Self {
        Self { body, side: Side::Client, pace: Pace::new(limits), bytes_left: bytes_max, _turn: None }
    }

    /// The body of an answer; the turn at the backend ends with it.
    pub(super) fn from_backend(body: Incoming, limits: PaceLimits, turn: OwnedSemaphorePermit) -> Self {
        let (side, bytes_left) = (Side::Backend, u64::MAX);
        Self { body, side, pace: Pace::new(limits), bytes_left, _turn: Some(turn) }
    }

    /// As the context of a request keeps it.
    pub(crate) fn into_stream(self) -> StreamBody {
        self.map_err(|error| Box::new(error) as Box<dyn Error + Send + Sync>).boxed_unsync()
    }
}

impl Body for Paced {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let side = self.side;
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            let frame = frame.map(|frame| frame.map_err(|error| BodyError::Broken(side, error)));
            if let Some(Ok(frame)) = &frame {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                self.pace.moved(bytes);
                let Some(left) = self.bytes_left.checked_sub(bytes as u64) else {
                    return Poll::Ready(Some(Err(BodyError::TooLong)));
                };
                self.bytes_left = left;
            }
            return Poll::Ready(frame);
        }
        self.pace.poll_spent(cx).map(|()| Some(Err(BodyError::Slow(side))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A request's body that says how far it has come.
pub(super) struct Watched {
    pub(super) body: AheadBody<Box<dyn Error + Send + Sync>>,
    pub(super) upload: Arc<Upload>,
}

impl Body for Watched {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        self.upload.waits_for_client.store(polled.is_pending(), Ordering::Relaxed);
        if polled.is_ready() {
            self.upload.frames.fetch_add(1, Ordering::Relaxed);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl BodyError {
    /// The error of a body among the reasons of another one.
    pub(crate) fn find<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        let mut next = Some(error);
        // hyper wraps a body's error twice or three times.
        for _ in 0..SOURCES_MAX {
            let error = next?;
            if let Some(found) = error.downcast_ref::<Self>() {
                return Some(found);
            }
            next = error.source();
        }
        None
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "client",
            Self::Backend => "backend",
        })
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(side, error) => write!(f, "the {side}'s body broke off: {error}"),
            Self::Slow(side) => write!(f, "the {side} was too slow with a body"),
            Self::TooLong => f.write_str("the body is too long"),
        }
    }
}

impl Error for BodyError {}

const SOURCES_MAX: usize = 8;
