//! The value type list: one block while it is small, a chain of blocks once it is not. Which command does what with it is
//! left to the commands.

mod chain;
mod group;
mod node;

use larder_proto::effect::Side;

use self::chain::Chain;
use self::node::{Node, entry_bytes};
use super::collection::Collection;
use super::heap_bytes;
use super::kinds::Value;

/// How large a block of a list may become. An entry that is larger gets a block of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListLimits {
    /// Bytes of a block at most.
    pub bytes_max: usize,
    /// Entries of a block at most.
    pub entries_max: usize,
}

impl ListLimits {
    /// The limits that a value of Redis' `list-max-listpack-size` means: so many entries, at least one, in 8 KiB; or from
    /// -1 to -5 any number of them in 4, 8, 16, 32 or 64 KiB.
    #[must_use]
    pub fn of_setting(size: i64) -> Self {
        if size >= 0 {
            let entries_max = usize::try_from(size.max(1)).unwrap_or(usize::MAX);
            return Self { bytes_max: 8 << 10, entries_max };
        }
        Self { bytes_max: 2 << 10 << size.unsigned_abs().min(5), entries_max: usize::MAX }
    }

    /// Whether a block may take a value of so many bytes more.
    const fn take(self, node: &Node, length: usize) -> bool {
        node.len() < self.entries_max && node.entries_bytes() + entry_bytes(length) <= self.bytes_max
    }

    /// Whether two neighbouring blocks are small enough to be one: together half of what one may be, so that they are not
    /// split again by the next entry.
    const fn join(self, one: &Node, other: &Node) -> bool {
        one.len() + other.len() <= self.entries_max / 2
            && one.entries_bytes() + other.entries_bytes() <= self.bytes_max / 2
    }
}

/// Byte strings in order.
#[derive(Debug, Clone, Default)]
pub struct List {
    form: Form,
}

/// ```text
///         ── an entry more than the limits allow ──►
/// Small                                              Large
///         ◄── a single block left, half full or less ──
/// ```
#[derive(Debug, Clone)]
enum Form {
    Small(Node),
    Large(Box<Chain>),
}

impl Default for Form {
    fn default() -> Self {
        Self::Small(Node::default())
    }
}

impl Collection for List {
    fn of(value: &Value) -> Option<&Self> {
        if let Value::List(list) = value { Some(list) } else { None }
    }

    fn of_mut(value: &mut Value) -> Option<&mut Self> {
        if let Value::List(list) = value { Some(list) } else { None }
    }

    fn into_value(self: Box<Self>) -> Value {
        Value::List(self)
    }

    fn is_empty(&self) -> bool {
        Self::is_empty(self)
    }
}

