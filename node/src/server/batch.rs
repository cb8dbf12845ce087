//! The requests that are at hand, in two steps: several are read ahead, then they are carried out one after the other,
//! until bytes, room for replies or the turn run out. What reading ahead found holds only as long as nothing that
//! was carried out changes how the rest is to be read.

use std::ops::Range;

use larder_proto::resp::{Limits, Out, Progress, ProtocolError, RequestParser};
use larder_proto::time::Millis;

use super::dispatch::{Dispatch, Next, Stall};
use crate::commands::session::Session;
use crate::commands::spec::Keys;
use crate::commands::table::CommandId;
use crate::limits::{
    COMMANDS_PER_TURN, LOOK_AHEAD_MIN, READ_AHEAD_MAX, REPLY_BYTES_SOFT_MAX, guest_limits, request_limits,
};
use crate::store::{Database, Hint};

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
    /// Waits until this is over, and goes on.
    Stall(Stall),
    /// Sends the replies and closes.
    Close,
}

/// Reads requests of one connection.
#[derive(Debug, Default)]
pub(super) struct Reader {
    pub(super) parser: RequestParser,
    /// Requests that are read and not carried out yet. Between two calls at most one: an inline command that waits for
    /// a pause to end. It is not read again, since its words were unquoted in place.
    ahead: Vec<Ahead>,
}

/// A request that was read.
#[derive(Debug, Clone)]
struct Ahead {
    /// Bytes before it.
    from: usize,
    /// Its bytes.
    length: usize,
    /// Its words, as the parser keeps them.
    words: Range<usize>,
    /// The command of its first word, if there is one.
    command: Option<CommandId>,
    is_inline: bool,
    /// What is known of its key, once that was looked ahead for.
    hint: Option<Hint>,
}

/// Why no further request was read ahead.
enum Stop {
    /// Enough were, or the next one has to be read on its own.
    Enough,
    /// The next one is not whole.
    Incomplete { wanted: usize },
    /// What comes next is no request.
    Broken(ProtocolError),
}

impl Reader {
    /// Whether it can serve another connection: no request has begun, and none is held.
    pub(super) const fn is_idle(&self) -> bool {
        !self.parser.is_midway() && self.ahead.is_empty()
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
        let space = Space { from: replies.len(), bytes_max: dispatch.reply_bytes_max() };
        let mut consumed = 0;
        let mut turns = COMMANDS_PER_TURN;
        while turns > 0 {
            let logged_in = session.authenticated;
            // A guest's next request may be read within other limits, if it logs in.
            let (limits, most) =
                if logged_in { (full, turns.min(READ_AHEAD_MAX)) } else { (guest_limits(), 1) };
            let stop = match self.ahead.is_empty() {
                true => self.read_ahead(dispatch, input, consumed, (&limits, most)),
                false => Stop::Enough,
            };
            turns -= self.ahead.len().min(turns);
            self.look_ahead(dispatch, session.database, input);
            if let Some(step) = self.carry_out(dispatch, session, (input, &mut consumed), (replies, space)) {
                return (consumed, step);
            }
            match stop {
                _ if session.authenticated != logged_in => self.parser.restart(),
                Stop::Enough => {}
                Stop::Incomplete { wanted } => return (consumed, Step::Read { wanted }),
                Stop::Broken(error) => {
                    self.parser.restart();
                    let sentence = protocol_error(error, session.authenticated);
                    let mut out = Out::new(replies, session.version);
                    let mark = out.mark();
                    out.error("ERR", &sentence);
                    dispatch.defer(mark, &mut out);
                    return (consumed, Step::Close);
                }
            }
        }
        (consumed, Step::Yield)
    }

