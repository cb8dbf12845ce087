//! Stores and removals that are under way while nobody waits for them. Lookups of the same gateway see
//! them at once, and those of one key happen one after the other, in the order of their calls.
//!
//! **The worker** of a key owns the write that runs. It ends when none has come meanwhile; of several that
//! have, only the last is made. There are as many workers as
//! [`BACKGROUND_STORES_MAX`](crate::limits::BACKGROUND_STORES_MAX), each with at most one write waiting.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indexmap::{Equivalent, IndexMap};
use tokio::sync::oneshot;

use crate::backend::Backend;
use crate::metrics::{Event, Metrics};
use crate::outcome::{Cause, StoreUsed};
use crate::write::{What, Write, Written};

/// What became of a write, and where.
pub(crate) type Done = (Result<Written, Cause>, StoreUsed);

/// The keys with a write under way.
#[derive(Default)]
pub(crate) struct UnderWay {
    lanes: Mutex<IndexMap<LaneKey, Lane>>,
}

/// A key of one store.
#[derive(PartialEq, Eq, Hash)]
struct LaneKey(usize, Box<str>);

/// The same, borrowed.
#[derive(PartialEq, Eq, Hash)]
struct LaneRef<'a>(usize, &'a str);

/// The writes of one key.
struct Lane {
    /// What the key will hold once all is done.
    newest: What,
    /// What is made after the write that runs.
    next: Option<Job>,
}

/// A write, and who wants to know about it.
pub(crate) struct Job {
    pub(crate) write: Write,
    pub(crate) reply: Option<oneshot::Sender<Done>>,
}

impl UnderWay {
    /// What a key of a store will hold; nothing if no write of it is under way.
    pub(crate) fn newest(&self, backend: &Arc<dyn Backend>, key: &str) -> Option<What> {
        self.lanes().get(&LaneRef(address(backend), key)).map(|lane| lane.newest.clone())
    }

    /// Puts a write behind the one of the same key that runs; gives it back if none does.
    pub(crate) fn join(&self, job: Job) -> Option<Job> {
        put_behind(&mut self.lanes(), job)
    }

    /// Makes a write the one that runs, and gives its worker; or none if another took the key meanwhile,
    /// behind which it is put then.
    pub(crate) fn begin(
        self: &Arc<Self>,
        job: Job,
        metrics: Arc<Metrics>,
    ) -> Option<impl Future<Output = ()> + Send + 'static> {
        let mut lanes = self.lanes();
        let job = put_behind(&mut lanes, job)?;
        let place = address(&job.write.target.backend);
        let lane = Lane { newest: job.write.what.clone(), next: None };
        lanes.insert(LaneKey(place, job.write.key.as_str().into()), lane);
        let table = self.clone();
        Some(async move { table.work(place, job, &metrics).await })
    }

    async fn work(&self, place: usize, first: Job, metrics: &Metrics) {
        let mut next = Some(first);
        while let Some(Job { mut write, reply }) = next {
            let result = write.run(metrics).await;
            next = self.next(place, &write.key);
            match reply {
                // Who waits counts.
                Some(reply) => _ = reply.send((result, write.target.store)),
                None => {
                    if let Err(cause) = result {
                        tracing::debug!(store = %write.target.store, %cause, "store in the background failed");
                        metrics.count_only(Event::StoreUnavailable, &write.target.store);
                    }
                }
            }
        }
    }

    /// What is to be made now that one is done; without anything, the key is no longer under way.
    fn next(&self, place: usize, key: &str) -> Option<Job> {
        let mut lanes = self.lanes();
        let next = lanes.get_mut(&LaneRef(place, key)).and_then(|lane| lane.next.take());
        if next.is_none() {
            lanes.swap_remove(&LaneRef(place, key));
        }
        next
    }

    fn lanes(&self) -> MutexGuard<'_, IndexMap<LaneKey, Lane>> {
        // Nothing panics while it is held; if something did, the table would still be a table.
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Equivalent<LaneKey> for LaneRef<'_> {
    fn equivalent(&self, key: &LaneKey) -> bool {
        self.0 == key.0 && *self.1 == *key.1
    }
}

fn put_behind(lanes: &mut IndexMap<LaneKey, Lane>, job: Job) -> Option<Job> {
    let write = &job.write;
    let Some(lane) = lanes.get_mut(&LaneRef(address(&write.target.backend), &write.key)) else {
        return Some(job);
    };
    lane.newest = write.what.clone();
    // Who waits for one that was to be next learns that another took its place.
    lane.next = Some(job);
    None
}

/// What tells backends apart as long as they live.
fn address(backend: &Arc<dyn Backend>) -> usize {
    Arc::as_ptr(backend).cast::<()>().addr()
}
