//! `cache-value`: gets a value or makes it, once at a time for a key of this process.
//!
//! A fresh entry is used. One past its refresh is made anew by the first request that sees it, while
//! others use it as it is. Without an entry the first request makes it and the others wait for it, at
//! most [`ENGINE_FLIGHT_WAIT`](crate::limits::ENGINE_FLIGHT_WAIT); a request that itself makes a value
//! waits for nobody, so that no two wait for each other. With `refresh-after` 0 every request makes it.

use std::sync::Arc;

use super::aged::{Aged, Freshness};
use super::failure::{Failed, StatementError};
use super::flights::{Landed, Landing, Leader, Ticket};
use super::record::Outcome;
use super::run::{Flow, Ran, Run, Told};
use super::values::stored_form;
use crate::Value;
use crate::dotnet::Datum;
use crate::limits;
use crate::policy::Step;
use crate::policy::statement::CacheValue;
use crate::policy::statement::value_caching::SECONDS;
use tokio::sync::watch;

/// What the cache holds.
struct Found {
    value: Option<Value>,
    is_fresh: bool,
    /// The entry says that it is always made anew.
    is_forced: bool,
}

impl Run<'_> {
    pub(super) async fn cache_value(&mut self, step: &Step, statement: &CacheValue) -> Ran {
        let key = self.text(&statement.key).await?;
        let is_forced = self.refresh_is_zero(statement).await;
        let mut found = self.found(step, statement, &key).await;
        if is_forced || found.is_forced {
            return self.make(step, statement, (key, found.value, None)).await;
        }
        let engine = self.engine;
        for _ in 0..limits::ENGINE_FLIGHT_ATTEMPTS {
            if found.is_fresh {
                self.take_value(statement, found.value)?;
                return Ok(Flow::Next);
            }
            let waiting = match engine.flights.join((statement.caching_type, key.clone())) {
                Ticket::Lead(leader) => return self.lead(step, statement, (key, found, leader)).await,
                Ticket::Wait(waiting) if !self.is_making => waiting,
                Ticket::Wait(_) | Ticket::Alone => break,
            };
            if found.value.is_some() {
                engine.metrics.stale();
                self.tell(step, Outcome::Stale, Told::default());
                self.take_value(statement, found.value)?;
                return Ok(Flow::Next);
            }
            match landed(waiting).await {
                Some(Landed::Value(value)) => {
                    engine.metrics.joined();
                    self.tell(step, Outcome::Joined, Told::default());
                    self.take_value(statement, Some(value))?;
                    return Ok(Flow::Next);
                }
                Some(Landed::Nothing) => {
                    self.tell(step, Outcome::NotMade, Told::default());
                    self.take_default(statement, None).await?;
                    return Ok(Flow::Next);
                }
                // Whoever made it failed, or takes too long: perhaps it is this one's turn.
                None => found = self.found(step, statement, &key).await,
            }
        }
        self.make(step, statement, (key, found.value, None)).await
    }

    /// Makes the value for all who wait. The entry may have come since this request looked.
    async fn lead(
        &mut self,
        step: &Step,
        statement: &CacheValue,
        (key, found, leader): (Arc<str>, Found, Leader<'_>),
    ) -> Ran {
        let found = match found.value {
            Some(_) => found,
            None => self.found(step, statement, &key).await,
        };
        if found.is_fresh {
            if let Some(value) = &found.value {
                leader.land(Landed::Value(value.clone()));
            }
            self.take_value(statement, found.value)?;
            return Ok(Flow::Next);
        }
        self.make(step, statement, (key, found.value, Some(leader))).await
    }

    /// Runs the statements of `value`; stores what they made, or falls back to the entry or the default.
    async fn make(
        &mut self,
        step: &Step,
        statement: &CacheValue,
        (key, stale, leader): (Arc<str>, Option<Value>, Option<Leader<'_>>),
    ) -> Ran {
        let name = &statement.variable_name;
        let before = self.context.variables.remove(name);
        let was_making = std::mem::replace(&mut self.is_making, true);
        let ran = self.block(&statement.steps).await;
        self.is_making = was_making;
        match ran.map_err(|failed: Failed| failed.in_element("value", 1))? {
            Flow::Next => {}
            flow => return Ok(flow),
        }
        let made = self.context.variables.get(name).map(stored_form).transpose()?.flatten();
        match made {
            Some(value) => {
                self.engine.metrics.made();
                self.keep(step, statement, (key, &value)).await?;
                leader.into_iter().for_each(|leader| leader.land(Landed::Value(value.clone())));
            }
            None => {
                self.tell(step, Outcome::NotMade, Told::default());
                let landed = stale.clone().map_or(Landed::Nothing, Landed::Value);
                leader.into_iter().for_each(|leader| leader.land(landed.clone()));
                match stale {
                    Some(value) => self.take_value(statement, Some(value))?,
                    None => self.take_default(statement, before).await?,
                }
            }
        }
        Ok(Flow::Next)
    }

    /// Stores a new value with the durations as they are now.
    async fn keep(
        &mut self,
        step: &Step,
        statement: &CacheValue,
        (key, value): (Arc<str>, &Value),
    ) -> Result<(), StatementError> {
        let expires_after = self.number(&statement.expires_after, SECONDS).await?;
        let refresh_after = match &statement.refresh_after {
            Some(refresh_after) => self.number(refresh_after, SECONDS).await?,
            None => expires_after,
        };
        self.tell(step, Outcome::Made, Told::default());
        let made = self.engine.wall_clock.since_epoch();
        let aged = Aged { value: value.clone(), made, refresh_after, expires_after };
        let stored = aged.to_value().map_err(|error| {
            StatementError::expression(format!(
                "Expression evaluation failed. The value cannot be stored: {error}."
            ))
        })?;
        self.store(step, key, &stored, (expires_after, statement.caching_type)).await;
        Ok(())
    }

    /// Asks the cache. An entry at its end is none.
    async fn found(&mut self, step: &Step, statement: &CacheValue, key: &Arc<str>) -> Found {
        let lookup = self.engine.cache.lookup_value(key, statement.caching_type, None).await;
        self.record.value_lookup(lookup.is_hit(), lookup.took);
        self.tell(step, Outcome::from(&lookup), Told::of_lookup(&lookup, key.clone()));
        let nothing = Found { value: None, is_fresh: false, is_forced: false };
        match lookup.into_value().map(Aged::read) {
            None => nothing,
            Some(Err(value)) => Found { value: Some(value), ..nothing },
            Some(Ok(aged)) => {
                let is_forced = aged.refresh_after == 0;
                match aged.freshness(self.engine.wall_clock.since_epoch()) {
                    Freshness::Fresh => Found { value: Some(aged.value), is_fresh: true, is_forced },
                    Freshness::Stale => Found { value: Some(aged.value), is_fresh: false, is_forced },
                    Freshness::Expired => nothing,
                }
            }
        }
    }

    /// Whether `refresh-after` is 0 before the statements run. It may look at what they will set: that it
    /// cannot be evaluated yet is no error.
    async fn refresh_is_zero(&mut self, statement: &CacheValue) -> bool {
        match &statement.refresh_after {
            Some(refresh_after) => matches!(self.number(refresh_after, SECONDS).await, Ok(0)),
            None => false,
        }
    }

    fn take_value(&mut self, statement: &CacheValue, value: Option<Value>) -> Result<(), StatementError> {
        let Some(value) = value else { return Ok(()) };
        let value = Datum::from_value(value).map_err(|exception| {
            StatementError::expression(format!("Expression evaluation failed. {exception}"))
        })?;
        self.context.variables.set(statement.variable_name.clone(), value);
        Ok(())
    }

    /// Without a value: the default; without one the variable is as it was before.
    async fn take_default(
        &mut self,
        statement: &CacheValue,
        before: Option<Datum>,
    ) -> Result<(), StatementError> {
        let value = match &statement.default_value {
            Some(default) => Some(self.any(default).await?),
            None => before,
        };
        if let Some(value) = value {
            self.context.variables.set(statement.variable_name.clone(), value);
        }
        Ok(())
    }
}

/// Waits for a flight; none if it did not land in time, or never will.
async fn landed(mut waiting: watch::Receiver<Landing>) -> Option<Landed> {
    let landing = waiting.wait_for(Option::is_some);
    match tokio::time::timeout(limits::ENGINE_FLIGHT_WAIT, landing).await {
        Ok(Ok(landed)) => landed.clone(),
        Ok(Err(_)) | Err(_) => None,
    }
}
