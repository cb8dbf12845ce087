//! What a server was asked, by its own count. What it should have been asked is left to the tests.

use std::collections::BTreeMap;

use crate::wire::ask;

/// The calls of every command that was called, subcommands as `client|setinfo`.
pub type Calls = BTreeMap<String, u64>;

/// Counts the calls since the server started, without those that only make and keep a connection, or ask for the
/// external caches of a cluster.
///
/// # Errors
/// When the server cannot be asked.
pub fn calls_for_data(port: u16) -> Result<Calls, String> {
    let mut calls = calls(port)?;
    calls.retain(|name, _| {
        let word = name.split('|').next().unwrap_or(name);
        !OF_CONNECTIONS.contains(&word)
    });
    Ok(calls)
}

fn calls(port: u16) -> Result<Calls, String> {
    Ok(parse(&ask(port, &["INFO", "commandstats"])?.text()))
}

fn parse(text: &str) -> Calls {
    let row = |line: &str| {
        let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
        let calls = rest.split(',').next()?.parse().ok()?;
        Some((name.to_owned(), calls))
    };
    text.lines().filter_map(row).collect()
}

/// None of them reads or writes a key.
const OF_CONNECTIONS: [&str; 8] =
    ["auth", "client", "dbsize", "hello", "info", "larder.caches", "ping", "select"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_and_everything_else_is_left() {
        let text =
            "# Commandstats\r\ncmdstat_get:calls=3,usec=1\r\ncmdstat_client|setinfo:calls=2,usec=1\r\n";
        let wanted = [("get".to_owned(), 3), ("client|setinfo".to_owned(), 2)];
        assert_eq!(parse(text), Calls::from(wanted));
    }
}
