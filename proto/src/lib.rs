//! The words that nodes and clients share.
