//! One member or all of them: ZREM, ZCARD, ZSCORE, ZMSCORE, ZRANK, ZREVRANK, ZSCAN.

use larder_proto::resp::Out;
use larder_proto::score::{Score, write_number};

use crate::commands::args::Args;
use crate::commands::context::{ReadCx, WriteCx};
use crate::commands::error::CommandError;
use crate::commands::scan::{ScanOptions, read_cursor, write_step};
use crate::commands::spec::{Arity, Flags, Group, Keys, Outcome, Run, Spec, check};
use crate::store::{Edge, SortedSet};

/// The rows.
pub(in crate::commands) const ROWS: &[Spec] = &[
    Spec {
        name: "zrem",
        arity: Arity::AtLeast(3),
        keys: Keys::At(1),
        flags: Flags::FAST,
        group: Group::SortedSet,
        since: "1.2.0",
        summary: "Removes one or more members from a sorted set. Deletes the sorted set if all members were removed.",
        syntax: "key member [member ...]",
        run: Run::Write(zrem),
    },
    Spec {
        name: "zcard",
        arity: Arity::Exactly(2),
        keys: Keys::At(1),
        flags: Flags::FAST,
        group: Group::SortedSet,
        since: "1.2.0",
        summary: "Returns the number of members in a sorted set.",
        syntax: "key",
        run: Run::Read(zcard),
    },
    Spec {
        name: "zscore",
        arity: Arity::Exactly(3),
        keys: Keys::At(1),
        flags: Flags::FAST,
        group: Group::SortedSet,
        since: "1.2.0",
        summary: "Returns the score of a member in a sorted set.",
        syntax: "key member",
        run: Run::Read(zscore),
    },
    Spec {
        name: "zmscore",
        arity: Arity::AtLeast(3),
        keys: Keys::At(1),
        flags: Flags::FAST,
        group: Group::SortedSet,
        since: "6.2.0",
        summary: "Returns the score of one or more members in a sorted set.",
        syntax: "key member [member ...]",
        run: Run::Read(zmscore),
    },
    Spec {
        name: "zrank",
        arity: Arity::AtLeast(3),
        keys: Keys::At(1),
        flags: Flags::FAST,
        group: Group::SortedSet,
        since: "2.0.0",
        summary: "Returns the index of a member in a sorted set ordered by ascending scores.",
        syntax: "key member [WITHSCORE]",
        run: Run::Read(zrank),
    },
    Spec {
        name: "zrevrank",
        arity: Arity::AtLeast(3),
        keys: Keys::At(1),
        flags: Flags::FAST,
        group: Group::SortedSet,
        since: "2.0.0",
        summary: "Returns the index of a member in a sorted set ordered by descending scores.",
        syntax: "key member [WITHSCORE]",
        run: Run::Read(zrevrank),
    },
    Spec {
        name: "zscan",
        arity: Arity::AtLeast(3),
        keys: Keys::At(1),
        flags: Flags::NONE,
        group: Group::SortedSet,
        since: "2.8.0",
        summary: "Iterates over members and scores of a sorted set.",
        syntax: "key cursor [MATCH pattern] [COUNT count]",
        run: Run::Read(zscan),
    },
];
const _: () = check(ROWS);

fn zrem(cx: &mut WriteCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let key = args.key()?;
    let mut removed = 0;
    for member in args.rest() {
        removed += usize::from(cx.keys.sorted_set_remove(key, member)?.is_some());
    }
    out.count(removed);
    Ok(())
}

fn zcard(cx: &mut ReadCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    out.count(cx.keys.sorted_set(args.key()?)?.map_or(0, SortedSet::len));
    Ok(())
}

fn zscore(cx: &mut ReadCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let set = cx.keys.sorted_set(args.key()?)?;
    let member = args.bytes()?;
    write_score(set.and_then(|set| set.score(member)), out);
    Ok(())
}

