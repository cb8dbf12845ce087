//! Ranges that are read: ZRANGE in all its ways, and the older commands for each way. Storing one is `store_range`'s.

use larder_proto::resp::Out;

use super::bounds::{By, Span};
use super::reply::write_entries;
use crate::commands::args::Args;
use crate::commands::context::ReadCx;
use crate::commands::error::CommandError;
use crate::commands::spec::{Arity, Flags, Group, Keys, Outcome, Run, Spec, check};
use crate::store::{Entries, SortedSet};

/// The rows.
pub(in crate::commands) const ROWS: &[Spec] = &[
    Spec {
        name: "zrange",
        arity: Arity::AtLeast(4),
        keys: Keys::At(1),
        flags: Flags::NONE,
        group: Group::SortedSet,
        since: "1.2.0",
        summary: "Returns members in a sorted set within a range of indexes.",
        syntax: "key start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]",
        run: Run::Read(zrange),
    },
    Spec {
        name: "zrevrange",
        arity: Arity::AtLeast(4),
        keys: Keys::At(1),
        flags: Flags::NONE,
        group: Group::SortedSet,
        since: "1.2.0",
        summary: "Returns members in a sorted set within a range of indexes in reverse order.",
        syntax: "key start stop [WITHSCORES]",
        run: Run::Read(zrevrange),
    },
    Spec {
        name: "zrangebyscore",
        arity: Arity::AtLeast(4),
        keys: Keys::At(1),
        flags: Flags::NONE,
        group: Group::SortedSet,
        since: "1.0.5",
        summary: "Returns members in a sorted set within a range of scores.",
        syntax: "key min max [WITHSCORES] [LIMIT offset count]",
        run: Run::Read(zrangebyscore),
    },
    Spec {
        name: "zrevrangebyscore",
        arity: Arity::AtLeast(4),
        keys: Keys::At(1),
        flags: Flags::NONE,
        group: Group::SortedSet,
        since: "2.2.0",
        summary: "Returns members in a sorted set within a range of scores in reverse order.",
        syntax: "key max min [WITHSCORES] [LIMIT offset count]",
        run: Run::Read(zrevrangebyscore),
    },
    Spec {
        name: "zrangebylex",
        arity: Arity::AtLeast(4),
        keys: Keys::At(1),
        flags: Flags::NONE,
        group: Group::SortedSet,
        since: "2.8.9",
        summary: "Returns members in a sorted set within a lexicographical range.",
        syntax: "key min max [LIMIT offset count]",
        run: Run::Read(zrangebylex),
    },
    Spec {
        name: "zrevrangebylex",
        arity: Arity::AtLeast(4),
        keys: Keys::At(1),
        flags: Flags::NONE,
        group: Group::SortedSet,
        since: "2.8.9",
        summary: "Returns members in a sorted set within a lexicographical range in reverse order.",
        syntax: "key max min [LIMIT offset count]",
        run: Run::Read(zrevrangebylex),
    },
];
const _: () = check(ROWS);

fn zrange(cx: &mut ReadCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    range(cx, args, Way::default(), out)
}

fn zrevrange(cx: &mut ReadCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    range(cx, args, Way::of(By::Rank, true), out)
}

fn zrangebyscore(cx: &mut ReadCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    range(cx, args, Way::of(By::Score, false), out)
}

fn zrevrangebyscore(cx: &mut ReadCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    range(cx, args, Way::of(By::Score, true), out)
}

fn zrangebylex(cx: &mut ReadCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    range(cx, args, Way::of(By::Member, false), out)
}

fn zrevrangebylex(cx: &mut ReadCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    range(cx, args, Way::of(By::Member, true), out)
}

/// What a command has fixed; the rest is for its options to say.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Way {
    by: Option<By>,
    reversed: Option<bool>,
    /// The entries are stored, so that there is no reply to have scores.
    stored: bool,
}

