//! How a sorted set's tree keeps its leaves and groups neither too large nor too small: what is full is cut in two, what
//! is small is joined with a neighbour. Where an entry belongs, and in which leaf it is, is left to the tree.

use larder_proto::score::Score;

use super::chunk::{Chunk, Entry, Gap, packed_bytes};
use super::edge::Edge;
use super::tree::{Child, GROUP_CHILDREN_MAX, Group, LEAF_BYTES_MAX, LEAF_ENTRIES_MAX, Spot, Tree, weight};

impl Tree {
    /// Puts an entry into a gap of a full leaf, by way of a neighbour or of a new leaf; the number of its leaf.
    pub(super) fn make_room(&mut self, spot: Spot, gap: Gap, entry: Entry<'_>) -> u32 {
        let end = self.chunk(spot).map_or(0, Chunk::len);
        let behind = Spot { child: spot.child + 1, ..spot };
        if gap.index == end {
            // Entries that come in ascending order leave full leaves behind.
            return match self.after(spot).filter(|&next| self.has_room(next, entry)) {
                Some(next) => self.put(next, Gap::START, entry),
                None => self.put_alone(behind, entry),
            };
        }
        if gap.index == 0 {
            return self.put_alone(spot, entry);
        }
        if packed_bytes(entry) * 2 > LEAF_BYTES_MAX {
            self.cut(spot, gap);
            return self.put_alone(behind, entry);
        }
        let middle = self.chunk(spot).map_or(gap, Chunk::middle);
        self.cut(spot, middle);
        match gap.behind(middle) {
            Some(gap) => self.put(behind, gap, entry),
            None => self.put(spot, gap, entry),
        }
    }

    /// Moves what lies behind the gap into a new leaf right after this one.
    fn cut(&mut self, spot: Spot, gap: Gap) {
        let Some(&Child { leaf: left, .. }) = self.child(spot) else { return };
        let chunk = self.leaves.edit(left, |chunk| chunk.split_off(gap));
        let hashes = self.hashes(&chunk);
        let right = self.add_leaf(Spot { child: spot.child + 1, ..spot }, chunk);
        hashes.iter().for_each(|&hash| self.places.replace(hash, left, right));
        self.refresh(spot);
    }

    /// Adds a leaf whose entries its group counts already, to stand at this spot; its number.
    pub(super) fn add_leaf(&mut self, spot: Spot, chunk: Chunk) -> u32 {
        let first = chunk.first().map_or(Score::default(), |entry| entry.score);
        let entries = chunk.len() as u32;
        let leaf = self.leaves.add(chunk);
        self.edit_children(spot.group, |children| {
            children.insert(spot.child, Child { first, leaf, entries })
        });
        leaf
    }

    /// After a removal: drops an empty leaf, joins a small one with a neighbour.
    pub(super) fn tidy(&mut self, spot: Spot) {
        let Some(chunk) = self.chunk(spot) else { return };
        if chunk.len() == 0 {
            let leaf = self.child(spot).map_or(0, |child| child.leaf);
            self.remove_child(spot);
            self.tidy_groups(spot.group);
            return self.free(leaf);
        }
        if chunk.len() >= LEAF_ENTRIES_MIN || chunk.packed_bytes() >= LEAF_BYTES_MAX / 4 {
            return;
        }
        let before = spot.child.checked_sub(1).map(|child| Spot { child, ..spot });
        for left in [Some(spot), before].into_iter().flatten() {
            if self.may_join(left) {
                return self.join(left);
            }
        }
    }

    /// Whether a leaf and the next one of its group leave room to grow if they become one.
    fn may_join(&self, left: Spot) -> bool {
        let next = self.chunk(Spot { child: left.child + 1, ..left });
        self.chunk(left).zip(next).is_some_and(|(one, other)| {
            one.len() + other.len() <= LEAF_ENTRIES_MAX * 3 / 4
                && one.packed_bytes() + other.packed_bytes() <= LEAF_BYTES_MAX * 3 / 4
        })
    }

    fn join(&mut self, spot: Spot) {
        let next = Spot { child: spot.child + 1, ..spot };
        let Some((left, right)) =
            self.child(spot).zip(self.child(next)).map(|(one, other)| (one.leaf, other.leaf))
        else {
            return;
        };
        let moved = self.leaves.edit(right, std::mem::take);
        self.leaves.edit(left, |chunk| chunk.append(&moved));
        self.hashes(&moved).iter().for_each(|&hash| self.places.replace(hash, right, left));
        self.remove_child(next);
        self.refresh(spot);
        self.tidy_groups(spot.group);
        self.free(right);
    }

    /// Gives up a leaf that stands nowhere any more; the last one takes over its number.
    fn free(&mut self, leaf: u32) {
        let (old, first, hashes) = match self.leaves.last() {
            Some((old, chunk)) if old != leaf => (old, chunk.first(), self.hashes(chunk)),
            _ => {
                self.leaves.remove(leaf);
                return;
            }
        };
        let edge = first.map(|Entry { score, member }| Edge::Entry { score, member, after: true });
        if let Some(spot) = edge.and_then(|edge| self.locate(&edge))
            && let Some(child) = self.groups[spot.group].children.get_mut(spot.child)
        {
            child.leaf = leaf;
        }
        hashes.iter().for_each(|&hash| self.places.replace(hash, old, leaf));
        self.leaves.remove(leaf);
    }

    /// Where an entry at the edge belongs, in a group that has room for two leaves more.
    pub(super) fn locate_with_room(&mut self, edge: &Edge<'_>) -> Option<Spot> {
        let spot = self.locate(edge)?;
        let children = self.groups[spot.group].children.len();
        if children + 2 <= GROUP_CHILDREN_MAX {
            return Some(spot);
        }
        // Where entries come in ascending order, full groups are left behind.
        let is_last = self.after(spot).is_none();
        self.cut_group(spot.group, if is_last { children - 1 } else { children / 2 });
        self.locate(edge)
    }

    fn cut_group(&mut self, group: usize, at: usize) {
        let mut moved = Vec::new();
        self.edit_children(group, |children| moved = children.split_off(at));
        let entries = moved.iter().map(|child| child.entries as usize).sum();
        self.groups[group].entries -= entries;
        self.groups.insert(group + 1, Group { children: Vec::new(), entries });
        self.edit_children(group + 1, |children| children.extend_from_slice(&moved));
    }

    /// Drops an empty group, joins a small one with a neighbour.
    fn tidy_groups(&mut self, group: usize) {
        let children = |group: usize| self.groups.get(group).map(|group| group.children.len());
        match children(group) {
            None | Some(GROUP_CHILDREN_MIN..) => return,
            Some(0) => return drop(self.groups.remove(group)),
            Some(_) => {}
        }
        let joined = |left: &usize| {
            let both = children(*left).zip(children(*left + 1)).map(|(one, other)| one + other);
            both.is_some_and(|both| both <= GROUP_CHILDREN_MAX * 3 / 4)
        };
        let Some(left) = [Some(group), group.checked_sub(1)].into_iter().flatten().find(joined) else {
            return;
        };
        let right = self.groups.remove(left + 1);
        self.child_bytes -= weight(&right.children);
        self.groups[left].entries += right.entries;
        self.edit_children(left, |children| children.extend_from_slice(&right.children));
    }
}

/// Fewer entries than this, and a leaf is joined with a neighbour.
const LEAF_ENTRIES_MIN: usize = 16;

/// Fewer leaves than this, and a group is joined with a neighbour.
const GROUP_CHILDREN_MIN: usize = GROUP_CHILDREN_MAX / 4;
