//! The request parser under any bytes: it ends, keeps its ranges within the request, and does not depend on where the
//! bytes are cut. The check itself is shared with the property tests.

#![no_main]

use larder_tests::conversation::same_however_cut;
use libfuzzer_sys::fuzz_target;

// The first two bytes say where the rest is cut.
fuzz_target!(|bytes: &[u8]| {
    let Some((cut, bytes)) = bytes.split_first_chunk::<2>() else { return };
    let cut = usize::from(u16::from_le_bytes(*cut)) % (bytes.len() + 1);
    if let Err(fault) = same_however_cut(bytes, cut) {
        panic!("{fault}");
    }
});
