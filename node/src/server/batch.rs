//! The requests that are at hand: read and carried out one after the other until bytes, room for replies or the turn run
//! out.

use larder_proto::resp::{Limits, Out, Progress, ProtocolError, RequestParser};
use larder_proto::time::Millis;

use super::dispatch::{Dispatch, Next};
use crate::commands::session::Session;
use crate::limits::{COMMANDS_PER_TURN, REPLY_BYTES_SOFT_MAX, guest_limits, request_limits};

/// What the connection does after a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Reads more; the request that has begun needs this many bytes in all.
    Read {
        /// Bytes from the request's first one.
        wanted: usize,
    },
    /// Sends the replies, lets others have their turn, and goes on.
    Yield,
    /// Waits until commands are no longer paused, or until this moment, and goes on.
    Wait(Millis),
    /// Sends the replies and closes.
    Close,
}

/// Reads requests of one connection. `held` is a request that was read already and waits for a pause to end.
#[derive(Debug, Default)]
pub(super) struct Reader {
    pub(super) parser: RequestParser,
    held: Option<usize>,
}

impl Reader {
    /// Whether it can serve another connection: no request has begun, and none is held.
    pub(super) const fn is_idle(&self) -> bool {
        !self.parser.is_midway() && self.held.is_none()
    }

    /// Runs the requests in `input`; how many of its bytes are done with, and what comes next.
    pub(super) fn run(
        &mut self,
        dispatch: &mut Dispatch<'_>,
        session: &mut Session,
        input: &mut [u8],
        replies: &mut Vec<u8>,
    ) -> (usize, Step) {
        let full = request_limits(dispatch.shared.tunables.value_bytes_max());
        let before = replies.len();
        let reply_bytes_max = before + dispatch.reply_bytes_max();
        let mut consumed = 0;
        for _ in 0..COMMANDS_PER_TURN {
            let limits = if session.authenticated { full } else { guest_limits() };
            let frame = &mut input[consumed..];
            let length = match self.next(frame, &limits) {
                Ok(Progress::Complete { consumed }) => consumed,
                Ok(Progress::Incomplete { wanted }) => return (consumed, Step::Read { wanted }),
                Err(error) => {
                    let sentence = protocol_error(error, session.authenticated);
                    Out::new(replies, session.version).error("ERR", &sentence);
                    return (consumed, Step::Close);
                }
            };
            let words = self.parser.arguments();
            if !words.is_empty() {
                let mut out = Out::bounded(replies, session.version, reply_bytes_max);
                if let Next::Wait(until) = dispatch.request(session, &frame[..length], words, &mut out) {
                    self.held = Some(length);
                    return (consumed, Step::Wait(until));
                }
            }
            consumed += length;
            if session.closing {
                return (consumed, Step::Close);
            }
            if replies.len() - before >= REPLY_BYTES_SOFT_MAX {
                return (consumed, Step::Yield);
            }
        }
        (consumed, Step::Yield)
    }

    /// The next request. One that was held is not read again: its words were unquoted in place.
    #[inline]
    fn next(&mut self, frame: &mut [u8], limits: &Limits) -> Result<Progress, ProtocolError> {
        match self.held.take() {
            Some(consumed) => Ok(Progress::Complete { consumed }),
            None => self.parser.parse(frame, limits),
        }
    }
}

/// What a client is told before its connection is closed. A guest is told which limits are a guest's.
fn protocol_error(error: ProtocolError, logged_in: bool) -> String {
    match error {
        ProtocolError::TooManyArguments if !logged_in => {
            "Protocol error: unauthenticated multibulk length".to_owned()
        }
        ProtocolError::ArgumentTooBig if !logged_in => {
            "Protocol error: unauthenticated bulk length".to_owned()
        }
        error => format!("Protocol error: {error}"),
    }
}
