//! The end in order: nobody new is let in, what is under way is answered, within a limit.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The connections under way, and the word that they should end. Cloning it shares both.
#[derive(Clone, Debug, Default)]
pub(crate) struct Drain {
    pub(super) tasks: TaskTracker,
    pub(super) stop: CancellationToken,
}

impl Drain {
    /// Whether the end has begun.
    pub(crate) fn has_begun(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Lets connections end with their answer; false if some had not at the limit.
    pub(crate) async fn finish(&self, limit: Duration) -> bool {
        self.stop.cancel();
        self.tasks.close();
        tokio::time::timeout(limit, self.tasks.wait()).await.is_ok()
    }

    /// Connections that have not ended.
    pub(crate) fn open(&self) -> usize {
        self.tasks.len()
    }
}
