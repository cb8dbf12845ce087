//! Going through the keys of a database, one partition at a time: SCAN, KEYS, RANDOMKEY.
//!
//! A cursor names a partition and a place in its roster. A key keeps its place while it lives, so every key that is
//! there from the beginning of a scan to its end is visited, once.

use fastrand::Rng;
use larder_proto::slot::{PARTITIONS, Partition};
use larder_proto::time::Millis;

use super::databases::Database;
use super::engine::{Book, Store};
use super::held::Held;
use super::index::Readable;
use super::item::Item;
use super::keyspace::Keyspace;

/// How far a scan came. 0 is both the start and the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor(pub u64);

/// Walks the keys of one database. Within a transaction, which holds every partition, it walks those; otherwise it
/// locks one partition after the other.
pub struct Walker<'w, 's> {
    store: &'w Store,
    held: Option<&'w Keyspace<'s>>,
    database: Database,
    now: Millis,
}

impl<'w, 's> Walker<'w, 's> {
    /// Walks on its own.
    #[must_use]
    pub const fn new(store: &'w Store, database: Database, now: Millis) -> Self {
        Self { store, held: None, database, now }
    }

    /// Walks what a transaction holds: every partition, for writing.
    #[must_use]
    pub const fn over(held: &'w Keyspace<'s>) -> Self {
        Self { store: held.store, held: Some(held), database: held.database, now: held.now }
    }

    /// Visits about `count` keys from the cursor on.
    pub fn scan(&self, cursor: Cursor, count: usize, mut visit: impl FnMut(&[u8], &Item)) -> Cursor {
        let (mut partition, mut place) = unpack(cursor);
        let mut budget = Budget { keys: count.max(1), places: count.max(1).saturating_mul(PLACES_PER_KEY) };
        while let Some(current) = Partition::new(partition) {
            match self.scan_partition(current, place, &mut budget, &mut visit) {
                Some(next) => return pack(partition, next),
                None => (partition, place) = (partition + 1, 0),
            }
            if budget.is_spent() {
                return if partition < PARTITIONS { pack(partition, 0) } else { Cursor(0) };
            }
        }
        Cursor(0)
    }

    /// Visits a key chosen at random, if there is one.
    pub fn random(&self, random: &mut Rng, visit: impl FnOnce(&[u8])) {
        let first = random.u16(..PARTITIONS);
        let mut chosen = None;
        for offset in 0..PARTITIONS {
            let Some(partition) = Partition::new((first + offset) % PARTITIONS) else { continue };
            self.with(partition, |table, book| chosen = self.pick(table, book, random));
            if chosen.is_some() {
                break;
            }
        }
        if let Some(key) = chosen {
            visit(&key);
        }
    }

    /// The place where the scan goes on in this partition, `None` at its end.
    fn scan_partition(
        &self,
        partition: Partition,
        from: u32,
        budget: &mut Budget,
        visit: &mut impl FnMut(&[u8], &Item),
    ) -> Option<u32> {
        let namespace = self.store.databases.namespace(self.database);
        let mut resume = None;
        self.with(partition, |table, book| {
            for (place, entry) in book.roster.from(from) {
                if budget.is_spent() {
                    resume = Some(place);
                    return;
                }
                budget.places = budget.places.saturating_sub(1);
                if entry.namespace != namespace || entry.deadline.passed(self.now) {
                    continue;
                }
                if let Some((key, item)) = table.at(entry.hash, place) {
                    visit(&key.bytes, item);
                    budget.keys -= 1;
                }
            }
        });
        resume
    }

    fn pick(&self, table: &dyn Readable, book: &Book, random: &mut Rng) -> Option<Box<[u8]>> {
        let places = u32::try_from(book.roster.places()).ok().filter(|&places| places > 0)?;
        let namespace = self.store.databases.namespace(self.database);
        let readable = |place: u32| {
            let entry = book.roster.get(place)?;
            let alive = entry.namespace == namespace && !entry.deadline.passed(self.now);
            let (key, _) = table.at(entry.hash, place).filter(|_| alive)?;
            Some(key.bytes.clone())
        };
        let drawn = (0..PICK_TRIES_MAX).find_map(|_| readable(random.u32(..places)));
        drawn.or_else(|| (0..places).find_map(readable))
    }

    fn with(&self, partition: Partition, f: impl FnOnce(&dyn Readable, &Book)) {
        match self.held.map(|keyspace| &keyspace.held) {
            None => {
                let (table, book) = self.store.lock_to_walk(partition);
                f(&table, &book);
            }
            Some(Held::Write(all)) => {
                if let Some(locked) = all.get(partition.index()) {
                    f(&locked.table, &locked.book);
                }
            }
            Some(Held::Read(_)) => {}
        }
    }
}

struct Budget {
    keys: usize,
    places: usize,
}

impl Budget {
    const fn is_spent(&self) -> bool {
        self.keys == 0 || self.places == 0
    }
}

const fn unpack(cursor: Cursor) -> (u16, u32) {
    ((cursor.0 % PARTITIONS as u64) as u16, (cursor.0 / PARTITIONS as u64) as u32)
}

const fn pack(partition: u16, place: u32) -> Cursor {
    Cursor(place as u64 * PARTITIONS as u64 + partition as u64)
}

/// Places looked at for each key asked for, so that a call stays short where most keys are another database's.
const PLACES_PER_KEY: usize = 64;

/// Places drawn before a random choice falls back to walking.
const PICK_TRIES_MAX: usize = 32;
