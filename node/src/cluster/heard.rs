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
    /// The term of a leader that was told when others were heard: none of a lower term is listened to any more, so that what was
    /// told stays true.
    promised: u64,
}

impl Heard {
    /// Of a process that starts: the one before may have heard a leader up to now.
    #[must_use]
    pub(super) const fn new(now_ns: u64) -> Self {
        Self { term: 0, at_ns: now_ns, before_ns: now_ns, promised: 0 }
    }

    /// A message of the leader of this term has come, or this node leads in it. To be told before it is answered; whether it may be.
    #[must_use]
    pub(super) fn note(&mut self, term: u64, now_ns: u64) -> bool {
        if term > self.term {
            *self = Self { term, at_ns: now_ns, before_ns: self.at_ns, ..*self };
        } else if term == self.term {
            self.at_ns = now_ns;
        } else {
            self.before_ns = now_ns;
        }
        self.listens_to(term)
    }

    /// Whether a leader of this term is listened to still.
    #[must_use]
    pub(super) const fn listens_to(&self, term: u64) -> bool {
        term >= self.promised
    }

    /// The leader of this term is about to be told when others were heard.
    pub(super) fn promise(&mut self, term: u64) {
        self.promised = self.promised.max(term);
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
        assert!(heard.note(3, 200));
        assert_eq!(
            (heard.ago_ns(3, 210), heard.ago_ns(4, 210), heard.ago_ns(2, 210)),
            (Some(110), Some(10), None)
        );
        assert!(heard.note(4, 300) && heard.note(4, 400));
        assert_eq!((heard.ago_ns(4, 410), heard.ago_ns(5, 410)), (Some(210), Some(10)));
        // Refused, but who knows.
        assert!(heard.note(3, 420));
        assert_eq!(heard.ago_ns(4, 430), Some(10));
    }

    #[test]
    fn whoever_told_a_leader_when_others_were_heard_listens_to_none_of_them_any_more() {
        let mut heard = Heard::new(100);
        assert!(heard.note(3, 200) && heard.listens_to(3));
        heard.promise(5);
        assert!(!heard.note(3, 210) && !heard.note(4, 220) && !heard.listens_to(4));
        assert!(heard.note(5, 230) && heard.note(6, 240));
        heard.promise(4);
        assert!(!heard.listens_to(4), "a promise is kept");
    }
}
