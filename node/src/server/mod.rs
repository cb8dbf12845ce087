//! Floor 3: sockets. Accepts connections, reads requests, has them carried out, sends replies.

mod admission;
mod batch;
mod caches;
mod calls;
mod clients;
#[cfg(test)]
mod cluster_tests;
mod clustered;
mod connection;
mod custody;
mod dispatch;
mod hands;
mod host;
mod info;
mod listener;
mod logins;
mod membership;
mod merge;
mod messages;
mod meter;
mod node;
mod numbers;
mod part;
mod password;
mod pause;
mod peers;
mod pending;
mod placing;
mod post;
mod region;
#[cfg(test)]
mod replicated_tests;
mod routing;
mod runs;
mod split;
mod stalls;
mod statistics;
mod sweeper;
mod transactions;
mod tunables;
mod worker;

pub use caches::{BookError, CacheBook, Change, ExternalCaches, Keeping, LoneBook};
pub use clients::Registry;
pub use listener::{Listener, bind};
pub use logins::Logins;
pub use membership::{Fill, Leave, Leaving, Live, Membership, OneNode};
pub use node::{Facts, Shared, SharedParts};
pub use password::Password;
pub use region::{Place, Region, ReplicatedRegion, Settled};
pub use stalls::TurnTotals;
pub use statistics::{CommandTotals, NodeStatistics, Totals};
pub use sweeper::sweep_forever;
pub use tunables::Tunables;
pub use worker::{Handoff, LocalWorker, Worker, WorkerHandle};
