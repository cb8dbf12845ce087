//! What a write did: the final value or change, the absolute deadline, whether the key was created. Never what was
//! asked, so that applying an effect needs no clock, no randomness and no old value. Ordering and sending effects
//! is left to the node.

use crate::score::Score;
use crate::slot::Partition;
use crate::time::Deadline;

/// A numbered database of one service, in one generation: a flush gives the database a new one, so that its old
/// keys are out of reach at once and can be reclaimed in the background.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Namespace(pub u32);

/// An end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Where the first element is.
    Left,
    /// Where the last element is.
    Right,
}

/// One change to one partition. The bytes are borrowed from the request or the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect<'a> {
    /// The key now holds this string and this deadline, whatever it held before.
    Set {
        /// The client's key.
        key: &'a [u8],
        /// The whole value.
        value: &'a [u8],
        /// The key's new deadline.
        deadline: Deadline,
    },
    /// The key is gone.
    Delete {
        /// The client's key.
        key: &'a [u8],
    },
    /// The key has this deadline now.
    Deadline {
        /// The client's key.
        key: &'a [u8],
        /// The key's new deadline.
        deadline: Deadline,
    },
    /// These bytes stand at this offset of the string now, after zeros if the string was shorter.
    Patch {
        /// The client's key.
        key: &'a [u8],
        /// Offset of the first byte written.
        offset: u64,
        /// The bytes written.
        bytes: &'a [u8],
    },
    /// The field of the hash has this value now.
    HashSet {
        /// The client's key.
        key: &'a [u8],
        /// The field.
        field: &'a [u8],
        /// The field's whole value.
        value: &'a [u8],
        /// The hash began with this field: whatever a copy holds under the key is replaced.
        created: bool,
    },
    /// The field of the hash is gone; a hash without fields is gone too.
    HashDelete {
        /// The client's key.
        key: &'a [u8],
        /// The field.
        field: &'a [u8],
    },
    /// The set has this member now.
    SetAdd {
        /// The client's key.
        key: &'a [u8],
        /// The member.
        member: &'a [u8],
        /// The set began with this member: whatever a copy holds under the key is replaced.
        created: bool,
    },
    /// The member of the set is gone; a set without members is gone too.
    SetRemove {
        /// The client's key.
        key: &'a [u8],
        /// The member.
        member: &'a [u8],
    },
    /// The member of the sorted set has this score now.
    SortedSetAdd {
        /// The client's key.
        key: &'a [u8],
        /// The member.
        member: &'a [u8],
        /// The member's score.
        score: Score,
        /// The sorted set began with this member: whatever a copy holds under the key is replaced.
        created: bool,
    },
    /// The member of the sorted set is gone; a sorted set without members is gone too.
    SortedSetRemove {
        /// The client's key.
        key: &'a [u8],
        /// The member.
        member: &'a [u8],
    },
    /// Every key of the namespace is gone.
    Flush,
    /// The databases of two namespaces have changed places.
    Swap {
        /// The other namespace.
        with: Namespace,
    },
    /// The list has this element more, at one end.
    ListPush {
        /// The client's key.
        key: &'a [u8],
        /// The end.
        side: Side,
        /// The element.
        value: &'a [u8],
        /// The list began with this element: whatever a copy holds under the key is replaced.
        created: bool,
    },
    /// So many elements are gone from one end of the list; a list without elements is gone too.
    ListPop {
        /// The client's key.
        key: &'a [u8],
        /// The end.
        side: Side,
        /// How many.
        count: u64,
    },
    /// The element at this index from the left, 0 being the first, is this one now.
    ListSet {
        /// The client's key.
        key: &'a [u8],
        /// The index.
        index: u64,
        /// The element.
        value: &'a [u8],
    },
    /// The list has this element more, before the one that was at this index from the left.
    ListInsert {
        /// The client's key.
        key: &'a [u8],
        /// The index.
        index: u64,
        /// The element.
        value: &'a [u8],
    },
    /// So many elements equal to this one are gone, those nearest to one end; a list without elements is gone too.
    ListRemove {
        /// The client's key.
        key: &'a [u8],
        /// The end from which they were counted.
        side: Side,
        /// The element.
        value: &'a [u8],
        /// How many.
        count: u64,
    },
}