fn zmscore(cx: &mut ReadCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let set = cx.keys.sorted_set(args.key()?)?;
    out.array(args.len());
    args.rest().for_each(|member| write_score(set.and_then(|set| set.score(member)), out));
    Ok(())
}

fn zrank(cx: &mut ReadCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    write_rank(cx, args, "zrank", |set, edge| set.count_before(edge), out)
}

fn zrevrank(cx: &mut ReadCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    write_rank(cx, args, "zrevrank", |set, edge| set.len() - 1 - set.count_before(edge), out)
}

fn zscan(cx: &mut ReadCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let key = args.key()?;
    let cursor = read_cursor(&mut args)?;
    let Some(set) = cx.keys.sorted_set(key)? else {
        write_step(out, 0, 0, &[]);
        return Ok(());
    };
    let options = ScanOptions::read(args, false)?;
    let (mut pairs, mut elements, mut text) = (Vec::new(), 0, String::new());
    let mut pair_out = out.part(&mut pairs);
    let next = set.scan(cursor, options.count, |entry| {
        if options.match_name(entry.member) {
            pair_out.bulk(entry.member);
            text.clear();
            write_number(&mut text, entry.score.get());
            pair_out.bulk(text.as_bytes());
            elements += 2;
        }
    });
    let cut = pair_out.has_overflowed();
    write_step(out, next, elements, &pairs);
    if cut {
        out.set_overflowed();
    }
    Ok(())
}

fn write_score(score: Option<Score>, out: &mut Out<'_>) {
    match score {
        Some(score) => out.double(score.get()),
        None => out.null(),
    }
}

