//! Calls that count when their response is there, and what becomes of them if the client does not wait for
//! it: whoever hangs up has used the backend all the same. What such a call is, is said by the rate limits.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::handle::Shared;
use super::rate::Uncounted;
use crate::Take;

/// The calls of one request. Dropped with some of them left after the backend was asked, it counts each as
/// one call, in the background.
pub(super) struct LateCounts<'a> {
    engine: &'a Shared,
    calls: Vec<Arc<Uncounted>>,
    /// The backend was asked.
    is_forwarded: bool,
    /// Where they are counted: a request may be dropped anywhere.
    runtime: Option<Handle>,
}

impl<'a> LateCounts<'a> {
    pub(super) fn new(engine: &'a Shared) -> Self {
        Self { engine, calls: Vec::new(), is_forwarded: false, runtime: None }
    }

    pub(super) fn len(&self) -> usize {
        self.calls.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    pub(super) fn add(&mut self, call: Uncounted) {
        self.calls.push(Arc::new(call));
        self.runtime = Handle::try_current().ok();
    }

    /// The backend is asked from now on.
    pub(super) fn forwarded(&mut self) {
        self.is_forwarded = true;
    }

    /// The first one. It stays until it is counted, so that none is lost if that is given up.
    pub(super) fn first(&self) -> Option<Arc<Uncounted>> {
        self.calls.first().cloned()
    }

    pub(super) fn remove_first(&mut self) {
        if !self.calls.is_empty() {
            self.calls.remove(0);
        }
    }
}

impl Drop for LateCounts<'_> {
    fn drop(&mut self) {
        if !self.is_forwarded || self.calls.is_empty() {
            return;
        }
        let permit = self.engine.late_counts.clone().try_acquire_owned();
        let (Some(runtime), Ok(permit)) = (self.runtime.take(), permit) else {
            tracing::warn!(calls = self.calls.len(), "calls of a client that left are not counted");
            return;
        };
        let cache = self.engine.cache.clone();
        let counters: Vec<_> = self.calls.iter().map(|call| call.counter()).collect();
        let counting = async move {
            for (key, limit) in counters {
                cache.take(&key, limit, Take::Force(1)).await;
            }
            drop(permit);
        };
        self.engine.cache.shared().background.spawn_on(counting, &runtime);
    }
}
