//! The numbers of one worker's writes, which let a write that is sent twice be carried out once.

use std::collections::VecDeque;

use larder_proto::topology::Epoch;

use crate::commands::ports::{Origin, WriteId};

/// Gives numbers, and knows which are not answered yet.
#[derive(Debug)]
pub(super) struct Numbers {
    origin: Origin,
    /// The lowest number that is not answered.
    first: u64,
    /// From it on, whether each is not answered.
    open: VecDeque<bool>,
}

impl Numbers {
    pub(super) const fn new(origin: Origin) -> Self {
        Self { origin, first: 1, open: VecDeque::new() }
    }

    /// The node's number is known only once the cluster has given it one. No write was numbered before.
    pub(super) const fn name(&mut self, node: u64) {
        self.origin.node = node;
    }

    /// The number of the next write.
    pub(super) fn next(&mut self, since: Epoch) -> WriteId {
        let number = self.first + self.open.len() as u64;
        self.open.push_back(true);
        WriteId { origin: self.origin, number, answered_below: self.first, since, before: None }
    }

    /// The same write, sent once more: what is answered by now.
    pub(super) const fn again(&self, id: WriteId) -> WriteId {
        WriteId { answered_below: self.first, ..id }
    }

    /// Nobody will ask for this write again.
    pub(super) fn answered(&mut self, id: &WriteId) {
        let place = id.number.checked_sub(self.first).and_then(|place| usize::try_from(place).ok());
        if let Some(open) = place.and_then(|place| self.open.get_mut(place)) {
            *open = false;
        }
        while self.open.front() == Some(&false) {
            self.open.pop_front();
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_answered_is_told_without_gaps() {
        let mut numbers = Numbers::new(Origin { node: 1, run: 2 });
        let ids: Vec<WriteId> = (0..4).map(|_| numbers.next(Epoch(1))).collect();
        assert_eq!(ids.iter().map(|id| id.number).collect::<Vec<_>>(), [1, 2, 3, 4]);
        numbers.answered(&ids[1]);
        assert_eq!(numbers.again(ids[3]).answered_below, 1);
        numbers.answered(&ids[0]);
        assert_eq!(numbers.again(ids[3]).answered_below, 3);
        numbers.answered(&ids[0]);
        numbers.answered(&ids[2]);
        numbers.answered(&ids[3]);
        assert_eq!((numbers.next(Epoch(1)).number, numbers.first), (5, 5));
    }
}
