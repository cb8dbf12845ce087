//! For tests of the engine: a small store, driven key by key, and what has to hold of it at any moment.

use fastrand::Rng;
use larder_proto::effect::{Effect, EffectSink, Stamp};
use larder_proto::time::{Deadline, Millis};

use super::{
    Access, CollectionLimits, Database, Eviction, HashLimits, ListLimits, OutOfMemory, PartitionSet,
    SetLimits, SortedSetLimits, Store, StoreSettings, Writer,
};

/// A store with a clock and a seed.
pub(super) struct Rig {
    pub(super) store: Store,
    pub(super) now: Millis,
    pub(super) random: Rng,
    /// Highest resident memory that was seen after a write.
    pub(super) highest: usize,
}

/// Effects that nobody reads.
pub(super) struct Nowhere;

impl EffectSink for Nowhere {
    fn effect(&mut self, _: Stamp, _: &Effect<'_>) {}
}

pub(super) const START: Millis = Millis(1_000_000_000);

impl Rig {
    /// With so many bytes and this policy.
    pub(super) fn new(memory_bytes: usize, eviction: &str) -> Self {
        let settings = StoreSettings {
            memory_bytes_max: memory_bytes,
            eviction: Eviction::named(eviction).unwrap(),
            collection_limits: CollectionLimits {
                hash: HashLimits { entries_max: 512, value_bytes_max: 64 },
                list: ListLimits { bytes_max: 8 << 10, entries_max: 128 },
                set: SetLimits { integers_max: 512, entries_max: 128, value_bytes_max: 64 },
                sorted_set: SortedSetLimits { entries_max: 128, member_bytes_max: 64 },
            },
            // The same in each run, so that what fails fails again.
            hash_seed: Some(7),
        };
        let store = Store::new(&settings).unwrap();
        Self { store, now: START, random: Rng::with_seed(7), highest: 0 }
    }

    /// What one request changes, without asking for room.
    pub(super) fn write<R>(&mut self, key: &[u8], act: impl FnOnce(&mut Writer<'_, '_>) -> R) -> R {
        let mut keyspace = self.store.lock_one(key, None, Access::Write, (Database::default(), self.now));
        let result = act(&mut Writer::new(&mut keyspace, &mut Nowhere));
        drop(keyspace);
        self.highest = self.highest.max(self.store.memory().snapshot().resident());
        result
    }

    /// Asks for room for so many bytes, as a request with so many does.
    pub(super) fn room(&mut self, bytes: usize) -> Result<(), OutOfMemory> {
        self.store.make_room(bytes + REQUEST_BYTES, self.now, &mut self.random)
    }

    /// SET, as a request does it.
    pub(super) fn set(&mut self, key: &[u8], value: &[u8], deadline: Deadline) -> Result<(), OutOfMemory> {
        self.room(key.len() + value.len())?;
        self.write(key, |keys| keys.set(key, value, deadline));
        Ok(())
    }

    /// Like [`Rig::set`], of a value that is its key over and over.
    pub(super) fn put(&mut self, key: &str, bytes: usize) -> Result<(), OutOfMemory> {
        self.set(key.as_bytes(), &value_of(key, bytes), Deadline::NEVER)
    }

    /// Like [`Rig::put`], for so many milliseconds.
    pub(super) fn put_for(&mut self, key: &str, bytes: usize, ms: u64) -> Result<(), OutOfMemory> {
        let deadline = self.after(ms);
        self.set(key.as_bytes(), &value_of(key, bytes), deadline)
    }

    /// GET, which is a use.
    pub(super) fn get(&self, key: &str) -> Option<Vec<u8>> {
        let keyspace =
            self.store.lock_one(key.as_bytes(), None, Access::Read, (Database::default(), self.now));
        keyspace.string(key.as_bytes()).unwrap().map(<[u8]>::to_vec)
    }

    pub(super) fn after(&self, ms: u64) -> Deadline {
        Deadline::at(Millis(self.now.0 + ms))
    }

    pub(super) fn wait(&mut self, ms: u64) {
        self.now = Millis(self.now.0 + ms);
    }

    pub(super) fn flush(&mut self) {
        let all = PartitionSet::all();
        let mut keyspace = self.store.lock(&all, Access::Write, Database::default(), self.now);
        Writer::new(&mut keyspace, &mut Nowhere).flush(Database::default());
    }

    pub(super) fn keys(&self) -> usize {
        self.store.size(Database::default()).keys
    }

    pub(super) fn resident(&self) -> usize {
        self.store.memory().snapshot().resident()
    }

    pub(super) fn evicted(&self) -> u64 {
        self.store.memory().snapshot().evicted_keys
    }

    /// Part of the limit that live data takes, in per cent.
    pub(super) fn live_percent(&self) -> usize {
        let used = self.store.memory().snapshot();
        used.data * 100 / used.limit
    }

    /// Every counter says what is there.
    pub(super) fn assert_counted(&self) {
        assert_eq!(self.store.counted(), self.store.recount());
    }

    /// The limit was kept at all times, but for what one write takes before the next makes room for it.
    pub(super) fn assert_limited(&self) {
        let limit = self.store.memory().limit();
        let allowed = limit + limit / 50 + OVER_BYTES;
        assert!(self.highest <= allowed, "{} bytes were resident, limit {limit}", self.highest);
    }
}

/// A value that tells whose it is.
pub(super) fn value_of(key: &str, bytes: usize) -> Vec<u8> {
    let mut value = key.as_bytes().repeat(bytes / key.len() + 1);
    value.truncate(bytes);
    value
}

/// What a request is taken to need beside its arguments.
const REQUEST_BYTES: usize = 64;

/// A table that grows and an item that found no other place, at a moment.
const OVER_BYTES: usize = 32 << 10;
