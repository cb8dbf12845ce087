//! Floor 1: the engine. Partitions, what lies in them, how much memory that takes, and what leaves when. Everything
//! here is synchronous and knows neither commands nor sockets.

mod apply;
mod census;
mod databases;
mod engine;
mod eviction;
mod held;
mod index;
mod item;
mod keyspace;
mod memory;
#[cfg(test)]
mod recount;
mod roster;
mod sweep;
mod value;
mod walk;
mod watch;
mod writer;
mod writer_sets;

pub use databases::{DATABASES, Database, DatabaseSize};
pub use engine::{Access, PartitionSet, Store, StoreSettings};
pub use eviction::{Eviction, OutOfMemory};
pub use item::Item;
pub use keyspace::{Keyspace, Lookups, WrongType};
pub use memory::{Memory, MemoryUse};
#[cfg(test)]
pub(crate) use recount::{Contents, Plain};
pub use sweep::Swept;
pub use value::{
    Collection, CollectionLimits, Detached, Hash, HashLimits, Member, Set, SetLimits, Text, Value,
};
pub use walk::{Cursor, Walker};
pub use watch::{Watch, WatchedKey};
pub use writer::{SPARE_BYTES_MAX, Writer};
