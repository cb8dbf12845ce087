//! One node of Larder: the store, the commands, the server, what connects nodes, and what joins them all.

pub mod admin;
pub mod app;
pub mod clock;
pub mod cluster;
pub mod commands;
pub mod config;
pub mod descriptors;
pub mod external;
pub mod limits;
pub mod link;
pub mod net;
pub mod replication;
#[cfg(feature = "sabotage")]
pub mod sabotage;
pub mod server;
pub mod store;
mod sync;
pub mod telemetry;
