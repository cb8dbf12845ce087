//! Connections between nodes: proof of the cluster's secret, introductions, frames. What the frames mean is left to the
//! cluster, to the server that forwards requests, and to replication.

mod error;
mod frames;
mod handshake;
#[cfg(test)]
mod handshake_tests;
mod introduction;
mod secret;
#[cfg(test)]
pub(crate) mod testing;

pub use error::{FrameError, LinkError};
pub use frames::{Frame, FrameReader, FrameWriter, Frames, Link};
pub use handshake::{answer, call};
pub use introduction::{Introduction, Purpose, VERSIONS, Versions};
pub use secret::Secret;
