//! The generation of an API's entries: a number in the key that a purge raises, kept in the cache, so that
//! every gateway learns it. What the rest of the key is made of is told by the key.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use larder_proto::envelope::Value;

use crate::guard::Budget;
use crate::limits::{DURATION_SECONDS_MAX, GENERATIONS_MAX};
use crate::{Cache, CachingType, LookupResult, StoreResult, StoreUsed};

/// What this process knows of generations. The lock is never held across an await.
#[derive(Debug)]
pub(super) struct Generations {
    /// How old this knowledge may be.
    age_max: Duration,
    known: Mutex<HashMap<(CachingType, Arc<str>), Known>>,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    number: u64,
    /// How long it may be taken as it is.
    fresh: Budget,
}

impl Generations {
    pub(super) fn new(age_max: Duration) -> Self {
        Self { age_max, known: Mutex::default() }
    }

    /// The generation of an API: 0 before its first purge. Asks the cache when the knowledge is too old.
    ///
    /// # Errors
    ///
    /// The cache did not tell, and this process never knew: any entry may be one that a purge has put out of
    /// reach. The error is the store that was asked.
    pub(super) async fn of(
        &self,
        cache: &Cache,
        caching_type: CachingType,
        api: &Arc<str>,
    ) -> Result<u64, StoreUsed> {
        let name = (caching_type, api.clone());
        if let Some(number) = self.fresh(&name) {
            return Ok(number);
        }
        let found = cache.lookup_value(&marker(api), caching_type, None).await;
        match found.result {
            LookupResult::Hit(Value::Long(number)) => {
                Ok(self.learn(name, u64::try_from(number).unwrap_or(0)))
            }
            LookupResult::Miss | LookupResult::Default(_) | LookupResult::NotConfigured { .. } => {
                Ok(self.learn(name, 0))
            }
            LookupResult::Hit(_) | LookupResult::Unavailable { .. } => {
                self.remembered(&name).ok_or(found.store)
            }
        }
    }

    /// What is known without asking.
    pub(super) fn known(&self, caching_type: CachingType, api: &Arc<str>) -> u64 {
        self.remembered(&(caching_type, api.clone())).unwrap_or(0)
    }

    fn remembered(&self, name: &(CachingType, Arc<str>)) -> Option<u64> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(name).map(|known| known.number)
    }

    /// Begins another generation; `now` is in milliseconds since 1970.
    pub(super) async fn raise(
        &self,
        cache: &Cache,
        caching_type: CachingType,
        api: &Arc<str>,
        now: u64,
    ) -> StoreResult {
        let number = now.max(self.known(caching_type, api) + 1);
        self.learn((caching_type, api.clone()), number);
        let value = Value::Long(i64::try_from(number).unwrap_or(i64::MAX));
        cache.store_value(&marker(api), &value, DURATION_SECONDS_MAX, caching_type).await.result
    }

    /// The number, if it need not be asked for. Whoever is told to ask is the only one for a while.
    fn fresh(&self, name: &(CachingType, Arc<str>)) -> Option<u64> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.get_mut(name)?;
        if known.fresh.is_spent() {
            known.fresh = Budget::start(self.age_max);
            return None;
        }
        Some(known.number)
    }

    /// A generation never goes back while the process lives, even if the cache forgets it.
    fn learn(&self, name: (CachingType, Arc<str>), number: u64) -> u64 {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= GENERATIONS_MAX && !known.contains_key(&name) {
            known.clear();
        }
        let fresh = Budget::start(self.age_max);
        let known = known.entry(name).or_insert(Known { number, fresh });
        *known = Known { number: number.max(known.number), fresh };
        known.number
    }
}

/// Where the generation of an API is kept; no entry has such a key.
fn marker(api: &str) -> String {
    format!("generation;api={api}")
}
