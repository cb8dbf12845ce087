//! A cluster of three for the tests of this folder: the second node is this one.

use std::sync::Arc;

use larder_proto::slot::Partition;
use larder_proto::topology::{
    ClusterId, CopyState, Epoch, Incarnation, Member, MemberState, NodeId, Replica, Topology,
};

use super::view::ClusterView;

/// Partitions 0 to 99 belong to node 1, 100 to 599 to node 2, the rest to node 3, which has a name instead of an address.
pub(super) fn view() -> ClusterView {
    let mut topology = Topology::new(ClusterId(0xfeed_beef << 96 | 7), 1);
    topology.epoch = Epoch(12);
    for (number, host) in [(1, "127.0.0.1"), (2, "127.0.0.1"), (3, "node-3.example.net")] {
        let member = Member {
            host: host.to_owned(),
            port: 7000 + (number as u16 - 1) * 100,
            zone: String::new(),
            incarnation: Incarnation(number),
            state: MemberState::Up,
            version: 1,
        };
        topology.members.insert(NodeId(number), member);
    }
    for (index, row) in topology.rows.iter_mut().enumerate() {
        let owner = match index {
            0..100 => 1,
            100..600 => 2,
            _ => 3,
        };
        row.owner = Some(NodeId(owner));
        row.since = Epoch(3 + owner);
        let copy = NodeId(owner % 3 + 1);
        row.copies = vec![Replica { node: copy, state: CopyState::InSync, since: Epoch(4) }];
    }
    ClusterView { topology: Arc::new(topology), own: NodeId(2), serving: true }
}

/// Where a key's row lies.
pub(super) fn partition_of(key: &str) -> usize {
    Partition::of(key.as_bytes()).index()
}
