//! Copies that did not take what they were sent, most likely for want of room: how long their owner waits before it fills them
//! again. Decisions only.

use std::collections::BTreeMap;
use std::time::Duration;

use larder_proto::slot::Partition;
use larder_proto::topology::NodeId;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::limits::{FILL_PAUSE_MAX, FILL_PAUSE_MIN};

/// Who refused, and until when it is left alone. At most one entry for each copy that this node's partitions ever had.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<BTreeMap<(Partition, NodeId), Refusal>>);

#[derive(Clone, Copy, Debug)]
struct Refusal {
    pause: Duration,
    until: Instant,
}

impl Refusals {
    /// A copy is given up because it refused: twice as long a pause as the last time.
    pub(super) fn note(&self, copy: (Partition, NodeId), now: Instant) {
        let mut known = self.0.lock();
        let refusal = known.entry(copy).or_insert(Refusal { pause: Duration::ZERO, until: now });
        // Told again until the topology has it: once is enough.
        if refusal.until <= now {
            refusal.pause = (refusal.pause * 2).clamp(FILL_PAUSE_MIN, FILL_PAUSE_MAX);
            refusal.until = now + refusal.pause;
        }
    }

    /// A copy has everything.
    pub(super) fn forget(&self, copy: (Partition, NodeId)) {
        self.0.lock().remove(&copy);
    }

    /// When it may be filled again; none if at once.
    pub(super) fn until(&self, copy: (Partition, NodeId)) -> Option<Instant> {
        self.0.lock().get(&copy).map(|refusal| refusal.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_refusal_is_left_alone_for_twice_as_long_up_to_a_limit() {
        let (refusals, copy) = (Refusals::default(), (Partition::of(b"k"), NodeId(7)));
        assert_eq!(refusals.until(copy), None);
        let mut now = Instant::now();
        let mut pauses = Vec::new();
        for _ in 0..10 {
            refusals.note(copy, now);
            refusals.note(copy, now + FILL_PAUSE_MIN / 2);
            let until = refusals.until(copy).unwrap();
            pauses.push(until - now);
            now = until;
        }
        assert_eq!((pauses[0], pauses[1]), (FILL_PAUSE_MIN, 2 * FILL_PAUSE_MIN));
        assert_eq!(pauses[9], FILL_PAUSE_MAX);
        refusals.forget(copy);
        refusals.note(copy, now);
        assert_eq!(refusals.until(copy), Some(now + FILL_PAUSE_MIN));
    }
}
