//! Policy expressions, `@(…)` and `@{…}`: the C# 7 that published policies use, from text to a syntax tree.
//!
//! ```
//! use larder_client::expression::{Position, end_of, parse};
//!
//! let document = r#"<cache-lookup-value key="@("tok:" + context.Subscription?.Id)" variable-name="tok" />"#;
//! let at = document.find('@').unwrap();
//! let end = at + end_of(&document[at..]).unwrap();
//! let start = Position::START.after_text(&document[..at]);
//! assert!(parse(&document[at..end], start).is_ok());
//!
//! let error = parse("@(1 + )", Position::START).unwrap_err();
//! assert_eq!(error.to_string(), "line 1, column 7: found ')', expected an expression");
//! ```
//!
//! # What is read
//!
//! - Literals of every kind with their suffixes and escapes, verbatim and interpolated strings with
//!   alignment and format.
//! - Members, calls with type arguments and named arguments, `out` variables, indexes, `?.` and `?[]`.
//! - All operators of C# 7 on values, casts, `is` with types, names and constants, `as`, `??`, `? :`,
//!   assignments, `throw` expressions, `default`.
//! - `new` with arguments and initialisers, arrays, anonymous objects; lambdas.
//! - Declarations, `if`, `return`, `foreach`, `for`, `while`, `do`, `switch` over constants, `break`,
//!   `continue`, `throw`, `try`. Every path through `@{…}` must return.
//!
//! # What is refused
//!
//! By name ([`Problem::Unsupported`]): query syntax, `async`, `await`, `yield`, `goto` and labels, `unsafe`,
//! `using`, `lock`, `checked`, `typeof`, `sizeof`, `this`, `ref`, local functions, anonymous methods, tuples, arrays
//! of several dimensions, patterns after `case`, preprocessor directives, and what is newer than C# 7.
//! The sizes are limited: [`limits`](crate::limits) says how.

mod error;
mod lexer;
mod parser;
mod position;
mod scan;
pub mod syntax;

pub use error::{ExpressionError, Problem};
pub use parser::parse;
pub use position::{Position, Span};
pub use scan::{ScanError, ScanProblem, end_of};
