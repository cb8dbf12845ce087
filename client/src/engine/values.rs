//! `cache-lookup-value`, `cache-store-value`, `cache-remove-value`: the table of what each does stands in
//! the reference; here every call goes to the cache, and what became of it is noted.

use std::sync::Arc;

use super::failure::StatementError;
use super::record::Outcome;
use super::run::{Run, Told};
use crate::dotnet::Datum;
use crate::outcome::{Lookup, LookupResult, Remove, RemoveResult, Store, StoreResult};
use crate::policy::Step;
use crate::policy::statement::value_caching::SECONDS;
use crate::policy::statement::{CacheLookupValue, CacheRemoveValue, CacheStoreValue};
use crate::{CachingType, Value};

impl Run<'_> {
    pub(super) async fn lookup_value(
        &mut self,
        step: &Step,
        statement: &CacheLookupValue,
    ) -> Result<(), StatementError> {
        let key = self.text(&statement.key).await?;
        let lookup = self.engine.cache.lookup_value(&key, statement.caching_type, None).await;
        self.record.value_lookup(lookup.is_hit(), lookup.took);
        let (outcome, told) = (Outcome::from(&lookup), Told::of_lookup(&lookup, key));
        let (value, outcome) = match lookup.into_value().map(Datum::from_value) {
            Some(Ok(value)) => (Some(value), outcome),
            // What cannot be read is not there.
            found => match &statement.default_value {
                Some(default) => {
                    let outcome = if outcome == Outcome::Miss { Outcome::Default } else { outcome };
                    (Some(self.any(default).await?), outcome)
                }
                None => (None, if found.is_some() { Outcome::Unavailable } else { outcome }),
            },
        };
        if let Some(value) = value {
            self.context.variables.set(statement.variable_name.clone(), value);
        }
        self.tell(step, outcome, told);
        Ok(())
    }

    pub(super) async fn store_value(
        &mut self,
        step: &Step,
        statement: &CacheStoreValue,
    ) -> Result<(), StatementError> {
        let key = self.text(&statement.key).await?;
        let value = self.any(&statement.value).await?;
        let duration = self.number(&statement.duration, SECONDS).await?;
        match stored_form(&value)? {
            Some(value) => self.store(step, key, &value, (duration, statement.caching_type)).await,
            None => {
                // A lookup reads null then, as of a key that was never stored.
                let removed = self.removed(&key, statement.caching_type).await;
                let outcome = match &removed.result {
                    RemoveResult::Removed | RemoveResult::Absent => Outcome::NullRemoved,
                    _ => Outcome::from(&removed),
                };
                self.tell(step, outcome, Told::of_remove(&removed, key));
            }
        }
        Ok(())
    }

    /// Stores a value for so many seconds.
    pub(super) async fn store(
        &mut self,
        step: &Step,
        key: Arc<str>,
        value: &Value,
        (duration, caching_type): (u32, CachingType),
    ) {
        let stored = self.engine.cache.store_value(&key, value, i64::from(duration), caching_type).await;
        self.record.cache_time += stored.took;
        self.tell(step, Outcome::from(&stored), Told::of_store(&stored, key));
    }

    pub(super) async fn remove_value(
        &mut self,
        step: &Step,
        statement: &CacheRemoveValue,
    ) -> Result<(), StatementError> {
        let key = self.text(&statement.key).await?;
        let must_succeed = self.flag(&statement.fail_on_cache_removal_error).await?;
        let removed = self.removed(&key, statement.caching_type).await;
        self.tell(step, Outcome::from(&removed), Told::of_remove(&removed, key));
        match removed.result {
            RemoveResult::Unavailable(cause) if must_succeed => Err(StatementError::new(
                "CacheRemovalFailure",
                format!("The value was not removed: {cause}."),
            )),
            _ => Ok(()),
        }
    }

    async fn removed(&mut self, key: &str, caching_type: CachingType) -> Remove {
        let removed = self.engine.cache.remove_value(key, caching_type).await;
        self.record.cache_time += removed.took;
        removed
    }
}

/// What a cache holds of a value; nothing of null.
pub(super) fn stored_form(value: &Datum) -> Result<Option<Value>, StatementError> {
    match value {
        Datum::Null => Ok(None),
        value => value.to_value().map(Some).map_err(|exception| {
            StatementError::expression(format!("Expression evaluation failed. {exception}"))
        }),
    }
}

impl Told {
    pub(super) fn of_lookup(lookup: &Lookup, key: Arc<str>) -> Self {
        let cause = match &lookup.result {
            LookupResult::Unavailable { cause, .. } => Some(cause.clone()),
            _ => None,
        };
        Self { store: Some(lookup.store.clone()), cause, took: lookup.took, key: Some(key) }
    }

    fn of_store(stored: &Store, key: Arc<str>) -> Self {
        let cause = match &stored.result {
            StoreResult::Unavailable(cause) => Some(cause.clone()),
            _ => None,
        };
        Self { store: Some(stored.store.clone()), cause, took: stored.took, key: Some(key) }
    }

    fn of_remove(removed: &Remove, key: Arc<str>) -> Self {
        let cause = match &removed.result {
            RemoveResult::Unavailable(cause) => Some(cause.clone()),
            _ => None,
        };
        Self { store: Some(removed.store.clone()), cause, took: removed.took, key: Some(key) }
    }
}
