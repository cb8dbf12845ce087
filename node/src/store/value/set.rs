//! The value type set: integers or a compact block while it is small, a dictionary once it is not. Which command does what
//! with it is left to the commands.

use std::hash::{Hash, Hasher};
use std::ops::Deref;

use fastrand::Rng;
use larder_proto::resp::{DECIMAL_BYTES_MAX, decimal};

use super::collection::Collection;
use super::fields::Members;
use super::heap_bytes;
use super::integers::Integers;
use super::kinds::{Value, canonical_integer};
use super::packed::Packed;

/// Until when a set stays compact, as `set-max-intset-entries`, `set-max-listpack-entries` and `set-max-listpack-value`
/// say in Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetLimits {
    /// Members at most while all are integers.
    pub integers_max: usize,
    /// Members of a compact set at most.
    pub entries_max: usize,
    /// Bytes of a member of a compact set at most.
    pub value_bytes_max: usize,
}

/// Members without order.
#[derive(Debug, Clone, Default)]
pub struct Set {
    form: Form,
}

/// ```text
/// Integers ── a member that is none ──► Compact ── more members, or a longer one, than allowed ──► Full (for good)
///     └───────────────── more members, or a longer one, than allowed ────────────────────────────────▲
/// ```
#[derive(Debug, Clone)]
enum Form {
    Integers(Integers),
    Compact(Packed<false>),
    Full(Box<Members>),
}

impl Default for Form {
    fn default() -> Self {
        Self::Integers(Integers::default())
    }
}

/// A member as bytes. That of a set of integers is written when it is asked for.
#[derive(Clone, Copy, Debug)]
pub enum Member<'a> {
    /// As it lies in the set.
    Bytes(&'a [u8]),
    /// An integer in decimal digits, from `start` on.
    Digits {
        /// The digits, at the end.
        space: [u8; DECIMAL_BYTES_MAX],
        /// Where they begin.
        start: u8,
    },
}

impl From<i64> for Member<'_> {
    fn from(integer: i64) -> Self {
        let mut space = [0; DECIMAL_BYTES_MAX];
        let length = decimal(integer, &mut space).len();
        Self::Digits { space, start: (DECIMAL_BYTES_MAX - length) as u8 }
    }
}

impl Deref for Member<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Digits { space, start } => &space[usize::from(*start)..],
        }
    }
}

impl PartialEq for Member<'_> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Member<'_> {}

impl Hash for Member<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl Collection for Set {
    fn of(value: &Value) -> Option<&Self> {
        if let Value::Set(set) = value { Some(set) } else { None }
    }

    fn of_mut(value: &mut Value) -> Option<&mut Self> {
        if let Value::Set(set) = value { Some(set) } else { None }
    }

    fn into_value(self: Box<Self>) -> Value {
        Value::Set(self)
    }

    fn is_empty(&self) -> bool {
        Self::is_empty(self)
    }
}

