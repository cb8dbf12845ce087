//! The value type hash: compact while it is small, a table once it is not. Which command does what with it is left
//! to the commands.

use fastrand::Rng;

use super::collection::Collection;
use super::fields::Fields;
use super::heap_bytes;
use super::kinds::Value;
use super::packed::Packed;

/// Until when a hash stays compact, as `hash-max-listpack-entries` and `hash-max-listpack-value` say in Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashLimits {
    /// Fields of a compact hash at most.
    pub entries_max: usize,
    /// Bytes of a field or value in a compact hash at most.
    pub value_bytes_max: usize,
}

/// Fields with values.
#[derive(Debug, Clone, Default)]
pub struct Hash {
    form: Form,
}

/// ```text
/// Compact ── more fields, or a longer one, than the limits allow ──► Full (for good)
/// ```
#[derive(Debug, Clone)]
enum Form {
    Compact(Packed),
    Full(Box<Fields>),
}

impl Default for Form {
    fn default() -> Self {
        Self::Compact(Packed::default())
    }
}

impl Collection for Hash {
    fn of(value: &Value) -> Option<&Self> {
        if let Value::Hash(hash) = value { Some(hash) } else { None }
    }

    fn of_mut(value: &mut Value) -> Option<&mut Self> {
        if let Value::Hash(hash) = value { Some(hash) } else { None }
    }

    fn into_value(self: Box<Self>) -> Value {
        Value::Hash(self)
    }

    fn is_empty(&self) -> bool {
        Self::is_empty(self)
    }
}

impl Hash {
    /// Number of fields.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.form {
            Form::Compact(packed) => packed.len(),
            Form::Full(fields) => fields.len(),
        }
    }

    /// Whether there is no field. The store keeps no such hash.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of a field.
    #[must_use]
    pub fn get(&self, field: &[u8]) -> Option<&[u8]> {
        match &self.form {
            Form::Compact(packed) => packed.get(field),
            Form::Full(fields) => fields.get(field),
        }
    }

    /// Sets the value of a field; whether the field is new.
    pub(in crate::store) fn set(&mut self, field: &[u8], value: &[u8], limits: HashLimits) -> bool {
        let long = field.len().max(value.len()) > limits.value_bytes_max;
        if let Form::Compact(packed) = &mut self.form {
            if !long && (packed.len() < limits.entries_max || packed.get(field).is_some()) {
                return packed.set(field, value);
            }
            self.unpack();
        }
        match &mut self.form {
            Form::Full(fields) => fields.set(field, value),
            Form::Compact(packed) => packed.set(field, value),
        }
    }

    /// Removes a field; whether there was one.
    pub(in crate::store) fn remove(&mut self, field: &[u8]) -> bool {
        match &mut self.form {
            Form::Compact(packed) => packed.remove(field),
            Form::Full(fields) => fields.remove(field),
        }
    }

    /// All fields with their values; in the order in which they came while the hash is compact.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let (compact, full) = match &self.form {
            Form::Compact(packed) => (Some(packed.iter()), None),
            Form::Full(fields) => (None, Some(fields.iter())),
        };
        compact.into_iter().flatten().chain(full.into_iter().flatten())
    }

    /// Visits pairs from `cursor` on, about `count` of them, and returns the cursor to go on with, 0 at the end. A
    /// compact hash is visited whole. Every field that stays is visited between cursor 0 and cursor 0.
    pub fn scan(&self, cursor: u64, count: usize, mut visit: impl FnMut(&[u8], &[u8])) -> u64 {
        let Form::Full(fields) = &self.form else {
            self.iter().for_each(|(field, value)| visit(field, value));
            return 0;
        };
        let end = fields.places();
        let from = usize::try_from(cursor).unwrap_or(end).min(end);
        // Free places count a little, so that a call stays short in a hash that was emptied.
        let to = end.min(from.saturating_add(count.saturating_mul(SCAN_PLACES_PER_PAIR)));
        let mut visited = 0;
        for place in from..to {
            if let Some((field, value)) = fields.at(place) {
                visit(field, value);
                visited += 1;
                if visited == count && place + 1 < end {
                    return place as u64 + 1;
                }
            }
        }
        if to == end { 0 } else { to as u64 }
    }

    /// A field chosen at random, each with about the same chance.
    #[must_use]
    pub fn pick(&self, random: &mut Rng) -> Option<(&[u8], &[u8])> {
        if self.is_empty() {
            return None;
        }
        match &self.form {
            Form::Compact(packed) => packed.iter().nth(random.usize(..packed.len())),
            Form::Full(fields) => {
                let places = fields.places();
                (0..PICK_TRIES_MAX)
                    .find_map(|_| fields.at(random.usize(..places)))
                    .or_else(|| fields.iter().nth(random.usize(..fields.len())))
            }
        }
    }

    /// Drops so many fields at most, fewer if they are long; whether none is left. What is left is only to be dropped.
    pub(super) fn drain_some(&mut self, fields: usize) -> bool {
        match &mut self.form {
            Form::Compact(_) => true,
            Form::Full(pairs) => pairs.drain_some(fields, DRAIN_BYTES),
        }
    }

    pub(super) fn encoding(&self) -> &'static str {
        match self.form {
            Form::Compact(_) => "listpack",
            Form::Full(_) => "hashtable",
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        match &self.form {
            Form::Compact(packed) => heap_bytes(packed.capacity()),
            Form::Full(fields) => heap_bytes(size_of::<Fields>()) + fields.heap_bytes(),
        }
    }

    fn unpack(&mut self) {
        let Form::Compact(packed) = &self.form else { return };
        let mut fields = Fields::default();
        for (field, value) in packed.iter() {
            fields.set(field, value);
        }
        self.form = Form::Full(Box::new(fields));
    }
}

