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

mod expiry;
mod hash_counters;
mod hash_random;
mod hashes;
mod keys;
mod lcs;
mod lifetimes;
mod object;
mod scan;
mod set;
mod strings;
mod transactions;

#[cfg(test)]
mod testing;

/// All families, listed by hand: nothing registers itself.
#[must_use]
pub fn table() -> table::Commands {
    table::Commands::new(&[
        strings::ROWS,
        set::ROWS,
        lcs::ROWS,
        keys::ROWS,
        expiry::ROWS,
        scan::ROWS,
        object::ROWS,
        hashes::ROWS,
        hash_counters::ROWS,
        hash_random::ROWS,
        transactions::ROWS,
    ])
}
