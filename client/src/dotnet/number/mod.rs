//! Numbers as .NET has them: reading, printing and arithmetic of `int`, `long`, `double` and, with
//! the arithmetic of [`decimal`](super::decimal), `decimal`.

mod arithmetic;
mod custom;
mod digits;
mod format;
mod parse;
mod styles;
#[cfg(test)]
mod tests;

pub use arithmetic::{Number, Operator, Ordered, Whole, binary, compare, floating};
pub use format::{double_text, format};
pub use parse::{parse_bool, parse_double, parse_int, parse_long};
pub use styles::{Styles, parse_whole, plain};

pub(super) use arithmetic::by_zero;
pub(super) use digits::Digits;
pub(super) use parse::{is_blank, plain_number};
