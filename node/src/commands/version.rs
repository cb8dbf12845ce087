//! Which version we say we are.

/// The version of Redis whose commands these are, for clients that look.
pub const REDIS_VERSION: &str = "7.2.5";

/// Our own version.
pub const LARDER_VERSION: &str = env!("CARGO_PKG_VERSION");
