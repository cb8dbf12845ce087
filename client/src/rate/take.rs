//! `Cache::take`: where a rate limit is counted, and what happens when nobody can be asked.

use std::time::Duration;

use super::limit::{RateLimit, Take, Taken};
use crate::cache::Cache;
use crate::caching_type::CachingType;
use crate::limits;
use crate::metrics::Event;
use crate::outcome::{Cause, StoreUsed};

/// A take as a backend sends it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LimitQuestion<'a> {
    pub(crate) key: &'a str,
    pub(crate) calls: u32,
    pub(crate) period_ms: u64,
    pub(crate) take: Take,
}

/// A take as a backend answers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LimitAnswer {
    pub(crate) allowed: bool,
    pub(crate) remaining: u32,
    pub(crate) retry_after: Duration,
}

impl Cache {
    /// Takes calls from a rate limit, in one atomic step: all gateways that share the store share the
    /// count.
    ///
    /// It is counted in the internal cluster (`LARDER.LIMIT`); if none is configured, in the external
    /// cache. A plain Redis gets the same algorithm as a script. If neither is configured, or the store
    /// cannot be asked within the time budget, it is counted in this process by the same algorithm, each
    /// gateway for itself; [`Taken::store`] is `None` then and [`Taken::cause`] says why. What was counted
    /// here meanwhile is not added to the store's count once it is back. This process counts for the
    /// [`RATE_KEYS_MAX`](limits::RATE_KEYS_MAX) keys it saw last.
    ///
    /// A take whose connection ends under it, or whose answer does not come in time, is not sent again, for it may
    /// have been carried out: it is counted in this process, with the cause. If the store has counted it as
    /// well, that is one call less for others there, never more for anybody.
    ///
    /// The key in the store is `@+limit/PERIOD-MS/` and the key as it would be for a value of the same
    /// service; no value's key begins so. Limits of different periods never share a count, limits that
    /// differ in `calls` alone do.
    pub async fn take(&self, key: &str, limit: RateLimit, take: Take) -> Taken {
        let started = self.parts().clock.now();
        let stored_key = format!("@+limit/{}/{}", limit.period_ms(), self.parts().keys.key(key));
        let limit = RateLimit { calls: limit.calls.min(limits::RATE_COUNT_MAX), ..limit };
        let (store, answer) = self.ask_limit(&stored_key, limit, take).await;
        let taken = match answer {
            Some(Ok(answer)) => answer.into_taken(store.clone(), None),
            Some(Err(cause)) => self.take_here(&stored_key, limit, take, Some(cause)),
            None => self.take_here(&stored_key, limit, take, None),
        };
        if taken.cause.is_some() {
            self.metrics().count_only(Event::TakeUnavailable, &store);
        }
        let event = if taken.allowed { Event::TakeAllowed } else { Event::TakeRefused };
        self.metrics().count(event, &taken.store, self.since(started));
        taken
    }

    /// Asks the store, if one is configured.
    async fn ask_limit(
        &self,
        key: &str,
        limit: RateLimit,
        take: Take,
    ) -> (StoreUsed, Option<Result<LimitAnswer, Cause>>) {
        let internal = self.route(CachingType::Internal);
        let (store, backend) = match internal {
            (_, Some(_)) => internal,
            (_, None) => self.route(CachingType::External),
        };
        if limit.calls == 0 {
            let retry_after = Duration::from_millis(limit.period_ms());
            return (store, Some(Ok(LimitAnswer { allowed: false, remaining: 0, retry_after })));
        }
        let Some(backend) = backend else { return (StoreUsed::None, None) };
        if key.len() > limits::KEY_BYTES_MAX {
            return (store, Some(Err(Cause::KeyTooLong)));
        }
        let question = LimitQuestion { key, calls: limit.calls, period_ms: limit.period_ms(), take };
        let answer = backend.take(question, self.budget()).await;
        (store, Some(answer))
    }

    fn take_here(&self, key: &str, limit: RateLimit, take: Take, cause: Option<Cause>) -> Taken {
        if let Some(cause) = &cause {
            tracing::debug!(%cause, "rate limit is counted in this process");
        }
        let taken = self.local_limits().take(key, limit, take, self.parts().clock.now());
        let answer = LimitAnswer {
            allowed: taken.allowed,
            remaining: taken.remaining,
            retry_after: Duration::from_millis(taken.retry_after_ms),
        };
        answer.into_taken(StoreUsed::None, cause)
    }
}

impl LimitAnswer {
    fn into_taken(self, store: StoreUsed, cause: Option<Cause>) -> Taken {
        let Self { allowed, remaining, retry_after } = self;
        Taken { allowed, remaining, retry_after, store, cause }
    }
}
