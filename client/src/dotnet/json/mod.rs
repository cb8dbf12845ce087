//! JSON as Newtonsoft's Linq has it: a tree of tokens that is shared and changed in place.
//!
//! # Shared and mutable
//!
//! A [`JToken`] is a handle. Two handles of one token see each other's changes, as two references do
//! in .NET: after `var address = user["address"]; address["city"] = "Bonn"`, printing `user` shows
//! Bonn. Copy-on-write could not do that, so each token holds its content behind a mutex of its own;
//! handles are `Send + Sync`, because policies run on a pool of threads. No code holds two of these
//! mutexes at once, so no order of locks is needed. A token has one parent: one that has a parent is
//! copied when it is put into another place, as Newtonsoft does, so there are no cycles.
//!
//! # Where this differs from Newtonsoft
//!
//! - A text that looks like a date stays the text that it is; Newtonsoft makes it a date, and prints
//!   that in another form than it was sent.
//! - Whole numbers beyond 64 bits are refused; `undefined` and constructors (`new Date(0)`) are too.
//! - Lines end with `\n` on every system.
//! - A lone half of a surrogate pair becomes U+FFFD.
//! - A token does not keep the tree above it: `Parent`, `Root` and `Path` know of it as long as something
//!   else holds it, as a variable does.

mod cast;
mod merge;
mod parse;
mod path;
mod print;
#[cfg(test)]
mod tests;
mod token;

pub use cast::{as_bool, as_decimal, as_f64, as_i32, as_i64, as_text};
pub use merge::merge;
pub use parse::{parse, parse_array, parse_object};
pub use path::{path_of, select_all};
pub use print::{Formatting, quoted};
pub use token::{JToken, JTokenKind, JValue};
