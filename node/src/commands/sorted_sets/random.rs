//! ZRANDMEMBER: members of a sorted set chosen at random.

use std::collections::HashSet;

use fastrand::Rng;
use foldhash::quality::RandomState;
use larder_proto::resp::{Out, Version};

use super::reply::{write_entries, write_entry};
use crate::commands::args::Args;
use crate::commands::context::ReadCx;
use crate::commands::error::CommandError;
use crate::commands::spec::{Arity, Flags, Group, Keys, Outcome, Run, Spec, check};
use crate::store::{Entry, SortedSet};

/// The row.
pub(in crate::commands) const ROWS: &[Spec] = &[Spec {
    name: "zrandmember",
    arity: Arity::AtLeast(2),
    keys: Keys::At(1),
    flags: Flags::NONE,
    group: Group::SortedSet,
    since: "6.2.0",
    summary: "Returns one or more random members from a sorted set.",
    syntax: "key [count [WITHSCORES]]",
    run: Run::Read(zrandmember),
}];
const _: () = check(ROWS);

/// Bytes of a reply that repeats members, at most: the one count that asks for more than the sorted set holds.
const REPEATED_BYTES_MAX: usize = 64 << 20;

fn zrandmember(cx: &mut ReadCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let key = args.key()?;
    if args.is_empty() {
        let set = cx.keys.sorted_set(key)?;
        out.bulk_or_null(set.and_then(|set| set.pick(cx.random)).map(|entry| entry.member));
        return Ok(());
    }
    let (count, with_scores) = read_count(args)?;
    let Some(set) = cx.keys.sorted_set(key)? else {
        out.array(0);
        return Ok(());
    };
    let wanted = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    if count < 0 {
        return repeat(cx, set, wanted, with_scores, out);
    }
    let count = wanted.min(set.len());
    write_entries(choose(cx.random, set, count), count, with_scores, out);
    Ok(())
}

/// The count, and whether scores are asked for too.
fn read_count(mut args: Args<'_>) -> Result<(i64, bool), CommandError> {
    let count = args.integer_between(-i64::MAX, i64::MAX)?;
    let with_scores = args.option("withscores");
    args.end()?;
    if with_scores && count.unsigned_abs() > i64::MAX as u64 / 2 {
        return Err(CommandError::OutOfRange);
    }
    Ok((count, with_scores))
}

/// Writes so many entries, each chosen among all.
fn repeat(
    cx: &mut ReadCx<'_, '_>,
    set: &SortedSet,
    count: usize,
    with_scores: bool,
    out: &mut Out<'_>,
) -> Outcome {
    let pairs_apart = out.version() == Version::Resp3;
    out.array(if with_scores && !pairs_apart { count * 2 } else { count });
    let mark = out.mark();
    for entry in (0..count).map_while(|_| set.pick(cx.random)) {
        if out.mark() - mark > REPEATED_BYTES_MAX {
            return Err(CommandError::Limit { what: "ZRANDMEMBER repeats members up to 64 MiB of reply" });
        }
        write_entry(entry, with_scores, pairs_apart, out);
    }
    Ok(())
}

/// So many different entries, each with the same chance: all but a few of a sorted set in its order, few in any order.
fn choose<'s>(
    random: &mut Rng,
    set: &'s SortedSet,
    count: usize,
) -> Box<dyn Iterator<Item = Entry<'s>> + 's> {
    if count.saturating_mul(3) > set.len() {
        let (mut wanted, mut left) = (count, set.len());
        let mut random = random.fork();
        return Box::new(set.iter().filter(move |_| {
            // Each is taken with the chance that the rest of the choice falls on it.
            let is_taken = random.usize(..left) < wanted;
            wanted -= usize::from(is_taken);
            left -= 1;
            is_taken
        }));
    }
    let mut ranks: HashSet<usize, RandomState> = HashSet::default();
    while ranks.len() < count {
        ranks.insert(random.usize(..set.len()));
    }
    Box::new(ranks.into_iter().filter_map(|rank| set.at_rank(rank)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use larder_proto::resp::Version;

    use crate::commands::testing::Bench;

    #[test]
    fn counts_and_their_bounds() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("zrandmember none", "$-1|"),
            ("zrandmember none 3", "*0|"),
            ("zadd z 1 a", ":1|"),
            ("zrandmember z", "$1|a|"),
            ("zrandmember z 0", "*0|"),
            ("zrandmember z 5", "*1|$1|a|"),
            ("zrandmember z 5 withscores", "*2|$1|a|$1|1|"),
            ("zrandmember z -3", "*3|$1|a|$1|a|$1|a|"),
            ("zrandmember z -2 WithScores", "*4|$1|a|$1|1|$1|a|$1|1|"),
            ("zrandmember z x", "-ERR value is not an integer or out of range|"),
            ("zrandmember z 1 what", "-ERR syntax error|"),
            ("zrandmember z 1 withscores x", "-ERR syntax error|"),
            ("zrandmember z 9223372036854775807 withscores", "-ERR value is out of range|"),
            (
                "zrandmember z -9223372036854775807",
                "-ERR limit reached: ZRANDMEMBER repeats members up to 64 MiB of reply|",
            ),
        ]);
        bench.session.version = Version::Resp3;
        bench.expect(&[
            ("zrandmember z 1", "*1|$1|a|"),
            ("zrandmember z 1 withscores", "*1|*2|$1|a|,1|"),
            ("zrandmember z -1 withscores", "*1|*2|$1|a|,1|"),
            ("zrandmember none", "_|"),
        ]);
    }

    #[test]
    fn a_choice_has_each_member_once_in_both_forms() {
        let mut bench = Bench::new();
        for (key, members) in [("small", 20), ("full", 600)] {
            for number in 0..members {
                bench.run(&format!("zadd {key} {number} m{number}"));
            }
            for count in [1, members / 4, members - 1, members] {
                let reply = bench.run(&format!("zrandmember {key} {count}"));
                let names: Vec<&str> = reply.split('|').filter(|word| word.starts_with('m')).collect();
                assert_eq!(names.len(), count);
                assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), count, "{key} {count}");
            }
        }
    }
}
