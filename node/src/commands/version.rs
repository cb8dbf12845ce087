//! Which versions the node tells its clients.

/// The version of Redis whose commands, replies and errors these are. Clients choose what they ask for by it.
pub const REDIS_VERSION: &str = "7.2.5";

/// The version of Larder.
pub const LARDER_VERSION: &str = env!("CARGO_PKG_VERSION");
