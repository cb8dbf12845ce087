//! The types of values, and what each of them weighs.

mod collection;
mod fields;
mod hash;
mod kinds;
mod leaf;
mod packed;
mod pages;
mod weight;

pub use collection::Collection;
pub use hash::{Hash, HashLimits};
pub use kinds::{Detached, Text, Value};
pub(super) use weight::heap_bytes;
