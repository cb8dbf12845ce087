//! The family of keys of any type: whether they are there, what they hold, taking them away and elsewhere. Deadlines,
//! walks and OBJECT are files of their own.

use larder_proto::resp::Out;

use super::args::Args;
use super::context::{ReadCx, WriteCx};
use super::error::CommandError;
use super::spec::{Arity, Flags, Group, Keys, Outcome, Run, Spec, check};
use crate::store::{Database, Writer};

/// The rows.
pub(super) const ROWS: &[Spec] = &[
    Spec {
        name: "del",
        arity: Arity::AtLeast(2),
        keys: Keys::From { first: 1, step: 1 },
        flags: Flags::SPLIT_SUM,
        group: Group::Generic,
        since: "1.0.0",
        summary: "Deletes one or more keys.",
        syntax: "key [key ...]",
        run: Run::Write(del),
    },
    Spec {
        name: "unlink",
        arity: Arity::AtLeast(2),
        keys: Keys::From { first: 1, step: 1 },
        flags: Flags::FAST.and(Flags::SPLIT_SUM),
        group: Group::Generic,
        since: "4.0.0",
        summary: "Deletes one or more keys and frees their memory afterwards.",
        syntax: "key [key ...]",
        run: Run::Write(del),
    },
    Spec {
        name: "exists",
        arity: Arity::AtLeast(2),
        keys: Keys::From { first: 1, step: 1 },
        flags: Flags::FAST.and(Flags::NO_TOUCH).and(Flags::SPLIT_SUM),
        group: Group::Generic,
        since: "1.0.0",
        summary: "Determines whether one or more keys exist.",
        syntax: "key [key ...]",
        run: Run::Read(exists),
    },
    Spec {
        name: "touch",
        arity: Arity::AtLeast(2),
        keys: Keys::From { first: 1, step: 1 },
        flags: Flags::FAST.and(Flags::SPLIT_SUM),
        group: Group::Generic,
        since: "3.2.1",
        summary: "Counts as a use of the keys and returns how many of them exist.",
        syntax: "key [key ...]",
        run: Run::Read(touch),
    },
    Spec {
        name: "type",
        arity: Arity::Exactly(2),
        keys: Keys::At(1),
        flags: Flags::FAST.and(Flags::NO_TOUCH),
        group: Group::Generic,
        since: "1.0.0",
        summary: "Determines the type of value stored at a key.",
        syntax: "key",
        run: Run::Read(type_of),
    },
    Spec {
        name: "rename",
        arity: Arity::Exactly(3),
        keys: Keys::Pair { first: 1 },
        flags: Flags::NONE,
        group: Group::Generic,
        since: "1.0.0",
        summary: "Renames a key and overwrites the destination.",
        syntax: "key newkey",
        run: Run::Write(rename),
    },
    Spec {
        name: "renamenx",
        arity: Arity::Exactly(3),
        keys: Keys::Pair { first: 1 },
        flags: Flags::FAST,
        group: Group::Generic,
        since: "1.0.0",
        summary: "Renames a key only when the target key name doesn't exist.",
        syntax: "key newkey",
        run: Run::Write(renamenx),
    },
    Spec {
        name: "copy",
        arity: Arity::AtLeast(3),
        keys: Keys::Pair { first: 1 },
        flags: Flags::DENY_OOM,
        group: Group::Generic,
        since: "6.2.0",
        summary: "Copies the value of a key to a new key.",
        syntax: "source destination [DB destination-db] [REPLACE]",
        run: Run::Write(copy),
    },
    Spec {
        name: "move",
        arity: Arity::Exactly(3),
        keys: Keys::At(1),
        flags: Flags::FAST.and(Flags::NO_CLUSTER),
        group: Group::Generic,
        since: "1.0.0",
        summary: "Moves a key to another database.",
        syntax: "key db",
        run: Run::Write(move_key),
    },
];
const _: () = check(ROWS);

fn del(cx: &mut WriteCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    out.count(args.rest().filter(|key| cx.keys.delete(key)).count());
    Ok(())
}

fn exists(cx: &mut ReadCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    out.count(args.rest().filter(|key| cx.keys.get(key).is_some()).count());
    Ok(())
}

fn touch(cx: &mut ReadCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    out.count(args.rest().filter(|key| cx.keys.touch(key)).count());
    Ok(())
}

fn type_of(cx: &mut ReadCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    out.simple(cx.keys.get(args.key()?).map_or("none", |item| item.value.type_name()));
    Ok(())
}

fn rename(cx: &mut WriteCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let (from, to) = (args.key()?, args.key()?);
    if !cx.keys.contains(from) {
        return Err(CommandError::NoSuchKey);
    }
    change_name(&mut cx.keys, from, to);
    out.ok();
    Ok(())
}

fn renamenx(cx: &mut WriteCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let (from, to) = (args.key()?, args.key()?);
    if !cx.keys.contains(from) {
        return Err(CommandError::NoSuchKey);
    }
    let is_free = !cx.keys.contains(to);
    if is_free {
        change_name(&mut cx.keys, from, to);
    }
    out.integer(i64::from(is_free));
    Ok(())
}

