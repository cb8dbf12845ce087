//! `cache-value`: table 2.6, ages, single flight.

use std::sync::Arc;

use larder_client::engine::Policies;
use tokio::sync::Semaphore;

use crate::gateway::{Backend, Gateway, Ran, get};
use crate::handlers::{gated, waiting};
use crate::support::eventually;

/// Makes `new`, unless `make` says otherwise.
fn statement(attributes: &str, make: &str) -> String {
    format!("<cache-value key=\"k\" variable-name=\"v\" {attributes}><value>{make}</value></cache-value>")
}

const AGES: &str = "expires-after=\"60\" refresh-after=\"20\"";
const NEW: &str = "<set-variable name=\"v\" value=\"new\" /><set-variable name=\"ran\" value=\"yes\" />";
const NOTHING: &str = "<set-variable name=\"ran\" value=\"yes\" />";
const NULL: &str = "<set-variable name=\"v\" value=\"@(null)\" /><set-variable name=\"ran\" value=\"yes\" />";

/// The variable, and whether the statements ran.
fn result(ran: &Ran) -> (Option<String>, bool) {
    assert_eq!(ran.status(), 200, "{:?}", ran.context.last_error);
    (
        ran.variable("v").map(|value| value.trim_start_matches("string:").to_owned()),
        ran.variable("ran").is_some(),
    )
}

/// A gateway with the entry `old`, so many seconds ago.
async fn with_old(seconds: u64) -> Gateway {
    let gateway = Gateway::start().await;
    gateway.inbound(&statement(AGES, "<set-variable name=\"v\" value=\"old\" />")).await;
    gateway.clock.forward(seconds);
    gateway
}

#[tokio::test]
async fn table_2_6_younger_than_refresh_after() {
    let gateway = with_old(19).await;
    assert_eq!(result(&gateway.inbound(&statement(AGES, NEW)).await), (Some("old".into()), false));
}

#[tokio::test]
async fn table_2_6_older_than_refresh_after() {
    let gateway = with_old(20).await;
    assert_eq!(result(&gateway.inbound(&statement(AGES, NOTHING)).await), (Some("old".into()), true));
    assert_eq!(result(&gateway.inbound(&statement(AGES, NEW)).await), (Some("new".into()), true));
    assert_eq!(
        result(&gateway.inbound(&statement(AGES, NOTHING)).await),
        (Some("new".into()), false),
        "it is fresh"
    );
}

#[tokio::test]
async fn table_2_6_absent_or_expired() {
    let gateway = Gateway::start().await;
    assert_eq!(result(&gateway.inbound(&statement(AGES, NOTHING)).await), (None, true));
    let with_default = format!("{AGES} default-value=\"d\"");
    assert_eq!(result(&gateway.inbound(&statement(&with_default, NOTHING)).await), (Some("d".into()), true));
    assert_eq!(result(&gateway.inbound(&statement(&with_default, NEW)).await), (Some("new".into()), true));
    // At its very end it is expired, although Redis, whose clock goes on as ever, still has it.
    let gateway = with_old(60).await;
    assert!(gateway.redis.keys() == 1);
    assert_eq!(result(&gateway.inbound(&statement(&with_default, NOTHING)).await), (Some("d".into()), true));
}

#[tokio::test]
async fn table_2_6_refresh_after_zero() {
    let gateway = with_old(0).await;
    let always = "expires-after=\"60\" refresh-after=\"0\"";
    assert_eq!(result(&gateway.inbound(&statement(always, NEW)).await), (Some("new".into()), true));
    assert_eq!(result(&gateway.inbound(&statement(always, NEW)).await), (Some("new".into()), true));
    assert_eq!(result(&gateway.inbound(&statement(always, NOTHING)).await), (Some("new".into()), true));
}

#[tokio::test]
async fn table_2_6_block_leaves_unset() {
    let gateway = with_old(30).await;
    for nothing in [NULL, NOTHING] {
        assert_eq!(result(&gateway.inbound(&statement(AGES, nothing)).await), (Some("old".into()), true));
    }
    gateway.clock.forward(29);
    let ran = gateway.inbound(&statement(AGES, NOTHING)).await;
    assert_eq!(result(&ran), (Some("old".into()), true), "the old entry stays, as old as it was");
    gateway.clock.forward(1);
    assert_eq!(result(&gateway.inbound(&statement(AGES, NOTHING)).await), (None, true));
}

/// What the variable held before does not count as made, and stays if nothing is.
#[tokio::test]
async fn a_variable_set_before_is_not_taken_for_the_value() {
    let gateway = Gateway::start().await;
    let text = format!("<set-variable name=\"v\" value=\"before\" />{}", statement(AGES, NOTHING));
    assert_eq!(result(&gateway.inbound(&text).await), (Some("before".into()), true));
    assert_eq!(gateway.redis.keys(), 0);
}

#[tokio::test]
async fn table_2_6_defaults() {
    let gateway = Gateway::start().await;
    gateway.inbound(&statement("", NEW)).await;
    let redis::Value::Int(ttl) = gateway.redis.ask(&["TTL", "k"]) else { panic!() };
    assert!((28_790..=28_800).contains(&ttl), "{ttl}");
    gateway.clock.forward(28_799);
    assert_eq!(result(&gateway.inbound(&statement("", NOTHING)).await), (Some("new".into()), false));
    gateway.clock.forward(1);
    assert_eq!(result(&gateway.inbound(&statement("", NOTHING)).await), (None, true));
}

