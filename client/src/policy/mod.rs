//! Policies: reading them, checking them, and what they say.
//!
//! A policy is XML in which C# expressions stand. This module makes statements of it; running them is
//! left to [`engine`](crate::engine).
//!
//! ```
//! use larder_client::policy::{Document, Fragments, NamedValues, Section, Setting, Statement};
//!
//! let text = r#"
//! <policies>
//!   <inbound>
//!     <base />
//!     <cache-lookup-value key="@("profile-" + context.Variables["user"])" variable-name="profile" />
//!     <rate-limit calls="{{calls}}" renewal-period="60" />
//!   </inbound>
//! </policies>"#;
//! let named = NamedValues::new().with("calls", "100");
//! let document = Document::read(text, &named, &Fragments::new())?;
//!
//! let inbound = document.section(Section::Inbound);
//! let Statement::CacheLookupValue(lookup) = &inbound[1].statement else { panic!() };
//! let Setting::Expression(key) = &lookup.key else { panic!() };
//! assert_eq!(&*key.text, r#"@("profile-" + context.Variables["user"])"#);
//! assert_eq!(key.location.to_string(), "line 5, column 30");
//! # Ok::<(), larder_client::policy::Problems>(())
//! ```
//!
//! # What is read
//!
//! - *Documents*: `<policies>` with the sections `inbound`, `backend`, `outbound`, `on-error`, each at
//!   most once; an absent one is empty. `<base />` stays a step.
//! - *Expressions*: `@(…)` and `@{…}`, as the whole of an attribute or a text. Quotes, `<`, `>` and `&`
//!   may stand in them as they are; they end where their brackets do, strings and comments left aside
//!   ([`end_of`](crate::expression::end_of)). `&quot;`, `&lt;` and the like are replaced first, also in strings, as XML does.
//! - *Named values*: `{{name}}` becomes its value before anything else, anywhere, once
//!   ([`NamedValues`]). Errors and their places are those of the text as written.
//! - *Fragments*: `include-fragment` brings in the statements of `<fragment>…</fragment>`
//!   ([`Fragments`]), also from a fragment. Places say in which fragment they are.
//! - *Statements*: those of [`rows`]. A statement with another name belongs to the gateway: it is kept
//!   with all that stands in it ([`Statement::Opaque`]), and nothing in it is looked into.
//! - *To be run* a document is read by [`Engine::read`](crate::engine::Engine::read) or
//!   [`Policy::read`](crate::engine::Policy::read): its expressions are compiled besides, and a statement that nobody
//!   would run is an error ([`UnknownStatement`](ProblemKind::UnknownStatement)), as is a Liquid template
//!   ([`Unsupported`](ProblemKind::Unsupported)). [`Document::read`] alone looks at neither.
//! - Comments, CDATA, processing instructions and a byte order mark are understood. A document type is
//!   refused, so there are no entities but the five of XML and numbers.
//!
//! # Errors and warnings
//!
//! All errors of a policy and its fragments are told at once ([`Problems`]), each with line, column,
//! section, statement, attribute, what was found and what was expected. A policy with errors is not
//! used. Where the manual contradicts itself or what is published, the statement is taken and a
//! [warning](Document::warnings) told:
//!
//! | the manual says | published policies | here |
//! |---|---|---|
//! | value policies once per section | several | taken, [`OncePerSection`](ProblemKind::OncePerSection) |
//! | no `cache-lookup-value` in a fragment | in fragments | taken, [`InFragment`](ProblemKind::InFragment) |
//! | `vary-by-developer` and `-groups` required, with a default | without | `false`, [`TakenAsDefault`](ProblemKind::TakenAsDefault) |
//! | a rate limit after a lookup | mostly without | [`NoRateLimit`](ProblemKind::NoRateLimit) |
//! | `cache-lookup` and `cache-store` in pairs | in pairs | [`StoreWithoutLookup`](ProblemKind::StoreWithoutLookup), [`LookupWithoutStore`](ProblemKind::LookupWithoutStore): the other may come with `<base />` |
//!
//! Limits are those of [`limits`](crate::limits): 1 MiB, 64 elements deep, 10,000 elements, 100
//! attributes of each; of expressions 64 KiB and 256 open brackets; 100 errors are told.

mod check;
mod compile;
mod document;
mod element;
mod fragments;
mod load;
mod named;
mod parts;
mod position;
mod problem;
mod problems;
mod reader;
pub mod row;
pub mod rows;
mod section;
mod setting;
mod source;
pub mod statement;
mod tree;

pub use crate::expression::Position;
pub use document::Document;
pub use element::Step;
pub use fragments::{Fragment, Fragments};
pub use named::NamedValues;
pub use position::Location;
pub use problem::{Problem, ProblemKind};
pub use problems::Problems;
pub use section::{Section, Sections};
pub use setting::{Expression, Setting};
pub use statement::Statement;
pub use tree::{Attribute, Element, Form, Node, Value};