impl List {
    /// Number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.form {
            Form::Small(node) => node.len(),
            Form::Large(chain) => chain.len(),
        }
    }

    /// Whether there is no entry. The store keeps no such list.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entry at an index from the left, 0 being the first.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        match &self.form {
            Form::Small(node) => node.get(index),
            Form::Large(chain) => chain.get(index),
        }
    }

    /// The entries from `index` on, to the right.
    pub fn iter_from(&self, index: usize) -> impl Iterator<Item = &[u8]> {
        let (small, large) = match &self.form {
            Form::Small(node) => (Some(node.iter().skip(index)), None),
            Form::Large(chain) => (None, Some(chain.iter_from(index))),
        };
        small.into_iter().flatten().chain(large.into_iter().flatten())
    }

    /// The entries before `index`, to the left: the nearest comes first.
    pub fn iter_before(&self, index: usize) -> impl Iterator<Item = &[u8]> {
        let (small, large) = match &self.form {
            Form::Small(node) => (Some(node.iter().rev().skip(node.len().saturating_sub(index))), None),
            Form::Large(chain) => (None, Some(chain.iter_before(index))),
        };
        small.into_iter().flatten().chain(large.into_iter().flatten())
    }

    /// The entries as they are met from one end.
    pub fn iter_from_end(&self, side: Side) -> impl Iterator<Item = &[u8]> {
        let (left, right) = match side {
            Side::Left => (Some(self.iter_from(0)), None),
            Side::Right => (None, Some(self.iter_before(self.len()))),
        };
        left.into_iter().flatten().chain(right.into_iter().flatten())
    }

    /// Adds an entry at an end.
    pub(in crate::store) fn push(&mut self, side: Side, value: &[u8], limits: ListLimits) {
        match &mut self.form {
            Form::Small(node) if limits.take(node, value.len()) => {
                node.insert(if side == Side::Left { 0 } else { node.len() }, value);
            }
            _ => self.edit_large(|chain| chain.push(side == Side::Right, value, limits)),
        }
    }

    /// Replaces the entry at an index; whether there is one.
    pub(in crate::store) fn set(&mut self, index: usize, value: &[u8], limits: ListLimits) -> bool {
        let Some(old) = self.get(index) else { return false };
        let shorter = old.len() >= value.len();
        match &mut self.form {
            Form::Small(node) if shorter || limits.take(node, value.len()) => node.set(index, value),
            _ => {
                self.edit_large(|chain| chain.set(index, value, limits));
                self.settle(limits);
            }
        }
        true
    }

    /// Puts an entry before the one at an index; whether there is one.
    pub(in crate::store) fn insert(&mut self, index: usize, value: &[u8], limits: ListLimits) -> bool {
        if index >= self.len() {
            return false;
        }
        match &mut self.form {
            Form::Small(node) if limits.take(node, value.len()) => node.insert(index, value),
            _ => self.edit_large(|chain| chain.insert(index, value, limits)),
        }
        true
    }

    /// Removes `count` entries at an end, or all if there are fewer, and hands out what is to be dropped, which may be
    /// large: cutting takes a short time however many there are, dropping does not.
    pub(in crate::store) fn cut(&mut self, side: Side, count: usize, limits: ListLimits) -> Option<Self> {
        let length = self.len();
        if count >= length {
            return Some(std::mem::take(self));
        }
        let dropped = match &mut self.form {
            Form::Small(node) => {
                node.remove(if side == Side::Left { 0 } else { length - count }, count);
                None
            }
            Form::Large(chain) => chain.cut(side == Side::Right, count),
        };
        self.settle(limits);
        dropped.map(|chain| Self { form: Form::Large(Box::new(chain)) })
    }

    /// Removes up to `count` entries equal to `value`, beginning at an end, and returns how many.
    pub(in crate::store) fn remove_equal(
        &mut self,
        value: &[u8],
        side: Side,
        count: usize,
        limits: ListLimits,
    ) -> usize {
        let from_end = side == Side::Right;
        let removed = match &mut self.form {
            Form::Small(node) => node.remove_equal(value, from_end, count),
            Form::Large(chain) => chain.remove_equal(value, from_end, count, limits),
        };
        self.settle(limits);
        removed
    }

    /// Drops blocks until so many entries are gone, for whoever frees a large list step by step; whether all are. A block
    /// is dropped as a whole, so a few more may go.
    pub(in crate::store) fn drain_some(&mut self, entries: usize) -> bool {
        if let Form::Large(chain) = &mut self.form {
            return chain.drain_some(entries);
        }
        *self = Self::default();
        true
    }

    pub(super) fn encoding(&self) -> &'static str {
        match self.form {
            Form::Small(_) => "listpack",
            Form::Large(_) => "quicklist",
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        match &self.form {
            Form::Small(node) => node.heap_bytes(),
            Form::Large(chain) => heap_bytes(size_of::<Chain>()) + chain.heap_bytes(),
        }
    }

    /// Changes the chain, which the list becomes if it is none.
    fn edit_large(&mut self, edit: impl FnOnce(&mut Chain)) {
        match &mut self.form {
            Form::Large(chain) => edit(chain),
            Form::Small(node) => {
                let mut chain = Box::new(Chain::of(std::mem::take(node)));
                edit(&mut chain);
                self.form = Form::Large(chain);
            }
        }
    }

    /// Becomes one block again when little is left.
    fn settle(&mut self, limits: ListLimits) {
        if let Form::Large(chain) = &mut self.form
            && let Some(node) = chain.only_node()
            && limits.join(node, &Node::default())
        {
            let mut node = node.clone();
            node.close();
            self.form = Form::Small(node);
        }
    }
}

#[cfg(test)]
mod tests;
