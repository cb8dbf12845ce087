//! The value type sorted set: compact while it is small, a tree once it is not. Which command does what with it is left
//! to the commands.

use fastrand::Rng;
use larder_proto::score::Score;

use super::chunk::{Chunk, Entry};
use super::edge::Edge;
use super::entries::Entries;
use super::tree::Tree;
use crate::store::value::heap_bytes;
use crate::store::value::{Collection, Value};

/// Until when a sorted set stays compact, as `zset-max-listpack-entries` and `zset-max-listpack-value` say in Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SortedSetLimits {
    /// Members of a compact sorted set at most.
    pub entries_max: usize,
    /// Bytes of a member of a compact sorted set at most.
    pub member_bytes_max: usize,
}

/// Members in the order of their scores.
#[derive(Debug, Clone, Default)]
pub struct SortedSet {
    form: Form,
}

/// ```text
/// Compact ── more members, or a longer one, than the limits allow ──► Full (for good)
/// ```
#[derive(Debug, Clone)]
enum Form {
    Compact(Chunk),
    Full(Box<Tree>),
}

impl Default for Form {
    fn default() -> Self {
        Self::Compact(Chunk::default())
    }
}

impl Collection for SortedSet {
    fn of(value: &Value) -> Option<&Self> {
        if let Value::SortedSet(set) = value { Some(set) } else { None }
    }

    fn of_mut(value: &mut Value) -> Option<&mut Self> {
        if let Value::SortedSet(set) = value { Some(set) } else { None }
    }

    fn into_value(self: Box<Self>) -> Value {
        Value::SortedSet(self)
    }

    fn is_empty(&self) -> bool {
        Self::is_empty(self)
    }
}

impl SortedSet {
    /// A sorted set of these entries; of a member that comes more than once, the last score counts.
    #[must_use]
    pub fn from_entries(entries: &[Entry<'_>], limits: SortedSetLimits) -> Box<Self> {
        let mut set = Box::<Self>::default();
        let is_long = |entry: &Entry<'_>| entry.member.len() > limits.member_bytes_max;
        if entries.len() > limits.entries_max || entries.iter().any(is_long) {
            set.unpack();
        }
        for &entry in entries {
            set.set(entry, limits);
        }
        set
    }

    /// Number of members.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.form {
            Form::Compact(chunk) => chunk.len(),
            Form::Full(tree) => tree.len(),
        }
    }

    /// Whether there is no member. The store keeps no such sorted set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The score of a member.
    #[must_use]
    pub fn score(&self, member: &[u8]) -> Option<Score> {
        match &self.form {
            Form::Compact(chunk) => chunk.find(member).map(|found| found.score),
            Form::Full(tree) => tree.score(member),
        }
    }

    /// How many entries lie before the edge.
    #[must_use]
    pub fn count_before(&self, edge: &Edge<'_>) -> usize {
        match &self.form {
            Form::Compact(chunk) => chunk.gap(edge).index,
            Form::Full(tree) => tree.count_before(edge),
        }
    }

    /// The entry of this rank, the lowest being 0.
    #[must_use]
    pub fn at_rank(&self, rank: usize) -> Option<Entry<'_>> {
        self.ascending(rank, 1).next()
    }

    /// `count` entries from this rank on, upwards.
    #[must_use]
    pub fn ascending(&self, rank: usize, count: usize) -> Entries<'_> {
        self.entries(rank, count, false)
    }

    /// `count` entries from this rank on, downwards.
    #[must_use]
    pub fn descending(&self, rank: usize, count: usize) -> Entries<'_> {
        self.entries(rank, count, true)
    }

    /// All entries, upwards.
    #[must_use]
    pub fn iter(&self) -> Entries<'_> {
        self.ascending(0, self.len())
    }

    /// Sets the score of a member; the score that it had.
    pub(in crate::store) fn set(&mut self, entry: Entry<'_>, limits: SortedSetLimits) -> Option<Score> {
        let old = self.remove(entry.member);
        if let Form::Compact(chunk) = &mut self.form {
            // As in Redis, a member that is there already stays compact, whatever the limits have become.
            let fits = chunk.len() < limits.entries_max && entry.member.len() <= limits.member_bytes_max;
            if fits || old.is_some() {
                // Redis keeps no minus zero in a listpack.
                let score = if entry.score == Score::of(0) { Score::of(0) } else { entry.score };
                let edge = Edge::Entry { score, member: entry.member, after: false };
                chunk.insert(chunk.gap(&edge), Entry { score, ..entry });
                return old;
            }
            self.unpack();
        }
        if let Form::Full(tree) = &mut self.form {
            tree.add(entry);
        }
        old
    }

    /// Removes a member; the score that it had.
    pub(in crate::store) fn remove(&mut self, member: &[u8]) -> Option<Score> {
        match &mut self.form {
            Form::Compact(chunk) => {
                let found = chunk.find(member)?;
                chunk.remove(found);
                Some(found.score)
            }
            Form::Full(tree) => tree.remove(member),
        }
    }

    /// Visits entries from `cursor` on, about `count` of them, and returns the cursor to go on with, 0 at the end. A
    /// compact sorted set is visited whole. Every member that stays is visited once between cursor 0 and cursor 0.
    pub fn scan(&self, cursor: u64, count: usize, visit: impl FnMut(Entry<'_>)) -> u64 {
        match &self.form {
            Form::Compact(chunk) => {
                chunk.iter().for_each(visit);
                0
            }
            Form::Full(tree) => match u32::try_from(cursor) {
                Ok(from) => u64::from(tree.scan(from, count, visit)),
                Err(_) => 0,
            },
        }
    }

    /// An entry chosen at random, each with the same chance.
    #[must_use]
    pub fn pick(&self, random: &mut Rng) -> Option<Entry<'_>> {
        if self.is_empty() { None } else { self.at_rank(random.usize(..self.len())) }
    }

    /// Frees about so many entries of a sorted set that is being dropped; whether nothing is left. What remains is good for
    /// nothing but being dropped.
    pub fn drain_some(&mut self, elements: usize) -> bool {
        match &mut self.form {
            Form::Compact(chunk) => {
                *chunk = Chunk::default();
                true
            }
            Form::Full(tree) => tree.drain_some(elements),
        }
    }

    pub(in crate::store::value) fn encoding(&self) -> &'static str {
        match self.form {
            Form::Compact(_) => "listpack",
            Form::Full(_) => "skiplist",
        }
    }

    /// Bytes on the heap, beside the struct itself.
    pub(in crate::store::value) fn heap_bytes(&self) -> usize {
        match &self.form {
            Form::Compact(chunk) => chunk.heap_bytes(),
            Form::Full(tree) => heap_bytes(size_of::<Tree>()) + tree.heap_bytes(),
        }
    }

    fn entries(&self, rank: usize, count: usize, descending: bool) -> Entries<'_> {
        match &self.form {
            Form::Compact(chunk) => Entries::of_chunk(chunk, rank, count, descending),
            Form::Full(tree) => Entries::of_tree(tree, rank, count, descending),
        }
    }

    fn unpack(&mut self) {
        let Form::Compact(chunk) = &self.form else { return };
        let mut tree = Box::<Tree>::default();
        chunk.iter().for_each(|entry| tree.add(entry));
        self.form = Form::Full(tree);
    }
}

#[cfg(test)]
impl SortedSet {
    /// Panics if the form contradicts itself.
    pub(super) fn assert_sound(&self) {
        match &self.form {
            Form::Compact(chunk) => assert_eq!(chunk.len(), chunk.iter().count()),
            Form::Full(tree) => tree.assert_sound(),
        }
    }
}
