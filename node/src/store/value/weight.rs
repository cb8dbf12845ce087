//! What a block on the heap really takes: the allocator's rounding is part of the memory limit.

/// Bytes that the system allocator (glibc on 64 bits) takes for a block: eight bytes of header, rounded up to 16,
/// 32 at least. Nothing for an empty one, which is not allocated.
pub(in crate::store) const fn heap_bytes(requested: usize) -> usize {
    if requested == 0 {
        return 0;
    }
    let rounded = (requested + 8).next_multiple_of(16);
    if rounded < 32 { 32 } else { rounded }
}

#[cfg(test)]
mod tests {
    use super::heap_bytes;

    #[test]
    fn blocks_are_rounded_as_the_allocator_does() {
        assert_eq!([0, 1, 24, 25, 40, 41].map(heap_bytes), [0, 32, 32, 48, 48, 64]);
    }
}
