//! An item as commands see it: where it lies is hidden, what it is can be read.

use larder_proto::time::{Deadline, Millis};

use super::common::Common;
use super::item::{Kind, Layout};
use super::parts::Namespace;
use super::shard::{Found, Shard};
use super::table::{ENTRY_BYTES, Entry, Place};
use super::value::{Collection, Detached, Text, Value};

/// An item, for as long as its partition is held.
#[derive(Clone, Copy)]
pub struct Item<'a> {
    /// What the key holds.
    pub value: ValueRef<'a>,
    common: &'a Common,
    shard: &'a Shard,
    layout: Layout,
    at: u32,
    usage: u16,
    /// Not known to those who walk.
    place: Option<Place>,
}

/// What a key holds.
#[derive(Clone, Copy, Debug)]
pub enum ValueRef<'a> {
    /// A string.
    String {
        /// Its bytes.
        bytes: &'a [u8],
        /// APPEND or SETRANGE made it what it is.
        edited: bool,
    },
    /// A hash, a list, a set, a sorted set.
    Collection(&'a Value),
}

impl<'a> Item<'a> {
    /// An item that was found by its key.
    #[inline]
    pub(super) fn found(common: &'a Common, shard: &'a Shard, found: Found) -> Option<Self> {
        let (at, usage) = (shard.table.at(found.place), shard.table.usage(found.place));
        Self::new(common, shard, found.layout, at, usage)
            .map(|item| Self { place: Some(found.place), ..item })
    }

    /// An item that was come upon in the table.
    pub(super) fn met(common: &'a Common, shard: &'a Shard, entry: &Entry) -> Option<Self> {
        let layout = Layout::read(shard.region.bytes(), entry.at as usize);
        Self::new(common, shard, layout, entry.at, entry.usage)
    }

    #[inline]
    fn new(common: &'a Common, shard: &'a Shard, layout: Layout, at: u32, usage: u16) -> Option<Self> {
        let value = if layout.kind == Kind::Object {
            ValueRef::Collection(shard.object(&layout)?)
        } else {
            ValueRef::String {
                bytes: layout.value(shard.region.bytes()),
                edited: layout.kind == Kind::Edited,
            }
        };
        Some(Self { value, common, shard, layout, at, usage, place: None })
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &'a [u8] {
        self.layout.key(self.shard.region.bytes())
    }

    pub(super) const fn namespace(&self) -> Namespace {
        self.layout.namespace
    }

    /// When the key ceases to exist.
    #[must_use]
    #[inline]
    pub const fn deadline(&self) -> Deadline {
        self.layout.deadline
    }

    /// Milliseconds since the last use, to about a second.
    #[must_use]
    pub fn idle_ms(&self, now: Millis) -> u64 {
        self.common.ranking.idle_ms(self.usage, now)
    }

    /// How often it was used since it came, as far as it is counted.
    #[must_use]
    pub fn uses(&self) -> u16 {
        super::ranking::Ranking::uses(self.usage)
    }

    /// Bytes of memory that key and value take, with all that is kept of them.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let on_heap = match self.value {
            ValueRef::String { .. } => 0,
            ValueRef::Collection(value) => value.heap_bytes() + size_of::<Option<Value>>(),
        };
        self.layout.end - self.at as usize + ENTRY_BYTES + on_heap
    }

    /// Bytes of the item and of the collection that it may be, as partitions count them.
    #[cfg(any(test, feature = "recount"))]
    pub(super) fn item_bytes(&self) -> usize {
        let on_heap = match self.value {
            ValueRef::String { .. } => 0,
            ValueRef::Collection(value) => value.heap_bytes(),
        };
        self.layout.end - self.at as usize + on_heap
    }

    /// A copy of value and deadline, outside the store.
    #[must_use]
    pub fn to_detached(&self) -> Detached {
        let value = match self.value {
            ValueRef::String { bytes, edited } => Value::String(Text { bytes: bytes.to_vec(), edited }),
            ValueRef::Collection(value) => value.clone(),
        };
        Detached { value, deadline: self.deadline() }
    }

    /// Notes a use. Writes only what changes, so that a hot item's line is not fought for.
    #[inline]
    pub(super) fn touch(&self) {
        let after = self.common.ranking.touched(self.usage);
        if let Some(place) = self.place
            && self.usage != after
        {
            self.shard.table.set_usage(place, after);
        }
    }
}

impl<'a> ValueRef<'a> {
    /// The collection, if it is one of this type.
    #[must_use]
    pub fn collection<C: Collection>(&self) -> Option<&'a C> {
        match *self {
            Self::String { .. } => None,
            Self::Collection(value) => C::of(value),
        }
    }

    /// The type's name, as TYPE and SCAN give it.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::String { .. } => "string",
            Self::Collection(value) => value.type_name(),
        }
    }

    /// The encoding that Redis would use, as OBJECT ENCODING gives it.
    #[must_use]
    pub fn encoding(&self) -> &'static str {
        match self {
            Self::String { bytes, edited } => Text::encoding(bytes, *edited),
            Self::Collection(value) => value.encoding(),
        }
    }
}