fn write_rank(
    cx: &ReadCx<'_, '_>,
    mut args: Args<'_>,
    command: &'static str,
    rank: impl FnOnce(&SortedSet, &Edge<'_>) -> usize,
    out: &mut Out<'_>,
) -> Outcome {
    let (key, member) = (args.key()?, args.bytes()?);
    if args.len() > 1 {
        return Err(CommandError::WrongArity { command: command.to_owned() });
    }
    let with_score = args.option("withscore");
    args.end()?;
    let set = cx.keys.sorted_set(key)?;
    match set.and_then(|set| Some((set, set.score(member)?))) {
        Some((set, score)) => {
            if with_score {
                out.array(2);
            }
            out.count(rank(set, &Edge::Entry { score, member, after: false }));
            if with_score {
                out.double(score.get());
            }
        }
        None if with_score => out.null_array(),
        None => out.null(),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use larder_proto::resp::Version;

    use crate::commands::testing::Bench;

    #[test]
    fn members_are_found_ranked_and_removed() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("zadd z 1 a 2 b 3 c", ":3|"),
            ("zcard z", ":3|"),
            ("zcard none", ":0|"),
            ("zscore z b", "$1|2|"),
            ("zscore z nobody", "$-1|"),
            ("zscore none b", "$-1|"),
            ("zmscore z a nobody c", "*3|$1|1|$-1|$1|3|"),
            ("zmscore none a", "*1|$-1|"),
            ("zrank z a", ":0|"),
            ("zrevrank z a", ":2|"),
            ("zrank z nobody", "$-1|"),
            ("zrank none a", "$-1|"),
            ("zrank z c withscore", "*2|:2|$1|3|"),
            ("zrevrank z c WithScore", "*2|:0|$1|3|"),
            ("zrank z nobody withscore", "*-1|"),
            ("zrank z a what", "-ERR syntax error|"),
            ("zrank z a withscore x", "-ERR wrong number of arguments for 'zrank' command|"),
            ("zrem z a nobody b a", ":2|"),
            ("zrem none a", ":0|"),
            ("type z", "+zset|"),
            ("zrem z c", ":1|"),
            ("exists z", ":0|"),
        ]);
        bench.session.version = Version::Resp3;
        bench.expect(&[
            ("zadd z 1.5 a", ":1|"),
            ("zmscore z a b", "*2|,1.5|_|"),
            ("zrank z a withscore", "*2|:0|,1.5|"),
            ("zrank z b withscore", "_|"),
            ("zscan z 0", "*2|$1|0|*2|$1|a|$3|1.5|"),
        ]);
    }

    #[test]
    fn another_type_is_refused_by_all() {
        let mut bench = Bench::new();
        bench.run("set s v");
        for line in [
            "zadd s 1 a",
            "zincrby s 1 a",
            "zrem s a",
            "zcard s",
            "zscore s a",
            "zmscore s a",
            "zrank s a",
            "zrevrank s a",
            "zscan s 0",
            "zrange s 0 -1",
            "zrevrange s 0 -1",
            "zrangebyscore s 0 1",
            "zrevrangebyscore s 1 0",
            "zrangebylex s - +",
            "zrevrangebylex s + -",
            "zrangestore {s}d s 0 1",
            "zcount s 0 1",
            "zlexcount s - +",
            "zremrangebyrank s 0 1",
            "zremrangebyscore s 0 1",
            "zremrangebylex s - +",
            "zpopmin s",
            "zpopmax s 2",
            "zmpop 1 s min",
            "zrandmember s",
            "zrandmember s 1",
            "zunion 1 s",
            "zinter 1 s",
            "zdiff 1 s",
            "zintercard 1 s",
            "zunionstore {s}d 1 s",
            "zinterstore {s}d 1 s",
            "zdiffstore {s}d 1 s",
        ] {
            bench.expect(&[(line, "-WRONGTYPE Operation against a key holding the wrong kind of value|")]);
        }
        assert_eq!(bench.effects.0.len(), 1);
    }

    #[test]
    fn both_forms_are_named_weighed_and_copied() {
        let mut bench = Bench::new();
        for number in 0..128 {
            bench.run(&format!("zadd z {number} m{number}"));
        }
        bench.expect(&[("object encoding z", "$8|listpack|")]);
        bench.expect(&[
            ("zadd z 5 m5", ":0|"),
            ("object encoding z", "$8|listpack|"),
            ("zadd z 500 more", ":1|"),
        ]);
        bench.expect(&[
            ("object encoding z", "$8|skiplist|"),
            ("copy z {z}2", ":1|"),
            ("zcard {z}2", ":129|"),
        ]);
        bench.expect(&[("zrem z more m1", ":2|"), ("object encoding z", "$8|skiplist|")]);
        bench.expect(&[
            (&format!("zadd long 1 {}", "x".repeat(65)), ":1|"),
            ("object encoding long", "$8|skiplist|"),
        ]);
        bench.expect(&[
            ("rename {z}2 z", "+OK|"),
            ("zrank z more", ":128|"),
            ("scan 0 type zset count 99", "*2|$1|0|*2|$4|long|$1|z|"),
        ]);
        let usage: usize = bench.run("memory usage z").trim_matches([':', '|']).parse().unwrap();
        assert!((2_000..6_000).contains(&usage), "{usage}");
    }

    #[test]
    fn a_scan_walks_both_forms() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("zscan none abc", "-ERR invalid cursor|"),
            ("zscan none 0 what x", "*2|$1|0|*0|"),
            ("zadd z 1 a 0.5 b", ":2|"),
            ("zscan z 0 match b", "*2|$1|0|*2|$1|b|$3|0.5|"),
            ("zscan z 0 novalues", "-ERR syntax error|"),
        ]);
        for number in 0..600 {
            bench.run(&format!("zadd big {number} f{number}"));
        }
        let (mut cursor, mut seen) = ("0".to_owned(), BTreeSet::new());
        loop {
            let reply = bench.run(&format!("zscan big {cursor} count 9"));
            let words: Vec<&str> = reply.split('|').collect();
            cursor = words[2].to_owned();
            assert!(words.len() < 50, "a step stays short");
            seen.extend(words.iter().filter(|word| word.starts_with('f')).map(|word| word.to_string()));
            if cursor == "0" {
                break;
            }
        }
        assert_eq!(seen.len(), 600);
    }
}
