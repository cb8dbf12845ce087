//! A large list: nodes in groups. Both ends are at hand, an index is found by skipping groups and then nodes, and a change
//! in the middle concerns one node, which is split when it is full and joined with its neighbour when both are small.
//!
//! No step copies more than a node, a group's list of nodes, or the list of groups: 40 bytes for up to 64 nodes.

use std::collections::VecDeque;

use super::ListLimits;
use super::group::Group;
use super::node::Node;
use crate::store::value::heap_bytes;

/// The nodes. No group and no node is empty.
#[derive(Debug, Default)]
pub(super) struct Chain {
    groups: VecDeque<Group>,
    entries: usize,
    /// Bytes on the heap of all groups, without the list of groups itself.
    group_bytes: usize,
}

/// Where an entry is: its group, its node within the group, its place within the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    group: usize,
    node: usize,
    entry: usize,
}

impl Chain {
    pub(super) fn of(node: Node) -> Self {
        let mut chain = Self::default();
        if !node.is_empty() {
            chain.insert_group(0, Group::of(node));
        }
        chain
    }

    /// Number of entries.
    pub(super) const fn len(&self) -> usize {
        self.entries
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.group_bytes + heap_bytes(self.groups.capacity() * size_of::<Group>())
    }

    /// The node, if there is only one.
    pub(super) fn only_node(&self) -> Option<&Node> {
        match self.groups.front() {
            Some(group) if self.groups.len() == 1 && group.nodes().len() == 1 => group.nodes().first(),
            _ => None,
        }
    }

    pub(super) fn get(&self, index: usize) -> Option<&[u8]> {
        let place = self.find(index)?;
        self.groups[place.group].nodes()[place.node].get(place.entry)
    }

    /// The entries from `index` on.
    pub(super) fn iter_from(&self, index: usize) -> impl Iterator<Item = &[u8]> {
        let place = self.find(index).unwrap_or(Place { group: self.groups.len(), node: 0, entry: 0 });
        let nodes = self.groups.range(place.group..).flat_map(Group::nodes).skip(place.node);
        nodes.flat_map(Node::iter).skip(place.entry)
    }

    /// The entries before `index`, the nearest first.
    pub(super) fn iter_before(&self, index: usize) -> impl Iterator<Item = &[u8]> {
        let last = index.min(self.entries).checked_sub(1).and_then(|last| self.find(last));
        let (groups, nodes, entries) = match last {
            None => (0, 0, 0),
            Some(place) => {
                let nodes = self.groups[place.group].nodes();
                (place.group + 1, nodes.len() - 1 - place.node, nodes[place.node].len() - 1 - place.entry)
            }
        };
        let nodes =
            self.groups.range(..groups).rev().flat_map(|group| group.nodes().iter().rev()).skip(nodes);
        nodes.flat_map(|node| node.iter().rev()).skip(entries)
    }

    /// Adds an entry at the left end or at the right one.
    pub(super) fn push(&mut self, right: bool, value: &[u8], limits: ListLimits) {
        let Some(place) = self.end(right) else { return self.insert_group(0, Group::of(Node::of(value))) };
        let node = &self.groups[place.group].nodes()[place.node];
        if limits.take(node, value.len()) {
            self.edit(place, |node| node.insert(if right { node.len() } else { 0 }, value));
        } else {
            self.edit(place, Node::close);
            self.push_node(place, right, Node::of(value));
        }
    }

    /// Replaces the entry at `index`, which is there.
    pub(super) fn set(&mut self, index: usize, value: &[u8], limits: ListLimits) {
        let Some(place) = self.find(index) else { return };
        let node = &self.groups[place.group].nodes()[place.node];
        let shorter = node.get(place.entry).is_some_and(|old| old.len() >= value.len());
        if shorter || node.len() == 1 || limits.take(node, value.len()) {
            self.edit(place, |node| node.set(place.entry, value));
        } else {
            self.edit(place, |node| node.remove(place.entry, 1));
            self.insert_at(place, value, limits);
        }
        self.join_near(place, limits);
    }

    /// Puts an entry before the one at `index`, which is there.
    pub(super) fn insert(&mut self, index: usize, value: &[u8], limits: ListLimits) {
        if let Some(place) = self.find(index) {
            self.insert_at(place, value, limits);
            self.join_near(place, limits);
        }
    }

