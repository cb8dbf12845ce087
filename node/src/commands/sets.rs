//! The family of sets: adding, testing, removing and walking members. What is made of several sets and random members are
//! files of their own.

use larder_proto::resp::Out;

use super::args::Args;
use super::context::{ReadCx, WriteCx};
use super::scan::{ScanOptions, read_cursor, write_step};
use super::spec::{Arity, Flags, Group, Keys, Outcome, Run, Spec, check};
use crate::store::Set;

/// The rows.
pub(super) const ROWS: &[Spec] = &[
    Spec {
        name: "sadd",
        arity: Arity::AtLeast(3),
        keys: Keys::At(1),
        flags: Flags::DENY_OOM.and(Flags::FAST),
        group: Group::Set,
        since: "1.0.0",
        summary: "Adds one or more members to a set. Creates the key if it doesn't exist.",
        syntax: "key member [member ...]",
        run: Run::Write(sadd),
    },
    Spec {
        name: "srem",
        arity: Arity::AtLeast(3),
        keys: Keys::At(1),
        flags: Flags::FAST,
        group: Group::Set,
        since: "1.0.0",
        summary: "Removes one or more members from a set. Deletes the set if no members remain.",
        syntax: "key member [member ...]",
        run: Run::Write(srem),
    },
    Spec {
        name: "sismember",
        arity: Arity::Exactly(3),
        keys: Keys::At(1),
        flags: Flags::FAST,
        group: Group::Set,
        since: "1.0.0",
        summary: "Determines whether a member belongs to a set.",
        syntax: "key member",
        run: Run::Read(sismember),
    },
    Spec {
        name: "smismember",
        arity: Arity::AtLeast(3),
        keys: Keys::At(1),
        flags: Flags::FAST,
        group: Group::Set,
        since: "6.2.0",
        summary: "Determines whether multiple members belong to a set.",
        syntax: "key member [member ...]",
        run: Run::Read(smismember),
    },
    Spec {
        name: "scard",
        arity: Arity::Exactly(2),
        keys: Keys::At(1),
        flags: Flags::FAST,
        group: Group::Set,
        since: "1.0.0",
        summary: "Returns the number of members in a set.",
        syntax: "key",
        run: Run::Read(scard),
    },
    Spec {
        name: "smembers",
        arity: Arity::Exactly(2),
        keys: Keys::At(1),
        flags: Flags::NONE,
        group: Group::Set,
        since: "1.0.0",
        summary: "Returns all members of a set.",
        syntax: "key",
        run: Run::Read(smembers),
    },
    Spec {
        name: "smove",
        arity: Arity::Exactly(4),
        keys: Keys::Pair { first: 1 },
        flags: Flags::FAST,
        group: Group::Set,
        since: "1.0.0",
        summary: "Moves a member from one set to another.",
        syntax: "source destination member",
        run: Run::Write(smove),
    },
    Spec {
        name: "sscan",
        arity: Arity::AtLeast(3),
        keys: Keys::At(1),
        flags: Flags::NONE,
        group: Group::Set,
        since: "2.8.0",
        summary: "Iterates over members of a set.",
        syntax: "key cursor [MATCH pattern] [COUNT count]",
        run: Run::Read(sscan),
    },
];
const _: () = check(ROWS);

fn sadd(cx: &mut WriteCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let key = args.key()?;
    let (additions, mut added) = (args.len(), 0);
    for member in args.rest() {
        // Of another type is the key before the first member or never, so nothing is half done.
        added += usize::from(cx.keys.set_add(key, member, additions)?);
    }
    out.count(added);
    Ok(())
}

fn srem(cx: &mut WriteCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let key = args.key()?;
    let mut removed = 0;
    for member in args.rest() {
        removed += usize::from(cx.keys.set_remove(key, member)?);
    }
    out.count(removed);
    Ok(())
}

