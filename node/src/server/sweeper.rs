//! The background task that reclaims expired and flushed keys: every partition once a second, a few at a time.

use std::sync::Arc;
use std::time::Duration;

use larder_proto::slot::Partition;
use tokio::time::{MissedTickBehavior, interval};

use super::node::Shared;
use crate::limits::{SWEEP_ROUND_MS, SWEEP_STEP_MS};

/// Sweeps until the node stops. Owns nothing; locks one partition at a time, for a bounded number of keys.
pub async fn sweep_forever(shared: Arc<Shared>) {
    let mut tick = interval(Duration::from_millis(SWEEP_STEP_MS));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let steps = (SWEEP_ROUND_MS / SWEEP_STEP_MS) as usize;
    let per_step = Partition::all().len().div_ceil(steps);
    let mut partitions = Partition::all().cycle();
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = shared.stop.cancelled() => return,
        }
        for partition in partitions.by_ref().take(per_step) {
            let mut from = Some(0);
            while let Some(place) = from {
                from = shared.store.sweep(partition, place, shared.clock.now()).resume;
            }
            tokio::task::yield_now().await;
        }
    }
}
