//! What lies between two bounds, counted or removed: ZCOUNT, ZLEXCOUNT, ZREMRANGEBYRANK, ZREMRANGEBYSCORE,
//! ZREMRANGEBYLEX.

use larder_proto::resp::Out;

use super::bounds::{By, Span};
use crate::commands::args::Args;
use crate::commands::context::{ReadCx, WriteCx};
use crate::commands::spec::{Arity, Flags, Group, Keys, Outcome, Run, Spec, check};

/// The rows.
pub(in crate::commands) const ROWS: &[Spec] = &[
    Spec {
        name: "zcount",
        arity: Arity::Exactly(4),
        keys: Keys::At(1),
        flags: Flags::FAST,
        group: Group::SortedSet,
        since: "2.0.0",
        summary: "Returns the count of members in a sorted set that have scores within a range.",
        syntax: "key min max",
        run: Run::Read(zcount),
    },
    Spec {
        name: "zlexcount",
        arity: Arity::Exactly(4),
        keys: Keys::At(1),
        flags: Flags::FAST,
        group: Group::SortedSet,
        since: "2.8.9",
        summary: "Returns the number of members in a sorted set within a lexicographical range.",
        syntax: "key min max",
        run: Run::Read(zlexcount),
    },
    Spec {
        name: "zremrangebyrank",
        arity: Arity::Exactly(4),
        keys: Keys::At(1),
        flags: Flags::NONE,
        group: Group::SortedSet,
        since: "2.0.0",
        summary: "Removes members in a sorted set within a range of indexes. Deletes the sorted set if all members were removed.",
        syntax: "key start stop",
        run: Run::Write(zremrangebyrank),
    },
    Spec {
        name: "zremrangebyscore",
        arity: Arity::Exactly(4),
        keys: Keys::At(1),
        flags: Flags::NONE,
        group: Group::SortedSet,
        since: "1.2.0",
        summary: "Removes members in a sorted set within a range of scores. Deletes the sorted set if all members were removed.",
        syntax: "key min max",
        run: Run::Write(zremrangebyscore),
    },
    Spec {
        name: "zremrangebylex",
        arity: Arity::Exactly(4),
        keys: Keys::At(1),
        flags: Flags::NONE,
        group: Group::SortedSet,
        since: "2.8.9",
        summary: "Removes members in a sorted set within a lexicographical range. Deletes the sorted set if all members were removed.",
        syntax: "key min max",
        run: Run::Write(zremrangebylex),
    },
];
const _: () = check(ROWS);

fn zcount(cx: &mut ReadCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    count(cx, args, By::Score, out)
}

fn zlexcount(cx: &mut ReadCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    count(cx, args, By::Member, out)
}

fn zremrangebyrank(cx: &mut WriteCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    remove(cx, args, By::Rank, out)
}

fn zremrangebyscore(cx: &mut WriteCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    remove(cx, args, By::Score, out)
}

fn zremrangebylex(cx: &mut WriteCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    remove(cx, args, By::Member, out)
}

fn count(cx: &ReadCx<'_, '_>, mut args: Args<'_>, by: By, out: &mut Out<'_>) -> Outcome {
    let key = args.key()?;
    let span = Span::read(&mut args, by, false)?;
    out.count(cx.keys.sorted_set(key)?.map_or(0, |set| span.ranks(set, false).len()));
    Ok(())
}

fn remove(cx: &mut WriteCx<'_, '_>, mut args: Args<'_>, by: By, out: &mut Out<'_>) -> Outcome {
    let key = args.key()?;
    let span = Span::read(&mut args, by, false)?;
    let Some(set) = cx.keys.sorted_set(key)? else {
        out.count(0);
        return Ok(());
    };
    let ranks = span.ranks(set, false);
    let count = ranks.len();
    if count == set.len() {
        cx.keys.delete(key);
    } else {
        for _ in ranks.clone() {
            cx.keys.sorted_set_take(key, ranks.start)?;
        }
    }
    out.count(count);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Bench;

    #[test]
    fn spans_are_counted() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("zadd z 1 a 2 b 2 c 3 d", ":4|"),
            ("zcount z -inf +inf", ":4|"),
            ("zcount z (1 2", ":2|"),
            ("zcount z 3 1", ":0|"),
            ("zcount none 0 1", ":0|"),
            ("zcount z a b", "-ERR min or max is not a float|"),
            ("zadd l 0 a 0 b 0 c", ":3|"),
            ("zlexcount l - +", ":3|"),
            ("zlexcount l (a [c", ":2|"),
            ("zlexcount l a c", "-ERR min or max not valid string range item|"),
        ]);
    }

    #[test]
    fn spans_are_removed() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("zadd z 1 a 2 b 3 c 4 d 5 e 6 f", ":6|"),
            ("zremrangebyrank z 0 0", ":1|"),
            ("zremrangebyrank z -1 -1", ":1|"),
            ("zremrangebyrank z 5 9", ":0|"),
            ("zremrangebyscore z (2 3", ":1|"),
            ("zrange z 0 -1", "*3|$1|b|$1|d|$1|e|"),
            ("zremrangebyscore z x 3", "-ERR min or max is not a float|"),
            ("zremrangebyrank none x 3", "-ERR value is not an integer or out of range|"),
            ("zremrangebylex z - (a", ":0|"),
            ("zremrangebyscore z -inf +inf", ":3|"),
            ("exists z", ":0|"),
            ("zremrangebyrank z 0 -1", ":0|"),
            ("zadd l 0 a 0 b 0 c", ":3|"),
            ("zremrangebylex l [b +", ":2|"),
            ("zrange l 0 -1", "*1|$1|a|"),
        ]);
    }
}
