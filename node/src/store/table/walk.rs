//! Going through a table: ranges of tags for SCAN, an entry at random, all usages in turn. Changes nothing but usages.

use std::ops::Range;

use fastrand::Rng;

use super::Table;
use super::bucket::{Entry, PLACES};
use super::layout::Tag;

impl Table {
    /// Visits every entry whose tag lies in a range, in no particular order. Since a tag outlasts every change of
    /// size, ranges that follow upon each other visit each entry that stays exactly once.
    pub(in crate::store) fn visit(&self, tags: Range<Tag>, mut visit: impl FnMut(Entry)) {
        let frontier = self.layout.frontier();
        self.visit_side(tags.start..tags.end.min(frontier), &mut visit);
        self.visit_side(tags.start.max(frontier)..tags.end, &mut visit);
    }

    /// The end of a range from `from` on that has about `wanted` entries, [`Tag::END`] at last. The range is never
    /// empty, and equal tags are never parted.
    pub(in crate::store) fn next_range(&self, from: Tag, wanted: usize) -> Tag {
        let row = self.buckets.as_slice();
        let (mut to, mut entries) = (from, 0);
        for _ in 0..wanted.saturating_add(1) {
            let Some(bucket) = row.get(self.layout.home(to)).filter(|_| to < Tag::END) else {
                return Tag::END;
            };
            entries += bucket.entries().filter(|entry| entry.tag >= from).count();
            to = self.layout.first_behind(self.layout.home(to));
            if entries >= wanted {
                break;
            }
        }
        to
    }

    /// An entry, each as likely as any other; `None` if there is none.
    pub(in crate::store) fn random(&self, random: &mut Rng) -> Option<Entry> {
        let row = self.buckets.as_slice();
        if self.len == 0 {
            return None;
        }
        for _ in 0..RANDOM_TRIES {
            let bucket = &row[random.usize(..row.len())];
            let place = random.usize(..PLACES);
            if place < bucket.len() {
                return Some(bucket.entry(place));
            }
        }
        // Only if the hash were broken would so much of the table be empty.
        let start = random.usize(..row.len());
        row[start..].iter().chain(&row[..start]).find_map(|bucket| bucket.entries().next())
    }

    /// Passes the usages in `count` buckets from one on through a function; the bucket to go on with, `None` at the
    /// end. A usage that another thread sets meanwhile may be lost: it is an estimate. While the table changes its
    /// size, some usages may be passed over or come twice.
    pub(in crate::store) fn refresh(
        &self,
        from: usize,
        count: usize,
        f: impl Fn(u16) -> u16,
    ) -> Option<usize> {
        let row = self.buckets.as_slice();
        let to = from.saturating_add(count).min(row.len());
        for bucket in row.get(from..to)? {
            for place in 0..bucket.len() {
                let (before, after) = (bucket.usage(place), f(bucket.usage(place)));
                // A line that is not written stays shared between the caches.
                if before != after {
                    bucket.set_usage(place, after);
                }
            }
        }
        Some(to).filter(|&to| to < row.len())
    }

    /// Visits the entries of a range of tags that lies on one side of the frontier.
    fn visit_side(&self, tags: Range<Tag>, visit: &mut impl FnMut(Entry)) {
        if tags.is_empty() || self.len == 0 {
            return;
        }
        let last_home = self.layout.home(Tag::new(tags.end.number() - 1));
        let first_home = self.layout.home(tags.start);
        for (index, bucket) in self.buckets.as_slice().iter().enumerate().skip(first_home) {
            bucket.entries().filter(|entry| tags.contains(&entry.tag)).for_each(&mut *visit);
            if index >= last_home && !bucket.is_full() {
                return;
            }
        }
    }
}

/// Places tried at random; at a load of 60 % the chance that all are empty is below one in 10^25.
const RANDOM_TRIES: usize = 64;
