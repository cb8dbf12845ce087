//! How much work a pattern may make of each byte of a text: about its length with everything repeated written out.
//! What is done with it is left to the search.

use crate::dotnet::limits::REGEX_GROUPS_PER_WEIGHT;

/// The weight of a pattern as it is read.
#[derive(Debug, Default)]
pub(super) struct Weight {
    /// What stands before each group that is open.
    outer: Vec<u64>,
    /// Of the innermost group, so far.
    sum: u64,
    /// Of what a quantifier would repeat.
    last: u64,
}

impl Weight {
    pub(super) fn add(&mut self, weight: u64) {
        self.sum = self.sum.saturating_add(weight);
    }

    /// Something that a quantifier may repeat.
    pub(super) fn place(&mut self, weight: u64) {
        self.add(weight);
        self.last = weight;
    }

    pub(super) fn open(&mut self) {
        self.outer.push(std::mem::take(&mut self.sum));
    }

    /// A group is one thing from here on.
    pub(super) fn close(&mut self) {
        let inner = std::mem::replace(&mut self.sum, self.outer.pop().unwrap_or(0));
        self.place(inner.saturating_add(GROUP));
    }

    /// The last thing comes up to so many times, each with a way around it.
    pub(super) fn repeat(&mut self, times: u64) {
        let times = times.max(1);
        self.add(self.last.saturating_mul(times - 1).saturating_add(times));
    }

    /// Of the whole pattern with so many groups: where they are is carried along at each step.
    pub(super) fn of(&self, groups: usize) -> u64 {
        let groups = u64::try_from(groups).unwrap_or(u64::MAX);
        self.sum.saturating_mul(1 + groups / REGEX_GROUPS_PER_WEIGHT).max(1)
    }
}

/// The two ends of a group.
const GROUP: u64 = 2;
