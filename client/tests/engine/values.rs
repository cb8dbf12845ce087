//! `cache-lookup-value`, `cache-store-value`, `cache-remove-value`: tables 1, 2.3, 2.4, 2.5, 3 and 9.

use larder_client::engine::Policies;
use larder_client::policy::{Fragments, NamedValues};
use larder_client::{CachingType, StoreMode, Value};

use crate::gateway::{Backend, Gateway, get, request};
use crate::support::RedisServer;

const LOOKUP: &str = "<cache-lookup-value key=\"k\" variable-name=\"v\" />";
const STORE: &str = "<cache-store-value key=\"k\" value=\"v\" duration=\"60\" />";
const THROWS: &str = "1 / (int)context.Variables[\"zero\"]";

fn lookup(attributes: &str) -> String {
    LOOKUP.replace("/>", &format!("{attributes} />"))
}

/// A gateway with an internal and an external cache.
async fn with_both() -> (Gateway, RedisServer) {
    let outside = RedisServer::start().await;
    let gateway = Gateway::with(
        Backend::counting(),
        |cache| cache.external("Default", outside.address()),
        |engine| engine,
    )
    .await;
    (gateway, outside)
}

#[tokio::test]
async fn table_1_external_without_an_entry_is_nothing() {
    let gateway = Gateway::start().await;
    gateway.redis.ask(&["SET", "k", "in"]);
    let ran = gateway.inbound(&lookup("caching-type=\"external\" default-value=\"d\"")).await;
    assert_eq!(ran.variable("v").as_deref(), Some("string:d"));
    for statement in [
        "<cache-remove-value key=\"k\" caching-type=\"external\" fail-on-cache-removal-error=\"true\" />",
        "<cache-store-value key=\"k\" value=\"x\" duration=\"9\" caching-type=\"external\" />",
    ] {
        let ran = gateway.inbound(statement).await;
        assert_eq!((ran.status(), gateway.redis.get("k").as_deref()), (200, Some("in")), "{statement}");
    }
}

#[tokio::test]
async fn table_1_prefer_external_takes_the_entry_where_one_applies() {
    let (gateway, outside) = with_both().await;
    gateway.redis.ask(&["SET", "k", "in"]);
    outside.ask(&["SET", "k", "out"]);
    for attributes in ["", "caching-type=\"prefer-external\""] {
        let ran = gateway.inbound(&lookup(attributes)).await;
        assert_eq!(ran.variable("v").as_deref(), Some("string:out"), "{attributes}");
    }
    let alone = Gateway::start().await;
    alone.redis.ask(&["SET", "k", "in"]);
    assert_eq!(alone.inbound(&lookup("")).await.variable("v").as_deref(), Some("string:in"));
}

#[tokio::test]
async fn table_1_internal_is_the_built_in_one_whatever_entries_say() {
    let (gateway, outside) = with_both().await;
    gateway
        .inbound("<cache-store-value key=\"k\" value=\"x\" duration=\"9\" caching-type=\"internal\" />")
        .await;
    assert_eq!((gateway.redis.get("k").as_deref(), outside.get("k")), (Some("x"), None));
    let ran = gateway.inbound(&lookup("caching-type=\"internal\"")).await;
    assert_eq!(ran.variable("v").as_deref(), Some("string:x"));
}

#[tokio::test]
async fn table_9_10_internal_after_external_is_internal() {
    let (gateway, outside) = with_both().await;
    let store = |kind: &str| {
        format!("<cache-store-value key=\"k\" value=\"{kind}\" duration=\"9\" caching-type=\"{kind}\" />")
    };
    gateway.inbound(&(store("external") + &store("internal"))).await;
    let found = (gateway.redis.get("k"), outside.get("k"));
    assert_eq!(found, (Some("internal".to_owned()), Some("external".to_owned())));
    let ran = gateway.inbound(&lookup("caching-type=\"internal\"")).await;
    assert_eq!(ran.variable("v").as_deref(), Some("string:internal"));
}

