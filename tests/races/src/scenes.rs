//! What the threads do, and what must hold while they do it and afterwards.

use fastrand::Rng;
use larder_proto::effect::{Effect, EffectSink, Stamp};
use larder_proto::time::{Deadline, Millis};
use shuttle::thread;
use std::sync::Arc;

use crate::store::{
    Access, CollectionLimits, Database, Eviction, HashLimits, ListLimits, PartitionSet, SetLimits,
    SortedSetLimits, Store, StoreSettings, Watch, Writer,
};

/// A few threads that meet in one store.
type Scene = fn();

/// All scenes, by name.
pub(crate) const SCENES: [(&str, Scene); 6] = [
    ("readers beside writers and eviction", readers_writers_eviction),
    ("writers that evict from one another", writers_that_evict),
    ("expiry beside writers who move deadlines", expiry_and_deadlines),
    ("a flush beside writers and the sweep", flush_and_sweep),
    ("collections that are removed and dropped", collections),
    ("watches beside writes and eviction", watches),
];

fn readers_writers_eviction() {
    let store = filled("segment-merge", 40);
    let writer =
        spawn(&store, |store| (0..12).for_each(|number| put(store, number % 50, 3_000, Deadline::NEVER)));
    let cleaner = spawn(&store, |store| {
        store.memory().set_limit(LIMIT / 2);
        for _ in 0..4 {
            let _ = store.make_room(20_000, NOW, &mut Rng::with_seed(3));
            store.shrink(NOW, &mut Rng::with_seed(4));
        }
    });
    let reader = spawn(&store, |store| (0..30).for_each(|number| read(store, number % 50, NOW)));
    end(&store, [writer, cleaner, reader]);
}

fn writers_that_evict() {
    let store = filled("allkeys-lru", 30);
    let threads = [0, 1, 2].map(|thread| {
        spawn(&store, move |store| {
            for number in 0..10 {
                // Some lie in blocks of their own.
                let bytes = if number % 5 == 4 { 70_000 } else { 5_000 };
                put(store, thread * 100 + number, bytes, Deadline::NEVER);
                read(store, (thread + 1) % 3 * 100 + number, NOW);
            }
        })
    });
    end(&store, threads);
}

fn expiry_and_deadlines() {
    let store = filled("volatile-ttl", 0);
    (0..20).for_each(|number| put(&store, number, 2_000, Deadline::at(Millis(NOW.0 + 10))));
    let later = Millis(NOW.0 + 11);
    let sweeper = spawn(&store, move |store| {
        for part in (0..store.sweep_parts()).chain(0..store.sweep_parts()) {
            store.sweep(part, later);
        }
    });
    let mover = spawn(&store, move |store| {
        for number in 0..20 {
            let (key, deadline) = (key(number), Deadline::at(Millis(later.0 + number % 3)));
            let moved = write(store, &key, later, |keys| keys.set_deadline(&key, deadline));
            assert!(!moved, "a key past its deadline was found");
            put(store, number, 500, Deadline::at(Millis(later.0 + 1_000)));
        }
    });
    let reader = spawn(&store, move |store| {
        (0..20).for_each(|number| {
            let keyspace = store.lock_one(&key(number), None, Access::Read, (Database::default(), later));
            if let Some(item) = keyspace.get(&key(number)) {
                assert!(!item.deadline().passed(later), "a key past its deadline was read");
            }
        })
    });
    end(&store, [sweeper, mover, reader]);
    store.sweep_all(later);
    assert_eq!(store.size(Database::default()).keys, 20);
}

fn flush_and_sweep() {
    let store = filled("segment-merge", 20);
    let flusher = spawn(&store, |store| {
        let mut keyspace = store.lock(&PartitionSet::all(), Access::Write, Database::default(), NOW);
        Writer::new(&mut keyspace, &mut Nowhere).flush(Database::default());
    });
    let writer =
        spawn(&store, |store| (0..10).for_each(|number| put(store, 100 + number, 2_000, Deadline::NEVER)));
    let sweeper = spawn(&store, |store| {
        (0..2 * store.sweep_parts()).for_each(|part| {
            store.sweep(part % store.sweep_parts(), NOW);
        });
    });
    end(&store, [flusher, writer, sweeper]);
    assert!((0..20).all(|number| !has(&store, number)), "what was there before the flush is gone");
    store.sweep_all(NOW);
    assert_eq!(store.counted(), store.recount());
    let left = (100..110).filter(|&number| has(&store, number)).count();
    assert_eq!(store.size(Database::default()).keys, left);
    assert!(store.memory().snapshot().items <= left * 2_100, "flushed items are left");
}

fn collections() {
    let store = filled("segment-merge", 10);
    let threads = [0, 1, 2].map(|thread| {
        spawn(&store, move |store| {
            for number in 0..6 {
                let key = key(200 + number);
                let _ = store.make_room(30_000, NOW, &mut Rng::with_seed(thread));
                write(store, &key, NOW, |keys| {
                    // Above what is dropped at once.
                    for field in 0..4_u8 {
                        let _ = keys.hash_set(&key, &[thread as u8, field], &[b'v'; 9_000]);
                    }
                    if (number + thread) % 3 == 0 {
                        keys.delete(&key);
                    }
                });
                while store.drop_removed() {}
            }
        })
    });
    end(&store, threads);
}

