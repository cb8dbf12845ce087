//! `System.String`, with the invariant culture.
//!
//! # Units
//!
//! .NET counts UTF-16 code units, so do lengths and indexes here: `"😀".Length` is 2. Texts themselves
//! are UTF-8, which cannot hold half of a surrogate pair: a cut through a pair leaves U+FFFD in place
//! of each half. For ASCII, units are bytes, and nothing is counted.

mod change;
mod compare;
mod compose;
mod search;
mod split;
#[cfg(test)]
mod tests;
mod units;

pub use change::{
    insert, join, pad_left, pad_right, remove, repeat, replace, to_lower, to_upper, trim, trim_end,
    trim_start,
};
pub use compare::{Comparison, compare, equals, is_null_or_empty, is_null_or_white_space};
pub use compose::{Formattable, aligned, format};
pub use search::{contains, ends_with, index_of, index_of_any, last_index_of, starts_with};
pub use split::{SplitOptions, split};
pub use units::{length, substring, to_char, unit_at};

pub(super) use change::bounded;