#[tokio::test]
async fn table_2_3_key() {
    let gateway = Gateway::start().await;
    gateway.redis.ask(&["SET", "tok:7", "a"]);
    let text = "<set-variable name=\"id\" value=\"@(7)\" /><cache-lookup-value key=\"@(\"tok:\" + \
                context.Variables[\"id\"])\" variable-name=\"v\" />";
    assert_eq!(gateway.inbound(text).await.variable("v").as_deref(), Some("string:a"));
    // A key that is null or empty is an error: it would be the key of everybody.
    for key in ["@((string)null)", "@(\"\")"] {
        let ran = gateway.inbound(&format!("<cache-lookup-value key=\"{key}\" variable-name=\"v\" />")).await;
        let error = "ExpressionValueEvaluationFailure inbound cache-lookup-value[1]";
        assert_eq!((ran.status(), ran.error().as_deref()), (500, Some(error)), "{key}");
    }
}

#[tokio::test]
async fn table_2_3_variable_name() {
    let gateway = Gateway::start().await;
    gateway.redis.ask(&["SET", "k", "a"]);
    let ran = gateway.inbound("<cache-lookup-value key=\"k\" variable-name=\"my.name\" />").await;
    assert_eq!(ran.variable("my.name").as_deref(), Some("string:a"));
}

#[tokio::test]
async fn table_2_3_default_value() {
    let gateway = Gateway::start().await;
    for (default, expected) in [("NONE", "string:NONE"), ("", "string:"), ("@(5)", "int:5")] {
        let ran = gateway.inbound(&lookup(&format!("default-value=\"{default}\""))).await;
        assert_eq!(ran.variable("v").as_deref(), Some(expected));
    }
    // It is evaluated on a miss only.
    gateway.redis.ask(&["SET", "k", "a"]);
    let ran = gateway.inbound(&lookup(&format!("default-value=\"@({THROWS})\""))).await;
    assert_eq!((ran.status(), ran.variable("v").as_deref()), (200, Some("string:a")));
}

#[tokio::test]
async fn table_2_3_caching_type() {
    let (gateway, outside) = with_both().await;
    gateway.redis.ask(&["SET", "k", "in"]);
    outside.ask(&["SET", "k", "out"]);
    for (attributes, expected) in [
        ("", "string:out"),
        ("caching-type=\"prefer-external\"", "string:out"),
        ("caching-type=\"external\"", "string:out"),
        ("caching-type=\"internal\"", "string:in"),
    ] {
        let ran = gateway.inbound(&lookup(attributes)).await;
        assert_eq!(ran.variable("v").as_deref(), Some(expected), "{attributes}");
    }
}

#[tokio::test]
async fn table_2_4_key() {
    let gateway = Gateway::start().await;
    gateway.inbound("<cache-store-value key=\"@(\"a\" + 1)\" value=\"v\" duration=\"60\" />").await;
    assert_eq!(gateway.redis.get("a1").as_deref(), Some("v"), "any client reads it");
}

#[tokio::test]
async fn table_2_4_value() {
    let gateway = Gateway::start().await;
    for (value, expected) in [
        ("text", "string:text"),
        ("@(\"a\" + \"b\")", "string:ab"),
        ("@(true)", "bool:True"),
        ("@(42)", "int:42"),
        ("@(42L)", "long:42"),
        ("@(1.5)", "double:1.5"),
        ("@(1.50m)", "decimal:1.50"),
        ("", "string:"),
    ] {
        let store = format!("<cache-store-value key=\"k\" value=\"{value}\" duration=\"60\" />");
        assert_eq!(gateway.inbound(&store).await.status(), 200, "{value}");
        assert_eq!(gateway.inbound(LOOKUP).await.variable("v").as_deref(), Some(expected), "{value}");
    }
}

