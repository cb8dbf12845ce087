//! Unions, intersections and differences that are stored: ZUNIONSTORE, ZINTERSTORE, ZDIFFSTORE.

use larder_proto::resp::Out;

use super::algebra::{difference, intersection, union};
use super::inputs::{Request, Scored, Taken};
use super::store_range::put;
use crate::commands::args::Args;
use crate::commands::context::WriteCx;
use crate::commands::spec::{Arity, Flags, Group, Keys, Outcome, Run, Spec, check};
use crate::store::{Entry, SortedSet};

/// The rows.
pub(in crate::commands) const ROWS: &[Spec] = &[
    Spec {
        name: "zunionstore",
        arity: Arity::AtLeast(4),
        keys: Keys::Counted { count: 2, target: true },
        flags: Flags::DENY_OOM,
        group: Group::SortedSet,
        since: "2.0.0",
        summary: "Stores the union of multiple sorted sets in a key.",
        syntax: "destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>]",
        run: Run::Write(zunionstore),
    },
    Spec {
        name: "zinterstore",
        arity: Arity::AtLeast(4),
        keys: Keys::Counted { count: 2, target: true },
        flags: Flags::DENY_OOM,
        group: Group::SortedSet,
        since: "2.0.0",
        summary: "Stores the intersect of multiple sorted sets in a key.",
        syntax: "destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>]",
        run: Run::Write(zinterstore),
    },
    Spec {
        name: "zdiffstore",
        arity: Arity::AtLeast(4),
        keys: Keys::Counted { count: 2, target: true },
        flags: Flags::DENY_OOM,
        group: Group::SortedSet,
        since: "6.2.0",
        summary: "Stores the difference of multiple sorted sets in a key.",
        syntax: "destination numkeys key [key ...]",
        run: Run::Write(zdiffstore),
    },
];
const _: () = check(ROWS);

fn zunionstore(cx: &mut WriteCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    store(cx, args, (Taken::Combining { stored: true }, "zunionstore"), union, out)
}

fn zinterstore(cx: &mut WriteCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    store(cx, args, (Taken::Combining { stored: true }, "zinterstore"), all_common, out)
}

fn zdiffstore(cx: &mut WriteCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    store(cx, args, (Taken::Subtracting { stored: true }, "zdiffstore"), all_left, out)
}

fn all_common<'k>(request: &Request<'k>) -> Vec<Scored<'k>> {
    intersection(request).collect()
}

fn all_left<'k>(request: &Request<'k>) -> Vec<Scored<'k>> {
    difference(request).collect()
}

fn store(
    cx: &mut WriteCx<'_, '_>,
    mut args: Args<'_>,
    (taken, command): (Taken, &'static str),
    combine: impl for<'k> FnOnce(&Request<'k>) -> Vec<Scored<'k>>,
    out: &mut Out<'_>,
) -> Outcome {
    let target = args.key()?;
    let limits = cx.keys.collection_limits().sorted_set;
    let mut members = combine(&Request::read(&cx.keys, args, taken, command)?);
    // In order, so that the leaves of a large one become full.
    Scored::sort(&mut members);
    let entries: Vec<Entry<'_>> = members.iter().map(Scored::entry).collect();
    let set = SortedSet::from_entries(&entries, limits);
    put(cx, target, set, out)
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Bench;

    #[test]
    fn results_are_stored() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("zadd {k}a 1 x 2 y 3 z", ":3|"),
            ("zadd {k}b 10 y 20 z 30 w", ":3|"),
            ("zunionstore {k}d 2 {k}a {k}b weights 1 0.5", ":4|"),
            ("zrange {k}d 0 -1 withscores", "*8|$1|x|$1|1|$1|y|$1|7|$1|z|$2|13|$1|w|$2|15|"),
            ("expire {k}d 100", ":1|"),
            ("zinterstore {k}d 2 {k}a {k}b aggregate max", ":2|"),
            ("zrange {k}d 0 -1 withscores", "*4|$1|y|$2|10|$1|z|$2|20|"),
            ("ttl {k}d", ":-1|"),
            ("zdiffstore {k}a 2 {k}a {k}b", ":1|"),
            ("zrange {k}a 0 -1", "*1|$1|x|"),
            ("zdiffstore {k}a 2 {k}a {k}a", ":0|"),
            ("exists {k}a", ":0|"),
            ("set {k}d text", "+OK|"),
            ("zunionstore {k}d 1 {k}b", ":3|"),
            ("type {k}d", "+zset|"),
            ("zunionstore {k}d 1 {k}b withscores", "-ERR syntax error|"),
            ("zunionstore {k}d 0 {k}b", "-ERR at least 1 input key is needed for 'zunionstore' command|"),
            ("zunionstore {k}d 1 {k}a", ":0|"),
            ("exists {k}d", ":0|"),
        ]);
    }
}
