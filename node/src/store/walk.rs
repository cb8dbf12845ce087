//! Going through the keys of a database: SCAN, KEYS, RANDOMKEY, the keys of a slot.
//!
//! Keys are visited in the order of their tags, which does not change while a table grows or shrinks. So every key that is
//! there from the beginning of a scan to its end is visited, once. A cursor of one node names a shard and a tag. A tag
//! among neighbouring partitions means the same on every node that has the same seed, however many shards it has: so a
//! scan of many nodes goes on where a partition went.

use fastrand::Rng;
use larder_proto::slot::{Partition, Slot};
use larder_proto::time::Millis;

use super::databases::Database;
use super::engine::{PartitionSet, Store};
use super::keyspace::Keyspace;
use super::shard::Shard;
use super::table::{Entry, Tag};
use super::view::Item;

/// How far a scan came. 0 is both the start and the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor(pub u64);

/// Neighbouring partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The first of them.
    pub first: Partition,
    /// How many.
    pub partitions: u16,
}

impl Run {
    /// Whether the partition is one of them.
    #[must_use]
    pub const fn contains(&self, partition: Partition) -> bool {
        let first = self.first.index();
        first <= partition.index() && partition.index() < first + self.partitions as usize
    }

    /// The partitions, ascending.
    pub fn iter(&self) -> impl Iterator<Item = Partition> {
        Partition::all().skip(self.first.index()).take(self.partitions.into())
    }
}

impl Store {
    /// The partitions that lie together with this one, which a scan goes through at the cost of one.
    #[must_use]
    pub fn run_of(&self, partition: Partition) -> Run {
        let number = self.shard_of(partition);
        let mut run = Partition::all().filter(|&partition| self.shard_of(partition) == number);
        let first = run.next().unwrap_or(partition);
        Run { first, partitions: 1 + run.count() as u16 }
    }
}

/// Walks the keys of one database. Within a transaction, which holds every partition, it walks those; otherwise it
/// locks one shard after the other.
pub struct Walker<'w, 's> {
    store: &'w Store,
    held: Option<&'w Keyspace<'s>>,
    /// The partitions whose keys are seen; `None`: all.
    only: Option<&'w PartitionSet>,
    database: Database,
    now: Millis,
}

impl<'w, 's> Walker<'w, 's> {
    /// Walks on its own.
    #[must_use]
    pub const fn new(store: &'w Store, database: Database, now: Millis) -> Self {
        Self { store, held: None, only: None, database, now }
    }

    /// Walks what a transaction holds: every partition, for writing.
    #[must_use]
    pub const fn over(held: &'w Keyspace<'s>) -> Self {
        Self { store: held.store, held: Some(held), only: None, database: held.database, now: held.now }
    }

    /// Sees the keys of these partitions alone.
    #[must_use]
    pub const fn among(self, partitions: &'w PartitionSet) -> Self {
        Self { only: Some(partitions), ..self }
    }

    /// The partitions that lie together with this one.
    #[must_use]
    pub fn run_of(&self, partition: Partition) -> Run {
        self.store.run_of(partition)
    }

