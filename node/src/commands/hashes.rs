//! The family of hashes: setting, reading, removing and walking fields. Counters and random fields are files of their own.

use larder_proto::resp::Out;

use super::args::Args;
use super::context::{ReadCx, WriteCx};
use super::error::CommandError;
use super::scan::{ScanOptions, read_cursor, write_step};
use super::spec::{Arity, Flags, Group, Keys, Outcome, Run, Spec, check};
use crate::store::Hash;

/// The rows.
pub(super) const ROWS: &[Spec] = &[
    Spec {
        name: "hset",
        arity: Arity::AtLeast(4),
        keys: Keys::At(1),
        flags: Flags::DENY_OOM.and(Flags::FAST),
        group: Group::Hash,
        since: "2.0.0",
        summary: "Creates or modifies the value of a field in a hash.",
        syntax: "key field value [field value ...]",
        run: Run::Write(hset),
    },
    Spec {
        name: "hsetnx",
        arity: Arity::Exactly(4),
        keys: Keys::At(1),
        flags: Flags::DENY_OOM.and(Flags::FAST),
        group: Group::Hash,
        since: "2.0.0",
        summary: "Sets the value of a field in a hash only when the field doesn't exist.",
        syntax: "key field value",
        run: Run::Write(hsetnx),
    },
    Spec {
        name: "hmset",
        arity: Arity::AtLeast(4),
        keys: Keys::At(1),
        flags: Flags::DENY_OOM.and(Flags::FAST),
        group: Group::Hash,
        since: "2.0.0",
        summary: "Sets the values of multiple fields.",
        syntax: "key field value [field value ...]",
        run: Run::Write(hmset),
    },
    Spec {
        name: "hget",
        arity: Arity::Exactly(3),
        keys: Keys::At(1),
        flags: Flags::FAST,
        group: Group::Hash,
        since: "2.0.0",
        summary: "Returns the value of a field in a hash.",
        syntax: "key field",
        run: Run::Read(hget),
    },
    Spec {
        name: "hmget",
        arity: Arity::AtLeast(3),
        keys: Keys::At(1),
        flags: Flags::FAST,
        group: Group::Hash,
        since: "2.0.0",
        summary: "Returns the values of all given fields in a hash.",
        syntax: "key field [field ...]",
        run: Run::Read(hmget),
    },
    Spec {
        name: "hgetall",
        arity: Arity::Exactly(2),
        keys: Keys::At(1),
        flags: Flags::NONE,
        group: Group::Hash,
        since: "2.0.0",
        summary: "Returns all fields and values in a hash.",
        syntax: "key",
        run: Run::Read(hgetall),
    },
    Spec {
        name: "hkeys",
        arity: Arity::Exactly(2),
        keys: Keys::At(1),
        flags: Flags::NONE,
        group: Group::Hash,
        since: "2.0.0",
        summary: "Returns all fields in a hash.",
        syntax: "key",
        run: Run::Read(hkeys),
    },
    Spec {
        name: "hvals",
        arity: Arity::Exactly(2),
        keys: Keys::At(1),
        flags: Flags::NONE,
        group: Group::Hash,
        since: "2.0.0",
        summary: "Returns all values in a hash.",
        syntax: "key",
        run: Run::Read(hvals),
    },
    Spec {
        name: "hlen",
        arity: Arity::Exactly(2),
        keys: Keys::At(1),
        flags: Flags::FAST,
        group: Group::Hash,
        since: "2.0.0",
        summary: "Returns the number of fields in a hash.",
        syntax: "key",
        run: Run::Read(hlen),
    },
    Spec {
        name: "hexists",
        arity: Arity::Exactly(3),
        keys: Keys::At(1),
        flags: Flags::FAST,
        group: Group::Hash,
        since: "2.0.0",
        summary: "Determines whether a field exists in a hash.",
        syntax: "key field",
        run: Run::Read(hexists),
    },
    Spec {
        name: "hstrlen",
        arity: Arity::Exactly(3),
        keys: Keys::At(1),
        flags: Flags::FAST,
        group: Group::Hash,
        since: "3.2.0",
        summary: "Returns the length of the value of a field.",
        syntax: "key field",
        run: Run::Read(hstrlen),
    },
    Spec {
        name: "hdel",
        arity: Arity::AtLeast(3),
        keys: Keys::At(1),
        flags: Flags::FAST,
        group: Group::Hash,
        since: "2.0.0",
        summary: "Deletes one or more fields and their values from a hash. Deletes the hash if no fields remain.",
        syntax: "key field [field ...]",
        run: Run::Write(hdel),
    },
    Spec {
        name: "hscan",
        arity: Arity::AtLeast(3),
        keys: Keys::At(1),
        flags: Flags::NONE,
        group: Group::Hash,
        since: "2.8.0",
        summary: "Iterates over fields and values of a hash.",
        syntax: "key cursor [MATCH pattern] [COUNT count]",
        run: Run::Read(hscan),
    },
];
const _: () = check(ROWS);

