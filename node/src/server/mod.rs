//! Floor 3: sockets. Accepts connections, reads requests, has them carried out, sends replies.

mod admission;
mod batch;
mod clients;
mod connection;
mod dispatch;
mod info;
mod listener;
mod meter;
mod node;
mod password;
mod pause;
mod post;
mod stalls;
mod statistics;
mod sweeper;
mod tunables;
mod worker;

pub use clients::Registry;
pub use listener::{Listener, bind};
pub use node::{Facts, Shared, SharedParts};
pub use password::Password;
pub use stalls::TurnTotals;
pub use statistics::{CommandTotals, NodeStatistics, Totals};
pub use sweeper::sweep_forever;
pub use tunables::Tunables;
pub use worker::{Handoff, Worker, WorkerHandle};
