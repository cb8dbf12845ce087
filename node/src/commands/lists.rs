//! The family of lists: adding elements, reading them, and removing them at the ends. Changing elements in between,
//! searching, and taking from one list for another or from the first of several are files of their own.

use larder_proto::effect::Side;
use larder_proto::resp::Out;

use super::args::Args;
use super::context::{ReadCx, WriteCx};
use super::error::CommandError;
use super::number::parse_integer;
use super::spec::{Arity, Flags, Group, Keys, Outcome, Run, Spec, check};
use crate::store::{Keyspace, List, WrongType};

/// The rows.
pub(super) const ROWS: &[Spec] = &[
    Spec {
        name: "lpush",
        arity: Arity::AtLeast(3),
        keys: Keys::At(1),
        flags: Flags::DENY_OOM.and(Flags::FAST),
        group: Group::List,
        since: "1.0.0",
        summary: "Adds one or more elements at the left end of a list. Creates the key if it doesn't exist.",
        syntax: "key element [element ...]",
        run: Run::Write(lpush),
    },
    Spec {
        name: "rpush",
        arity: Arity::AtLeast(3),
        keys: Keys::At(1),
        flags: Flags::DENY_OOM.and(Flags::FAST),
        group: Group::List,
        since: "1.0.0",
        summary: "Adds one or more elements at the right end of a list. Creates the key if it doesn't exist.",
        syntax: "key element [element ...]",
        run: Run::Write(rpush),
    },
    Spec {
        name: "lpushx",
        arity: Arity::AtLeast(3),
        keys: Keys::At(1),
        flags: Flags::DENY_OOM.and(Flags::FAST),
        group: Group::List,
        since: "2.2.0",
        summary: "Adds one or more elements at the left end of a list only when the list exists.",
        syntax: "key element [element ...]",
        run: Run::Write(lpushx),
    },
    Spec {
        name: "rpushx",
        arity: Arity::AtLeast(3),
        keys: Keys::At(1),
        flags: Flags::DENY_OOM.and(Flags::FAST),
        group: Group::List,
        since: "2.2.0",
        summary: "Adds one or more elements at the right end of a list only when the list exists.",
        syntax: "key element [element ...]",
        run: Run::Write(rpushx),
    },
    Spec {
        name: "lpop",
        arity: Arity::AtLeast(2),
        keys: Keys::At(1),
        flags: Flags::FAST,
        group: Group::List,
        since: "1.0.0",
        summary: "Removes the leftmost elements of a list and returns them. Deletes the list if none remain.",
        syntax: "key [count]",
        run: Run::Write(lpop),
    },
    Spec {
        name: "rpop",
        arity: Arity::AtLeast(2),
        keys: Keys::At(1),
        flags: Flags::FAST,
        group: Group::List,
        since: "1.0.0",
        summary: "Removes the rightmost elements of a list and returns them. Deletes the list if none remain.",
        syntax: "key [count]",
        run: Run::Write(rpop),
    },
    Spec {
        name: "llen",
        arity: Arity::Exactly(2),
        keys: Keys::At(1),
        flags: Flags::FAST,
        group: Group::List,
        since: "1.0.0",
        summary: "Returns the number of elements in a list.",
        syntax: "key",
        run: Run::Read(llen),
    },
    Spec {
        name: "lrange",
        arity: Arity::Exactly(4),
        keys: Keys::At(1),
        flags: Flags::NONE,
        group: Group::List,
        since: "1.0.0",
        summary: "Returns the elements of a list from one index to another.",
        syntax: "key start stop",
        run: Run::Read(lrange),
    },
    Spec {
        name: "lindex",
        arity: Arity::Exactly(3),
        keys: Keys::At(1),
        flags: Flags::NONE,
        group: Group::List,
        since: "1.0.0",
        summary: "Returns the element of a list at an index.",
        syntax: "key index",
        run: Run::Read(lindex),
    },
];
const _: () = check(ROWS);

fn lpush(cx: &mut WriteCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    push(cx, args, Side::Left, out)
}

fn rpush(cx: &mut WriteCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    push(cx, args, Side::Right, out)
}

fn lpushx(cx: &mut WriteCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    push_if_there(cx, args, Side::Left, out)
}

fn rpushx(cx: &mut WriteCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    push_if_there(cx, args, Side::Right, out)
}

fn lpop(cx: &mut WriteCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    pop(cx, args, Side::Left, "lpop", out)
}

