//! The cluster as this node sees it: the state, Raft's view, and what the leader knows of leases.

use std::collections::BTreeMap;
use std::time::Duration;

use larder_proto::topology::NodeId;
use prost::Message;

use super::Control;
use crate::cluster::messages::{Kind, LeasesReply, Nothing};
use crate::cluster::status::Status;

impl Control {
    pub(super) async fn status(&self) -> Status {
        let leases = self.ask_for_leases().await;
        let state = self.published.state.borrow().clone();
        let phase = self.published.phase.borrow().clone();
        let raft = self.raft().map(|node| node.status()).unwrap_or_default();
        let mut status = Status::of(&state, phase);
        status.identity = self.identity().map(|own| (own.cluster, own.node));
        status.leader = self.leader();
        status.lease_left_ms = self.lease_until_ns.get().saturating_sub(self.now_ns()) / MS;
        for (node, member) in &mut status.members {
            member.votes = raft.voters.contains(node);
            member.lease_left_ms = leases.get(node).copied();
        }
        status
    }

    async fn ask_for_leases(&self) -> BTreeMap<NodeId, u32> {
        let Some(leader) = self.leader() else { return BTreeMap::new() };
        let asked = self.ask(leader, Kind::Leases, Nothing {}.encode_to_vec(), LEASES_TIME_MAX).await;
        let reply = asked.ok().and_then(|reply| LeasesReply::decode(reply.as_slice()).ok());
        reply.map(|reply| reply.leases().collect()).unwrap_or_default()
    }
}

/// How long the leader has to tell.
const LEASES_TIME_MAX: Duration = Duration::from_millis(300);

/// Nanoseconds of a millisecond.
const MS: u64 = 1_000_000;