fn sismember(cx: &mut ReadCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let set = cx.keys.collection::<Set>(args.key()?)?;
    let member = args.bytes()?;
    out.integer(i64::from(set.is_some_and(|set| set.contains(member))));
    Ok(())
}

fn smismember(cx: &mut ReadCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let set = cx.keys.collection::<Set>(args.key()?)?;
    out.array(args.len());
    args.rest().for_each(|member| out.integer(i64::from(set.is_some_and(|set| set.contains(member)))));
    Ok(())
}

fn scard(cx: &mut ReadCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    out.count(cx.keys.collection::<Set>(args.key()?)?.map_or(0, Set::len));
    Ok(())
}

fn smembers(cx: &mut ReadCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let set = cx.keys.collection::<Set>(args.key()?)?;
    out.set(set.map_or(0, Set::len));
    set.into_iter().flat_map(Set::iter).for_each(|member| out.bulk(&member));
    Ok(())
}

fn smove(cx: &mut WriteCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let (from, to, member) = (args.key()?, args.key()?, args.bytes()?);
    let Some(source) = cx.keys.collection::<Set>(from)? else {
        out.integer(0);
        return Ok(());
    };
    let is_member = source.contains(member);
    cx.keys.collection::<Set>(to)?;
    if is_member && from != to {
        cx.keys.set_remove(from, member)?;
        cx.keys.set_add(to, member, 1)?;
    }
    out.integer(i64::from(is_member));
    Ok(())
}

