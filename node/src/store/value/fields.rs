//! Pairs of byte strings behind a table: the full form of a hash.
//!
//! A pair keeps its place until it is removed, and places are walked in order. So a scan that remembers a place
//! returns every pair that was there from its beginning to its end, once, whatever else happens to the hash.

use std::fmt;
use std::hash::BuildHasher;

use foldhash::quality::RandomState;
use hashbrown::raw::RawTable;

use super::heap_bytes;

#[derive(Debug, Clone)]
struct Pair {
    field: Box<[u8]>,
    value: Box<[u8]>,
}

/// The pairs.
///
/// The table is hashbrown's raw one, since only that tells its number of buckets: what is counted as memory must not
/// shrink where removed entries merely block their buckets.
#[derive(Clone, Default)]
pub(super) struct Fields {
    table: RawTable<u32>,
    places: Vec<Option<Pair>>,
    free: Vec<u32>,
    hasher: RandomState,
    /// Bytes on the heap of all pairs.
    pair_bytes: usize,
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl Fields {
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.pair_bytes
            + heap_bytes(self.places.capacity() * size_of::<Option<Pair>>())
            + heap_bytes(self.free.capacity() * size_of::<u32>())
            + heap_bytes(table_bytes(self.table.buckets()))
    }

    pub(super) fn get(&self, field: &[u8]) -> Option<&[u8]> {
        let place = *self.table.get(self.hash(field), |&place| self.is_at(place, field))?;
        self.pair(place).map(|pair| &*pair.value)
    }

    /// Sets the value of a field; whether the field is new.
    pub(super) fn set(&mut self, field: &[u8], value: &[u8]) -> bool {
        let hash = self.hash(field);
        if let Some(&place) = self.table.get(hash, |&place| self.is_at(place, field)) {
            if let Some(pair) = &mut self.places[place as usize] {
                self.pair_bytes += heap_bytes(value.len());
                self.pair_bytes -= heap_bytes(pair.value.len());
                pair.value = value.into();
            }
            return false;
        }
        let pair = Pair { field: field.into(), value: value.into() };
        self.pair_bytes += bytes_of(&pair);
        let place = self.place(pair);
        let (places, hasher) = (&self.places, &self.hasher);
        self.table.insert(hash, place, |&place| {
            places[place as usize].as_ref().map_or(0, |pair| hasher.hash_one(&*pair.field))
        });
        true
    }

    /// Removes a field; whether there was one.
    pub(super) fn remove(&mut self, field: &[u8]) -> bool {
        let hash = self.hash(field);
        let places = &self.places;
        let same = |&place: &u32| places[place as usize].as_ref().is_some_and(|pair| &*pair.field == field);
        let Some(place) = self.table.remove_entry(hash, same) else { return false };
        if let Some(pair) = self.places[place as usize].take() {
            self.pair_bytes -= bytes_of(&pair);
        }
        self.free.push(place);
        true
    }

    /// Drops pairs from the end: so many at most, until so many bytes are gone; whether none is left. From the first time
    /// on nothing can be found any more.
    pub(super) fn drain_some(&mut self, fields: usize, bytes: usize) -> bool {
        self.table = RawTable::new();
        self.free = Vec::new();
        let mut dropped = 0;
        for _ in 0..fields {
            let Some(place) = self.places.pop() else { break };
            dropped += place.as_ref().map_or(0, bytes_of);
            if dropped >= bytes {
                break;
            }
        }
        self.pair_bytes -= dropped;
        self.places.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.places.iter().flatten().map(|pair| (&*pair.field, &*pair.value))
    }

    /// Number of places, free ones included: the end of a scan.
    pub(super) fn places(&self) -> usize {
        self.places.len()
    }

    /// The pair at a place, if one is there.
    pub(super) fn at(&self, place: usize) -> Option<(&[u8], &[u8])> {
        self.places.get(place)?.as_ref().map(|pair| (&*pair.field, &*pair.value))
    }

    fn hash(&self, field: &[u8]) -> u64 {
        self.hasher.hash_one(field)
    }

    fn pair(&self, place: u32) -> Option<&Pair> {
        self.places.get(place as usize)?.as_ref()
    }

    fn is_at(&self, place: u32, field: &[u8]) -> bool {
        self.pair(place).is_some_and(|pair| &*pair.field == field)
    }

    fn place(&mut self, pair: Pair) -> u32 {
        match self.free.pop() {
            Some(place) => {
                self.places[place as usize] = Some(pair);
                place
            }
            None => {
                self.places.push(Some(pair));
                (self.places.len() - 1) as u32
            }
        }
    }
}

fn bytes_of(pair: &Pair) -> usize {
    heap_bytes(pair.field.len()) + heap_bytes(pair.value.len())
}

/// Bytes of a table of so many buckets: a place and a control byte each, and a group of control bytes at the end. The
/// shared empty table has one bucket and no allocation.
const fn table_bytes(buckets: usize) -> usize {
    if buckets <= 1 { 0 } else { buckets * (size_of::<u32>() + 1) + 16 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pairs_are_counted_to_the_byte(steps in proptest::collection::vec((0_u8..4, 0_u8..30, 0_usize..90), 0..200)) {
            let mut fields = Fields::default();
            for (kind, field, length) in steps {
                match kind {
                    0 => drop(fields.remove(&[field])),
                    1 => fields = fields.clone(),
                    _ => drop(fields.set(&[field], &vec![0; length])),
                }
                let pairs: usize =
                    fields.iter().map(|(field, value)| heap_bytes(field.len()) + heap_bytes(value.len())).sum();
                prop_assert_eq!(fields.pair_bytes, pairs);
                prop_assert_eq!(fields.iter().count(), fields.len());
            }
        }
    }

    #[test]
    fn a_table_weighs_the_same_after_removals() {
        let mut fields = Fields::default();
        for number in 0..1_000_u32 {
            fields.set(&number.to_be_bytes(), b"");
        }
        let table = table_bytes(fields.table.buckets());
        for number in 0..999_u32 {
            fields.remove(&number.to_be_bytes());
        }
        assert_eq!(table_bytes(fields.table.buckets()), table);
        assert_eq!(table, 2_048 * 5 + 16);
    }
}