fn watches() {
    let store = filled("segment-merge", 10);
    let key = key(3);
    let writer = spawn(&store, |store| put(store, 3, 900, Deadline::NEVER));
    let evictor = spawn(&store, |store| {
        (0..20).for_each(|number| put(store, 300 + number, 9_000, Deadline::NEVER));
    });
    let watcher = spawn(&store, move |store| {
        let watch = Watch::default();
        let watched = store.watch(Database::default(), &key, &watch, NOW);
        let before = length(store, 3);
        thread::yield_now();
        let keyspace = store.lock_one(&key, None, Access::Write, (Database::default(), NOW));
        let unchanged = !watch.is_touched() && keyspace.is_intact(&watched);
        let after = keyspace.peek(&key).map(|item| item.bytes());
        drop(keyspace);
        assert!(!unchanged || before == after, "a change was not seen");
        store.unwatch(&watched, &watch);
    });
    end(&store, [writer, evictor, watcher]);
}

/// A store of two shards, with little memory, and some keys in it.
fn filled(eviction: &str, keys: u64) -> Arc<Store> {
    let store = Store::new(&StoreSettings {
        memory_bytes_max: ADDRESSES,
        eviction: Eviction::named(eviction).expect("a policy"),
        collection_limits: CollectionLimits {
            hash: HashLimits { entries_max: 512, value_bytes_max: 64 },
            list: ListLimits { bytes_max: 8 << 10, entries_max: 128 },
            set: SetLimits { integers_max: 512, entries_max: 128, value_bytes_max: 64 },
            sorted_set: SortedSetLimits { entries_max: 128, member_bytes_max: 64 },
        },
        hash_seed: None,
    });
    let store = Arc::new(store.expect("addresses"));
    assert_eq!(store.sweep_parts(), 2);
    store.memory().set_limit(LIMIT);
    (0..keys).for_each(|number| put(&store, number, 3_000, Deadline::NEVER));
    store
}

fn spawn(store: &Arc<Store>, run: impl FnOnce(&Store) + Send + 'static) -> thread::JoinHandle<()> {
    let store = Arc::clone(store);
    thread::spawn(move || run(&store))
}

/// Waits for all; then every counter says what is there, and the limit holds.
fn end<const N: usize>(store: &Store, threads: [thread::JoinHandle<()>; N]) {
    for thread in threads {
        thread.join().expect("no thread panicked");
    }
    assert_eq!(store.counted(), store.recount());
    // What requests took at the same moment is paid back by the next, each its share, and by the sweep.
    let mut random = Rng::with_seed(9);
    let _ = store.make_room(0, NOW, &mut random);
    while store.shrink(NOW, &mut random) > 0 {}
    let used = store.memory().snapshot();
    assert!(used.resident() <= used.limit, "{} bytes of {}", used.resident(), used.limit);
}

/// As a request writes: room first, then the value, which is its key over and over.
fn put(store: &Store, number: u64, bytes: usize, deadline: Deadline) {
    let key = key(number);
    if store.make_room(bytes + 100, NOW, &mut Rng::with_seed(number)).is_ok() {
        let mut value = key.repeat(bytes / key.len() + 1);
        value.truncate(bytes);
        write(store, &key, NOW, |keys| keys.set(&key, &value, deadline));
    }
}

fn write<R>(store: &Store, key: &[u8], now: Millis, act: impl FnOnce(&mut Writer<'_, '_>) -> R) -> R {
    let mut keyspace = store.lock_one(key, None, Access::Write, (Database::default(), now));
    act(&mut Writer::new(&mut keyspace, &mut Nowhere))
}

/// Reads a string, ahead as a batch does; it is its key's, and whole.
fn read(store: &Store, number: u64, now: Millis) {
    let key = key(number);
    let hint = store.hint(Database::default(), &key);
    store.hint_item(&hint);
    let keyspace = store.lock_one(&key, None, Access::Read, (Database::default(), now));
    if let Ok(Some(value)) = keyspace.string(&key) {
        assert!(value.chunks(key.len()).all(|piece| key.starts_with(piece)), "a value is torn or another's");
    }
}

fn has(store: &Store, number: u64) -> bool {
    store.lock_one(&key(number), None, Access::Read, (Database::default(), NOW)).contains(&key(number))
}

fn length(store: &Store, number: u64) -> Option<usize> {
    let keyspace = store.lock_one(&key(number), None, Access::Read, (Database::default(), NOW));
    keyspace.peek(&key(number)).map(|item| item.bytes())
}

fn key(number: u64) -> Vec<u8> {
    format!("key:{number}.").into_bytes()
}

/// Effects that nobody reads.
struct Nowhere;

impl EffectSink for Nowhere {
    fn effect(&mut self, _: Stamp, _: &Effect<'_>) {}
}

const NOW: Millis = Millis(1_000_000);

/// What the store is made for: two shards.
const ADDRESSES: usize = 8 << 20;

/// What it may take.
const LIMIT: usize = 200 << 10;
