//! SLOTS, SHARDS and LINKS: replies made of arrays and maps, in the order of fields that Redis 7.2 has.
//!
//! Every member is a primary: copies serve no reads, so clients are told of none.

use larder_proto::resp::Out;
use larder_proto::topology::{Member, NodeId};

use super::view::{ClusterView, LinkInfo};

/// From a node's port for any client to that for cluster-aware ones.
pub(super) const CLUSTER_PORT_OFFSET: u16 = 1;

/// From a node's port for any client to that for other nodes.
pub(super) const NODE_PORT_OFFSET: u16 = 2;

/// CLUSTER SLOTS: `[first, last, [host, port, name, metadata]]` for each run of slots.
pub(super) fn slots(view: &ClusterView, out: &mut Out<'_>) {
    let runs = view.runs();
    out.array(runs.len());
    for run in runs {
        out.array(3);
        out.integer(run.first.into());
        out.integer(run.last.into());
        out.array(4);
        let (host, port) = address(view, run.owner);
        out.bulk(host.as_bytes());
        out.integer(port.into());
        out.bulk(view.name(run.owner).as_bytes());
        // Other names of the host: there are none.
        out.array(0);
    }
}

/// CLUSTER SHARDS: each member is a shard of its own.
pub(super) fn shards(view: &ClusterView, out: &mut Out<'_>) {
    let runs = view.runs();
    out.array(view.topology.members.len());
    for (&node, member) in &view.topology.members {
        let own: Vec<_> = runs.iter().filter(|run| run.owner == node).collect();
        out.map(2);
        out.bulk(b"slots");
        out.array(own.len() * 2);
        for run in own {
            out.integer(run.first.into());
            out.integer(run.last.into());
        }
        out.bulk(b"nodes");
        out.array(1);
        shard_node(view, node, member, out);
    }
}

fn shard_node(view: &ClusterView, node: NodeId, member: &Member, out: &mut Out<'_>) {
    let has_name = is_name(&member.host);
    out.map(if has_name { 8 } else { 7 });
    field(out, "id", &view.name(node));
    out.bulk(b"port");
    out.integer(i64::from(member.port + CLUSTER_PORT_OFFSET));
    field(out, "ip", &member.host);
    field(out, "endpoint", &member.host);
    if has_name {
        field(out, "hostname", &member.host);
    }
    field(out, "role", "master");
    out.bulk(b"replication-offset");
    out.integer(view.config_epoch(node) as i64);
    field(out, "health", if view.is_down(node) { "fail" } else { "online" });
}

/// CLUSTER LINKS.
pub(super) fn links(view: &ClusterView, links: &[LinkInfo], out: &mut Out<'_>) {
    out.array(links.len());
    for link in links {
        out.map(6);
        field(out, "direction", if link.outgoing { "to" } else { "from" });
        field(out, "node", &view.name(link.node));
        out.bulk(b"create-time");
        out.integer(link.opened_ms as i64);
        field(out, "events", if link.queued_bytes > 0 { "rw" } else { "r" });
        out.bulk(b"send-buffer-allocated");
        out.integer(link.queue_bytes_max as i64);
        out.bulk(b"send-buffer-used");
        out.integer(link.queued_bytes as i64);
    }
}

/// Whether a member is known by a name rather than an address.
pub(super) fn is_name(host: &str) -> bool {
    host.parse::<std::net::IpAddr>().is_err()
}

/// Where cluster-aware clients reach a member.
pub(super) fn address(view: &ClusterView, node: NodeId) -> (&str, u16) {
    let member = view.topology.members.get(&node);
    member.map_or(("", 0), |member| (member.host.as_str(), member.port + CLUSTER_PORT_OFFSET))
}

fn field(out: &mut Out<'_>, name: &str, value: &str) {
    out.bulk(name.as_bytes());
    out.bulk(value.as_bytes());
}
