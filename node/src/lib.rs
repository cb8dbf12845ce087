//! One node: store, commands, server.

pub mod commands;
pub mod store;
