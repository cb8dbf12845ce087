//! The numbered databases of a service (SELECT), each a namespace of its own, and how many keys each holds.

use larder_proto::effect::Namespace;

use crate::sync::{AtomicI64, AtomicU32, Ordering};

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

/// Which namespace each database is at present. Written only while every partition is locked (flush, swap), so that
/// whoever holds a partition can rely on what it reads; the counters are written under the lock of the key's partition.
#[derive(Debug)]
pub(super) struct Databases {
    rows: [Row; DATABASES],
    next_namespace: AtomicU32,
}

#[derive(Debug)]
struct Row {
    namespace: AtomicU32,
    keys: AtomicI64,
    deadlines: AtomicI64,
}

impl Databases {
    pub(super) fn new() -> Self {
        let row = |number: usize| Row {
            namespace: AtomicU32::new(number as u32),
            keys: AtomicI64::new(0),
            deadlines: AtomicI64::new(0),
        };
        Self { rows: std::array::from_fn(row), next_namespace: AtomicU32::new(DATABASES as u32) }
    }

    #[inline]
    pub(super) fn namespace(&self, database: Database) -> Namespace {
        Namespace(self.rows[database.number()].namespace.load(Ordering::Acquire))
    }

    /// The database that this namespace is, or `None` if it was flushed.
    #[inline]
    pub(super) fn database(&self, namespace: Namespace) -> Option<Database> {
        // Until the first flush or swap every database is the namespace of its number.
        let same = Database::new(namespace.0.into()).filter(|&same| self.namespace(same) == namespace);
        same.or_else(|| self.database_among_all(namespace))
    }

    fn database_among_all(&self, namespace: Namespace) -> Option<Database> {
        Database::all().find(|&database| self.namespace(database) == namespace)
    }

    pub(super) fn size(&self, database: Database) -> DatabaseSize {
        let row = &self.rows[database.number()];
        let count = |counter: &AtomicI64| usize::try_from(counter.load(Ordering::Relaxed)).unwrap_or(0);
        DatabaseSize { keys: count(&row.keys), deadlines: count(&row.deadlines) }
    }

    pub(super) fn count(&self, database: Database, keys: i64, deadlines: i64) {
        let row = &self.rows[database.number()];
        if keys != 0 {
            row.keys.fetch_add(keys, Ordering::Relaxed);
        }
        if deadlines != 0 {
            row.deadlines.fetch_add(deadlines, Ordering::Relaxed);
        }
    }

    /// Counts keys of a namespace, if it is a database's still.
    pub(super) fn count_in(&self, namespace: Namespace, keys: i64, deadlines: i64) {
        if let Some(database) = self.database(namespace) {
            self.count(database, keys, deadlines);
        }
    }

    /// Makes the database a new namespace, with which it is empty. Every partition is locked by the caller.
    pub(super) fn flush(&self, database: Database) {
        let row = &self.rows[database.number()];
        row.namespace.store(self.next_namespace.fetch_add(1, Ordering::AcqRel), Ordering::Release);
        row.keys.store(0, Ordering::Relaxed);
        row.deadlines.store(0, Ordering::Relaxed);
    }

    /// Lets two databases change places. Every partition is locked by the caller.
    pub(super) fn swap(&self, one: Database, other: Database) {
        let (one, other) = (&self.rows[one.number()], &self.rows[other.number()]);
        let namespace = one.namespace.swap(other.namespace.load(Ordering::Acquire), Ordering::AcqRel);
        other.namespace.store(namespace, Ordering::Release);
        for (left, right) in [(&one.keys, &other.keys), (&one.deadlines, &other.deadlines)] {
            let count = left.swap(right.load(Ordering::Relaxed), Ordering::Relaxed);
            right.store(count, Ordering::Relaxed);
        }
    }
}
