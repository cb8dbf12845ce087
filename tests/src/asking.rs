//! Short ways to start a node, ask it and read its INFO, for tests in which an answer that does not come is a failure.

use crate::process::{Peer, Server};
use crate::wire::Connection;

/// A larder with these flags.
///
/// # Panics
/// It does not start.
pub fn larder(flags: &[&str]) -> Server {
    let flags: Vec<String> = flags.iter().map(|&flag| flag.to_owned()).collect();
    Server::start(Peer::Larder, &flags).unwrap_or_else(|error| panic!("{error}"))
}

/// The text of the reply to a command.
///
/// # Panics
/// No reply comes.
pub fn text(connection: &mut Connection, words: &[&str]) -> String {
    connection.call(words).unwrap_or_else(|error| panic!("{words:?}: {error}")).text()
}

/// A number in INFO.
///
/// # Panics
/// INFO has no such field, or it is no number.
pub fn info(connection: &mut Connection, field: &str) -> u64 {
    let info = text(connection, &["INFO", "everything"]);
    let line = info.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let value = line.unwrap_or_else(|| panic!("no {field} in INFO")).trim();
    value.parse().unwrap_or_else(|_| panic!("{field} is {value}, no number"))
}
