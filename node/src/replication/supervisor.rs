//! Runs the tasks of replication on one thread: one that takes over topologies, one that looks after copies, one that proposes those that have everything,
//! one for each feed, each copy that is filled, and each order to hand over. All of them end when this does.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::Arc;

use larder_proto::topology::NodeId;
use tokio::task::JoinSet;

use super::adopt::keep_adopting;
use super::core::Core;
use super::fill::{Filling, fill, propose_proven};
use super::hand_over::take_order;
use super::jobs::Job;
use super::keeper::keep;
use super::sender::send;

/// Runs everything that goes on by itself. Never ends.
pub(super) async fn run(core: Arc<Core>) {
    let mut tasks = JoinSet::new();
    let mut filling: BTreeMap<NodeId, Arc<Filling>> = BTreeMap::new();
    tasks.spawn_local(keep_adopting(Arc::clone(&core)));
    tasks.spawn_local(keep(Arc::clone(&core)));
    tasks.spawn_local(propose_proven(Arc::clone(&core)));
    loop {
        let core = Arc::clone(&core);
        match poll_fn(|cx| core.jobs.poll(cx)).await {
            Job::Feed(feed) => {
                tasks.spawn_local(send(core, feed));
            }
            Job::Fill(job) => {
                let filling = Arc::clone(filling.entry(job.node).or_default());
                tasks.spawn_local(fill(core, job, filling));
            }
            Job::HandOver(partitions) => {
                tasks.spawn_local(take_order(core, partitions));
            }
        }
        // What has ended is let go of.
        while tasks.try_join_next().is_some() {}
    }
}