/// A token response sets its own lifetime: before the statements run there is no such variable.
#[tokio::test]
async fn table_2_6_defaults_and_durations_are_evaluated_after_the_block() {
    let gateway = Gateway::start().await;
    let ages = "expires-after=\"@((int)context.Variables[\"life\"])\" \
                refresh-after=\"@((int)context.Variables[\"life\"] / 2)\"";
    let make = format!("{NEW}<set-variable name=\"life\" value=\"@(100)\" />");
    assert_eq!(result(&gateway.inbound(&statement(ages, &make)).await), (Some("new".into()), true));
    let redis::Value::Int(ttl) = gateway.redis.ask(&["TTL", "k"]) else { panic!() };
    assert!((95..=100).contains(&ttl), "{ttl}");
    gateway.clock.forward(49);
    assert_eq!(result(&gateway.inbound(&statement(ages, NOTHING)).await), (Some("new".into()), false));
    gateway.clock.forward(1);
    assert_eq!(result(&gateway.inbound(&statement(ages, NOTHING)).await), (Some("new".into()), true));
    // After the statements an expression that fails is an error.
    let ran = gateway.inbound(&statement(ages, NEW)).await;
    let error = "ExpressionValueEvaluationFailure inbound cache-value[1]";
    assert_eq!((ran.status(), ran.error().as_deref()), (500, Some(error)));
}

#[tokio::test]
async fn the_age_survives_a_restart_of_the_gateway() {
    let mut gateway = with_old(10).await;
    gateway.restart().await;
    assert_eq!(result(&gateway.inbound(&statement(AGES, NEW)).await), (Some("old".into()), false));
    gateway.clock.forward(10);
    gateway.restart().await;
    assert_eq!(result(&gateway.inbound(&statement(AGES, NEW)).await), (Some("new".into()), true));
}

/// A value without a known age is used only if none can be made.
#[tokio::test]
async fn a_value_of_cache_store_value_is_taken_as_past_its_refresh() {
    let gateway = Gateway::start().await;
    gateway.redis.ask(&["SET", "k", "plain"]);
    assert_eq!(result(&gateway.inbound(&statement(AGES, NOTHING)).await), (Some("plain".into()), true));
    assert_eq!(result(&gateway.inbound(&statement(AGES, NEW)).await), (Some("new".into()), true));
}

#[tokio::test]
async fn types_are_kept() {
    let gateway = Gateway::start().await;
    let make = "<set-variable name=\"v\" value=\"@(42L)\" />";
    for _ in 0..2 {
        assert_eq!(gateway.inbound(&statement("", make)).await.variable("v").as_deref(), Some("long:42"));
    }
}

#[tokio::test]
async fn an_error_in_the_block_says_where_it_stands() {
    let gateway = Gateway::start().await;
    let fails = "<set-variable name=\"a\" value=\"1\" /><set-variable name=\"v\" value=\"@(1 / \
                 (int)context.Variables[\"zero\"])\" />";
    let ran = gateway.inbound(&statement("", fails)).await;
    let error = "ExpressionValueEvaluationFailure inbound cache-value[1]/value[1]/set-variable[2]";
    assert_eq!(ran.error().as_deref(), Some(error));
    // Whoever comes next makes it: nobody waits for one that failed.
    assert_eq!(result(&gateway.inbound(&statement("", NEW)).await), (Some("new".into()), true));
}

/// Many requests at once for a key that nobody has: the block waits for the test, and runs once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_made_once_at_a_time() {
    let gate = Arc::new(Semaphore::new(0));
    let gateway = Arc::new(Gateway::with(Backend::counting(), |cache| cache, gated(&gate)).await);
    let policies = Policies::of(&gateway.policy(&format!(
        "<policies><inbound>{}</inbound></policies>",
        statement(AGES, &format!("<gate />{NEW}"))
    )));
    let tasks: Vec<_> = (0..50).map(|_| spawn(&gateway, &policies)).collect();
    let metrics = gateway.engine.metrics();
    eventually("one makes it", async || waiting(&gateway) == 1).await;
    gate.add_permits(1);
    for task in tasks {
        assert_eq!(result(&task.await.unwrap()).0.as_deref(), Some("new"));
    }
    assert_eq!(metrics.values_made(), 1);
    // Past its refresh one request makes it anew, the others take it as it is, without waiting.
    gateway.clock.forward(30);
    let leader = spawn(&gateway, &policies);
    eventually("one makes it anew", async || waiting(&gateway) == 2).await;
    for _ in 0..10 {
        let ran = gateway.run_scopes(&policies, get("/")).await;
        assert_eq!(result(&ran), (Some("new".into()), false), "{:?}", ran.events());
    }
    gate.add_permits(1);
    assert_eq!(result(&leader.await.unwrap()).0.as_deref(), Some("new"));
    assert_eq!((metrics.values_made(), metrics.values_stale()), (2, 10));
}

/// Two requests that make two values, each of which needs the other's: nobody waits for ever.
#[tokio::test]
async fn values_within_values_do_not_wait_for_each_other() {
    let gateway = Gateway::start().await;
    let inner = statement(AGES, NEW);
    let ran = gateway.inbound(&statement(AGES, &inner)).await;
    assert_eq!(result(&ran), (Some("new".into()), true), "even of the same key");
}

#[expect(clippy::disallowed_methods, reason = "a test waits for its tasks itself")]
fn spawn(gateway: &Arc<Gateway>, policies: &Policies) -> tokio::task::JoinHandle<Ran> {
    let (gateway, policies) = (gateway.clone(), policies.clone());
    tokio::spawn(async move { gateway.run_scopes(&policies, get("/")).await })
}
