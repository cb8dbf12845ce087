//! At no moment do two nodes serve a partition; and a partition that begins empty is told to the histories. Looked at whenever
//! nobody has anything left to do.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use larder_node::server::Place;
use larder_proto::slot::Partition;
use larder_proto::topology::{Epoch, Topology};

use super::cluster::address as host_address;
use super::driver::Orders;
use super::nodes::Nodes;
use super::workload::Histories;

/// Watches the partitions of all objects.
pub struct Owners {
    nodes: Rc<Nodes>,
    histories: Histories,
    partitions: Vec<Partition>,
    seen: RefCell<Seen>,
}

struct Seen {
    topology: Option<Arc<Topology>>,
    /// The moment at which that was still the newest.
    moment: u64,
    fault: Option<String>,
}

impl Owners {
    /// Has seen nothing yet.
    #[must_use]
    pub fn new(nodes: Rc<Nodes>, histories: Histories) -> Self {
        let mut partitions: Vec<Partition> =
            histories.borrow().objects.iter().map(|object| object.partition).collect();
        partitions.sort_unstable();
        partitions.dedup();
        let seen = RefCell::new(Seen { topology: None, moment: 0, fault: None });
        Self { nodes, histories, partitions, seen }
    }

    /// Looks at all nodes.
    pub fn look(&self, now_ns: u64, orders: &Orders) {
        let mut serving: Vec<(Partition, usize)> = Vec::new();
        for node in 0..self.nodes.hosts {
            let Some(running) = self.nodes.running(node) else { continue };
            let serves = running.replication().holds_lease();
            // Whoever stands still answers nothing; when it goes on it looks at its lease.
            if !serves || orders.stands_still(host_address(node), now_ns) {
                continue;
            }
            let here = self
                .partitions
                .iter()
                .filter(|partition| running.replication().place(**partition) == Place::Here);
            serving.extend(here.map(|partition| (*partition, node)));
        }
        serving.sort_unstable();
        if let Some(two) = serving.windows(2).find(|two| two[0].0 == two[1].0) {
            let text = format!(
                "nodes {} and {} both serve partition {} at {} ms",
                two[0].1,
                two[1].1,
                two[0].0.index(),
                now_ns / 1_000_000
            );
            self.seen.borrow_mut().fault.get_or_insert(text);
        }
        self.look_at_topology();
    }

    /// Whether two ever served one.
    ///
    /// # Errors
    /// They did.
    pub fn check(&self) -> Result<(), String> {
        self.seen.borrow().fault.clone().map_or(Ok(()), Err)
    }

    fn look_at_topology(&self) {
        let Some(newest) = self.nodes.newest() else { return };
        let mut seen = self.seen.borrow_mut();
        let before = seen.topology.as_ref();
        if before.is_some_and(|before| before.epoch >= newest.epoch) {
            return;
        }
        let emptied = |topology: Option<&Arc<Topology>>, partition| {
            topology.map_or(Epoch(0), |topology| topology.row(partition).emptied)
        };
        let mut histories = self.histories.borrow_mut();
        for partition in &self.partitions {
            if before.is_some() && emptied(Some(&newest), *partition) > emptied(before, *partition) {
                histories.emptied(*partition, seen.moment);
            }
        }
        seen.moment = histories.moment();
        seen.topology = Some(newest);
    }
}
