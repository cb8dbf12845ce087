//! Hands partitions over to copies, as the leader orders. The owner stops serving, waits until its copies
//! have everything, proposes the new owner, and goes by what the topology then says. It never serves on while a proposal of
//! its own may still be applied.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use larder_proto::slot::Partition;
use larder_proto::topology::{CopyState, Epoch, NodeId, RowChange, Step};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep, timeout};

use super::adopt::resume;
use super::cell::{Cell, Role, Stage};
use super::core::Core;
use super::feed::Feed;
use super::ports::ProposeError;
use crate::limits::{HAND_OVER_MAX, HAND_OVER_PAUSE, HAND_OVER_TIME_MAX, PROPOSAL_RETRY_TIME};
use crate::store::Access;

/// A partition that is to have another owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Leaving {
    partition: Partition,
    term: Epoch,
    to: NodeId,
    /// Since when that is a copy.
    since: Epoch,
}

/// Orders of the leader's, one at a time, and partitions that are left alone for a while.
#[derive(Debug, Default)]
pub(super) struct HandOvers {
    is_busy: AtomicBool,
    /// Partitions whose copies were late, and until when they are served on: else their requests would wait for ever.
    late: Mutex<BTreeMap<Partition, Instant>>,
}

/// Carries out an order, unless another is carried out: the leader asks again for what it still wants.
pub(super) async fn take_order(core: Arc<Core>, wanted: Vec<(Partition, NodeId)>) {
    if core.hand_overs.is_busy.swap(true, Ordering::Relaxed) {
        return;
    }
    let now = Instant::now();
    let may = |core: &Core, partition: &Partition| {
        let mut late = core.hand_overs.late.lock();
        late.retain(|_, until| *until > now);
        !late.contains_key(partition)
    };
    let wanted = wanted.into_iter().filter(|(partition, _)| may(&core, partition)).collect();
    hand_over(&core, wanted).await;
    core.hand_overs.is_busy.store(false, Ordering::Relaxed);
}

/// Hands over what can be, some partitions at a time; returns once the topology says who owns them.
async fn hand_over(core: &Core, wanted: Vec<(Partition, NodeId)>) {
    for some in wanted.chunks(HAND_OVER_MAX) {
        let leaving: Vec<Leaving> =
            some.iter().filter_map(|&(partition, to)| stop_serving(core, partition, to)).collect();
        if leaving.is_empty() {
            continue;
        }
        core.changes.wake();
        let _ = timeout(HAND_OVER_TIME_MAX, all_settled(core, &leaving)).await;
        let (ready, late): (Vec<_>, Vec<_>) = leaving.into_iter().partition(|it| note_settled(core, it));
        go_on(core, &late);
        let until = Instant::now() + HAND_OVER_PAUSE;
        core.hand_overs.late.lock().extend(late.iter().map(|it| (it.partition, until)));
        if !ready.is_empty() {
            propose(core, &ready).await;
            go_on(core, &ready);
        }
    }
}

/// Stops serving a partition that this copy may take over.
fn stop_serving(core: &Core, partition: Partition, to: NodeId) -> Option<Leaving> {
    let topology = core.topology()?;
    let copy = topology.row(partition).copy(to).filter(|copy| copy.state == CopyState::InSync)?;
    let _guard = core.store.lock_partition(partition, Access::Write, core.clock.now());
    let mut cell = core.part(partition).cell.lock();
    let slot = cell.slot(to, copy.since)?;
    if slot.stage != Stage::Required || cell.role != Role::Serving || cell.is_refused() {
        return None;
    }
    let _changing = core.version.change();
    cell.role = Role::Yielding;
    core.part(partition).publish(&cell, core.own());
    cell.slots.iter().for_each(|slot| slot.feed.wake_sender());
    Some(Leaving { partition, term: cell.term, to, since: copy.since })
}

/// Waits until every copy that replies wait for has everything, or a partition is no longer this node's to give.
async fn all_settled(core: &Core, leaving: &[Leaving]) {
    loop {
        let next = Epoch(core.epoch().0 + 1);
        tokio::select! {
            biased;
            () = all_acknowledged(core, leaving) => return,
            // A copy that is none any more acknowledges nothing: it is not waited for.
            () = core.epoch_adopted(next) => {}
        }
    }
}

async fn all_acknowledged(core: &Core, leaving: &[Leaving]) {
    let feeds: Vec<Arc<Feed>> = core.feeds();
    poll_fn(|cx| {
        feeds.iter().for_each(|feed| feed.watch(cx.waker()));
        let is_open = |it: &Leaving| {
            let cell = core.part(it.partition).cell.lock();
            it.is_yielding(&cell) && !cell.is_settled()
        };
        if leaving.iter().any(is_open) { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
}

/// Whether the partition can be handed over: nothing more comes, and everything is acknowledged. Replies of its term may
/// leave from now on, whoever is the owner by then.
fn note_settled(core: &Core, leaving: &Leaving) -> bool {
    let mut cell = core.part(leaving.partition).cell.lock();
    let is_ready = leaving.is_yielding(&cell) && cell.is_settled();
    if is_ready {
        cell.settled = Some(leaving.term);
    }
    is_ready
}

/// Proposes the new owners until it is known what came of it, and adopted.
async fn propose(core: &Core, leaving: &[Leaving]) {
    let mut may_come_late = false;
    loop {
        let open: Vec<&Leaving> =
            leaving.iter().filter(|it| it.is_yielding(&core.part(it.partition).cell.lock())).collect();
        let Some(own) = core.own().filter(|_| !open.is_empty()) else { return };
        let steps = open.iter().map(|it| Step {
            partition: it.partition,
            term: it.term,
            change: RowChange::HandOver { from: own, to: it.to, since: it.since },
        });
        match core.proposals.propose(steps.collect()).await {
            // What was proposed before and is not applied by now has lost its precondition: the row has changed, or the
            // copy is none. It is another one if it is filled again.
            Ok(epoch) => return core.epoch_adopted(epoch).await,
            Err(ProposeError::NotProposed) if !may_come_late => return,
            Err(error) => {
                may_come_late |= error == ProposeError::Unknown;
                tracing::debug!(%error, "partitions cannot be handed over yet");
                sleep(PROPOSAL_RETRY_TIME).await;
            }
        }
    }
}

/// Serves what is this node's still.
fn go_on(core: &Core, leaving: &[Leaving]) {
    for it in leaving {
        let _guard = core.store.lock_partition(it.partition, Access::Write, core.clock.now());
        let mut cell = core.part(it.partition).cell.lock();
        if it.is_yielding(&cell) {
            resume(core, it.partition, &mut cell);
        }
    }
    core.changes.wake();
}

impl Leaving {
    fn is_yielding(&self, cell: &Cell) -> bool {
        cell.role == Role::Yielding && cell.term == self.term
    }
}