impl Set {
    /// Number of members.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.form {
            Form::Integers(integers) => integers.len(),
            Form::Compact(packed) => packed.len(),
            Form::Full(members) => members.len(),
        }
    }

    /// Whether there is no member. The store keeps no such set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether this is a member.
    #[must_use]
    pub fn contains(&self, member: &[u8]) -> bool {
        match &self.form {
            Form::Integers(integers) => {
                canonical_integer(member).is_some_and(|integer| integers.contains(integer))
            }
            Form::Compact(packed) => packed.get(member).is_some(),
            Form::Full(members) => members.get(member).is_some(),
        }
    }

    /// Takes the form that suits so many more members, of which this is the first: like Redis, a set that is given more
    /// at once than a compact form may hold leaves it at once.
    pub fn prepare(&mut self, first: &[u8], additions: usize, limits: SetLimits) {
        match &self.form {
            Form::Integers(integers) if integers.len() == 0 => {
                if additions <= limits.integers_max && canonical_integer(first).is_some() {
                    return;
                }
                self.form = Form::Compact(Packed::default());
                if additions > limits.entries_max {
                    self.unpack();
                }
            }
            Form::Integers(_) if additions > limits.integers_max => self.unpack(),
            Form::Compact(_) if additions > limits.entries_max => self.unpack(),
            _ => {}
        }
    }

    /// Adds a member; whether it is new.
    pub fn add(&mut self, member: &[u8], limits: SetLimits) -> bool {
        let integer = canonical_integer(member);
        match (&mut self.form, integer) {
            (Form::Integers(integers), Some(integer)) => {
                let is_new = integers.insert(integer);
                if integers.len() > limits.integers_max {
                    self.unpack();
                }
                return is_new;
            }
            (Form::Integers(_), None) => self.leave_integers(member, limits),
            (Form::Compact(packed), _) => {
                let is_full = packed.len() >= limits.entries_max || member.len() > limits.value_bytes_max;
                if is_full && packed.get(member).is_none() {
                    self.unpack();
                }
            }
            (Form::Full(_), _) => {}
        }
        match &mut self.form {
            Form::Compact(packed) => packed.set(member, b""),
            Form::Full(members) => members.set(member, b""),
            Form::Integers(_) => false,
        }
    }

    /// Removes a member; whether it was there.
    pub(in crate::store) fn remove(&mut self, member: &[u8]) -> bool {
        match &mut self.form {
            Form::Integers(integers) => {
                canonical_integer(member).is_some_and(|integer| integers.remove(integer))
            }
            Form::Compact(packed) => packed.remove(member),
            Form::Full(members) => members.remove(member),
        }
    }

    /// All members: integers in their order, those of a compact set in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = Member<'_>> {
        let (integers, compact, full) = match &self.form {
            Form::Integers(integers) => (Some(integers.iter()), None, None),
            Form::Compact(packed) => (None, Some(packed.iter()), None),
            Form::Full(members) => (None, None, Some(members.iter())),
        };
        let strings = compact.into_iter().flatten().chain(full.into_iter().flatten());
        let integers = integers.into_iter().flatten().map(Member::from);
        integers.chain(strings.map(|(member, _)| Member::Bytes(member)))
    }

    /// Visits members from `cursor` on, about `count` of them, and returns the cursor to go on with, 0 at the end. A
    /// compact set is visited whole. Every member that stays is visited between cursor 0 and cursor 0.
    pub fn scan(&self, cursor: u64, count: usize, mut visit: impl FnMut(&[u8])) -> u64 {
        if let Form::Full(members) = &self.form {
            return members.scan(cursor, count, |member, _| visit(member));
        }
        self.iter().for_each(|member| visit(&member));
        0
    }

    /// A member chosen at random, each with about the same chance.
    #[must_use]
    pub fn pick(&self, random: &mut Rng) -> Option<Member<'_>> {
        if self.is_empty() {
            return None;
        }
        match &self.form {
            Form::Integers(integers) => Some(integers.at(random.usize(..integers.len())).into()),
            Form::Compact(packed) => {
                packed.iter().nth(random.usize(..packed.len())).map(|(member, _)| Member::Bytes(member))
            }
            Form::Full(members) => members.pick(random).map(|(member, _)| Member::Bytes(member)),
        }
    }

    /// Drops members, at least so many, to free a set step by step; whether nothing is left. It is of no other use once
    /// this has begun.
    pub fn drain_some(&mut self, elements: usize) -> bool {
        if let Form::Full(members) = &mut self.form {
            return members.drain_some(elements);
        }
        self.form = Form::default();
        true
    }

    /// Bytes on the heap, without the set itself.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        match &self.form {
            Form::Integers(integers) => heap_bytes(integers.capacity()),
            Form::Compact(packed) => heap_bytes(packed.capacity()),
            Form::Full(members) => heap_bytes(size_of::<Members>()) + members.heap_bytes(),
        }
    }

    pub(super) fn encoding(&self) -> &'static str {
        match self.form {
            Form::Integers(_) => "intset",
            Form::Compact(_) => "listpack",
            Form::Full(_) => "hashtable",
        }
    }

    /// Makes room for a member that is no integer.
    fn leave_integers(&mut self, member: &[u8], limits: SetLimits) {
        let Form::Integers(integers) = &self.form else { return };
        let length = integers.len();
        let ends = [0, length.saturating_sub(1)].into_iter().take(length);
        let longest = ends.map(|index| Member::from(integers.at(index)).len()).max().unwrap_or(0);
        if length >= limits.entries_max || longest.max(member.len()) > limits.value_bytes_max {
            self.unpack();
            return;
        }
        let mut packed = Packed::default();
        for integer in integers.iter() {
            packed.set(&Member::from(integer), b"");
        }
        self.form = Form::Compact(packed);
    }

    fn unpack(&mut self) {
        let mut members = Members::default();
        for member in self.iter() {
            members.set(&member, b"");
        }
        self.form = Form::Full(Box::new(members));
    }
}

#[cfg(test)]
mod tests;
