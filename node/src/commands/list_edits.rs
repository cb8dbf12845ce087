//! Changing elements anywhere in a list, and removing them.

use larder_proto::effect::Side;
use larder_proto::resp::Out;

use super::args::Args;
use super::context::WriteCx;
use super::error::CommandError;
use super::lists::{list, place, range};
use super::spec::{Arity, Flags, Group, Keys, Outcome, Run, Spec, check};

/// The rows.
pub(super) const ROWS: &[Spec] = &[
    Spec {
        name: "lset",
        arity: Arity::Exactly(4),
        keys: Keys::At(1),
        flags: Flags::DENY_OOM,
        group: Group::List,
        since: "1.0.0",
        summary: "Replaces the element of a list at an index.",
        syntax: "key index element",
        run: Run::Write(lset),
    },
    Spec {
        name: "linsert",
        arity: Arity::Exactly(5),
        keys: Keys::At(1),
        flags: Flags::DENY_OOM,
        group: Group::List,
        since: "2.2.0",
        summary: "Adds an element to a list before or after another one.",
        syntax: "key <BEFORE | AFTER> pivot element",
        run: Run::Write(linsert),
    },
    Spec {
        name: "lrem",
        arity: Arity::Exactly(4),
        keys: Keys::At(1),
        flags: Flags::NONE,
        group: Group::List,
        since: "1.0.0",
        summary: "Removes elements of this value from a list. Deletes the list if none remain.",
        syntax: "key count element",
        run: Run::Write(lrem),
    },
    Spec {
        name: "ltrim",
        arity: Arity::Exactly(4),
        keys: Keys::At(1),
        flags: Flags::NONE,
        group: Group::List,
        since: "1.0.0",
        summary: "Keeps the elements of a list from one index to another. Deletes the list if none remain.",
        syntax: "key start stop",
        run: Run::Write(ltrim),
    },
];
const _: () = check(ROWS);

fn lset(cx: &mut WriteCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let key = args.key()?;
    let length = list(&cx.keys, key)?.ok_or(CommandError::NoSuchKey)?.len();
    let index = place(args.integer()?, length).ok_or(CommandError::Plain("index out of range"))?;
    cx.keys.list_set(key, index, args.bytes()?)?;
    out.ok();
    Ok(())
}

fn linsert(cx: &mut WriteCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let key = args.key()?;
    let after = args.option("after");
    if !after && !args.option("before") {
        return Err(CommandError::Syntax);
    }
    let (pivot, element) = (args.bytes()?, args.bytes()?);
    let Some(list) = list(&cx.keys, key)? else {
        out.integer(0);
        return Ok(());
    };
    let length = list.len();
    let Some(found) = list.iter_from(0).position(|element| element == pivot) else {
        out.integer(-1);
        return Ok(());
    };
    let index = found + usize::from(after);
    if index < length {
        cx.keys.list_insert(key, index, element)?;
    } else {
        cx.keys.list_push(key, Side::Right, std::iter::once(element))?;
    }
    out.count(length + 1);
    Ok(())
}

fn lrem(cx: &mut WriteCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let (key, count) = (args.key()?, args.integer()?);
    let side = if count < 0 { Side::Right } else { Side::Left };
    let count =
        if count == 0 { usize::MAX } else { usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX) };
    out.count(cx.keys.list_remove(key, side, args.bytes()?, count)?);
    Ok(())
}

fn ltrim(cx: &mut WriteCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let (key, start, stop) = (args.key()?, args.integer()?, args.integer()?);
    if let Some(list) = list(&cx.keys, key)? {
        let length = list.len();
        let (start, end) = range(start, stop, length);
        if start == end {
            cx.keys.delete(key);
        } else {
            cx.keys.list_pop(key, Side::Left, start)?;
            cx.keys.list_pop(key, Side::Right, length - end)?;
        }
    }
    out.ok();
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::{Bench, Replica};

    #[test]
    fn elements_are_changed_in_place() {
        Bench::new().expect(&[
            ("lset none x y", "-ERR no such key|"),
            ("rpush l a b a c a", ":5|"),
            ("lset l 1 B", "+OK|"),
            ("lset l -1 A", "+OK|"),
            ("lset l 5 x", "-ERR index out of range|"),
            ("lset l x x", "-ERR value is not an integer or out of range|"),
            ("linsert l before B 1", ":6|"),
            ("linsert l AFTER A 2", ":7|"),
            ("linsert l after none 2", ":-1|"),
            ("linsert none after a 2", ":0|"),
            ("linsert l beside a 2", "-ERR syntax error|"),
            ("lrange l 0 -1", "*7|$1|a|$1|1|$1|B|$1|a|$1|c|$1|A|$1|2|"),
            ("lrem l -1 a", ":1|"),
            ("lrem l 0 none", ":0|"),
            ("lrem none 0 a", ":0|"),
            ("lrem l x a", "-ERR value is not an integer or out of range|"),
            ("lrange l 0 -1", "*6|$1|a|$1|1|$1|B|$1|c|$1|A|$1|2|"),
            ("ltrim l 1 -2", "+OK|"),
            ("lrange l 0 -1", "*4|$1|1|$1|B|$1|c|$1|A|"),
            ("ltrim none 0 1", "+OK|"),
            ("ltrim l x 1", "-ERR value is not an integer or out of range|"),
            ("ltrim l 4 9", "+OK|"),
            ("exists l", ":0|"),
        ]);
    }

    #[test]
    fn a_copy_that_lacks_the_list_stays_without_it() {
        let mut bench = Bench::new();
        bench.effects.1 = Some(Replica::new(bench.now));
        bench.run("rpush l a b c b");
        let evicted = bench.effects.0.len();
        let replica = bench.effects.1.take().unwrap();
        // What a copy evicts it does not tell; here it never had the key.
        bench.attach(Replica::new(bench.now));
        for line in ["rpush l d", "lpop l", "lset l 0 x", "linsert l before x y", "lrem l 0 b", "ltrim l 0 1"]
        {
            bench.run(line);
        }
        assert_eq!(bench.effects.0.len(), evicted + 6);
        assert!(bench.effects.1.as_ref().unwrap().store.contents(bench.now).is_empty());
        bench.run("del l");
        bench.run("rpush l new");
        // A list that begins replaces what a copy still holds.
        for copy in [bench.effects.1.take().unwrap(), replica] {
            bench.attach(copy);
            bench.run("del l");
            bench.run("rpush l new");
            let copy = bench.effects.1.take().unwrap();
            assert_eq!(copy.store.contents(bench.now), bench.store.contents(bench.now));
        }
    }
}