    /// Removes `count` entries at the left end or at the right one, and hands out what is more than a part of one node.
    pub(super) fn cut(&mut self, right: bool, count: usize) -> Option<Self> {
        let place = self.end(right)?;
        let length = self.groups[place.group].nodes()[place.node].len();
        if count <= length {
            self.edit(place, |node| node.remove(if right { length - count } else { 0 }, count));
            return None;
        }
        if right {
            return Some(self.split_off(self.entries.saturating_sub(count)));
        }
        let rest = self.split_off(count);
        Some(std::mem::replace(self, rest))
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
        for step in 0..self.groups.len() {
            let at = if from_end { self.groups.len() - 1 - step } else { step };
            removed += self.groups[at].remove_equal(value, from_end, count - removed, limits);
            if removed == count {
                break;
            }
        }
        if removed > 0 {
            self.join_groups();
        }
        removed
    }

    /// Takes away the entries from `index` on.
    fn split_off(&mut self, index: usize) -> Self {
        let Some(place) = self.find(index) else { return Self::default() };
        let mut tail = Self { groups: self.groups.split_off(place.group), ..Self::default() };
        if let Some(first) = tail.groups.front_mut() {
            let (mut left, mut rest) = (std::mem::take(first), Group::default());
            if place.entry > 0 {
                rest = left.split_off(place.node + 1);
                rest.insert(0, left.edit(place.node, |node| node.split_off(place.entry)));
            } else if place.node > 0 {
                rest = left.split_off(place.node);
            } else {
                std::mem::swap(&mut left, &mut rest);
            }
            *first = rest;
            if !left.is_empty() {
                self.groups.push_back(left);
            }
        }
        self.give_back();
        self.count();
        tail.count();
        tail
    }

    /// Drops nodes until so many entries are gone; whether all are.
    pub(super) fn drain_some(&mut self, count: usize) -> bool {
        let mut dropped = 0;
        while dropped < count {
            let Some(last) = self.groups.len().checked_sub(1) else { return true };
            dropped += self.edit_group(last, Group::drop_last);
        }
        self.groups.is_empty()
    }

    fn find(&self, index: usize) -> Option<Place> {
        if index >= self.entries {
            return None;
        }
        let (group, index) = skip(&self.groups, self.entries, index, Group::entries);
        let found = &self.groups[group];
        let (node, entry) = skip(found.nodes(), found.entries(), index, Node::len);
        Some(Place { group, node, entry })
    }

    /// The node at the left end or at the right one.
    fn end(&self, right: bool) -> Option<Place> {
        let group = if right { self.groups.len().checked_sub(1)? } else { 0 };
        let nodes = self.groups.get(group)?.nodes().len();
        Some(Place { group, node: if right { nodes - 1 } else { 0 }, entry: 0 })
    }

    /// Adds a node at the left end or at the right one, where `place` is.
    fn push_node(&mut self, place: Place, right: bool, node: Node) {
        let (group, side) = (place.group, usize::from(right));
        if self.groups[group].is_full() {
            self.insert_group(group + side, Group::of(node));
        } else {
            self.insert_node(Place { node: place.node + side, ..place }, node);
        }
    }

    /// Puts an entry into the node of a place, or between it and its neighbour, or splits the node.
    fn insert_at(&mut self, place: Place, value: &[u8], limits: ListLimits) {
        let node = &self.groups[place.group].nodes()[place.node];
        if limits.take(node, value.len()) {
            return self.edit(place, |node| node.insert(place.entry, value));
        }
        if place.entry == 0 && place.node > 0 {
            let before = Place { node: place.node - 1, ..place };
            if limits.take(&self.groups[before.group].nodes()[before.node], value.len()) {
                return self.edit(before, |node| node.insert(node.len(), value));
            }
        }
        let place = self.make_room(place);
        let behind = Place { node: place.node + 1, ..place };
        let length = self.groups[place.group].nodes()[place.node].len();
        if place.entry == length {
            self.insert_node(behind, Node::of(value));
        } else if place.entry > 0 {
            let tail = self.edit(place, |node| node.split_off(place.entry));
            self.insert_node(behind, tail);
            // Now the place is the end of the node, which has room again, or gets a new neighbour.
            self.insert_at(place, value, limits);
        } else {
            self.insert_node(place, Node::of(value));
        }
    }

    /// Puts a node before the one at a place, or behind the last one of a group, which is not full.
    fn insert_node(&mut self, at: Place, node: Node) {
        self.edit_group(at.group, |group| group.insert(at.node, node));
    }

    /// Splits the group of a place if it is full, and tells where the place is then.
    fn make_room(&mut self, place: Place) -> Place {
        if !self.groups[place.group].is_full() {
            return place;
        }
        let half = self.groups[place.group].nodes().len() / 2;
        let tail = self.edit_group(place.group, |group| group.split_off(half));
        self.insert_group(place.group + 1, tail);
        if place.node < half {
            place
        } else {
            Place { group: place.group + 1, node: place.node - half, ..place }
        }
    }

