//! The family of sorted sets, a file for each kind of command: its rows first, its handlers below.

pub(super) mod add;
pub(super) mod algebra;
pub(super) mod members;
pub(super) mod pops;
pub(super) mod random;
pub(super) mod ranges;
pub(super) mod spans;
pub(super) mod store_algebra;
pub(super) mod store_range;

mod bounds;
mod inputs;
#[cfg(test)]
mod properties;
mod reply;
