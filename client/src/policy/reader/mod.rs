//! From text to tree: a reader of policies as they are published, which are not quite XML.

mod characters;
mod entity;
mod scan;
mod tag;

pub(super) use scan::{Tree, read};