    /// Visits about `count` keys of some neighbouring partitions, those whose tags are `from` or greater, the first being
    /// 0; where to go on, `None` at the end. Keys that lie between count in part, so that a call stays short.
    pub fn scan_run(
        &self,
        run: Run,
        from: u64,
        count: usize,
        mut visit: impl FnMut(&[u8], &Item<'_>),
    ) -> Option<u64> {
        let last = run.iter().last()?;
        let numbers = self.store.shard_of(run.first)..=self.store.shard_of(last);
        let mut tag = Tag::new(u32::try_from(from).unwrap_or(u32::MAX));
        let (mut keys, mut steps) = (count.max(1), STEPS_MAX);
        while tag < Tag::END {
            if keys == 0 || steps == 0 {
                return Some(tag.number().into());
            }
            let mut next = Tag::END;
            for number in numbers.clone() {
                self.with(number, |shard| next = next.min(shard.table.next_range(tag, keys)));
            }
            for number in numbers.clone() {
                self.with(number, |shard| {
                    keys = keys.saturating_sub(self.visit_range(shard, tag, next, &mut |partition, item| {
                        run.contains(partition).then(|| visit(item.key(), item))
                    }));
                });
                steps -= usize::from(steps > 0);
            }
            tag = next;
        }
        None
    }

    /// Visits up to `count_max` keys of a slot; how many. Locks for a piece of them at a time.
    pub fn slot_keys(&self, slot: Slot, count_max: usize, mut visit: impl FnMut(&[u8])) -> usize {
        let (mut visited, mut from) = (0, FIRST);
        while visited < count_max && from < Tag::END {
            self.with(self.store.shard_of(slot.partition()), |shard| {
                let to = shard.table.next_range(from, PICK_RANGE);
                self.visit_range(shard, from, to, &mut |partition, item| {
                    let wanted = partition == slot.partition() && Slot::of(item.key()) == slot;
                    if wanted && visited < count_max {
                        visit(item.key());
                        visited += 1;
                    }
                    wanted.then_some(())
                });
                from = to;
            });
        }
        visited
    }

    /// Visits about `count` keys from the cursor on; keys of other databases that lie between count as well, in part, so
    /// that a call stays short.
    pub fn scan(&self, cursor: Cursor, count: usize, mut visit: impl FnMut(&[u8], &Item<'_>)) -> Cursor {
        let (mut number, mut tag) = unpack(cursor);
        let (mut keys, mut steps) = (count.max(1), STEPS_MAX);
        while number < self.store.shards.len() {
            if keys == 0 || steps == 0 {
                return pack(number, tag);
            }
            let mut next = Tag::END;
            self.with(number, |shard| {
                next = shard.table.next_range(tag, keys);
                let visited = self.visit_range(shard, tag, next, &mut |_, item| {
                    visit(item.key(), item);
                    Some(())
                });
                keys = keys.saturating_sub(visited);
            });
            steps -= 1;
            (number, tag) = if next == Tag::END { (number + 1, FIRST) } else { (number, next) };
        }
        Cursor(0)
    }

    /// Visits all keys, however many shards they lie in.
    pub fn each(&self, mut visit: impl FnMut(&[u8])) {
        let mut cursor = Cursor::default();
        loop {
            cursor = self.scan(cursor, usize::MAX, |key, _| visit(key));
            if cursor == Cursor::default() {
                return;
            }
        }
    }

    /// Visits a key chosen at random, if there is one.
    pub fn random(&self, random: &mut Rng, visit: impl FnOnce(&[u8])) {
        if self.store.size(self.database).keys == 0 {
            return;
        }
        let shards = self.store.shards.len();
        let first = random.usize(..shards);
        let mut chosen = None;
        for number in (0..shards).map(|offset| (first + offset) % shards) {
            self.with(number, |shard| chosen = self.pick(shard, random));
            if chosen.is_some() {
                break;
            }
        }
        if let Some(key) = chosen {
            visit(&key);
        }
    }

    /// How many keys of the database have a tag in this range and are taken by `visit`.
    fn visit_range(
        &self,
        shard: &Shard,
        from: Tag,
        to: Tag,
        visit: &mut impl FnMut(Partition, &Item<'_>) -> Option<()>,
    ) -> usize {
        let mut visited = 0;
        shard.table.visit(from..to, |entry| {
            let item = self.item(shard, &entry);
            let seen = item.and_then(|(partition, item)| visit(partition, &item));
            visited += usize::from(seen.is_some());
        });
        visited
    }

    /// The item and its partition, if it is one of the database that can be read.
    fn item<'i>(&'i self, shard: &'i Shard, entry: &Entry) -> Option<(Partition, Item<'i>)> {
        let item = Item::met(&self.store.common, shard, entry)?;
        if item.deadline().passed(self.now) {
            return None;
        }
        let partition = Partition::of(item.key());
        let seen = self.only.is_none_or(|only| only.contains(partition));
        let same = seen && shard.part(partition).namespace(self.database) == item.namespace();
        same.then_some((partition, item))
    }

    fn pick(&self, shard: &Shard, random: &mut Rng) -> Option<Box<[u8]>> {
        let key = |entry: Entry| self.item(shard, &entry).map(|(_, item)| item.key().into());
        let drawn = (0..PICK_TRIES_MAX).find_map(|_| shard.table.random(random).and_then(key));
        drawn.or_else(|| {
            let (mut found, mut from) = (None, FIRST);
            while found.is_none() && from < Tag::END {
                let to = shard.table.next_range(from, PICK_RANGE);
                shard.table.visit(from..to, |entry| found = found.take().or_else(|| key(entry)));
                from = to;
            }
            found
        })
    }

    fn with(&self, number: usize, f: impl FnOnce(&Shard)) {
        match self.held {
            None => f(&self.store.shards[number].read()),
            Some(keyspace) => {
                if let Some(shard) = keyspace.held.shard(number) {
                    f(shard);
                }
            }
        }
    }
}

/// Where every shard begins.
const FIRST: Tag = Tag::new(0);

const fn unpack(cursor: Cursor) -> (usize, Tag) {
    ((cursor.0 >> Tag::BITS) as usize, Tag::new(cursor.0 as u32 & (Tag::END.number() - 1)))
}

const fn pack(shard: usize, tag: Tag) -> Cursor {
    Cursor((shard as u64) << Tag::BITS | tag.number() as u64)
}

/// Ranges of tags looked at in one call, so that it stays short where most keys are another database's.
const STEPS_MAX: usize = 64;

/// Keys looked at together while walking.
const PICK_RANGE: usize = 256;

/// Keys drawn before a random choice falls back to walking.
const PICK_TRIES_MAX: usize = 32;
