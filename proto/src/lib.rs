//! The words that nodes and clients share.

pub mod envelope;
