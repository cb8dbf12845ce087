//! The cluster under seeds. `LARDER_SEEDS` says how many, `LARDER_SEED_FIRST` from which, `LARDER_SEED` which one alone.

use std::sync::atomic::{AtomicU64, Ordering};

use larder_node::sabotage::Rule;
use larder_tests::simulation::{AT_REST, Role, each_seed, measure, simulate, simulate_voters};

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
    let mean = answered.into_inner() / held.unwrap_or_else(|fault| panic!("{fault}")).max(1);
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

#[test]
fn the_control_plane_costs_a_node_no_more_where_there_are_more() {
    if let Some(nodes) = number("LARDER_NODES") {
        let founders = number("LARDER_FOUNDERS").map_or_else(|| vec![3, nodes], |founders| vec![founders]);
        for founders in founders {
            println!("{}", measure(1, nodes, founders).unwrap_or_else(|fault| panic!("{fault}")));
        }
    } else if MANY {
        let costs = measure(1, 16, 16).unwrap_or_else(|fault| panic!("{fault}"));
        let rest = costs.spells.iter().find(|spell| spell.name == AT_REST).expect("some rest");
        let (leader, other) =
            (rest.messages_per_second(Role::Leader), rest.messages_per_second(Role::Ordinary));
        assert!(other < MESSAGES_PER_SECOND_MAX, "{costs}");
        assert!(leader < 15.0 * MESSAGES_PER_SECOND_MAX, "{costs}");
    }
}

fn number(name: &str) -> Option<usize> {
    std::env::var(name).ok()?.parse().ok()
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

/// Of a node that only listens, in both directions, each call with its answer: Raft's heartbeat each 50 ms, 32 rounds in a lease of
/// 500 ms, four requests for one in it, and four for what it shows of them in a second; and some more.
const MESSAGES_PER_SECOND_MAX: f64 = 2.0 * (20.0 + 64.0 + 8.0 + 4.0) * 1.05;