/// A null is not stored; what the key held goes, so that a lookup reads null.
#[tokio::test]
async fn table_2_4_value_null() {
    let gateway = Gateway::start().await;
    gateway.redis.ask(&["SET", "k", "old"]);
    let store = "<cache-store-value key=\"k\" value=\"@(context.Variables[\"absent\"])\" duration=\"60\" />";
    let ran = gateway.inbound(&format!("{store}{LOOKUP}")).await;
    assert_eq!((ran.status(), ran.variable("v"), gateway.redis.get("k")), (200, None, None));
    assert!(ran.events()[0].contains("null is not stored"), "{:?}", ran.events());
}

#[tokio::test]
async fn table_2_4_duration() {
    let gateway = Gateway::start().await;
    let store = |duration: &str| STORE.replace("60", duration);
    for (duration, expected) in [("60", 60), ("@(30 * 4)", 120), ("2147483647", 2_147_483_647)] {
        assert_eq!(gateway.inbound(&store(duration)).await.status(), 200);
        let redis::Value::Int(ttl) = gateway.redis.ask(&["TTL", "k"]) else { panic!() };
        assert!((expected - 5..=expected).contains(&ttl), "{duration}: {ttl}");
    }
    // With 0 it is past its end already.
    assert_eq!((gateway.inbound(&store("0")).await.status(), gateway.redis.get("k")), (200, None));
    // So it is below: a lifetime less a part of it may come out so, which is no failure.
    assert_eq!(gateway.inbound(&store("60")).await.status(), 200);
    let ran = gateway.inbound(&store("@(-1)")).await;
    assert_eq!((ran.status(), ran.error(), gateway.redis.get("k")), (200, None, None));
}

#[tokio::test]
async fn table_2_4_caching_type() {
    let (gateway, outside) = with_both().await;
    let inside = &gateway.redis;
    for (word, there, elsewhere) in [
        ("prefer-external", &outside, inside),
        ("external", &outside, inside),
        ("internal", inside, &outside),
    ] {
        let key = format!("k-{word}");
        let text = format!(
            "<cache-store-value key=\"{key}\" value=\"v\" duration=\"60\" caching-type=\"{word}\" />"
        );
        gateway.inbound(&text).await;
        assert_eq!((there.get(&key).as_deref(), elsewhere.get(&key)), (Some("v"), None), "{word}");
    }
}

#[tokio::test]
async fn table_2_5_key() {
    let gateway = Gateway::start().await;
    gateway.redis.ask(&["SET", "a", "1"]);
    gateway.redis.ask(&["SET", "ab", "2"]);
    assert_eq!(gateway.inbound("<cache-remove-value key=\"@(\"\" + 'a')\" />").await.status(), 200);
    assert_eq!(
        (gateway.redis.get("a"), gateway.redis.get("ab").as_deref()),
        (None, Some("2")),
        "this key only"
    );
}

#[tokio::test]
async fn table_2_5_caching_type() {
    let (gateway, outside) = with_both().await;
    gateway.redis.ask(&["SET", "k", "1"]);
    outside.ask(&["SET", "k", "1"]);
    gateway.inbound("<cache-remove-value key=\"k\" caching-type=\"internal\" />").await;
    assert_eq!((gateway.redis.get("k"), outside.get("k").as_deref()), (None, Some("1")));
    gateway.inbound("<cache-remove-value key=\"k\" />").await;
    assert_eq!(outside.get("k"), None);
}

#[tokio::test]
async fn table_2_5_fail_on_cache_removal_error() {
    let gateway = Gateway::away().await;
    let remove = |flag: &str| format!("<cache-remove-value key=\"k\" {flag} />");
    for flag in ["", "fail-on-cache-removal-error=\"false\"", "fail-on-cache-removal-error=\"@(1 > 2)\""] {
        assert_eq!(gateway.inbound(&remove(flag)).await.status(), 200, "{flag}");
    }
    for flag in ["fail-on-cache-removal-error=\"true\"", "fail-on-cache-removal-error=\"@(1 < 2)\""] {
        let ran = gateway.inbound(&remove(flag)).await;
        let error = "CacheRemovalFailure inbound cache-remove-value[1]";
        assert_eq!((ran.status(), ran.error().as_deref()), (500, Some(error)), "{flag}");
    }
}

