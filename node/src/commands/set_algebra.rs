//! What is made of several sets: intersection, union, difference, and the same kept under a key.

use larder_proto::resp::Out;
use larder_proto::time::Deadline;

use super::args::Args;
use super::context::{ReadCx, WriteCx};
use super::error::CommandError;
use super::number::parse_integer;
use super::spec::{Arity, Flags, Group, Keys, Outcome, Run, Spec, check};
use crate::store::{Collection, Detached, Keyspace, Member, Set, SetLimits};

/// The rows.
pub(super) const ROWS: &[Spec] = &[
    Spec {
        name: "sinter",
        arity: Arity::AtLeast(2),
        keys: Keys::From { first: 1, step: 1 },
        flags: Flags::NONE,
        group: Group::Set,
        since: "1.0.0",
        summary: "Returns the intersection of multiple sets.",
        syntax: "key [key ...]",
        run: Run::Read(sinter),
    },
    Spec {
        name: "sintercard",
        arity: Arity::AtLeast(3),
        keys: Keys::Counted { count: 1, target: false },
        flags: Flags::NONE,
        group: Group::Set,
        since: "7.0.0",
        summary: "Returns the number of members of the intersection of multiple sets.",
        syntax: "numkeys key [key ...] [LIMIT limit]",
        run: Run::Read(sintercard),
    },
    Spec {
        name: "sinterstore",
        arity: Arity::AtLeast(3),
        keys: Keys::From { first: 1, step: 1 },
        flags: Flags::DENY_OOM,
        group: Group::Set,
        since: "1.0.0",
        summary: "Stores the intersection of multiple sets in a key.",
        syntax: "destination key [key ...]",
        run: Run::Write(sinterstore),
    },
    Spec {
        name: "sunion",
        arity: Arity::AtLeast(2),
        keys: Keys::From { first: 1, step: 1 },
        flags: Flags::NONE,
        group: Group::Set,
        since: "1.0.0",
        summary: "Returns the union of multiple sets.",
        syntax: "key [key ...]",
        run: Run::Read(sunion),
    },
    Spec {
        name: "sunionstore",
        arity: Arity::AtLeast(3),
        keys: Keys::From { first: 1, step: 1 },
        flags: Flags::DENY_OOM,
        group: Group::Set,
        since: "1.0.0",
        summary: "Stores the union of multiple sets in a key.",
        syntax: "destination key [key ...]",
        run: Run::Write(sunionstore),
    },
    Spec {
        name: "sdiff",
        arity: Arity::AtLeast(2),
        keys: Keys::From { first: 1, step: 1 },
        flags: Flags::NONE,
        group: Group::Set,
        since: "1.0.0",
        summary: "Returns the members of a set that multiple others lack.",
        syntax: "key [key ...]",
        run: Run::Read(sdiff),
    },
    Spec {
        name: "sdiffstore",
        arity: Arity::AtLeast(3),
        keys: Keys::From { first: 1, step: 1 },
        flags: Flags::DENY_OOM,
        group: Group::Set,
        since: "1.0.0",
        summary: "Stores the members of a set that multiple others lack in a key.",
        syntax: "destination key [key ...]",
        run: Run::Write(sdiffstore),
    },
];
const _: () = check(ROWS);

/// What is made of sets.
#[derive(Clone, Copy)]
enum Operation {
    Intersection,
    Union,
    Difference,
}

fn sinter(cx: &mut ReadCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    reply(Operation::Intersection, cx, args, out)
}

fn sintercard(cx: &mut ReadCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let number = parse_integer(args.bytes()?).filter(|&number| number > 0);
    let number = number.ok_or(CommandError::Plain("numkeys should be greater than 0"))?;
    let keys = usize::try_from(number).ok().filter(|&number| number <= args.len());
    let keys = keys.ok_or(CommandError::Plain("Number of keys can't be greater than number of args"))?;
    let limit = read_limit(args.skip(keys))?;
    let sets = sets(cx.keys, args.rest().take(keys))?;
    out.count(Operation::Intersection.members(&sets).take(limit).count());
    Ok(())
}

fn sinterstore(cx: &mut WriteCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    store(Operation::Intersection, cx, args, out)
}

