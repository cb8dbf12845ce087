//! Starts a node.
fn main() {}
