//! What replication does at the moment, for the planner, the operators and the metrics.

use std::sync::atomic::Ordering;

use larder_proto::slot::Partition;

use super::core::Core;
use super::ports::{Report, StreamReport};

/// What goes on.
pub(super) fn report(core: &Core) -> Report {
    let streams = core.feeds().into_iter().map(|feed| StreamReport {
        node: feed.node,
        connected: feed.is_connected.load(Ordering::Relaxed),
        queued_bytes: feed.bytes(),
        queued_messages: feed.appended().saturating_sub(feed.acknowledged()),
        silent_ms: core.silences.of(&feed).as_millis() as u64,
    });
    // Whoever renews the lease asks for this: it waits for no partition. Of those that are locked, what was seen last counts.
    core.store.each_bytes_at_hand(|partition, held| {
        core.part(partition).bytes_seen.store(held, Ordering::Relaxed);
    });
    let seen = Partition::all().map(|of| (of, core.part(of).bytes_seen.load(Ordering::Relaxed)));
    let bytes = seen.filter(|(_, bytes)| *bytes > 0).collect();
    Report {
        bytes,
        streams: streams.collect(),
        filling: core.filling(),
        remembered_bytes: u64::try_from(core.remembered_bytes()).unwrap_or(0),
    }
}
