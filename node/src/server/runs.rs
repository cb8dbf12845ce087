//! Replies that wait for copies, packed: those of the requests on single keys that one connection had carried out here in
//! one batch. They leave together. Only where one of them is lost do they become parts, each with its own fate.

use std::rc::Rc;

use larder_proto::resp::ArgRange;
use smallvec::SmallVec;

use super::calls::{Call, Manner, keep_frame};
use super::messages::Errand;
use super::part::{Part, Reply, State};
use super::region::{Region, Settled};
use crate::commands::ports::{Mark, Ticket};
use crate::limits::{RUN_BYTES_KEPT, RUN_REPLIES_MAX, RUNS_KEPT};

/// Some replies, in order.
#[derive(Default)]
pub(super) struct Run {
    /// How their client wants its requests carried out; set with the first.
    manner: Option<Manner>,
    marks: Vec<Mark>,
    /// How many marks at the front are settled.
    settled: usize,
    requests: Vec<u8>,
    replies: Vec<u8>,
    ends: Vec<End>,
}

/// Where the marks, the request and the reply of one of them end.
#[derive(Clone, Copy)]
struct End {
    mark: usize,
    request: usize,
    reply: usize,
    writes: bool,
}

/// A request that was carried out here.
pub(super) struct Held<'h> {
    pub(super) manner: Manner,
    pub(super) ticket: Ticket,
    pub(super) frame: &'h [u8],
    pub(super) words: &'h [ArgRange],
    pub(super) reply: &'h [u8],
    pub(super) writes: bool,
}

/// Room of runs that are done, for others of the same worker.
#[derive(Default)]
pub(super) struct Runs(Vec<Run>);

impl Run {
    /// Whether another request of its batch may join.
    pub(super) fn takes(&self, held: &Held<'_>) -> bool {
        self.ends.len() < RUN_REPLIES_MAX && self.manner == Some(held.manner)
    }

    pub(super) fn push(&mut self, held: &Held<'_>) {
        self.manner = Some(held.manner);
        self.marks.extend_from_slice(&held.ticket.0);
        keep_frame(held.frame, held.words, &mut self.requests);
        self.replies.extend_from_slice(held.reply);
        let (mark, request, reply) = (self.marks.len(), self.requests.len(), self.replies.len());
        self.ends.push(End { mark, request, reply, writes: held.writes });
    }

    /// What became of all of them.
    pub(super) fn poll(&mut self, region: &dyn Region) -> Settled {
        while let Some(mark) = self.marks.get(self.settled) {
            match region.settled(std::slice::from_ref(mark)) {
                Settled::Yes => self.settled += 1,
                other => return other,
            }
        }
        Settled::Yes
    }

    /// Whether any of them is lost.
    pub(super) fn is_lost(&self, region: &dyn Region) -> bool {
        region.settled(&self.marks[self.settled..]) == Settled::Lost
    }

    /// The replies.
    pub(super) fn replies(&self) -> &[u8] {
        &self.replies
    }

    /// Bytes of requests and replies that are kept.
    pub(super) const fn bytes(&self) -> usize {
        let kept = self.requests.len() + self.replies.len();
        kept + self.marks.len() * size_of::<Mark>() + self.ends.len() * size_of::<End>()
    }

    /// Each for itself.
    pub(super) fn parts(&self) -> Vec<Part> {
        let Some(manner) = self.manner else { return Vec::new() };
        let (mut from, mut parts) = (End { mark: 0, request: 0, reply: 0, writes: false }, Vec::new());
        for &end in &self.ends {
            let marks = &self.marks[from.mark..end.mark];
            let call = Call {
                errand: Errand::Request,
                frame: self.requests[from.request..end.request].into(),
                partitions: marks.first().iter().map(|mark| mark.partition).collect(),
                manner,
                writes: end.writes,
                watched: None,
            };
            let state = match self.settled >= end.mark {
                true => State::Done,
                false => State::Ticket(Ticket(SmallVec::from_slice(marks))),
            };
            let mut part = Part::new(Some(Rc::new(call)), None, state);
            part.reply = Reply::from_slice(&self.replies[from.reply..end.reply]);
            parts.push(part);
            from = end;
        }
        parts
    }
}

impl Runs {
    /// An empty run.
    pub(super) fn take(&mut self) -> Run {
        self.0.pop().unwrap_or_default()
    }

    /// A run that is done with.
    pub(super) fn give(&mut self, mut run: Run) {
        let bytes = run.requests.capacity() + run.replies.capacity();
        if self.0.len() < RUNS_KEPT && bytes <= RUN_BYTES_KEPT {
            run.marks.clear();
            run.requests.clear();
            run.replies.clear();
            run.ends.clear();
            (run.manner, run.settled) = (None, 0);
            self.0.push(run);
        }
    }
}
