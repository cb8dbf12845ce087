//! What policies and expressions see of a request: plain data that the gateway fills in. Running
//! statements and evaluating expressions over it is left to others.
//!
//! One [`Context`] belongs to one request and lives as long as it. Values of expressions and variables are
//! [`Datum`]s.

mod body;
mod current;
mod entities;
mod error;
mod headers;
mod message;
mod url;
mod variables;

#[doc(inline)]
pub use crate::dotnet::Datum;
pub use body::{BodyError, Content, StreamBody};
pub use current::Context;
pub use entities::{Api, Deployment, Group, Operation, Product, Subscription, User};
pub use error::LastError;
pub use headers::joined;
pub use message::{Request, Response};
pub use url::Url;
pub use variables::Variables;
