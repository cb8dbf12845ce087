//! What lies between two bounds: ranges of scores, of members and of ranks, as the words of a command say them.

use std::ops::Range;

use crate::commands::args::Args;
use crate::commands::error::CommandError;
use crate::commands::number::parse_bound;
use crate::store::{Edge, MemberEdge, SortedSet};

/// A part of any sorted set.
#[derive(Clone, Copy, Debug)]
pub(super) enum Span<'a> {
    /// From one rank to another, both included; negative ones count from the end.
    Ranks {
        /// The first.
        start: i64,
        /// The last.
        stop: i64,
    },
    /// What lies between two edges.
    Edges {
        /// The lower.
        from: Edge<'a>,
        /// The upper.
        to: Edge<'a>,
    },
}

/// How the words of a span are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// As ranks.
    Rank,
    /// As scores.
    Score,
    /// As members.
    Member,
}

impl<'a> Span<'a> {
    /// Reads the next two words; the upper bound comes first where `reversed`, unless they are ranks.
    ///
    /// # Errors
    /// There are none, or they are no bounds.
    pub(super) fn read(args: &mut Args<'a>, by: By, reversed: bool) -> Result<Self, CommandError> {
        if by == By::Rank {
            return Ok(Self::Ranks { start: args.integer()?, stop: args.integer()? });
        }
        let (one, other) = (args.bytes()?, args.bytes()?);
        let (min, max) = if reversed { (other, one) } else { (one, other) };
        let edges = match by {
            By::Score => score_edge(min, true).zip(score_edge(max, false)).ok_or(NOT_SCORES)?,
            _ => member_edge(min, true).zip(member_edge(max, false)).ok_or(NOT_MEMBERS)?,
        };
        Ok(Self::Edges { from: edges.0, to: edges.1 })
    }

    /// The ranks of what lies within, counted from the lowest entry, or from the highest where `reversed` and the span is
    /// one of ranks.
    pub(super) fn ranks(&self, set: &SortedSet, reversed: bool) -> Range<usize> {
        match self {
            Self::Ranks { start, stop } => {
                let ranks = ranks_between(*start, *stop, set.len());
                if reversed { set.len() - ranks.end..set.len() - ranks.start } else { ranks }
            }
            Self::Edges { from, to } => {
                let start = set.count_before(from);
                start..set.count_before(to).max(start)
            }
        }
    }
}

/// The edge at a bound of scores: just outside of what is within.
fn score_edge(bound: &[u8], is_lower: bool) -> Option<Edge<'_>> {
    let (text, excluded) = match bound {
        [b'(', text @ ..] => (text, true),
        text => (text, false),
    };
    Some(Edge::Score { score: parse_bound(text)?, after: excluded == is_lower })
}

/// The edge at a bound of members.
fn member_edge(bound: &[u8], is_lower: bool) -> Option<Edge<'_>> {
    Some(Edge::Member(match bound {
        b"-" => MemberEdge::First,
        b"+" => MemberEdge::Last,
        [bracket @ (b'(' | b'['), name @ ..] if (*bracket == b'(') == is_lower => MemberEdge::After(name),
        [b'(' | b'[', name @ ..] => MemberEdge::Before(name),
        _ => return None,
    }))
}

fn ranks_between(start: i64, stop: i64, length: usize) -> Range<usize> {
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    let from_front = |rank: i64| if rank < 0 { rank.saturating_add(length) } else { rank };
    let start = from_front(start).max(0);
    let end = from_front(stop).saturating_add(1).min(length);
    if start >= end { 0..0 } else { start as usize..end as usize }
}

const NOT_SCORES: CommandError = CommandError::Plain("min or max is not a float");
const NOT_MEMBERS: CommandError = CommandError::Plain("min or max not valid string range item");
