//! The internal cache: how the regional Larder cluster is reached, and what it tells of external caches.

mod cluster;
mod watch;

pub(crate) use cluster::internal_backend;
pub(crate) use watch::{Heard, Watch};
