//! How the three calls are made once their target is known, waited for or in the background. Outcomes,
//! counting and spans are the cache's.

use bytes::Bytes;
use larder_proto::envelope::Value;
use tokio::sync::oneshot;

use crate::cache::{Cache, StoreMode};
use crate::limits;
use crate::metrics::Event;
use crate::outcome::{Cause, RemoveResult, SkipReason, StoreResult, StoreUsed};
use crate::target::Target;
use crate::under_way::{Done, Job};
use crate::write::{What, Write, Written};

impl Cache {
    pub(crate) async fn get(&self, target: &mut Target, key: &str) -> Result<Option<Value>, Cause> {
        let key = self.stored_key(key)?;
        if self.store_mode() == StoreMode::Background {
            match self.shared().under_way.newest(&target.backend, &key) {
                None => {}
                Some(What::Value(bytes, _)) => return self.decode(Some(bytes)),
                Some(What::Skipped(_) | What::Nothing) => return Ok(None),
            }
        }
        loop {
            match target.backend.get(&key, target.budget()).await {
                Err(cause) if target.turn(&cause, Event::LookupUnavailable, self.metrics()) => {}
                answer => return self.decode(answer?),
            }
        }
    }

    fn decode(&self, stored: Option<Bytes>) -> Result<Option<Value>, Cause> {
        let limit = self.value_bytes_max();
        match stored {
            Some(stored) if stored.len() > limit => Err(Cause::TooLarge { bytes: stored.len(), limit }),
            Some(stored) => Value::decode(&stored).map(Some).map_err(Cause::Unreadable),
            None => Ok(None),
        }
    }

    pub(crate) async fn store(
        &self,
        target: Target,
        key: &str,
        value: &Value,
        duration: i64,
    ) -> (StoreResult, StoreUsed) {
        let key = match self.stored_key(key) {
            Ok(key) => key.into_owned(),
            Err(cause) => return (StoreResult::Unavailable(cause), target.store),
        };
        let what = match self.encode(value, duration) {
            Ok((bytes, seconds)) => What::Value(bytes, seconds),
            Err(reason) => What::Skipped(reason),
        };
        let mut write = Write { target, key, what };
        if self.store_mode() == StoreMode::Background {
            let store = write.target.store.clone();
            return (self.run_in_background(write), store);
        }
        let result = match write.run(self.metrics()).await {
            Ok(Written::Skipped(reason)) => StoreResult::Skipped(reason),
            Ok(_) => StoreResult::Stored,
            Err(cause) => StoreResult::Unavailable(cause),
        };
        (result, write.target.store)
    }

    /// What is to be stored, or why it is not.
    fn encode(&self, value: &Value, duration: i64) -> Result<(Bytes, u32), SkipReason> {
        let seconds = duration.min(limits::DURATION_SECONDS_MAX);
        let seconds = u32::try_from(seconds).ok().filter(|seconds| *seconds > 0);
        let seconds = seconds.ok_or(SkipReason::AlreadyExpired)?;
        let limit = self.value_bytes_max();
        // Looked at before it is copied: a value may be far beyond the limit.
        match value.encoded_bytes() {
            bytes if bytes > limit => Err(SkipReason::TooLarge { bytes, limit }),
            _ => Ok((Bytes::from(value.encode().map_err(SkipReason::NoEnvelope)?), seconds)),
        }
    }

    fn run_in_background(&self, write: Write) -> StoreResult {
        let result = match &write.what {
            What::Skipped(reason) => StoreResult::Skipped(reason.clone()),
            What::Value(..) | What::Nothing => StoreResult::Queued,
        };
        match self.send_on_its_way(Job { write, reply: None }) {
            None => result,
            Some(_) => StoreResult::Unavailable(Cause::Overloaded),
        }
    }

    /// Gives a write to the worker of its key; back if there are too many.
    fn send_on_its_way(&self, job: Job) -> Option<Job> {
        let job = self.shared().under_way.join(job)?;
        let Ok(permit) = self.shared().background_permits.clone().try_acquire_owned() else {
            return Some(job);
        };
        if let Some(worker) = self.shared().under_way.begin(job, self.parts().metrics.clone()) {
            self.shared().background.spawn(async move {
                worker.await;
                drop(permit);
            });
        }
        None
    }

    pub(crate) async fn remove(&self, target: Target, key: &str) -> (RemoveResult, StoreUsed) {
        let key = match self.stored_key(key) {
            Ok(key) => key.into_owned(),
            Err(cause) => return (RemoveResult::Unavailable(cause), target.store),
        };
        let mut write = Write { target, key, what: What::Nothing };
        let (result, store) = match self.store_mode() {
            StoreMode::Wait => (write.run(self.metrics()).await, write.target.store),
            StoreMode::Background => self.remove_in_order(write).await,
        };
        let result = match result {
            Ok(Written::Absent) => RemoveResult::Absent,
            Ok(_) => RemoveResult::Removed,
            Err(cause) => RemoveResult::Unavailable(cause),
        };
        (result, store)
    }

    /// Removes after the stores of the same key that are under way, and waits for it.
    async fn remove_in_order(&self, write: Write) -> Done {
        let (budget, store) = (write.target.whole_budget(), write.target.store.clone());
        let (reply, answer) = oneshot::channel();
        if let Some(Job { mut write, .. }) = self.send_on_its_way(Job { write, reply: Some(reply) }) {
            return (write.run(self.metrics()).await, write.target.store);
        }
        match budget.run(answer).await {
            Some(Ok(done)) => done,
            // A later store took its place before it was its turn.
            Some(Err(_)) => (Ok(Written::Removed), store),
            None => (Err(Cause::TimedOut), store),
        }
    }
}
