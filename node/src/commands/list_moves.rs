//! Taking from one list for another, and from the first of several lists that has something.

use larder_proto::effect::Side;
use larder_proto::resp::Out;

use super::args::Args;
use super::context::WriteCx;
use super::error::CommandError;
use super::lists::{list, write_and_pop};
use super::number::parse_integer;
use super::spec::{Arity, Flags, Group, Keys, Outcome, Run, Spec, check};

/// The rows.
pub(super) const ROWS: &[Spec] = &[
    Spec {
        name: "lmove",
        arity: Arity::Exactly(5),
        keys: Keys::Pair { first: 1 },
        flags: Flags::DENY_OOM,
        group: Group::List,
        since: "6.2.0",
        summary: "Moves an element from an end of one list to an end of another and returns it.",
        syntax: "source destination <LEFT | RIGHT> <LEFT | RIGHT>",
        run: Run::Write(lmove),
    },
    Spec {
        name: "rpoplpush",
        arity: Arity::Exactly(3),
        keys: Keys::Pair { first: 1 },
        flags: Flags::DENY_OOM,
        group: Group::List,
        since: "1.2.0",
        summary: "Moves the rightmost element of one list to the left end of another and returns it.",
        syntax: "source destination",
        run: Run::Write(rpoplpush),
    },
    Spec {
        name: "lmpop",
        arity: Arity::AtLeast(4),
        keys: Keys::Counted { count: 1, target: false },
        flags: Flags::NONE,
        group: Group::List,
        since: "7.0.0",
        summary: "Removes elements of the first list that has any and returns them. Deletes the list if none remain.",
        syntax: "numkeys key [key ...] <LEFT | RIGHT> [COUNT count]",
        run: Run::Write(lmpop),
    },
];
const _: () = check(ROWS);

fn lmove(cx: &mut WriteCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let (from, to) = (args.key()?, args.key()?);
    let sides = (read_side(&mut args)?, read_side(&mut args)?);
    move_element(cx, (from, to), sides, out)
}

fn rpoplpush(cx: &mut WriteCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let keys = (args.key()?, args.key()?);
    move_element(cx, keys, (Side::Right, Side::Left), out)
}

fn lmpop(cx: &mut WriteCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let count = positive(args.bytes()?, "numkeys should be greater than 0")?;
    if count >= args.len() {
        return Err(CommandError::Syntax);
    }
    let keys = args.rest().take(count);
    let mut args = args.skip(count);
    let side = read_side(&mut args)?;
    let mut wanted = 1;
    if args.len() > 1 && args.option("count") {
        wanted = positive(args.bytes()?, "count should be greater than 0")?;
    }
    args.end()?;
    for key in keys {
        if list(&cx.keys, key)?.is_some() {
            out.array(2);
            out.bulk(key);
            return write_and_pop(cx, key, side, wanted, out);
        }
    }
    out.null_array();
    Ok(())
}

/// Moves an element between ends, which may be those of one list.
fn move_element(
    cx: &mut WriteCx<'_, '_>,
    (from, to): (&[u8], &[u8]),
    (from_side, to_side): (Side, Side),
    out: &mut Out<'_>,
) -> Outcome {
    let element = list(&cx.keys, from)?.and_then(|list| list.iter_from_end(from_side).next());
    let Some(element) = element else {
        out.null();
        return Ok(());
    };
    list(&cx.keys, to)?;
    cx.reserve(element.len() + ELEMENT_OVERHEAD_BYTES)?;
    let element = element.to_vec();
    out.bulk(&element);
    if from == to && from_side == to_side {
        return Ok(());
    }
    // Added first, so that a list of one element that is moved to itself keeps its deadline.
    cx.keys.list_push(to, to_side, std::iter::once(&element[..]))?;
    cx.keys.list_pop(from, from_side, 1)?;
    Ok(())
}

fn read_side(args: &mut Args<'_>) -> Result<Side, CommandError> {
    if args.option("left") {
        Ok(Side::Left)
    } else if args.option("right") {
        Ok(Side::Right)
    } else {
        Err(CommandError::Syntax)
    }
}

fn positive(word: &[u8], otherwise: &'static str) -> Result<usize, CommandError> {
    let number = parse_integer(word).filter(|number| *number > 0).ok_or(CommandError::Plain(otherwise))?;
    Ok(usize::try_from(number).unwrap_or(usize::MAX))
}

