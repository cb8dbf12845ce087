//! The pause after so many failed attempts: doubling, bounded, and never the same for two clients,
//! so that they do not all come back at once.

use std::time::Duration;

use crate::limits::{BACKOFF_MAX, BACKOFF_MIN};

/// The pause after `failed` attempts in a row: the doubled minimum, up to the maximum, of which
/// `random` chooses the upper half.
pub(super) fn pause(failed: u32, random: u64) -> Duration {
    let doublings = failed.saturating_sub(1).min(16);
    let full = BACKOFF_MIN.saturating_mul(1 << doublings).min(BACKOFF_MAX);
    let half = full / 2;
    half + half.mul_f64((random % 1_000) as f64 / 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound_and_are_spread() {
        for failed in [0, 1, 2, 3, 10, u32::MAX] {
            let (low, high) = (pause(failed, 0), pause(failed, 999));
            assert!(low < high && high <= BACKOFF_MAX, "{failed}: {low:?} {high:?}");
            assert!(low >= BACKOFF_MIN / 2);
        }
        assert!(pause(2, 0) == 2 * pause(1, 0));
        assert_eq!(pause(20, 0), BACKOFF_MAX / 2);
    }
}
