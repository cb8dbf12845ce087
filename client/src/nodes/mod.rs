//! The servers behind one connection string: a single one, or the nodes of a Redis Cluster, as they turn
//! out. Each has a link of its own, with its own breaker, bounds and budget.

mod group;
mod slot_map;
mod survey;

pub(crate) use group::Nodes;
