//! What the members of .NET do, as plain functions with the invariant culture; nothing here knows
//! the syntax of expressions. The interpreter binds names to these functions. Every error is an
//! [`Exception`]; no input makes anything here panic, and no call makes more than its
//! [limits](limits) say. Time is handed in, and the local time zone is UTC, as in a gateway.

pub mod collection;
pub mod convert;
pub mod date;
pub mod datum;
pub mod decimal;
pub mod encoding;
mod error;
pub mod guid;
pub mod hash;
pub mod json;
pub mod limits;
pub mod linq;
pub mod math;
pub mod meter;
pub mod number;
pub mod object;
pub mod order;
pub mod regex;
pub mod text;
pub mod uri;
mod wide;

pub use datum::Datum;
pub use error::{Exception, ExceptionKind};