/// Lengths around an element, and a block of its own for it.
const ELEMENT_OVERHEAD_BYTES: usize = 64;

#[cfg(test)]
mod tests {
    use larder_proto::time::Millis;

    use crate::commands::testing::Bench;
    use crate::store::Eviction;

    #[test]
    fn elements_move_between_lists_and_within_one() {
        Bench::new().expect(&[
            ("rpush a 1 2 3", ":3|"),
            ("lmove a b left right", "$1|1|"),
            ("lmove a b RIGHT left", "$1|3|"),
            ("lrange b 0 -1", "*2|$1|3|$1|1|"),
            ("rpoplpush a b", "$1|2|"),
            ("exists a", ":0|"),
            ("lrange b 0 -1", "*3|$1|2|$1|3|$1|1|"),
            ("rpoplpush b b", "$1|1|"),
            ("lmove b b left left", "$1|1|"),
            ("lmove b b left right", "$1|1|"),
            ("lrange b 0 -1", "*3|$1|2|$1|3|$1|1|"),
            ("rpoplpush none b", "$-1|"),
            ("lmove none b left left", "$-1|"),
            ("lmove b b left", "-ERR wrong number of arguments for 'lmove' command|"),
            ("lmove b b left up", "-ERR syntax error|"),
            ("lmove b b up left", "-ERR syntax error|"),
        ]);
    }

    #[test]
    fn a_single_element_moved_to_its_own_list_keeps_the_deadline() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("rpush l a", ":1|"),
            ("pexpire l 5000", ":1|"),
            ("rpoplpush l l", "$1|a|"),
            ("lmove l l left right", "$1|a|"),
            ("lmove l l left left", "$1|a|"),
            ("llen l", ":1|"),
            ("pttl l", ":5000|"),
        ]);
        bench.now = Millis(bench.now.0 + 5_001);
        bench.expect(&[("rpoplpush l m", "$-1|"), ("exists m", ":0|")]);
    }

    #[test]
    fn the_first_list_with_elements_gives_them() {
        Bench::new().expect(&[
            ("rpush b 1 2 3", ":3|"),
            ("lmpop 2 a b left", "*2|$1|b|*1|$1|1|"),
            ("lmpop 2 a b right count 9", "*2|$1|b|*2|$1|3|$1|2|"),
            ("lmpop 2 a b left", "*-1|"),
            ("lmpop 0 a left", "-ERR numkeys should be greater than 0|"),
            ("lmpop x a left", "-ERR numkeys should be greater than 0|"),
            ("lmpop 2 a left", "-ERR syntax error|"),
            ("lmpop 9223372036854775807 a left", "-ERR syntax error|"),
            ("lmpop 1 a left count 0", "-ERR count should be greater than 0|"),
            ("lmpop 1 a left count", "-ERR syntax error|"),
            ("lmpop 1 a left count 1 count 1", "-ERR syntax error|"),
            ("lmpop 1 a up", "-ERR syntax error|"),
            ("command getkeys lmpop 2 a b left", "*2|$1|a|$1|b|"),
            ("command getkeys lmpop 9 a b left", "-ERR Invalid arguments specified for command|"),
        ]);
    }

    #[test]
    fn keys_that_are_counted_are_described_as_such() {
        let mut bench = Bench::new();
        let described = bench.run("command info lmpop");
        assert!(described.contains("|*2|+write|+movablekeys|:0|:0|:0|"), "{described}");
        let found =
            "|$9|find_keys|*4|$4|type|$6|keynum|$4|spec|*6|$9|keynumidx|:0|$8|firstkey|:1|$7|keystep|:1|";
        assert!(described.contains(found), "{described}");
        let documented = bench.run("command docs lmpop");
        assert!(documented.contains("$4|name|$3|key|$4|type|$3|key|"), "{documented}");
    }

    #[test]
    fn an_element_moves_only_where_there_is_room() {
        let mut bench = Bench::new();
        bench.store.set_eviction(Eviction::named("none").unwrap());
        bench.run(&format!("rpush l {}", "v".repeat(60_000)));
        bench.store.memory().set_limit(bench.store.memory().used() + 1_000);
        bench.expect(&[
            ("rpoplpush l m", "-OOM command not allowed when used memory > 'maxmemory'.|"),
            ("llen l", ":1|"),
            ("exists m", ":0|"),
        ]);
    }
}
