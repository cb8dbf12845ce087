//! Where a range of a sorted set begins or ends: a gap between two entries, said without knowing them.

use larder_proto::score::Score;

/// A place in the order of a sorted set. What lies before it, in every sorted set, is told by scores and members alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge<'a> {
    /// By score.
    Score {
        /// The score.
        score: Score,
        /// Entries of this score lie before the edge.
        after: bool,
    },
    /// At one entry.
    Entry {
        /// Its score.
        score: Score,
        /// Its member.
        member: &'a [u8],
        /// The entry itself lies before the edge.
        after: bool,
    },
    /// By member, for sorted sets whose scores are all the same.
    Member(MemberEdge<'a>),
}

/// A place in the order of members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberEdge<'a> {
    /// Before all.
    First,
    /// Just before this member.
    Before(&'a [u8]),
    /// Just after this member.
    After(&'a [u8]),
    /// After all.
    Last,
}

impl Edge<'_> {
    /// Whether an entry lies before the edge. The member is asked for only where the score does not tell.
    #[inline]
    pub(super) fn is_after<'m>(&self, score: Score, member: impl FnOnce() -> &'m [u8]) -> bool {
        match *self {
            Self::Score { score: at, after } => score < at || (after && score == at),
            Self::Entry { score: at, member: name, after } => {
                score < at || (score == at && MemberEdge::of(name, after).is_after(member()))
            }
            Self::Member(edge) => edge.is_after(member()),
        }
    }
}

impl<'a> MemberEdge<'a> {
    /// The edge just before a member, or just after it.
    const fn of(member: &'a [u8], after: bool) -> Self {
        if after { Self::After(member) } else { Self::Before(member) }
    }

    fn is_after(&self, member: &[u8]) -> bool {
        match *self {
            Self::First => false,
            Self::Before(name) => member < name,
            Self::After(name) => member <= name,
            Self::Last => true,
        }
    }
}