/// Bytes dropped in one step, besides those of the last pair.
const DRAIN_BYTES: usize = 1 << 20;

/// Places looked at for each pair asked for.
const SCAN_PLACES_PER_PAIR: usize = 10;

/// Places tried before a random choice falls back to walking.
const PICK_TRIES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::{Hash, HashLimits};
    use fastrand::Rng;
    use proptest::prelude::{any, prop_assert_eq, proptest};
    use std::collections::{BTreeMap, BTreeSet};

    const LIMITS: HashLimits = HashLimits { entries_max: 4, value_bytes_max: 8 };

    #[test]
    fn a_long_value_or_one_field_more_unpacks() {
        let mut hash = Hash::default();
        for field in ["a", "b", "c", "d"] {
            hash.set(field.as_bytes(), b"1", LIMITS);
        }
        assert_eq!(hash.encoding(), "listpack");
        hash.set(b"a", b"2", LIMITS);
        assert_eq!(hash.encoding(), "listpack");
        hash.set(b"e", b"1", LIMITS);
        assert_eq!(hash.encoding(), "hashtable");
        let mut hash = Hash::default();
        hash.set(b"a", b"123456789", LIMITS);
        assert_eq!(hash.encoding(), "hashtable");
    }

    #[test]
    fn a_scan_returns_what_stays_while_the_hash_changes() {
        let mut hash = Hash::default();
        for number in 0..1_000_u32 {
            hash.set(&number.to_be_bytes(), b"", LIMITS);
        }
        let (mut cursor, mut seen, mut round) = (0, BTreeSet::new(), 0_u32);
        loop {
            cursor = hash.scan(cursor, 7, |field, _| assert!(seen.insert(field.to_vec()), "twice"));
            hash.remove(&(round * 2 + 1).to_be_bytes());
            hash.set(&(10_000 + round).to_be_bytes(), b"", LIMITS);
            round += 1;
            if cursor == 0 {
                break;
            }
        }
        assert!((0..1_000_u32).step_by(2).all(|even| seen.contains(&even.to_be_bytes()[..])));
    }

    #[test]
    fn a_pick_reaches_every_field() {
        for limits in [LIMITS, HashLimits { entries_max: 0, value_bytes_max: 0 }] {
            let mut hash = Hash::default();
            for field in [b"a", b"b", b"c"] {
                hash.set(field, b"", limits);
            }
            let mut random = Rng::with_seed(7);
            let seen: BTreeSet<_> =
                (0..100).filter_map(|_| hash.pick(&mut random)).map(|(field, _)| field).collect();
            assert_eq!(seen.len(), 3);
        }
    }

    proptest! {
        #[test]
        fn behaves_like_a_map(steps in proptest::collection::vec((any::<bool>(), 0_u8..12, "[a-z]{0,10}"), 0..80)) {
            let (mut hash, mut model) = (Hash::default(), BTreeMap::new());
            for (set, field, value) in steps {
                let field = vec![field];
                if set {
                    prop_assert_eq!(hash.set(&field, value.as_bytes(), LIMITS), model.insert(field, value).is_none());
                } else {
                    prop_assert_eq!(hash.remove(&field), model.remove(&field).is_some());
                }
                prop_assert_eq!(hash.len(), model.len());
            }
            let all: BTreeMap<_, _> = hash.iter().map(|(f, v)| (f.to_vec(), String::from_utf8(v.to_vec()).unwrap())).collect();
            prop_assert_eq!(all, model);
        }
    }
}
