//! What expressions can name: one row per type and one per member, declared as in C#. The compiler reads
//! everything off these rows: names, overloads, types of arguments and results, what is refused and why.
//!
//! # A row
//!
//! ```text
//! member("string Substring(int startIndex, int length)", |call| {
//!     let part = text::substring(call.text(0)?, call.int(1)?, Some(call.int(2)?))?;
//!     call.made(part)
//! }),
//! ```
//!
//! The declaration is the one of .NET's reference, without modifiers but `static`:
//!
//! | Form | Declares |
//! |---|---|
//! | `int Length` | a property |
//! | `set string Name` | what assigns to it: receiver, value |
//! | `static string Empty` | a static property, field or constant |
//! | `bool StartsWith(string value, bool ignoreCase = false)` | a method |
//! | `static string Join(string separator, params object[] values)` | a static method, any number of values |
//! | `static bool TryParse(string s, out int result)` | a value that comes back: `call.set_out(1, …)` |
//! | `T As<T>(bool preserveContent = false)` | a type argument: `call.type_argument(0)` |
//! | `static IEnumerable<R> Select<T, R>(this IEnumerable<T> source, Func<T, R> selector)` | an extension method |
//! | `new(int year, int month, int day)` | a constructor |
//! | `char this[int index]`, `set T this[int index]` | an indexer; the value is the last argument |
//! | `static TimeSpan operator -(DateTime left, DateTime right)` | an operator |
//! | `implicit operator JToken(string value)`, `explicit operator int(JToken value)` | a conversion: result and parameter |
//!
//! Arguments are numbered from 0; of an instance member, 0 is the receiver, which is never null. They have
//! exactly the declared types: the compiler has converted them. An array of `params` comes as one list.

mod address;
mod all;
mod builder;
mod bytes;
mod call;
mod character;
mod collections;
mod context;
mod convert;
mod crypto;
mod date;
#[cfg(test)]
mod edges;
mod json;
mod lists;
mod math;
mod misc;
mod number;
mod object;
mod offset;
mod outside;
mod query;
mod random;
mod regexes;
mod row;
mod sets;
mod span;
mod sums;
#[cfg(test)]
mod tests;
mod text;
mod tokens;

pub(in crate::expression) use all::TYPES;
pub(in crate::expression) use call::Call;
pub(in crate::expression) use context::entries;
pub(in crate::expression) use json::{properties, scalar, token_of};
pub(in crate::expression) use row::{
    Function, Member, Run, TypeRow, class, enumeration, member, more, refused, refused_type,
};
#[cfg(test)]
pub(in crate::expression) use tests::used;
