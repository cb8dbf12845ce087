//! For tests: counts everything again, and lists what can be seen, without trusting what was counted on the way.

use std::collections::{BTreeMap, BTreeSet};

use larder_proto::slot::Partition;
use larder_proto::time::{Deadline, Millis};

use super::databases::{Database, DatabaseSize};
use super::engine::Store;
use super::item::Layout;
use super::table::Tag;
use super::value::Value;
use super::view::{Item, ValueRef};

/// What is stored, counted afresh.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Recount {
    /// Live items, tables, collections.
    pub(crate) data_bytes: usize,
    /// Resident pages of segments.
    pub(crate) arena_bytes: usize,
    pub(crate) sizes: Vec<DatabaseSize>,
}

/// A value as plain collections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Plain {
    String(Vec<u8>),
    Hash(BTreeMap<Vec<u8>, Vec<u8>>),
    List(Vec<Vec<u8>>),
    Set(BTreeSet<Vec<u8>>),
    /// Members with the bits of their scores, both zeros being the same: only the full form keeps their signs.
    SortedSet(BTreeMap<Vec<u8>, u64>),
}

/// Everything that can be seen, by database and key.
pub(crate) type Contents = BTreeMap<(usize, Vec<u8>), (Plain, Deadline)>;

/// What each database of each partition holds: keys, bytes.
type Parts = BTreeMap<(Partition, Database), (DatabaseSize, usize)>;

impl Plain {
    /// Whether it is a collection without elements, of which the store keeps none.
    pub(crate) fn is_empty_collection(&self) -> bool {
        match self {
            Self::String(_) => false,
            Self::Hash(fields) => fields.is_empty(),
            Self::List(elements) => elements.is_empty(),
            Self::Set(members) => members.is_empty(),
            Self::SortedSet(scores) => scores.is_empty(),
        }
    }
}

impl Store {
    /// What the counters should say.
    pub(crate) fn recount(&self) -> Recount {
        let sizes = vec![DatabaseSize::default(); super::DATABASES];
        let removed: usize = self.common.removed.lock().iter().map(Value::heap_bytes).sum();
        let mut recount = Recount { data_bytes: removed + self.common.ghost_bytes(), arena_bytes: 0, sizes };
        let mut parts = Parts::new();
        for (number, shard) in self.shards.iter().enumerate() {
            let shard = shard.read();
            recount.data_bytes += shard.table.bytes() + shard.objects.bytes();
            recount.arena_bytes += shard.region.touched();
            let mut entries = 0;
            shard.table.visit(Tag::new(0)..Tag::END, |entry| {
                let item = Item::met(&self.common, &shard, &entry).expect("an entry has its item");
                let tag = self.common.tag(item.namespace(), item.key());
                assert_eq!(tag, entry.tag, "the entry is the key's");
                entries += 1;
                let partition = Partition::of(item.key());
                let database = shard.part(partition).database(item.namespace());
                assert!(
                    database.is_some() || shard.has_flushed(),
                    "what was flushed is gone after the sweep"
                );
                if let Some(database) = database {
                    let (size, bytes) = parts.entry((partition, database)).or_default();
                    size.keys += 1;
                    size.deadlines += usize::from(item.deadline().moment().is_some());
                    *bytes += item.item_bytes();
                }
            });
            let mine = Partition::all().filter(|&partition| self.shard_of(partition) == number);
            mine.for_each(|partition| check_part(&shard, partition, &parts));
            assert_eq!(entries, shard.table.len());
            let (live, bytes) = shard.walk_segments();
            assert_eq!(live, entries, "live items and entries are the same");
            recount.data_bytes += bytes;
        }
        for ((_, database), (size, _)) in parts {
            recount.sizes[database.number()] += size;
        }
        recount
    }

    /// What the counters do say.
    pub(crate) fn counted(&self) -> Recount {
        let used = self.common.memory.snapshot();
        Recount {
            data_bytes: used.data,
            arena_bytes: used.arena,
            sizes: Database::all().map(|database| self.size(database)).collect(),
        }
    }

    /// What can be seen at this moment.
    pub(crate) fn contents(&self, now: Millis) -> Contents {
        let mut contents = Contents::new();
        for shard in &self.shards {
            let shard = shard.read();
            shard.table.visit(Tag::new(0)..Tag::END, |entry| {
                let item = Item::met(&self.common, &shard, &entry).expect("an entry has its item");
                let database = shard.part(Partition::of(item.key())).database(item.namespace());
                if let Some(database) = database.filter(|_| !item.deadline().passed(now)) {
                    let place = (database.number(), item.key().to_vec());
                    contents.insert(place, (plain(&item), item.deadline()));
                }
            });
        }
        contents
    }

    /// Segments that are taken to have an item with a deadline.
    pub(crate) fn timed_segments(&self) -> usize {
        let due = |shard: &super::shard::Shard| {
            let segments = shard.region.ring.iter().filter_map(|&block| shard.region.segment(block));
            segments.filter(|segment| segment.due != Deadline::NEVER).count()
        };
        self.shards.iter().map(|shard| due(&shard.read())).sum()
    }

    /// Reclaims all that can be reclaimed.
    pub(crate) fn sweep_all(&self, now: Millis) {
        for part in 0..self.sweep_parts() {
            while self.sweep(part, now).more {}
        }
        while self.drop_removed() {}
    }
}

impl super::shard::Shard {
    /// Number and bytes of the live items, segment by segment.
    fn walk_segments(&self) -> (usize, usize) {
        let (mut items, mut bytes) = (0, 0);
        for segment in self.region.ring.iter().filter_map(|&block| self.region.segment(block)) {
            let (mut at, end, mut live) = (segment.base, segment.base + segment.end, 0);
            while at < end {
                let layout = Layout::read(self.region.bytes(), at);
                if !layout.dead {
                    items += 1;
                    live += layout.end - at;
                    assert!(segment.due <= layout.deadline, "an item is due before its segment is");
                }
                at = layout.end;
            }
            assert_eq!((at, live), (end, segment.live));
            assert!(segment.end <= segment.touched);
            bytes += live;
        }
        (items, bytes)
    }
}

/// Every counter of a partition says what was counted.
fn check_part(shard: &super::shard::Shard, partition: Partition, counted: &Parts) {
    let (part, mut all) = (shard.part(partition), 0);
    for database in part.databases() {
        let (size, bytes) = counted.get(&(partition, database)).copied().unwrap_or_default();
        assert_eq!(part.size(database), size, "partition {partition}, database {database:?}");
        all += bytes as u64;
    }
    assert_eq!(part.bytes(), all, "bytes of partition {partition}");
}

fn plain(item: &Item<'_>) -> Plain {
    match item.value {
        ValueRef::String { bytes, .. } => Plain::String(bytes.to_vec()),
        ValueRef::Collection(Value::Hash(hash)) => {
            Plain::Hash(hash.iter().map(|(field, value)| (field.to_vec(), value.to_vec())).collect())
        }
        ValueRef::Collection(Value::List(list)) => {
            Plain::List(list.iter_from(0).map(<[u8]>::to_vec).collect())
        }
        ValueRef::Collection(Value::Set(set)) => {
            Plain::Set(set.iter().map(|member| member.to_vec()).collect())
        }
        ValueRef::Collection(Value::SortedSet(set)) => Plain::SortedSet(
            set.iter().map(|e| (e.member.to_vec(), (e.score.get() + 0.0).to_bits())).collect(),
        ),
        ValueRef::Collection(Value::String(_)) => panic!("a string is no collection"),
    }
}
