//! Single flight: of the requests of this process that need the same value, one makes it and the others
//! wait for it. A bounded table of what is under way.
//!
//! Responses have a table of their own (`http/flight.rs`). The two share no more than a map under a lock: what
//! is told differs (an entry, one that stands in, nobody at all), and there keys are paused and a lead
//! outlives its request, while here it borrows the table for as long as the statements run.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

use crate::limits;
use crate::{CachingType, Value};

/// What makes two flights the same.
pub(super) type FlightKey = (CachingType, Arc<str>);

/// What is under way.
#[derive(Default)]
pub(super) struct Flights {
    table: Mutex<HashMap<FlightKey, Arc<watch::Sender<Landing>>>>,
}

/// How a flight ended; none yet, or not at all if its sender is gone.
pub(super) type Landing = Option<Landed>;

/// The end of a flight.
#[derive(Debug, Clone)]
pub(super) enum Landed {
    /// This is the value.
    Value(Value),
    /// The statements made none.
    Nothing,
}

/// What a request that needs a value does.
pub(super) enum Ticket<'f> {
    /// It makes it; others wait.
    Lead(Leader<'f>),
    /// It waits.
    Wait(watch::Receiver<Landing>),
    /// It makes it for itself: the table is full, or too many wait for this key.
    Alone,
}

/// Who makes a value. When it is dropped, whoever waits is told, or has to make the value itself.
pub(super) struct Leader<'f> {
    flights: &'f Flights,
    key: FlightKey,
    sender: Arc<watch::Sender<Landing>>,
}

impl Flights {
    /// Joins the flight of a key, or begins one.
    pub(super) fn join(&self, key: FlightKey) -> Ticket<'_> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        match table.get(&key) {
            Some(flight) if flight.receiver_count() >= limits::ENGINE_FLIGHT_WAITERS_MAX => {
                return Ticket::Alone;
            }
            Some(flight) => return Ticket::Wait(flight.subscribe()),
            None if table.len() >= limits::ENGINE_FLIGHTS_MAX => return Ticket::Alone,
            None => {}
        }
        let sender = Arc::new(watch::Sender::new(None));
        table.insert(key.clone(), sender.clone());
        Ticket::Lead(Leader { flights: self, key, sender })
    }
}

impl Leader<'_> {
    /// Tells those who wait.
    pub(super) fn land(self, landed: Landed) {
        self.sender.send_replace(Some(landed));
    }
}

impl Drop for Leader<'_> {
    fn drop(&mut self) {
        self.flights.table.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> FlightKey {
        (CachingType::Internal, text.into())
    }

    #[test]
    fn one_leads_and_others_wait_until_it_lands() {
        let flights = Flights::default();
        let Ticket::Lead(leader) = flights.join(key("a")) else { panic!() };
        assert!(matches!(flights.join(key("b")), Ticket::Lead(_)), "another key is another flight");
        let Ticket::Wait(waiting) = flights.join(key("a")) else { panic!() };
        leader.land(Landed::Value("v".into()));
        assert!(matches!(&*waiting.borrow(), Some(Landed::Value(value)) if *value == "v".into()));
        assert!(matches!(flights.join(key("a")), Ticket::Lead(_)), "it has landed");
    }

    #[test]
    fn a_leader_that_goes_frees_its_key() {
        let flights = Flights::default();
        let Ticket::Lead(leader) = flights.join(key("a")) else { panic!() };
        let Ticket::Wait(waiting) = flights.join(key("a")) else { panic!() };
        drop(leader);
        assert!(waiting.has_changed().is_err());
        assert!(matches!(flights.join(key("a")), Ticket::Lead(_)));
    }

    #[test]
    fn those_who_wait_are_bounded() {
        let flights = Flights::default();
        let Ticket::Lead(leader) = flights.join(key("a")) else { panic!() };
        let mut waiting: Vec<_> =
            (0..limits::ENGINE_FLIGHT_WAITERS_MAX).map(|_| flights.join(key("a"))).collect();
        assert!(waiting.iter().all(|ticket| matches!(ticket, Ticket::Wait(_))));
        assert!(matches!(flights.join(key("a")), Ticket::Alone));
        assert!(matches!(flights.join(key("b")), Ticket::Lead(_)), "another key");
        waiting.pop();
        assert!(matches!(flights.join(key("a")), Ticket::Wait(_)), "one has left");
        leader.land(Landed::Nothing);
        assert!(matches!(flights.join(key("a")), Ticket::Lead(_)), "it has landed");
    }

    #[test]
    fn the_table_is_bounded() {
        let flights = Flights::default();
        let names = 0..limits::ENGINE_FLIGHTS_MAX;
        let leaders: Vec<_> = names.map(|name| flights.join(key(&name.to_string()))).collect();
        assert!(matches!(flights.join(key("more")), Ticket::Alone));
        drop(leaders);
        assert!(matches!(flights.join(key("more")), Ticket::Lead(_)));
    }
}
