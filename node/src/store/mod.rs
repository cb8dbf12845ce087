//! Floor 1: the engine. Partitions, what lies in them, how much memory that takes, and what leaves when. Everything
//! here is synchronous and knows neither commands nor sockets.

mod apply;
mod arena;
mod blocks;
mod cleaning;
mod common;
mod course;
mod databases;
mod engine;
mod eviction;
#[cfg(test)]
mod eviction_tests;
mod expiry;
#[cfg(test)]
mod expiry_tests;
mod guard;
#[cfg(test)]
mod guard_tests;
mod held;
mod item;
mod keyspace;
mod memory;
mod objects;
mod parts;
mod ranking;
#[cfg(any(test, feature = "recount"))]
mod recount;
mod region;
mod segment;
mod shard;
#[cfg(test)]
mod stress;
mod table;
#[cfg(test)]
mod testing;
mod told;
mod value;
mod view;
mod walk;
mod watch;
mod writer;
mod writer_lists;
mod writer_sets;
mod writer_sorted_sets;

pub use common::ExpiryLag;
pub use databases::{DATABASES, Database, DatabaseSize};
pub use engine::{Access, Hint, PartitionSet, Store, StoreSettings};
pub use eviction::{Eviction, OutOfMemory};
pub use expiry::Swept;
pub use guard::{ApplyError, CopyOut, PartitionGuard, Prepared};
pub use keyspace::{Keyspace, Lookups, WrongType};
pub use memory::{Memory, MemoryUse};
#[cfg(any(test, feature = "recount"))]
pub(crate) use recount::{Contents, Plain};
pub use value::{
    Collection, CollectionLimits, Detached, Edge, Entries, Entry, Hash, HashLimits, List, ListLimits, Member,
    MemberEdge, Set, SetLimits, SortedSet, SortedSetLimits, Text, Value,
};
pub use view::{Item, ValueRef};
pub use walk::{Cursor, Run, Walker};
pub use watch::{Watch, WatchedKey};
pub use writer::{SPARE_BYTES_MAX, Writer};
