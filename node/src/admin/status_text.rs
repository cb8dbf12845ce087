//! A cluster's status as people read it: a table of members, and a bar for whatever is under way.

use std::fmt::Write;

use super::status::{MemberStatus, Move, Status};

impl Status {
    /// The whole of it, over several lines.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        if self.cluster.is_empty() {
            let _ = writeln!(text, "region {}: no cluster", self.region);
        } else {
            let leader = self.leader.map_or_else(|| "unknown".to_owned(), |leader| format!("node {leader}"));
            let (region, cluster, epoch, node) = (&self.region, &self.cluster, self.epoch, self.node);
            let _ = writeln!(
                text,
                "region {region}, cluster {cluster}, epoch {epoch}, leader {leader}, seen by node {node}\n"
            );
            self.write_members(&mut text);
            self.write_bars(&mut text);
        }
        let _ = write!(text, "\nhealthy: {}\n", if self.healthy { "yes" } else { "no" });
        self.problems.iter().chain(&self.notes).for_each(|sentence| {
            let _ = writeln!(text, "  {sentence}");
        });
        text
    }

    /// How many copies are in sync, on one line.
    #[must_use]
    pub fn to_line(&self) -> String {
        let partitions = &self.partitions;
        if self.cluster.is_empty() {
            return "no cluster yet".to_owned();
        }
        let (owned, copies) =
            ((partitions.owned, partitions.total), (partitions.copies_in_sync, partitions.copies_wanted));
        format!(
            "owners {} {}/{}  copies {} {}/{}",
            bar(owned, NARROW),
            owned.0,
            owned.1,
            bar(copies, NARROW),
            copies.0,
            copies.1
        )
    }

    fn write_members(&self, text: &mut String) {
        let head = ["node", "address", "zone", "state", "lease", "owns", "copies", "filling", "bytes"];
        let mut rows = vec![head.map(str::to_owned)];
        rows.extend(self.members.iter().map(|member| self.cells(member)));
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..head.len()).map(width).collect();
        for row in &rows {
            let cells: Vec<String> =
                row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            let _ = writeln!(text, "{}", cells.join("  ").trim_end());
        }
    }

    fn cells(&self, member: &MemberStatus) -> [String; 9] {
        let known = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
        let leads = if self.leader == Some(member.node) { ", leads" } else { "" };
        let votes = if member.votes && leads.is_empty() { ", votes" } else { "" };
        [
            member.node.to_string(),
            format!("{}:{}", member.host, member.port),
            if member.zone.is_empty() { "-".to_owned() } else { member.zone.clone() },
            format!("{}{leads}{votes}", member.state),
            known(member.lease_ms.map(|ms| format!("{ms} ms"))),
            member.owned.to_string(),
            member.copies_in_sync.to_string(),
            member.copies_filling.to_string(),
            known(member.bytes.map(bytes)),
        ]
    }

    fn write_bars(&self, text: &mut String) {
        let partitions = &self.partitions;
        text.push('\n');
        let mut line = |name: &str, done: usize, all: usize| {
            let _ = writeln!(text, "{name:<12} {} {done}/{all}", bar((done, all), WIDE));
        };
        line("owners", partitions.owned, partitions.total);
        line("copies", partitions.copies_in_sync, partitions.copies_wanted);
        for known in &self.moves {
            line(&format!("{} -> {}", known.from, known.to), known.in_sync, known.in_sync + known.filling);
        }
        for known in self.moves.iter().filter(|known| known.bytes > 0) {
            let Move { from, to, .. } = known;
            let (sent, all) = (bytes(known.sent_bytes), bytes(known.bytes));
            let _ = writeln!(text, "node {from} has sent {sent} of {all} to node {to}");
        }
        if partitions.lost > 0 {
            let _ = writeln!(text, "began empty, since no copy was left: {} times", partitions.lost);
        }
    }
}

/// `[#####.....]`: full only when everything is done.
#[must_use]
pub fn bar((done, all): (usize, usize), width: usize) -> String {
    let filled = if done >= all { width } else { done * width / all };
    format!("[{}{}]", "#".repeat(filled), ".".repeat(width - filled))
}

fn bytes(bytes: u64) -> String {
    let units = [("gb", 1_u64 << 30), ("mb", 1 << 20), ("kb", 1 << 10)];
    match units.iter().find(|(_, size)| bytes >= *size) {
        Some((unit, size)) => format!("{:.1}{unit}", bytes as f64 / *size as f64),
        None => format!("{bytes}b"),
    }
}

const WIDE: usize = 40;
const NARROW: usize = 20;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use larder_proto::slot::Partition;
    use larder_proto::topology::{
        ClusterId, CopyState, Epoch, Incarnation, Member, MemberState, NodeId, Replica, Topology,
    };

    use super::*;
    use crate::commands::cluster::ClusterView;
    use crate::server::{Fill, Live, Membership, OneNode};

    /// Three nodes; the third has just come, and a quarter of what it is to hold has been filled.
    fn view() -> ClusterView {
        let mut topology = Topology::new(ClusterId(0xabcd << 96), 1);
        topology.epoch = Epoch(57);
        for number in 1..=3 {
            let member = Member {
                host: "127.0.0.1".to_owned(),
                port: 7000 + number as u16 * 10,
                zone: if number == 1 { String::new() } else { "b".to_owned() },
                incarnation: Incarnation(number),
                state: MemberState::Up,
                version: 1,
            };
            topology.members.insert(NodeId(number), member);
        }
        for (index, row) in topology.rows.iter_mut().enumerate() {
            let owner = 1 + index as u64 % 2;
            row.owner = Some(NodeId(owner));
            let (node, state) = match index {
                0..256 => (3, if index % 8 < 2 { CopyState::InSync } else { CopyState::Filling }),
                _ => (3 - owner, CopyState::InSync),
            };
            row.copies = vec![Replica { node: NodeId(node), state, since: Epoch(9) }];
        }
        ClusterView { topology: Arc::new(topology), own: NodeId(1), serving: true }
    }

    fn live() -> Live {
        Live {
            leader: Some(NodeId(2)),
            voters: vec![NodeId(1), NodeId(2), NodeId(3)],
            leases_ms: [(NodeId(1), 412)].into(),
            bytes: [(NodeId(1), 3 << 20)].into(),
            fills: vec![Fill {
                partition: Partition::new(2).unwrap(),
                to: NodeId(3),
                sent_bytes: 512,
                bytes: 4_096,
            }],
            trouble: None,
            left: false,
        }
    }

    const SHOWN: &str = "\
region west, cluster 0000abcd000000000000000000000000, epoch 57, leader node 2, seen by node 1

