//! What a connection's commands remember from one to the next. Its socket and buffers are the server's.

use larder_proto::resp::{ArgRange, Version};
use larder_proto::slot::Partition;
use larder_proto::time::Millis;
use larder_proto::topology::NodeId;

use super::cluster::Endpoint;
use super::spec::Spec;
use crate::store::{Database, Watch, WatchedKey};

/// The state of a connection.
#[derive(Debug)]
pub struct Session {
    /// The connection's number, which grows and is never given twice.
    pub id: u64,
    /// Which of the node's doors the client came through.
    pub endpoint: Endpoint,
    /// The protocol version chosen by HELLO.
    pub version: Version,
    /// The database chosen by SELECT.
    pub database: Database,
    /// Whether the client may run commands that need a login.
    pub authenticated: bool,
    /// Who has logged in; the default user, if nobody has to.
    pub user: User,
    /// The name given by CLIENT SETNAME; empty for none.
    pub name: String,
    /// The client library's name, given by CLIENT SETINFO.
    pub library_name: String,
    /// The client library's version, given by CLIENT SETINFO.
    pub library_version: String,
    /// Which replies are sent.
    pub replies: Replies,
    /// Commands of this connection do not count as uses of keys (CLIENT NO-TOUCH).
    pub no_touch: bool,
    /// Replies do not wait for copies (CLIENT ACK OWNER).
    pub hasty: bool,
    /// Asked to be spared when connections are closed for memory (CLIENT NO-EVICT).
    pub no_evict: bool,
    /// The transaction, if one was begun.
    pub transaction: Transaction,
    /// The connection is closed once the replies so far are sent.
    pub closing: bool,
    /// When the connection was accepted.
    pub connected_at: Millis,
}

/// Who a client is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum User {
    /// Any client.
    #[default]
    Default,
    /// A gateway, which may also learn how external caches are reached.
    Gateway,
}

impl User {
    /// All there are.
    pub const ALL: [Self; 2] = [Self::Default, Self::Gateway];

    /// The name that AUTH takes.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Gateway => "gateway",
        }
    }
}

/// Which replies a connection gets (CLIENT REPLY).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Replies {
    /// All.
    #[default]
    On,
    /// None.
    Off,
    /// Not that of the command that asked, nor of the next one.
    SkipNext,
    /// Not that of the command being run.
    Skip,
}

/// ```text
///   Idle ── MULTI ──► Queueing ── EXEC, DISCARD, RESET ──► Idle
/// ```
#[derive(Debug, Default)]
pub struct Transaction {
    /// The queued commands, between MULTI and EXEC.
    pub queue: Option<Queue>,
    /// Set when one of the watched keys is touched.
    pub watch: Watch,
    /// The watched keys.
    pub watched: Vec<WatchedKey>,
    /// Bytes of the watched keys.
    pub watched_bytes: usize,
    /// Keys that other nodes watch.
    pub watched_away: Vec<WatchedAway>,
}

impl Transaction {
    /// Whether keys are watched, on this node.
    #[must_use]
    pub fn is_watching(&self) -> bool {
        !self.watched.is_empty()
    }

    /// Bytes of memory that queue and watches take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        // A key is held here and by its partition, in an entry of a map with a list of its own.
        let watches = 2 * self.watched_bytes
            + self.watched.len() * WATCH_BYTES
            + self.watched_away.len() * size_of::<WatchedAway>();
        watches + self.queue.as_ref().map_or(0, |queue| queue.bytes)
    }
}

/// Bytes of a watch beside its key: entry, list, headers of blocks.
const WATCH_BYTES: usize = 256;

/// Commands between MULTI and EXEC.
#[derive(Debug, Default)]
pub struct Queue {
    /// The commands, in order.
    pub commands: Vec<QueuedCommand>,
    /// Bytes of their requests.
    pub bytes: usize,
    /// One could not be queued, so EXEC discards them all.
    pub failed: bool,
}

/// A command that waits for EXEC: its row and a copy of its request.
#[derive(Debug)]
pub struct QueuedCommand {
    /// The command's row.
    pub spec: &'static Spec,
    /// The command's number in the table.
    pub id: u16,
    /// Words before the first argument.
    pub name_words: usize,
    /// The bytes of the request.
    pub frame: Box<[u8]>,
    /// Its words within them.
    pub words: Box<[ArgRange]>,
    /// The database that it is for, if not that of the session.
    pub database: Option<Database>,
}

/// A key that another node watches for the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatchedAway {
    /// The key's partition.
    pub partition: Partition,
    /// The node.
    pub node: NodeId,
    /// Which of the links to it the watch was asked for on: it ends with that.
    pub link: u64,
}

impl Session {
    /// The state of a new connection.
    #[must_use]
    pub fn new(id: u64, authenticated: bool, now: Millis) -> Self {
        Self {
            id,
            endpoint: Endpoint::Plain,
            version: Version::Resp2,
            database: Database::default(),
            authenticated,
            user: User::Default,
            name: String::new(),
            library_name: String::new(),
            library_version: String::new(),
            replies: Replies::On,
            no_touch: false,
            hasty: false,
            no_evict: false,
            transaction: Transaction::default(),
            closing: false,
            connected_at: now,
        }
    }
}
