//! The cluster as a cluster-aware client of Redis sees it: CLUSTER and its kin, and where a client is sent. Which node
//! serves what is decided elsewhere; here it is only told.

mod redirect;
mod refused;
mod replies;
mod rows;
mod text;
mod view;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use redirect::{moved, single_slot};
pub use view::{ClusterView, Endpoint, LinkInfo, node_name};

pub(super) use rows::ROWS;
