//! The parser and the whole command table over a small store, under any bytes: each request has one reply that
//! `redis-protocol` reads, and memory stays within its limit. The check itself is shared with the property tests.

#![no_main]

use larder_tests::conversation::Driver;
use libfuzzer_sys::fuzz_target;

// Small, so that a conversation can reach it.
const MEMORY_BYTES_MAX: usize = 1 << 20;

fuzz_target!(|bytes: &[u8]| {
    let mut driver = Driver::new(MEMORY_BYTES_MAX);
    if let Err(fault) = driver.feed(bytes).and_then(|_| driver.memory_held()) {
        panic!("{fault}");
    }
});
