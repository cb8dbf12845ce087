//! For tests: counts everything again, and lists what can be seen, without trusting what was counted on the way.

use std::collections::{BTreeMap, BTreeSet};

use larder_proto::slot::Partition;
use larder_proto::time::{Deadline, Millis};

use super::census::Counted;
use super::databases::{Database, DatabaseSize};
use super::engine::Store;
use super::index::Readable;
use super::value::Value;

/// What is stored, counted afresh.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Recount {
    pub(crate) data_bytes: usize,
    pub(crate) sizes: Vec<DatabaseSize>,
}

/// A value as plain collections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Plain {
    String(Vec<u8>),
    Hash(BTreeMap<Vec<u8>, Vec<u8>>),
    Set(BTreeSet<Vec<u8>>),
}

/// Everything that can be seen, by database and key.
pub(crate) type Contents = BTreeMap<(usize, Vec<u8>), (Plain, Deadline)>;

impl Plain {
    /// Whether it is a collection without elements, of which the store keeps none.
    pub(crate) fn is_empty_collection(&self) -> bool {
        match self {
            Self::String(_) => false,
            Self::Hash(fields) => fields.is_empty(),
            Self::Set(members) => members.is_empty(),
        }
    }
}

impl Store {
    /// What the counters should say.
    pub(crate) fn recount(&self) -> Recount {
        let mut recount = Recount { data_bytes: 0, sizes: vec![DatabaseSize::default(); super::DATABASES] };
        for partition in Partition::all() {
            let locked = self.lock_to_write(partition);
            recount.data_bytes += locked.table.bytes() + locked.book.roster.bytes();
            let (mut entries, mut deadlines) = (0, 0);
            for (place, entry) in locked.book.roster.from(0) {
                let (key, item) = locked.table.at(entry.hash, place).expect("a roster's entry has its item");
                assert_eq!((item.deadline, key.namespace), (entry.deadline, entry.namespace));
                recount.data_bytes += item.heap_bytes(key.bytes.len());
                entries += 1;
                deadlines += u32::from(entry.deadline.moment().is_some());
                if let Some(database) = self.databases.database(entry.namespace) {
                    let size = &mut recount.sizes[database.number()];
                    size.keys += 1;
                    size.deadlines += usize::from(entry.deadline.moment().is_some());
                }
            }
            assert_eq!(entries, locked.table.len(), "every item stands in the roster");
            assert_eq!(self.census.count(Counted::Keys, partition) as usize, entries);
            assert_eq!(self.census.count(Counted::Deadlines, partition), deadlines);
        }
        recount
    }

    /// What the counters do say.
    pub(crate) fn counted(&self) -> Recount {
        Recount {
            data_bytes: self.memory.snapshot().data,
            sizes: Database::all().map(|database| self.size(database)).collect(),
        }
    }

    /// What can be seen at this moment.
    pub(crate) fn contents(&self, now: Millis) -> Contents {
        let mut contents = Contents::new();
        for partition in Partition::all() {
            let (table, book) = self.lock_to_walk(partition);
            for (place, entry) in book.roster.from(0).filter(|(_, entry)| !entry.deadline.passed(now)) {
                let Some(database) = self.databases.database(entry.namespace) else { continue };
                let (key, item) = table.at(entry.hash, place).expect("a roster's entry has its item");
                let place = (database.number(), key.bytes.to_vec());
                contents.insert(place, (plain(&item.value), item.deadline));
            }
        }
        contents
    }

    /// Reclaims all that can be reclaimed.
    pub(crate) fn sweep_all(&self, now: Millis) {
        for partition in Partition::all() {
            let mut from = Some(0);
            while let Some(place) = from {
                from = self.sweep(partition, place, now).resume;
            }
        }
    }
}

fn plain(value: &Value) -> Plain {
    match value {
        Value::String(text) => Plain::String(text.bytes.clone()),
        Value::Hash(hash) => Plain::Hash(hash.iter().map(|(f, v)| (f.to_vec(), v.to_vec())).collect()),
        Value::Set(set) => Plain::Set(set.iter().map(|member| member.to_vec()).collect()),
    }
}
