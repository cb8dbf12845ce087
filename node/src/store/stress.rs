//! Many threads at random on one small store, for some seconds: what is read is whole and its key's, nothing is read past
//! its deadline, and at the end every counter says what is there.
//!
//! `LARDER_STRESS_SECONDS` says for how long, 1,800 for half an hour. The test command runs it under valgrind as well.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use fastrand::Rng;
use larder_proto::effect::Side;
use larder_proto::time::{Deadline, Millis};

use super::testing::{Nowhere, Rig, START, value_of};
use super::{Access, Cursor, Database, Eviction, PartitionSet, Store, Walker, Watch, Writer};
use crate::sync::{AtomicBool, AtomicU64, Ordering};

#[test]
fn many_threads_on_a_small_store() {
    let seconds = std::env::var("LARDER_STRESS_SECONDS").map_or(2, |text| text.parse().unwrap());
    for (turn, limit) in [1 << 20, 8 << 20].into_iter().enumerate() {
        let store = Rig::new(limit, "segment-merge").store;
        let shared = Shared { store, clock: AtomicU64::new(START.0), over: AtomicBool::new(false) };
        std::thread::scope(|scope| {
            let (end, ended) = channel::<()>();
            for thread in 0..THREADS {
                let (shared, end) = (&shared, end.clone());
                let seed = thread + THREADS * turn as u64;
                scope.spawn(move || {
                    shared.run(Rng::with_seed(seed), thread == 0);
                    drop(end);
                });
            }
            drop(end);
            // A thread that panics ends early; the others are told at the end of the time.
            let waited = ended.recv_timeout(Duration::from_millis(500 * seconds));
            shared.over.store(true, Ordering::Relaxed);
            assert_eq!(waited, Err(RecvTimeoutError::Timeout), "all threads ended before their time");
        });
        let now = shared.now();
        shared.store.sweep_all(now);
        assert_eq!(shared.store.counted(), shared.store.recount());
    }
}

struct Shared {
    store: Store,
    clock: AtomicU64,
    over: AtomicBool,
}

impl Shared {
    fn now(&self) -> Millis {
        Millis(self.clock.load(Ordering::Relaxed))
    }

    fn run(&self, mut random: Rng, sweeps: bool) {
        while !self.over.load(Ordering::Relaxed) {
            self.clock.fetch_add(random.u64(0..2), Ordering::Relaxed);
            if sweeps {
                self.background(&mut random);
            }
            let key = format!("key:{}.", random.u32(..4_000));
            match random.u8(..100) {
                0..45 => self.read(&key),
                45..70 => self.set(&key, &mut random),
                70..78 => self.collection(&key, &mut random),
                78..86 => self.move_deadline(&key, &mut random),
                86..94 => drop(self.write(&key, |keys| keys.delete(key.as_bytes()))),
                94..98 => self.watch(&key),
                98 => self.walk(&mut random),
                _ if random.u8(..50) == 0 => self.flush(),
                _ => self.choose(&mut random),
            }
        }
    }

    fn background(&self, random: &mut Rng) {
        let now = self.now();
        self.store.sweep(random.usize(..self.store.sweep_parts()), now);
        self.store.drop_removed();
        self.store.shrink(now, random);
        self.store.refresh_usages(random.usize(..self.store.sweep_parts()), 0);
        let used = self.store.memory().snapshot();
        let allowed = used.limit + used.limit / 50 + THREADS as usize * 80_000;
        assert!(used.resident() <= allowed, "{} bytes of {}", used.resident(), used.limit);
    }

    fn set(&self, key: &str, random: &mut Rng) {
        let bytes =
            [random.usize(1..100), random.usize(1..3_000), random.usize(1..120_000)][random.usize(..3)];
        let deadline = match random.u8(..3) {
            0 => Deadline::NEVER,
            _ => Deadline::at(Millis(self.now().0 + random.u64(1..2_000))),
        };
        if self.store.make_room(bytes + 100, self.now(), random).is_ok() {
            let value = value_of(key, bytes);
            self.write(key, |keys| keys.set(key.as_bytes(), &value, deadline));
        }
    }

    fn read(&self, key: &str) {
        let hint = self.store.hint(Database::default(), key.as_bytes());
        self.store.hint_item(&hint);
        let now = self.now();
        let keyspace =
            self.store.lock_one(key.as_bytes(), Some(hint), Access::Read, (Database::default(), now));
        let Some(item) = keyspace.get(key.as_bytes()) else { return };
        assert!(!item.deadline().passed(now) && item.key() == key.as_bytes());
        if let Ok(Some(value)) = keyspace.string(key.as_bytes()) {
            assert_eq!(value, value_of(key, value.len()), "torn, or another's");
        }
    }

    fn collection(&self, key: &str, random: &mut Rng) {
        let bytes = random.usize(1..6_000);
        if self.store.make_room(bytes + 200, self.now(), random).is_err() {
            return;
        }
        let (value, name) = (value_of(key, bytes), [random.u8(..20)]);
        self.write(key, |keys| {
            let key = key.as_bytes();
            let _ = match random.u8(..4) {
                0 => keys.hash_remove(key, &name).is_ok(),
                1 => keys.list_push(key, Side::Left, std::iter::once(&value[..])).is_ok(),
                _ => keys.hash_set(key, &name, &value).is_ok(),
            };
        });
    }

    fn move_deadline(&self, key: &str, random: &mut Rng) {
        let deadline = Deadline::at(Millis(self.now().0 + random.u64(0..3_000)));
        let deadline = if random.u8(..5) == 0 { Deadline::NEVER } else { deadline };
        self.write(key, |keys| keys.set_deadline(key.as_bytes(), deadline));
    }

    fn watch(&self, key: &str) {
        let watch = Watch::default();
        let watched = self.store.watch(Database::default(), key.as_bytes(), &watch, self.now());
        self.read(key);
        self.store.unwatch(&watched, &watch);
    }

    fn walk(&self, random: &mut Rng) {
        let walker = Walker::new(&self.store, Database::default(), self.now());
        let next = walker.scan(Cursor(0), 50, |key, item| assert_eq!(key, item.key()));
        walker.scan(next, 50, |key, _| assert!(key.starts_with(b"key:")));
        walker.random(random, |key| assert!(key.starts_with(b"key:")));
    }

    fn flush(&self) {
        let mut keyspace =
            self.store.lock(&PartitionSet::all(), Access::Write, Database::default(), self.now());
        Writer::new(&mut keyspace, &mut Nowhere).flush(Database::default());
    }

    fn choose(&self, random: &mut Rng) {
        let names: Vec<&str> = Eviction::names().collect();
        let name = names[random.usize(..names.len())];
        self.store.set_eviction(Eviction::named(name).unwrap());
    }

    fn write<R>(&self, key: &str, act: impl FnOnce(&mut Writer<'_, '_>) -> R) -> R {
        let mut keyspace =
            self.store.lock_one(key.as_bytes(), None, Access::Write, (Database::default(), self.now()));
        act(&mut Writer::new(&mut keyspace, &mut Nowhere))
    }
}

const THREADS: u64 = 6;
