//! The family of walks: commands that go through the keys of a database. HSCAN shares their options.

use larder_proto::glob;
use larder_proto::resp::Out;
use larder_proto::slot::{PARTITIONS, Partition};

use super::args::Args;
use super::context::WalkCx;
use super::error::CommandError;
use super::spec::{Arity, Flags, Group, Keys, Outcome, Run, Spec, check};
use crate::store::{Cursor, PartitionSet, Run as Partitions};

/// The rows.
pub(super) const ROWS: &[Spec] = &[
    Spec {
        name: "keys",
        arity: Arity::Exactly(2),
        keys: Keys::None,
        flags: Flags::DANGEROUS.and(Flags::WHOLE_CHAIN),
        group: Group::Generic,
        since: "1.0.0",
        summary: "Returns all key names that match a pattern.",
        syntax: "pattern",
        run: Run::Walk(keys),
    },
    Spec {
        name: "randomkey",
        arity: Arity::Exactly(1),
        keys: Keys::None,
        flags: Flags::WHOLE_PICK,
        group: Group::Generic,
        since: "1.0.0",
        summary: "Returns a random key name from the database.",
        syntax: "",
        run: Run::Walk(randomkey),
    },
    Spec {
        name: "scan",
        arity: Arity::AtLeast(2),
        keys: Keys::None,
        flags: Flags::WHOLE_SCAN,
        group: Group::Generic,
        since: "2.8.0",
        summary: "Iterates over the key names in the database.",
        syntax: "cursor [MATCH pattern] [COUNT count] [TYPE type]",
        run: Run::Walk(scan),
    },
];
const _: () = check(ROWS);

/// Bits of a cursor for the tag, and where the first partition stands.
const TAG_BITS: u32 = 24;
const FIRST_SHIFT: u32 = TAG_BITS + 11;
const PARTITIONS_MASK: u16 = (1 << 11) - 1;

/// Runs of partitions that a step goes through, so that it stays short.
const RUNS_MAX: usize = 64;

/// Keys or fields that a step visits if COUNT does not say.
const COUNT: usize = 10;

/// The options of SCAN and HSCAN.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ScanOptions<'a> {
    /// Elements to visit, about.
    pub(super) count: usize,
    pattern: Option<&'a [u8]>,
    type_name: Option<&'a [u8]>,
}

fn keys(cx: &mut WalkCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let pattern = args.bytes()?;
    let (mut names, mut found) = (Vec::new(), 0);
    let mut name_out = out.part(&mut names);
    cx.keys.each(|key| {
        if pattern == b"*" || glob::matches(pattern, key) {
            name_out.bulk(key);
            found += 1;
        }
    });
    let cut = name_out.has_overflowed();
    out.array(found);
    out.raw(&names);
    if cut {
        out.set_overflowed();
    }
    Ok(())
}

fn randomkey(cx: &mut WalkCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    args.end()?;
    let mark = out.mark();
    cx.keys.random(cx.random, |key| out.bulk(key));
    if out.mark() == mark {
        out.null();
    }
    Ok(())
}

fn scan(cx: &mut WalkCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let cursor = read_cursor(&mut args)?;
    let options = ScanOptions::read(args, true)?;
    if let Some(among) = cx.among {
        return scan_among(cx, among, (cursor, &options), out);
    }
    let (mut names, mut found) = (Vec::new(), 0);
    let mut name_out = out.part(&mut names);
    let next = cx.keys.scan(Cursor(cursor), options.count, |key, item| {
        if options.match_name(key) && options.match_type(item.value.type_name()) {
            name_out.bulk(key);
            found += 1;
        }
    });
    let cut = name_out.has_overflowed();
    write_step(out, next.0, found, &names);
    if cut {
        out.set_overflowed();
    }
    Ok(())
}

/// A step through the keys of the cluster, as far as this node serves what comes next.
fn scan_among(
    cx: &WalkCx<'_, '_>,
    among: &PartitionSet,
    (cursor, options): (u64, &ScanOptions<'_>),
    out: &mut Out<'_>,
) -> Outcome {
    let (mut names, mut found, mut left) = (Vec::new(), 0, options.count);
    let mut name_out = out.part(&mut names);
    let mut next = ClusterCursor::unpack(cursor);
    for _ in 0..RUNS_MAX {
        let Some(at) = next.filter(|at| left > 0 && among.contains(at.first)) else { break };
        let run = at.run(among, cx.keys.run_of(at.first));
        let tag = cx.keys.scan_run(run, at.tag, left, |key, item| {
            left = left.saturating_sub(1);
            if options.match_name(key) && options.match_type(item.value.type_name()) {
                name_out.bulk(key);
                found += 1;
            }
        });
        next = ClusterCursor::after(run, tag);
    }
    let cut = name_out.has_overflowed();
    write_step(out, next.map_or(0, ClusterCursor::pack), found, &names);
    if cut {
        out.set_overflowed();
    }
    Ok(())
}

/// Where a scan of the cluster goes on: with the tags from here on of some neighbouring partitions, then with those behind
/// them. A partition that has moved meanwhile is begun anew, so that none of its keys is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClusterCursor {
    /// The first partition.
    pub first: Partition,
    /// How many; 0 for as many as its node likes.
    partitions: u16,
    tag: u64,
}

