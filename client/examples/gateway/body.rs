//! Bodies: read as a whole up to a limit, or passed on as they come.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Frame, Incoming};

/// The body of an answer.
pub(crate) type AnswerBody = BoxBody<Bytes, hyper::Error>;

/// A body that is there already.
pub(crate) fn full(bytes: impl Into<Bytes>) -> AnswerBody {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed()
}

/// What reading a body up to a limit gave.
pub(crate) enum Read {
    /// All of it.
    Whole(Bytes),
    /// More than the limit: what was read, followed by the rest.
    TooLarge(AnswerBody),
}

/// Reads a body as long as it stays within the limit.
pub(crate) async fn read_up_to(mut body: Incoming, limit: usize) -> Result<Read, hyper::Error> {
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
    rest: Incoming,
}

impl Body for Resumed {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.parts.pop_front() {
            Some(part) => Poll::Ready(Some(Ok(Frame::data(part)))),
            None => Pin::new(&mut self.rest).poll_frame(cx),
        }
    }
}
