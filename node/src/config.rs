//! The settings, one row each: flag, environment variable, key of the TOML file, name in CONFIG GET, default, help and
//! parser all stand there. Known to `app` alone, which gives each part its own.

mod cache_line;
mod cluster_rows;
mod file;
mod places;
mod rows;
mod sources;
mod units;

pub use cache_line::{CacheOrder, CacheSettings};
pub use places::Peer;
pub use rows::{FIXED, Names, ROWS, Row};
pub use sources::{ConfigError, Invocation, Verb, command_line, load};
pub use units::human_bytes;

use std::net::IpAddr;
use std::path::PathBuf;

use crate::store::Eviction;

/// All settings of a node, parsed.
#[derive(Clone, Debug)]
pub struct Config {
    /// Address of all listeners.
    pub bind: IpAddr,
    /// First of the four ports.
    pub port: u16,
    /// Worker threads.
    pub threads: usize,
    /// Memory limit in bytes.
    pub memory_bytes_max: usize,
    /// What happens at the memory limit.
    pub eviction: Eviction,
    /// Name of the region.
    pub region: String,
    /// Name of the service.
    pub service: String,
    /// Password of the default user; empty for none.
    pub password: String,
    /// Password that gateways have to give to learn external caches; empty for none.
    pub gateway_password: String,
    /// A file that holds it; empty for none.
    pub gateway_password_file: PathBuf,
    /// Connections at the same time.
    pub clients_max: usize,
    /// Seconds without a request after which a connection is closed; 0 for never.
    pub idle_seconds_max: u64,
    /// Seconds in which a request that began to arrive has to be whole.
    pub frame_seconds_max: u64,
    /// Bytes of a value, or of any argument.
    pub value_bytes_max: usize,
    /// Bytes of a reply.
    pub reply_bytes_max: usize,
    /// Bytes of a key.
    pub key_bytes_max: usize,
    /// Microseconds from which a command counts as slow; negative for never.
    pub slow_us_min: i64,
    /// Entries of the slow log.
    pub slow_entries_max: usize,
    /// Fields of a compact hash.
    pub hash_entries_max: usize,
    /// Bytes of a field or value in a compact hash.
    pub hash_value_bytes_max: usize,
    /// Size of a block of a list, as `list-max-listpack-size` says it.
    pub list_block_size: i64,
    /// Members of a set of integers that is kept in one block.
    pub set_integers_max: usize,
    /// Members of a compact set.
    pub set_entries_max: usize,
    /// Bytes of a member of a compact set.
    pub set_value_bytes_max: usize,
    /// Members of a compact sorted set.
    pub sorted_set_entries_max: usize,
    /// Bytes of a member of a compact sorted set.
    pub sorted_set_member_bytes_max: usize,
    /// Seconds that a node takes at most to finish what is in flight when it is told to stop.
    pub shutdown_seconds_max: u64,
    /// Which messages are logged.
    pub log: String,
    /// Where other nodes listen for each other; none for a node alone.
    pub join: Vec<Peer>,
    /// Nodes that form the cluster.
    pub bootstrap_expect: u8,
    /// Where the control plane keeps its log; empty for the platform's place.
    pub state_dir: PathBuf,
    /// Copies wanted beside each owner.
    pub replicas: u8,
    /// Label of the failure domain; empty for none.
    pub zone: String,
    /// Host that clients and other nodes are told; empty for the bind address.
    pub advertise: String,
    /// What nodes prove to each other; empty for none.
    pub cluster_secret: String,
    /// A file that holds it; empty for none.
    pub cluster_secret_file: PathBuf,
    /// When a write is answered.
    pub ack: Ack,
    /// Milliseconds that a node may serve after the leader has confirmed it.
    pub lease_ms: u64,
    /// Milliseconds that a request waits for an owner at most.
    pub retry_ms_max: u64,
}

/// When a write is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ack {
    /// Once every in-sync copy has it.
    #[default]
    InSync,
    /// At once: what the owner's crash takes is lost.
    Owner,
}
