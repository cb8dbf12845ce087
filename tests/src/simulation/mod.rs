//! A whole cluster in one thread under a seed: its network, its clocks, its processes, what goes wrong with them, and what must
//! hold nevertheless. The nodes are the real ones.

mod client;
mod clock;
mod cluster;
mod costs;
mod driver;
mod faults;
mod network;
mod nodes;
mod owners;
mod panics;
mod scenario;
mod seeds;
mod telling;
mod trace;
mod voters;
mod workload;

pub use client::Client;
pub use clock::SimClock;
pub use cluster::{Cluster, HEALING_TIME_MAX, Place, Program};
pub use costs::{AT_REST, Costs, Role, Spell, measure};
pub use driver::{Driver, Orders, Process, run};
pub use faults::{Kind as FaultKind, Plan, torment};
pub use network::{Flow, HostNetwork, PathSettings, Sum, Topic, Traffic, Wires};
pub use nodes::Nodes;
pub use owners::Owners;
pub use scenario::{Outcome, simulate};
pub use seeds::each_seed;
pub use trace::Trace;
pub use voters::simulate_voters;
pub use workload::{Histories, look_at_all, work};
