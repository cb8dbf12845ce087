//! `rate-limit`, `rate-limit-by-key`: under which keys calls are counted, and what is told of it. The
//! counting itself is one atomic step of the cache.
//!
//! | statement | counted under |
//! |---|---|
//! | `rate-limit` | `rate/SCOPE/ENTITY/sub/SUBSCRIPTION/CALLS`, without subscription `rate/SCOPE/ENTITY/api/API/CALLS` |
//! | an `api` in it | the same with `/api/ID` before its own `/CALLS` |
//! | an `operation` in that | the same with `/api/ID/operation/ID` before its own `/CALLS` |
//! | `rate-limit-by-key` | `key/` and the value of `counter-key`: one counter in all scopes |
//!
//! SCOPE is what [`Policies::within`](super::Policies::within) calls it; ENTITY the operation (`API.OPERATION`), API
//! or product, where the scope has one of these names. ID is that of the request's API or operation, its name
//! if it has no id. `/`, `.` and `%` in a part are `%2F`, `%2E` and `%25`. The period is part of the key,
//! too: see [`Cache::take`](crate::Cache::take). So two statements of one scope share a counter only if they
//! say the same, and then a call counts once.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, StatusCode};

use super::failure::{StatementError, told};
use super::record::Outcome;
use super::run::{Run, Told};
use crate::context::{Content, Response};
use crate::dotnet::Datum;
use crate::limits;
use crate::policy::statement::rate_limit::{CALLS, COUNT, PERIOD};
use crate::policy::statement::{RateLimit as Limit, RateLimitByKey, RateLimitPart, RateLimitReport};
use crate::policy::{Setting, Step};
use crate::{RateLimit, Take, Taken};

/// A call that counts when its response is there.
pub(super) struct Uncounted {
    step: Step,
    key: Arc<str>,
    limit: RateLimit,
    condition: Setting<bool>,
    count: Setting<u32>,
}

impl Uncounted {
    pub(super) fn counter(&self) -> (Arc<str>, RateLimit) {
        (self.key.clone(), self.limit)
    }
}

