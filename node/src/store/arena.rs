//! Memory straight from the kernel: address space that is reserved in advance, becomes resident page by page when it is
//! first written, and is given back page by page. What lies where is left to the region and the table.
//!
//! Everything unsafe in the store stands here.

use std::io;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut, Range};
use std::sync::atomic::AtomicU16;

use memmap2::{Advice, MmapMut, MmapOptions, UncheckedAdvice};

use super::table::Bucket;

/// Bytes of a page, the unit in which memory becomes resident and is given back.
pub(super) const PAGE_BYTES: usize = 4_096;

/// A range of addresses. What was never written reads as zero and takes no memory.
#[derive(Debug)]
pub(super) struct Arena {
    map: MmapMut,
}

impl Arena {
    /// Reserves addresses, without memory.
    ///
    /// # Errors
    /// The kernel has no such range, or does not promise memory in advance (`vm.overcommit_memory` is 2).
    pub(super) fn reserve(bytes: usize) -> io::Result<Self> {
        let map = MmapOptions::new().len(bytes).no_reserve_swap().map_anon()?;
        // Pages of 2 MiB would make more resident than was written. A kernel built without them has no such advice.
        let _ = map.advise(Advice::NoHugePage);
        Ok(Self { map })
    }

    /// Gives the memory of these whole pages back; they read as zero from here on.
    pub(super) fn release(&mut self, pages: Range<usize>) {
        debug_assert!(pages.start.is_multiple_of(PAGE_BYTES) && pages.end.is_multiple_of(PAGE_BYTES));
        if pages.is_empty() || pages.end > self.map.len() {
            return;
        }
        let (at, length) = (pages.start, pages.len());
        #[expect(unsafe_code, reason = "pages can be given back in no other way")]
        // SAFETY: DONTNEED makes bytes of a private anonymous mapping zero. The range lies within the mapping, which is
        // checked above; `&mut self` means that nobody holds a reference into it; zero is a valid value of `u8`, and
        // of the atomics that `Bucket`s are made of, which are only reached through this mapping as well.
        let given = unsafe { self.map.unchecked_advise_range(UncheckedAdvice::DontNeed, at, length) };
        if given.is_err() {
            // Locked memory cannot be given back. It is made what the callers rely on all the same.
            self.map[pages].fill(0);
        }
    }
}

impl Deref for Arena {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.map
    }
}

impl DerefMut for Arena {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.map
    }
}

/// A type for which bytes of zero are a value.
///
/// # Safety
/// Every field must be valid, and mean "empty", when all its bytes are zero, and nothing must be left to drop.
#[expect(unsafe_code, reason = "the compiler cannot see what zero means")]
pub(super) unsafe trait Zeroed {}

#[expect(unsafe_code, reason = "a bucket is integers and atomic integers only")]
// SAFETY: a bucket has arrays of integers and atomic integers; all zero it has no entry. It needs no drop.
unsafe impl Zeroed for Bucket {}

#[expect(unsafe_code, reason = "an atomic integer only")]
// SAFETY: an atomic integer may be zero, and needs no drop.
unsafe impl Zeroed for AtomicU16 {}

/// A row of values that grows and shrinks at its end without being copied, and begins with values of zero.
#[derive(Debug)]
pub(super) struct Row<T> {
    arena: Option<Arena>,
    length: usize,
    values: PhantomData<T>,
}

impl<T> Default for Row<T> {
    fn default() -> Self {
        Self { arena: None, length: 0, values: PhantomData }
    }
}

impl<T: Zeroed> Row<T> {
    #[inline]
    pub(super) fn as_slice(&self) -> &[T] {
        let Some(arena) = &self.arena else { return &[] };
        debug_assert!(self.length * size_of::<T>() <= arena.len());
        #[expect(unsafe_code, reason = "the mapping has no type")]
        // SAFETY: the mapping begins at a page, so it is aligned for any `T` of up to 4,096 bytes' alignment, which
        // `resize` asserts; it has at least `length` times the size of `T`, since `resize` sets `length` only after it
        // has seen to that; its bytes are zero or were written as `T` through `as_mut_slice`, and `T: Zeroed`. The
        // reference lives as long as the borrow of `self`, which owns the mapping.
        unsafe {
            std::slice::from_raw_parts(arena.as_ptr().cast(), self.length)
        }
    }

    #[inline]
    pub(super) fn as_mut_slice(&mut self) -> &mut [T] {
        let Some(arena) = &mut self.arena else { return &mut [] };
        #[expect(unsafe_code, reason = "the mapping has no type")]
        // SAFETY: as in `as_slice`; `&mut self` means that this is the only reference.
        unsafe {
            std::slice::from_raw_parts_mut(arena.as_mut_ptr().cast(), self.length)
        }
    }

    /// Changes the number of values. New ones are zero. Pages that are no longer needed are given back.
    ///
    /// # Errors
    /// The kernel has no addresses; nothing was changed.
    pub(super) fn resize(&mut self, length: usize) -> io::Result<()> {
        const { assert!(align_of::<T>() <= PAGE_BYTES && !std::mem::needs_drop::<T>()) }
        let bytes = length * size_of::<T>();
        self.reserve(bytes)?;
        let Some(arena) = &mut self.arena else { return Ok(()) };
        let before = self.length * size_of::<T>();
        if bytes < before {
            let kept = pages(bytes);
            arena[bytes..before.min(kept)].fill(0);
            arena.release(kept..pages(before).max(kept));
        }
        self.length = length;
        Ok(())
    }

    /// Bytes of the pages that the values take.
    pub(super) const fn bytes(&self) -> usize {
        pages(self.length * size_of::<T>())
    }

    /// Sees to it that there are addresses for so many bytes. Addresses are plenty at first; a row that outgrows them is
    /// copied once.
    fn reserve(&mut self, bytes: usize) -> io::Result<()> {
        let reserved = self.arena.as_ref().map_or(0, |arena| arena.len());
        if bytes <= reserved {
            return Ok(());
        }
        let mut arena = Arena::reserve(bytes.next_power_of_two().max(ROW_BYTES_MIN))?;
        if let Some(old) = &self.arena {
            let used = self.length * size_of::<T>();
            arena[..used].copy_from_slice(&old[..used]);
        }
        self.arena = Some(arena);
        Ok(())
    }
}

/// Asks for the line at the front of a value to be fetched, so that a look at it soon after does not wait.
#[inline]
pub(super) fn prefetch<T>(value: &T) {
    prefetch_address(std::ptr::from_ref(value).addr());
}

/// Like [`prefetch`], of whatever lies at an address; of nothing, if nothing does.
#[inline]
pub(super) fn prefetch_address(address: usize) {
    #[cfg(target_arch = "x86_64")]
    #[expect(unsafe_code, reason = "there is no safe way to ask")]
    // SAFETY: prefetching is a hint. It gives nothing that the program sees, and does not fault at any address.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::without_provenance(address));
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

/// Addresses of a row at first: those of four million buckets, 25 million keys of one shard.
const ROW_BYTES_MIN: usize = 256 << 20;

/// Rounded up to whole pages.
pub(super) const fn pages(bytes: usize) -> usize {
    bytes.next_multiple_of(PAGE_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_that_are_given_back_read_as_zero() {
        let mut arena = Arena::reserve(1 << 30).unwrap();
        arena[PAGE_BYTES - 1..=PAGE_BYTES].fill(7);
        arena.release(PAGE_BYTES..2 * PAGE_BYTES);
        assert_eq!(arena[PAGE_BYTES - 1..=PAGE_BYTES], [7, 0]);
    }
}
