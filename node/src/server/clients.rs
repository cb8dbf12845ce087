//! The connections as others see them: CLIENT LIST, CLIENT KILL. A connection writes its own card; a card is read by
//! whoever asks.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, AtomicUsize, Ordering};
use std::task::Waker;

use larder_proto::resp::Version;
use larder_proto::time::Millis;
use parking_lot::Mutex;

use crate::commands::ports::ClientInfo;
use crate::commands::session::{Session, User};
use crate::commands::table::{CommandId, Commands};

/// All connections.
#[derive(Debug, Default)]
pub struct Registry {
    cards: Mutex<BTreeMap<u64, Arc<Card>>>,
    last_id: AtomicU64,
    /// Connections accepted since the start.
    pub(super) accepted: AtomicU64,
    /// Connections refused because there were too many.
    pub(super) refused: AtomicU64,
}

/// What is known of a connection outside its worker.
#[derive(Debug)]
pub(super) struct Card {
    pub(super) id: u64,
    pub(super) address: SocketAddr,
    local_address: SocketAddr,
    connected_at: Millis,
    active_at_ms: AtomicU64,
    last_command: AtomicU16,
    pub(super) input_bytes: AtomicUsize,
    pub(super) output_bytes: AtomicUsize,
    /// Set by CLIENT KILL; the connection looks at it whenever it is woken.
    killed: AtomicBool,
    /// The connection's task, from its first turn to its end. Written by the connection.
    task: Mutex<Option<Waker>>,
    /// Written after commands that change the session; most sessions never do.
    told: Mutex<Option<Box<Told>>>,
}

#[derive(Debug)]
struct Told {
    name: String,
    library_name: String,
    library_version: String,
    database: usize,
    protocol: u8,
    queued: i64,
    queued_bytes: usize,
    watched: usize,
    user: User,
    flags: String,
}

impl Registry {
    /// Number of connections.
    #[must_use]
    pub fn len(&self) -> usize {
        self.cards.lock().len()
    }

    /// Whether there is no connection.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Connections accepted and refused since the start.
    #[must_use]
    pub fn totals(&self) -> (u64, u64) {
        (self.accepted.load(Ordering::Relaxed), self.refused.load(Ordering::Relaxed))
    }

    /// A card for a new connection, unless there are too many.
    pub(super) fn admit(
        &self,
        addresses: (SocketAddr, SocketAddr),
        now: Millis,
        max: usize,
    ) -> Option<Arc<Card>> {
        let mut cards = self.cards.lock();
        if cards.len() >= max {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        self.accepted.fetch_add(1, Ordering::Relaxed);
        let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let card = Arc::new(Card::new(id, addresses, now));
        cards.insert(id, Arc::clone(&card));
        Some(card)
    }

    pub(super) fn remove(&self, id: u64) {
        self.cards.lock().remove(&id);
    }

    pub(super) fn get(&self, id: u64) -> Option<Arc<Card>> {
        self.cards.lock().get(&id).cloned()
    }

    /// Wakes all connections: the node stops.
    pub(super) fn wake_all(&self) {
        let cards: Vec<Arc<Card>> = self.cards.lock().values().cloned().collect();
        cards.iter().for_each(|card| card.wake());
    }

    pub(super) fn list(&self, commands: &Commands, now: Millis) -> Vec<ClientInfo> {
        let cards: Vec<Arc<Card>> = self.cards.lock().values().cloned().collect();
        cards.iter().map(|card| card.describe(commands, now)).collect()
    }
}

impl Card {
    fn new(id: u64, (address, local_address): (SocketAddr, SocketAddr), now: Millis) -> Self {
        Self {
            id,
            address,
            local_address,
            connected_at: now,
            active_at_ms: AtomicU64::new(now.0),
            last_command: AtomicU16::new(CommandId::MAX),
            input_bytes: AtomicUsize::new(0),
            output_bytes: AtomicUsize::new(0),
            killed: AtomicBool::new(false),
            task: Mutex::default(),
            told: Mutex::default(),
        }
    }

