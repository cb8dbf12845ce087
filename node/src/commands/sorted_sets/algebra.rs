//! What is in several sorted sets, in all of them, or in one alone, as a reply: ZUNION, ZINTER, ZDIFF, ZINTERCARD. Storing
//! it is `store_algebra`'s.

use std::collections::HashMap;

use foldhash::quality::RandomState;
use larder_proto::resp::Out;
use larder_proto::score::Score;

use super::inputs::{Input, Request, Scored, Taken, or_zero};
use super::reply::write_entries;
use crate::commands::args::Args;
use crate::commands::context::ReadCx;
use crate::commands::spec::{Arity, Flags, Group, Keys, Outcome, Run, Spec, check};
use crate::store::Member;

/// The rows.
pub(in crate::commands) const ROWS: &[Spec] = &[
    Spec {
        name: "zunion",
        arity: Arity::AtLeast(3),
        keys: Keys::Counted { count: 1, target: false },
        flags: Flags::NONE,
        group: Group::SortedSet,
        since: "6.2.0",
        summary: "Returns the union of multiple sorted sets.",
        syntax: "numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>] [WITHSCORES]",
        run: Run::Read(zunion),
    },
    Spec {
        name: "zinter",
        arity: Arity::AtLeast(3),
        keys: Keys::Counted { count: 1, target: false },
        flags: Flags::NONE,
        group: Group::SortedSet,
        since: "6.2.0",
        summary: "Returns the intersect of multiple sorted sets.",
        syntax: "numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>] [WITHSCORES]",
        run: Run::Read(zinter),
    },
    Spec {
        name: "zdiff",
        arity: Arity::AtLeast(3),
        keys: Keys::Counted { count: 1, target: false },
        flags: Flags::NONE,
        group: Group::SortedSet,
        since: "6.2.0",
        summary: "Returns the difference between multiple sorted sets.",
        syntax: "numkeys key [key ...] [WITHSCORES]",
        run: Run::Read(zdiff),
    },
    Spec {
        name: "zintercard",
        arity: Arity::AtLeast(3),
        keys: Keys::Counted { count: 1, target: false },
        flags: Flags::NONE,
        group: Group::SortedSet,
        since: "7.0.0",
        summary: "Returns the number of members of the intersect of multiple sorted sets.",
        syntax: "numkeys key [key ...] [LIMIT limit]",
        run: Run::Read(zintercard),
    },
];
const _: () = check(ROWS);

fn zunion(cx: &mut ReadCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let request = Request::read(cx.keys, args, Taken::Combining { stored: false }, "zunion")?;
    write(union(&request), request.with_scores, out);
    Ok(())
}

fn zinter(cx: &mut ReadCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let request = Request::read(cx.keys, args, Taken::Combining { stored: false }, "zinter")?;
    write(intersection(&request).collect(), request.with_scores, out);
    Ok(())
}

fn zdiff(cx: &mut ReadCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let request = Request::read(cx.keys, args, Taken::Subtracting { stored: false }, "zdiff")?;
    write(difference(&request).collect(), request.with_scores, out);
    Ok(())
}

fn zintercard(cx: &mut ReadCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let request = Request::read(cx.keys, args, Taken::Counting, "zintercard")?;
    let limit = if request.limit == 0 { usize::MAX } else { request.limit };
    out.count(intersection(&request).take(limit).count());
    Ok(())
}

/// Every member of any input, in any order.
pub(super) fn union<'k>(request: &Request<'k>) -> Vec<Scored<'k>> {
    let mut sums: HashMap<Member<'k>, f64, RandomState> = HashMap::default();
    for input in from_the_smallest(request) {
        for entry in input.members.iter() {
            let score = or_zero(input.weighed(entry.score.get()));
            let sum = sums.entry(entry.member);
            sum.and_modify(|sum| *sum = request.aggregate.join(*sum, score)).or_insert(score);
        }
    }
    sums.into_iter().filter_map(|(member, sum)| Some(Scored { score: Score::new(sum)?, member })).collect()
}

/// The members that all inputs have.
pub(super) fn intersection<'k>(request: &Request<'k>) -> impl Iterator<Item = Scored<'k>> {
    let mut inputs = from_the_smallest(request).into_iter();
    let (first, others, aggregate) = (inputs.next(), inputs, request.aggregate);
    let entries = first.into_iter().flat_map(|first| first.members.iter().map(move |entry| (first, entry)));
    entries.filter_map(move |(first, entry)| {
        let mut score = or_zero(first.weighed(entry.score.get()));
        for other in others.clone() {
            score = aggregate.join(score, other.weighed(other.members.score(&entry.member)?));
        }
        Some(Scored { score: Score::new(score)?, member: entry.member })
    })
}

/// The members of the first input that no other has.
pub(super) fn difference<'k>(request: &Request<'k>) -> impl Iterator<Item = Scored<'k>> {
    let mut inputs = request.inputs.clone().into_iter();
    let (first, others) = (inputs.next(), inputs);
    let entries = first.into_iter().flat_map(|first| first.members.iter());
    entries.filter(move |entry| others.clone().all(|other| other.members.score(&entry.member).is_none()))
}

/// The inputs by their size: the sums of Redis are made in this order, too, and fractions show it.
fn from_the_smallest<'k>(request: &Request<'k>) -> Vec<Input<'k>> {
    let mut inputs = request.inputs.clone();
    inputs.sort_by_key(|input| input.members.len());
    inputs
}

