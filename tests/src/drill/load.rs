//! All clients of a drill: where they sit, and what they saw together.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::writer::{Errors, Writer};
use crate::clock::{Deadline, rest};

/// What clients saw.
#[derive(Debug, Default)]
pub struct Seen {
    /// Requests that were answered.
    pub answered: u64,
    /// Values that could not be, in words: lost, stale, counted twice.
    pub faults: Vec<String>,
    /// Reads that failed, and connections lost, of clients whose node was not harmed.
    pub read_errors: Vec<String>,
    /// Writes that were answered with an error, and how often.
    pub write_errors: Errors,
    /// Writes of which a node said that their outcome is not known.
    pub unknown: u64,
    /// The longest that a pipeline took.
    pub slowest: Duration,
}

/// Clients at work.
#[derive(Debug)]
pub struct Load {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<Seen>>,
}

impl Load {
    /// Starts so many clients that sit at the servers that are not harmed, and as many that sit anywhere and go elsewhere when
    /// they lose their connection.
    pub fn start(name: &str, clients: usize, rovers: usize, servers: &[SocketAddr]) -> Self {
        let seats = Seats { generation: 1, safe: servers.to_vec(), all: servers.to_vec() };
        let shared = Arc::new(Shared {
            seats: Mutex::new(seats),
            over: AtomicBool::new(false),
            seated: (0..clients + rovers).map(|_| AtomicU64::new(0)).collect(),
        });
        let start = |number: usize| {
            let seat = Seat {
                shared: Arc::clone(&shared),
                number,
                safe: number < clients,
                generation: 0,
                turn: number,
                address: servers[number % servers.len()],
            };
            let writer = Writer::new(format!("{name}-{number}"), seat);
            thread::spawn(move || writer.work())
        };
        let threads = (0..clients + rovers).map(start).collect();
        Self { shared, threads }
    }

    /// Has the clients that must see no error sit at these from now on, and the others at any of `all`; returns once all have
    /// moved.
    ///
    /// # Panics
    /// One is stuck.
    pub fn seat(&self, safe: &[SocketAddr], all: &[SocketAddr]) {
        let generation = {
            let mut seats = self.shared.seats();
            *seats = Seats { generation: seats.generation + 1, safe: safe.to_vec(), all: all.to_vec() };
            seats.generation
        };
        let moved = |seated: &AtomicU64| seated.load(Ordering::Acquire) >= generation;
        let all_moved =
            Deadline::after(SEATING_TIME_MAX).poll(|| self.shared.seated.iter().all(moved).then_some(()));
        assert!(all_moved.is_some(), "a client is stuck");
    }

    /// Stops the clients, lets each look at all its keys once more, and tells what they saw.
    ///
    /// # Panics
    /// A client has.
    pub fn end(self) -> Seen {
        self.shared.over.store(true, Ordering::Release);
        let mut seen = Seen::default();
        for thread in self.threads {
            seen.add(thread.join().unwrap_or_else(|_| panic!("a client has failed")));
        }
        seen
    }
}

impl Seen {
    /// Checks that no client was told anything wrong, and that those whose node was not harmed saw no error.
    ///
    /// # Panics
    /// With what was seen.
    pub fn assert_well(&self, what: &str) {
        assert!(self.faults.is_empty(), "{what}: {} faults: {:#?}", self.faults.len(), first(&self.faults));
        let errors = (self.read_errors.is_empty() && self.write_errors.is_empty()).then_some(());
        assert!(errors.is_some(), "{what}: {:#?} {:#?}", first(&self.read_errors), self.write_errors);
        assert!(self.answered > 100, "{what}: the clients did too little: {}", self.answered);
    }
}

fn first(texts: &[String]) -> &[String] {
    &texts[..texts.len().min(8)]
}

/// What all clients share.
#[derive(Debug)]
struct Shared {
    seats: Mutex<Seats>,
    over: AtomicBool,
    /// The seating that each client has followed.
    seated: Vec<AtomicU64>,
}

/// Where clients may sit.
#[derive(Debug)]
struct Seats {
    generation: u64,
    safe: Vec<SocketAddr>,
    all: Vec<SocketAddr>,
}

impl Shared {
    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One client's place.
#[derive(Debug)]
pub(super) struct Seat {
    shared: Arc<Shared>,
    number: usize,
    safe: bool,
    generation: u64,
    turn: usize,
    address: SocketAddr,
}

impl Seat {
    pub(super) fn is_over(&self) -> bool {
        self.shared.over.load(Ordering::Acquire)
    }

    /// Whether this client must see no error.
    pub(super) const fn is_safe(&self) -> bool {
        self.safe
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) const fn port(&self) -> SocketAddr {
        self.address
    }

    /// Follows a new seating; whether there was one.
    pub(super) fn change(&mut self) -> bool {
        let generation = self.shared.seats().generation;
        if generation == self.generation {
            return false;
        }
        self.generation = generation;
        self.sit();
        self.shared.seated[self.number].store(generation, Ordering::Release);
        true
    }

    /// Goes elsewhere, if there is another place.
    pub(super) fn next(&mut self) {
        self.turn += 1;
        self.sit();
    }

    /// So that the load is no heavier than it is meant to be.
    pub(super) fn pause(&self) {
        rest(PAUSE);
    }

    fn sit(&mut self) {
        let seats = self.shared.seats();
        let list = if self.safe { &seats.safe } else { &seats.all };
        self.address = list[self.turn % list.len()];
    }
}

/// How long clients may take to move: a request may wait for an owner.
const SEATING_TIME_MAX: Duration = Duration::from_secs(20);
/// Between two pipelines of a client.
const PAUSE: Duration = Duration::from_millis(4);
