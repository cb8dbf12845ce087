//! Going through the keys of a database, one shard at a time: SCAN, KEYS, RANDOMKEY.
//!
//! A cursor names a shard and a tag: keys are visited in the order of their tags, which does not change while a table
//! grows or shrinks. So every key that is there from the beginning of a scan to its end is visited, once.

use fastrand::Rng;
use larder_proto::time::Millis;

use super::databases::Database;
use super::engine::Store;
use super::keyspace::Keyspace;
use super::shard::Shard;
use super::table::{Entry, Tag};
use super::view::Item;

/// How far a scan came. 0 is both the start and the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor(pub u64);

/// Walks the keys of one database. Within a transaction, which holds every partition, it walks those; otherwise it
/// locks one shard after the other.
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
                let visited = self.visit_range(shard, tag, next, &mut visit);
                keys = keys.saturating_sub(visited);
            });
            steps -= 1;
            (number, tag) = if next == Tag::END { (number + 1, FIRST) } else { (number, next) };
        }
        Cursor(0)
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

    /// How many keys of the database have a tag in this range; they are visited.
    fn visit_range(
        &self,
        shard: &Shard,
        from: Tag,
        to: Tag,
        visit: &mut impl FnMut(&[u8], &Item<'_>),
    ) -> usize {
        let mut visited = 0;
        shard.table.visit(from..to, |entry| {
            if let Some(item) = self.item(shard, &entry) {
                visit(item.key(), &item);
                visited += 1;
            }
        });
        visited
    }

    /// The item, if it is one of the database that can be read.
    fn item<'i>(&'i self, shard: &'i Shard, entry: &Entry) -> Option<Item<'i>> {
        let namespace = self.store.common.databases.namespace(self.database);
        let item = Item::met(&self.store.common, shard, entry)?;
        (item.namespace() == namespace && !item.deadline().passed(self.now)).then_some(item)
    }

    fn pick(&self, shard: &Shard, random: &mut Rng) -> Option<Box<[u8]>> {
        let key = |entry: Entry| self.item(shard, &entry).map(|item| item.key().into());
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
                if let Some(shard) = keyspace.held.by_number(number) {
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