    /// Notes a batch of requests.
    pub(super) fn note_activity(&self, now: Millis, last_command: CommandId) {
        self.active_at_ms.store(now.0, Ordering::Relaxed);
        self.last_command.store(last_command, Ordering::Relaxed);
    }

    /// Milliseconds since the last request.
    pub(super) fn idle_ms(&self, now: Millis) -> u64 {
        now.0.saturating_sub(self.active_at_ms.load(Ordering::Relaxed))
    }

    /// Notes what commands changed of the session.
    pub(super) fn tell(&self, session: &Session) {
        let mut told = self.told.lock();
        let told = told.get_or_insert_default();
        session.name.clone_into(&mut told.name);
        session.library_name.clone_into(&mut told.library_name);
        session.library_version.clone_into(&mut told.library_version);
        told.user = session.user;
        told.database = session.database.number();
        told.protocol = match session.version {
            Version::Resp2 => 2,
            Version::Resp3 => 3,
        };
        let queue = session.transaction.queue.as_ref();
        told.queued = queue.map_or(-1, |queue| queue.commands.len() as i64);
        told.queued_bytes = queue.map_or(0, |queue| queue.bytes);
        told.watched = session.transaction.watched.len();
        told.flags = flags(session);
    }

    /// Notes which task to wake when the connection has to look up.
    pub(super) fn watch(&self, task: &Waker) {
        *self.task.lock() = Some(task.clone());
    }

    /// The connection has ended: its task is not to be woken any more.
    pub(super) fn leave(&self) {
        *self.task.lock() = None;
    }

    /// Makes the connection look at what changed: its outbox, the end of the node, its own.
    pub(super) fn wake(&self) {
        self.task.lock().iter().for_each(Waker::wake_by_ref);
    }

    pub(super) fn kill(&self) {
        self.killed.store(true, Ordering::Release);
        self.wake();
    }

    pub(super) fn is_killed(&self) -> bool {
        self.killed.load(Ordering::Acquire)
    }

    pub(super) fn describe(&self, commands: &Commands, now: Millis) -> ClientInfo {
        let told = self.told.lock();
        let untold = Told::default();
        let told = told.as_deref().unwrap_or(&untold);
        let last = commands.rows().get(usize::from(self.last_command.load(Ordering::Relaxed)));
        ClientInfo {
            id: self.id,
            address: self.address.to_string(),
            local_address: self.local_address.to_string(),
            name: told.name.clone(),
            age_seconds: now.since(self.connected_at) / 1_000,
            idle_seconds: self.idle_ms(now) / 1_000,
            flags: told.flags.clone(),
            database: told.database,
            queued: told.queued,
            queued_bytes: told.queued_bytes,
            watched: told.watched,
            input_bytes: self.input_bytes.load(Ordering::Relaxed),
            output_bytes: self.output_bytes.load(Ordering::Relaxed),
            last_command: last.map_or_else(|| "NULL".to_owned(), |row| row.full_name.clone()),
            protocol: told.protocol,
            library_name: told.library_name.clone(),
            library_version: told.library_version.clone(),
            user: told.user,
        }
    }
}

impl Default for Told {
    fn default() -> Self {
        Self {
            name: String::new(),
            library_name: String::new(),
            library_version: String::new(),
            database: 0,
            protocol: 2,
            queued: -1,
            queued_bytes: 0,
            watched: 0,
            user: User::Default,
            flags: "N".into(),
        }
    }
}

/// One letter for each fact, as CLIENT LIST documents them.
fn flags(session: &Session) -> String {
    let facts = [
        (session.transaction.queue.is_some(), 'x'),
        (session.transaction.watch.is_touched(), 'd'),
        (session.no_evict, 'e'),
        (session.no_touch, 'T'),
    ];
    let letters: String = facts.iter().filter(|(holds, _)| *holds).map(|(_, letter)| letter).collect();
    if letters.is_empty() { "N".to_owned() } else { letters }
}
