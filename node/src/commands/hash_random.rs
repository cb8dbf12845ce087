//! HRANDFIELD: fields of a hash chosen at random.

use std::collections::HashSet;

use foldhash::quality::RandomState;
use larder_proto::resp::{Out, Version};

use super::args::Args;
use super::context::ReadCx;
use super::error::CommandError;
use super::spec::{Arity, Flags, Group, Keys, Outcome, Run, Spec, check};
use crate::store::Hash;

/// The row.
pub(super) const ROWS: &[Spec] = &[Spec {
    name: "hrandfield",
    arity: Arity::AtLeast(2),
    keys: Keys::At(1),
    flags: Flags::NONE,
    group: Group::Hash,
    since: "6.2.0",
    summary: "Returns one or more random fields from a hash.",
    syntax: "key [count [WITHVALUES]]",
    run: Run::Read(hrandfield),
}];
const _: () = check(ROWS);

/// Bytes of a reply that repeats fields, at most: the one count that asks for more than the hash holds.
const REPEATED_BYTES_MAX: usize = 64 << 20;

/// Fields up to which a hash is walked as a whole for any choice.
const WALKED_FIELDS_MAX: usize = 1_024;

fn hrandfield(cx: &mut ReadCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let key = args.key()?;
    if args.is_empty() {
        let hash = cx.keys.hash(key)?;
        out.bulk_or_null(hash.and_then(|hash| hash.pick(cx.random)).map(|(field, _)| field));
        return Ok(());
    }
    let (count, with_values) = read_count(args)?;
    let Some(hash) = cx.keys.hash(key)? else {
        out.array(0);
        return Ok(());
    };
    let wanted = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    let elements = if count < 0 { wanted } else { wanted.min(hash.len()) };
    let pairs_apart = with_values && out.version() == Version::Resp3;
    out.array(if with_values && !pairs_apart { elements * 2 } else { elements });
    let write = |out: &mut Out<'_>, (field, value): (&[u8], &[u8])| {
        if pairs_apart {
            out.array(2);
        }
        out.bulk(field);
        if with_values {
            out.bulk(value);
        }
    };
    if count < 0 {
        return repeat(cx, hash, elements, out, write);
    }
    choose(cx, hash, elements, |pair| write(out, pair));
    Ok(())
}

/// The count, and whether values are asked for too.
fn read_count(mut args: Args<'_>) -> Result<(i64, bool), CommandError> {
    let count = args.integer_between(-i64::MAX, i64::MAX)?;
    let with_values = args.option("withvalues");
    args.end()?;
    if with_values && count.unsigned_abs() > i64::MAX as u64 / 2 {
        return Err(CommandError::OutOfRange);
    }
    Ok((count, with_values))
}

/// Writes so many fields, each chosen among all.
fn repeat(
    cx: &mut ReadCx<'_, '_>,
    hash: &Hash,
    elements: usize,
    out: &mut Out<'_>,
    mut write: impl FnMut(&mut Out<'_>, (&[u8], &[u8])),
) -> Outcome {
    let mark = out.mark();
    for pair in (0..elements).map_while(|_| hash.pick(cx.random)) {
        if out.mark() - mark > REPEATED_BYTES_MAX {
            return Err(CommandError::Limit { what: "HRANDFIELD repeats fields up to 64 MiB of reply" });
        }
        write(out, pair);
    }
    Ok(())
}

/// Visits so many different fields, each with about the same chance.
fn choose(cx: &mut ReadCx<'_, '_>, hash: &Hash, elements: usize, mut visit: impl FnMut((&[u8], &[u8]))) {
    if hash.len() <= WALKED_FIELDS_MAX || elements.saturating_mul(3) > hash.len() {
        let (mut wanted, mut left) = (elements, hash.len());
        for pair in hash.iter() {
            // Each field is taken with the chance that the rest of the choice falls on it.
            if cx.random.usize(..left) < wanted {
                visit(pair);
                wanted -= 1;
            }
            left -= 1;
        }
        return;
    }
    let mut chosen: HashSet<&[u8], RandomState> = HashSet::default();
    while chosen.len() < elements {
        let Some(pair) = hash.pick(cx.random) else { return };
        if chosen.insert(pair.0) {
            visit(pair);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use larder_proto::resp::Version;

    use crate::commands::testing::Bench;

    #[test]
    fn counts_and_their_bounds() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("hrandfield none", "$-1|"),
            ("hrandfield none 3", "*0|"),
            ("hset h a 1", ":1|"),
            ("hrandfield h", "$1|a|"),
            ("hrandfield h 0", "*0|"),
            ("hrandfield h 5", "*1|$1|a|"),
            ("hrandfield h 5 withvalues", "*2|$1|a|$1|1|"),
            ("hrandfield h -3", "*3|$1|a|$1|a|$1|a|"),
            ("hrandfield h -2 WithValues", "*4|$1|a|$1|1|$1|a|$1|1|"),
            ("hrandfield h x", "-ERR value is not an integer or out of range|"),
            ("hrandfield h 1 what", "-ERR syntax error|"),
            ("hrandfield h 1 withvalues x", "-ERR syntax error|"),
            ("hrandfield h 9223372036854775807 withvalues", "-ERR value is out of range|"),
            (
                "hrandfield h -9223372036854775808",
                "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807|",
            ),
            (
                "hrandfield h -9223372036854775807",
                "-ERR limit reached: HRANDFIELD repeats fields up to 64 MiB of reply|",
            ),
        ]);
        bench.session.version = Version::Resp3;
        bench.expect(&[
            ("hrandfield h 1", "*1|$1|a|"),
            ("hrandfield h 1 withvalues", "*1|*2|$1|a|$1|1|"),
            ("hrandfield none", "_|"),
            ("hrandfield none 1 withvalues", "*0|"),
        ]);
    }

    #[test]
    fn a_choice_has_each_field_once_in_both_forms() {
        let mut bench = Bench::new();
        for (key, fields) in [("small", 20), ("full", 600), ("large", 4_000)] {
            for number in 0..fields {
                bench.run(&format!("hset {key} f{number} v"));
            }
            for count in [1, fields / 4, fields - 1, fields] {
                let reply = bench.run(&format!("hrandfield {key} {count}"));
                let names: Vec<&str> = reply.split('|').filter(|word| word.starts_with('f')).collect();
                assert_eq!(names.len(), count);
                assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), count, "{key} {count}");
            }
        }
    }
}
