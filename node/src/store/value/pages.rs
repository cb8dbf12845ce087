//! A vector that grows page by page: adding or removing an element never moves more than one page of others. What the
//! elements are is left to the user.

use super::heap_bytes;

/// The elements, by number.
#[derive(Debug, Clone)]
pub(super) struct Pages<T> {
    pages: Vec<Vec<T>>,
}

impl<T> Default for Pages<T> {
    fn default() -> Self {
        Self { pages: Vec::new() }
    }
}

impl<T> Pages<T> {
    pub(super) fn len(&self) -> usize {
        self.pages.last().map_or(0, |last| (self.pages.len() - 1) * PAGE_ELEMENTS + last.len())
    }

    #[inline]
    pub(super) fn get(&self, number: usize) -> Option<&T> {
        self.pages.get(number / PAGE_ELEMENTS)?.get(number % PAGE_ELEMENTS)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, number: usize) -> Option<&mut T> {
        self.pages.get_mut(number / PAGE_ELEMENTS)?.get_mut(number % PAGE_ELEMENTS)
    }

    pub(super) fn push(&mut self, element: T) {
        match self.pages.last_mut() {
            Some(last) if last.len() < PAGE_ELEMENTS => {
                if last.len() == last.capacity() {
                    // Half as much again, so that a small vector wastes little.
                    let room = (last.len() / 2).max(1).min(PAGE_ELEMENTS - last.len());
                    last.reserve_exact(room);
                }
                last.push(element);
            }
            _ => self.pages.push(vec![element]),
        }
    }

    pub(super) fn pop(&mut self) -> Option<T> {
        let last = self.pages.last_mut()?;
        let element = last.pop();
        if last.is_empty() {
            self.pages.pop();
            if self.pages.len() < self.pages.capacity() / 4 {
                self.pages.shrink_to(self.pages.len() * 2);
            }
        } else if last.len() * 2 < last.capacity() {
            last.shrink_to(last.len() + last.len() / 2);
        }
        element
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.pages.iter().flatten()
    }

    /// Bytes on the heap, without what the elements own.
    pub(super) fn heap_bytes(&self) -> usize {
        let Some(last) = self.pages.last() else { return heap_bytes(self.outer_bytes()) };
        // All pages but the last are full.
        (self.pages.len() - 1) * heap_bytes(PAGE_ELEMENTS * size_of::<T>())
            + heap_bytes(last.capacity() * size_of::<T>())
            + heap_bytes(self.outer_bytes())
    }

    fn outer_bytes(&self) -> usize {
        self.pages.capacity() * size_of::<Vec<T>>()
    }
}

/// Elements of a full page.
const PAGE_ELEMENTS: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_counted_and_full_pages_are_exact() {
        let mut pages = Pages::default();
        for number in 0..3_000_u64 {
            pages.push(number);
            assert_eq!(pages.len() as u64, number + 1);
        }
        assert!(pages.pages.iter().rev().skip(1).all(|page| page.capacity() == PAGE_ELEMENTS));
        assert!(pages.iter().copied().eq(0..3_000));
        assert_eq!((pages.get(2_999), pages.get(3_000)), (Some(&2_999), None));
        for number in (0..3_000).rev() {
            assert_eq!(pages.pop(), Some(number));
            let truth: usize = pages.pages.iter().map(|page| heap_bytes(page.capacity() * 8)).sum();
            assert_eq!(pages.heap_bytes(), truth + heap_bytes(pages.outer_bytes()));
        }
        assert_eq!((pages.pop(), pages.len()), (None, 0));
    }
}