    fn insert_group(&mut self, at: usize, group: Group) {
        self.entries += group.entries();
        self.group_bytes += group.heap_bytes();
        self.groups.insert(at, group);
    }

    fn remove_group(&mut self, at: usize) -> Option<Group> {
        let group = self.groups.remove(at)?;
        self.entries -= group.entries();
        self.group_bytes -= group.heap_bytes();
        self.give_back();
        Some(group)
    }

    fn edit<R>(&mut self, place: Place, edit: impl FnOnce(&mut Node) -> R) -> R {
        self.edit_group(place.group, |group| group.edit(place.node, edit))
    }

    /// Changes one group; one that is empty afterwards is removed.
    fn edit_group<R>(&mut self, at: usize, edit: impl FnOnce(&mut Group) -> R) -> R {
        let group = &mut self.groups[at];
        let (entries, bytes) = (group.entries(), group.heap_bytes());
        let result = edit(group);
        self.entries = self.entries + group.entries() - entries;
        self.group_bytes = self.group_bytes + group.heap_bytes() - bytes;
        if group.is_empty() {
            self.remove_group(at);
        }
        result
    }

    /// Joins the node of a place with its neighbours in the group, if they are small.
    fn join_near(&mut self, place: Place, limits: ListLimits) {
        self.edit_group(place.group, |group| {
            group.join_before(place.node + 1, limits);
            group.join_before(place.node, limits);
        });
        self.join_group_before(place.group + 1, limits);
        self.join_group_before(place.group, limits);
    }

    /// Joins the group at `at` with the one before it, if both are small.
    fn join_group_before(&mut self, at: usize, limits: ListLimits) {
        if at == 0 || at >= self.groups.len() || !self.groups[at - 1].joins(&self.groups[at]) {
            return;
        }
        if let Some(group) = self.remove_group(at) {
            self.edit_group(at - 1, |before| {
                let border = before.nodes().len();
                before.append(group);
                before.join_before(border, limits);
            });
        }
    }

    /// Leaves out empty groups and joins small neighbours.
    fn join_groups(&mut self) {
        let groups = std::mem::take(&mut self.groups);
        for group in groups.into_iter().filter(|group| !group.is_empty()) {
            match self.groups.back_mut() {
                Some(last) if last.joins(&group) => last.append(group),
                _ => self.groups.push_back(group),
            }
        }
        self.count();
    }

    fn give_back(&mut self) {
        if self.groups.len() * 4 < self.groups.capacity() {
            self.groups.shrink_to(self.groups.len() * 2);
        }
    }

    fn count(&mut self) {
        self.entries = self.groups.iter().map(Group::entries).sum();
        self.group_bytes = self.groups.iter().map(Group::heap_bytes).sum();
    }
}

/// A copy has no room to spare, so it weighs less.
impl Clone for Chain {
    fn clone(&self) -> Self {
        let mut copy = Self { groups: self.groups.clone(), ..Self::default() };
        copy.count();
        copy
    }
}

/// In which part an index lies, and where within it, counting from the nearer end. `total` is the sum over all parts, and
/// the index is less.
fn skip<'p, P: 'p, I>(parts: I, total: usize, index: usize, length: impl Fn(&P) -> usize) -> (usize, usize)
where
    I: IntoIterator<Item = &'p P, IntoIter: DoubleEndedIterator + ExactSizeIterator>,
{
    let mut parts = parts.into_iter();
    let count = parts.len();
    let mut start = 0;
    if index <= total / 2 {
        for (at, part) in parts.enumerate() {
            if index < start + length(part) {
                return (at, index - start);
            }
            start += length(part);
        }
        return (count, 0);
    }
    start = total;
    for at in (0..count).rev() {
        start -= parts.next_back().map_or(0, &length);
        if index >= start {
            return (at, index - start);
        }
    }
    (0, 0)
}

#[cfg(test)]
impl Chain {
    /// Counts everything again, and looks for what is empty or too full.
    pub(super) fn check(&self) {
        assert_eq!(self.entries, self.groups.iter().map(Group::entries).sum::<usize>());
        assert_eq!(self.group_bytes, self.groups.iter().map(Group::heap_bytes).sum::<usize>());
        for group in &self.groups {
            assert!((1..=super::group::NODES_MAX).contains(&group.nodes().len()));
            assert!(group.nodes().iter().all(|node| !node.is_empty()));
            group.check();
        }
    }
}
