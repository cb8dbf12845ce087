//! What a block on the heap really takes: the allocator's rounding is part of the memory limit.

/// Bytes that the node's allocator (jemalloc) takes for a block: a multiple of 16 up to 128, beyond that one of four sizes
/// in each doubling. Nothing for an empty one, which is not allocated.
pub(in crate::store) const fn heap_bytes(requested: usize) -> usize {
    match requested {
        0 => 0,
        1..=8 => 8,
        9..=128 => requested.next_multiple_of(16),
        _ => {
            // The step is a quarter of the power of two below the size.
            let below = 1_usize << (requested - 1).ilog2();
            requested.next_multiple_of(below / 4)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::heap_bytes;

    #[test]
    fn blocks_are_rounded_as_the_allocator_does() {
        assert_eq!([0, 1, 8, 9, 40, 128].map(heap_bytes), [0, 8, 8, 16, 48, 128]);
        assert_eq!([129, 160, 161, 256, 257, 4_097].map(heap_bytes), [160, 160, 192, 256, 320, 5_120]);
    }
}
