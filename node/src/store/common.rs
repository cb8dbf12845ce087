//! What all shards share: the databases, the account of memory, the ranking of items, the hasher.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;

use fastrand::Rng;
use foldhash::SharedSeed;
use foldhash::quality::FoldHasher;
use larder_proto::effect::Order;
use larder_proto::slot::{PARTITIONS, Partition};
use larder_proto::time::{Deadline, Millis};

use super::databases::{DATABASES, Database, Databases};
use super::eviction::EvictionChoice;
use super::memory::{Memory, Part};
use super::parts::Namespace;
use super::ranking::{Evicted, Ranking};
use super::table::Tag;
use super::value::Value;
use crate::sync::{AtomicBool, AtomicU64, Mutex, Ordering};

/// Shared by all shards; all of it changes under a shared reference.
#[derive(Debug)]
pub(super) struct Common {
    seed: SharedSeed,
    /// With which a key is hashed, by what its database lies as.
    place_seeds: [u64; DATABASES],
    /// What the databases of each partition lie as, for those who do not hold it. Written under its lock.
    orders: Box<[AtomicU64]>,
    pub(super) databases: Databases,
    pub(super) memory: Memory,
    pub(super) ranking: Ranking,
    pub(super) eviction: EvictionChoice,
    /// Large collections that were removed and are dropped piece by piece in the background. They still count as memory
    /// in use, so they are as many as fit the limit.
    pub(super) removed: Mutex<Vec<Value>>,
    pub(super) lag: Lag,
    /// Nothing was evicted yet, so what is remembered of evicted keys takes no memory.
    ghosts: AtomicBool,
    /// Other nodes hold copies of what is here.
    copied: AtomicBool,
}

/// How late keys past their deadline were reclaimed.
#[derive(Debug, Default)]
pub(super) struct Lag {
    keys: AtomicU64,
    total_ms: AtomicU64,
    late_keys: AtomicU64,
    max_ms: AtomicU64,
}

/// How late keys past their deadline were reclaimed since the start. Nobody reads a key past its deadline; this is
/// about its memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExpiryLag {
    /// Keys reclaimed.
    pub keys: u64,
    /// Sum of all delays in milliseconds.
    pub total_ms: u64,
    /// Keys that were reclaimed more than a second late.
    pub late_keys: u64,
    /// The longest delay in milliseconds.
    pub max_ms: u64,
}

/// A key on its way to its item.
#[derive(Clone, Copy)]
pub(super) struct Lookup<'a> {
    pub(super) tag: Tag,
    pub(super) hash: u64,
    pub(super) partition: Partition,
    pub(super) namespace: Namespace,
    pub(super) key: &'a [u8],
}

impl Common {
    /// Keys are hashed with this seed, or with a random one.
    ///
    /// # Errors
    /// The kernel does not give the addresses.
    pub(super) fn new(
        memory_bytes_max: usize,
        eviction: EvictionChoice,
        hash_seed: Option<u64>,
    ) -> io::Result<Self> {
        let hash_seed = hash_seed.unwrap_or_else(|| RandomState::new().hash_one(()));
        let mut seeds = Rng::with_seed(hash_seed);
        Ok(Self {
            seed: SharedSeed::from_u64(seeds.u64(..)),
            place_seeds: std::array::from_fn(|_| seeds.u64(..)),
            orders: (0..PARTITIONS).map(|_| AtomicU64::new(Order::FIRST.number())).collect(),
            databases: Databases::default(),
            memory: Memory::new(memory_bytes_max),
            ranking: Ranking::new(memory_bytes_max)?,
            eviction,
            removed: Mutex::default(),
            lag: Lag::default(),
            ghosts: AtomicBool::new(true),
            copied: AtomicBool::new(false),
        })
    }

    /// Whether other nodes hold copies of what is here.
    pub(super) fn is_copied(&self) -> bool {
        self.copied.load(Ordering::Relaxed)
    }

    /// Other nodes hold copies from here on.
    pub(super) fn set_copied(&self) {
        self.copied.store(true, Ordering::Relaxed);
    }

    /// The hash of a key in a database that lies as this: the same on all nodes that have the same seed.
    #[inline]
    pub(super) fn hash(&self, place: u8, key: &[u8]) -> u64 {
        let mut hasher = FoldHasher::with_seed(self.place_seeds[usize::from(place)], &self.seed);
        hasher.write(key);
        hasher.finish()
    }

    #[inline]
    pub(super) fn tag(&self, namespace: Namespace, key: &[u8]) -> Tag {
        Tag::of_hash(self.hash(namespace.place(), key))
    }

    /// What a database of a partition lies as, which may change at any moment.
    #[inline]
    pub(super) fn place(&self, partition: Partition, database: Database) -> u8 {
        // Whoever locks the partition afterwards compares: a stale answer costs time only.
        let order = self.orders[partition.index()].load(Ordering::Relaxed);
        Order::place_in(order, database.byte())
    }

    /// Notes what the databases of a partition lie as, whose lock is held.
    pub(super) fn note_order(&self, partition: Partition, order: Order) {
        self.orders[partition.index()].store(order.number(), Ordering::Relaxed);
    }

    /// Notes what was evicted.
    pub(super) fn note_evicted(&self, evicted: &Evicted) {
        let order = self.eviction.get().order();
        if self.ghosts.swap(false, Ordering::Relaxed) {
            // Untouched until now, so not resident.
            self.memory.charge(Part::Index, self.ranking.ghost_bytes() as i64);
        }
        self.ranking.note_evicted(order, evicted, self.memory.data());
    }

    /// Bytes of what is remembered of evicted keys, once there are any.
    #[cfg(any(test, feature = "recount"))]
    pub(super) fn ghost_bytes(&self) -> usize {
        if self.ghosts.load(Ordering::Relaxed) { 0 } else { self.ranking.ghost_bytes() }
    }

    /// Drops collections that were removed: small ones at once, large ones in the background.
    pub(super) fn drop_later(&self, removed: Vec<Value>) {
        for value in removed {
            let bytes = value.heap_bytes();
            if bytes >= DROP_LATER_BYTES_MIN {
                self.memory.charge(Part::Heap, bytes as i64);
                self.removed.lock().push(value);
            }
        }
    }
}

impl Lag {
    pub(super) fn note(&self, deadline: Deadline, now: Millis) {
        let Some(moment) = deadline.moment() else { return };
        let late = now.since(moment);
        self.keys.fetch_add(1, Ordering::Relaxed);
        self.total_ms.fetch_add(late, Ordering::Relaxed);
        self.late_keys.fetch_add(u64::from(late > 1_000), Ordering::Relaxed);
        self.max_ms.fetch_max(late, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> ExpiryLag {
        ExpiryLag {
            keys: self.keys.load(Ordering::Relaxed),
            total_ms: self.total_ms.load(Ordering::Relaxed),
            late_keys: self.late_keys.load(Ordering::Relaxed),
            max_ms: self.max_ms.load(Ordering::Relaxed),
        }
    }
}

/// From this size on a removed collection is dropped in the background. Freeing less takes some microseconds.
const DROP_LATER_BYTES_MIN: usize = 64 << 10;