fn sscan(cx: &mut ReadCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let key = args.key()?;
    let cursor = read_cursor(&mut args)?;
    let Some(set) = cx.keys.collection::<Set>(key)? else {
        write_step(out, 0, 0, &[]);
        return Ok(());
    };
    let options = ScanOptions::read(args, false)?;
    let (mut members, mut found) = (Vec::new(), 0);
    let mut member_out = out.part(&mut members);
    let next = set.scan(cursor, options.count, |member| {
        if options.match_name(member) {
            member_out.bulk(member);
            found += 1;
        }
    });
    let cut = member_out.has_overflowed();
    write_step(out, next, found, &members);
    if cut {
        out.set_overflowed();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use larder_proto::resp::Version;

    use crate::commands::testing::Bench;

    #[test]
    fn members_are_added_tested_and_removed() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("sadd s 3 1 2 1", ":3|"),
            ("smembers s", "*3|$1|1|$1|2|$1|3|"),
            ("object encoding s", "$6|intset|"),
            ("sadd s a 1", ":1|"),
            ("smembers s", "*4|$1|1|$1|2|$1|3|$1|a|"),
            ("object encoding s", "$8|listpack|"),
            ("sadd s b c d", ":3|"),
            ("object encoding s", "$9|hashtable|"),
            ("scard s", ":7|"),
            ("sismember s d", ":1|"),
            ("sismember s e", ":0|"),
            ("sismember none e", ":0|"),
            ("smismember s 1 x a", "*3|:1|:0|:1|"),
            ("smismember none 1 x", "*2|:0|:0|"),
            ("srem s 1 2 3 x a b", ":5|"),
            ("scard s", ":2|"),
            ("type s", "+set|"),
            ("srem s c d", ":2|"),
            ("exists s", ":0|"),
            ("srem s c", ":0|"),
            ("scard s", ":0|"),
            ("smembers s", "*0|"),
        ]);
    }

    #[test]
    fn a_member_moves() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("set x v", "+OK|"),
            ("smove none x 1", ":0|"),
            ("sadd s 1 2", ":2|"),
            ("smove s x 1", "-WRONGTYPE Operation against a key holding the wrong kind of value|"),
            ("smove x s 1", "-WRONGTYPE Operation against a key holding the wrong kind of value|"),
            ("smove s s 1", ":1|"),
            ("smove s s 9", ":0|"),
            ("smove s t 1", ":1|"),
            ("smove s t 1", ":0|"),
            ("sadd s 1", ":1|"),
            ("smove s t 1", ":1|"),
            ("smove s t 2", ":1|"),
            ("exists s", ":0|"),
            ("smembers t", "*2|$1|1|$1|2|"),
        ]);
        assert_eq!(bench.effects.0.len(), 9, "what changes nothing tells nothing: {:?}", bench.effects.0);
    }

    #[test]
    fn another_type_is_refused_by_all() {
        let mut bench = Bench::new();
        bench.run("set x v");
        bench.run("sadd s a");
        for line in [
            "sadd x a",
            "srem x a",
            "sismember x a",
            "smismember x a",
            "scard x",
            "smembers x",
            "smove x s a",
            "smove s x a",
            "sscan x 0",
            "sinter s x",
            "sinter none x",
            "sintercard 2 none x",
            "sinterstore d s x",
            "sunion s x",
            "sunionstore d x",
            "sdiff none x",
            "sdiffstore d s x",
            "spop x",
            "spop x 0",
            "srandmember x",
            "srandmember x 0",
            "hget s a",
            "get s",
        ] {
            bench.expect(&[(line, "-WRONGTYPE Operation against a key holding the wrong kind of value|")]);
        }
        assert_eq!(bench.effects.0.len(), 2);
    }

    #[test]
    fn the_newer_protocol_has_sets() {
        let mut bench = Bench::new();
        bench.session.version = Version::Resp3;
        bench.expect(&[
            ("sadd s 1 2", ":2|"),
            ("smembers s", "~2|$1|1|$1|2|"),
            ("smembers none", "~0|"),
            ("smismember s 1 3", "*2|:1|:0|"),
            ("sinter s s", "~2|$1|1|$1|2|"),
            ("sunion none", "~0|"),
            ("sdiff s none", "~2|$1|1|$1|2|"),
            ("srandmember none", "_|"),
            ("spop none", "_|"),
            ("spop s 0", "~0|"),
            ("sscan s 0 match 2", "*2|$1|0|*1|$1|2|"),
            ("srem s 1", ":1|"),
            ("srandmember s -1", "*1|$1|2|"),
            ("spop s 9", "~1|$1|2|"),
        ]);
    }

    #[test]
    fn a_scan_walks_every_form() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("sscan none abc", "-ERR invalid cursor|"),
            ("sscan none 0 what x", "*2|$1|0|*0|"),
            ("sadd s 3 1 2", ":3|"),
            ("sscan s 0 count 1", "*2|$1|0|*3|$1|1|$1|2|$1|3|"),
            ("sadd s a", ":1|"),
            ("sscan s 77 match [23]", "*2|$1|0|*2|$1|2|$1|3|"),
            ("sscan s 0 type set", "-ERR syntax error|"),
            ("sscan s 0 count 0", "-ERR syntax error|"),
        ]);
        for number in 0..600 {
            bench.run(&format!("sadd big m{number}"));
        }
        let (mut cursor, mut seen) = ("0".to_owned(), BTreeSet::new());
        loop {
            let reply = bench.run(&format!("sscan big {cursor} count 9"));
            let words: Vec<&str> = reply.split('|').collect();
            cursor = words[2].to_owned();
            for word in words.iter().filter(|word| word.starts_with('m')) {
                assert!(seen.insert(word.to_string()), "{word} came twice");
            }
            if cursor == "0" {
                break;
            }
        }
        assert_eq!(seen.len(), 600);
    }

    #[test]
    fn what_comes_at_once_decides_the_form() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("sadd i 1 1 1 1 1 1 1 1 1", ":1|"),
            ("object encoding i", "$9|hashtable|"),
            ("sadd w a a a a a a a", ":1|"),
            ("object encoding w", "$9|hashtable|"),
            ("sadd m 1 b c d e f", ":6|"),
            ("object encoding m", "$8|listpack|"),
        ]);
    }
}