#[tokio::test]
async fn table_3_hit_lookup_value() {
    let gateway = Gateway::start().await;
    gateway.redis.ask(&["SET", "k", "v"]);
    let ran = gateway.inbound(&lookup("default-value=\"d\"")).await;
    assert_eq!((ran.variable("v").as_deref(), ran.cache()), (Some("string:v"), "hit"));
    assert_eq!(gateway.backend.calls(), 1, "the request goes on");
}

#[tokio::test]
async fn table_3_hit_remove_value() {
    let gateway = Gateway::start().await;
    gateway.redis.ask(&["SET", "k", "v"]);
    let ran = gateway.inbound("<cache-remove-value key=\"k\" />").await;
    assert_eq!((gateway.redis.get("k"), ran.events()[0].as_str()), (None, "cache-remove-value: removed"));
}

#[tokio::test]
async fn table_3_miss_lookup_value() {
    let gateway = Gateway::start().await;
    let ran = gateway.inbound(LOOKUP).await;
    assert_eq!((ran.variable("v"), ran.cache()), (None, "miss"));
    let ran = gateway.inbound(&lookup("default-value=\"d\"")).await;
    assert_eq!(ran.variable("v").as_deref(), Some("string:d"));
}

#[tokio::test]
async fn table_3_miss_remove_value() {
    let gateway = Gateway::start().await;
    let ran = gateway.inbound("<cache-remove-value key=\"k\" fail-on-cache-removal-error=\"true\" />").await;
    let event = "cache-remove-value: there was nothing to remove";
    assert_eq!((ran.status(), ran.events()[0].as_str()), (200, event));
}

/// Runs the statement for `POST`; the key holds `before`.
async fn posted(statement: &str) -> (Gateway, crate::gateway::Ran) {
    let gateway = Gateway::start().await;
    gateway.redis.ask(&["SET", "k", "before"]);
    let text = format!("<policies><inbound>{statement}</inbound></policies>");
    let ran = gateway.run(&text, request("POST", "/")).await;
    (gateway, ran)
}

#[tokio::test]
async fn table_3_not_get_lookup_value() {
    assert_eq!(posted(LOOKUP).await.1.variable("v").as_deref(), Some("string:before"));
}

#[tokio::test]
async fn table_3_not_get_store_value() {
    assert_eq!(posted(STORE).await.0.redis.get("k").as_deref(), Some("v"));
}

#[tokio::test]
async fn table_3_not_get_remove_value() {
    assert_eq!(posted("<cache-remove-value key=\"k\" />").await.0.redis.get("k"), None);
}

#[tokio::test]
async fn table_3_authorization_lookup_value() {
    let gateway = Gateway::start().await;
    gateway.redis.ask(&["SET", "k", "v"]);
    let mut context = get("/");
    context.request.headers.insert("authorization", "Bearer x".parse().unwrap());
    let text = format!("<policies><inbound>{LOOKUP}</inbound></policies>");
    assert_eq!(gateway.run(&text, context).await.variable("v").as_deref(), Some("string:v"));
}

#[tokio::test]
async fn table_3_unreachable_lookup_value() {
    let gateway = Gateway::away().await;
    let ran = gateway.inbound(LOOKUP).await;
    assert_eq!((ran.status(), ran.variable("v")), (200, None));
    let event = &ran.answer.record.events[0];
    assert!(event.cause.is_some() && event.to_string().contains("could not be asked"), "{event}");
    let ran = gateway.inbound(&lookup("default-value=\"d\"")).await;
    assert_eq!(ran.variable("v").as_deref(), Some("string:d"));
}

#[tokio::test]
async fn table_3_unreachable_store_value() {
    let gateway = Gateway::away().await;
    assert_eq!((gateway.inbound(STORE).await.status(), gateway.backend.calls()), (200, 1));
}

#[tokio::test]
async fn table_3_unreachable_remove_value() {
    let gateway = Gateway::away().await;
    let ran = gateway.inbound("<cache-remove-value key=\"k\" />").await;
    assert_eq!((ran.status(), gateway.backend.calls()), (200, 1));
}

