//! One node: store, commands, server.

pub mod store;
