//! The full form of a sorted set: leaves of entries in order, groups of leaves with counts above them, and a table that
//! says in which leaf a member lies.
//!
//! ```text
//! groups    [ 9,400 entries | 11,200 | … ]        walked from the front for a rank: one step for 10,000 entries or so
//! children  [ first score, leaf, 52 | … ]         at most 256 a group
//! leaves    [ entries, packed ]                   at most 64 entries, or about 2 KB
//! ```
//!
//! A change touches one leaf; now and then one is cut in two or two are joined, which is `balance`'s, and 64 entries are
//! moved in the table for that.
//! Nothing is proportional to the number of entries but the list of groups, of which there is one for some 10,000.

use std::hash::BuildHasher;

use foldhash::quality::RandomState;
use larder_proto::score::Score;

use super::chunk::{Chunk, Entry, Gap, packed_bytes};
use super::edge::Edge;
use super::leaves::Leaves;
use super::places::Places;
use crate::store::value::heap_bytes;

/// The tree with its table.
#[derive(Debug, Clone, Default)]
pub(super) struct Tree {
    pub(super) groups: Vec<Group>,
    pub(super) leaves: Leaves,
    pub(super) places: Places,
    hasher: RandomState,
    entries: usize,
    /// Bytes on the heap of all groups' children.
    pub(super) child_bytes: usize,
}

/// Neighbouring leaves; at least one.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) children: Vec<Child>,
    pub(super) entries: usize,
}

/// What is known of a leaf without looking into it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Child {
    pub(super) first: Score,
    pub(super) leaf: u32,
    pub(super) entries: u32,
}

/// A leaf by its place in the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) group: usize,
    pub(super) child: usize,
}

impl Clone for Group {
    /// A copy that takes as much memory, since the memory is counted.
    fn clone(&self) -> Self {
        let mut children = Vec::with_capacity(self.children.capacity());
        children.extend_from_slice(&self.children);
        Self { children, entries: self.entries }
    }
}

impl Tree {
    pub(super) const fn len(&self) -> usize {
        self.entries
    }

    pub(super) fn score(&self, member: &[u8]) -> Option<Score> {
        let leaves = self.places.leaves(self.hash(member));
        leaves.filter_map(|leaf| self.leaves.get(leaf)?.find(member)).map(|found| found.score).next()
    }

    /// Adds a member that is not there.
    pub(super) fn add(&mut self, entry: Entry<'_>) {
        let edge = Edge::Entry { score: entry.score, member: entry.member, after: false };
        let leaf = match self.locate_with_room(&edge) {
            Some(spot) => {
                let gap = self.chunk(spot).map_or(Gap::START, |chunk| chunk.gap(&edge));
                if self.has_room(spot, entry) {
                    self.put(spot, gap, entry)
                } else {
                    self.make_room(spot, gap, entry)
                }
            }
            None => {
                self.groups.push(Group::default());
                self.put_alone(Spot { group: 0, child: 0 }, entry)
            }
        };
        self.entries += 1;
        self.places.add(self.hash(entry.member), leaf);
    }

    /// Removes a member; its score, if it was there.
    pub(super) fn remove(&mut self, member: &[u8]) -> Option<Score> {
        let score = self.score(member)?;
        let spot = self.locate(&Edge::Entry { score, member, after: true })?;
        let leaf = self.child(spot)?.leaf;
        self.leaves.edit(leaf, |chunk| chunk.find(member).map(|found| chunk.remove(found)));
        self.places.remove(self.hash(member), leaf);
        self.entries -= 1;
        if let Some(group) = self.groups.get_mut(spot.group) {
            group.entries -= 1;
        }
        self.refresh(spot);
        self.tidy(spot);
        Some(score)
    }

    /// How many entries lie before the edge.
    pub(super) fn count_before(&self, edge: &Edge<'_>) -> usize {
        let Some(spot) = self.locate(edge) else { return 0 };
        let groups: usize = self.groups[..spot.group].iter().map(|group| group.entries).sum();
        let children: usize =
            self.groups[spot.group].children[..spot.child].iter().map(|child| child.entries as usize).sum();
        groups + children + self.chunk(spot).map_or(0, |chunk| chunk.gap(edge).index)
    }

