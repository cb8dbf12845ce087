//! `DateTime`, `DateTimeOffset` and `TimeSpan` with the invariant culture. The current time is handed
//! in by the caller; the local time zone is UTC, as in a gateway, so local and universal clocks agree.

mod calendar;
mod exact;
mod format;
mod moment;
mod offset;
mod parse;
mod span;
mod span_text;
#[cfg(test)]
mod tests;

pub use calendar::{Parts, Weekday, days_in_month, is_leap_year};
pub use exact::{Exact, parse_exact, parse_exact_offset};
pub use format::{format, format_offset};
pub use moment::{
    Unit, add, add_months, add_units, add_years, date_of, from_parts, parts, subtract, to_local, to_universal,
};
pub use offset::{DateOffset, UNIX_EPOCH_TICKS};
pub use parse::{Styles, parse, parse_offset};
pub use span::{Span, TICKS_PER_DAY, TICKS_PER_HOUR, TICKS_PER_MINUTE, TICKS_PER_SECOND};
pub use span_text::{format_span, parse_span};
