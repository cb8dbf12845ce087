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

mod strings;
mod transactions;

#[cfg(test)]
mod testing;

/// All families, listed by hand: nothing registers itself.
#[must_use]
pub fn table() -> table::Commands {
    table::Commands::new(&[strings::ROWS, transactions::ROWS])
}