    /// The leaf that holds the entry of this rank, and the entry's rank within it.
    pub(super) fn at_rank(&self, rank: usize) -> Option<(Spot, usize)> {
        let mut rest = rank;
        let group = self.groups.iter().position(|group| passes(&mut rest, group.entries))?;
        let mut children = self.groups[group].children.iter();
        let child = children.position(|child| passes(&mut rest, child.entries as usize))?;
        Some((Spot { group, child }, rest))
    }

    pub(super) fn chunk(&self, spot: Spot) -> Option<&Chunk> {
        self.leaves.get(self.child(spot)?.leaf)
    }

    pub(super) fn after(&self, spot: Spot) -> Option<Spot> {
        let next = Spot { child: spot.child + 1, ..spot };
        let first = Spot { group: spot.group + 1, child: 0 };
        [next, first].into_iter().find(|&spot| self.child(spot).is_some())
    }

    pub(super) fn before(&self, spot: Spot) -> Option<Spot> {
        if spot.child > 0 {
            return Some(Spot { child: spot.child - 1, ..spot });
        }
        let group = spot.group.checked_sub(1)?;
        Some(Spot { group, child: self.groups[group].children.len() - 1 })
    }

    /// Visits entries from a position of the table on, `count` of them or a few more; where to go on, 0 at the end.
    pub(super) fn scan(&self, from: u32, count: usize, mut visit: impl FnMut(Entry<'_>)) -> u32 {
        let step = self.places.walk(from, count);
        let mut met: Option<(u32, u32)> = None;
        for &(hash, leaf) in &step.entries {
            // Members of one hash in one leaf are met together at the first of them.
            if met.replace((hash, leaf)) != Some((hash, leaf))
                && let Some(chunk) = self.leaves.get(leaf)
            {
                chunk.iter().filter(|entry| self.hash(entry.member) == hash).for_each(&mut visit);
            }
        }
        step.next.unwrap_or(0)
    }

    /// Drops leaves and parts of the table until about so many entries are gone; whether nothing is left. What remains is
    /// good for nothing but being dropped.
    pub(super) fn drain_some(&mut self, entries: usize) -> bool {
        let mut dropped = 0;
        while dropped < entries.max(1) {
            match self.leaves.pop() {
                Some(chunk) => dropped += chunk.len(),
                None if self.places.drop_bucket() => dropped += LEAF_ENTRIES_MAX,
                None => {
                    *self = Self::default();
                    return true;
                }
            }
        }
        false
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.leaves.heap_bytes()
            + self.places.heap_bytes()
            + self.child_bytes
            + heap_bytes(self.groups.capacity() * size_of::<Group>())
    }

    fn hash(&self, member: &[u8]) -> u32 {
        (self.hasher.hash_one(member) >> u32::BITS) as u32
    }

    pub(super) fn child(&self, spot: Spot) -> Option<&Child> {
        self.groups.get(spot.group)?.children.get(spot.child)
    }

    /// The last leaf that begins before the edge, or else the first leaf; `None` if there is no leaf.
    pub(super) fn locate(&self, edge: &Edge<'_>) -> Option<Spot> {
        let begins_before = |child: &Child| {
            let first = || self.leaves.get(child.leaf).and_then(Chunk::first);
            edge.is_after(child.first, || first().map_or(&[], |entry| entry.member))
        };
        let group = self.groups.partition_point(|group| group.children.first().is_some_and(begins_before));
        let group = group.saturating_sub(1);
        let child = self.groups.get(group)?.children.partition_point(begins_before);
        Some(Spot { group, child: child.saturating_sub(1) })
    }

    pub(super) fn has_room(&self, spot: Spot, entry: Entry<'_>) -> bool {
        self.chunk(spot).is_some_and(|chunk| {
            chunk.len() < LEAF_ENTRIES_MAX && chunk.packed_bytes() + packed_bytes(entry) <= LEAF_BYTES_MAX
        })
    }

    /// Puts an entry into a leaf; the leaf's number.
    pub(super) fn put(&mut self, spot: Spot, gap: Gap, entry: Entry<'_>) -> u32 {
        let leaf = self.child(spot).map_or(0, |child| child.leaf);
        self.leaves.edit(leaf, |chunk| chunk.insert(gap, entry));
        self.groups[spot.group].entries += 1;
        self.refresh(spot);
        leaf
    }

    /// Puts an entry into a new leaf, which comes to stand at this spot; the leaf's number.
    pub(super) fn put_alone(&mut self, spot: Spot, entry: Entry<'_>) -> u32 {
        let mut chunk = Chunk::default();
        chunk.insert(Gap::START, entry);
        self.groups[spot.group].entries += 1;
        self.add_leaf(spot, chunk)
    }

    /// Notes what its leaf says in a child.
    pub(super) fn refresh(&mut self, spot: Spot) {
        let Some(chunk) = self.chunk(spot) else { return };
        let (first, entries) = (chunk.first().map(|entry| entry.score), chunk.len() as u32);
        if let Some(child) = self.groups[spot.group].children.get_mut(spot.child) {
            child.first = first.unwrap_or(child.first);
            child.entries = entries;
        }
    }

    pub(super) fn remove_child(&mut self, spot: Spot) {
        self.edit_children(spot.group, |children| {
            children.remove(spot.child);
        });
    }

    pub(super) fn edit_children(&mut self, group: usize, edit: impl FnOnce(&mut Vec<Child>)) {
        let Some(group) = self.groups.get_mut(group) else { return };
        let children = &mut group.children;
        let before = weight(children);
        if children.len() == children.capacity() {
            children.reserve_exact(CHILDREN_STEP);
        }
        edit(children);
        if children.capacity() > children.len() + 3 * CHILDREN_STEP || children.is_empty() {
            children.shrink_to(children.len().next_multiple_of(CHILDREN_STEP));
        }
        self.child_bytes = self.child_bytes + weight(children) - before;
    }

    pub(super) fn hashes(&self, chunk: &Chunk) -> Vec<u32> {
        chunk.iter().map(|entry| self.hash(entry.member)).collect()
    }
}

pub(super) fn weight(children: &Vec<Child>) -> usize {
    heap_bytes(children.capacity() * size_of::<Child>())
}

/// Takes a part off the rest, or tells that the rest ends within it.
fn passes(rest: &mut usize, part: usize) -> bool {
    if *rest < part {
        return true;
    }
    *rest -= part;
    false
}

/// Entries of a leaf at most: a look-up reads them one after the other.
pub(super) const LEAF_ENTRIES_MAX: usize = 64;

/// Bytes of a leaf at most, unless it holds but one entry.
pub(super) const LEAF_BYTES_MAX: usize = 2_048;

/// Leaves of a group at most; in tests so few that small sets have many groups.
pub(super) const GROUP_CHILDREN_MAX: usize = if cfg!(test) { 8 } else { 256 };

/// Leaves by which a group's memory grows.
const CHILDREN_STEP: usize = 16;

#[cfg(test)]
impl Tree {
    /// Panics if counts, order, table or memory contradict what is there.
    pub(super) fn assert_sound(&self) {
        let (mut total, mut leaves) = (0, 0);
        for (number, group) in self.groups.iter().enumerate() {
            let mut entries = 0;
            for (place, child) in group.children.iter().enumerate() {
                let chunk = self.chunk(Spot { group: number, child: place }).expect("a child has its leaf");
                assert_eq!(
                    (chunk.first().map(|entry| entry.score), chunk.len()),
                    (Some(child.first), child.entries as usize)
                );
                assert!(chunk.len() <= LEAF_ENTRIES_MAX);
                assert!(chunk.len() == 1 || chunk.packed_bytes() <= LEAF_BYTES_MAX * 3 / 2);
                let known = |entry: Entry<'_>| {
                    self.places.leaves(self.hash(entry.member)).any(|leaf| leaf == child.leaf)
                };
                assert!(chunk.iter().all(known), "the table knows every member's leaf");
                entries += chunk.len();
                leaves += 1;
            }
            assert!((1..=GROUP_CHILDREN_MAX).contains(&group.children.len()));
            assert_eq!(group.entries, entries);
            total += entries;
        }
        assert_eq!((self.entries, self.places.len()), (total, total));
        assert_eq!(self.leaves.last().map_or(0, |(last, _)| last as usize + 1), leaves);
        assert_eq!(self.child_bytes, self.groups.iter().map(|group| weight(&group.children)).sum::<usize>());
        self.leaves.assert_counted();
        self.places.assert_counted();
    }
}
