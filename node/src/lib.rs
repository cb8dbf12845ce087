//! One node of Larder: the store, the commands, the server, and what joins them.

pub mod admin;
pub mod app;
pub mod clock;
pub mod commands;
pub mod config;
pub mod descriptors;
pub mod limits;
pub mod net;
pub mod server;
pub mod store;
mod sync;
pub mod telemetry;
