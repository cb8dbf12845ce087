//! The origin guard: how many requests that the cache could not answer may be at the backend at once,
//! per route. What a refused request is answered is said by others.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::guard::Budget;
use crate::limits::{ORIGIN_ROUTES_MAX, ORIGIN_WAITERS_MAX};

/// The limit of one route: the API and operation of a [`KeyScope`](super::KeyScope).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OriginLimit {
    /// Misses of one route that may be at the backend at once, from the request to the end of the body. Whoever has a
    /// response of [`Responses::store`](super::Responses::store) or [`pass`](super::Responses::pass) reads it
    /// [ahead](super::ReadAhead) of a slow client; a layer does so itself.
    pub parallel: usize,
    /// How long a request waits for its turn.
    pub wait: Duration,
    /// What becomes of it then.
    pub when_full: WhenFull,
}

/// What becomes of a request that has waited long enough. If there is an entry past its freshness that
/// may stand in, it is answered from that in both cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum WhenFull {
    /// It is answered with 503 and `Retry-After`.
    #[default]
    Refuse,
    /// It goes to the backend nevertheless.
    GoOn,
}

/// The guard.
#[derive(Debug)]
pub(super) struct OriginGuard {
    limit: OriginLimit,
    routes: Mutex<HashMap<String, Arc<Route>>>,
}

#[derive(Debug)]
struct Route {
    turns: Arc<Semaphore>,
    /// Written by those who wait.
    waiting: AtomicUsize,
}

/// The right to be at the backend; dropped when the body has ended.
#[derive(Debug)]
pub(super) struct Turn {
    _permit: OwnedSemaphorePermit,
    /// A route that is in use stays known.
    _route: Arc<Route>,
}

/// Too many are at the backend.
pub(super) struct Full;

impl OriginGuard {
    pub(super) fn new(limit: OriginLimit) -> Self {
        Self { limit, routes: Mutex::default() }
    }

    /// Waits for a turn; none if the request goes on without.
    pub(super) async fn turn(&self, route: &str) -> Result<Option<Turn>, Full> {
        let route = self.route(route);
        if let Ok(permit) = route.turns.clone().try_acquire_owned() {
            return Ok(Some(Turn { _permit: permit, _route: route }));
        }
        let waited = match Waiting::begin(&route.waiting) {
            Some(_waiting) => {
                let turn = route.turns.clone().acquire_owned();
                Budget::start(self.limit.wait).run(turn).await
            }
            None => None,
        };
        match (waited, self.limit.when_full) {
            (Some(Ok(permit)), _) => Ok(Some(Turn { _permit: permit, _route: route })),
            (_, WhenFull::GoOn) => Ok(None),
            (_, WhenFull::Refuse) => Err(Full),
        }
    }

    /// When a refused client may come again, in seconds.
    pub(super) fn retry_after(&self) -> u64 {
        self.limit.wait.as_secs().max(1)
    }

    fn route(&self, name: &str) -> Arc<Route> {
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(route) = routes.get(name) {
            return route.clone();
        }
        if routes.len() >= ORIGIN_ROUTES_MAX {
            routes.retain(|_, route| Arc::strong_count(route) > 1);
        }
        // More routes than can be told apart share one limit.
        let name = if routes.len() >= ORIGIN_ROUTES_MAX { "" } else { name };
        let new = || {
            let turns = Arc::new(Semaphore::new(self.limit.parallel.min(Semaphore::MAX_PERMITS)));
            Arc::new(Route { turns, waiting: AtomicUsize::new(0) })
        };
        routes.entry(name.to_owned()).or_insert_with(new).clone()
    }
}

/// One who waits; counted until it is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn begin(count: &'a AtomicUsize) -> Option<Self> {
        let before = count.fetch_add(1, Ordering::Relaxed);
        let waiting = Self(count);
        (before < ORIGIN_WAITERS_MAX).then_some(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
