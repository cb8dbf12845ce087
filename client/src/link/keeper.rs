//! The link: the handle through which calls go, and the keeper, the one task behind it.
//!
//! **The keeper** owns the connection and its driver. It connects, publishes the connection, moves
//! its bytes, pings it when idle or in doubt, and starts again when it ends, with the pauses that the
//! breaker orders. It ends when the link is dropped.
//!
//! Many calls share the connection: their requests are written one behind the other and answered
//! in that order.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{RedisError, Value};
use tokio::sync::{Notify, Semaphore, watch};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::LinkSettings;
use super::answer::{CallError, Refusal, Say};
use super::connect::{Connected, Driver, answers, beside, connect_any, current_primary, describe};
use crate::external::Endpoint;
use crate::guard::{Breaker, Budget};
use crate::limits;
use crate::outcome::Cause;

/// A connection that is always being made if it is not there.
pub(crate) struct Link {
    shared: Arc<Shared>,
    _stop: DropGuard,
}

struct Shared {
    settings: LinkSettings,
    /// Written by the keeper, and by the call whose time-out puts the connection in doubt.
    state: watch::Sender<State>,
    breaker: Mutex<Breaker>,
    /// Tells the keeper that the connection is in doubt.
    doubt: Notify,
    /// Tells the keeper to look at `demoted_generation`.
    demoted: Notify,
    /// The last connection whose server turned out to be a replica; written by calls.
    demoted_generation: AtomicU64,
    in_flight: Semaphore,
}

#[derive(Clone)]
enum State {
    Connecting,
    Up(Live),
    Down(Cause),
}

#[derive(Clone)]
struct Live {
    connection: MultiplexedConnection,
    /// Grows with every connection.
    generation: u64,
}

impl Link {
    /// Starts the keeper as a task of the tracker.
    pub(crate) fn start(settings: LinkSettings, tasks: &TaskTracker) -> Self {
        let breaker = Breaker::new(settings.patient_attempts, settings.clock.now());
        let shared = Arc::new(Shared {
            settings,
            state: watch::Sender::new(State::Connecting),
            breaker: Mutex::new(breaker),
            doubt: Notify::new(),
            demoted: Notify::new(),
            demoted_generation: AtomicU64::new(0),
            in_flight: Semaphore::new(limits::IN_FLIGHT_MAX),
        });
        let stop = CancellationToken::new();
        let (keeper, stopped) = (shared.clone(), stop.clone());
        tasks.spawn(async move {
            tokio::select! {
                () = stopped.cancelled() => {}
                () = keeper.keep() => {}
            }
        });
        Self { shared, _stop: stop.drop_guard() }
    }

    /// Waits for a connection within the budget; true if there is one.
    pub(crate) async fn connected(&self, budget: Budget) -> bool {
        let mut states = self.shared.state.subscribe();
        let is_up = states.wait_for(|state| matches!(state, State::Up(_)));
        matches!(budget.run(is_up).await, Some(Ok(_)))
    }

    /// Sends a command and waits for its answer within the budget.
    ///
    /// A command whose connection ends is sent once more on the next one if it may be repeated: nobody knows
    /// whether it was carried out.
    pub(crate) async fn call(&self, say: Say<'_>, budget: Budget) -> Result<Value, CallError> {
        let shared = &*self.shared;
        let permit = budget.run(shared.in_flight.acquire()).await;
        let Some(Ok(_permit)) = permit else { return Err(Cause::Overloaded.into()) };
        let first = shared.live_after(0, budget).await?;
        match shared.send(&first, say, budget).await {
            Err(Failure::ConnectionEnded(_)) if say.repeatable => {}
            other => return other.map_err(Failure::into_error),
        }
        let second = shared.live_after(first.generation, budget).await?;
        shared.send(&second, say, budget).await.map_err(Failure::into_error)
    }

    /// The number of the connection in use, which grows with every new one; 0 if there is none.
    pub(crate) fn generation(&self) -> u64 {
        match &*self.shared.state.borrow() {
            State::Up(live) => live.generation,
            State::Connecting | State::Down(_) => 0,
        }
    }
}

/// Why a command was not answered.
enum Failure {
    ConnectionEnded(String),
    Other(CallError),
}

impl Failure {
    fn into_error(self) -> CallError {
        match self {
            Self::ConnectionEnded(why) => Cause::Unreachable(why.into()).into(),
            Self::Other(error) => error,
        }
    }
}

impl Shared {
    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        // Nothing panics while it is held; if something did, the state would still be a state.
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection, if it is younger than `seen`; waits for it if one is being made.
    async fn live_after(&self, seen: u64, budget: Budget) -> Result<Live, Cause> {
        if let Some(ready) = ready(&self.state.borrow(), seen) {
            return ready;
        }
        let mut states = self.state.subscribe();
        let patience = self.breaker().patience(self.settings.clock.now());
        let patience = budget.at_most(patience);
        loop {
            if let Some(ready) = ready(&states.borrow_and_update(), seen) {
                return ready;
            }
            match patience.run(states.changed()).await {
                Some(Ok(())) => {}
                Some(Err(_)) | None => return Err(Cause::Connecting),
            }
        }
    }

    async fn send(&self, live: &Live, say: Say<'_>, budget: Budget) -> Result<Value, Failure> {
        let answer = exchange(live.connection.clone(), say);
        let Some(answer) = budget.run(answer).await else {
            self.note_timeout(live);
            return Err(Failure::Other(Cause::TimedOut.into()));
        };
        match answer.and_then(Value::extract_error) {
            Ok(value) => {
                self.breaker().replied();
                Ok(value)
            }
            Err(error) => Err(self.failure(&error, live)),
        }
    }

