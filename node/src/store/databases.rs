//! The numbered databases of a service (SELECT), and how many keys each holds in this node. What they are in each
//! partition is the partition's.

use std::ops::AddAssign;

use crate::sync::{AtomicI64, Ordering};

/// Databases of a service.
pub const DATABASES: usize = 16;

/// A database's number, `0..16`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Database(u8);

impl Database {
    /// The database with this number, if there is one.
    #[must_use]
    pub fn new(number: i64) -> Option<Self> {
        u8::try_from(number).ok().filter(|&number| usize::from(number) < DATABASES).map(Self)
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> usize {
        self.0 as usize
    }

    /// The number, as effects have it.
    #[must_use]
    pub const fn byte(self) -> u8 {
        self.0
    }

    /// All databases, ascending.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..DATABASES as u8).map(Self)
    }
}

/// How much a database holds, expired keys that are not reclaimed yet included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DatabaseSize {
    /// Keys.
    pub keys: usize,
    /// Keys with a deadline.
    pub deadlines: usize,
}

impl AddAssign for DatabaseSize {
    fn add_assign(&mut self, other: Self) {
        self.keys += other.keys;
        self.deadlines += other.deadlines;
    }
}

/// How much each database holds in all partitions of this node: sums of what the partitions count, for those who ask
/// without a lock. Written under the lock of the partition that changes.
#[derive(Debug, Default)]
pub(super) struct Databases([Row; DATABASES]);

#[derive(Debug, Default)]
struct Row {
    keys: AtomicI64,
    deadlines: AtomicI64,
}

impl Databases {
    pub(super) fn size(&self, database: Database) -> DatabaseSize {
        let row = &self.0[database.number()];
        let count = |counter: &AtomicI64| usize::try_from(counter.load(Ordering::Relaxed)).unwrap_or(0);
        DatabaseSize { keys: count(&row.keys), deadlines: count(&row.deadlines) }
    }

    pub(super) fn count(&self, database: Database, keys: i64, deadlines: i64) {
        let row = &self.0[database.number()];
        if keys != 0 {
            row.keys.fetch_add(keys, Ordering::Relaxed);
        }
        if deadlines != 0 {
            row.deadlines.fetch_add(deadlines, Ordering::Relaxed);
        }
    }
}