impl ClusterCursor {
    /// The beginning of a partition.
    #[must_use]
    pub const fn at(first: Partition) -> Self {
        Self { first, partitions: 0, tag: 0 }
    }

    /// Where a cursor says that a scan goes on. Any number says something.
    #[must_use]
    pub fn unpack(cursor: u64) -> Option<Self> {
        let first = Partition::new((cursor >> FIRST_SHIFT) as u16 % PARTITIONS)?;
        let partitions = (cursor >> TAG_BITS) as u16 & PARTITIONS_MASK;
        Some(Self { first, partitions, tag: cursor & ((1 << TAG_BITS) - 1) })
    }

    /// The cursor as a client gets it.
    #[must_use]
    pub const fn pack(self) -> u64 {
        (self.first.index() as u64) << FIRST_SHIFT | (self.partitions as u64) << TAG_BITS | self.tag
    }

    /// What is scanned together: no more than lies together and is served here.
    fn run(&self, among: &PartitionSet, together: Partitions) -> Partitions {
        let end = together.first.index() + usize::from(together.partitions);
        let most = if self.partitions == 0 { end - self.first.index() } else { self.partitions.into() };
        let served = Partitions { first: self.first, partitions: most as u16 };
        let served = served.iter().take_while(|partition| among.contains(*partition)).count();
        Partitions { first: self.first, partitions: served as u16 }
    }

    /// What comes after a step; `None` at the end of all.
    fn after(run: Partitions, tag: Option<u64>) -> Option<Self> {
        let behind = run.first.index() as u16 + run.partitions;
        match tag {
            Some(tag) => Some(Self { first: run.first, partitions: run.partitions, tag }),
            None => Partition::new(behind).map(|first| Self { first, partitions: 0, tag: 0 }),
        }
    }
}

/// A scan's cursor: any number of 64 bits without sign.
///
/// # Errors
/// The next word is none.
pub(super) fn read_cursor(args: &mut Args<'_>) -> Result<u64, CommandError> {
    let word = std::str::from_utf8(args.bytes()?).map_err(|_| CommandError::InvalidCursor)?;
    word.parse().map_err(|_| CommandError::InvalidCursor)
}

/// The reply to a step: where to go on, and the elements found.
pub(super) fn write_step(out: &mut Out<'_>, next: u64, elements: usize, encoded: &[u8]) {
    out.array(2);
    // Neither kind of cursor comes near 2^63.
    out.bulk_integer(i64::try_from(next).unwrap_or(0));
    out.array(elements);
    out.raw(encoded);
}

impl<'a> ScanOptions<'a> {
    /// Reads the options; TYPE is one only where keys are walked.
    ///
    /// # Errors
    /// An unknown option, one without its value, or a count that is no number above 0.
    pub(super) fn read(mut args: Args<'a>, of_keys: bool) -> Result<Self, CommandError> {
        let mut options = Self { count: COUNT, pattern: None, type_name: None };
        while args.len() > 1 {
            if args.option("count") {
                let count = usize::try_from(args.integer()?).ok();
                options.count = count.filter(|&count| count > 0).ok_or(CommandError::Syntax)?;
            } else if args.option("match") {
                options.pattern = Some(args.bytes()?).filter(|pattern| pattern != b"*");
            } else if of_keys && args.option("type") {
                options.type_name = Some(args.bytes()?);
            } else {
                return Err(CommandError::Syntax);
            }
        }
        args.end()?;
        Ok(options)
    }

    /// Whether a name is asked for.
    pub(super) fn match_name(&self, name: &[u8]) -> bool {
        self.pattern.is_none_or(|pattern| glob::matches(pattern, name))
    }

