//! What commands need of the node beyond the store, as traits: the server implements them, `app` joins the two. Commands
//! know neither sockets nor threads.

use std::sync::Arc;

use bytes::Bytes;
use larder_proto::effect::EffectSink;
use larder_proto::slot::Partition;
use larder_proto::time::Millis;
use larder_proto::topology::Epoch;
use smallvec::SmallVec;

use super::cluster::{ClusterView, Endpoint, LinkInfo};
use super::session::{Session, User};
use super::table::{CommandId, Commands};
use crate::external::{Table, UseFrom};
use crate::store::Access;

/// The node as its commands see it.
pub trait Node {
    /// All commands.
    fn commands(&self) -> &Commands;
    /// The connections.
    fn clients(&self) -> &dyn Clients;
    /// The settings.
    fn settings(&self) -> &dyn Settings;
    /// What was counted and timed.
    fn statistics(&self) -> &dyn Statistics;
    /// Whether clients have to log in.
    fn asks_for_login(&self) -> bool;
    /// Whose name and password these are; without a configured password any is that of the default user.
    fn login(&self, user: &[u8], password: &[u8]) -> Option<User>;
    /// The external caches of gateways.
    fn caches(&self) -> &dyn Caches;
    /// Writes the sections of INFO with these names in lower case; all that are shown by default if there are none. The
    /// endpoint decides whether the node looks like one of a cluster.
    fn info(&self, sections: &[String], endpoint: Endpoint) -> String;
    /// The cluster as this node knows it now; none before it has joined. A node alone is a cluster of one.
    fn cluster(&self) -> Option<ClusterView>;
    /// The connections between this node and others.
    fn links(&self) -> Vec<LinkInfo>;
    /// Facts about memory beside the store's own: name and bytes, for MEMORY STATS.
    fn memory_facts(&self) -> Vec<(&'static str, u64)>;
}

/// What CLIENT LIST tells of a connection.
#[derive(Debug, Clone, Default)]
pub struct ClientInfo {
    /// The connection's number.
    pub id: u64,
    /// The client's address and port.
    pub address: String,
    /// Our address and port.
    pub local_address: String,
    /// Given by CLIENT SETNAME.
    pub name: String,
    /// Seconds since it was accepted.
    pub age_seconds: u64,
    /// Seconds since its last request.
    pub idle_seconds: u64,
    /// One letter for each fact, `N` for none.
    pub flags: String,
    /// The database chosen.
    pub database: usize,
    /// Commands queued since MULTI, -1 outside.
    pub queued: i64,
    /// Bytes of its queued commands.
    pub queued_bytes: usize,
    /// Watched keys.
    pub watched: usize,
    /// Bytes received that form no whole request yet.
    pub input_bytes: usize,
    /// Bytes of replies that are not sent yet.
    pub output_bytes: usize,
    /// The last command, `container|subcommand` for a subcommand.
    pub last_command: String,
    /// Protocol version, 2 or 3.
    pub protocol: u8,
    /// Given by CLIENT SETINFO.
    pub library_name: String,
    /// Given by CLIENT SETINFO.
    pub library_version: String,
    /// Who has logged in.
    pub user: User,
}

/// Which commands CLIENT PAUSE holds back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paused {
    /// Those that change data.
    Writes,
    /// All.
    All,
}

/// The connections.
pub trait Clients {
    /// All of them, by number ascending.
    fn list(&self, now: Millis) -> Vec<ClientInfo>;
    /// One of them; its session is newer than what the list knows.
    fn describe(&self, session: &Session, now: Millis) -> ClientInfo;
    /// Closes a connection; whether there was one. Replies it has been promised may be lost.
    fn kill(&self, id: u64) -> bool;
    /// Holds commands back for a time. A longer pause, or a stricter one, that is in force stays.
    fn pause(&self, until: Millis, what: Paused);
    /// Ends the pause.
    fn unpause(&self);
}

/// The external caches of gateways.
pub trait Caches {
    /// Whether everybody may learn how they are reached, secrets included. Otherwise only gateways may.
    fn are_open(&self) -> bool;
    /// All of them, as this node knows them now; none before it does.
    fn table(&self) -> Option<Arc<Table>>;
    /// A gateway of this region asked.
    fn saw_gateway(&self, region: &UseFrom, now: Millis);
}

/// The settings.
pub trait Settings {
    /// Visits every setting with its value, under the names that Redis uses.
    fn each(&self, visit: &mut dyn FnMut(&str, &str));
    /// Changes settings, all or none.
    ///
    /// # Errors
    /// A sentence that says which one could not be changed, and why.
    fn set(&self, changes: &[(String, String)]) -> Result<(), String>;
}

/// A command that took long.
#[derive(Debug, Clone)]
pub struct SlowEntry {
    /// Grows by one with each entry.
    pub id: u64,
    /// When it began, in seconds since the epoch.
    pub at_seconds: u64,
    /// How long it took, in microseconds.
    pub took_us: u64,
    /// Its words; long ones and many of them cut short. Values of secret commands are left out.
    pub words: Vec<Vec<u8>>,
    /// The client's address and port.
    pub address: String,
    /// The client's name.
    pub client_name: String,
}

/// How long a command's calls took.
#[derive(Debug, Clone, Default)]
pub struct Histogram {
    /// Calls measured.
    pub calls: u64,
    /// Upper end of a bucket in microseconds, and calls up to it (cumulative), ascending.
    pub buckets: Vec<(u64, u64)>,
}

