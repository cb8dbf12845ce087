//! Tests of what leaves at the memory limit, and of what does not.

use larder_proto::effect::{Effect, EffectSink, Stamp};
use larder_proto::time::Deadline;

use super::*;
use crate::store::{Access, CollectionLimits, HashLimits, PartitionSet, SetLimits, StoreSettings, Writer};

const NOW: Millis = Millis(1_000_000_000);
const VALUE: [u8; 100] = [b'v'; 100];

struct Nowhere;

impl EffectSink for Nowhere {
    fn effect(&mut self, _: Stamp, _: &Effect<'_>) {}
}

fn store(eviction: &str) -> Store {
    Store::new(&StoreSettings {
        memory_bytes_max: 64 << 20,
        eviction: Eviction::named(eviction).unwrap(),
        collection_limits: CollectionLimits {
            hash: HashLimits { entries_max: 512, value_bytes_max: 64 },
            set: SetLimits { integers_max: 512, entries_max: 128, value_bytes_max: 64 },
        },
    })
}

fn write(store: &Store, key: &str, now: Millis, act: impl FnOnce(&mut Writer<'_, '_>)) {
    let mut keyspace = store.lock(&PartitionSet::of(key.as_bytes()), Access::Write, Database::default(), now);
    act(&mut Writer::new(&mut keyspace, &mut Nowhere));
}

fn put(store: &Store, key: &str, now: Millis) {
    write(store, key, now, |keys| keys.set(key.as_bytes(), &VALUE, Deadline::NEVER));
}

fn put_until(store: &Store, key: &str, deadline: Deadline) {
    write(store, key, NOW, |keys| keys.set(key.as_bytes(), &VALUE, deadline));
}

fn has(store: &Store, key: &str) -> bool {
    let partitions = PartitionSet::of(key.as_bytes());
    store.lock(&partitions, Access::Read, Database::default(), NOW).contains(key.as_bytes())
}

/// As many keys, evenly over the partitions.
fn filled(eviction: &str, keys: usize) -> Store {
    let store = store(eviction);
    (0..keys).for_each(|number| put(&store, &format!("k{number}"), NOW));
    store
}

fn keys(store: &Store) -> usize {
    store.size(Database::default()).keys
}

fn evicted(store: &Store) -> u64 {
    store.memory().snapshot().evicted_keys
}

/// Leaves no room at all.
fn limit_to_use(store: &Store) {
    store.memory().set_limit(store.memory().used());
}

/// Every counter says what is there.
fn assert_counted(store: &Store) {
    assert_eq!(store.counted(), store.recount());
}

#[test]
fn a_request_that_cannot_fit_beside_the_buffers_evicts_nothing() {
    let (store, mut random) = (filled("segment-merge", 1_000), Rng::with_seed(1));
    let data = store.memory().used();
    store.memory().count_buffers(data as i64);
    store.memory().set_limit(4 * data);
    assert_eq!(store.make_room(3 * data + 1, NOW, &mut random), Err(OutOfMemory));
    assert_eq!(store.make_room(usize::MAX, NOW, &mut random), Err(OutOfMemory));
    assert_eq!(evicted(&store), 0);
    assert_eq!(store.make_room(3 * data, NOW, &mut random), Ok(()), "what fits without the keys is let in");
    assert_eq!(keys(&store), 0);
}

#[test]
fn one_full_partition_never_refuses_a_write() {
    let (store, mut random) = (store("segment-merge"), Rng::with_seed(2));
    (0..500).for_each(|number| put(&store, &format!("{{t}}k{number}"), NOW));
    limit_to_use(&store);
    for number in 0..2_000 {
        assert_eq!(store.make_room(500, NOW, &mut random), Ok(()), "write {number}");
        put(&store, &format!("{{t}}n{number}"), NOW);
    }
    assert_counted(&store);
}

#[test]
fn hot_keys_in_thin_partitions_outlive_cold_ones_in_a_thick_one() {
    let (store, mut random) = (store("segment-merge"), Rng::with_seed(3));
    (0..38_000).for_each(|number| put(&store, &format!("{{t}}k{number}"), NOW));
    let later = Millis(NOW.0 + 600_000);
    (0..200).for_each(|number| put(&store, &format!("hot{number}"), later));
    limit_to_use(&store);
    while evicted(&store) < 2_000 {
        let room = store.memory().limit() - store.memory().used() + 1;
        assert_eq!(store.make_room(room, later, &mut random), Ok(()));
        limit_to_use(&store);
    }
    let survivors = (0..200).filter(|number| has(&store, &format!("hot{number}"))).count();
    assert!(survivors >= 199, "{survivors} of 200 hot keys survived");
}

#[test]
fn the_last_key_among_free_places_is_found() {
    let (store, mut random) = (store("segment-merge"), Rng::with_seed(4));
    (0..20_000).for_each(|number| put(&store, &format!("{{t}}k{number}"), NOW));
    for key in (1..20_000).map(|number| format!("{{t}}k{number}")) {
        write(&store, &key, NOW, |keys| assert!(keys.delete(key.as_bytes())));
    }
    limit_to_use(&store);
    assert_eq!(store.make_room(100, NOW, &mut random), Ok(()));
    assert_eq!((keys(&store), store.memory().used()), (0, 0));
    assert_eq!(store.make_room(usize::MAX, NOW, &mut random), Err(OutOfMemory));
}

#[test]
fn a_volatile_policy_finds_the_few_keys_with_a_deadline_and_no_others() {
    let (store, mut random) = (filled("volatile-lru", 20_000), Rng::with_seed(5));
    let deadline = Deadline::at(Millis(NOW.0 + 60_000));
    (0..3).for_each(|number| put_until(&store, &format!("brief{number}"), deadline));
    // One that had a deadline and one that was given one.
    put_until(&store, "k7", deadline);
    put(&store, "k7", NOW);
    write(&store, "k8", NOW, |keys| assert!(keys.set_deadline(b"k8", deadline)));
    limit_to_use(&store);
    for left in (0..4).rev() {
        assert_eq!(store.make_room(1, NOW, &mut random), Ok(()), "{left} more would be left");
        assert_eq!(store.size(Database::default()).deadlines, left);
        limit_to_use(&store);
    }
    assert_eq!(store.make_room(1, NOW, &mut random), Err(OutOfMemory));
    assert_eq!((keys(&store), evicted(&store)), (19_999, 4));
    assert!(has(&store, "k7") && !has(&store, "k8"));
    assert_counted(&store);
}

#[test]
fn what_a_flush_left_behind_may_leave_under_a_volatile_policy() {
    let (store, mut random) = (filled("volatile-lru", 1_000), Rng::with_seed(6));
    let mut keyspace = store.lock(&PartitionSet::all(), Access::Write, Database::default(), NOW);
    Writer::new(&mut keyspace, &mut Nowhere).flush(Database::default());
    drop(keyspace);
    put(&store, "live", NOW);
    limit_to_use(&store);
    for _ in 0..100 {
        assert_eq!(store.make_room(1, NOW, &mut random), Ok(()));
        limit_to_use(&store);
    }
    assert!(has(&store, "live"));
    assert_eq!(evicted(&store), 0, "flushed keys are not counted");
}

#[test]
fn a_limit_lowered_far_is_reached_in_steps() {
    let (store, mut random) = (filled("segment-merge", 10_000), Rng::with_seed(7));
    let before = store.memory().used();
    store.memory().set_limit(before / 4);
    assert_eq!(store.make_room(1_000, NOW, &mut random), Ok(()));
    let left = evicted(&store) as usize;
    assert!((4..=REQUEST_KEYS_MAX).contains(&left), "{left} keys left for one request");
    assert!(store.memory().used() + 1_000 <= before, "the write does not make it grow");
    let keyspace = store.lock(&PartitionSet::of(b"k"), Access::Write, Database::default(), NOW);
    assert!(keyspace.fits(1_000), "the write is let pass");
    assert!(!keyspace.fits(1_001), "and no larger one");
    drop(keyspace);
    let large = before / 8;
    let held = store.memory().used();
    assert_eq!(store.make_room(large, NOW, &mut random), Ok(()));
    assert!(store.memory().used() + large <= held, "a large one makes the room that it needs");
}

#[test]
fn an_idle_node_gets_below_a_lowered_limit() {
    let (store, mut random) = (filled("segment-merge", 5_000), Rng::with_seed(8));
    assert_eq!(store.shrink(NOW, &mut random), 0, "below the limit nobody leaves");
    let limit = store.memory().used() / 2;
    store.memory().set_limit(limit);
    let steps = (0..100).find(|_| {
        let evicted = store.shrink(NOW, &mut random);
        assert!(evicted <= SHRINK_KEYS_MAX);
        store.memory().used() <= limit
    });
    assert!(steps.is_some() && keys(&store) > 500, "{} keys are left", keys(&store));
    let keyspace = store.lock(&PartitionSet::of(b"k"), Access::Write, Database::default(), NOW);
    assert!(!keyspace.fits(limit), "the limit is in force");
    drop(keyspace);
    store.memory().count_buffers(2 * limit as i64);
    assert_eq!(store.shrink(NOW, &mut random), 0, "nobody leaves for buffers that do not fit alone");
}

#[test]
fn nobody_leaves_without_eviction() {
    let (store, mut random) = (filled("noeviction", 1_000), Rng::with_seed(9));
    store.memory().set_limit(store.memory().used() / 2);
    assert_eq!(store.make_room(1, NOW, &mut random), Err(OutOfMemory));
    assert_eq!((store.shrink(NOW, &mut random), keys(&store)), (0, 1_000));
}

#[test]
fn many_at_once_evict_each_key_once() {
    let store = filled("segment-merge", 2_000);
    store.memory().set_limit(store.memory().used() / 2);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let store = &store;
            scope.spawn(move || {
                let mut random = Rng::with_seed(thread);
                for number in 0..2_000 {
                    assert_eq!(store.make_room(500, NOW, &mut random), Ok(()));
                    put(store, &format!("{{t}}{thread}:{number}"), NOW);
                }
            });
        }
    });
    assert_counted(&store);
    // Each may have found the same room at the same time.
    assert!(store.memory().used() <= store.memory().limit() + 4 * 500);
}