impl Run<'_> {
    /// Every limit that applies must have room: all are asked before any counts.
    pub(super) async fn rate_limit(&mut self, step: &Step, statement: &Limit) -> Result<(), StatementError> {
        let counters = self.counters(statement);
        if counters.len() > 1 {
            for counter in &counters {
                if self.counted(counter).is_some() {
                    continue;
                }
                let (key, limit) = counter;
                let taken = self.take(key, *limit, Take::Check).await;
                if !taken.allowed {
                    return self.settle(step, &statement.report, (key.clone(), *limit, taken));
                }
            }
        }
        let mut least: Option<Settled> = None;
        for counter in counters {
            let settled = match self.counted(&counter) {
                Some(settled) => settled.clone(),
                None => {
                    let (key, limit) = counter;
                    let taken = self.take(&key, limit, Take::Count(1)).await;
                    (key, limit, taken)
                }
            };
            if !settled.2.allowed {
                return self.settle(step, &statement.report, settled);
            }
            if self.counted.len() < limits::ENGINE_COUNTS_MAX {
                self.counted.push(settled.clone());
            }
            if least.as_ref().is_none_or(|least| settled.2.remaining < least.2.remaining) {
                least = Some(settled);
            }
        }
        match least {
            Some(settled) => self.settle(step, &statement.report, settled),
            None => Ok(()),
        }
    }

    pub(super) async fn rate_limit_by_key(
        &mut self,
        step: &Step,
        statement: &RateLimitByKey,
    ) -> Result<(), StatementError> {
        let key: Arc<str> = format!("key/{}", self.text(&statement.counter_key).await?).into();
        let calls = self.number(&statement.calls, CALLS).await?;
        let limit = limit(calls, self.number(&statement.renewal_period, PERIOD).await?);
        let (condition, count) = (&statement.increment_condition, &statement.increment_count);
        let is_later = looks_at_response(condition) || looks_at_response(count);
        let take = match is_later {
            true if self.uncounted.len() < limits::ENGINE_COUNTS_MAX => Take::Check,
            true => Take::Count(1),
            false => match self.count_now(condition, count).await? {
                0 => Take::Check,
                count => Take::Count(count),
            },
        };
        let taken = self.take(&key, limit, take).await;
        if taken.allowed && is_later && take == Take::Check {
            let (condition, count) = (condition.clone(), count.clone());
            let step = step.clone();
            self.uncounted.add(Uncounted { step, key: key.clone(), limit, condition, count });
        }
        self.settle(step, &statement.report, (key, limit, taken))
    }

    /// Counts what wanted to see the response. It cannot fail any more: what cannot be evaluated counts
    /// as one call.
    pub(super) async fn count_after(&mut self, response: Response) -> Response {
        if self.uncounted.is_empty() {
            return response;
        }
        self.context.response = Some(response);
        while let Some(uncounted) = self.uncounted.first() {
            let count = self.count_of(&uncounted).await;
            if count > 0 {
                let taken = self.take(&uncounted.key, uncounted.limit, Take::Force(count)).await;
                let told = told_of(&taken, uncounted.key.clone());
                self.tell(&uncounted.step, Outcome::Counted(count), told);
            }
            self.uncounted.remove_first();
        }
        self.context.response.take().unwrap_or_else(|| Response::new(StatusCode::OK))
    }

    async fn count_of(&mut self, uncounted: &Uncounted) -> u32 {
        let Uncounted { condition, count, .. } = uncounted;
        // To read a body that turns out to be too long would take it from the client.
        if (needs_body(condition) || needs_body(count)) && !self.response_can_be_read() {
            return 1;
        }
        self.count_now(condition, count).await.unwrap_or(1)
    }

    async fn count_now(
        &mut self,
        condition: &Setting<bool>,
        count: &Setting<u32>,
    ) -> Result<u32, StatementError> {
        if self.flag(condition).await? { self.number(count, COUNT).await } else { Ok(0) }
    }

    fn response_can_be_read(&self) -> bool {
        match self.context.response.as_ref().map(|response| &response.body) {
            Some(Content::Stream(stream)) => {
                let most = http_body::Body::size_hint(stream).upper();
                most.is_some_and(|most| most <= self.engine.body_bytes_max as u64)
            }
            _ => true,
        }
    }

    async fn take(&mut self, key: &str, limit: RateLimit, take: Take) -> Taken {
        let started = self.engine.clock.now();
        let taken = self.engine.cache.take(key, limit, take).await;
        self.record.cache_time += self.engine.clock.now().saturating_sub(started);
        taken
    }

    /// Tells the policy and the client where they stand; a call that did not fit is an error.
    fn settle(
        &mut self,
        step: &Step,
        report: &RateLimitReport,
        (key, limit, taken): Settled,
    ) -> Result<(), StatementError> {
        let wait = seconds(taken.retry_after);
        self.report(report, (limit, &taken, wait))?;
        let outcome = match taken.allowed {
            true => Outcome::Allowed { remaining: taken.remaining },
            false => Outcome::Refused { retry_after: taken.retry_after },
        };
        self.tell(step, outcome, told_of(&taken, key));
        if taken.allowed {
            return Ok(());
        }
        self.engine.metrics.limited();
        let message = format!("Rate limit is exceeded. Try again in {wait} seconds.");
        let mut response = told(StatusCode::TOO_MANY_REQUESTS, &message);
        response.headers.insert(header_name(&report.retry_after_header)?, HeaderValue::from(wait));
        Err(StatementError::new("RateLimitExceeded", message).answer(response))
    }

    fn report(
        &mut self,
        report: &RateLimitReport,
        (limit, taken, wait): (RateLimit, &Taken, u64),
    ) -> Result<(), StatementError> {
        let number = |number: u64| Datum::Int(i32::try_from(number).unwrap_or(i32::MAX));
        if let Some(name) = &report.remaining_calls_variable {
            self.context.variables.set(name.clone(), number(taken.remaining.into()));
        }
        if let Some(name) = &report.retry_after_variable
            && !taken.allowed
        {
            self.context.variables.set(name.clone(), number(wait));
        }
        for (name, number) in
            [(&report.remaining_calls_header, taken.remaining), (&report.total_calls_header, limit.calls)]
        {
            if let Some(name) = name {
                self.limit_headers.push((header_name(name)?, HeaderValue::from(number)));
            }
        }
        Ok(())
    }

    /// The counters of a `rate-limit` that this request belongs to.
    fn counters(&self, statement: &Limit) -> Vec<(Arc<str>, RateLimit)> {
        let context = &*self.context;
        let scope = self.scope_name();
        let api = &context.api.id;
        let entity = match scope {
            "operation" => format!("{}.{}", escaped(api), escaped(&context.operation.id)),
            "api" => escaped(api).into_owned(),
            "product" => {
                context.product.as_ref().map_or_else(String::new, |product| escaped(&product.id).into())
            }
            _ => String::new(),
        };
        let caller = match &context.subscription {
            Some(subscription) => format!("sub/{}", escaped(&subscription.id)),
            None => format!("api/{}", escaped(api)),
        };
        let base = format!("rate/{}/{entity}/{caller}", escaped(scope));
        let mut counters = vec![counter(&base, statement.calls, statement.renewal_period)];
        for part in statement.parts.iter().filter(|part| is_meant(part, api, &context.api.name)) {
            let base = format!("{base}/api/{}", escaped(id_or_name(api, &context.api.name)));
            counters.push(counter(&base, part.calls, part.renewal_period));
            let operation = &context.operation;
            for inner in
                part.operations.iter().filter(|inner| is_meant(inner, &operation.id, &operation.name))
            {
                let id = escaped(id_or_name(&operation.id, &operation.name));
                let base = format!("{base}/operation/{id}");
                counters.push(counter(&base, inner.calls, inner.renewal_period));
            }
        }
        counters
    }

    /// What this request was told when it was counted there.
    fn counted(&self, (key, limit): &(Arc<str>, RateLimit)) -> Option<&Settled> {
        self.counted.iter().find(|(counted, period, _)| counted == key && period == limit)
    }
}

