//! What a write did: the final value or change, the absolute deadline, whether the key was created. Never what was
//! asked, so that applying an effect needs no clock, no randomness and no old value. Ordering and sending effects
//! is left to the node.

mod wire;

use std::fmt;

use crate::score::Score;
use crate::slot::Partition;
use crate::time::Deadline;

pub use wire::{DecodeError, decode, decode_all, encode};

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
    /// Every key that the partition has in the database is gone.
    Flush,
    /// What the partition has in two databases has changed places.
    Swap {
        /// The number of the other database.
        with: u8,
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
    /// Every key that the partition has in any database is gone, and its databases lie in this order.
    Clear {
        /// What the databases lie as.
        order: Order,
    },
}

/// In which order a partition's databases lie: it begins as that of their numbers, and changes where two of them change
/// places. It decides where a scan meets their keys, so it is the same on every node.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Order(u64);

impl Order {
    /// The order of the numbers.
    pub const FIRST: Self = Self(0xfedc_ba98_7654_3210);

    /// The order with this number, if it is one: sixteen numbers of four bits, the first database's lowest, each once.
    #[must_use]
    pub const fn new(number: u64) -> Option<Self> {
        let (mut seen, mut database) = (0_u16, 0);
        while database < 16 {
            seen |= 1 << (number >> (4 * database) & 0xf);
            database += 1;
        }
        if seen == u16::MAX { Some(Self(number)) } else { None }
    }

    /// The order as a number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }

    /// What a database, `0..16`, lies as.
    #[must_use]
    #[inline]
    pub const fn place(self, database: u8) -> u8 {
        Self::place_in(self.0, database)
    }

    /// What a database, `0..16`, lies as in the order of this number, which is known to be one.
    #[must_use]
    #[inline]
    pub const fn place_in(number: u64, database: u8) -> u8 {
        (number >> (4 * (database & 0xf)) & 0xf) as u8
    }

    /// The order after two databases have changed places.
    #[must_use]
    pub const fn swapped(self, one: u8, other: u8) -> Self {
        let differing = (self.place(one) ^ self.place(other)) as u64;
        Self(self.0 ^ differing << (4 * (one & 0xf)) ^ differing << (4 * (other & 0xf)))
    }
}

impl fmt::Debug for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Order({:016x})", self.0)
    }
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
            Self::Clear { .. } => 20,
        }
    }

    /// Bytes that it may add to what the partition holds; 0 if it can only take away.
    #[must_use]
    pub const fn bytes_added(&self) -> usize {
        match self {
            Self::Set { key, value, .. }
            | Self::Patch { key, bytes: value, .. }
            | Self::ListPush { key, value, .. }
            | Self::ListSet { key, value, .. }
            | Self::ListInsert { key, value, .. }
            | Self::SetAdd { key, member: value, .. }
            | Self::SortedSetAdd { key, member: value, .. } => key.len() + value.len(),
            Self::HashSet { key, field, value, .. } => key.len() + field.len() + value.len(),
            Self::Delete { .. }
            | Self::Deadline { .. }
            | Self::HashDelete { .. }
            | Self::SetRemove { .. }
            | Self::SortedSetRemove { .. }
            | Self::ListPop { .. }
            | Self::ListRemove { .. }
            | Self::Flush
            | Self::Swap { .. }
            | Self::Clear { .. } => 0,
        }
    }

    /// The key changed, or `None` where whole databases are.
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
            Self::Flush | Self::Swap { .. } | Self::Clear { .. } => None,
        }
    }
}

/// Where in the one order of a partition an effect stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The partition changed.
    pub partition: Partition,
    /// The number of the database changed, the first of all that are.
    pub database: u8,
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
            Effect::Swap { with: 1 },
            Effect::ListPush { key, side: Side::Left, value: b"v", created: true },
            Effect::ListPop { key, side: Side::Right, count: 1 },
            Effect::ListSet { key, index: 0, value: b"v" },
            Effect::ListInsert { key, index: 0, value: b"v" },
            Effect::ListRemove { key, side: Side::Left, value: b"v", count: 1 },
            Effect::SetAdd { key, member: b"m", created: true },
            Effect::SetRemove { key, member: b"m" },
            Effect::SortedSetAdd { key, member: b"m", score: Score::of(1), created: true },
            Effect::SortedSetRemove { key, member: b"m" },
            Effect::Clear { order: Order::FIRST },
        ];
        let numbers = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 16, 18, 19, 20];
        assert_eq!(effects.map(|effect| effect.number()), numbers);
    }

    #[test]
    fn databases_change_places_and_back() {
        let swapped = Order::FIRST.swapped(0, 5).swapped(5, 15);
        assert_eq!([0, 5, 15, 7].map(|database| swapped.place(database)), [5, 15, 0, 7]);
        assert_eq!(Order::new(swapped.number()), Some(swapped));
        assert_eq!(swapped.swapped(15, 5).swapped(5, 0), Order::FIRST);
        assert_eq!(Order::FIRST.swapped(3, 3), Order::FIRST);
        assert_eq!(Order::new(0), None, "each comes once");
    }
}
