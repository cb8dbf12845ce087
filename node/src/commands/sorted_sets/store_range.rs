//! ZRANGESTORE: a range of one sorted set becomes another.

use larder_proto::resp::Out;
use larder_proto::time::Deadline;

use super::ranges::{Range, Way};
use crate::commands::args::Args;
use crate::commands::context::WriteCx;
use crate::commands::spec::{Arity, Flags, Group, Keys, Outcome, Run, Spec, check};
use crate::store::{Collection, Detached, SortedSet};

/// The row.
pub(in crate::commands) const ROWS: &[Spec] = &[Spec {
    name: "zrangestore",
    arity: Arity::AtLeast(5),
    keys: Keys::Pair { first: 1 },
    flags: Flags::DENY_OOM,
    group: Group::SortedSet,
    since: "6.2.0",
    summary: "Stores a range of members from a sorted set in a key.",
    syntax: "dst src min max [BYSCORE | BYLEX] [REV] [LIMIT offset count]",
    run: Run::Write(zrangestore),
}];
const _: () = check(ROWS);

fn zrangestore(cx: &mut WriteCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let (target, source) = (args.key()?, args.key()?);
    let range = Range::read(args, Way::STORED)?;
    let limits = cx.keys.collection_limits().sorted_set;
    let set = match cx.keys.sorted_set(source)? {
        Some(set) => SortedSet::from_entries(&range.entries(set).0.collect::<Vec<_>>(), limits),
        None => Box::default(),
    };
    put(cx, target, set, out)
}

/// Puts a sorted set under a key, whatever was there, and replies with its length. An empty one leaves no key.
pub(super) fn put(cx: &mut WriteCx<'_, '_>, key: &[u8], set: Box<SortedSet>, out: &mut Out<'_>) -> Outcome {
    let length = set.len();
    if set.is_empty() {
        cx.keys.delete(key);
    } else {
        let value = set.into_value();
        cx.reserve(value.heap_bytes() + key.len())?;
        cx.keys.attach(key, Detached { value, deadline: Deadline::NEVER });
    }
    out.count(length);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Bench;

    #[test]
    fn ranges_are_stored() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("zadd {z}s 1 a 2 b 3 c", ":3|"),
            ("set {z}d text", "+OK|"),
            ("zrangestore {z}d {z}s 1 -1", ":2|"),
            ("zrange {z}d 0 -1 withscores", "*4|$1|b|$1|2|$1|c|$1|3|"),
            ("zrangestore {z}d {z}s (1 +inf byscore limit 0 1", ":1|"),
            ("zrange {z}d 0 -1", "*1|$1|b|"),
            ("zrangestore {z}s {z}s 0 0 rev", ":1|"),
            ("zrange {z}s 0 -1", "*1|$1|c|"),
            ("expire {z}d 100", ":1|"),
            ("zrangestore {z}d {z}s 0 -1", ":1|"),
            ("ttl {z}d", ":-1|"),
            ("zrangestore {z}d {z}s 5 9", ":0|"),
            ("exists {z}d", ":0|"),
            ("zrangestore {z}d none 0 -1", ":0|"),
            ("zrangestore {z}d {z}s 0 1 withscores", "-ERR syntax error|"),
        ]);
    }
}
