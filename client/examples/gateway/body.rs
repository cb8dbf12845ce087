//! Bodies: read as a whole up to a limit, or passed on as they come; a backend that falls silent ends
//! either.

use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use tokio::time::{Sleep, sleep};

/// The body of an answer.
pub(crate) type AnswerBody = BoxBody<Bytes, BodyError>;

/// A body that is there already.
pub(crate) fn full(bytes: impl Into<Bytes>) -> AnswerBody {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed()
}

/// Why a body of the backend ended too early.
#[derive(Debug)]
pub(crate) enum BodyError {
    /// The connection broke off, or what came is no HTTP.
    Broken(hyper::Error),
    /// Nothing came in time.
    TimedOut,
}

/// A body of the backend, with a limit on the time that it may take to its next frame. Time in which
/// nobody asks for a frame, because the client is slow, does not count.
pub(crate) struct Timed {
    body: Incoming,
    idle: Duration,
    /// There while a frame is awaited.
    limit: Option<Pin<Box<Sleep>>>,
}

impl Timed {
    pub(crate) fn new(body: Incoming, idle: Duration) -> Self {
        Self { body, idle, limit: None }
    }
}

/// What reading a body up to a limit gave.
pub(crate) enum Read {
    /// All of it.
    Whole(Bytes),
    /// More than the limit: what was read, followed by the rest.
    TooLarge(AnswerBody),
}

/// Reads a body as long as it stays within the limit.
pub(crate) async fn read_up_to(mut body: Timed, limit: usize) -> Result<Read, BodyError> {
    let mut parts = VecDeque::new();
    let mut length = 0;
    if body.size_hint().lower() > limit as u64 {
        return Ok(Read::TooLarge(body.boxed()));
    }
    while let Some(frame) = body.frame().await {
        // Trailers are dropped: a stored body has none.
        let Ok(data) = frame?.into_data() else { continue };
        length += data.len();
        parts.push_back(data);
        if length > limit {
            return Ok(Read::TooLarge(Resumed { parts, rest: body }.boxed()));
        }
    }
    Ok(Read::Whole(joined(parts, length)))
}

fn joined(mut parts: VecDeque<Bytes>, length: usize) -> Bytes {
    if parts.len() <= 1 {
        return parts.pop_front().unwrap_or_default();
    }
    let mut whole = Vec::with_capacity(length);
    parts.iter().for_each(|part| whole.extend_from_slice(part));
    Bytes::from(whole)
}

/// A body of which the beginning has been read.
struct Resumed {
    parts: VecDeque<Bytes>,
    rest: Timed,
}

impl Body for Timed {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            self.limit = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(BodyError::Broken)));
        }
        let idle = self.idle;
        let limit = self.limit.get_or_insert_with(|| Box::pin(sleep(idle)));
        limit.as_mut().poll(cx).map(|()| Some(Err(BodyError::TimedOut)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(error) => write!(f, "the backend's body broke off: {error}"),
            Self::TimedOut => f.write_str("the backend fell silent within a body"),
        }
    }
}

impl Error for BodyError {}

impl Body for Resumed {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.parts.pop_front() {
            Some(part) => Poll::Ready(Some(Ok(Frame::data(part)))),
            None => Pin::new(&mut self.rest).poll_frame(cx),
        }
    }
}
