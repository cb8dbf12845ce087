//! "Use from": which external entry a gateway uses, row by row of the reference's table, and what the
//! start-up report says about entries that look wrong.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::time::Duration;

use larder_client::external::{EntryState, ExternalError, Region, UseFrom, resolve};
use larder_client::{BuildError, Cache, CachingType, LookupResult, StoreResult, StoreUsed};
use support::{RedisServer, connected};

/// The place of the entry in use, for a gateway in `own`.
fn used(own: &str, entries: &[&str]) -> Option<usize> {
    let entries: Vec<UseFrom> = entries.iter().map(|name| UseFrom::new(name).unwrap()).collect();
    resolve(&Region::new(own).unwrap(), &entries).used
}

/// One row of table 4.2: the entries, and the place of the one used in East US, Southeast Asia, West Europe
/// and at plant-7.
fn row(entries: &[&str], expected: [Option<usize>; 4]) {
    const GATEWAYS: [&str; 4] = ["East US", "Southeast Asia", "West Europe", "plant-7"];
    for (gateway, expected) in GATEWAYS.into_iter().zip(expected) {
        assert_eq!(used(gateway, entries), expected, "{gateway}");
        let reversed: Vec<&str> = entries.iter().rev().copied().collect();
        let expected = expected.map(|place| entries.len() - 1 - place);
        assert_eq!(used(gateway, &reversed), expected, "{gateway}: order does not matter");
    }
}

const NONE: Option<usize> = None;
const A: Option<usize> = Some(0);
const B: Option<usize> = Some(1);
const C: Option<usize> = Some(2);

#[test]
fn table_4_2_row_1_no_entries() {
    row(&[], [NONE, NONE, NONE, NONE]);
}

#[test]
fn table_4_2_row_2_default_alone() {
    row(&["Default"], [A, A, A, A]);
}

#[test]
fn table_4_2_row_3_one_region_alone() {
    row(&["Southeast Asia"], [NONE, A, NONE, NONE]);
}

#[test]
fn table_4_2_row_4_default_and_one_region() {
    row(&["Default", "Southeast Asia"], [A, B, A, A]);
}

#[test]
fn table_4_2_row_5_default_and_a_location_of_ones_own() {
    row(&["Default", "plant-7"], [A, A, A, B]);
}

#[test]
fn table_4_2_row_6_every_region_and_no_default() {
    row(&["East US", "Southeast Asia", "West Europe"], [A, B, C, NONE]);
}

/// "none" is the internal cache for `prefer-external` and a constant miss for `external`; it takes a server
/// to see that.
#[tokio::test]
async fn table_4_2_row_3_none_is_internal_for_prefer_external_and_a_miss_for_external() {
    let inside = RedisServer::start().await;
    let builder =
        Cache::builder("East US").internal(inside.address()).external("Southeast Asia", "127.0.0.1:1");
    let cache = connected(builder.time_budget(Duration::from_secs(2))).await;
    let stored = cache.store_value("k", &"v".into(), 60, CachingType::PreferExternal).await;
    assert_eq!((stored.result, stored.store), (StoreResult::Stored, StoreUsed::Internal));
    let missed = cache.lookup_value("k", CachingType::External, None).await;
    assert_eq!(missed.result, LookupResult::NotConfigured { default: None });
}

#[tokio::test]
async fn table_4_2_row_7_a_cache_that_is_down_misses_and_default_is_not_asked() {
    let default = RedisServer::start().await;
    let mut own = RedisServer::start().await;
    let cache = connected(
        Cache::builder("Southeast Asia")
            .external("Default", default.address())
            .external("Southeast Asia", own.address())
            .time_budget(Duration::from_secs(2)),
    )
    .await;
    let stored = cache.store_value("k", &"v".into(), 60, CachingType::PreferExternal).await;
    assert_eq!(stored.result, StoreResult::Stored);
    default.ask(&["SET", "k", "of default"]);
    own.kill();
    for caching_type in [CachingType::PreferExternal, CachingType::External] {
        let missed = cache.lookup_value("k", caching_type, None).await;
        assert!(matches!(missed.result, LookupResult::Unavailable { default: None, .. }), "{missed:?}");
        assert_eq!(missed.store, StoreUsed::External("Southeast Asia".into()));
    }
    let clients: String = redis::from_redis_value(default.ask(&["CLIENT", "LIST"])).unwrap();
    assert_eq!(clients.lines().count(), 1, "nobody but the test has spoken to it");
}

