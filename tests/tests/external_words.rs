//! What nodes and gateways each say of external caches, side by side: names of regions, options of connection strings, and the
//! form of entries in a file.

use larder_client::external::{OPTION_ROWS, OptionRow, Region, UseFrom};
use larder_node::external as node;
use larder_proto::external::{OPTIONS, Shown};
use proptest::prelude::*;

#[test]
fn every_option_that_gateways_read_is_known_to_nodes_and_the_other_way_round() {
    let mut read: Vec<&str> = OPTION_ROWS.iter().map(|row| row.name).collect();
    read.sort_by_key(|name| name.to_lowercase());
    let known: Vec<&str> = OPTIONS.iter().map(|(name, _)| *name).collect();
    assert_eq!(read, known);
    let masked = |text: &str| node::ConnectionText::parse(text).unwrap().masked();
    for (name, shown) in OPTIONS {
        let (upper, kept) = (name.to_uppercase(), if *shown == Shown::Plain { "7" } else { "***" });
        assert_eq!(
            masked(&format!("h:1,{name}=7,{upper}=a secret")),
            format!("h:1,{name}={kept},{upper}=***")
        );
        assert!(OptionRow::find(&upper).is_some(), "{name}");
    }
    assert_eq!(masked("h:1,pasword=7"), "h:1,***");
    assert!(OptionRow::find("pasword").is_none());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_region_that_a_node_takes_is_the_same_to_a_gateway(
        name in prop_oneof!["\\PC{0,20}", "[ \u{a0}a-zA-ZİẞΣÄ0-9_.=:/-]{0,12}", "(?i:default)[ \t]{0,2}"],
    ) {
        if let Ok(taken) = node::UseFrom::parse(&name) {
            let region = Region::new(&name);
            prop_assert_eq!(region.as_ref().map(Region::normal), Some(taken.as_str()));
            prop_assert_eq!(UseFrom::new(&name) == Some(UseFrom::Default), taken.is_default());
            // Nodes tell gateways the name as they compare it.
            prop_assert_eq!(Region::new(taken.as_str()), region);
        }
    }
}
