//! Drills: clients that write unique values to a cluster of processes and look at them, while somebody harms the nodes. What is
//! done to the nodes is the tests' part.

mod load;
mod probe;
mod writer;

pub use load::{Load, Seen};
pub use probe::{Probe, percentile};
