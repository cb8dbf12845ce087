//! Looks after copies, ten times a second: those that acknowledge nothing, or did not take what they were sent, are proposed
//! to be dropped. Forgets remembered writes that nobody asks for any more. One task, which never ends.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use larder_proto::slot::Partition;
use larder_proto::topology::{RowChange, Step};
use parking_lot::Mutex;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::cell::{Slot, Stage};
use super::core::Core;
use super::feed::Feed;
use crate::commands::ports::Origin;
use crate::limits::{
    COPY_BYTES_PER_SECOND, COPY_ROUND_TIME, COPY_SILENCE_MAX, FORGET_LOOKS, FORGET_ROUNDS, PROPOSED_STEPS_MAX,
};

/// When each feed was last seen to get on, by number.
#[derive(Debug, Default)]
pub(super) struct Silences(Mutex<BTreeMap<u64, Seen>>);

#[derive(Clone, Copy, Debug)]
struct Seen {
    acknowledged: u64,
    at: Instant,
}

/// Looks after copies for ever.
pub(super) async fn keep(core: Arc<Core>) {
    let mut rounds = interval(COPY_ROUND_TIME);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for round in 1_u32.. {
        rounds.tick().await;
        core.silences.look(&core.feeds(), Instant::now());
        if core.holds_lease() {
            drop_lost_copies(&core).await;
        }
        if round % FORGET_ROUNDS == 0 && core.remembered_bytes() > 0 {
            forget(&core);
        }
    }
}

impl Silences {
    /// Notes which feeds got on, or have nothing to get on with.
    fn look(&self, feeds: &[Arc<Feed>], now: Instant) {
        let mut known = self.0.lock();
        known.retain(|number, _| feeds.iter().any(|feed| feed.number == *number));
        for feed in feeds {
            let acknowledged = feed.acknowledged();
            let seen = known.entry(feed.number).or_insert(Seen { acknowledged, at: now });
            if seen.acknowledged != acknowledged || feed.appended() == acknowledged {
                *seen = Seen { acknowledged, at: now };
            }
        }
    }

    /// For how long a feed did not get on.
    pub(super) fn of(&self, feed: &Feed) -> Duration {
        self.0.lock().get(&feed.number).map_or(Duration::ZERO, |seen| Instant::now() - seen.at)
    }

    /// Whether a copy should have acknowledged something by now.
    fn is_late(&self, feed: &Feed) -> bool {
        let large = Duration::from_secs_f64(feed.head_bytes() as f64 / COPY_BYTES_PER_SECOND as f64);
        self.of(feed) >= COPY_SILENCE_MAX + large
    }
}

/// Proposes copies to be dropped that hold replies back, or are of no use.
async fn drop_lost_copies(core: &Core) {
    let late: Vec<u64> =
        core.feeds().iter().filter(|feed| core.silences.is_late(feed)).map(|feed| feed.number).collect();
    let mut steps = Vec::new();
    for partition in Partition::all() {
        let cell = core.part(partition).cell.lock();
        let is_lost = |slot: &&Slot| {
            slot.is_rejected || (slot.stage != Stage::Waiting && late.contains(&slot.feed.number))
        };
        for slot in cell.slots.iter().filter(|slot| slot.is_rejected) {
            core.refusals.note((partition, slot.node), Instant::now());
        }
        steps.extend(cell.slots.iter().filter(is_lost).map(|slot| {
            let change = RowChange::DropCopy { node: slot.node, since: slot.since };
            Step { partition, term: cell.term, change }
        }));
    }
    for steps in steps.chunks(PROPOSED_STEPS_MAX) {
        tracing::warn!(
            copies = steps.len(),
            "copies that acknowledge nothing, or did not take what they were sent, are to be dropped"
        );
        match core.proposals.propose(steps.to_vec()).await {
            Ok(epoch) => drop(timeout(COPY_ROUND_TIME, core.epoch_adopted(epoch)).await),
            Err(error) => tracing::debug!(%error, "copies cannot be dropped yet"),
        }
    }
}

/// Forgets writes of which some partition knows that they are answered, and those of origins that are gone.
fn forget(core: &Core) {
    let mut answered: BTreeMap<Origin, u64> = BTreeMap::new();
    for part in &core.parts {
        part.cell.lock().remembered.visit(|origin, below| {
            let known = answered.entry(origin).or_default();
            *known = below.max(*known);
        });
    }
    for part in &core.parts {
        let mut cell = part.cell.lock();
        if !cell.remembered.is_empty() {
            let below = |origin| answered.get(&origin).copied().unwrap_or(0);
            core.count_remembered(cell.remembered.prune(FORGET_LOOKS, below));
        }
    }
}