fn copy(cx: &mut WriteCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let (from, to) = (args.key()?, args.key()?);
    let (mut target, mut replace) = (cx.keys.database(), false);
    while !args.is_empty() {
        if args.option("replace") {
            replace = true;
        } else if args.len() > 1 && args.option("db") {
            target = args.database()?;
        } else {
            return Err(CommandError::Syntax);
        }
    }
    if from == to && target == cx.keys.database() {
        return Err(CommandError::SameObject);
    }
    let may_copy = replace || !in_database(&mut cx.keys, target, |keys| keys.contains(to));
    let source = cx.keys.get(from).filter(|_| may_copy);
    cx.reserve(source.map_or(0, |item| item.bytes() + to.len()))?;
    let copied = source.map(|item| item.to_detached());
    out.integer(i64::from(copied.is_some()));
    if let Some(copied) = copied {
        in_database(&mut cx.keys, target, |keys| keys.attach(to, copied));
    }
    Ok(())
}

fn move_key(cx: &mut WriteCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let (key, target) = (args.key()?, args.database()?);
    if target == cx.keys.database() {
        return Err(CommandError::SameObject);
    }
    let is_free = !in_database(&mut cx.keys, target, |keys| keys.contains(key));
    let moved = if is_free { cx.keys.detach(key) } else { None };
    out.integer(i64::from(moved.is_some()));
    if let Some(moved) = moved {
        in_database(&mut cx.keys, target, |keys| keys.attach(key, moved));
    }
    Ok(())
}

/// A key that is renamed to itself stays as it is.
fn change_name(keys: &mut Writer<'_, '_>, from: &[u8], to: &[u8]) {
    if from != to
        && let Some(detached) = keys.detach(from)
    {
        keys.attach(to, detached);
    }
}

/// Speaks of another database for one step.
fn in_database<'k, 's, R>(
    keys: &mut Writer<'k, 's>,
    database: Database,
    step: impl FnOnce(&mut Writer<'k, 's>) -> R,
) -> R {
    let before = keys.database();
    keys.select(database);
    let result = step(keys);
    keys.select(before);
    result
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Bench;
    use crate::store::Database;

    #[test]
    fn keys_are_counted_named_and_removed() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("mset a 1 b 2 c 3", "+OK|"),
            ("hset h f v", ":1|"),
            ("exists a a none h", ":3|"),
            ("touch a none", ":1|"),
            ("type a", "+string|"),
            ("type h", "+hash|"),
            ("type none", "+none|"),
            ("del a a none", ":1|"),
            ("unlink b c h none", ":3|"),
            ("exists a b c h", ":0|"),
            ("del", "-ERR wrong number of arguments for 'del' command|"),
        ]);
    }

    #[test]
    fn a_renamed_key_keeps_value_and_deadline() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("rename none x", "-ERR no such key|"),
            ("renamenx none x", "-ERR no such key|"),
            ("rename none none", "-ERR no such key|"),
            ("hset h f v g w", ":2|"),
            ("pexpire h 5000", ":1|"),
            ("set old 1", "+OK|"),
            ("rename h h", "+OK|"),
            ("renamenx h h", ":0|"),
            ("renamenx h old", ":0|"),
            ("rename h old", "+OK|"),
            ("hgetall old", "*4|$1|f|$1|v|$1|g|$1|w|"),
            ("pttl old", ":5000|"),
            ("exists h", ":0|"),
            ("set s v", "+OK|"),
            ("rename s old", "+OK|"),
            ("pttl old", ":-1|"),
        ]);
        let effects = bench.effects.0[4..9].join("\n");
        let shown = ["Delete", "created: true", "created: false", "Deadline(1005000 ms)"];
        let places: Vec<_> = shown.iter().map(|word| effects.find(word)).collect();
        assert!(places.is_sorted() && places[0].is_some(), "{effects}");
    }

    #[test]
    fn copies_stand_on_their_own() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("set k v px 5000", "+OK|"),
            ("copy k k", "-ERR source and destination objects are the same|"),
            ("copy k l", ":1|"),
            ("append k x", ":2|"),
            ("get l", "$1|v|"),
            ("pttl l", ":5000|"),
            ("copy k l", ":0|"),
            ("copy k l replace", ":1|"),
            ("get l", "$2|vx|"),
            ("copy none l replace", ":0|"),
            ("get l", "$2|vx|"),
            ("copy k k db 3", ":1|"),
            ("copy k k db 3", ":0|"),
            ("copy k k replace db 3", ":1|"),
            ("copy k k db 0", "-ERR source and destination objects are the same|"),
            ("copy k l db 16", "-ERR DB index is out of range|"),
            ("copy k l db", "-ERR syntax error|"),
            ("copy k l db x", "-ERR value is not an integer or out of range|"),
            ("copy k l what", "-ERR syntax error|"),
        ]);
        bench.session.database = Database::new(3).unwrap();
        bench.expect(&[("get k", "$2|vx|"), ("pttl k", ":5000|"), ("get l", "$-1|")]);
    }

    #[test]
    fn a_moved_key_leaves_its_database() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("hset h f v", ":1|"),
            ("expire h 9", ":1|"),
            ("move h 0", "-ERR source and destination objects are the same|"),
            ("move h 16", "-ERR DB index is out of range|"),
            ("move h x", "-ERR value is not an integer or out of range|"),
            (
                "move h 5000000000",
                "-ERR value is out of range, value must between -2147483648 and 2147483647|",
            ),
            ("move h 15", ":1|"),
            ("move h 15", ":0|"),
            ("hset h other v", ":1|"),
            ("move h 15", ":0|"),
            ("hget h other", "$1|v|"),
        ]);
        bench.session.database = Database::new(15).unwrap();
        bench.expect(&[("hget h f", "$1|v|"), ("ttl h", ":9|")]);
        assert_eq!(bench.store.size(Database::new(15).unwrap()).deadlines, 1);
        assert_eq!(bench.store.size(Database::default()).deadlines, 0);
    }
}
