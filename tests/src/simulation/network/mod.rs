//! A network in memory: every connection delivers its bytes in order, late, in pieces, and not at all while the way is cut.

mod connection;
mod events;
mod host;
mod meter;
mod path;
mod state;
mod stream;
#[cfg(test)]
mod tests;
mod wires;

pub use host::HostNetwork;
pub use meter::{Flow, Sum, Topic, Traffic};
pub use path::PathSettings;
pub use wires::Wires;