fn rpop(cx: &mut WriteCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    pop(cx, args, Side::Right, "rpop", out)
}

fn llen(cx: &mut ReadCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    out.count(list(cx.keys, args.key()?)?.map_or(0, List::len));
    Ok(())
}

fn lrange(cx: &mut ReadCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let (key, start, stop) = (args.key()?, args.integer()?, args.integer()?);
    let Some(list) = list(cx.keys, key)? else {
        out.array(0);
        return Ok(());
    };
    let (start, end) = range(start, stop, list.len());
    out.array(end - start);
    list.iter_from(start).take(end - start).for_each(|element| out.bulk(element));
    Ok(())
}

fn lindex(cx: &mut ReadCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let Some(list) = list(cx.keys, args.key()?)? else {
        out.null();
        return Ok(());
    };
    let index = place(args.integer()?, list.len());
    out.bulk_or_null(index.and_then(|index| list.get(index)));
    Ok(())
}

/// The list under a key.
pub(super) fn list<'c>(keys: &'c Keyspace<'_>, key: &[u8]) -> Result<Option<&'c List>, WrongType> {
    keys.collection(key)
}

/// Writes so many elements from an end of a list, or all that it has, and then removes them.
pub(super) fn write_and_pop(
    cx: &mut WriteCx<'_, '_>,
    key: &[u8],
    side: Side,
    count: usize,
    out: &mut Out<'_>,
) -> Outcome {
    let Some(list) = list(&cx.keys, key)? else { return Ok(()) };
    let count = count.min(list.len());
    out.array(count);
    list.iter_from_end(side).take(count).for_each(|element| out.bulk(element));
    // What cannot be sent stays where it is.
    if out.has_overflowed() {
        return Err(CommandError::ReplyTooBig);
    }
    cx.keys.list_pop(key, side, count)?;
    Ok(())
}

fn push(cx: &mut WriteCx<'_, '_>, mut args: Args<'_>, side: Side, out: &mut Out<'_>) -> Outcome {
    let key = args.key()?;
    out.count(cx.keys.list_push(key, side, args.rest())?);
    Ok(())
}

fn push_if_there(cx: &mut WriteCx<'_, '_>, mut args: Args<'_>, side: Side, out: &mut Out<'_>) -> Outcome {
    let key = args.key()?;
    let length = match list(&cx.keys, key)? {
        Some(_) => cx.keys.list_push(key, side, args.rest())?,
        None => 0,
    };
    out.count(length);
    Ok(())
}

fn pop(
    cx: &mut WriteCx<'_, '_>,
    mut args: Args<'_>,
    side: Side,
    command: &'static str,
    out: &mut Out<'_>,
) -> Outcome {
    let key = args.key()?;
    if args.len() > 1 {
        return Err(CommandError::WrongArity { command: command.to_owned() });
    }
    let Some(count) = args.optional() else {
        let list = list(&cx.keys, key)?;
        out.bulk_or_null(list.and_then(|list| list.iter_from_end(side).next()));
        cx.keys.list_pop(key, side, 1)?;
        return Ok(());
    };
    let count = parse_integer(count).filter(|count| *count >= 0).ok_or(CommandError::MustBePositive)?;
    if list(&cx.keys, key)?.is_none() {
        out.null_array();
        return Ok(());
    }
    write_and_pop(cx, key, side, usize::try_from(count).unwrap_or(usize::MAX), out)
}

/// The place of an index, which counts from the right end if it is negative.
pub(super) fn place(index: i64, length: usize) -> Option<usize> {
    let index = if index < 0 { index + length as i64 } else { index };
    usize::try_from(index).ok().filter(|index| *index < length)
}

/// The places from one index up to another, both of which may count from the right end: the first, and the one behind the
/// last. Empty if they lie beyond the list or the wrong way round.
pub(super) fn range(start: i64, stop: i64, length: usize) -> (usize, usize) {
    let from_left = |index: i64| if index < 0 { (index + length as i64).max(-1) } else { index };
    let start = usize::try_from(from_left(start)).unwrap_or(0);
    let end = usize::try_from(from_left(stop).saturating_add(1)).unwrap_or(0).min(length);
    if start < end { (start, end) } else { (0, 0) }
}

#[cfg(test)]
mod tests {
    use larder_proto::resp::Version;

    use crate::commands::testing::Bench;

