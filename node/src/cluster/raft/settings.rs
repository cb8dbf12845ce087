//! How fast Raft works, and how much of its log it keeps.

use std::time::Duration;

use openraft::{Config, ConfigError, SnapshotPolicy};

/// See each field. The defaults are for nodes of one region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RaftSettings {
    /// How often the leader shows that it is there.
    pub heartbeat: Duration,
    /// How long a node waits for the leader, at least, before it asks for votes.
    pub election_min: Duration,
    /// And at most; drawn anew each time. Votes are not given to others while the leader has been heard within this time.
    pub election_max: Duration,
    /// Entries after which there is a snapshot.
    pub snapshot_entries: u64,
    /// Entries that are kept though a snapshot stands for them, for nodes that lag a little.
    pub kept_entries: u64,
    /// Bytes of entries after which there is a snapshot, however few they are.
    pub log_bytes: usize,
}

impl Default for RaftSettings {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_millis(50),
            election_min: Duration::from_millis(150),
            election_max: Duration::from_millis(300),
            snapshot_entries: 5_000,
            kept_entries: 500,
            log_bytes: 16 * 1024 * 1024,
        }
    }
}

impl RaftSettings {
    /// openraft's settings.
    ///
    /// # Errors
    /// The times do not fit each other.
    pub(super) fn config(&self) -> Result<Config, ConfigError> {
        let millis = |time: Duration| time.as_millis() as u64;
        let config = Config {
            cluster_name: "larder".to_owned(),
            heartbeat_interval: millis(self.heartbeat),
            election_timeout_min: millis(self.election_min),
            election_timeout_max: millis(self.election_max),
            install_snapshot_timeout: SNAPSHOT_TIME_MS_MAX,
            snapshot_policy: SnapshotPolicy::LogsSinceLast(self.snapshot_entries),
            max_in_snapshot_log_to_keep: self.kept_entries,
            purge_batch_size: PURGE_ENTRIES_MIN,
            enable_pre_vote: Some(true),
            // A leader that comes back does not know what it has granted: it is to be elected like any other.
            enable_leader_restore: Some(false),
            backoff: BACKOFF.to_owned(),
            api_channel_size: Some(CHANNEL_MAX),
            notification_channel_size: Some(CHANNEL_MAX),
            ..Config::default()
        };
        config.validate()
    }
}

/// How long another node has to take a snapshot.
const SNAPSHOT_TIME_MS_MAX: u64 = 5_000;

/// Entries that are thrown away together.
const PURGE_ENTRIES_MIN: u64 = 64;

/// Pauses before a node that cannot be reached is tried again.
const BACKOFF: &str = "20ms 40ms ...200ms";

/// Messages that wait for Raft's core.
const CHANNEL_MAX: u64 = 4_096;