node  address         zone  state      lease   owns  copies  filling  bytes
1     127.0.0.1:7010  -     up, votes  412 ms  512   384     0        3.0mb
2     127.0.0.1:7020  b     up, leads  -       512   384     0        -
3     127.0.0.1:7030  b     up, votes  -       0     64      192      -

owners       [########################################] 1024/1024
copies       [################################........] 832/1024
1 -> 3       [##########..............................] 32/128
2 -> 3       [##########..............................] 32/128
node 1 has sent 512b of 4.0kb to node 3

healthy: no
  192 partitions lack a copy that is in sync
";

    #[test]
    fn a_cluster_is_shown_as_a_table_and_bars() {
        let status = Status::of("west", Some(&view()), &live());
        assert_eq!(status.to_text(), SHOWN);
        assert!(status.to_line().ends_with("copies [################....] 832/1024"), "{}", status.to_line());
        assert!(!status.healthy);
    }

    #[test]
    fn json_says_the_same_and_is_read_again() {
        let status = Status::of("west", Some(&view()), &live());
        let json = serde_json::to_string(&status).unwrap();
        assert_eq!(serde_json::from_str::<Status>(&json).unwrap(), status);
        assert!(json.contains("\"leader\":2") && json.contains("\"copies_in_sync\":832"), "{json}");
    }

    #[test]
    fn it_is_healthy_once_nothing_is_missing() {
        let mut view = view();
        let topology = Arc::make_mut(&mut view.topology);
        topology
            .rows
            .iter_mut()
            .flat_map(|row| &mut row.copies)
            .for_each(|copy| copy.state = CopyState::InSync);
        let healthy = |view: &ClusterView| Status::of("west", Some(view), &live()).healthy;
        assert!(healthy(&view));
        let broken = |change: fn(&mut ClusterView)| {
            let mut view = view.clone();
            change(&mut view);
            Status::of("west", Some(&view), &live())
        };
        let break_it = |change: fn(&mut ClusterView)| broken(change).problems;
        let lease = break_it(|view| view.serving = false);
        assert_eq!(lease, ["this node has no lease, so it serves nothing"]);
        let owner = break_it(|view| Arc::make_mut(&mut view.topology).rows[7].owner = None);
        assert_eq!(owner, ["1 partition has no owner"]);
        let copy = break_it(|view| Arc::make_mut(&mut view.topology).rows[7].copies.clear());
        assert_eq!(copy, ["1 partition lacks a copy that is in sync"]);
        let down = broken(|view| {
            let topology = Arc::make_mut(&mut view.topology);
            topology.members.get_mut(&NodeId(3)).unwrap().state = MemberState::Down;
        });
        assert_eq!(down.problems, ["256 partitions lack a copy that is in sync"]);
        assert_eq!(down.notes, ["node 3 at 127.0.0.1:7030 is down"]);
        let leaving = broken(|view| {
            let topology = Arc::make_mut(&mut view.topology);
            topology.members.get_mut(&NodeId(3)).unwrap().state = MemberState::Leaving;
        });
        assert!(
            leaving.healthy && leaving.to_text().ends_with("yes\n  node 3 at 127.0.0.1:7030 is leaving\n")
        );
    }

    #[test]
    fn a_node_alone_is_a_healthy_cluster_of_one() {
        let alone = OneNode::new("127.0.0.1".to_owned(), 6379, 5);
        let status = Status::of("local", alone.view().as_ref(), &alone.live());
        assert!(status.healthy, "{:?}", status.problems);
        let text = status.to_text();
        assert!(text.contains("1     127.0.0.1:6379  -     up     -      1024"), "{text}");
        assert!(text.contains("copies       [########################################] 0/0"), "{text}");
    }

    #[test]
    fn a_node_that_has_not_joined_says_why() {
        let live = Live { trouble: Some("waiting for 3 nodes, 2 are here".to_owned()), ..Live::default() };
        let text = Status::of("west", None, &live).to_text();
        let wanted = "region west: no cluster\n\nhealthy: no\n  the node has not joined its cluster yet: waiting for 3 \
                      nodes, 2 are here\n";
        assert_eq!(text, wanted);
    }

    #[test]
    fn a_bar_is_full_only_when_all_is_done() {
        assert_eq!(bar((0, 10), 5), "[.....]");
        assert_eq!(bar((9, 10), 5), "[####.]");
        assert_eq!(bar((10, 10), 5), "[#####]");
        assert_eq!(bar((0, 0), 5), "[#####]");
        assert_eq!(bar((12, 10), 5), "[#####]");
    }
}
