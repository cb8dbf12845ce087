//! SPOP and SRANDMEMBER: members of a set chosen at random.

use std::collections::HashSet;

use fastrand::Rng;
use foldhash::quality::RandomState;
use larder_proto::resp::Out;

use super::args::Args;
use super::context::{ReadCx, WriteCx};
use super::error::CommandError;
use super::spec::{Arity, Flags, Group, Keys, Outcome, Run, Spec, check};
use crate::store::{Member, Set};

/// The rows.
pub(super) const ROWS: &[Spec] = &[
    Spec {
        name: "spop",
        arity: Arity::AtLeast(2),
        keys: Keys::At(1),
        flags: Flags::FAST.and(Flags::LOOKUP),
        group: Group::Set,
        since: "1.0.0",
        summary: "Returns and removes one or more random members of a set. Deletes the set if no members remain.",
        syntax: "key [count]",
        run: Run::Write(spop),
    },
    Spec {
        name: "srandmember",
        arity: Arity::AtLeast(2),
        keys: Keys::At(1),
        flags: Flags::NONE,
        group: Group::Set,
        since: "1.0.0",
        summary: "Returns one or more random members of a set.",
        syntax: "key [count]",
        run: Run::Read(srandmember),
    },
];
const _: () = check(ROWS);

/// Bytes of a reply that repeats members, at most: the one count that asks for more than the set holds.
const REPEATED_BYTES_MAX: usize = 64 << 20;

/// Members up to which a set is walked as a whole for any choice.
const WALKED_MEMBERS_MAX: usize = 1_024;

fn spop(cx: &mut WriteCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let key = args.key()?;
    let one = args.is_empty();
    let count = if one { 1 } else { read_count(&mut args)? };
    args.end()?;
    let Some(set) = cx.keys.collection::<Set>(key)? else {
        if one {
            out.null()
        } else {
            out.set(0)
        }
        return Ok(());
    };
    let count = count.min(set.len());
    if !one {
        out.set(count);
    }
    let is_whole = count == set.len();
    let mut popped = Vec::new();
    choose(cx.random, set, count, |member| {
        out.bulk(&member);
        if !is_whole {
            popped.push(member.to_vec());
        }
    });
    // What cannot be replied stays in the set.
    if out.has_overflowed() {
        return Err(CommandError::ReplyTooBig);
    }
    if is_whole {
        cx.keys.delete(key);
    }
    for member in popped {
        cx.keys.set_remove(key, &member)?;
    }
    Ok(())
}

fn srandmember(cx: &mut ReadCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let key = args.key()?;
    if args.is_empty() {
        let member = cx.keys.collection::<Set>(key)?.and_then(|set| set.pick(cx.random));
        out.bulk_or_null(member.as_deref());
        return Ok(());
    }
    let count = args.integer_between(-i64::MAX, i64::MAX)?;
    args.end()?;
    let Some(set) = cx.keys.collection::<Set>(key)? else {
        out.array(0);
        return Ok(());
    };
    let wanted = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    if count < 0 {
        return repeat(cx.random, set, wanted, out);
    }
    let wanted = wanted.min(set.len());
    out.array(wanted);
    choose(cx.random, set, wanted, |member| out.bulk(&member));
    Ok(())
}

/// How many members: a number that is not negative.
fn read_count(args: &mut Args<'_>) -> Result<usize, CommandError> {
    args.integer().ok().and_then(|count| usize::try_from(count).ok()).ok_or(CommandError::MustBePositive)
}

/// Writes so many members, each chosen among all.
fn repeat(random: &mut Rng, set: &Set, wanted: usize, out: &mut Out<'_>) -> Outcome {
    out.array(wanted);
    let mark = out.mark();
    for member in (0..wanted).map_while(|_| set.pick(random)) {
        if out.mark() - mark > REPEATED_BYTES_MAX {
            return Err(CommandError::Limit { what: "SRANDMEMBER repeats members up to 64 MiB of reply" });
        }
        out.bulk(&member);
    }
    Ok(())
}

