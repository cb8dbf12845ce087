//! From the time that a command names to a deadline. Which command takes which measure is left to the families.

use larder_proto::time::{Deadline, Millis};

use super::error::CommandError;
use super::number::parse_integer;

/// How a command counts time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Measure {
    in_seconds: bool,
    since_epoch: bool,
}

impl Measure {
    /// Seconds from now (EX).
    pub(super) const SECONDS: Self = Self { in_seconds: true, since_epoch: false };
    /// Milliseconds from now (PX).
    pub(super) const MILLISECONDS: Self = Self { in_seconds: false, since_epoch: false };
    /// Seconds of the Unix epoch (EXAT).
    pub(super) const UNIX_SECONDS: Self = Self { in_seconds: true, since_epoch: true };
    /// Milliseconds of the Unix epoch (PXAT).
    pub(super) const UNIX_MILLISECONDS: Self = Self { in_seconds: false, since_epoch: true };

    /// The measure that an option of SET and GETEX names.
    pub(super) fn named(option: &[u8]) -> Option<Self> {
        let names = [
            ("ex", Self::SECONDS),
            ("px", Self::MILLISECONDS),
            ("exat", Self::UNIX_SECONDS),
            ("pxat", Self::UNIX_MILLISECONDS),
        ];
        names
            .into_iter()
            .find(|(name, _)| option.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, found)| found)
    }

    /// The moment in milliseconds of the Unix epoch, or `None` if it does not fit 64 bits. It may lie before 1970.
    pub(super) fn moment_ms(self, amount: i64, now: Millis) -> Option<i64> {
        let amount_ms = if self.in_seconds { amount.checked_mul(1_000)? } else { amount };
        let base_ms = if self.since_epoch { 0 } else { i64::try_from(now.0).ok()? };
        amount_ms.checked_add(base_ms)
    }

    /// The deadline that a positive number names.
    ///
    /// # Errors
    /// The word is no number, it is not positive, or the moment does not fit 64 bits.
    pub(super) fn deadline(
        self,
        word: &[u8],
        now: Millis,
        command: &'static str,
    ) -> Result<Deadline, CommandError> {
        let amount = parse_integer(word).ok_or(CommandError::NotInteger)?;
        let moment = self.moment_ms(amount, now).filter(|_| amount > 0);
        moment.and_then(at).ok_or(CommandError::InvalidExpire { command })
    }
}

/// The deadline at a moment after 1970.
pub(super) fn at(moment_ms: i64) -> Option<Deadline> {
    u64::try_from(moment_ms).ok().map(|ms| Deadline::at(Millis(ms)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_fit_or_are_refused() {
        let now = Millis(1_000);
        assert_eq!(Measure::SECONDS.moment_ms(2, now), Some(3_000));
        assert_eq!(Measure::UNIX_SECONDS.moment_ms(-2, now), Some(-2_000));
        assert_eq!(Measure::UNIX_SECONDS.moment_ms(i64::MAX / 1_000, now), Some(9_223_372_036_854_775_000));
        assert_eq!(Measure::UNIX_SECONDS.moment_ms(i64::MAX / 1_000 + 1, now), None);
        assert_eq!(Measure::MILLISECONDS.moment_ms(i64::MAX - 999, now), None);
        assert_eq!(Measure::UNIX_MILLISECONDS.moment_ms(i64::MAX, now), Some(i64::MAX));
        assert_eq!(Measure::named(b"PxAt"), Some(Measure::UNIX_MILLISECONDS));
        assert_eq!(Measure::named(b"p"), None);
    }
}