    #[test]
    fn elements_are_added_read_and_removed() {
        Bench::new().expect(&[
            ("rpush l a b c", ":3|"),
            ("lpush l y z", ":5|"),
            ("lrange l 0 -1", "*5|$1|z|$1|y|$1|a|$1|b|$1|c|"),
            ("lrange l -2 100", "*2|$1|b|$1|c|"),
            ("lrange l 3 1", "*0|"),
            ("lrange l 5 9", "*0|"),
            ("lrange l -100 -6", "*0|"),
            ("lrange none 0 -1", "*0|"),
            ("llen l", ":5|"),
            ("lindex l 0", "$1|z|"),
            ("lindex l -1", "$1|c|"),
            ("lindex l 5", "$-1|"),
            ("lindex l -6", "$-1|"),
            ("lindex l x", "-ERR value is not an integer or out of range|"),
            ("lindex none x", "$-1|"),
            ("lpop l", "$1|z|"),
            ("rpop l 2", "*2|$1|c|$1|b|"),
            ("lpop l 0", "*0|"),
            ("lpop l 9", "*2|$1|y|$1|a|"),
            ("exists l", ":0|"),
            ("lpop l", "$-1|"),
            ("lpop l 1", "*-1|"),
            ("lpop l -1", "-ERR value is out of range, must be positive|"),
            ("rpop l 1 2", "-ERR wrong number of arguments for 'rpop' command|"),
            ("rpushx l a", ":0|"),
            ("lpushx l a", ":0|"),
            ("rpush l a", ":1|"),
            ("rpushx l b c", ":3|"),
            ("lpushx l z", ":4|"),
        ]);
    }

    #[test]
    fn another_type_is_refused_by_all() {
        let mut bench = Bench::new();
        bench.run("set s v");
        bench.run("rpush l v");
        for line in [
            "lpush s v",
            "rpush s v",
            "lpushx s v",
            "rpushx s v",
            "lpop s",
            "rpop s 0",
            "llen s",
            "lrange s 0 1",
            "lindex s x",
            "lset s x v",
            "linsert s before a b",
            "lrem s 0 v",
            "ltrim s 0 0",
            "lpos s v",
            "lmove s l left left",
            "lmove l s left left",
            "rpoplpush l s",
            "lmpop 2 none s left",
            "get l",
            "hget l f",
            "append l x",
        ] {
            bench.expect(&[(line, "-WRONGTYPE Operation against a key holding the wrong kind of value|")]);
        }
        assert_eq!(bench.effects.0.len(), 2);
    }

    #[test]
    fn effects_say_what_was_done() {
        let mut bench = Bench::new();
        for line in [
            "rpush l a b",
            "lpop l 0",
            "lpop l 5",
            "rpush l c c c",
            "lrem l -2 c",
            "ltrim l 0 0",
            "ltrim l 1 2",
        ] {
            bench.run(line);
        }
        let kinds: Vec<&str> =
            bench.effects.0.iter().filter_map(|effect| effect.split([' ', '{']).nth(1)).collect();
        assert_eq!(
            kinds,
            ["ListPush", "ListPush", "ListPop", "ListPush", "ListPush", "ListPush", "ListRemove", "Delete"]
        );
        assert!(bench.effects.0[2].contains("count: 2"), "{}", bench.effects.0[2]);
        let created: Vec<bool> =
            bench.effects.0.iter().map(|effect| effect.contains("created: true")).collect();
        assert_eq!(created, [true, false, false, true, false, false, false, false]);
    }

    #[test]
    fn the_newer_protocol_has_nulls() {
        let mut bench = Bench::new();
        bench.session.version = Version::Resp3;
        bench.expect(&[
            ("lpop none", "_|"),
            ("lpop none 1", "_|"),
            ("lindex none 0", "_|"),
            ("lpos none a", "_|"),
        ]);
        bench.expect(&[("lmove none l left left", "_|"), ("lmpop 1 none left", "_|")]);
    }

    #[test]
    fn the_general_commands_know_lists() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("rpush l a b", ":2|"),
            ("type l", "+list|"),
            ("scan 0 type list", "*2|$1|0|*1|$1|l|"),
            ("object encoding l", "$8|listpack|"),
            ("rpush l c d e", ":5|"),
            ("object encoding l", "$9|quicklist|"),
            ("expire l 9", ":1|"),
            ("copy l m", ":1|"),
            ("rename m n", "+OK|"),
            ("lrange n 0 -1", "*5|$1|a|$1|b|$1|c|$1|d|$1|e|"),
            ("ttl n", ":9|"),
            ("rpop l", "$1|e|"),
            ("llen n", ":5|"),
        ]);
    }
}
