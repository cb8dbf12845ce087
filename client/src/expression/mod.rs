//! Policy expressions, `@(…)` and `@{…}`: the C# 7 that published policies use, from text to a value.
//!
//! ```
//! use larder_client::context::{Context, Request, Url};
//! use larder_client::expression::{EvaluationLimits, Position, Surroundings, Wanted, compile};
//! use larder_client::{SystemClock, SystemRandom, SystemWallClock};
//!
//! let key = compile("@(\"path:\" + context.Request.Url.Path)", Position::START, Wanted::Text).unwrap();
//!
//! let url = Url::parse("https://api.example/orders/7").unwrap();
//! let mut context = Context::new(Request::new(http::Method::GET, url));
//! let (clock, random) = (SystemClock::new(), SystemRandom::new());
//! let surroundings = Surroundings {
//!     clock: &clock,
//!     wall_clock: &SystemWallClock,
//!     random: &random,
//!     limits: EvaluationLimits::default(),
//! };
//! let value = key.evaluate(&mut context, &surroundings).unwrap();
//! assert_eq!(format!("{value:?}"), "String(\"path:/orders/7\")");
//!
//! let errors = compile("@(context.Request.Mehtod)", Position::START, Wanted::Text).unwrap_err();
//! let said = "line 1, column 19: IRequest has no member 'Mehtod'; did you mean 'Method'?";
//! assert_eq!(errors[0].to_string(), said);
//! ```
//!
//! # From text to value
//!
//! [`parse`] gives a syntax tree. [`compile`] gives each name, operator and conversion its meaning: types are
//! checked as C# does, all errors are told at once, constants are calculated. What remains is a tree of
//! functions and numbered slots that [`Compiled::evaluate`] walks through for each request, within
//! [`EvaluationLimits`].
//!
//! The members of .NET that expressions can name are listed in [`mod@reference`], those of the gateway's context in
//! [`context`](crate::context).
//!
//! # Where this differs from C#
//!
//! - Integers wrap also where C# refuses to compile a constant that overflows.
//! - Queries are carried out at once, not when they are walked through.
//! - Values that were boxed are equal if they are equal; two references to texts are compared by `==` as
//!   references only if both are `object`, as in C#.
//! - A variable of an `is` pattern or an `out` argument has a value also where C# is not sure of it.
//! - The elements of a `byte[]` cannot be changed.
//! - `Dispose` does nothing: no value here holds anything that has to be given back. `using` takes what has
//!   `Dispose`, and its variables cannot be changed, as in C#.
//!
//! # Where the text ends
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
//!   `continue`, `throw`, `try`, `using (…)`. Every path through `@{…}` must return.
//!
//! # What is refused
//!
//! By name ([`Problem::Unsupported`]): query syntax, `async`, `await`, `yield`, `goto` and labels, `unsafe`,
//! `using` without parentheses, `lock`, `checked`, `typeof`, `sizeof`, `this`, `ref`, local functions, anonymous methods, tuples, arrays
//! of several dimensions, patterns after `case`, preprocessor directives, and what is newer than C# 7.
//! The sizes are limited: [`limits`](crate::limits) says how.

mod compile;
mod error;
mod lexer;
mod members;
mod objects;
mod parser;
mod position;
pub mod reference;
mod run;
mod scan;
mod surroundings;
pub mod syntax;
mod types;

pub use compile::{Compiled, Needs, Wanted, compile};
pub use error::{ExpressionError, Problem};
pub use parser::parse;
pub use position::{Position, Span};
pub use scan::{ScanError, ScanProblem, end_of};
pub(crate) use scan::{begins, end_of_escaped};
pub use surroundings::{EvaluationLimits, Failure, Surroundings};
pub use types::{Class, Type};
