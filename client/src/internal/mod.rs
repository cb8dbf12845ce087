//! The internal cache: how the regional Larder cluster is reached.

mod cluster;

pub(crate) use cluster::internal_backend;
