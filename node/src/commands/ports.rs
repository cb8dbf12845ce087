//! What commands need of the node beyond the store, as traits: the server implements them, `app` joins the two. Commands
//! know neither sockets nor threads.

use larder_proto::time::Millis;

use super::session::Session;
use super::table::{CommandId, Commands};

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
    /// Whether user and password are right; `None` if the node asks for none.
    fn login(&self, user: &[u8], password: &[u8]) -> Option<bool>;
    /// Writes the sections of INFO with these names in lower case; all that are shown by default if there are none.
    fn info(&self, sections: &[String], now: Millis) -> String;
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
