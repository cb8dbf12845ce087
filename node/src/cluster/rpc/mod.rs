//! Calls from node to node on control connections: a request of some kind, and its answer. What the kinds mean is left to
//! Raft's network and to the control loop.

mod book;
mod client;
mod messages;
mod server;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use book::Peers;
pub use client::{CallError, PeerParts};
pub use server::{Handler, Handling, Refusal, serve};
