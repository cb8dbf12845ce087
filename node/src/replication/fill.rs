//! Fills copies: one task for each. It begins with the partition locked, walks the keys while requests go on, requires the
//! copy, and proves that it has everything before that is proposed. It ends early when the copy is none any more. It works in
//! small steps, as many as `pace` lets it.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use larder_proto::slot::Partition;
use larder_proto::topology::{CopyState, Epoch, NodeId, RowChange, Step};
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore};
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::cell::{Cell, Slot, Stage};
use super::core::Core;
use super::feed::Feed;
use super::jobs::FillJob;
use super::messages::{Effects, Start, frame, kind, put};
use super::pace::{Pace, Steps};
use crate::limits::{FILLS_PER_NODE, PROPOSAL_RETRY_TIME, PROPOSED_STEPS_MAX};
use crate::store::Access;

/// Copies that have everything and are to be proposed as in sync.
#[derive(Debug, Default)]
pub(super) struct Proven {
    fills: Mutex<Vec<(FillJob, Epoch)>>,
    more: Notify,
}

/// What the copies at one node share that are filled.
pub(super) struct Filling {
    /// Bounds how many of them are filled at the same time.
    turns: Semaphore,
    pace: Pace,
}

/// One copy that is being filled.
struct Fill {
    core: Arc<Core>,
    job: FillJob,
    term: Epoch,
    feed: Arc<Feed>,
    filling: Arc<Filling>,
}

impl Default for Filling {
    fn default() -> Self {
        Self { turns: Semaphore::new(FILLS_PER_NODE), pace: Pace::default() }
    }
}

/// Fills one copy, with others at the same node.
pub(super) async fn fill(core: Arc<Core>, job: FillJob, filling: Arc<Filling>) {
    if let Some(until) = core.refusals.until((job.partition, job.node)) {
        sleep_until(until).await;
    }
    // The semaphore is never closed.
    let Ok(turn) = filling.turns.acquire().await else { return };
    core.unlocked(job.partition).await;
    let Some(fill) = begin(&core, job, Arc::clone(&filling)) else { return };
    fill.feed.wake_sender();
    let walked = fill.walk().await;
    // The next begins while this one is acknowledged.
    drop(turn);
    if let Some(barrier) = walked
        && fill.acknowledged(barrier).await
    {
        core.refusals.forget((job.partition, job.node));
        core.proven.fills.lock().push((job, fill.term));
        core.proven.more.notify_one();
    }
}

/// Begins: from here on the copy gets every effect.
fn begin(core: &Arc<Core>, job: FillJob, filling: Arc<Filling>) -> Option<Fill> {
    let guard = core.store.lock_partition(job.partition, Access::Write, core.clock.now());
    let part = core.part(job.partition);
    let mut cell = part.cell.lock();
    let (term, number) = (cell.term, job.partition.index() as u32);
    let mut frames = vec![Vec::new()];
    let start = Start { partition: number, term: term.0, sequence: guard.sequence(), since: job.since.0 };
    frame(&mut frames[0], kind::BEGIN, |to| put(to, &start));
    for message in cell.remembered.messages(number, term.0) {
        let mut bytes = Vec::new();
        frame(&mut bytes, kind::REMEMBERED, |to| put(to, &message));
        frames.push(bytes);
    }
    let slot = cell.slot(job.node, job.since).filter(|slot| slot.stage == Stage::Waiting)?;
    slot.stage = Stage::Fed;
    let feed = Arc::clone(&slot.feed);
    slot.note_start(core.append(&feed, &frames[0]));
    frames[1..].iter().for_each(|frame| slot.note(core.append(&feed, frame)));
    part.publish(&cell, core.own());
    Some(Fill { core: Arc::clone(core), job, term, feed, filling })
}

impl Fill {
    /// Sends every key as it is, then requires the copy. The position that it has to acknowledge to be in sync.
    async fn walk(&self) -> Option<u64> {
        let (mut from, mut steps) = (0, Steps::default());
        loop {
            self.room().await;
            self.core.unlocked(self.job.partition).await;
            let next = self.step(from, &mut steps)?;
            self.feed.wake_sender();
            let Some(next) = next else { break };
            from = next;
            yield_now().await;
        }
        self.core.unlocked(self.job.partition).await;
        self.require()
    }

    /// Sends some keys. Where to go on, or `None` at the end; `None` for all if the copy is none any more.
    fn step(&self, from: u64, steps: &mut Steps) -> Option<Option<u64>> {
        let core = &self.core;
        // Locked for reading: nobody writes meanwhile, so keys and effects are sent in one order.
        let guard = core.store.lock_partition(self.job.partition, Access::Read, core.clock.now());
        let began_ns = core.clock.monotonic_ns();
        let mut keys = Vec::new();
        let copied = guard.copy_out(from, steps.bytes(), &mut keys);
        let partition = self.job.partition.index() as u64;
        let message = Effects { partition, term: self.term, effects: &keys, ..Effects::default() };
        let mut bytes = Vec::new();
        frame(&mut bytes, kind::KEYS, |to| message.encode(to));
        let mut cell = core.part(self.job.partition).cell.lock();
        let feed = &self.feed;
        let slot = self.slot(&mut cell)?;
        let position = core.append(feed, &bytes);
        slot.note(position);
        let now_ns = core.clock.monotonic_ns();
        self.filling.pace.sent((feed.number, position), bytes.len(), now_ns);
        let took_ns = now_ns.saturating_sub(began_ns);
        steps.note(took_ns);
        core.rests.note(took_ns, now_ns);
        Some(copied.next)
    }

