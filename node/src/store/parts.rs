//! What a shard knows of each of its partitions: which namespaces its databases are, how much each holds, the number of
//! the last effect. Guarded by the shard's lock.
//!
//! A database of a partition is a namespace, a number before each key. Its lower four bits say what the database lies
//! as ([`Order`]), which is hashed with the key and so the same on every node; the rest is a generation of this node
//! alone. A flush gives the database another generation: its old keys are out of reach at once, and the sweep reclaims
//! them. Generations that the sweep has done with come again, so that the number stays one byte.

use larder_proto::effect::Order;
use larder_proto::slot::Partition;
use larder_proto::time::{Deadline, Millis};

use super::common::{Common, Lookup};
use super::databases::{DATABASES, Database, DatabaseSize};
use super::item::Layout;
use super::shard::Shard;
use super::table::Tag;

/// A database of a partition in one generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Namespace(pub(super) u32);

impl Namespace {
    #[inline]
    const fn new(generation: u32, place: u8) -> Self {
        Self(generation << PLACE_BITS | place as u32)
    }

    /// What the database lies as.
    #[inline]
    pub(super) const fn place(self) -> u8 {
        (self.0 & PLACE_MASK) as u8
    }
}

/// By how much what a partition holds grows or shrinks.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Change {
    pub(super) keys: i64,
    pub(super) deadlines: i64,
    /// Of items and collections.
    pub(super) bytes: i64,
}

impl Change {
    /// Less what an item at this place is, but for its key.
    pub(super) fn without(self, layout: &Layout, at: u32) -> Self {
        let bytes = layout.end - at as usize;
        let deadlines = self.deadlines - i64::from(layout.deadline != Deadline::NEVER);
        Self { deadlines, bytes: self.bytes - bytes as i64, ..self }
    }
}

/// One partition.
#[derive(Debug)]
pub(super) struct Part {
    order: Order,
    /// Number of the last effect.
    pub(super) sequence: u64,
    /// The next generation beyond those that a mask tells apart.
    next: u32,
    /// Database 0, and the others once one of them was written.
    first: Row,
    others: Option<Box<[Row; DATABASES - 1]>>,
}

/// One database of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    bytes: u64,
    generation: u32,
    keys: u32,
    deadlines: u32,
    /// The low generations that are in use, or of which items may be left.
    used: u8,
}

static EMPTY: Row = Row::EMPTY;

impl Row {
    const EMPTY: Self = Self { bytes: 0, generation: 0, keys: 0, deadlines: 0, used: 1 };

    fn change(&mut self, change: Change) {
        self.keys = self.keys.saturating_add_signed(change.keys as i32);
        self.deadlines = self.deadlines.saturating_add_signed(change.deadlines as i32);
        self.bytes = self.bytes.saturating_add_signed(change.bytes);
    }
}

impl Part {
    pub(super) const fn new() -> Self {
        let (order, next) = (Order::FIRST, u8::BITS);
        Self { order, sequence: 0, next, first: Row::EMPTY, others: None }
    }

    pub(super) const fn order(&self) -> Order {
        self.order
    }

    /// Which namespace a database is.
    #[inline]
    pub(super) fn namespace(&self, database: Database) -> Namespace {
        Namespace::new(self.row(database).generation, self.order.place(database.byte()))
    }

    /// The database that this namespace is, or `None` if it was flushed.
    #[inline]
    pub(super) fn database(&self, namespace: Namespace) -> Option<Database> {
        // Until two databases change places each lies as its number.
        let same = Database::new(namespace.place().into()).filter(|&same| self.namespace(same) == namespace);
        same.or_else(|| Database::all().find(|&database| self.namespace(database) == namespace))
    }

    pub(super) fn size(&self, database: Database) -> DatabaseSize {
        let row = self.row(database);
        DatabaseSize { keys: row.keys as usize, deadlines: row.deadlines as usize }
    }

    /// Bytes of items and collections in all databases.
    pub(super) fn bytes(&self) -> u64 {
        self.databases().map(|database| self.row(database).bytes).sum()
    }

    /// The databases that may hold something.
    pub(super) fn databases(&self) -> impl Iterator<Item = Database> + use<> {
        Database::all().take(if self.others.is_some() { DATABASES } else { 1 })
    }

    #[inline]
    fn row(&self, database: Database) -> &Row {
        match database.number().checked_sub(1) {
            None => &self.first,
            Some(number) => self.others.as_ref().map_or(&EMPTY, |others| &others[number]),
        }
    }

    #[inline]
    fn row_mut(&mut self, database: Database) -> &mut Row {
        match database.number().checked_sub(1) {
            None => &mut self.first,
            Some(number) => &mut self
                .others
                .get_or_insert_with(|| Box::new([const { Row::EMPTY }; DATABASES - 1]))[number],
        }
    }

    /// Makes a database that holds something a namespace of which nothing is left.
    fn empty(&mut self, database: Database) {
        let next = self.next;
        let row = self.row_mut(database);
        let free = row.used.trailing_ones();
        let generation = if free < u8::BITS { free } else { next };
        let used = row.used | 1_u8.checked_shl(free).unwrap_or(0);
        *row = Row { generation, used, ..Row::EMPTY };
        self.next += u32::from(generation == next);
    }

