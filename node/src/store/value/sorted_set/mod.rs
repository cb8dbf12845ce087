//! Sorted sets: one chunk of entries while small, a tree of such chunks once they are not.

mod balance;
mod chunk;
mod edge;
mod entries;
mod form;
mod leaves;
mod places;
#[cfg(test)]
mod properties;
mod tree;

pub use chunk::Entry;
pub use edge::{Edge, MemberEdge};
pub use entries::Entries;
pub use form::{SortedSet, SortedSetLimits};
