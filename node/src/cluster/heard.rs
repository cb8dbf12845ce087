//! When this node last heard a leader: what a new leader asks voters, to know when the leases that others granted began.

/// When leaders were heard, on this node's clock.
///
/// A leader grants leases after rounds that a quorum answered. Each quorum has a voter in common with any other, so no lease
/// of an earlier leader began later than the latest moment at which one of a quorum of voters heard such a leader.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heard {
    /// The highest term of a leader that was heard, and when.
    term: u64,
    at_ns: u64,
    /// When a leader of a lower term was heard last.
    before_ns: u64,
}

impl Heard {
    /// Of a process that starts: the one before may have heard a leader up to now.
    #[must_use]
    pub(super) const fn new(now_ns: u64) -> Self {
        Self { term: 0, at_ns: now_ns, before_ns: now_ns }
    }

    /// A message of the leader of this term has come, or this node led in it. To be told before it is answered.
    pub(super) fn note(&mut self, term: u64, now_ns: u64) {
        if term > self.term {
            *self = Self { term, at_ns: now_ns, before_ns: self.at_ns };
        } else if term == self.term {
            self.at_ns = now_ns;
        } else {
            self.before_ns = now_ns;
        }
    }

    /// How long ago, in nanoseconds, a leader of a lower term was heard; none if one of a higher term was.
    #[must_use]
    pub(super) fn ago_ns(&self, term: u64, now_ns: u64) -> Option<u64> {
        let at_ns = match self.term.cmp(&term) {
            std::cmp::Ordering::Less => self.at_ns.max(self.before_ns),
            std::cmp::Ordering::Equal => self.before_ns,
            std::cmp::Ordering::Greater => return None,
        };
        Some(now_ns.saturating_sub(at_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_newer_leader_says_does_not_hide_when_the_former_was_heard() {
        let mut heard = Heard::new(100);
        assert_eq!(heard.ago_ns(1, 150), Some(50), "the process before may have heard one");
        heard.note(3, 200);
        assert_eq!(
            (heard.ago_ns(3, 210), heard.ago_ns(4, 210), heard.ago_ns(2, 210)),
            (Some(110), Some(10), None)
        );
        heard.note(4, 300);
        heard.note(4, 400);
        assert_eq!((heard.ago_ns(4, 410), heard.ago_ns(5, 410)), (Some(210), Some(10)));
        // Refused, but who knows.
        heard.note(3, 420);
        assert_eq!(heard.ago_ns(4, 430), Some(10));
    }
}
