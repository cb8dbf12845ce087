//! NODES and INFO: replies that are lines of text.

use std::fmt::Write;

use larder_proto::slot::{SLOTS, SLOTS_PER_PARTITION};
use larder_proto::topology::NodeId;

use super::replies::{NODE_PORT_OFFSET, address, is_name};
use super::view::{ClusterView, Run};

/// CLUSTER NODES: a line for each member.
pub(super) fn nodes(view: &ClusterView) -> String {
    let runs = view.runs();
    let mut text = String::new();
    for &node in view.topology.members.keys() {
        node_line(view, node, &runs, &mut text);
    }
    text
}

/// `<id> <host:port@port[,hostname]> <flags> <master> <ping> <pong> <epoch> <link> <slot> ...`
fn node_line(view: &ClusterView, node: NodeId, runs: &[Run], text: &mut String) {
    let (host, port) = address(view, node);
    let between_nodes = port + (NODE_PORT_OFFSET - super::replies::CLUSTER_PORT_OFFSET);
    let hostname = if is_name(host) { format!(",{host}") } else { String::new() };
    let (own, down) = (node == view.own, view.is_down(node));
    let flags = match (own, down) {
        (true, false) => "myself,master",
        (true, true) => "myself,master,fail",
        (false, false) => "master",
        (false, true) => "master,fail",
    };
    let link = if down && !own { "disconnected" } else { "connected" };
    let (name, epoch) = (view.name(node), view.config_epoch(node));
    // Members are watched by leases; there are no pings to tell of.
    let _ = write!(text, "{name} {host}:{port}@{between_nodes}{hostname} {flags} - 0 0 {epoch} {link}");
    for run in runs.iter().filter(|run| run.owner == node) {
        let _ = write!(text, " {}-{}", run.first, run.last);
    }
    text.push('\n');
}

/// CLUSTER INFO.
pub(super) fn info(view: &ClusterView) -> String {
    let topology = &view.topology;
    let owners = || topology.rows.iter().filter_map(|row| row.owner);
    let assigned = owners().count() * usize::from(SLOTS_PER_PARTITION);
    let failed = owners().filter(|owner| view.is_down(*owner)).count() * usize::from(SLOTS_PER_PARTITION);
    let served = topology.members.keys().filter(|node| owners().any(|owner| owner == **node)).count();
    let fine = view.serving && assigned == usize::from(SLOTS) && failed == 0;
    let mut text = format!("cluster_state:{}\r\n", if fine { "ok" } else { "fail" });
    let rows = [
        ("slots_assigned", assigned as u64),
        ("slots_ok", (assigned - failed) as u64),
        ("slots_pfail", 0),
        ("slots_fail", failed as u64),
        ("known_nodes", topology.members.len() as u64),
        ("size", served as u64),
        ("current_epoch", topology.epoch.0),
        ("my_epoch", view.config_epoch(view.own)),
        // Of the bus that Redis nodes gossip on, which is not there.
        ("stats_messages_sent", 0),
        ("stats_messages_received", 0),
    ];
    for (name, value) in rows {
        let _ = write!(text, "cluster_{name}:{value}\r\n");
    }
    text.push_str("total_cluster_links_buffer_limit_exceeded:0\r\n");
    text
}