/// The statement fails, `on-error` runs, the backend is not asked.
async fn throws(statement: &str) {
    let gateway = Gateway::start().await;
    let text = format!(
        "<policies><inbound><set-variable name=\"zero\" value=\"@(0)\" />{statement}</inbound><on-error>\
         <set-variable name=\"seen\" value=\"yes\" /></on-error></policies>"
    );
    let ran = gateway.get(&text).await;
    assert_eq!((ran.status(), ran.variable("seen").as_deref()), (500, Some("string:yes")), "{statement}");
    let reason = &*ran.context.last_error.as_ref().unwrap().reason;
    assert_eq!((reason, gateway.backend.calls()), ("ExpressionValueEvaluationFailure", 0), "{statement}");
}

#[tokio::test]
async fn table_3_expression_throws_lookup_value() {
    throws(&format!("<cache-lookup-value key=\"@(\"\" + {THROWS})\" variable-name=\"v\" />")).await;
    throws(&lookup(&format!("default-value=\"@({THROWS})\""))).await;
}

#[tokio::test]
async fn table_3_expression_throws_store_value() {
    throws(&STORE.replace("\"k\"", &format!("\"@(\"\" + {THROWS})\""))).await;
    throws(&STORE.replace("\"v\"", &format!("\"@({THROWS})\""))).await;
    throws(&STORE.replace("\"60\"", &format!("\"@({THROWS})\""))).await;
}

#[tokio::test]
async fn table_3_expression_throws_remove_value() {
    throws(&format!("<cache-remove-value key=\"@(\"\" + {THROWS})\" />")).await;
    throws(&format!("<cache-remove-value key=\"k\" fail-on-cache-removal-error=\"@({THROWS} > 1)\" />"))
        .await;
}

#[tokio::test]
async fn table_9_1_a_miss_without_default_leaves_the_variable_unset() {
    let gateway = Gateway::start().await;
    let ran = gateway.inbound(LOOKUP).await;
    assert!(!ran.context.variables.contains("v"));
    let after = |value: &str| format!("{LOOKUP}<set-variable name=\"is\" value=\"@({value})\" />");
    let ran = gateway.inbound(&after("context.Variables.ContainsKey(\"v\")")).await;
    assert_eq!(ran.variable("is").as_deref(), Some("bool:False"));
    let ran = gateway.inbound(&after("context.Variables[\"v\"] == null")).await;
    assert_eq!(ran.variable("is").as_deref(), Some("bool:True"), "the indexer reads null");
    let ran = gateway.inbound(&format!("<set-variable name=\"v\" value=\"before\" />{LOOKUP}")).await;
    assert_eq!(ran.variable("v").as_deref(), Some("string:before"), "it keeps its value");
}

#[tokio::test]
async fn table_9_3_values_are_cached_whatever_the_method_and_section() {
    let gateway = Gateway::start().await;
    for section in ["inbound", "backend", "outbound", "on-error"] {
        let statements = format!("<{section}>{STORE}{LOOKUP}</{section}>");
        let fails = "<inbound><set-header name=\"@((string)null)\" /></inbound>";
        let before = if section == "on-error" { fails } else { "" };
        gateway.redis.ask(&["DEL", "k"]);
        let text = format!("<policies>{before}{statements}</policies>");
        let ran = gateway.run(&text, request("DELETE", "/")).await;
        assert_eq!(ran.variable("v").as_deref(), Some("string:v"), "{section}");
    }
}

#[tokio::test]
async fn table_9_4_several_in_a_section_run() {
    let gateway = Gateway::start().await;
    gateway.redis.ask(&["MSET", "a", "1", "b", "2"]);
    let text = "<cache-lookup-value key=\"a\" variable-name=\"a\" /><cache-lookup-value key=\"b\" \
                variable-name=\"b\" />";
    let ran = gateway.inbound(text).await;
    assert_eq!(ran.variable("a").zip(ran.variable("b")), Some(("string:1".into(), "string:2".into())));
}

