//! The types of values, and what each of them weighs.

mod collection;
mod fields;
mod hash;
mod integers;
mod kinds;
mod leaf;
mod limits;
mod list;
mod packed;
mod pages;
mod set;
mod sorted_set;
mod weight;

pub use collection::Collection;
pub use hash::{Hash, HashLimits};
pub use kinds::{Detached, Text, Value};
pub use limits::CollectionLimits;
pub(super) use limits::LiveCollectionLimits;
pub use list::{List, ListLimits};
pub use set::{Member, Set, SetLimits};
pub use sorted_set::{Edge, Entries, Entry, MemberEdge, SortedSet, SortedSetLimits};
pub(super) use weight::heap_bytes;
