//! WATCH: whether one of a connection's keys was touched since. Discarding the transaction is left to the server.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use foldhash::quality::RandomState;
use larder_proto::effect::Namespace;
use larder_proto::slot::Partition;
use larder_proto::time::Millis;

use super::databases::Database;
use super::engine::Store;
use super::index::Readable;
use super::item::Key;

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
    pub(super) namespace: Namespace,
    /// The key existed. If it does not at EXEC, it expired or was evicted, which no effect tells.
    pub(super) existed: bool,
}

impl Store {
    /// Begins to watch a key of a database.
    #[must_use]
    pub fn watch(&self, database: Database, key: &[u8], watch: &Watch, now: Millis) -> WatchedKey {
        let mut locked = self.lock_to_write(Partition::of(key));
        let namespace = self.databases.namespace(database);
        let item = locked.table.get(&self.index.lookup(namespace, key));
        let existed = item.is_some_and(|item| !item.deadline.passed(now));
        locked.book.watchers.add(Key { bytes: key.into(), namespace }, watch);
        WatchedKey { key: key.into(), namespace, existed }
    }

    /// Ends what [`Store::watch`] began.
    pub fn unwatch(&self, watched: &WatchedKey, watch: &Watch) {
        let mut locked = self.lock_to_write(Partition::of(&watched.key));
        let key = Key { bytes: watched.key.clone(), namespace: watched.namespace };
        locked.book.watchers.remove(&key, watch);
    }
}

/// Who watches which key of one partition. Guarded by the partition's lock.
#[derive(Debug, Default)]
pub(super) struct Watchers {
    by_key: HashMap<Key, Vec<Watch>, RandomState>,
}

impl Watchers {
    pub(super) fn add(&mut self, key: Key, watch: &Watch) {
        self.by_key.entry(key).or_default().push(watch.clone());
    }

    pub(super) fn remove(&mut self, key: &Key, watch: &Watch) {
        let Some(watches) = self.by_key.get_mut(key) else { return };
        watches.retain(|other| !Arc::ptr_eq(&other.0, &watch.0));
        if watches.is_empty() {
            self.by_key.remove(key);
        }
    }

    #[inline]
    pub(super) fn touch(&self, namespace: Namespace, key: &[u8]) {
        if self.by_key.is_empty() {
            return;
        }
        let key = Key { bytes: key.into(), namespace };
        self.by_key.get(&key).into_iter().flatten().for_each(Watch::touch);
    }

    /// Touches every watched key of the namespace for which `changes` holds.
    pub(super) fn touch_all(&self, namespace: Namespace, mut changes: impl FnMut(&[u8]) -> bool) {
        for (key, watches) in &self.by_key {
            if key.namespace == namespace && changes(&key.bytes) {
                watches.iter().for_each(Watch::touch);
            }
        }
    }
}
