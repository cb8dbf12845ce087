//! The lowest and the highest, read and removed: ZPOPMIN, ZPOPMAX, ZMPOP.

use larder_proto::resp::{Out, Version};

use super::reply::write_entry;
use crate::commands::args::Args;
use crate::commands::context::WriteCx;
use crate::commands::error::CommandError;
use crate::commands::spec::{Arity, Flags, Group, Keys, Outcome, Run, Spec, check};
use crate::store::{Entry, SortedSet};

/// The rows.
pub(in crate::commands) const ROWS: &[Spec] = &[
    Spec {
        name: "zpopmin",
        arity: Arity::AtLeast(2),
        keys: Keys::At(1),
        flags: Flags::FAST,
        group: Group::SortedSet,
        since: "5.0.0",
        summary: "Returns the lowest-scoring members from a sorted set after removing them. Deletes the sorted set if the last member was popped.",
        syntax: "key [count]",
        run: Run::Write(zpopmin),
    },
    Spec {
        name: "zpopmax",
        arity: Arity::AtLeast(2),
        keys: Keys::At(1),
        flags: Flags::FAST,
        group: Group::SortedSet,
        since: "5.0.0",
        summary: "Returns the highest-scoring members from a sorted set after removing them. Deletes the sorted set if the last member was popped.",
        syntax: "key [count]",
        run: Run::Write(zpopmax),
    },
    Spec {
        name: "zmpop",
        arity: Arity::AtLeast(4),
        keys: Keys::Counted { count: 1, target: false },
        flags: Flags::NONE,
        group: Group::SortedSet,
        since: "7.0.0",
        summary: "Returns the highest- or lowest-scoring members from one or more sorted sets after removing them. Deletes the sorted set if the last member was popped.",
        syntax: "numkeys key [key ...] <MIN | MAX> [COUNT count]",
        run: Run::Write(zmpop),
    },
];
const _: () = check(ROWS);

fn zpopmin(cx: &mut WriteCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    pop_one_key(cx, args, End::Lowest, out)
}

fn zpopmax(cx: &mut WriteCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    pop_one_key(cx, args, End::Highest, out)
}

fn zmpop(cx: &mut WriteCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let keys = args.positive_or("numkeys should be greater than 0")?;
    let names = args.rest().take(keys);
    if keys >= args.len() {
        return Err(CommandError::Syntax);
    }
    let mut args = args.skip(keys);
    let end = if args.option("min") {
        End::Lowest
    } else if args.option("max") {
        End::Highest
    } else {
        return Err(CommandError::Syntax);
    };
    let mut count = 1;
    if args.len() > 1 && args.option("count") {
        count = args.positive_or("count should be greater than 0")?;
    }
    args.end()?;
    for key in names {
        let length = cx.keys.sorted_set(key)?.map_or(0, SortedSet::len);
        if length > 0 {
            out.array(2);
            out.bulk(key);
            let count = count.min(length);
            out.array(count);
            return pop(cx, key, (end, count), true, out);
        }
    }
    out.null_array();
    Ok(())
}

#[derive(Clone, Copy)]
enum End {
    Lowest,
    Highest,
}

fn pop_one_key(cx: &mut WriteCx<'_, '_>, mut args: Args<'_>, end: End, out: &mut Out<'_>) -> Outcome {
    let key = args.key()?;
    if args.len() > 1 {
        return Err(CommandError::Syntax);
    }
    let has_count = !args.is_empty();
    let wanted = match has_count {
        true => args
            .integer()
            .ok()
            .and_then(|count| usize::try_from(count).ok())
            .ok_or(CommandError::MustBePositive)?,
        false => 1,
    };
    let count = cx.keys.sorted_set(key)?.map_or(0, SortedSet::len).min(wanted);
    let apart = has_count && out.version() == Version::Resp3;
    out.array(if apart { count } else { count * 2 });
    pop(cx, key, (end, count), apart, out)
}

/// Removes so many entries, which are there, and writes them.
fn pop(
    cx: &mut WriteCx<'_, '_>,
    key: &[u8],
    (end, count): (End, usize),
    apart: bool,
    out: &mut Out<'_>,
) -> Outcome {
    for _ in 0..count {
        let rank = match end {
            End::Lowest => 0,
            End::Highest => cx.keys.sorted_set(key)?.map_or(0, SortedSet::len).saturating_sub(1),
        };
        if let Some((member, score)) = cx.keys.sorted_set_take(key, rank)? {
            write_entry(Entry { score, member: &member }, true, apart, out);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use larder_proto::resp::Version;

    use crate::commands::testing::Bench;

    #[test]
    fn ends_are_taken() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("zadd z 1 a 2 b 3 c 4 d 5 e", ":5|"),
            ("zpopmin z", "*2|$1|a|$1|1|"),
            ("zpopmax z 2", "*4|$1|e|$1|5|$1|d|$1|4|"),
            ("zpopmin z 0", "*0|"),
            ("zpopmin z -1", "-ERR value is out of range, must be positive|"),
            ("zpopmin z x", "-ERR value is out of range, must be positive|"),
            ("zpopmin z 1 2", "-ERR syntax error|"),
            ("zpopmax z 9", "*4|$1|c|$1|3|$1|b|$1|2|"),
            ("exists z", ":0|"),
            ("zpopmin z", "*0|"),
            ("zpopmin z 3", "*0|"),
        ]);
        bench.session.version = Version::Resp3;
        bench.expect(&[
            ("zadd z 1 a 2 b 3 c", ":3|"),
            ("zpopmin z", "*2|$1|a|,1|"),
            ("zpopmin z 1", "*1|*2|$1|b|,2|"),
        ]);
    }

    #[test]
    fn the_first_key_that_is_there_is_popped() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("zadd {k}b 1 a 2 b 3 c", ":3|"),
            ("zmpop 2 {k}a {k}b min", "*2|$4|{k}b|*1|*2|$1|a|$1|1|"),
            ("zmpop 2 {k}a {k}b MAX COUNT 5", "*2|$4|{k}b|*2|*2|$1|c|$1|3|*2|$1|b|$1|2|"),
            ("zmpop 2 {k}a {k}b min", "*-1|"),
            ("zmpop 0 {k}a min", "-ERR numkeys should be greater than 0|"),
            ("zmpop x {k}a min", "-ERR numkeys should be greater than 0|"),
            ("zmpop 2 {k}a min", "-ERR syntax error|"),
            ("zmpop 1 {k}a mid", "-ERR syntax error|"),
            ("zmpop 1 {k}a min count 0", "-ERR count should be greater than 0|"),
            ("zmpop 1 {k}a min count", "-ERR syntax error|"),
            ("zmpop 1 {k}a min count 1 count 1", "-ERR syntax error|"),
            ("zmpop 9223372036854775807 {k}a min", "-ERR syntax error|"),
        ]);
    }
}
