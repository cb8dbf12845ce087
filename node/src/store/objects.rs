//! The collections of a shard: values on the heap, by number. Which key has which is left to the items.

use super::value::{Value, heap_bytes};

/// Numbered places for collections.
#[derive(Debug, Default)]
pub(super) struct Objects {
    places: Vec<Option<Value>>,
    free: Vec<u32>,
}

impl Objects {
    #[inline]
    pub(super) fn get(&self, number: u32) -> Option<&Value> {
        self.places.get(number as usize)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut Value> {
        self.places.get_mut(number as usize)?.as_mut()
    }

    /// Takes in a collection: its number, and the bytes that it and its place take.
    pub(super) fn add(&mut self, value: Value) -> (u32, usize) {
        let before = self.place_bytes();
        let value_bytes = value.heap_bytes();
        let number = match self.free.pop() {
            Some(number) => {
                self.places[number as usize] = Some(value);
                number
            }
            None => {
                self.places.push(Some(value));
                (self.places.len() - 1) as u32
            }
        };
        (number, value_bytes + self.place_bytes() - before)
    }

    /// Hands out a collection, and the bytes that it and its place took.
    pub(super) fn remove(&mut self, number: u32) -> Option<(Value, i64)> {
        let before = self.place_bytes();
        let value = self.places.get_mut(number as usize)?.take()?;
        self.free.push(number);
        if self.free.len() == self.places.len() {
            *self = Self::default();
        }
        // The list of free places may have grown by more than the value took.
        let freed = (value.heap_bytes() + before) as i64 - self.place_bytes() as i64;
        Some((value, freed))
    }

    /// Bytes of the places.
    pub(super) fn place_bytes(&self) -> usize {
        heap_bytes(self.places.capacity() * size_of::<Option<Value>>())
            + heap_bytes(self.free.capacity() * size_of::<u32>())
    }

    /// Bytes of places and collections, counted afresh.
    #[cfg(any(test, feature = "recount"))]
    pub(super) fn bytes(&self) -> usize {
        self.place_bytes() + self.places.iter().flatten().map(Value::heap_bytes).sum::<usize>()
    }
}
