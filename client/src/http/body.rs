//! A body on its way to the client that is watched: kept for the cache, and counted as long as it lasts.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::ahead::{AheadBody, ReadAhead};
use super::capture::Capturing;
use super::origin;
use super::reason::NotStored;

/// What lasts as long as a body.
#[derive(Default)]
pub(super) struct Watch {
    pub(super) capturing: Option<Capturing>,
    /// The place at the backend.
    pub(super) turn: Option<origin::Turn>,
}

/// The body of a response that came through a cache: an entry's, or that of the service within as it
/// comes.
pub struct ResponseBody<B: Body> {
    from: From<B>,
}

enum From<B: Body> {
    Entry(Option<Bytes>),
    Service(Watched<B>),
    Ahead(AheadBody<B::Error>),
}

/// A body that passes every frame on as it comes.
pub(super) struct Watched<B> {
    inner: Pin<Box<B>>,
    watch: Watch,
}

impl Watch {
    /// Whether somebody waits for the end of the body.
    fn is_waited_for(&self) -> bool {
        self.capturing.is_some() || self.turn.is_some()
    }

    /// The body is there as a whole.
    pub(super) fn whole(&mut self, body: &Bytes) {
        if let Some(capturing) = &mut self.capturing {
            capturing.data(body);
            capturing.end();
        }
    }

    fn end(&mut self) {
        if let Some(capturing) = &mut self.capturing {
            capturing.end();
        }
        self.turn = None;
    }

    fn fail(&mut self, reason: NotStored) {
        if let Some(capturing) = &mut self.capturing {
            capturing.fail(reason);
        }
    }

    fn frame(&mut self, frame: &Frame<Bytes>) {
        match (&mut self.capturing, frame.data_ref()) {
            (Some(capturing), Some(chunk)) => capturing.data(chunk),
            (Some(capturing), None) => capturing.fail(NotStored::Trailers),
            (None, _) => {}
        }
    }
}

impl<B: Body<Data = Bytes>> Watched<B> {
    pub(super) fn new(body: B, mut watch: Watch) -> Self {
        if body.is_end_stream() {
            watch.end();
        }
        Self { inner: Box::pin(body), watch }
    }
}

impl<B: Body<Data = Bytes>> Body for Watched<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let frame = ready!(self.inner.as_mut().poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                self.watch.frame(frame);
                // Nobody may ask for the end of a body that says that it has come.
                if self.inner.is_end_stream() {
                    self.watch.end();
                }
            }
            Some(Err(_)) => self.watch.fail(NotStored::Incomplete),
            None => self.watch.end(),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<B: Body> ResponseBody<B> {
    pub(super) fn whole(body: Option<Bytes>) -> Self {
        Self { from: From::Entry(body.filter(|body| !body.is_empty())) }
    }
}

impl<B: Body<Data = Bytes> + Send + 'static> ResponseBody<B>
where
    B::Error: Send,
{
    /// The service's body. A client that is slow to take it keeps nobody waiting.
    pub(super) fn passed(body: B, watch: Watch, ahead: &ReadAhead) -> Self {
        let is_waited_for = watch.is_waited_for() && !body.is_end_stream();
        let body = Watched::new(body, watch);
        Self { from: if is_waited_for { From::Ahead(ahead.read(body)) } else { From::Service(body) } }
    }
}

impl<B: Body<Data = Bytes>> Body for ResponseBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match &mut self.from {
            From::Entry(body) => Poll::Ready(body.take().map(|body| Ok(Frame::data(body)))),
            From::Service(body) => Pin::new(body).poll_frame(cx),
            From::Ahead(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.from {
            From::Entry(body) => body.is_none(),
            From::Service(body) => body.is_end_stream(),
            From::Ahead(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.from {
            From::Entry(body) => SizeHint::with_exact(body.as_ref().map_or(0, |body| body.len() as u64)),
            From::Service(body) => body.size_hint(),
            From::Ahead(body) => body.size_hint(),
        }
    }
}

impl<B: Body> fmt::Debug for ResponseBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.from {
            From::Entry(_) => "Entry",
            From::Service(_) | From::Ahead(_) => "Service",
        })
    }
}