fn sunion(cx: &mut ReadCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    reply(Operation::Union, cx, args, out)
}

fn sunionstore(cx: &mut WriteCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    store(Operation::Union, cx, args, out)
}

fn sdiff(cx: &mut ReadCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    reply(Operation::Difference, cx, args, out)
}

fn sdiffstore(cx: &mut WriteCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    store(Operation::Difference, cx, args, out)
}

/// The options after the keys: how many members are counted at most.
fn read_limit(mut args: Args<'_>) -> Result<usize, CommandError> {
    let mut limit = 0;
    while args.len() > 1 && args.option("limit") {
        limit = parse_integer(args.bytes()?)
            .and_then(|limit| usize::try_from(limit).ok())
            .ok_or(CommandError::Plain("LIMIT can't be negative"))?;
    }
    args.end()?;
    Ok(if limit == 0 { usize::MAX } else { limit })
}

/// The sets under keys; a key that is not there is an empty set.
fn sets<'k, 'a>(
    keys: &'k Keyspace<'_>,
    names: impl Iterator<Item = &'a [u8]>,
) -> Result<Vec<Option<&'k Set>>, CommandError> {
    names.map(|name| Ok(keys.collection::<Set>(name)?)).collect()
}

/// Replies with what is made of the sets under all keys.
fn reply(operation: Operation, cx: &mut ReadCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let sets = sets(cx.keys, args.rest())?;
    let (mut members, mut found) = (Vec::new(), 0);
    let mut member_out = out.part(&mut members);
    for member in operation.members(&sets) {
        member_out.bulk(&member);
        if member_out.has_overflowed() {
            out.set_overflowed();
            return Ok(());
        }
        found += 1;
    }
    out.set(found);
    out.raw(&members);
    Ok(())
}

/// Puts what is made of the sets under all keys but the first under that one, whatever it held.
fn store(operation: Operation, cx: &mut WriteCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let destination = args.key()?;
    let sets = sets(&cx.keys, args.rest())?;
    cx.reserve(operation.heap_bytes_max(&sets))?;
    let result = collect(operation.members(&sets), cx.keys.collection_limits().set);
    let length = result.len();
    if length == 0 {
        cx.keys.delete(destination);
    } else {
        cx.keys.attach(destination, Detached { value: result.into_value(), deadline: Deadline::NEVER });
    }
    out.count(length);
    Ok(())
}

fn collect<'m>(members: impl Iterator<Item = Member<'m>>, limits: SetLimits) -> Box<Set> {
    let mut set = Box::<Set>::default();
    for member in members {
        set.add(&member, limits);
    }
    set
}

impl Operation {
    /// The members of the result, each once. Nothing is kept but where the walk is.
    fn members<'k>(self, sets: &[Option<&'k Set>]) -> impl Iterator<Item = Member<'k>> {
        // The sets that are walked in turn; a member counts if some of the others have it, or have it not.
        let walked = match self {
            Self::Intersection => {
                let smallest = (0..sets.len()).min_by_key(|&at| sets[at].map_or(0, Set::len)).unwrap_or(0);
                smallest..smallest + 1
            }
            Self::Union => 0..sets.len(),
            Self::Difference => 0..1,
        };
        walked.flat_map(move |at| {
            let counts = move |member: &Member<'_>| match self {
                Self::Intersection => others(sets, at).all(|other| has(other, member)),
                Self::Union => !sets[..at].iter().any(|before| has(*before, member)),
                Self::Difference => !others(sets, at).any(|other| has(other, member)),
            };
            sets[at].into_iter().flat_map(Set::iter).filter(counts)
        })
    }

    /// Bytes that the result takes at most, about.
    fn heap_bytes_max(self, sets: &[Option<&Set>]) -> usize {
        let mut bytes = sets.iter().map(|set| set.map_or(0, Set::heap_bytes));
        match self {
            Self::Intersection => bytes.min().unwrap_or(0),
            Self::Union => bytes.sum(),
            Self::Difference => bytes.next().unwrap_or(0),
        }
    }
}