#[test]
fn table_4_2_spelling_does_not_matter() {
    for name in ["Southeast Asia", "southeastasia", "SouthEast Asia ", " SOUTHEAST\tASIA"] {
        assert_eq!(used("Southeast Asia", &[name]), Some(0), "{name}");
        assert_eq!(used(name, &["Southeast Asia"]), Some(0), "{name}");
    }
    for name in ["default", "Default", "DEFAULT", " de fault "] {
        assert_eq!(UseFrom::new(name), Some(UseFrom::Default), "{name}");
    }
    assert_eq!(UseFrom::new(" "), None);
}

#[tokio::test]
async fn the_report_says_what_was_resolved_and_why() {
    let report = |region: &str, entries: &[&str]| {
        let mut builder = Cache::builder(region).internal("127.0.0.1:1");
        for name in entries {
            builder = builder.external(*name, "10.255.255.1:6380,password=hunter2,ssl=True,allowAdmin=1");
        }
        builder.build().unwrap().report().clone()
    };
    let both = report("West Europe", &["Default", "westeurope", "East US", "plant-7"]);
    let states: Vec<EntryState> = both.resolution().entries.iter().map(|entry| entry.state).collect();
    use EntryState::{DefaultEntry, OtherRegion, Overridden, OwnRegion, UnknownRegion};
    assert_eq!(states, [Overridden, OwnRegion, OtherRegion, UnknownRegion]);
    assert_eq!(both.store_for(CachingType::PreferExternal), StoreUsed::External("westeurope".into()));
    assert_eq!(both.store_for(CachingType::Internal), StoreUsed::Internal);
    let text = both.to_string();
    for part in [
        "caching-type prefer-external: external:westeurope\n",
        "external cache Default: not in use: another entry names this region\n",
        "external cache westeurope: in use: it names this region\n",
        "10.255.255.1:6380,password=***,ssl=true\n",
        "warning: external cache plant-7: not in use: no region of this name is known\n",
        "options without effect: allowAdmin\n",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    assert!(!text.contains("hunter2"));

    let only_default = report("West Europe", &["default"]);
    assert_eq!(only_default.resolution().entries[0].state, DefaultEntry);

    let misspelt = report("West Europe", &["West Eruope", "Defualt"]);
    assert_eq!(misspelt.store_for(CachingType::PreferExternal), StoreUsed::Internal);
    assert_eq!(misspelt.store_for(CachingType::External), StoreUsed::None);
    let warnings = misspelt.warnings().join("\n");
    for part in [
        "(is \"West Europe\" meant?)",
        "(is \"Default\" meant?)",
        "no external cache is for region West Europe",
    ] {
        assert!(warnings.contains(part), "{part} is missing in\n{warnings}");
    }
    let own_misspelt = report("westeurop", &["West Europe"]);
    assert!(own_misspelt.warnings()[0].contains("is \"westeurop\" meant?"), "{:?}", own_misspelt.warnings());
    let neighbours = report("East US", &["East US 2", "West US"]);
    assert_eq!(neighbours.warnings(), ["no external cache is for region East US"]);
}

#[tokio::test]
async fn wrong_settings_are_refused() {
    let error = |builder: larder_client::CacheBuilder| builder.build().unwrap_err();
    let twice = Cache::builder("local").external("West Europe", "a").external("westeurope", "b");
    assert_eq!(error(twice), BuildError::External(ExternalError::Twice("westeurope".into())));
    let elsewhere = Cache::builder("local").external("East US", "host,nonsense=1");
    let text = error(elsewhere).to_string();
    assert!(text.starts_with("external cache East US: connection string, byte 5: unknown option"), "{text}");
    assert_eq!(error(Cache::builder(" ")), BuildError::Region);
    assert_eq!(error(Cache::builder("local").service("a/b")), BuildError::Service);
    assert_eq!(error(Cache::builder("local").time_budget(Duration::ZERO)), BuildError::TimeBudget);
    assert!(matches!(error(Cache::builder("local").internal("host:99999")), BuildError::Internal(_)));
    let no_ca = Cache::builder("local").root_certificates_file("/nonexistent/ca.pem");
    assert!(error(no_ca).to_string().starts_with("cannot read the root certificates"));
}

#[test]
fn a_cache_needs_a_runtime() {
    assert_eq!(Cache::builder("local").build().unwrap_err(), BuildError::NoRuntime);
}
