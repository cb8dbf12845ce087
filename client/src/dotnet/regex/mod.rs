//! `System.Text.RegularExpressions`, as far as an engine without backtracking can do it: time is linear
//! in the text, so that no pattern can stop a gateway.
//!
//! A search is not interrupted, so that one that may take too long is refused before it begins: the
//! [weight](super::limits::REGEX_WORK_MAX) of the pattern times the length of the text is limited.
//!
//! # Where this differs from .NET
//!
//! - Refused, with the place and the reason: lookaround, backreferences, atomic groups, conditionals,
//!   balancing groups, numbered names (`(?<2>…)`), one name twice, `\G`, Unicode blocks
//!   (`\p{IsGreek}`), `RightToLeft`, `ECMAScript`, and patterns beyond the [limits](super::limits).
//! - A group holds its last capture only.
//! - `$` and `\Z` match before a line feed at the very end too; where a lazy pattern could end before or
//!   behind that line feed, it ends behind it.

mod cache;
mod options;
mod replacement;
mod search;
#[cfg(test)]
mod tests;
mod translate;
mod weight;

pub use cache::cached;
pub use options::Options;
pub use search::{Group, Match, Regex, escape, unescape};
