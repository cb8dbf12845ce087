//! Who is who: members, owners, leases, agreed upon through Raft. How it works is told in `README.md`. Values never come
//! here; what a copy holds is left to replication.

pub mod control;
mod forming;
pub mod handle;
mod heard;
pub mod identity;
pub mod lease;
pub mod machine;
mod messages;
pub mod plan;
pub mod ports;
pub mod raft;
mod row;
pub mod rpc;
pub mod sealed;
pub mod status;
pub mod voters;