fn hset(cx: &mut WriteCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    out.count(set_fields(cx, args, "hset")?);
    Ok(())
}

fn hsetnx(cx: &mut WriteCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let (key, field, value) = (args.key()?, args.bytes()?, args.bytes()?);
    let is_new = cx.keys.hash(key)?.is_none_or(|hash| hash.get(field).is_none());
    if is_new {
        cx.keys.hash_set(key, field, value)?;
    }
    out.integer(i64::from(is_new));
    Ok(())
}

fn hmset(cx: &mut WriteCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    set_fields(cx, args, "hmset")?;
    out.ok();
    Ok(())
}

fn hget(cx: &mut ReadCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    out.bulk_or_null(field(cx, args)?);
    Ok(())
}

fn hmget(cx: &mut ReadCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let hash = cx.keys.hash(args.key()?)?;
    out.array(args.len());
    args.rest().for_each(|field| out.bulk_or_null(hash.and_then(|hash| hash.get(field))));
    Ok(())
}

fn hgetall(cx: &mut ReadCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let hash = cx.keys.hash(args.key()?)?;
    out.map(hash.map_or(0, Hash::len));
    for (field, value) in hash.into_iter().flat_map(Hash::iter) {
        out.bulk(field);
        out.bulk(value);
    }
    Ok(())
}

fn hkeys(cx: &mut ReadCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let hash = cx.keys.hash(args.key()?)?;
    out.array(hash.map_or(0, Hash::len));
    hash.into_iter().flat_map(Hash::iter).for_each(|(field, _)| out.bulk(field));
    Ok(())
}

fn hvals(cx: &mut ReadCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let hash = cx.keys.hash(args.key()?)?;
    out.array(hash.map_or(0, Hash::len));
    hash.into_iter().flat_map(Hash::iter).for_each(|(_, value)| out.bulk(value));
    Ok(())
}

fn hlen(cx: &mut ReadCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    out.count(cx.keys.hash(args.key()?)?.map_or(0, Hash::len));
    Ok(())
}

fn hexists(cx: &mut ReadCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    out.integer(i64::from(field(cx, args)?.is_some()));
    Ok(())
}

fn hstrlen(cx: &mut ReadCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    out.count(field(cx, args)?.map_or(0, <[u8]>::len));
    Ok(())
}

fn hdel(cx: &mut WriteCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let key = args.key()?;
    let mut removed = 0;
    for field in args.rest() {
        removed += usize::from(cx.keys.hash_remove(key, field)?);
    }
    out.count(removed);
    Ok(())
}

