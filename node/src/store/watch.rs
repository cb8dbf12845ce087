//! WATCH: whether one of a connection's keys was touched since. Discarding the transaction is left to the server.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::quality::RandomState;
use larder_proto::slot::Partition;
use larder_proto::time::Millis;

use super::databases::Database;
use super::engine::Store;
use crate::sync::{AtomicBool, Ordering};

/// Set once one of the watched keys is touched. Shared by the connection and the partitions of its keys.
#[derive(Debug, Clone, Default)]
pub struct Watch(Arc<AtomicBool>);

impl WatchedKey {
    /// The client's key.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        &self.key
    }
}

impl Watch {
    /// A watch that is touched already: of keys of which nobody knows what became of them.
    #[must_use]
    pub fn touched() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }

    /// Whether a watched key was touched.
    #[must_use]
    pub fn is_touched(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    fn touch(&self) {
        self.0.store(true, Ordering::Release);
    }
}

/// A key that a connection watches, as it was when the watch began.
#[derive(Debug, Clone)]
pub struct WatchedKey {
    pub(super) key: Box<[u8]>,
    pub(super) database: Database,
    /// The key existed. If it does not at EXEC, it expired or was evicted, which no effect tells.
    pub(super) existed: bool,
}

impl Store {
    /// Begins to watch a key of a database.
    #[must_use]
    pub fn watch(&self, database: Database, key: &[u8], watch: &Watch, now: Millis) -> WatchedKey {
        let partition = Partition::of(key);
        let mut shard = self.shards[self.shard_of(partition)].write();
        let existed = shard.has(&self.common, (partition, database), key, now);
        shard.watchers.add(database, key, watch);
        WatchedKey { key: key.into(), database, existed }
    }

    /// Ends what [`Store::watch`] began.
    pub fn unwatch(&self, watched: &WatchedKey, watch: &Watch) {
        let mut shard = self.shards[self.shard_of(Partition::of(&watched.key))].write();
        shard.watchers.remove(watched.database, &watched.key, watch);
    }
}

/// Who watches which key of one shard. A watch is of a database's number, whatever that is after a flush or a
/// swap. Guarded by the shard's lock.
#[derive(Debug, Default)]
pub(super) struct Watchers {
    by_key: HashMap<(Database, Box<[u8]>), Vec<Watch>, RandomState>,
}

impl Watchers {
    fn add(&mut self, database: Database, key: &[u8], watch: &Watch) {
        self.by_key.entry((database, key.into())).or_default().push(watch.clone());
    }

    fn remove(&mut self, database: Database, key: &[u8], watch: &Watch) {
        let key = (database, key.into());
        let Some(watches) = self.by_key.get_mut(&key) else { return };
        watches.retain(|other| !Arc::ptr_eq(&other.0, &watch.0));
        if watches.is_empty() {
            self.by_key.remove(&key);
        }
    }

    #[inline]
    pub(super) fn touch(&self, database: Database, key: &[u8]) {
        if !self.by_key.is_empty() {
            self.by_key.get(&(database, key.into())).into_iter().flatten().for_each(Watch::touch);
        }
    }

    /// Touches every watched key for which `changes` holds.
    pub(super) fn touch_all(&self, mut changes: impl FnMut(Database, &[u8]) -> bool) {
        for ((database, key), watches) in &self.by_key {
            if changes(*database, key) {
                watches.iter().for_each(Watch::touch);
            }
        }
    }
}
