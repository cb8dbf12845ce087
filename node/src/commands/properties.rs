//! Properties of whole command sequences: replies and contents agree with a plain model, effects rebuild the store,
//! memory is counted to the byte, a scan misses nothing that stays.

use std::collections::BTreeSet;

use larder_proto::time::Millis;
use proptest::prelude::*;

use super::model::{Model, Step, key, member, steps, value};
use super::testing::{Bench, Replica};
use crate::store::Database;

fn bench_with_replica() -> Bench {
    let mut bench = Bench::new();
    bench.effects.1 = Some(Replica::new(bench.now));
    bench
}

pub(super) fn run(bench: &mut Bench, step: &Step) -> String {
    match step {
        Step::Wait(ms) => bench.now = Millis(bench.now.0 + ms),
        Step::Select(number) => bench.session.database = Database::new(*number as i64).unwrap(),
        _ => {}
    }
    if let Some(replica) = &mut bench.effects.1 {
        replica.now = bench.now;
    }
    step.line().map(|line| bench.run(&line)).unwrap_or_default()
}

/// The copy shows the same, and both count what they hold.
fn check(bench: &Bench) -> Result<(), TestCaseError> {
    let replica = bench.effects.1.as_ref().unwrap();
    prop_assert_eq!(bench.store.contents(bench.now), replica.store.contents(bench.now));
    for store in [&bench.store, &replica.store] {
        prop_assert_eq!(store.counted(), store.recount());
    }
    Ok(())
}

/// Once every key is deleted and what expired is reclaimed, not a byte is left.
fn check_empty(bench: &mut Bench) -> Result<(), TestCaseError> {
    for ((database, key), _) in bench.store.contents(bench.now) {
        bench.session.database = Database::new(database as i64).unwrap();
        bench.run(&format!("del {}", String::from_utf8(key).unwrap()));
    }
    for store in [&bench.store, &bench.effects.1.as_ref().unwrap().store] {
        store.sweep_all(bench.now);
        prop_assert_eq!(store.counted(), store.recount());
        prop_assert_eq!(store.memory().snapshot().data, 0);
    }
    Ok(())
}

/// Commands that the model does not know, transactions among them.
pub(super) fn other_line() -> impl Strategy<Value = String> {
    prop_oneof![
        (key(), 0..40_u8, value()).prop_map(|(key, at, value)| format!("setrange {key} {at} {value}")),
        (key(), 0..3_000_u32).prop_map(|(key, ms)| format!("getex {key} px {ms}")),
        (key(), 999_000..1_003_000_u32).prop_map(|(key, ms)| format!("getex {key} pxat {ms}")),
        (key(), 999_000..1_003_000_u32).prop_map(|(key, ms)| format!("set {key} v pxat {ms}")),
        (key(), value()).prop_map(|(key, value)| format!("getset {key} {value}")),
        (key(), key(), value()).prop_map(|(one, other, v)| format!("mset {one} {v} {other} {v}")),
        (key(), key(), value()).prop_map(|(one, other, v)| format!("msetnx {one} {v} {other} {v}")),
        (key(), 0..4_u8).prop_map(|(key, cost)| format!("larder.limit {key} 5 1000 {cost}")),
        key().prop_map(|key| format!("incrbyfloat {key} 0.5")),
        key().prop_map(|key| format!("hincrbyfloat {key} f 0.5")),
        (key(), value()).prop_map(|(key, value)| format!("hsetnx {key} f {value}")),
        (key(), 1..600_u32).prop_map(|(key, from)| {
            let fields: Vec<_> = (from..from + 200).map(|field| format!("n{field} v")).collect();
            format!("hset {key} {}", fields.join(" "))
        }),
        (key(), 1..600_u32).prop_map(|(key, from)| {
            let fields: Vec<_> = (from..from + 300).map(|field| format!("n{field}")).collect();
            format!("hdel {key} {}", fields.join(" "))
        }),
        (key(), 0..5_u32).prop_map(|(key, count)| format!("spop {key} {count}")),
        (key(), 1..600_u32).prop_map(|(key, from)| {
            let members: Vec<_> = (from..from + 200).map(|member| format!("n{member}")).collect();
            format!("sadd {key} {}", members.join(" "))
        }),
        (key(), 1..600_u32).prop_map(|(key, from)| {
            let members: Vec<_> = (from..from + 300).map(|member| format!("n{member}")).collect();
            format!("srem {key} {}", members.join(" "))
        }),
        (key(), [key(), key(), key()]).prop_map(|(to, from)| format!("sunionstore {to} {}", from.join(" "))),
        (key(), key(), member()).prop_map(|(from, to, member)| format!("smove {from} {to} {member}")),
        (key(), 1..600_u32).prop_map(|(key, from)| {
            let members: Vec<_> =
                (from..from + 150).map(|member| format!("{} n{member}", member % 9)).collect();
            format!("zadd {key} {}", members.join(" "))
        }),
        (key(), 0..9_u32).prop_map(|(key, from)| format!("zremrangebyscore {key} {from} 5")),
        (key(), 0..200_u32).prop_map(|(key, count)| format!("zpopmax {key} {count}")),
        (key(), value()).prop_map(|(key, member)| format!("zincrby {key} 0.1 {member}")),
        (key(), key()).prop_map(|(from, to)| format!("zrangestore {to} {from} 0 -2")),
        (key(), key()).prop_map(|(one, to)| format!("zunionstore {to} 2 {one} {to} aggregate max")),
        Just("multi".to_owned()),
        Just("exec".to_owned()),
        key().prop_map(|key| format!("watch {key}")),
        whole_line(),
    ]
}

