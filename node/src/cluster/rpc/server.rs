//! The side of a control connection that answers. Requests are handled side by side, a bounded number of them; answers
//! leave in the order in which they are ready. What a request means is left to a [`Handler`].

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use prost::Message;
use tokio::task::JoinSet;

use super::messages::{ANSWER, Answer, REQUEST, RefusalMessage, Request};
use crate::limits::{CONTROL_ANSWER_BYTES_MAX, CONTROL_CALLS_MAX};
use crate::link::{Frame, FrameError, FrameWriter, Introduction, Link, LinkError};

/// A request at work.
pub type Handling = Pin<Box<dyn Future<Output = Result<Vec<u8>, Refusal>>>>;

/// Answers requests.
pub trait Handler {
    /// Begins to answer a request of this kind from this node.
    fn handle(&self, from: &Rc<Introduction>, kind: u8, body: Vec<u8>) -> Handling;
}

/// Why a request has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What kind of reason it is; those of [`Refusal`]'s constants are below 16.
    pub code: u32,
    /// For whoever reads the log.
    pub text: String,
}

impl Refusal {
    /// The request's kind is not known here: a newer version asks.
    pub const UNKNOWN: u32 = 1;
    /// The request cannot be read.
    pub const MALFORMED: u32 = 2;
    /// This node does not take part: it has not joined yet, or is stopping.
    pub const ABSENT: u32 = 3;

    /// A refusal.
    #[must_use]
    pub fn new(code: u32, text: impl fmt::Display) -> Self {
        Self { code, text: text.to_string() }
    }
}

/// Answers the requests of one connection until it ends; what is at work then is given up.
///
/// # Errors
/// Always: why it has ended. [`LinkError::Closed`] is the usual end.
pub async fn serve(link: Link, from: Introduction, handler: Rc<dyn Handler>) -> LinkError {
    let from = Rc::new(from);
    let (mut reader, mut writer) = link.split();
    let mut at_work: JoinSet<Answer> = JoinSet::new();
    loop {
        let may_read = at_work.len() < CONTROL_CALLS_MAX && writer.queued_bytes() < CONTROL_ANSWER_BYTES_MAX;
        // In this order: what is ready leaves before more is taken in.
        tokio::select! {
            biased;
            flushed = writer.flush(), if writer.queued_bytes() > 0 => {
                if let Err(error) = flushed {
                    return error;
                }
            }
            Some(done) = at_work.join_next(), if !at_work.is_empty() => queue(&mut writer, done),
            frame = reader.frame(), if may_read => match frame.and_then(request) {
                Ok(request) => begin(&mut at_work, &from, &*handler, request),
                Err(error) => return error,
            },
        }
    }
}

fn request(frame: Frame<'_>) -> Result<Request, LinkError> {
    if frame.kind != REQUEST {
        return Err(FrameError::Kind(frame.kind).into());
    }
    Request::decode(frame.payload).map_err(|_| FrameError::Message("request").into())
}

fn begin(at_work: &mut JoinSet<Answer>, from: &Rc<Introduction>, handler: &dyn Handler, request: Request) {
    let number = request.number;
    let handling = match u8::try_from(request.kind) {
        Ok(kind) => handler.handle(from, kind, request.body),
        Err(_) => Box::pin(async { Err(Refusal::new(Refusal::UNKNOWN, "a request of an unknown kind")) }),
    };
    at_work.spawn_local(async move {
        match handling.await {
            Ok(body) => Answer { number, body, refusal: None },
            Err(Refusal { code, text }) => {
                Answer { number, body: Vec::new(), refusal: Some(RefusalMessage { code, text }) }
            }
        }
    });
}

/// A handler that panicked answers nothing: its caller's time runs out.
fn queue(writer: &mut FrameWriter, done: Result<Answer, tokio::task::JoinError>) {
    match done {
        Ok(answer) => writer.queue(ANSWER, |to| {
            // Writing to memory that grows cannot fail.
            let _ = answer.encode(to);
        }),
        Err(error) => tracing::error!(%error, "a request of another node was not answered"),
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Refusal {}
