//! Values of which only the newest counts, and whoever waits for a newer one. tokio's wakes them in an order that is drawn from
//! numbers nobody can fix; this one wakes them in the order of their making, so that a simulation replays exactly.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Poll, Waker};

use openraft::OptionalSend;
use openraft::async_runtime::watch::{self, RecvError, SendError};
use parking_lot::{Mutex, RwLock, RwLockReadGuard};

/// The kind of channel, as openraft wants it named.
pub struct LocalWatch;

/// Sends values. Clones are the same.
pub struct Sender<T>(Arc<Shared<T>>);

/// Sees values.
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    /// Its place among those that wait.
    number: u64,
    seen: u64,
}

struct Shared<T> {
    value: RwLock<T>,
    /// Grows after each new value.
    version: AtomicU64,
    senders: AtomicUsize,
    receivers: AtomicUsize,
    next_number: AtomicU64,
    /// At most one for each receiver.
    waiting: Mutex<BTreeMap<u64, Waker>>,
}

impl<T> Shared<T> {
    fn tell(&self) {
        self.version.fetch_add(1, Ordering::AcqRel);
        self.wake();
    }

    fn wake(&self) {
        let waiting = std::mem::take(&mut *self.waiting.lock());
        waiting.into_values().for_each(Waker::wake);
    }

    fn receiver(self: &Arc<Self>, seen: u64) -> Receiver<T> {
        let number = self.next_number.fetch_add(1, Ordering::Relaxed);
        self.receivers.fetch_add(1, Ordering::AcqRel);
        Receiver { shared: Arc::clone(self), number, seen }
    }
}

impl watch::Watch for LocalWatch {
    type Sender<T: OptionalSend + openraft::OptionalSync> = Sender<T>;
    type Receiver<T: OptionalSend + openraft::OptionalSync> = Receiver<T>;
    type Ref<'a, T: OptionalSend + 'a> = RwLockReadGuard<'a, T>;

    fn channel<T: OptionalSend + openraft::OptionalSync>(first: T) -> (Sender<T>, Receiver<T>) {
        let shared = Arc::new(Shared {
            value: RwLock::new(first),
            version: AtomicU64::new(0),
            senders: AtomicUsize::new(1),
            receivers: AtomicUsize::new(0),
            next_number: AtomicU64::new(0),
            waiting: Mutex::default(),
        });
        let receiver = shared.receiver(0);
        (Sender(shared), receiver)
    }
}

impl<T> watch::WatchSender<LocalWatch, T> for Sender<T> {
    fn send(&self, value: T) -> Result<(), SendError<T>> {
        if self.0.receivers.load(Ordering::Acquire) == 0 {
            return Err(SendError(value));
        }
        let replaced = std::mem::replace(&mut *self.0.value.write(), value);
        self.0.tell();
        drop(replaced);
        Ok(())
    }

    fn send_if_modified<F: FnOnce(&mut T) -> bool>(&self, modify: F) -> bool {
        let modified = modify(&mut self.0.value.write());
        if modified {
            self.0.tell();
        }
        modified
    }

    fn borrow_watched(&self) -> RwLockReadGuard<'_, T> {
        self.0.value.read()
    }

    fn subscribe(&self) -> Receiver<T> {
        self.0.receiver(self.0.version.load(Ordering::Acquire))
    }
}

impl<T> watch::WatchReceiver<LocalWatch, T> for Receiver<T> {
    async fn changed(&mut self) -> Result<(), RecvError> {
        poll_fn(|cx| {
            // Before looking, so that nothing that comes in between is missed.
            self.shared.waiting.lock().insert(self.number, cx.waker().clone());
            let version = self.shared.version.load(Ordering::Acquire);
            if version != self.seen {
                self.seen = version;
                return Poll::Ready(Ok(()));
            }
            if self.shared.senders.load(Ordering::Acquire) == 0 {
                return Poll::Ready(Err(RecvError(())));
            }
            Poll::Pending
        })
        .await
    }

    fn borrow_watched(&self) -> RwLockReadGuard<'_, T> {
        self.shared.value.read()
    }

    fn borrow_and_update(&mut self) -> RwLockReadGuard<'_, T> {
        self.seen = self.shared.version.load(Ordering::Acquire);
        self.shared.value.read()
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.0.senders.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(&self.0))
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if self.0.senders.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.wake();
        }
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        self.shared.receiver(self.seen)
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.shared.receivers.fetch_sub(1, Ordering::AcqRel);
        self.shared.waiting.lock().remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::Context;

    use openraft::async_runtime::watch::{Watch, WatchReceiver, WatchSender};

    use super::*;

    #[test]
    fn the_newest_value_is_seen_once_and_the_end_is_told() {
        let mut cx = Context::from_waker(Waker::noop());
        let (sender, mut receiver) = LocalWatch::channel(1);
        assert!(pin!(receiver.changed()).poll(&mut cx).is_pending());
        assert_eq!((sender.send(2), sender.send(3)), (Ok(()), Ok(())));
        let mut late = sender.subscribe();
        assert!(pin!(late.changed()).poll(&mut cx).is_pending());
        assert_eq!(pin!(receiver.changed()).poll(&mut cx), Poll::Ready(Ok(())));
        assert_eq!(*receiver.borrow_watched(), 3);
        assert!(pin!(receiver.changed()).poll(&mut cx).is_pending());
        assert!(!sender.send_if_modified(|_| false));
        drop(sender);
        assert_eq!(pin!(receiver.changed()).poll(&mut cx), Poll::Ready(Err(RecvError(()))));
    }

    #[test]
    fn nobody_to_see_it_is_an_error() {
        let (sender, receiver) = LocalWatch::channel(1);
        drop(receiver);
        assert!(sender.send(2).is_err());
        let receiver = sender.subscribe();
        assert_eq!(sender.send(3), Ok(()));
        assert_eq!(*receiver.borrow_watched(), 3);
    }
}
