//! openraft, and all that it needs: a log on the disk, a state machine, a network. No other module names openraft. What the
//! replicated state is and who proposes what is left to the cluster.

mod applier;
mod codec;
mod committer;
#[cfg(test)]
mod crash_tests;
mod log;
mod memory;
mod messages;
mod network;
mod node;
mod runtime;
mod salvage;
#[cfg(test)]
mod scenario_tests;
mod settings;
#[cfg(test)]
mod suite_tests;
#[cfg(test)]
pub(crate) mod testing;
mod types;
mod watch;

pub use applier::Machine;
pub(super) use committer::{stored_identity, write_empty_log};
pub use memory::MemoryDisk;
pub use messages::{KIND_MAX, term_of_leader};
pub use node::{Node, NodeParts, Proposed, RaftFault, RaftStatus, StatusChanges};
pub use runtime::seed_thread;
pub use salvage::salvage;
pub use settings::RaftSettings;