/// A counter, its limit, and what became of the call.
pub(super) type Settled = (Arc<str>, RateLimit, Taken);

/// Whether a part is for this API or operation: its id decides, if it has one, else its name.
fn is_meant(part: &RateLimitPart, id: &str, name: &str) -> bool {
    match (&part.id, &part.name) {
        (Some(wanted), _) => **wanted == *id,
        (None, Some(wanted)) => **wanted == *name,
        (None, None) => false,
    }
}

/// What an API or operation is told apart by: not by what a part calls it, which may be the id of one and the
/// name of another.
fn id_or_name<'a>(id: &'a str, name: &'a str) -> &'a str {
    if id.is_empty() { name } else { id }
}

fn counter(base: &str, calls: u32, period_seconds: u32) -> (Arc<str>, RateLimit) {
    (format!("{base}/{calls}").into(), limit(calls, period_seconds))
}

fn limit(calls: u32, period_seconds: u32) -> RateLimit {
    RateLimit { calls, period: Duration::from_secs(period_seconds.into()) }
}

/// Whole seconds, at least one: who waits so long gets through.
fn seconds(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}

fn told_of(taken: &Taken, key: Arc<str>) -> Told {
    Told {
        store: Some(taken.store.clone()),
        cause: taken.cause.clone(),
        took: Duration::ZERO,
        key: Some(key),
    }
}

fn header_name(name: &str) -> Result<HeaderName, StatementError> {
    HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| StatementError::new("InvalidHeader", "This cannot be the name of a header."))
}

/// Whether an expression has to wait for the response: it speaks of `Response`. One that only quotes the
/// word waits, too, which does no harm.
fn looks_at_response<T>(setting: &Setting<T>) -> bool {
    setting.expression().is_some_and(|expression| expression.text.contains("Response"))
}

fn needs_body<T>(setting: &Setting<T>) -> bool {
    let code = setting.expression().and_then(|expression| expression.code.0.as_ref());
    code.is_some_and(|code| code.needs().response_body)
}

fn escaped(part: &str) -> Cow<'_, str> {
    match part.contains(['/', '.', '%']) {
        true => Cow::Owned(part.replace('%', "%25").replace('/', "%2F").replace('.', "%2E")),
        false => Cow::Borrowed(part),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_rounded_up_to_seconds() {
        for (millis, expected) in [(0, 1), (1, 1), (1_000, 1), (1_001, 2), (59_999, 60)] {
            assert_eq!(seconds(Duration::from_millis(millis)), expected, "{millis}");
        }
    }

    #[test]
    fn the_id_of_a_part_goes_before_its_name() {
        let part = |id: Option<&str>, name: Option<&str>| RateLimitPart {
            name: name.map(Arc::from),
            id: id.map(Arc::from),
            calls: 1,
            renewal_period: 1,
            operations: Vec::new(),
        };
        assert!(is_meant(&part(Some("a"), Some("x")), "a", "n"));
        assert!(!is_meant(&part(Some("b"), Some("n")), "a", "n"));
        assert!(is_meant(&part(None, Some("n")), "a", "n"));
        assert!(!is_meant(&part(None, None), "", ""));
    }

    #[test]
    fn parts_of_keys_cannot_run_into_each_other() {
        assert_eq!(escaped("a/b%.c"), "a%2Fb%25%2Ec");
        assert_eq!(escaped("plain"), "plain");
    }
}