    /// Reads at most so many requests, from `from` on. An inline command is read on its own: reading changes its bytes,
    /// so it cannot be read twice.
    #[inline]
    fn read_ahead(
        &mut self,
        dispatch: &Dispatch<'_>,
        input: &mut [u8],
        mut from: usize,
        (limits, most): (&Limits, usize),
    ) -> Stop {
        while self.ahead.len() < most {
            let frame = &mut input[from..];
            let is_inline = frame.first().is_some_and(|&byte| byte != b'*');
            if is_inline && !self.ahead.is_empty() {
                return Stop::Enough;
            }
            let length = match self.parser.parse(frame, limits) {
                Ok(Progress::Complete { consumed }) => consumed,
                Ok(Progress::Incomplete { wanted }) => return Stop::Incomplete { wanted },
                Err(error) => return Stop::Broken(error),
            };
            let words = self.parser.keep();
            let name = self.parser.kept(words.clone()).first().map(|word| word.of(frame));
            let command = name.and_then(|name| dispatch.shared.commands.find(name)).map(|row| row.id);
            self.ahead.push(Ahead { from, length, words, command, is_inline, hint: None });
            from += length;
            if is_inline {
                break;
            }
        }
        Stop::Enough
    }

    /// Lets the items of several requests be fetched from memory at the same time: first the lines of the table, then
    /// what they point to. What is fetched for nothing does no harm.
    #[inline]
    fn look_ahead(&mut self, dispatch: &Dispatch<'_>, database: Database, input: &[u8]) {
        if self.ahead.len() < LOOK_AHEAD_MIN {
            return;
        }
        let store = &*dispatch.shared.store;
        for ahead in &mut self.ahead {
            let row = ahead.command.and_then(|id| dispatch.shared.commands.rows().get(usize::from(id)));
            let Some(Keys::At(position)) = row.map(|row| row.spec.keys) else { continue };
            let frame = &input[ahead.from..ahead.from + ahead.length];
            let key = self.parser.kept(ahead.words.clone()).get(position).map(|word| word.of(frame));
            ahead.hint = key.map(|key| store.hint(database, key));
        }
        self.ahead.iter().filter_map(|ahead| ahead.hint).for_each(|hint| store.hint_item(&hint));
    }

    /// Carries out what was read ahead, and lets go of it. `Some` if something else comes next than to read on; then what
    /// was not carried out is to be read again.
    #[inline]
    fn carry_out(
        &mut self,
        dispatch: &mut Dispatch<'_>,
        session: &mut Session,
        (input, consumed): (&[u8], &mut usize),
        (replies, space): (&mut Vec<u8>, Space),
    ) -> Option<Step> {
        let logged_in = session.authenticated;
        for place in 0..self.ahead.len() {
            let Ahead { from, length, words, command, is_inline, hint } = self.ahead[place].clone();
            dispatch.hint = hint;
            let frame = &input[from..from + length];
            let words = self.parser.kept(words);
            if !words.is_empty() {
                let mut out = Out::bounded(replies, session.version, space.from + space.bytes_max);
                let held = match dispatch.request(session, (frame, words), command, &mut out) {
                    Next::Continue => None,
                    Next::Wait(until) => Some(Step::Wait(until)),
                    Next::Stall(why) => Some(Step::Stall(why)),
                };
                if held.is_some() {
                    self.hold(place, is_inline);
                    return held;
                }
            }
            *consumed = from + length;
            let step = if session.closing {
                Some(Step::Close)
            } else if replies.len() - space.from >= REPLY_BYTES_SOFT_MAX || dispatch.has_taken_long() {
                Some(Step::Yield)
            } else {
                None
            };
            if step.is_some() {
                self.forget();
                return step;
            }
            if session.authenticated != logged_in {
                break;
            }
        }
        self.ahead.clear();
        self.parser.drop_kept();
        None
    }

    /// Keeps the request at this place, if it cannot be read again, and forgets all others.
    fn hold(&mut self, place: usize, is_inline: bool) {
        if is_inline {
            // Inline commands are alone. The bytes before it are done with.
            self.ahead[place].from = 0;
        } else {
            self.forget();
        }
    }

    fn forget(&mut self) {
        self.ahead.clear();
        self.parser.restart();
    }
}

/// Where the replies of this batch begin in the buffer, and how long they may become.
#[derive(Clone, Copy)]
struct Space {
    from: usize,
    bytes_max: usize,
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