fn hscan(cx: &mut ReadCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let key = args.key()?;
    let cursor = read_cursor(&mut args)?;
    let Some(hash) = cx.keys.hash(key)? else {
        write_step(out, 0, 0, &[]);
        return Ok(());
    };
    let options = ScanOptions::read(args, false)?;
    let (mut pairs, mut elements) = (Vec::new(), 0);
    let mut pair_out = out.part(&mut pairs);
    let next = hash.scan(cursor, options.count, |field, value| {
        if options.match_name(field) {
            pair_out.bulk(field);
            pair_out.bulk(value);
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

/// Sets fields and returns how many are new.
fn set_fields(
    cx: &mut WriteCx<'_, '_>,
    mut args: Args<'_>,
    command: &'static str,
) -> Result<usize, CommandError> {
    let key = args.key()?;
    let mut created = 0;
    for (field, value) in args.pairs(command)? {
        // Of another type is the key before the first pair or never, so nothing is half done.
        created += usize::from(cx.keys.hash_set(key, field, value)?);
    }
    Ok(created)
}

/// The value of the field that the next two words name.
fn field<'c>(cx: &ReadCx<'c, '_>, mut args: Args<'_>) -> Result<Option<&'c [u8]>, CommandError> {
    let hash = cx.keys.hash(args.key()?)?;
    let field = args.bytes()?;
    Ok(hash.and_then(|hash| hash.get(field)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use larder_proto::resp::Version;

    use crate::commands::testing::Bench;

    #[test]
    fn fields_are_set_read_and_removed() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("hset h a 1 b 2 a 3", ":2|"),
            ("hset h a 1 b", "-ERR wrong number of arguments for 'hset' command|"),
            ("hmset h a 1 b", "-ERR wrong number of arguments for 'hmset' command|"),
            ("hmset h c 4", "+OK|"),
            ("hget h a", "$1|3|"),
            ("hget h z", "$-1|"),
            ("hget none a", "$-1|"),
            ("hmget h a z c", "*3|$1|3|$-1|$1|4|"),
            ("hmget none a b", "*2|$-1|$-1|"),
            ("hgetall h", "*6|$1|a|$1|3|$1|b|$1|2|$1|c|$1|4|"),
            ("hkeys h", "*3|$1|a|$1|b|$1|c|"),
            ("hvals h", "*3|$1|3|$1|2|$1|4|"),
            ("hkeys none", "*0|"),
            ("hgetall none", "*0|"),
            ("hlen h", ":3|"),
            ("hlen none", ":0|"),
            ("hexists h a", ":1|"),
            ("hexists h z", ":0|"),
            ("hset h a text", ":0|"),
            ("hstrlen h a", ":4|"),
            ("hstrlen h z", ":0|"),
            ("hsetnx h a 9", ":0|"),
            ("hsetnx h d 9", ":1|"),
            ("hsetnx new d 9", ":1|"),
            ("hdel h a b z a", ":2|"),
            ("hdel none a", ":0|"),
            ("hdel h c d", ":2|"),
            ("exists h", ":0|"),
        ]);
    }

    #[test]
    fn another_type_is_refused_by_all() {
        let mut bench = Bench::new();
        bench.run("set s v");
        for line in [
            "hset s f v",
            "hsetnx s f v",
            "hmset s f v",
            "hget s f",
            "hmget s f",
            "hgetall s",
            "hkeys s",
            "hvals s",
            "hlen s",
            "hexists s f",
            "hstrlen s f",
            "hdel s f",
            "hscan s 0",
            "hincrby s f 1",
            "hincrbyfloat s f 1",
            "hrandfield s",
            "hrandfield s 1",
        ] {
            bench.expect(&[(line, "-WRONGTYPE Operation against a key holding the wrong kind of value|")]);
        }
        assert_eq!(bench.effects.0.len(), 1);
    }

    #[test]
    fn the_newer_protocol_has_maps() {
        let mut bench = Bench::new();
        bench.session.version = Version::Resp3;
        bench.expect(&[
            ("hset h a 1", ":1|"),
            ("hgetall h", "%1|$1|a|$1|1|"),
            ("hgetall none", "%0|"),
            ("hkeys h", "*1|$1|a|"),
            ("hvals none", "*0|"),
            ("hget h z", "_|"),
            ("hmget h a z", "*2|$1|1|_|"),
            ("hscan h 0", "*2|$1|0|*2|$1|a|$1|1|"),
        ]);
    }

    #[test]
    fn a_scan_walks_both_forms() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("hscan none abc", "-ERR invalid cursor|"),
            ("hscan none 0 what x", "*2|$1|0|*0|"),
            ("hset h a 1 b 2", ":2|"),
            ("hscan h 0 match b", "*2|$1|0|*2|$1|b|$1|2|"),
            ("hscan h 0 type hash", "-ERR syntax error|"),
            ("hscan h 0 novalues", "-ERR syntax error|"),
        ]);
        for number in 0..600 {
            bench.run(&format!("hset big f{number} v"));
        }
        let (mut cursor, mut seen) = ("0".to_owned(), BTreeSet::new());
        loop {
            let reply = bench.run(&format!("hscan big {cursor} count 9"));
            let words: Vec<&str> = reply.split('|').collect();
            cursor = words[2].to_owned();
            seen.extend(words.iter().filter(|word| word.starts_with('f')).map(|word| word.to_string()));
            if cursor == "0" {
                break;
            }
        }
        assert_eq!(seen.len(), 600);
    }
}
