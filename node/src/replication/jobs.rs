//! Work for the tasks of replication: handed in from any thread, taken up by the one that runs them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use larder_proto::slot::Partition;
use larder_proto::topology::{Epoch, NodeId};
use parking_lot::Mutex;

use super::feed::Feed;

/// What is to be done.
#[derive(Debug)]
pub(super) enum Job {
    /// A feed was opened: somebody has to send it.
    Feed(Arc<Feed>),
    /// A copy is to be filled.
    Fill(FillJob),
    /// Partitions are to be handed over.
    HandOver(Vec<(Partition, NodeId)>),
}

/// A copy that is to be filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FillJob {
    pub(super) partition: Partition,
    pub(super) node: NodeId,
    /// Since when it is a copy.
    pub(super) since: Epoch,
}

/// Jobs that wait. They are at most one for each feed and each copy, and what the leader asks for.
#[derive(Debug, Default)]
pub(super) struct Jobs(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    taker: Option<Waker>,
}

impl Jobs {
    pub(super) fn push(&self, job: Job) {
        let taker = {
            let mut waiting = self.0.lock();
            waiting.jobs.push_back(job);
            waiting.taker.take()
        };
        taker.into_iter().for_each(Waker::wake);
    }

    /// Waits for the next job.
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<Job> {
        let mut waiting = self.0.lock();
        match waiting.jobs.pop_front() {
            Some(job) => Poll::Ready(job),
            None => {
                waiting.taker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}