    /// Whether a type is asked for. A type that there is not is no error, and nothing is of it.
    fn match_type(&self, name: &str) -> bool {
        self.type_name.is_none_or(|wanted| wanted.eq_ignore_ascii_case(name.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use larder_proto::time::Millis;

    use crate::commands::testing::Bench;
    use crate::store::Database;

    /// The next cursor and the keys of a reply to SCAN; the keys of a reply to KEYS, without a cursor.
    fn parts(reply: &str) -> (String, BTreeSet<String>) {
        let words: Vec<&str> = reply.split('|').filter(|word| !word.starts_with(['*', '$'])).collect();
        let is_number = |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
        let cursor = words.first().copied().filter(is_number).unwrap_or_default();
        let keys = words.iter().filter(|word| !word.is_empty() && !is_number(word));
        (cursor.to_owned(), keys.map(|key| (*key).to_owned()).collect())
    }

    fn expect_keys(bench: &mut Bench, line: &str, cursor: &str, keys: &[&str]) {
        let expected = (cursor.to_owned(), keys.iter().map(|key| (*key).to_owned()).collect());
        assert_eq!(parts(&bench.run(line)), expected, "reply to: {line}");
    }

    #[test]
    fn all_keys_of_one_database_are_walked() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("randomkey", "$-1|"),
            ("keys *", "*0|"),
            ("scan 0", "*2|$1|0|*0|"),
            ("mset {t}a 1 {t}b 2", "+OK|"),
            ("hset {t}h f v", ":1|"),
        ]);
        expect_keys(&mut bench, "keys *[ab]", "", &["{t}a", "{t}b"]);
        expect_keys(&mut bench, "scan 0 count 100 match {t}*", "0", &["{t}a", "{t}b", "{t}h"]);
        bench.expect(&[
            ("scan 0 type HASH", "*2|$1|0|*1|$4|{t}h|"),
            ("scan 0 type nosuch", "*2|$1|0|*0|"),
            ("scan 18446744073709551615", "*2|$1|0|*0|"),
            ("pexpire {t}a 1", ":1|"),
        ]);
        bench.now = Millis(1_000_002);
        expect_keys(&mut bench, "keys *", "", &["{t}b", "{t}h"]);
        bench.expect(&[("del {t}h", ":1|"), ("randomkey", "$4|{t}b|")]);
        bench.session.database = Database::new(1).unwrap();
        bench.expect(&[("keys *", "*0|"), ("randomkey", "$-1|")]);
    }

    #[test]
    fn a_walk_within_a_transaction_sees_it() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("multi", "+OK|"),
            ("set a 1", "+QUEUED|"),
            ("keys *", "+QUEUED|"),
            ("del a", "+QUEUED|"),
            ("scan 0", "+QUEUED|"),
            ("randomkey", "+QUEUED|"),
            ("exec", "*5|+OK|*1|$1|a|:1|*2|$1|0|*0|$-1|"),
        ]);
    }

    #[test]
    fn cursors_and_options_are_checked() {
        let mut bench = Bench::new();
        for cursor in ["abc", "-1", "\"\"", "18446744073709551616", "1x"] {
            bench.expect(&[(&format!("scan {cursor} what"), "-ERR invalid cursor|")]);
        }
        bench.expect(&[
            ("scan 0 count 0", "-ERR syntax error|"),
            ("scan 0 count", "-ERR syntax error|"),
            ("scan 0 count x", "-ERR value is not an integer or out of range|"),
            ("scan 0 what x", "-ERR syntax error|"),
            ("scan 0 match a match", "-ERR syntax error|"),
        ]);
    }

    #[test]
    fn a_replaced_key_keeps_its_place() {
        let mut bench = Bench::new();
        let keys: BTreeSet<String> = (0..100).map(|number| format!("{{t}}k{number}")).collect();
        for key in &keys {
            bench.run(&format!("set {key} 1"));
        }
        let (cursor, mut seen) = parts(&bench.run("scan 0 count 1"));
        assert!(!seen.is_empty() && seen.len() < keys.len());
        bench.run("hset {t}x f v");
        for key in keys.difference(&seen) {
            bench.expect(&[(&format!("copy {{t}}x {key} replace"), ":1|")]);
        }
        bench.run("del {t}x");
        let (_, rest) = parts(&bench.run(&format!("scan {cursor} count 1000")));
        assert!(rest.is_disjoint(&seen), "a key came twice");
        seen.extend(rest);
        assert_eq!(seen, keys);
    }

    /// A store of this size has so many shards that a step of a scan ends before all were seen.
    #[test]
    fn keys_sees_all_shards_of_a_large_store() {
        let mut bench = Bench::with_memory(1 << 30);
        let names: BTreeSet<String> = (0..2_000).map(|number| format!("k{number}")).collect();
        for name in &names {
            bench.run(&format!("set {name} v"));
        }
        let (_, keys) = parts(&bench.run("keys *"));
        assert_eq!(keys, names);
        assert_eq!(parts(&bench.run("keys k199?")).1.len(), 10);
    }

    #[test]
    fn a_step_stays_short_and_all_steps_see_all() {
        let mut bench = Bench::new();
        for number in 0..500 {
            bench.run(&format!("set k{number} v"));
        }
        let (mut cursor, mut seen) = ("0".to_owned(), BTreeSet::new());
        loop {
            let (next, keys) = parts(&bench.run(&format!("scan {cursor} count 7")));
            assert!(
                keys.len() <= 7 + 14,
                "what lies in the same places of the table comes along: {}",
                keys.len()
            );
            assert!(keys.into_iter().all(|key| seen.insert(key)), "a key came twice");
            cursor = next;
            if cursor == "0" {
                break;
            }
        }
        assert_eq!(seen.len(), 500);
    }
}