impl<'a> Effect<'a> {
    /// The effect's number, for ever: nodes of different versions tell effects apart by it.
    #[must_use]
    pub const fn number(&self) -> u8 {
        match self {
            Self::Set { .. } => 1,
            Self::Delete { .. } => 2,
            Self::Deadline { .. } => 3,
            Self::Patch { .. } => 4,
            Self::HashSet { .. } => 5,
            Self::HashDelete { .. } => 6,
            Self::Flush => 7,
            Self::Swap { .. } => 8,
            Self::ListPush { .. } => 9,
            Self::ListPop { .. } => 10,
            Self::ListSet { .. } => 11,
            Self::ListInsert { .. } => 12,
            Self::ListRemove { .. } => 13,
            Self::SetAdd { .. } => 15,
            Self::SetRemove { .. } => 16,
            Self::SortedSetAdd { .. } => 18,
            Self::SortedSetRemove { .. } => 19,
        }
    }

    /// The key changed, or `None` where whole namespaces are.
    #[must_use]
    pub const fn key(&self) -> Option<&'a [u8]> {
        match self {
            Self::Set { key, .. }
            | Self::Delete { key }
            | Self::Deadline { key, .. }
            | Self::Patch { key, .. }
            | Self::HashSet { key, .. }
            | Self::HashDelete { key, .. }
            | Self::ListPush { key, .. }
            | Self::ListPop { key, .. }
            | Self::ListSet { key, .. }
            | Self::ListInsert { key, .. }
            | Self::ListRemove { key, .. }
            | Self::SetAdd { key, .. }
            | Self::SetRemove { key, .. }
            | Self::SortedSetAdd { key, .. }
            | Self::SortedSetRemove { key, .. } => Some(key),
            Self::Flush | Self::Swap { .. } => None,
        }
    }
}

/// Where in the one order of a partition an effect stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The partition changed.
    pub partition: Partition,
    /// Whose key it is.
    pub namespace: Namespace,
    /// Number of the effect within the partition, from 1, without gaps.
    pub sequence: u64,
}

/// Takes effects in the order in which they happen. Called while the partition is locked: it must not block.
pub trait EffectSink {
    /// Takes one effect.
    fn effect(&mut self, stamp: Stamp, effect: &Effect<'_>);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_never_change() {
        let key = b"k".as_slice();
        let effects = [
            Effect::Set { key, value: b"v", deadline: Deadline::NEVER },
            Effect::Delete { key },
            Effect::Deadline { key, deadline: Deadline::NEVER },
            Effect::Patch { key, offset: 0, bytes: b"v" },
            Effect::HashSet { key, field: b"f", value: b"v", created: true },
            Effect::HashDelete { key, field: b"f" },
            Effect::Flush,
            Effect::Swap { with: Namespace(1) },
            Effect::ListPush { key, side: Side::Left, value: b"v", created: true },
            Effect::ListPop { key, side: Side::Right, count: 1 },
            Effect::ListSet { key, index: 0, value: b"v" },
            Effect::ListInsert { key, index: 0, value: b"v" },
            Effect::ListRemove { key, side: Side::Left, value: b"v", count: 1 },
            Effect::SetAdd { key, member: b"m", created: true },
            Effect::SetRemove { key, member: b"m" },
            Effect::SortedSetAdd { key, member: b"m", score: Score::of(1), created: true },
            Effect::SortedSetRemove { key, member: b"m" },
        ];
        let numbers = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 16, 18, 19];
        assert_eq!(effects.map(|effect| effect.number()), numbers);
    }
}