/// Changes of whole databases.
fn whole_line() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("flushdb".to_owned()),
        Just("flushall".to_owned()),
        (0..4_u8, 0..4_u8).prop_map(|(one, other)| format!("swapdb {one} {other}")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn commands_mean_what_the_model_says(steps in steps(60)) {
        let (mut bench, mut model) = (bench_with_replica(), Model::default());
        let mut now = bench.now;
        for step in &steps {
            let expected = model.run(step, &mut now);
            prop_assert_eq!(run(&mut bench, step), expected, "reply to {:?}", step);
            // A failed HINCRBY or HDEL leaves no empty collection behind, neither here nor there.
            model.contents.retain(|_, (value, _)| !value.is_empty_collection());
            prop_assert_eq!(&bench.store.contents(bench.now), &model.contents, "after {:?}", step);
        }
    }

    #[test]
    fn effects_rebuild_the_store_and_memory_is_counted_to_the_byte(
        steps in steps(50),
        lines in proptest::collection::vec(other_line(), 0..50),
    ) {
        let mut bench = bench_with_replica();
        let mut lines = lines.into_iter();
        for step in &steps {
            run(&mut bench, step);
            if let Some(line) = lines.next() {
                bench.run(&line);
            }
            check(&bench)?;
        }
        bench.run("discard");
        check_empty(&mut bench)?;
    }

    #[test]
    fn effects_rebuild_what_eviction_leaves(
        steps in steps(80),
        lines in proptest::collection::vec(other_line(), 0..80),
        pages in 3..10_usize,
    ) {
        let mut bench = Bench::with_memory(pages * 4_096);
        bench.effects.1 = Some(Replica::new(bench.now));
        let mut lines = lines.into_iter();
        for step in &steps {
            bench.make_room(6_000);
            run(&mut bench, step);
            bench.make_room(6_000);
            lines.next().map(|line| bench.run(&line));
            let (left, copied) =
                (bench.store.contents(bench.now), bench.effects.1.as_ref().unwrap().store.contents(bench.now));
            for (place, value) in left {
                prop_assert_eq!(copied.get(&place), Some(&value), "{:?} after {:?}", place, step);
            }
            prop_assert_eq!(bench.store.counted(), bench.store.recount());
        }
    }

    #[test]
    fn a_scan_visits_what_stays_exactly_once(
        others in proptest::collection::vec((0..40_u8, 0..5_u8), 0..120),
        staying in proptest::collection::btree_set(0..40_u8, 0..12),
        count in 1..9_usize,
        within in prop_oneof![Just(Within::Database), Just(Within::Hash), Just(Within::Set)],
    ) {
        let mut bench = Bench::new();
        // What has a member this long has left its compact form.
        match within {
            Within::Database => String::new(),
            Within::Hash => bench.run(&format!("hset {{t}}hash {} v", "x".repeat(70))),
            Within::Set => bench.run(&format!("sadd {{t}}set {}", "x".repeat(70))),
        };
        staying.iter().for_each(|number| put(&mut bench, within, *number));
        let (mut changes, mut seen) = (others.iter(), Vec::new());
        let mut change = |bench: &mut Bench| {
            for &(number, kind) in changes.by_ref().take(6) {
                disturb(bench, within, number, kind, staying.contains(&number));
            }
        };
        change(&mut bench);
        change(&mut bench);
        let mut cursor = "0".to_owned();
        loop {
            let reply = bench.run(&match within {
                Within::Database => format!("scan {cursor} match {{t}}k* count {count}"),
                Within::Hash => format!("hscan {{t}}hash {cursor} match {{t}}k* count {count}"),
                Within::Set => format!("sscan {{t}}set {cursor} match {{t}}k* count {count}"),
            });
            cursor = reply.split('|').nth(2).unwrap().to_owned();
            seen.extend(reply.split('|').filter(|word| word.starts_with("{t}k")).map(str::to_owned));
            if cursor == "0" {
                break;
            }
            change(&mut bench);
        }
        for number in &staying {
            let times = seen.iter().filter(|name| **name == name_of(*number)).count();
            prop_assert_eq!(times, 1, "{} came {} times", number, times);
        }
        prop_assert!(within != Within::Database || seen.iter().collect::<BTreeSet<_>>().len() <= 40);
    }
}

/// What is scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    Database,
    Hash,
    Set,
}

/// All names have one tag, so that they crowd in one partition.
fn name_of(number: u8) -> String {
    format!("{{t}}k{number}")
}

fn put(bench: &mut Bench, within: Within, number: u8) {
    let name = name_of(number);
    bench.run(&match within {
        Within::Database => format!("set {name} v"),
        Within::Hash => format!("hset {{t}}hash {name} v"),
        Within::Set => format!("sadd {{t}}set {name}"),
    });
}

/// Changes a name; one that stays is only written again, in one way or another.
fn disturb(bench: &mut Bench, within: Within, number: u8, kind: u8, stays: bool) {
    let name = name_of(number);
    match (kind, within, stays) {
        (0 | 1, Within::Hash, false) => drop(bench.run(&format!("hdel {{t}}hash {name}"))),
        (0 | 1, Within::Set, false) => drop(bench.run(&format!("srem {{t}}set {name}"))),
        (0 | 1, Within::Database, false) => drop(bench.run(&format!("del {name}"))),
        (2, Within::Database, _) => {
            bench.run("set {t}source w");
            bench.run(&format!("rename {{t}}source {name}"));
        }
        (3, Within::Database, _) => {
            bench.run("set elsewhere w");
            bench.run(&format!("copy elsewhere {name} replace"));
        }
        _ => put(bench, within, number),
    }
}