/// A range as a command asks for it.
#[derive(Debug)]
pub(super) struct Range<'a> {
    span: Span<'a>,
    reversed: bool,
    with_scores: bool,
    /// Entries to pass over; none at all are left if it is negative.
    offset: i64,
    /// Entries at most; all if it is negative.
    limit: i64,
}

impl Way {
    /// Nothing is fixed but that the entries are stored.
    pub(super) const STORED: Self = Self { by: None, reversed: None, stored: true };

    const fn of(by: By, reversed: bool) -> Self {
        Self { by: Some(by), reversed: Some(reversed), stored: false }
    }
}

impl<'a> Range<'a> {
    /// Reads two bounds and the options after them.
    ///
    /// # Errors
    /// A bound is none, or an option is unknown or contradicts another.
    pub(super) fn read(args: Args<'a>, way: Way) -> Result<Self, CommandError> {
        let (mut bounds, mut args) = (args, args.skip(2));
        let Way { mut by, mut reversed, stored } = way;
        let (mut with_scores, mut offset, mut limit) = (false, 0, -1);
        while !args.is_empty() {
            if !stored && args.option("withscores") {
                with_scores = true;
            } else if args.len() > 2 && args.option("limit") {
                (offset, limit) = (args.integer()?, args.integer()?);
            } else if reversed.is_none() && args.option("rev") {
                reversed = Some(true);
            } else if by.is_none() && args.option("bylex") {
                by = Some(By::Member);
            } else if by.is_none() && args.option("byscore") {
                by = Some(By::Score);
            } else {
                return Err(CommandError::Syntax);
            }
        }
        let (by, reversed) = (by.unwrap_or(By::Rank), reversed.unwrap_or(false));
        if limit != -1 && by == By::Rank {
            return Err(LIMIT_OF_RANKS);
        }
        if by == By::Rank {
            // LIMIT with a count of -1 is let through, and then means nothing.
            offset = 0;
        }
        if with_scores && by == By::Member {
            return Err(SCORES_OF_MEMBERS);
        }
        let span = Span::read(&mut bounds, by, reversed)?;
        Ok(Self { span, reversed, with_scores, offset, limit })
    }

    /// The entries within, and how many they are.
    pub(super) fn entries<'s>(&self, set: &'s SortedSet) -> (Entries<'s>, usize) {
        let ranks = self.span.ranks(set, self.reversed);
        let passed = usize::try_from(self.offset).unwrap_or(usize::MAX).min(ranks.len());
        let count = usize::try_from(self.limit).unwrap_or(usize::MAX).min(ranks.len() - passed);
        let entries = match self.reversed {
            // An empty range may end at 0.
            true => set.descending((ranks.end - passed).saturating_sub(1), count),
            false => set.ascending(ranks.start + passed, count),
        };
        (entries, count)
    }
}

fn range(cx: &ReadCx<'_, '_>, mut args: Args<'_>, way: Way, out: &mut Out<'_>) -> Outcome {
    let key = args.key()?;
    let range = Range::read(args, way)?;
    let Some(set) = cx.keys.sorted_set(key)? else {
        out.array(0);
        return Ok(());
    };
    let (entries, count) = range.entries(set);
    write_entries(entries, count, range.with_scores, out);
    Ok(())
}

const LIMIT_OF_RANKS: CommandError =
    CommandError::Plain("syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX");
const SCORES_OF_MEMBERS: CommandError =
    CommandError::Plain("syntax error, WITHSCORES not supported in combination with BYLEX");

#[cfg(test)]
mod tests {
    use larder_proto::resp::Version;

    use crate::commands::testing::Bench;

    fn bench() -> Bench {
        let mut bench = Bench::new();
        bench.run("zadd z 1 a 2 b 2 c 3.5 d inf e");
        bench.run("zadd l 0 a 0 b 0 c 0 d");
        bench
    }

