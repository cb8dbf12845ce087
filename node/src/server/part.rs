//! One request to one node, or a part of one: where it stands, and what becomes of it when what it waited for is lost. In which order
//! parts are answered is left to `pending`.

use std::rc::Rc;

use larder_proto::resp::Out;
use larder_proto::topology::NodeId;
use smallvec::SmallVec;
use tokio::time::Instant;

use super::calls::Call;
use super::region::{Region, Settled};
use crate::commands::error::CommandError;
use crate::commands::ports::{Change, Ticket, WriteId};

/// One request to one node, or a part of one.
pub(super) struct Part {
    /// What to send again, if it was kept.
    pub(super) call: Option<Rc<Call>>,
    pub(super) id: Option<WriteId>,
    pub(super) state: State,
    pub(super) reply: Reply,
    /// Which of the keys of the whole request it has, for the order of values.
    pub(super) places: Vec<u32>,
    /// The round in which it was sent last.
    pub(super) round: Option<u64>,
    /// When it was first refused.
    pub(super) since: Option<Instant>,
    /// What it changed, where it was carried out without a number and it is not known whether that was kept. The reply is kept
    /// meanwhile.
    pub(super) before: Option<Change>,
    /// It may have been carried out once: a later refusal does not change that.
    pub(super) uncertain: bool,
}

/// What losing some parts changes.
#[derive(Clone, Copy, Default)]
pub(super) struct Changed {
    pub(super) again: usize,
    /// Of those that were on their way.
    pub(super) sent: usize,
    /// Bytes of these parts before and after.
    pub(super) before: usize,
    pub(super) after: usize,
}

/// Most replies are short.
pub(super) type Reply = SmallVec<[u8; 24]>;

/// Where a part stands.
pub(super) enum State {
    /// Carried out here; the reply waits for this.
    Ticket(Ticket),
    /// On its way to a node, under this number.
    Sent {
        node: NodeId,
        flight: u64,
        /// Since when somebody else serves it: an answer may be on its way still.
        moved: Option<Instant>,
    },
    /// To be placed again.
    Again {
        /// The version under which it was tried last, and when.
        tried: Option<(u64, Instant)>,
    },
    Done,
}

impl Part {
    /// One that is to be placed.
    pub(super) fn again(call: Call) -> Self {
        Self::new(Some(Rc::new(call)), None, State::Again { tried: None })
    }

    pub(super) fn new(call: Option<Rc<Call>>, id: Option<WriteId>, state: State) -> Self {
        Self {
            call,
            id,
            state,
            reply: Reply::new(),
            places: Vec::new(),
            round: None,
            since: None,
            before: None,
            uncertain: false,
        }
    }

    /// Ends with an error.
    pub(super) fn refuse(error: &CommandError) -> Reply {
        let mut reply = Vec::new();
        Out::new(&mut reply, Default::default()).error(error.code().word(), &error.to_string());
        Reply::from_vec(reply)
    }

    pub(super) fn bytes(&self) -> usize {
        let call = self.call.as_ref().map_or(0, |call| call.bytes());
        call + self.reply.len() + self.places.len() * size_of::<u32>() + size_of::<Self>()
    }

    pub(super) const fn is_again(&self) -> bool {
        matches!(self.state, State::Again { .. })
    }

    pub(super) fn was_sent_in(&self, round: u64) -> bool {
        self.round == Some(round)
    }

    pub(super) const fn is_sent(&self) -> bool {
        matches!(self.state, State::Sent { .. })
    }

    /// Whether it is done; one whose ticket is lost is tried again.
    pub(super) fn poll(&mut self, region: &dyn Region, change: &mut Changed) -> bool {
        if let State::Ticket(ticket) = &self.state {
            match region.settled(&ticket.0) {
                Settled::No => {}
                Settled::Yes => self.state = State::Done,
                Settled::Lost => self.lose(change),
            }
        }
        matches!(self.state, State::Done)
    }

    pub(super) fn lose(&mut self, change: &mut Changed) {
        change.sent += usize::from(self.is_sent());
        change.before += self.bytes();
        if let (State::Ticket(ticket), None) = (&self.state, &self.id) {
            self.before = ticket.change();
            if self.before.is_none() && self.call.as_ref().is_some_and(|call| call.writes) {
                // It changed nothing. Carried out anew it might, behind others that came after it and were kept.
                self.call = None;
            }
        }
        self.fail(true);
        change.after += self.bytes();
        change.again += usize::from(self.is_again());
    }

    /// Takes the reply of who has carried it out; an empty one says that it was carried out before, and the first holds.
    pub(super) fn take_reply(&mut self, reply: &[u8]) {
        if !(reply.is_empty() && self.before.is_some()) {
            self.reply = Reply::from_slice(reply);
        }
    }

    /// It has to be placed again, or cannot be. A request that changes nothing may be carried out as often as you like.
    pub(super) fn fail(&mut self, uncertain: bool) {
        self.uncertain |= uncertain && (self.id.is_some() || self.before.is_some());
        if self.before.is_none() {
            self.reply = Reply::new();
        }
        if self.call.is_some() {
            self.state = State::Again { tried: None };
        } else {
            let error = if self.uncertain { CommandError::OutcomeUnknown } else { CommandError::TryAgain };
            self.reply = Self::refuse(&error);
            self.state = State::Done;
        }
    }

    /// A part of a part: its places are places among those of the whole.
    pub(super) fn within(mut self, places: &[u32]) -> Self {
        if !places.is_empty() {
            self.places.iter_mut().for_each(|place| *place = places[*place as usize]);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use larder_proto::slot::Partition;

    use super::*;
    use crate::commands::ports::Mark;
    use crate::commands::session::Session;
    use crate::server::calls::Manner;
    use crate::server::messages::Errand;

    #[test]
    fn a_write_that_changed_nothing_is_not_carried_out_behind_those_that_came_after_it() {
        let lost = |writes, sequence| {
            let partition = Partition::of(b"k");
            let mark = Mark { partition, term: 1, copy: 2, position: 3, sequence };
            let ticket = Ticket(SmallVec::from_slice(&[mark]));
            let call = Call {
                errand: Errand::Request,
                frame: Box::default(),
                partitions: SmallVec::from_slice(&[partition]),
                manner: Manner::of(&Session::new(1, true, larder_proto::time::Millis(0))),
                writes,
                watched: None,
            };
            let mut part = Part::new(Some(Rc::new(call)), None, State::Ticket(ticket));
            part.lose(&mut Changed::default());
            (part.is_again(), part.reply.starts_with(b"-TRYAGAIN"))
        };
        assert_eq!(lost(true, 0), (false, true));
        assert_eq!((lost(true, 5), lost(false, 0)), ((true, false), (true, false)));
    }
}
