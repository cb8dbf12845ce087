//! From tokens to a syntax tree, as the C# 7 specification orders them. What names and types mean is left
//! to those who read the tree.

mod arguments;
mod creation;
mod cursor;
mod expression;
mod interpolation;
mod lambda;
mod lookahead;
mod operators;
mod path;
mod primary;
mod program;
mod returns;
mod statement;
mod switch;
mod types;

pub use program::parse;

pub(super) use returns::can_complete;