    /// From here on replies wait for the copy. Everything that was sent before has to be acknowledged before it is proposed.
    fn require(&self) -> Option<u64> {
        let core = &self.core;
        let _guard = core.store.lock_partition(self.job.partition, Access::Write, core.clock.now());
        let part = core.part(self.job.partition);
        let mut cell = part.cell.lock();
        let slot = self.slot(&mut cell)?;
        slot.stage = Stage::Required;
        let barrier = slot.last;
        part.publish(&cell, core.own());
        Some(barrier)
    }

    /// The copy, if it still is one under the same owner and has taken everything so far.
    fn slot<'c>(&self, cell: &'c mut Cell) -> Option<&'c mut Slot> {
        if !cell.is_owner() || cell.term != self.term {
            return None;
        }
        cell.slot(self.job.node, self.job.since).filter(|slot| slot.is_fed() && !slot.is_rejected)
    }

    /// Waits until this node does not rest, little enough is under way to the copy's node, and its queue is not half full with
    /// what clients write.
    async fn room(&self) {
        let feed = &self.feed;
        let mut timer = pin!(sleep(Duration::ZERO));
        poll_fn(|cx| {
            feed.watch(cx.waker());
            let now_ns = self.core.clock.monotonic_ns();
            // While it rests too: when an acknowledgement came is seen here.
            let may_send = self.filling.pace.has_room((feed.number, feed.acknowledged()), now_ns);
            if feed.is_closed() {
                return Poll::Ready(());
            }
            if !may_send || feed.bytes() > feed.bytes_max() / 2 {
                return Poll::Pending;
            }
            let Some(rest) = self.core.rests.left(now_ns) else { return Poll::Ready(()) };
            timer.as_mut().reset(Instant::now() + rest);
            timer.as_mut().poll(cx)
        })
        .await;
    }

    /// Waits until the copy has acknowledged this position. Whether it still counts.
    async fn acknowledged(&self, position: u64) -> bool {
        poll_fn(|cx| {
            self.feed.watch(cx.waker());
            let is_over = self.feed.is_closed() || self.feed.acknowledged() >= position;
            if is_over { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        !self.feed.is_closed() && self.slot(&mut self.core.part(self.job.partition).cell.lock()).is_some()
    }
}

/// Proposes copies as in sync, many at once, until the topology says so or they are none any more. Never ends.
pub(super) async fn propose_proven(core: Arc<Core>) {
    let mut open: Vec<(FillJob, Epoch)> = Vec::new();
    loop {
        open.append(&mut core.proven.fills.lock());
        open.retain(|(job, term)| is_open(&core, job, *term));
        if open.is_empty() {
            core.proven.more.notified().await;
            continue;
        }
        let steps = open.iter().take(PROPOSED_STEPS_MAX).map(|(job, term)| Step {
            partition: job.partition,
            term: *term,
            change: RowChange::MarkInSync { node: job.node, since: job.since },
        });
        match core.proposals.propose(steps.collect()).await {
            Ok(epoch) => {
                let _ = timeout(PROPOSAL_RETRY_TIME, core.epoch_adopted(epoch)).await;
                // What had no effect is asked for again, but not at once.
                open.retain(|(job, term)| is_open(&core, job, *term));
                if !open.is_empty() && core.epoch() >= epoch {
                    sleep(PROPOSAL_RETRY_TIME).await;
                }
            }
            Err(error) => {
                tracing::debug!(%error, "copies that have everything cannot be proposed as in sync");
                sleep(PROPOSAL_RETRY_TIME).await;
            }
        }
    }
}

/// Whether the copy has to be proposed still.
fn is_open(core: &Core, job: &FillJob, term: Epoch) -> bool {
    let is_filling = core.topology().is_some_and(|topology| {
        let copy = topology.row(job.partition).copy(job.node).copied();
        copy.is_some_and(|copy| copy.since == job.since && copy.state == CopyState::Filling)
    });
    let mut cell = core.part(job.partition).cell.lock();
    let counts = cell.is_owner() && cell.term == term;
    let slot = cell.slot(job.node, job.since);
    is_filling && counts && slot.is_some_and(|slot| slot.stage == Stage::Required && !slot.is_rejected)
}

impl Core {
    /// Copies that are being filled.
    pub(super) fn filling(&self) -> Vec<(Partition, NodeId)> {
        let Some(topology) = self.topology() else { return Vec::new() };
        let own = self.own();
        Partition::all()
            .filter(|&partition| own.is_some() && topology.row(partition).owner == own)
            .flat_map(|partition| {
                let copies = topology.row(partition).copies.clone();
                let filling = copies.into_iter().filter(|copy| copy.state == CopyState::Filling);
                filling.map(move |copy| (partition, copy.node))
            })
            .collect()
    }
}
