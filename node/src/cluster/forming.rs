//! Who founds a cluster where there is none: nodes that see each other, and the pledges between them. Pure; asking and
//! answering is left to the control loop.
//!
//! Each node draws a random number. When as many as expected see each other, the one with the smallest number asks the others
//! for a pledge. Who has pledged leaves founding to that node for a while. With as many pledges as expected, itself included,
//! it founds. So two clusters cannot come about while all that pledged are there: one that founded and was cut off before the
//! others joined is alone with its cluster once their pledges are over, and as many others as are expected may found another.
//! It serves nothing then, and says so.

use std::collections::BTreeMap;
use std::time::Duration;

/// The number that a node has drawn.
pub(super) type Draw = u64;

/// Where a node is: host, and port for nodes.
pub(super) type Location = (String, u16);

/// What a node without a cluster knows of others like it. Moments are nanoseconds of its monotonic clock.
#[derive(Debug)]
pub(super) struct Forming {
    own: Draw,
    expected: u32,
    seen: BTreeMap<Draw, Seen>,
    /// To whom, and until when.
    pledged: Option<(Draw, u64)>,
}

#[derive(Debug)]
struct Seen {
    location: Location,
    /// How many it sees, itself included.
    sees: u32,
    at_ns: u64,
}

impl Forming {
    pub(super) const fn new(own: Draw, expected: u32) -> Self {
        Self { own, expected, seen: BTreeMap::new(), pledged: None }
    }

    /// Another node without a cluster has spoken.
    pub(super) fn saw(&mut self, draw: Draw, location: Location, sees: u32, now_ns: u64) {
        self.seen.retain(|_, seen| is_fresh(seen.at_ns, now_ns));
        if draw != self.own && (self.seen.len() < SEEN_MAX || self.seen.contains_key(&draw)) {
            self.seen.insert(draw, Seen { location, sees, at_ns: now_ns });
        }
    }

    /// How many nodes without a cluster there are, this one included.
    pub(super) fn sees(&self, now_ns: u64) -> u32 {
        1 + self.fresh(now_ns).count() as u32
    }

    /// Whom to ask for a pledge, if this node is the one to found; nobody need be asked where one node is enough. From here
    /// on it pledges to itself.
    pub(super) fn candidacy(&mut self, now_ns: u64) -> Option<Vec<Location>> {
        let is_first = self.fresh(now_ns).all(|(draw, _)| *draw > self.own);
        let is_seen = self.fresh(now_ns).filter(|(_, seen)| seen.sees >= self.expected).count() as u32 + 1;
        let is_free = self.pledge_at(now_ns).is_none_or(|to| to == self.own);
        if !is_first || !is_free || is_seen < self.expected {
            return None;
        }
        let others = self.fresh(now_ns).map(|(_, seen)| seen.location.clone()).collect();
        self.pledged = Some((self.own, now_ns + PLEDGE_TIME.as_nanos() as u64));
        Some(others)
    }

    /// Whether so many pledges, without its own, let it found now.
    pub(super) fn may_found(&self, pledges: u32, now_ns: u64) -> bool {
        pledges + 1 >= self.expected && self.pledge_at(now_ns) == Some(self.own)
    }

    /// Another node wants to found. Whether this one leaves it to that.
    pub(super) fn pledge(&mut self, to: Draw, now_ns: u64) -> bool {
        let is_first = to < self.own && self.fresh(now_ns).all(|(draw, _)| *draw >= to);
        let is_free = self.pledge_at(now_ns).is_none_or(|other| other == to);
        if is_first && is_free {
            self.pledged = Some((to, now_ns + PLEDGE_TIME.as_nanos() as u64));
        }
        is_first && is_free
    }

    fn pledge_at(&self, now_ns: u64) -> Option<Draw> {
        self.pledged.filter(|(_, until_ns)| now_ns < *until_ns).map(|(to, _)| to)
    }

    fn fresh(&self, now_ns: u64) -> impl Iterator<Item = (&Draw, &Seen)> {
        self.seen.iter().filter(move |(_, seen)| is_fresh(seen.at_ns, now_ns))
    }
}

const fn is_fresh(at_ns: u64, now_ns: u64) -> bool {
    now_ns.saturating_sub(at_ns) < SEEN_TIME.as_nanos() as u64
}

/// How long a node counts as seen that is silent.
const SEEN_TIME: Duration = Duration::from_secs(3);

/// How long a pledge binds: longer than founding takes.
const PLEDGE_TIME: Duration = Duration::from_secs(5);

/// Nodes that are remembered.
const SEEN_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(port: u16) -> Location {
        ("h".into(), port)
    }

    #[test]
    fn one_that_is_enough_asks_nobody() {
        let mut forming = Forming::new(5, 1);
        assert_eq!(forming.candidacy(0), Some(Vec::new()));
        assert!(forming.may_found(0, 1));
    }

    #[test]
    fn the_smallest_asks_once_all_see_each_other() {
        let mut forming = Forming::new(5, 3);
        forming.saw(7, at(7), 3, 0);
        assert_eq!(forming.candidacy(0), None, "too few");
        forming.saw(6, at(6), 2, 0);
        assert_eq!(forming.candidacy(0), None, "one of them sees too few");
        forming.saw(6, at(6), 3, 0);
        assert_eq!(forming.candidacy(0), Some(vec![at(6), at(7)]));
        assert!(!forming.may_found(1, 0));
        assert!(forming.may_found(2, 0));
        assert!(!forming.may_found(2, PLEDGE_TIME.as_nanos() as u64), "too late");
        assert!(!forming.pledge(4, 1), "it has pledged to itself");
    }

    #[test]
    fn who_sees_a_smaller_one_neither_asks_nor_pledges_to_another() {
        let mut forming = Forming::new(5, 2);
        forming.saw(3, at(3), 2, 0);
        assert_eq!(forming.candidacy(0), None);
        assert!(!forming.pledge(4, 0));
        assert!(!forming.pledge(6, 0));
        assert!(forming.pledge(3, 0));
        assert!(forming.pledge(3, 1));
        assert!(!forming.pledge(2, 2), "one at a time");
        let later_ns = 1 + PLEDGE_TIME.as_nanos() as u64;
        assert!(forming.pledge(2, later_ns), "until the pledge is over");
    }

    #[test]
    fn who_is_silent_is_forgotten() {
        let mut forming = Forming::new(5, 2);
        forming.saw(3, at(3), 2, 0);
        assert_eq!(forming.sees(1), 2);
        assert_eq!(forming.sees(SEEN_TIME.as_nanos() as u64), 1);
        forming.saw(5, at(5), 2, 1);
        assert_eq!(forming.sees(1), 2, "itself is no other");
        for draw in 10..10 + 2 * SEEN_MAX as u64 {
            forming.saw(draw, at(1), 1, 1);
        }
        assert!(forming.seen.len() <= SEEN_MAX);
    }
}
