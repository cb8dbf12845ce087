//! `context` and everything that policies find in it. What a certificate or an XML document would be needed
//! for is refused by name.

pub(super) mod body;
pub(super) mod credentials;
pub(super) mod entities;
pub(super) mod message;
pub(super) mod names;
pub(super) mod root;
pub(super) mod url;
pub(super) mod variables;

pub(in crate::expression) use names::entries;
