//! Machines that are network namespaces on one bridge, so that processes can be cut off from each other as real ones are. Everything
//! is gone when the handles are dropped, and when the test is killed. Needs root.

mod machine;
mod switch;

pub use machine::Machine;
pub use switch::Switch;
