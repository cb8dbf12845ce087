//! Floor 2: what clients may ask. A family is a file: its rows first, their handlers below in the same order.

pub mod args;
pub mod context;
pub mod error;
pub mod number;
pub mod perform;
pub mod ports;
pub mod session;
pub mod spec;
pub mod table;
pub mod version;

mod client;
mod client_list;
mod config;
mod connection;
mod describe;
mod docs;
mod help;
mod introspect;
mod latency;
mod lolwut;
mod memory;
mod refused;
mod server;
mod slowlog;
mod syntax;

mod strings;
mod transactions;

#[cfg(test)]
mod testing;

/// All families, listed by hand: nothing registers itself.
#[must_use]
pub fn table() -> table::Commands {
    table::Commands::new(&[
        connection::ROWS,
        client::ROWS,
        introspect::ROWS,
        server::ROWS,
        config::ROWS,
        memory::ROWS,
        slowlog::ROWS,
        latency::ROWS,
        refused::ROWS,
        strings::ROWS,
        transactions::ROWS,
    ])
}