/// What was counted and timed.
pub trait Statistics {
    /// The newest entries of the slow log, newest first.
    fn slow_entries(&self, count: usize) -> Vec<SlowEntry>;
    /// Entries in the slow log.
    fn slow_length(&self) -> usize;
    /// Empties the slow log.
    fn slow_reset(&self);
    /// Latencies of one command.
    fn histogram(&self, command: CommandId) -> Histogram;
    /// Sets the counters to zero (CONFIG RESETSTAT).
    fn reset(&self);
}

/// Watches over partitions that copies are kept of: whether this node serves them, and what has to be acknowledged before
/// a reply may leave. All but [`Custody::begin`] is called while the partitions are locked, so nothing here blocks.
///
/// ```text
///   begin ──► enter ── Go ──► effect, effect, … ──► leave ──► the reply waits for its ticket, if there is one
///               │                                     ▲
///               ├── Remembered ───────────────────────┘
///               └── Elsewhere, Wait, Unknown: nothing was read or changed
/// ```
///
/// A request that enters and does not leave has changed nothing.
pub trait Custody: EffectSink {
    /// The next request has this number, or none.
    fn begin(&mut self, id: Option<WriteId>);
    /// Whether this node serves the partition at this moment, as far as can be told without its lock.
    fn serves(&self, partition: Partition) -> bool;
    /// The partitions of a request, ascending, are locked for this; nothing of them was read yet.
    fn enter(&mut self, partitions: &[Partition], access: Access) -> Entry;
    /// The request was carried out with this reply, and the same partitions are locked still. What it changed goes to the
    /// copies, together with its number and its reply.
    fn leave(&mut self, partitions: &[Partition], reply: &[u8]) -> Left;
    /// When the request before left, in nanoseconds of the monotonic clock, if that was looked at.
    fn left_ns(&self) -> Option<u64> {
        None
    }
    /// The worker has carried out what was at hand, and holds no partition: what goes to the copies is sent together. Whoever
    /// never says this has it sent after each request.
    fn end_turn(&mut self) {}
}

/// The custody of a node that shares its partitions with no other: it serves them all, and nobody has to acknowledge.
pub trait Alone: EffectSink {}

impl<A: Alone> Custody for A {
    fn begin(&mut self, _: Option<WriteId>) {}

    fn serves(&self, _: Partition) -> bool {
        true
    }

    fn enter(&mut self, _: &[Partition], _: Access) -> Entry {
        Entry::Go
    }

    fn leave(&mut self, _: &[Partition], _: &[u8]) -> Left {
        Left::Free
    }
}

/// The number of a request that may be sent twice and is carried out once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WriteId {
    /// Who gave the number: node and run, made one number.
    pub origin: Origin,
    /// Which of its requests; grows with each.
    pub number: u64,
    /// Requests of the origin below this number are answered: nobody will ask for them again.
    pub answered_below: u64,
    /// The epoch of the topology that its origin knew, or was taking over, when it numbered the request. Known where the request
    /// is carried out, and nowhere else.
    pub since: Epoch,
    /// What it was when it may have been carried out without a number.
    pub before: Option<Change>,
}

/// A change of one partition, as its owner told it to the copies: enough to tell at the next owner whether it was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Change {
    /// The term of ownership.
    pub term: u64,
    /// Number of its last effect.
    pub sequence: u64,
}

/// Who numbers writes: one worker of one run of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// The node's number.
    pub node: u64,
    /// A random number of that worker in that run.
    pub run: u64,
}

/// Whether a request may go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// It may.
    Go,
    /// It was carried out before, with this reply: an empty one where whoever asks has it. It leaves as one that only read.
    Remembered(Bytes),
    /// It was carried out before, and its reply is not known.
    Unknown,
    /// Another node serves one of the partitions.
    Elsewhere,
    /// Nobody serves one of them at the moment, or a copy has no room for more changes. Waits for a change of either.
    Wait,
}

/// When the reply of a request may leave.
#[derive(Clone, Debug)]
pub enum Left {
    /// At once.
    Free,
    /// Once this is settled.
    After(Ticket),
    /// Never: the right to serve ended while it ran. What it changed is with it, if it had no number and changed anything.
    Over(Option<Change>),
    /// Never, as [`Left::Over`], and the request itself ran so long that it may have been the cause: carried out again, it
    /// would do the same to the next node.
    TooLong,
}

/// What has to be acknowledged before a reply may leave. What the numbers mean is known to who gave it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ticket(pub SmallVec<[Mark; 1]>);

/// A part of a ticket: one partition, as far as one copy has to have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// The partition.
    pub partition: Partition,
    /// The term of ownership in which the request ran.
    pub term: u64,
    /// The copy.
    pub copy: u64,
    /// The position in the stream to it.
    pub position: u64,
    /// Number of the last effect of the request itself; 0 if it changed nothing.
    pub sequence: u64,
}

impl Ticket {
    /// What the request changed, if that was one partition.
    #[must_use]
    pub fn change(&self) -> Option<Change> {
        let first = self.0.first().filter(|first| first.sequence > 0)?;
        let is_one = self.0.iter().all(|mark| mark.partition == first.partition);
        is_one.then_some(Change { term: first.term, sequence: first.sequence })
    }

    /// Waits for what the other waits for, too.
    pub fn join(&mut self, other: Self) {
        self.0.extend(other.0);
    }
}
