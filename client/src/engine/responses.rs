//! `cache-lookup` and `cache-store`: what the statements say goes to the response cache, and what it did
//! is noted. How it does it is told by [`http`](crate::http).

use super::failure::StatementError;
use super::record::Outcome;
use super::run::{Flow, Ran, Run, Told};
use crate::context::Response;
use crate::http::{KeyScope, Looked, LookupRules, Pending, StoreRules};
use crate::policy::Step;
use crate::policy::statement::value_caching::SECONDS;
use crate::policy::statement::{CacheLookup, CacheStore, DownstreamCaching};

impl Run<'_> {
    pub(super) async fn cache_lookup(&mut self, step: &Step, statement: &CacheLookup) -> Ran {
        let rules = self.lookup_rules(statement).await?;
        if self.pending.is_some() {
            // It would wait for itself.
            self.tell(step, Outcome::NotCached("a lookup before has missed"), Told::default());
            return Ok(Flow::Next);
        }
        let scope = KeyScope::of(self.context);
        let started = self.engine.clock.now();
        let looked = self.engine.responses.lookup(&mut self.context.request, &rules, &scope).await;
        let took = self.engine.clock.now().saturating_sub(started);
        let store = Some(self.engine.cache.report().store_for(statement.caching_type));
        let told = Told { store, took, ..Told::default() };
        match looked {
            Looked::Hit(response) => {
                self.record.response_lookup(true, took);
                self.tell(step, Outcome::Hit, told);
                Ok(Flow::Found(response))
            }
            Looked::Miss(pending) => {
                self.record.response_lookup(false, took);
                let key = Some(pending.key().as_str().into());
                self.pending = Some(pending);
                self.tell(step, Outcome::ResponseMiss, Told { key, ..told });
                Ok(Flow::Next)
            }
            Looked::Skipped(reason) => {
                self.skipped = Some(reason);
                self.tell(step, Outcome::NotCached(reason.as_str()), Told::default());
                Ok(Flow::Next)
            }
            Looked::Refused(response) => {
                self.record.response_lookup(false, took);
                self.tell(step, Outcome::NotCached("too many are at the backend"), told);
                Ok(Flow::Respond(response))
            }
        }
    }

    pub(super) async fn cache_store(
        &mut self,
        step: &Step,
        statement: &CacheStore,
    ) -> Result<(), StatementError> {
        // After a hit, or without a lookup, it does nothing: what it says may rest on statements that a hit left out.
        if self.pending.is_none() {
            self.tell(step, Outcome::NotCached("no lookup before has missed"), Told::default());
            return Ok(());
        }
        let duration = i64::from(self.number(&statement.duration, SECONDS).await?);
        let cache_response = match &statement.cache_response {
            Some(setting) => Some(self.flag(setting).await?),
            None => None,
        };
        let Some(response) = self.context.response.take() else { return Ok(()) };
        let Some(pending) = self.pending_for(&response) else {
            self.context.response = Some(response);
            return Ok(());
        };
        let rules = StoreRules { duration, cache_response };
        self.context.response = Some(self.engine.responses.store(pending, rules, response));
        self.tell(step, Outcome::Queued, Told::default());
        Ok(())
    }

    /// An entry past its freshness, if there is one, for a backend that gave no answer.
    pub(super) fn stand_in(&mut self) -> Option<Response> {
        let pending = self.pending.take()?;
        match self.engine.responses.stand_in(pending) {
            Ok(response) => Some(response),
            Err(pending) => {
                self.pending = Some(pending);
                None
            }
        }
    }

    /// What response caching still has to know of the response: that nobody stored it.
    pub(super) fn pass(&mut self, response: Response) -> Response {
        let mut response = match self.pending_for(&response) {
            Some(pending) => self.engine.responses.pass(pending, response),
            None => response,
        };
        if let Some(reason) = self.skipped {
            self.engine.responses.explain(reason, self.context.is_traced, &mut response.headers);
        }
        response
    }

    /// The lookup that this response belongs to. A response that a policy made, or whose status it set, says
    /// nothing about the backend.
    fn pending_for(&mut self, response: &Response) -> Option<Pending> {
        let pending = self.pending.take()?;
        let is_backends = self.forwarded == Some(response.status);
        Some(if is_backends { pending } else { pending.not_from_backend() })
    }

    async fn lookup_rules(&mut self, statement: &CacheLookup) -> Result<LookupRules, StatementError> {
        let downstream = self.word(&statement.downstream_caching_type, DownstreamCaching::find).await?;
        Ok(LookupRules {
            vary_by_developer: self.flag(&statement.vary_by_developer).await?,
            vary_by_developer_groups: self.flag(&statement.vary_by_developer_groups).await?,
            caching_type: statement.caching_type,
            downstream,
            must_revalidate: self.flag(&statement.must_revalidate).await?,
            allow_private_response_caching: self.flag(&statement.allow_private_response_caching).await?,
            vary: statement.vary.clone(),
        })
    }
}
