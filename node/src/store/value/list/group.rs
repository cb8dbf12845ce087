//! Some neighbouring nodes of a large list, and the sums over them: what lets an index be found, and a list be cut or
//! weighed, without looking at every node. Which node a change belongs to is left to the chain.

use super::ListLimits;
use super::node::Node;
use crate::store::value::heap_bytes;

/// Up to [`NODES_MAX`] nodes. None of them is empty between two changes.
#[derive(Debug, Default)]
pub(super) struct Group {
    nodes: Vec<Node>,
    /// Entries of all nodes.
    entries: usize,
    /// Bytes on the heap of all nodes, without the list of nodes itself.
    node_bytes: usize,
}

impl Group {
    pub(super) fn of(node: Node) -> Self {
        let mut group = Self::default();
        group.insert(0, node);
        group
    }

    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    pub(super) const fn entries(&self) -> usize {
        self.entries
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    pub(super) const fn is_full(&self) -> bool {
        self.nodes.len() >= NODES_MAX
    }

    pub(super) const fn heap_bytes(&self) -> usize {
        self.node_bytes + heap_bytes(self.nodes.capacity() * size_of::<Node>())
    }

    /// Changes one node; one that is empty afterwards is removed.
    pub(super) fn edit<R>(&mut self, at: usize, edit: impl FnOnce(&mut Node) -> R) -> R {
        let node = &mut self.nodes[at];
        let (entries, bytes) = (node.len(), node.heap_bytes());
        let result = edit(node);
        self.entries = self.entries + node.len() - entries;
        self.node_bytes = self.node_bytes + node.heap_bytes() - bytes;
        if node.is_empty() {
            self.nodes.remove(at);
            self.give_back();
        }
        result
    }

    /// Puts a node before the one at `at`, or behind the last. The group is not full.
    pub(super) fn insert(&mut self, at: usize, node: Node) {
        self.entries += node.len();
        self.node_bytes += node.heap_bytes();
        self.nodes.insert(at, node);
    }

    /// Takes away the nodes from `at` on.
    pub(super) fn split_off(&mut self, at: usize) -> Self {
        let mut tail = Self { nodes: self.nodes.split_off(at), ..Self::default() };
        self.nodes.shrink_to_fit();
        tail.count();
        self.count();
        tail
    }

    /// Adds the nodes of another group behind the last.
    pub(super) fn append(&mut self, mut other: Self) {
        self.entries += other.entries;
        self.node_bytes += other.node_bytes;
        self.nodes.append(&mut other.nodes);
    }

    /// Whether the two are small enough to be one.
    pub(super) const fn joins(&self, other: &Self) -> bool {
        self.nodes.len() + other.nodes.len() <= NODES_MAX / 2
    }

    /// Joins the node at `at` with the one before it, if both are small.
    pub(super) fn join_before(&mut self, at: usize, limits: ListLimits) {
        if at == 0 || at >= self.nodes.len() || !limits.join(&self.nodes[at - 1], &self.nodes[at]) {
            return;
        }
        let node = self.nodes.remove(at);
        self.nodes[at - 1].append(&node);
        self.give_back();
        self.count();
    }

    /// Removes up to `count` entries equal to `value`, the first ones or the last ones, and returns how many.
    pub(super) fn remove_equal(
        &mut self,
        value: &[u8],
        from_end: bool,
        count: usize,
        limits: ListLimits,
    ) -> usize {
        let mut removed = 0;
        for step in 0..self.nodes.len() {
            let at = if from_end { self.nodes.len() - 1 - step } else { step };
            removed += self.nodes[at].remove_equal(value, from_end, count - removed);
            if removed == count {
                break;
            }
        }
        if removed > 0 {
            self.nodes.retain(|node| !node.is_empty());
            (1..self.nodes.len()).rev().for_each(|at| self.join_before(at, limits));
            self.give_back();
            self.count();
        }
        removed
    }

    /// Drops the last node, and returns how many entries it had.
    pub(super) fn drop_last(&mut self) -> usize {
        let entries = self.nodes.last().map_or(0, Node::len);
        self.nodes.pop();
        self.count();
        entries
    }

    /// Counts again; a group has few nodes.
    pub(super) fn count(&mut self) {
        self.entries = self.nodes.iter().map(Node::len).sum();
        self.node_bytes = self.nodes.iter().map(Node::heap_bytes).sum();
    }

    /// Counts again, for tests.
    #[cfg(test)]
    pub(super) fn check(&self) {
        assert_eq!(self.entries, self.nodes.iter().map(Node::len).sum::<usize>());
        assert_eq!(self.node_bytes, self.nodes.iter().map(Node::heap_bytes).sum::<usize>());
    }

    fn give_back(&mut self) {
        if self.nodes.len() * 4 < self.nodes.capacity() {
            self.nodes.shrink_to(self.nodes.len() * 2);
        }
    }
}

/// A copy has no room to spare, so it weighs less.
impl Clone for Group {
    fn clone(&self) -> Self {
        let mut copy = Self { nodes: self.nodes.clone(), ..Self::default() };
        copy.count();
        copy
    }
}

/// Nodes of a group at most: 2 KiB of them. Few in tests, so that short lists have many groups.
pub(super) const NODES_MAX: usize = if cfg!(test) { 4 } else { 64 };