/// Visits so many different members, each with about the same chance.
fn choose<'s>(random: &mut Rng, set: &'s Set, wanted: usize, mut visit: impl FnMut(Member<'s>)) {
    if set.len() <= WALKED_MEMBERS_MAX || wanted.saturating_mul(3) > set.len() {
        let (mut wanted, mut left) = (wanted, set.len());
        for member in set.iter() {
            // Each member is taken with the chance that the rest of the choice falls on it.
            if random.usize(..left) < wanted {
                visit(member);
                wanted -= 1;
            }
            left -= 1;
        }
        return;
    }
    let mut chosen: HashSet<Member<'_>, RandomState> = HashSet::default();
    while chosen.len() < wanted {
        let Some(member) = set.pick(random) else { return };
        if chosen.insert(member) {
            visit(member);
        }
    }
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
            ("srandmember none", "$-1|"),
            ("srandmember none 3", "*0|"),
            ("sadd s 1", ":1|"),
            ("srandmember s", "$1|1|"),
            ("srandmember s 0", "*0|"),
            ("srandmember s 5", "*1|$1|1|"),
            ("srandmember s -3", "*3|$1|1|$1|1|$1|1|"),
            ("srandmember s x", "-ERR value is not an integer or out of range|"),
            ("srandmember s 1 2", "-ERR syntax error|"),
            (
                "srandmember s -9223372036854775808",
                "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807|",
            ),
            (
                "srandmember s -9223372036854775807",
                "-ERR limit reached: SRANDMEMBER repeats members up to 64 MiB of reply|",
            ),
            ("spop none", "$-1|"),
            ("spop none 2", "*0|"),
            ("spop none -1", "-ERR value is out of range, must be positive|"),
            ("spop s x", "-ERR value is out of range, must be positive|"),
            ("spop s 1 2", "-ERR syntax error|"),
            ("spop s 0", "*0|"),
            ("spop s 3", "*1|$1|1|"),
            ("exists s", ":0|"),
            ("sadd s a", ":1|"),
            ("spop s", "$1|a|"),
            ("exists s", ":0|"),
        ]);
        bench.session.version = Version::Resp3;
        bench.expect(&[("spop none", "_|"), ("spop none 1", "~0|"), ("srandmember none 1", "*0|")]);
    }

    #[test]
    fn a_choice_has_each_member_once_in_every_form() {
        let mut bench = Bench::new();
        for (key, members, kind) in
            [("integers", 8, ""), ("small", 6, "m"), ("full", 600, "m"), ("large", 4_000, "m")]
        {
            for number in 0..members {
                bench.run(&format!("sadd {key} {kind}{number}"));
            }
            for count in [1, members / 4, members - 1, members] {
                let reply = bench.run(&format!("srandmember {key} {count}"));
                let names: Vec<&str> = reply.split('|').skip(2).step_by(2).collect();
                assert_eq!(names.len(), count);
                assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), count, "{key} {count}");
            }
        }
    }

    #[test]
    fn what_is_popped_is_gone_and_told() {
        let mut bench = Bench::new();
        for number in 0..3_000 {
            bench.run(&format!("sadd s m{number}"));
        }
        let mut popped = BTreeSet::new();
        for count in [1, 10, 500, 1_500] {
            bench.effects.0.clear();
            let reply = bench.run(&format!("spop s {count}"));
            popped.extend(reply.split('|').filter(|word| word.starts_with('m')).map(str::to_owned));
            assert_eq!(bench.effects.0.len(), count);
        }
        assert_eq!(popped.len(), 2_011);
        bench.expect(&[("scard s", ":989|")]);
        assert!(popped.iter().all(|member| bench.run(&format!("sismember s {member}")) == ":0|"));
        bench.effects.0.clear();
        assert!(bench.run("spop s 1000").starts_with("*989|"));
        assert_eq!(bench.effects.0.len(), 1);
        bench.expect(&[("exists s", ":0|")]);
    }
}