fn write(mut members: Vec<Scored<'_>>, with_scores: bool, out: &mut Out<'_>) {
    Scored::sort(&mut members);
    write_entries(members.iter().map(Scored::entry), members.len(), with_scores, out);
}

#[cfg(test)]
mod tests {
    use larder_proto::resp::Version;

    use crate::commands::testing::Bench;

    fn bench() -> Bench {
        let mut bench = Bench::new();
        bench.run("zadd {k}a 1 x 2 y 3 z");
        bench.run("zadd {k}b 10 y 20 z 30 w");
        bench
    }

    #[test]
    fn unions_and_intersections_add_scores() {
        bench().expect(&[
            ("zunion 2 {k}a {k}b withscores", "*8|$1|x|$1|1|$1|y|$2|12|$1|z|$2|23|$1|w|$2|30|"),
            ("zunion 1 {k}a", "*3|$1|x|$1|y|$1|z|"),
            ("zunion 2 {k}a none{k}", "*3|$1|x|$1|y|$1|z|"),
            ("zunion 2 {k}a {k}a withscores aggregate sum", "*6|$1|x|$1|2|$1|y|$1|4|$1|z|$1|6|"),
            ("zinter 2 {k}a {k}b withscores weights 2 0.5", "*4|$1|y|$1|9|$1|z|$2|16|"),
            ("zinter 2 {k}a {k}b withscores aggregate min", "*4|$1|y|$1|2|$1|z|$1|3|"),
            ("zinter 2 {k}a {k}b aggregate max withscores", "*4|$1|y|$2|10|$1|z|$2|20|"),
            ("zinter 2 {k}a none{k}", "*0|"),
            ("zdiff 2 {k}a {k}b withscores", "*2|$1|x|$1|1|"),
            ("zdiff 1 {k}a", "*3|$1|x|$1|y|$1|z|"),
            ("zdiff 2 {k}a {k}a", "*0|"),
            ("zintercard 2 {k}a {k}b", ":2|"),
            ("zintercard 2 {k}a {k}b limit 1", ":1|"),
            ("zintercard 2 {k}a {k}b limit 0", ":2|"),
        ]);
    }

    #[test]
    fn plain_sets_count_one_for_each_member() {
        let mut bench = bench();
        bench.expect(&[
            ("sadd {k}w x y v", ":3|"),
            ("sadd {k}n 7 -20 100", ":3|"),
            ("zadd {k}c 5 7 6 -20", ":2|"),
            ("zunion 2 {k}a {k}w withscores", "*8|$1|v|$1|1|$1|x|$1|2|$1|y|$1|3|$1|z|$1|3|"),
            ("zinter 2 {k}n {k}c withscores weights 10 1", "*4|$1|7|$2|15|$3|-20|$2|16|"),
            ("zdiff 2 {k}n {k}c withscores", "*2|$3|100|$1|1|"),
            ("zdiff 2 {k}c {k}n", "*0|"),
            ("zintercard 2 {k}n {k}n", ":3|"),
            ("zunionstore {k}n 2 {k}n {k}c aggregate min", ":3|"),
            ("type {k}n", "+zset|"),
            ("zrange {k}n 0 -1 withscores", "*6|$3|-20|$1|1|$3|100|$1|1|$1|7|$1|1|"),
        ]);
    }

    #[test]
    fn infinities_that_cancel_give_zero() {
        let mut bench = Bench::new();
        bench.run("zadd {k}a inf x -inf y");
        bench.run("zadd {k}b -inf x -inf y");
        bench.expect(&[
            ("zunion 2 {k}a {k}b withscores", "*4|$1|y|$4|-inf|$1|x|$1|0|"),
            ("zinter 1 {k}a weights 0 withscores", "*4|$1|x|$1|0|$1|y|$1|0|"),
        ]);
    }

    #[test]
    fn words_are_checked() {
        bench().expect(&[
            ("zunion 0 {k}a", "-ERR at least 1 input key is needed for 'zunion' command|"),
            ("zdiff -1 {k}a", "-ERR at least 1 input key is needed for 'zdiff' command|"),
            ("zinter x {k}a", "-ERR value is not an integer or out of range|"),
            ("zinter 3 {k}a {k}b", "-ERR syntax error|"),
            ("zinter 9223372036854775807 {k}a {k}b", "-ERR syntax error|"),
            ("zinter 2 {k}a {k}b weights 1", "-ERR syntax error|"),
            ("zinter 2 {k}a {k}b weights 1 x", "-ERR weight value is not a float|"),
            ("zinter 1 {k}a aggregate avg", "-ERR syntax error|"),
            ("zinter 1 {k}a aggregate", "-ERR syntax error|"),
            ("zdiff 1 {k}a weights 1", "-ERR syntax error|"),
            ("zintercard 1 {k}a withscores", "-ERR syntax error|"),
            ("zintercard 1 {k}a limit -1", "-ERR LIMIT can't be negative|"),
            ("zintercard 1 {k}a limit x", "-ERR LIMIT can't be negative|"),
            ("zunion 1 {k}a limit 1", "-ERR syntax error|"),
        ]);
    }

    #[test]
    fn the_newer_protocol_has_pairs() {
        let mut bench = bench();
        bench.session.version = Version::Resp3;
        bench.expect(&[
            ("zdiff 2 {k}a {k}b withscores", "*1|*2|$1|x|,1|"),
            ("zinter 2 {k}a {k}b", "*2|$1|y|$1|z|"),
        ]);
    }
}