    fn failure(&self, error: &RedisError, live: &Live) -> Failure {
        match error.code() {
            Some(code) => {
                self.breaker().replied();
                // Perhaps another endpoint is the primary, or sentinels know of another.
                let others = self.settings.endpoints.len() > 1 || self.settings.sentinel.is_some();
                if code == "READONLY" && others {
                    self.demoted_generation.fetch_max(live.generation, Ordering::Relaxed);
                    self.demoted.notify_one();
                }
                Failure::Other(CallError::Refused(Refusal::new(error, code)))
            }
            None if error.is_io_error() || error.is_connection_dropped() => {
                Failure::ConnectionEnded(describe(error))
            }
            None => Failure::Other(Cause::Unreachable(describe(error).into()).into()),
        }
    }

    /// Counts a time-out; the one that puts the connection in doubt takes it out of use.
    fn note_timeout(&self, live: &Live) {
        if !self.breaker().timed_out() {
            return;
        }
        let taken = self.state.send_if_modified(|state| match state {
            State::Up(current) if current.generation == live.generation => {
                *state = State::Down(Cause::TimedOut);
                true
            }
            _ => false,
        });
        if taken {
            self.doubt.notify_one();
        }
    }

    /// The keeper.
    async fn keep(&self) {
        let mut first = self.settings.first;
        let mut generation = 0;
        let mut is_known_down = false;
        loop {
            let retry = match connect_any(&self.settings, first).await {
                Ok((place, connected)) => {
                    generation += 1;
                    is_known_down = false;
                    let endpoint = self.settings.shown(&self.settings.endpoints[place]);
                    tracing::info!(cache = self.settings.name, endpoint, "connected to cache");
                    let why = self.hold(connected, generation).await;
                    tracing::warn!(cache = self.settings.name, endpoint, why, "lost connection to cache");
                    first = place + 1;
                    let retry = self.breaker().lost(self.settings.clock.now(), self.settings.random.next());
                    self.publish(retry.calls_wait, why);
                    retry
                }
                Err(why) => {
                    // Said once an outage; every further attempt is a detail.
                    match std::mem::replace(&mut is_known_down, true) {
                        false => tracing::warn!(cache = self.settings.name, why, "cache cannot be reached"),
                        true => tracing::debug!(cache = self.settings.name, why, "cache cannot be reached"),
                    }
                    let retry = self.breaker().connect_failed(self.settings.random.next());
                    self.publish(retry.calls_wait, &why);
                    retry
                }
            };
            tokio::time::sleep(retry.pause).await;
        }
    }

    fn publish(&self, calls_wait: bool, why: &str) {
        let state = if calls_wait { State::Connecting } else { State::Down(Cause::Unreachable(why.into())) };
        self.state.send_replace(state);
    }

    /// Offers a connection to calls until it ends; says why it did.
    async fn hold(&self, connected: Connected, generation: u64) -> &'static str {
        let Connected { connection, mut driver, primary } = connected;
        self.breaker().connected(self.settings.clock.now());
        let live = Live { connection, generation };
        self.state.send_replace(State::Up(live.clone()));
        let mut another = pin!(self.another_primary(primary));
        loop {
            let idle = self.settings.keep_alive.unwrap_or(Duration::MAX);
            let limit = tokio::select! {
                biased;
                () = &mut driver => return "it was closed",
                () = self.demoted.notified() => {
                    // A late word about an earlier connection is no reason to give this one up.
                    match self.demoted_generation.load(Ordering::Relaxed) == generation {
                        true => return "it is a replica",
                        false => continue,
                    }
                }
                () = &mut another => return "the sentinels name another primary",
                () = self.doubt.notified() => limits::PROBE_TIMEOUT,
                () = tokio::time::sleep(idle) => self.settings.connect_timeout,
            };
            if let Err(why) = self.probe(&mut driver, &live, limit).await {
                return why;
            }
        }
    }

    /// Ends when the sentinels call another server the primary, without any word from the old one: it may be
    /// cut off from them, and take writes that will be lost.
    async fn another_primary(&self, primary: Option<Endpoint>) {
        let Some(primary) = primary else { return std::future::pending().await };
        loop {
            tokio::time::sleep(limits::SENTINEL_INTERVAL).await;
            if current_primary(&self.settings).await.is_some_and(|named| named != primary) {
                return;
            }
        }
    }

    /// Asks whether the server is still there, and puts the connection back in use if it is.
    async fn probe(&self, driver: &mut Driver, live: &Live, limit: Duration) -> Result<(), &'static str> {
        let answered = answers(live.connection.clone(), self.settings.ping.as_deref(), limit);
        match beside(driver, answered).await {
            None => Err("it was closed"),
            Some(false) => Err("it does not answer"),
            Some(true) => {
                self.breaker().probe_answered();
                self.state.send_if_modified(|state| {
                    let down = matches!(state, State::Down(_));
                    if down {
                        *state = State::Up(live.clone());
                    }
                    down
                });
                Ok(())
            }
        }
    }
}

/// Says it, and waits for the answer.
async fn exchange(mut connection: MultiplexedConnection, say: Say<'_>) -> Result<Value, RedisError> {
    if !say.asking {
        return connection.send_packed_command(say.command).await;
    }
    // Written in one piece: nobody else's command comes between.
    let mut both = redis::pipe();
    both.cmd("ASKING").add_command(say.command.clone());
    let mut answers = connection.send_packed_commands(&both, 1, 1).await?;
    Ok(answers.pop().unwrap_or(Value::Nil))
}

/// What a call does in this state; nothing if it waits.
fn ready(state: &State, seen: u64) -> Option<Result<Live, Cause>> {
    match state {
        State::Up(live) if live.generation > seen => Some(Ok(live.clone())),
        State::Up(_) | State::Connecting => None,
        State::Down(cause) => Some(Err(cause.clone())),
    }
}
