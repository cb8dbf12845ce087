//! The cluster under seeds. `LARDER_SEEDS` says how many, `LARDER_SEED_FIRST` from which, `LARDER_SEED` which one alone.

use std::sync::atomic::{AtomicU64, Ordering};

use larder_node::sabotage::Rule;
use larder_tests::simulation::{each_seed, simulate, simulate_voters};

#[test]
fn what_clients_saw_could_have_been() {
    let answered = AtomicU64::new(0);
    let held = each_seed("what_clients_saw_could_have_been", SEEDS, |seed| {
        let outcome = simulate(seed, None)?;
        answered.fetch_add(outcome.answered, Ordering::Relaxed);
        if std::env::var_os("LARDER_SEED").is_some() {
            println!("{outcome:#?}");
        }
        if outcome.answered < ANSWERED_MIN {
            return Err(format!("only {} operations were answered", outcome.answered));
        }
        Ok(())
    });
    let mean = answered.into_inner() / held.unwrap_or_else(|fault| panic!("{fault}"));
    // One seed alone may be one of those in which everybody is cut off from everybody nearly all the time.
    assert!(
        mean >= ANSWERED_MEAN_MIN || std::env::var_os("LARDER_SEED").is_some(),
        "{mean} operations a seed"
    );
    println!("{mean} operations a seed were answered");
}

#[test]
fn a_seed_replays_exactly() {
    for seed in 0..2 {
        assert_eq!(simulate(seed, None), simulate(seed, None), "seed {seed}");
    }
}

#[test]
fn what_voters_agreed_upon_stays() {
    let held =
        each_seed("what_voters_agreed_upon_stays", SEEDS_OF_VOTERS, |seed| simulate_voters(seed).map(drop));
    held.unwrap_or_else(|fault| panic!("{fault}"));
}

#[test]
fn a_seed_of_voters_replays_exactly() {
    for seed in 0..2 {
        assert_eq!(simulate_voters(seed), simulate_voters(seed), "seed {seed}");
    }
}

#[test]
fn nodes_that_serve_without_a_lease_are_found_out() {
    is_found_out(Rule::Lease);
}

#[test]
fn replies_that_do_not_wait_for_copies_are_found_out() {
    is_found_out(Rule::InSync);
}

#[test]
fn effects_that_are_applied_out_of_order_are_found_out() {
    is_found_out(Rule::Order);
}

/// Only where seeds are cheap.
fn is_found_out(rule: Rule) {
    if !MANY {
        return;
    }
    let found = each_seed("is_found_out", SEEDS_TO_FIND, |seed| simulate(seed, Some(rule)).map(drop));
    let fault = found.expect_err("a broken rule that nobody noticed");
    assert!(!fault.is_empty());
}

/// Whether this is the build of tests/simulate, which is fast enough for many seeds. Any other runs a few, with all partitions.
const MANY: bool = cfg!(feature = "few-partitions");
const SEEDS: u64 = if MANY { 1_000 } else { 4 };
const SEEDS_OF_VOTERS: u64 = if MANY { 200 } else { 10 };

/// Within so many seeds each broken rule has to be noticed.
const SEEDS_TO_FIND: u64 = 200;

/// Fewer operations in a seed, in the mean of all, would show nothing.
const ANSWERED_MEAN_MIN: u64 = 200;

/// Once faults have ended so many are answered in any seed.
const ANSWERED_MIN: u64 = 5;
