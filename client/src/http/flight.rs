//! Single flight: of the requests of one process for one key, one asks the cache and the backend, and the
//! others get its entry. What an entry is, and who may wait how long, is said by others.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Place;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::entry::Entry;
use super::key::ResponseKey;
use crate::CachingType;
use crate::guard::Budget;
use crate::limits::{FLIGHT_PAUSE, FLIGHT_PAUSES_MAX, FLIGHT_WAITERS_MAX, FLIGHTS_MAX};

/// The flights of a process. The lock is held for a look into the map, never across an await.
#[derive(Debug, Default)]
pub(super) struct Flights {
    under_way: Mutex<HashMap<Name, Arc<watch::Sender<State>>>>,
    /// Keys whose responses are of a kind that is not stored: nobody waits for them for a while.
    /// Locked alone, or after `under_way`.
    paused: Mutex<HashMap<Name, Budget>>,
}

/// The same key in two stores is two entries.
type Name = (CachingType, ResponseKey);

/// ```text
/// Waiting ──> Found ─── the leader has got an entry, or is storing it
///    ├──────> StandIn ─ the backend failed, and an entry past its freshness answers
///    ├──────> GoOn ──── there will be none: everybody asks for himself, at once
///    ├──────> ForOne ── what came was for its caller alone: another one leads, a few times
///    └──────> (gone) ── the leader went away: another one leads
/// ```
#[derive(Debug, Clone)]
enum State {
    Waiting,
    Found(Arc<Entry>),
    StandIn(Arc<Entry>),
    GoOn,
    ForOne,
}

/// What a request has to do.
pub(super) enum Turn {
    /// Ask, and tell the others.
    Lead(Lead),
    /// Wait.
    Follow(Follow),
    /// Ask, and tell nobody: too many flights, or too many who wait.
    Alone,
}

/// The duty to tell the others. Dropped without a word, it is handed to one of them.
#[derive(Debug)]
pub(super) struct Lead {
    flights: Arc<Flights>,
    name: Name,
    state: Arc<watch::Sender<State>>,
    /// What becomes of the response says nothing about that of others.
    is_mute: bool,
    /// Others may lead meanwhile.
    has_ended: bool,
}

/// What is to be expected of the next response for the same key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// It may well be stored.
    MayBeStored,
    /// It is not stored either.
    NotStored,
}

/// The right to be told.
pub(super) struct Follow(watch::Receiver<State>);

/// What a follower was told.
pub(super) enum Told {
    Found(Arc<Entry>),
    StandIn(Arc<Entry>),
    GoOn,
    ForOne,
    Left,
    /// Nothing, in time.
    Nothing,
}

impl Flights {
    /// Takes part in the flight of this key, or begins it.
    pub(super) fn enter(self: &Arc<Self>, name: Name) -> Turn {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = under_way.len() >= FLIGHTS_MAX || self.is_paused(&name);
        match under_way.entry(name) {
            Place::Occupied(flight) if flight.get().receiver_count() >= FLIGHT_WAITERS_MAX => Turn::Alone,
            Place::Occupied(flight) => Turn::Follow(Follow(flight.get().subscribe())),
            Place::Vacant(_) if is_full => Turn::Alone,
            Place::Vacant(place) => {
                let (flights, name) = (self.clone(), place.key().clone());
                let state = place.insert(Arc::new(watch::Sender::new(State::Waiting))).clone();
                Turn::Lead(Lead { flights, name, state, is_mute: false, has_ended: false })
            }
        }
    }

    fn is_paused(&self, name: &Name) -> bool {
        let mut paused = self.paused.lock().unwrap_or_else(PoisonError::into_inner);
        match paused.get(name).map(|pause| pause.is_spent()) {
            Some(true) => paused.remove(name).is_none(),
            found => found.is_some(),
        }
    }

    fn pause(&self, name: Name) {
        let mut paused = self.paused.lock().unwrap_or_else(PoisonError::into_inner);
        if paused.len() >= FLIGHT_PAUSES_MAX {
            paused.retain(|_, pause| !pause.is_spent());
        }
        if paused.len() < FLIGHT_PAUSES_MAX {
            paused.insert(name, Budget::start(FLIGHT_PAUSE));
        }
    }
}

impl Lead {
    /// Gives the others the entry. Who comes before the lead is dropped gets it as well.
    pub(super) fn found(&self, entry: &Arc<Entry>) {
        self.state.send_replace(State::Found(entry.clone()));
    }

    /// Gives the others the entry that stands in for the backend: they need not see it fail, too.
    pub(super) fn stands_in(self, entry: &Arc<Entry>) {
        self.state.send_replace(State::StandIn(entry.clone()));
    }

    /// From now on only an entry is told: without one, another request leads.
    pub(super) fn mute(&mut self) {
        self.is_mute = true;
    }

    /// Tells the others that there will be no entry. If the `next` response will not be stored either,
    /// nobody waits for it.
    pub(super) fn go_on(self, next: Next) {
        if self.is_mute {
            return;
        }
        if next == Next::NotStored {
            self.flights.pause(self.name.clone());
        }
        self.state.send_replace(State::GoOn);
    }
}

impl Lead {
    /// Tells the others that this response was for its caller alone, and says nothing of theirs.
    pub(super) fn for_one(mut self) {
        // First, so that who is told does not find this flight again.
        self.end();
        if !self.is_mute {
            self.state.send_replace(State::ForOne);
        }
    }

    fn end(&mut self) {
        if !std::mem::replace(&mut self.has_ended, true) {
            let mut under_way = self.flights.under_way.lock().unwrap_or_else(PoisonError::into_inner);
            under_way.remove(&self.name);
        }
    }
}

impl Drop for Lead {
    /// Ends the flight. Who was told nothing sees that nobody is left to tell him.
    fn drop(&mut self) {
        self.end();
    }
}

impl Follow {
    /// Waits to be told, until the time is over.
    pub(super) async fn told(mut self, time: Budget) -> Told {
        let told = async {
            let state = self.0.wait_for(|state| !matches!(state, State::Waiting)).await;
            state.map(|state| state.clone()).ok()
        };
        match time.run(told).await {
            Some(Some(State::Found(entry))) => Told::Found(entry),
            Some(Some(State::StandIn(entry))) => Told::StandIn(entry),
            Some(Some(State::GoOn)) => Told::GoOn,
            Some(Some(State::ForOne)) => Told::ForOne,
            Some(Some(State::Waiting) | None) => Told::Left,
            None => Told::Nothing,
        }
    }
}
