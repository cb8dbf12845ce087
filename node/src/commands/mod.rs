//! Floor 2: what clients may ask. A family is a file: its rows first, their handlers below in the same order.

pub mod args;
pub mod cluster;
pub mod context;
pub mod error;
pub mod number;
pub mod perform;
pub mod ports;
pub mod session;
pub mod spec;
pub mod table;
pub mod version;

mod caches;
mod client;
mod client_list;
mod config;
mod connection;
mod describe;
mod docs;
mod expiry;
mod hash_counters;
mod hash_random;
mod hashes;
mod help;
mod introspect;
mod keys;
mod latency;
mod lcs;
mod lifetimes;
mod limit;
mod list_edits;
mod list_moves;
mod list_search;
mod lists;
mod lolwut;
mod memory;
mod object;
mod refused;
pub mod scan;
mod server;
mod set;
mod set_algebra;
mod set_random;
mod sets;
mod slowlog;
mod sorted_sets;
mod strings;
mod syntax;
mod syntax_pieces;
mod transactions;

#[cfg(test)]
mod copying;
#[cfg(test)]
mod model;
#[cfg(test)]
mod model_lists;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod testing;

/// All families, listed by hand: nothing registers itself.
#[must_use]
pub fn table() -> table::Commands {
    table::Commands::new(&[
        connection::ROWS,
        client::ROWS,
        caches::ROWS,
        introspect::ROWS,
        server::ROWS,
        config::ROWS,
        memory::ROWS,
        slowlog::ROWS,
        latency::ROWS,
        refused::ROWS,
        cluster::ROWS,
        strings::ROWS,
        set::ROWS,
        lcs::ROWS,
        limit::ROWS,
        keys::ROWS,
        expiry::ROWS,
        scan::ROWS,
        object::ROWS,
        hashes::ROWS,
        hash_counters::ROWS,
        hash_random::ROWS,
        lists::ROWS,
        list_edits::ROWS,
        list_search::ROWS,
        list_moves::ROWS,
        sets::ROWS,
        set_algebra::ROWS,
        set_random::ROWS,
        sorted_sets::add::ROWS,
        sorted_sets::members::ROWS,
        sorted_sets::ranges::ROWS,
        sorted_sets::store_range::ROWS,
        sorted_sets::spans::ROWS,
        sorted_sets::pops::ROWS,
        sorted_sets::random::ROWS,
        sorted_sets::algebra::ROWS,
        sorted_sets::store_algebra::ROWS,
        transactions::ROWS,
    ])
}