#[tokio::test]
async fn table_9_5_a_lookup_in_a_fragment_runs() {
    let gateway = Gateway::start().await;
    gateway.redis.ask(&["SET", "k", "1"]);
    let fragments = Fragments::new().with("f", format!("<fragment>{LOOKUP}</fragment>"));
    let text = "<policies><inbound><include-fragment fragment-id=\"f\" /></inbound></policies>";
    let policy = gateway.engine.read(text, &NamedValues::new(), &fragments).unwrap();
    let ran = gateway.run_scopes(&Policies::of(&policy), get("/")).await;
    assert_eq!(ran.variable("v").as_deref(), Some("string:1"));
}

#[tokio::test]
async fn table_9_7_an_unreachable_cache_fails_no_request() {
    let gateway = Gateway::away().await;
    assert_eq!(gateway.inbound(&format!("{LOOKUP}{STORE}")).await.status(), 200);
}

/// The store is asynchronous, yet what this unit has stored this unit finds.
#[tokio::test]
async fn a_unit_reads_what_it_wrote_in_either_mode() {
    for mode in [StoreMode::Wait, StoreMode::Background] {
        let gateway =
            Gateway::with(Backend::counting(), |cache| cache.store_mode(mode), |engine| engine).await;
        for round in 0..20 {
            let text = format!("{}{LOOKUP}", STORE.replace("\"v\"", &format!("\"{round}\"")));
            let ran = gateway.inbound(&text).await;
            assert_eq!(ran.variable("v"), Some(format!("string:{round}")), "{mode:?}");
            let ran = gateway.inbound(&format!("{STORE}<cache-remove-value key=\"k\" />{LOOKUP}")).await;
            assert_eq!(ran.variable("v"), None, "{mode:?}: removed");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_a_miss() {
    let gateway = Gateway::start().await;
    let wrong = Value::Json("{".to_owned());
    gateway.engine.cache().store_value("k", &wrong, 60, CachingType::Internal).await;
    let ran = gateway.inbound(&lookup("default-value=\"d\"")).await;
    assert_eq!((ran.status(), ran.variable("v").as_deref()), (200, Some("string:d")));
}

/// The reference's example, as it is published, with the limit that its text advises.
#[tokio::test]
async fn the_reference_example_runs_as_written() {
    let gateway = Gateway::start().await;
    let text = r#"<policies>
        <inbound>
            <base />
            <set-variable name="enduserid" value="42" />
            <cache-lookup-value key="@("userprofile-" + context.Variables["enduserid"])" variable-name="userprofile" />
            <rate-limit calls="10" renewal-period="60" />
            <choose>
                <when condition="@(!context.Variables.ContainsKey("userprofile"))">
                    <set-variable name="userprofile" value="Ada" />
                    <cache-store-value key="@("userprofile-" + context.Variables["enduserid"])" value="@((string)context.Variables["userprofile"])" duration="100000" />
                </when>
            </choose>
        </inbound>
        <backend><base /></backend>
        <outbound><base /></outbound>
        <on-error><base /></on-error>
    </policies>"#;
    let ran = gateway.get(text).await;
    assert_eq!((ran.status(), ran.cache()), (200, "miss"));
    assert_eq!(ran.variable("userprofile").as_deref(), Some("string:Ada"));
    assert_eq!(gateway.redis.get("userprofile-42").as_deref(), Some("Ada"), "any client reads it");
    gateway.redis.ask(&["SET", "userprofile-42", "Grace"]);
    for call in 2..=10 {
        let ran = gateway.get(text).await;
        assert_eq!(ran.variable("userprofile").as_deref(), Some("string:Grace"), "call {call}");
        assert_eq!((ran.status(), ran.cache()), (200, "hit"));
    }
    let mut refused = gateway.get(text).await;
    assert_eq!((refused.status(), gateway.backend.calls()), (429, 10));
    let wait: u64 = refused.header("Retry-After").unwrap().parse().unwrap();
    assert!((1..=62).contains(&wait), "{wait}");
    assert!(refused.body().await.contains("Rate limit is exceeded. Try again in"));
}
