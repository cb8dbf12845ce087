//! The keys of a partition in an order that does not change while they live: what a scan walks, a random choice draws
//! from, and the sweep for deadlines reads without touching a single item.

use larder_proto::effect::Namespace;
use larder_proto::time::Deadline;

use super::value::heap_bytes;

/// Places, each taken by one key or free.
#[derive(Debug, Default)]
pub(super) struct Roster {
    places: Vec<Place>,
    first_free: Option<u32>,
    taken: u32,
    deadlines: u32,
}

/// What the roster knows of a key without looking it up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) hash: u64,
    pub(super) deadline: Deadline,
    pub(super) namespace: Namespace,
}

#[derive(Debug, Clone, Copy)]
enum Place {
    Taken(Entry),
    Free { next: Option<u32> },
}

impl Roster {
    /// Takes a place for a new key; the place, and the bytes by which the roster grew.
    pub(super) fn add(&mut self, entry: Entry) -> (u32, usize) {
        self.taken += 1;
        self.deadlines += has_deadline(entry.deadline);
        if let Some(position) = self.first_free {
            let place = &mut self.places[position as usize];
            if let Place::Free { next } = *place {
                self.first_free = next;
            }
            *place = Place::Taken(entry);
            return (position, 0);
        }
        let before = self.bytes();
        self.places.push(Place::Taken(entry));
        ((self.places.len() - 1) as u32, self.bytes() - before)
    }

    /// Frees a place; the bytes by which the roster shrank, which it does once it is empty.
    pub(super) fn remove(&mut self, position: u32) -> usize {
        let place = &mut self.places[position as usize];
        if let Place::Taken(entry) = *place {
            self.taken -= 1;
            self.deadlines -= has_deadline(entry.deadline);
            *place = Place::Free { next: self.first_free };
            self.first_free = Some(position);
        }
        if self.taken > 0 {
            return 0;
        }
        let before = self.bytes();
        *self = Self::default();
        before
    }

    pub(super) fn set_deadline(&mut self, position: u32, deadline: Deadline) {
        if let Some(Place::Taken(entry)) = self.places.get_mut(position as usize) {
            self.deadlines = self.deadlines + has_deadline(deadline) - has_deadline(entry.deadline);
            entry.deadline = deadline;
        }
    }

    /// Keys.
    pub(super) const fn taken(&self) -> u32 {
        self.taken
    }

    /// Keys with a deadline.
    pub(super) const fn deadlines(&self) -> u32 {
        self.deadlines
    }

    /// Places, free ones included.
    pub(super) const fn places(&self) -> usize {
        self.places.len()
    }

    pub(super) fn get(&self, position: u32) -> Option<&Entry> {
        match self.places.get(position as usize)? {
            Place::Taken(entry) => Some(entry),
            Place::Free { .. } => None,
        }
    }

    /// The entries from a place on, with their places.
    pub(super) fn from(&self, position: u32) -> impl Iterator<Item = (u32, &Entry)> {
        self.among(position, self.places.len())
    }

    /// The entries at so many places from a place on, with their places.
    pub(super) fn among(&self, position: u32, places: usize) -> impl Iterator<Item = (u32, &Entry)> {
        let start = (position as usize).min(self.places.len());
        let end = start.saturating_add(places).min(self.places.len());
        self.places[start..end].iter().zip(position..).filter_map(|(place, at)| match place {
            Place::Taken(entry) => Some((at, entry)),
            Place::Free { .. } => None,
        })
    }

    /// Bytes on the heap.
    pub(super) fn bytes(&self) -> usize {
        heap_bytes(self.places.capacity() * size_of::<Place>())
    }
}

fn has_deadline(deadline: Deadline) -> u32 {
    u32::from(deadline.moment().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_kept_and_used_again() {
        let entry = |hash| Entry { hash, deadline: Deadline::NEVER, namespace: Namespace(0) };
        let mut roster = Roster::default();
        let places: Vec<u32> = (0..4).map(|hash| roster.add(entry(hash)).0).collect();
        roster.remove(places[1]);
        roster.remove(places[2]);
        assert_eq!(roster.from(0).map(|(at, _)| at).collect::<Vec<_>>(), [0, 3]);
        assert_eq!(roster.add(entry(9)).0, 2);
        assert_eq!(roster.get(2).map(|entry| entry.hash), Some(9));
        assert_eq!(roster.taken, 3);
        for position in [0, 2, 3] {
            roster.remove(position);
        }
        assert_eq!(roster.places(), 0);
    }
}