/// All sets but the one at a place.
fn others<'s, 'k>(sets: &'s [Option<&'k Set>], at: usize) -> impl Iterator<Item = Option<&'k Set>> + 's {
    sets.iter().enumerate().filter(move |(place, _)| *place != at).map(|(_, set)| *set)
}

fn has(set: Option<&Set>, member: &[u8]) -> bool {
    set.is_some_and(|set| set.contains(member))
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Bench;

    #[test]
    fn sets_are_intersected_joined_and_subtracted() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("sadd a 1 2 3", ":3|"),
            ("sadd b 2 3 4 x", ":4|"),
            ("sadd c 3 5", ":2|"),
            ("sinter a", "*3|$1|1|$1|2|$1|3|"),
            ("sinter a b", "*2|$1|2|$1|3|"),
            ("sinter b a c", "*1|$1|3|"),
            ("sinter a a", "*3|$1|1|$1|2|$1|3|"),
            ("sinter a none", "*0|"),
            ("sinter none none", "*0|"),
            ("sunion a none c", "*4|$1|1|$1|2|$1|3|$1|5|"),
            ("sunion c a a c", "*4|$1|3|$1|5|$1|1|$1|2|"),
            ("sunion none", "*0|"),
            ("sdiff a b", "*1|$1|1|"),
            ("sdiff a none c", "*2|$1|1|$1|2|"),
            ("sdiff none a", "*0|"),
            ("sdiff a a", "*0|"),
        ]);
    }

    #[test]
    fn the_size_of_an_intersection_is_counted_up_to_a_limit() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("sadd a 1 2 3", ":3|"),
            ("sadd b 2 3 4", ":3|"),
            ("sintercard 2 a b", ":2|"),
            ("sintercard 2 a b limit 1", ":1|"),
            ("sintercard 2 a b LIMIT 0", ":2|"),
            ("sintercard 1 a limit 1 limit 2", ":2|"),
            ("sintercard 2 a none", ":0|"),
            ("sintercard 0 a", "-ERR numkeys should be greater than 0|"),
            ("sintercard x a", "-ERR numkeys should be greater than 0|"),
            ("sintercard 2 a", "-ERR Number of keys can't be greater than number of args|"),
            ("sintercard 1 a b", "-ERR syntax error|"),
            ("sintercard 1 a limit", "-ERR syntax error|"),
            ("sintercard 1 a limit -1", "-ERR LIMIT can't be negative|"),
            ("sintercard 1 a limit x", "-ERR LIMIT can't be negative|"),
            ("command getkeys sintercard 2 a b limit 1", "*2|$1|a|$1|b|"),
            ("command getkeys sintercard 3 a b", "-ERR Invalid arguments specified for command|"),
        ]);
    }

    #[test]
    fn a_result_is_kept_whatever_was_there() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("sadd a 1 2 3", ":3|"),
            ("sadd b 2 3 4", ":3|"),
            ("set d text px 9000", "+OK|"),
            ("sinterstore d a b", ":2|"),
            ("smembers d", "*2|$1|2|$1|3|"),
            ("pttl d", ":-1|"),
            ("sunionstore d d none b a", ":4|"),
            ("smembers d", "*4|$1|1|$1|2|$1|3|$1|4|"),
            ("sdiffstore a a b", ":1|"),
            ("smembers a", "*1|$1|1|"),
            ("sdiffstore d a a", ":0|"),
            ("exists d", ":0|"),
            ("sinterstore none2 none b", ":0|"),
        ]);
        assert!(bench.effects.0.last().is_some_and(|effect| effect.contains("Delete")));
    }

    #[test]
    fn a_result_that_does_not_fit_changes_nothing() {
        let mut bench = Bench::new();
        bench.run(&format!("sadd a {}", "x".repeat(60_000)));
        bench.run("set d v");
        bench.store.memory().set_limit(bench.store.memory().snapshot().data + 30_000);
        bench.store.set_eviction(crate::store::Eviction::named("noeviction").unwrap());
        bench.expect(&[
            ("sunionstore d a", "-OOM command not allowed when used memory > 'maxmemory'.|"),
            ("get d", "$1|v|"),
            ("sinterstore d a none", ":0|"),
        ]);
    }
}
