//! Wakes whoever waits for something to change: an acknowledgement, a role, a lease, a topology.

use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::task::Waker;

use parking_lot::Mutex;

/// Who waits, at most one task of each worker. Nobody is woken who does not wait.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Whether anybody waits.
    is_watched: AtomicBool,
    wakers: Mutex<Vec<Option<Waker>>>,
}

impl Changes {
    /// Wakes this task of this worker at the next change. Look at what may have changed *after* this, or a change in between
    /// is missed.
    pub(super) fn register(&self, worker: usize, waker: &Waker) {
        let mut wakers = self.wakers.lock();
        if wakers.len() <= worker {
            wakers.resize(worker + 1, None);
        }
        if wakers[worker].as_ref().is_none_or(|known| !known.will_wake(waker)) {
            wakers[worker] = Some(waker.clone());
        }
        drop(wakers);
        self.is_watched.store(true, Ordering::Relaxed);
        // What was changed before `wake` looked whether anybody waits is seen by who looks after this.
        fence(Ordering::SeqCst);
    }

    /// Something has changed.
    pub(super) fn wake(&self) {
        fence(Ordering::SeqCst);
        if !self.is_watched.swap(false, Ordering::Relaxed) {
            return;
        }
        let woken: Vec<Waker> = self.wakers.lock().iter_mut().filter_map(Option::take).collect();
        woken.into_iter().for_each(Waker::wake);
    }
}
