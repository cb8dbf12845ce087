//! From a syntax tree to what runs: names become members and slots, types are checked, conversions are
//! put in, constants are calculated. All errors of an expression are told at once.

mod assign;
mod binder;
mod conversion;
mod convert;
mod create;
mod expression;
mod flow;
mod lambda;
mod member;
mod near;
mod operator;
mod overload;
mod path;
mod program;
mod scope;
mod statement;
mod types;

pub(super) use create::default_of;
pub use program::{Compiled, Needs, Wanted, compile};
