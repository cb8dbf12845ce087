//! Everything the network knows: hosts, ways, who listens, connections, and what happens when. What happens then is left to
//! the events.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::task::Waker;

use fastrand::Rng;

use super::connection::{Connection, Segment};
use super::meter::Meter;
use super::path::{Path, PathSettings};
use crate::simulation::Trace;

/// Guarded by the mutex of `Wires`; changed by the driver between the turns of hosts, and by the host whose turn it is.
#[derive(Debug)]
pub(super) struct State {
    pub(super) now_ns: u64,
    pub(super) random: Rng,
    pub(super) trace: Trace,
    /// Reads along, if it was asked for.
    pub(super) meter: Option<Meter>,
    pub(super) hosts: BTreeMap<IpAddr, Host>,
    pub(super) names: BTreeMap<String, Vec<IpAddr>>,
    pub(super) usual: PathSettings,
    /// Ways that are not as usual.
    pub(super) paths: BTreeMap<(IpAddr, IpAddr), Path>,
    pub(super) listeners: BTreeMap<SocketAddr, Backlog>,
    pub(super) connections: BTreeMap<u64, Connection>,
    pub(super) knocks: BTreeMap<u64, Knock>,
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    next_number: u64,
    /// Tasks to be woken once the mutex is free.
    pub(super) woken: Vec<Waker>,
}

/// One machine.
#[derive(Clone, Copy, Debug)]
pub(super) struct Host {
    /// Without power nothing arrives and nothing is answered.
    pub(super) is_on: bool,
    /// Until when its process stands still in the middle of what it does: what it sends now leaves then.
    pub(super) stalled_until_ns: u64,
}

/// Connections that were opened and not yet accepted.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    pub(super) waiting: VecDeque<(u64, SocketAddr)>,
    pub(super) acceptor: Option<Waker>,
}

/// A connection that is being opened.
#[derive(Debug)]
pub(super) struct Knock {
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    /// The connection, once the other side has answered; `Err` if it refuses.
    pub(super) answer: Option<Result<u64, ()>>,
    /// Whether the answer has arrived.
    pub(super) is_answered: bool,
    pub(super) waker: Option<Waker>,
}

/// What happens at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    /// The first segment that this end sent arrives at the other.
    Arrival { connection: u64, side: usize },
    /// The reset that this end's host sent arrives at the other end.
    Reset { connection: u64, side: usize },
    /// A wish to connect arrives.
    Knock(u64),
    /// The answer to it arrives.
    Answer(u64),
}

impl State {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            now_ns: 0,
            random: Rng::with_seed(seed),
            trace: Trace::default(),
            meter: None,
            hosts: BTreeMap::new(),
            names: BTreeMap::new(),
            usual: PathSettings::default(),
            paths: BTreeMap::new(),
            listeners: BTreeMap::new(),
            connections: BTreeMap::new(),
            knocks: BTreeMap::new(),
            events: BinaryHeap::new(),
            next_number: 0,
            woken: Vec::new(),
        }
    }

    pub(super) fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    pub(super) fn path(&self, from: IpAddr, to: IpAddr) -> Path {
        if from == to {
            return Path { settings: LOOPBACK, ..Path::default() };
        }
        let usual = Path { settings: self.usual, ..Path::default() };
        self.paths.get(&(from, to)).copied().unwrap_or(usual)
    }

    pub(super) fn path_mut(&mut self, from: IpAddr, to: IpAddr) -> &mut Path {
        let usual = Path { settings: self.usual, ..Path::default() };
        self.paths.entry((from, to)).or_insert(usual)
    }

    pub(super) fn is_on(&self, host: IpAddr) -> bool {
        self.hosts.get(&host).is_some_and(|host| host.is_on)
    }

    /// Whether what was sent from one host arrives at another.
    pub(super) fn is_open(&self, from: IpAddr, to: IpAddr) -> bool {
        self.is_on(to) && !self.path(from, to).is_cut
    }

    /// When what a host sends now arrives.
    pub(super) fn arrival_ns(&mut self, from: IpAddr, to: IpAddr, bytes: usize) -> u64 {
        let stalled = self.hosts.get(&from).map_or(0, |host| host.stalled_until_ns);
        let sent_ns = self.now_ns.max(stalled);
        self.path(from, to).arrival_ns(&mut self.random, sent_ns, bytes)
    }

    pub(super) fn schedule(&mut self, at_ns: u64, event: Event) {
        let number = self.number();
        self.events.push(Reverse((at_ns, number, event)));
    }

    /// The next event that is due.
    pub(super) fn due(&mut self) -> Option<(u64, Event)> {
        let Reverse((at_ns, ..)) = self.events.peek()?;
        if *at_ns > self.now_ns {
            return None;
        }
        self.events.pop().map(|Reverse((at_ns, _, event))| (at_ns, event))
    }

    /// When the next event is.
    pub(super) fn next_ns(&self) -> Option<u64> {
        self.events.peek().map(|Reverse((at_ns, ..))| *at_ns)
    }

    /// Sends from one end, behind what it has sent before. Empty: the end of the stream.
    pub(super) fn send(&mut self, connection: u64, side: usize, bytes: &[u8]) {
        let Some(found) = self.connections.get(&connection) else { return };
        let (from, to) = (found.ends[side].address.ip(), found.ends[1 - side].address.ip());
        let at_ns = self.arrival_ns(from, to, bytes.len());
        if let Some(meter) = &mut self.meter {
            let hosts = if side == 0 { [from, to] } else { [to, from] };
            meter.read(connection, side, hosts, bytes);
        }
        let Some(found) = self.connections.get_mut(&connection) else { return };
        let end = &mut found.ends[side];
        let at_ns = end.outgoing.back().map_or(at_ns, |last| at_ns.max(last.at_ns));
        end.outgoing.push_back(Segment { at_ns, bytes: bytes.to_vec() });
        end.outgoing_bytes += bytes.len();
        self.schedule_arrival(connection, side, at_ns);
    }

    /// Lets the first segment of this end arrive at that time, unless there is an event for it.
    pub(super) fn schedule_arrival(&mut self, connection: u64, side: usize, at_ns: u64) {
        let Some(found) = self.connections.get_mut(&connection) else { return };
        if !found.ends[side].is_scheduled && !found.ends[side].outgoing.is_empty() {
            found.ends[side].is_scheduled = true;
            self.schedule(at_ns, Event::Arrival { connection, side });
        }
    }

    pub(super) fn remove_if_over(&mut self, connection: u64) {
        if self.connections.get(&connection).is_some_and(Connection::is_over) {
            self.connections.remove(&connection);
            if let Some(meter) = &mut self.meter {
                meter.close(connection);
            }
        }
    }
}

const LOOPBACK: PathSettings =
    PathSettings { latency_ns_min: 5_000, latency_ns_max: 30_000, bytes_per_us: 10_000 };
