//! Copies of partitions on other nodes: what is sent to them, which replies wait for them, how they are filled, how a
//! partition changes hands. Who owns what is the cluster's to say; `cluster/README.md` tells how the two work together.

mod adopt;
mod cell;
mod changes;
mod core;
mod custody;
mod feed;
mod fill;
mod hand_over;
mod inbound;
mod jobs;
mod keeper;
mod lease;
mod messages;
mod pace;
mod part;
pub mod ports;
mod refusals;
mod remembered;
#[expect(clippy::module_inception, reason = "the file is named for its main type")]
mod replication;
mod report;
mod sender;
mod supervisor;
#[cfg(test)]
mod tests;
mod version;

pub use self::core::ReplicationParts;
pub use custody::Recorder;
pub use replication::Replication;
