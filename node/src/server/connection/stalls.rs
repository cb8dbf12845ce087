//! What a connection does while its requests cannot go on: tries to place those that lost their place, waits for places,
//! and for replies to leave.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::task::Poll;

use tokio::time::{Instant, sleep, timeout};

use super::super::dispatch::Stall;
use super::super::hands::Hands;
use super::super::placing::Placing;
use super::super::routing::pending_bytes_max;
use super::{Connection, aborted};
use crate::limits::RETRY_PAUSE;

impl Connection {
    /// Waits until requests can go on. Meanwhile what has to be placed again is.
    pub(super) async fn stall_over(&mut self, why: Stall) -> io::Result<()> {
        if why == Stall::Place {
            self.stalled_since.get_or_insert_with(Instant::now);
        }
        let version = self.region_version();
        let mut timer = pin!(sleep(RETRY_PAUSE));
        let mut rested = false;
        let over = poll_fn(|cx| {
            if self.link.card.is_killed() {
                return Poll::Ready(Err(aborted()));
            }
            while timer.as_mut().poll(cx).is_ready() {
                rested = true;
                timer.as_mut().reset(Instant::now() + RETRY_PAUSE);
            }
            self.worker.drain(&self.link);
            self.place_again();
            let over = !self.link.has_again()
                && match why {
                    Stall::Again => true,
                    Stall::Place => rested || self.region_version() != version,
                    Stall::Room => self.has_room(),
                };
            self.set_stalled(!over);
            if over { Poll::Ready(Ok(())) } else { Poll::Pending }
        })
        .await;
        self.worker.drain(&self.link);
        over
    }

    /// Waits until all replies have left, but no longer than requests wait for their place.
    pub(super) async fn settle_all(&mut self) -> io::Result<()> {
        let patience = 2 * self.worker.shared.tunables.retry_time();
        let settled = async {
            while self.link.has_pending() {
                self.stall_over(Stall::Room).await?;
                self.all_settled().await?;
            }
            Ok(())
        };
        timeout(patience, settled).await.unwrap_or(Ok(()))
    }

    async fn all_settled(&mut self) -> io::Result<()> {
        let settled = poll_fn(|_| {
            if self.link.card.is_killed() {
                return Poll::Ready(Err(aborted()));
            }
            self.worker.drain(&self.link);
            let done = !self.link.has_pending() || self.link.has_again();
            self.set_stalled(!done);
            if done { Poll::Ready(Ok(())) } else { Poll::Pending }
        });
        settled.await
    }

    /// Forgets the replies that wait: the client is gone.
    pub(super) fn forget_pending(&self) {
        let Some(clustered) = &self.worker.clustered else { return };
        let pending = self.link.pending.take();
        // Whoever never had a reply that waited is known to no other node.
        if let Some(mut pending) = pending {
            pending.clear(&mut clustered.numbers.borrow_mut());
            self.worker.shared.store.memory().count_buffers(pending.growth());
            clustered.peers.farewell(self.link.card.id);
        }
    }

    fn place_again(&self) {
        let Some(clustered) = self.worker.clustered.as_ref().filter(|_| self.link.has_again()) else {
            return;
        };
        let shared = &*self.worker.shared;
        let mut custody = clustered.custody.borrow_mut();
        let hands = Hands {
            shared,
            statistics: &self.worker.statistics,
            random: &mut self.worker.random.borrow_mut(),
            custody: &mut **custody,
            spare: &mut clustered.spare.borrow_mut(),
            now: shared.clock.now(),
        };
        let patience = shared.tunables.retry_time();
        Placing { worker: &self.worker, clustered, link: &self.link, hands, patience, now: None }.place_all();
        custody.end_turn();
        drop(custody);
        self.worker.drain(&self.link);
    }

    fn has_room(&self) -> bool {
        let bytes_max = pending_bytes_max(&self.worker.shared);
        self.link.pending.borrow().as_ref().is_none_or(|pending| !pending.is_full(bytes_max))
    }

    fn region_version(&self) -> u64 {
        self.worker.clustered.as_ref().map_or(0, |clustered| clustered.region.version())
    }

    fn set_stalled(&self, stalled: bool) {
        let Some(clustered) = &self.worker.clustered else { return };
        if stalled {
            clustered.list(&self.link);
        }
        if let Some(pending) = self.link.pending.borrow_mut().as_mut() {
            pending.stalled = stalled;
        }
    }
}