    fn swap(&mut self, one: Database, other: Database) {
        if self.row(one) != self.row(other) {
            let row = self.row(one).clone();
            *self.row_mut(one) = std::mem::replace(self.row_mut(other), row);
        }
        self.order = self.order.swapped(one.byte(), other.byte());
    }

    /// Nothing is left of generations that are not in use.
    fn forget_generations(&mut self) {
        let mut next = u8::BITS;
        for database in self.databases() {
            let row = self.row_mut(database);
            row.used = 1_u8.checked_shl(row.generation).unwrap_or(0);
            next = next.max(row.generation + 1);
        }
        self.next = next;
    }
}

impl Shard {
    /// A partition of this shard.
    #[inline]
    pub(super) fn part(&self, partition: Partition) -> &Part {
        // As many as a power of two.
        &self.parts[partition.index() & (self.parts.len() - 1)]
    }

    #[inline]
    pub(super) fn part_mut(&mut self, partition: Partition) -> &mut Part {
        let place = partition.index() & (self.parts.len() - 1);
        &mut self.parts[place]
    }

    /// How to find a key of a database of a partition.
    pub(super) fn lookup<'a>(
        &self,
        common: &Common,
        (partition, database): (Partition, Database),
        key: &'a [u8],
    ) -> Lookup<'a> {
        let namespace = self.part(partition).namespace(database);
        let hash = common.hash(namespace.place(), key);
        Lookup { tag: Tag::of_hash(hash), hash, partition, namespace, key }
    }

    /// Whether a key of a database is there at this moment.
    pub(super) fn has(&self, common: &Common, place: (Partition, Database), key: &[u8], now: Millis) -> bool {
        let found = self.find(&self.lookup(common, place, key));
        found.is_some_and(|found| !found.layout.deadline.passed(now))
    }

    /// Counts what a database of a partition holds more or less, unless it was flushed.
    pub(super) fn count(
        &mut self,
        common: &Common,
        partition: Partition,
        namespace: Namespace,
        change: Change,
    ) {
        let part = self.part_mut(partition);
        if let Some(database) = part.database(namespace) {
            part.row_mut(database).change(change);
            common.databases.count(database, change.keys, change.deadlines);
        }
    }

    /// Whether items may be left that a flush put out of reach.
    #[inline]
    pub(super) const fn has_flushed(&self) -> bool {
        self.purged != self.flushes
    }

    /// Whether an item is one that a flush put out of reach.
    pub(super) fn is_flushed(&self, layout: &Layout) -> bool {
        let partition = || Partition::of(layout.key(self.region.bytes()));
        self.has_flushed() && self.part(partition()).database(layout.namespace).is_none()
    }

    /// Removes every key that a partition has in a database; their memory comes back in the background.
    pub(super) fn flush(&mut self, common: &Common, partition: Partition, database: Database) {
        let part = self.part_mut(partition);
        let DatabaseSize { keys, deadlines } = part.size(database);
        // Where nothing is counted, nothing lies that could be read.
        if keys > 0 {
            part.empty(database);
            common.databases.count(database, -(keys as i64), -(deadlines as i64));
            self.flushes += 1;
        }
    }

    /// Removes every key that a partition has, and lets its databases lie in this order.
    pub(super) fn clear(&mut self, common: &Common, partition: Partition, order: Order) {
        self.part(partition).databases().for_each(|database| self.flush(common, partition, database));
        let part = self.part_mut(partition);
        if part.order == order {
            return;
        }
        for database in Database::all() {
            // Each is empty, so what is put into order is only what they lie as.
            let lies = |other: &Database| part.order.place(other.byte()) == order.place(database.byte());
            if let Some(other) = Database::all().find(lies) {
                part.swap(database, other);
            }
        }
        common.note_order(partition, order);
    }

    /// Lets two databases of a partition change places.
    pub(super) fn swap(&mut self, common: &Common, partition: Partition, one: Database, other: Database) {
        let part = self.part_mut(partition);
        let (first, second) = (part.size(one), part.size(other));
        let (keys, deadlines) =
            (second.keys as i64 - first.keys as i64, second.deadlines as i64 - first.deadlines as i64);
        part.swap(one, other);
        common.databases.count(one, keys, deadlines);
        common.databases.count(other, -keys, -deadlines);
        common.note_order(partition, self.part(partition).order);
    }

    /// Notes that nothing is left of what was flushed before the sweep began to look.
    pub(super) fn note_purged(&mut self) {
        self.purged = self.purging;
        if !self.has_flushed() {
            self.parts.iter_mut().for_each(Part::forget_generations);
        }
    }
}

/// Bits that say what a database lies as.
const PLACE_BITS: u32 = 4;
const PLACE_MASK: u32 = (1 << PLACE_BITS) - 1;

/// There are 1,024 of them whatever the limit is.
const _: () = assert!(size_of::<Part>() <= 64);