    #[test]
    fn ranges_of_ranks() {
        bench().expect(&[
            ("zrange z 0 -1", "*5|$1|a|$1|b|$1|c|$1|d|$1|e|"),
            ("zrange z 1 2 withscores", "*4|$1|b|$1|2|$1|c|$1|2|"),
            ("zrange z -2 100", "*2|$1|d|$1|e|"),
            ("zrange z 3 1", "*0|"),
            ("zrange z 9 10", "*0|"),
            ("zrange z 0 1 rev", "*2|$1|e|$1|d|"),
            ("zrevrange z 1 -3", "*2|$1|d|$1|c|"),
            ("zrange none 0 -1", "*0|"),
            (
                "zrange z -9223372036854775808 9223372036854775807 rev limit 0 -1",
                "*5|$1|e|$1|d|$1|c|$1|b|$1|a|",
            ),
            ("zrange z 0 1 limit 3 -1", "*2|$1|a|$1|b|"),
            ("zrange z x 1", "-ERR value is not an integer or out of range|"),
            (
                "zrange z 0 1 limit 0 1",
                "-ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX|",
            ),
            ("zrevrange z 0 1 rev", "-ERR syntax error|"),
        ]);
    }

    #[test]
    fn ranges_of_scores() {
        bench().expect(&[
            ("zrangebyscore z 2 3.5", "*3|$1|b|$1|c|$1|d|"),
            ("zrangebyscore z (2 +inf withscores", "*4|$1|d|$3|3.5|$1|e|$3|inf|"),
            ("zrangebyscore z -inf (2", "*1|$1|a|"),
            ("zrangebyscore z (2 (2", "*0|"),
            ("zrangebyscore z 5 2", "*0|"),
            ("zrangebyscore z -inf inf limit 1 2", "*2|$1|b|$1|c|"),
            ("zrangebyscore z -inf inf limit 4 -1", "*1|$1|e|"),
            ("zrangebyscore z -inf inf limit -1 2", "*0|"),
            ("zrangebyscore z -inf inf limit 0 0", "*0|"),
            ("zrevrangebyscore z 3.5 (1 limit 1 5", "*2|$1|c|$1|b|"),
            ("zrange z 3.5 2 byscore rev", "*3|$1|d|$1|c|$1|b|"),
            ("zrange z (1 2 byscore limit 0 1", "*1|$1|b|"),
            ("zrangebyscore z x 1", "-ERR min or max is not a float|"),
            ("zrangebyscore z 0 1 limit 1", "-ERR syntax error|"),
            ("zrangebyscore z 0 1 limit x 1", "-ERR value is not an integer or out of range|"),
            ("zrange z 0 1 byscore bylex", "-ERR syntax error|"),
        ]);
    }

    #[test]
    fn ranges_of_members() {
        bench().expect(&[
            ("zrangebylex l - +", "*4|$1|a|$1|b|$1|c|$1|d|"),
            ("zrangebylex l (a [c", "*2|$1|b|$1|c|"),
            ("zrangebylex l + -", "*0|"),
            ("zrevrangebylex l + [b limit 1 1", "*1|$1|c|"),
            ("zrange l [b (d bylex", "*2|$1|b|$1|c|"),
            ("zrange l + - bylex rev", "*4|$1|d|$1|c|$1|b|$1|a|"),
            ("zrangebylex l a +", "-ERR min or max not valid string range item|"),
            ("zrangebylex l - -x", "-ERR min or max not valid string range item|"),
            (
                "zrangebylex l - + withscores",
                "-ERR syntax error, WITHSCORES not supported in combination with BYLEX|",
            ),
        ]);
    }

    #[test]
    fn the_newer_protocol_has_pairs() {
        let mut bench = bench();
        bench.session.version = Version::Resp3;
        bench.expect(&[
            ("zrange z 3 4 withscores", "*2|*2|$1|d|,3.5|*2|$1|e|,inf|"),
            ("zrange z 0 0", "*1|$1|a|"),
        ]);
    }
}
