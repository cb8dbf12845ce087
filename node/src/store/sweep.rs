//! Reclaims what nobody can read any more: keys past their deadline, keys of flushed databases. Runs in the
//! background, a bounded number of places at a time; when to run is left to the caller.

use larder_proto::effect::Namespace;
use larder_proto::slot::Partition;
use larder_proto::time::Millis;
use smallvec::SmallVec;

use super::databases::Database;
use super::engine::Store;
use super::held::Locked;
use super::item::{Item, Key};
use super::memory::Memory;
use super::roster::Entry;

/// What one call did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Keys reclaimed.
    pub keys: usize,
    /// Where the next call on this partition goes on; `None` once its end was reached.
    pub resume: Option<u32>,
}

/// What was removed, to be dropped outside the lock.
pub(super) struct Discarded {
    /// Bytes that this gives back.
    pub(super) bytes: usize,
    _entry: (Key, Item),
}

impl Store {
    /// Looks through a partition from a place on, and reclaims what it finds: a bounded number of places and of keys.
    pub fn sweep(&self, partition: Partition, from: u32, now: Millis) -> Swept {
        let live: [Namespace; super::DATABASES] = std::array::from_fn(|number| {
            Database::new(number as i64).map_or(Namespace(0), |db| self.databases.namespace(db))
        });
        let is_gone = |entry: &Entry| entry.deadline.passed(now) || !live.contains(&entry.namespace);
        let (gone, resume) = {
            let (_table, book) = self.lock_to_walk(partition);
            let found = book.roster.among(from, PLACES_MAX as usize).filter(|(_, entry)| is_gone(entry));
            let gone: SmallVec<[u32; KEYS_MAX]> = found.map(|(at, _)| at).take(KEYS_MAX).collect();
            let full = (gone.len() == KEYS_MAX).then(|| gone.last().map_or(from, |last| last + 1));
            let next = full.unwrap_or(from.saturating_add(PLACES_MAX));
            (gone, Some(next).filter(|&next| (next as usize) < book.roster.places()))
        };
        if gone.is_empty() {
            return Swept { keys: 0, resume };
        }
        let mut locked = self.lock_to_write(partition);
        let mut removed = Vec::with_capacity(gone.len());
        for &position in &gone {
            // Between the locks another key may have taken the place.
            if locked.book.roster.get(position).is_some_and(is_gone) {
                removed.extend(self.discard(&mut locked, position, |memory| memory.count_expired(1)));
            }
        }
        drop(locked);
        Swept { keys: removed.len(), resume }
    }

    /// Removes the key at a place, without telling anybody: expiry and eviction are each node's own. A flushed key is
    /// not counted.
    pub(super) fn discard(
        &self,
        locked: &mut Locked<'_>,
        position: u32,
        count: impl FnOnce(&Memory),
    ) -> Option<Discarded> {
        let entry = *locked.book.roster.get(position)?;
        let (key, item, table_bytes) = locked.table.remove_at(entry.hash, position)?;
        let roster_bytes = locked.book.roster.remove(position);
        self.census.publish(locked.partition, &locked.book.roster);
        let bytes = item.heap_bytes(key.bytes.len()) + table_bytes + roster_bytes;
        self.memory.count_data(-(bytes as i64));
        if let Some(database) = self.databases.database(entry.namespace) {
            self.databases.count(database, -1, -i64::from(entry.deadline.moment().is_some()));
            count(&self.memory);
        }
        Some(Discarded { bytes, _entry: (key, item) })
    }
}

/// Keys reclaimed under one lock at most.
const KEYS_MAX: usize = 128;

/// Places looked at under one lock at most.
const PLACES_MAX: u32 = 8_192;
