//! The network as who runs the simulation sees it: time, faults, and the trace.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use super::meter::{Meter, Traffic};
use super::path::PathSettings;
use super::state::{Event, Host, State};

/// All hosts and what connects them.
#[derive(Debug)]
pub struct Wires {
    state: Mutex<State>,
}

impl Wires {
    /// A network without hosts.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { state: Mutex::new(State::new(seed)) }
    }

    /// Sets up a host, with power.
    pub fn add_host(&self, host: IpAddr) {
        let new = Host { is_on: true, stalled_until_ns: 0 };
        self.with(|state| state.hosts.insert(host, new));
    }

    /// Lets a name mean these addresses from now on.
    pub fn name(&self, name: &str, addresses: &[IpAddr]) {
        self.with(|state| state.names.insert(name.to_owned(), addresses.to_vec()));
    }

    /// How ways behave that were given no settings of their own.
    pub fn set_usual(&self, settings: PathSettings) {
        self.with(|state| state.usual = settings);
    }

    /// How one way behaves.
    pub fn set_path(&self, from: IpAddr, to: IpAddr, settings: PathSettings) {
        self.with(|state| state.path_mut(from, to).settings = settings);
    }

    /// Nothing arrives this way until it is mended.
    pub fn cut(&self, from: IpAddr, to: IpAddr) {
        self.with(|state| state.path_mut(from, to).is_cut = true);
    }

    /// Opens this way again; what was sent meanwhile is sent again.
    pub fn mend(&self, from: IpAddr, to: IpAddr) {
        self.with(|state| {
            if std::mem::replace(&mut state.path_mut(from, to).is_cut, false) {
                state.send_again(from, to);
            }
        });
    }

    /// Opens all ways, and makes them as usual.
    pub fn mend_all(&self) {
        let cut: Vec<_> = self.with(|state| {
            let cut = state.paths.iter().filter(|(_, path)| path.is_cut).map(|(way, _)| *way);
            cut.collect()
        });
        cut.into_iter().for_each(|(from, to)| self.mend(from, to));
        self.with(|state| state.paths.clear());
    }

    /// Nothing arrives this way before that time.
    pub fn hold(&self, from: IpAddr, to: IpAddr, until_ns: u64) {
        self.with(|state| state.path_mut(from, to).held_until_ns = until_ns);
    }

    /// Breaks one connection between hosts, chosen at random: both ends are told.
    pub fn reset_one(&self, between: impl Fn(IpAddr, IpAddr) -> bool) {
        self.with(|state| {
            let chosen: Vec<u64> = state
                .connections
                .iter()
                .filter(|(_, connection)| {
                    let [one, other] = &connection.ends;
                    between(one.address.ip(), other.address.ip())
                })
                .map(|(number, _)| *number)
                .collect();
            if chosen.is_empty() {
                return;
            }
            let connection = chosen[state.random.usize(0..chosen.len())];
            for side in [0, 1] {
                state.schedule(state.now_ns, Event::Reset { connection, side });
            }
        });
    }

    /// The host loses its power. Its process has to be dropped afterwards.
    pub fn power_off(&self, host: IpAddr) {
        self.with(|state| state.power_off(host));
    }

    /// The host has power again; it knows nothing of the connections it had.
    pub fn power_on(&self, host: IpAddr) {
        self.with(|state| {
            if let Some(found) = state.hosts.get_mut(&host) {
                found.is_on = true;
            }
            let others: Vec<IpAddr> = state.hosts.keys().copied().collect();
            others.into_iter().for_each(|other| state.send_again(other, host));
        });
    }

    /// What the host sends in its present turn leaves at this time.
    pub(crate) fn stall(&self, host: IpAddr, until_ns: u64) {
        self.with(|state| {
            if let Some(found) = state.hosts.get_mut(&host) {
                found.stalled_until_ns = until_ns;
            }
        });
    }

    /// Sets the time.
    pub(crate) fn set_now(&self, now_ns: u64) {
        self.with(|state| state.now_ns = now_ns);
    }

    /// Lets one event happen that is due; whether there was one.
    pub(crate) fn step(&self) -> bool {
        self.with(State::happen)
    }

    /// When the next event is.
    pub(crate) fn next_ns(&self) -> Option<u64> {
        self.with(|state| state.next_ns())
    }

    /// Notes something in the trace that is no event of the network.
    pub fn note(&self, kind: u8, words: &[u64], bytes: &[u8]) {
        self.with(|state| state.trace.note(kind, words, bytes));
    }

    /// The hash of all that happened, and of how many events.
    #[must_use]
    pub fn trace(&self) -> (u64, u64) {
        self.with(|state| (state.trace.hash(), state.trace.events()))
    }

    /// Counts from here on what is sent on new connections to this port of any host.
    pub fn measure(&self, port: u16) {
        self.with(|state| state.meter = Some(Meter::new(port)));
    }

    /// What was counted.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        self.with(|state| state.meter.as_ref().map(|meter| meter.traffic.clone()).unwrap_or_default())
    }

    /// How many connections there are.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.with(|state| state.connections.len())
    }

    /// Looks at or changes the state, and wakes afterwards whom this concerns.
    pub(super) fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let result = f(&mut state);
        let woken = std::mem::take(&mut state.woken);
        drop(state);
        woken.into_iter().for_each(std::task::Waker::wake);
        result
    }
}
