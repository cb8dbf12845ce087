//! `cache-lookup` and `cache-store` in policies: tables 2.1, 2.2, 3 and 9. How entries are made and kept
//! is tested with the response cache itself.

use std::sync::Arc;
use std::time::Duration;

use larder_client::context::{Context, Subscription, User};
use larder_client::engine::ForwardError;

use crate::gateway::{Backend, Gateway, Ran, get, request, response};
use crate::support::RedisServer;

/// A document with these attributes, and elements, of the lookup, and these of the store.
fn document(lookup: &str, elements: &str, store: &str) -> String {
    format!(
        "<policies><inbound><cache-lookup vary-by-developer=\"false\" vary-by-developer-groups=\"false\" {lookup}>\
         {elements}</cache-lookup></inbound><outbound><set-header name=\"X-Outbound\"><value>ran</value></set-header>\
         <cache-store {store} /></outbound></policies>"
    )
}

fn plain() -> String {
    document("", "", "duration=\"60\"")
}

/// Runs it, reads the body as a client does, and waits until the entry is stored.
async fn body(gateway: &Gateway, text: &str, context: Context) -> (Ran, String) {
    let mut ran = gateway.run(text, context).await;
    let body = ran.body().await;
    assert!(gateway.engine.responses().flush(Duration::from_secs(10)).await);
    (ran, body)
}

async fn bodies<const N: usize>(gateway: &Gateway, text: &str, of: [Context; N]) -> [String; N] {
    let mut bodies = [const { String::new() }; N];
    for (place, context) in of.into_iter().enumerate() {
        bodies[place] = body(gateway, text, context).await.1;
    }
    bodies
}

fn with_header(name: &'static str, value: &'static str) -> Context {
    let mut context = get("/");
    context.request.headers.append(name, value.parse().unwrap());
    context
}

fn developer(id: &str, groups: &[&str]) -> Context {
    let mut context = get("/");
    context.subscription = Some(Arc::new(Subscription { id: "s".into(), ..Subscription::default() }));
    let group = |id: &&str| larder_client::context::Group { id: (*id).into(), name: (*id).into() };
    let groups = groups.iter().map(group).collect();
    context.user = Some(Arc::new(User { id: id.into(), groups, ..User::default() }));
    context
}

#[tokio::test]
async fn table_3_hit_lookup() {
    let gateway = Gateway::start().await;
    let (first, _) = body(&gateway, &plain(), get("/")).await;
    assert_eq!((first.cache(), first.header("x-outbound").as_deref()), ("miss", Some("ran")));
    let (second, text) = body(&gateway, &plain(), get("/")).await;
    assert_eq!((second.cache(), text.as_str(), gateway.backend.calls()), ("hit", "body 1", 1));
    assert_eq!(second.header("x-outbound").as_deref(), Some("ran"), "outbound runs, cache-store does not");
    let skipped = "cache-store: not cached: no lookup before has missed";
    assert!(second.events().iter().any(|event| event == skipped), "{:?}", second.events());
}

/// What stands behind the lookup in `inbound`, and `backend`, is left out.
#[tokio::test]
async fn a_hit_leaves_out_the_rest_of_inbound_and_the_backend() {
    let gateway = Gateway::start().await;
    body(&gateway, &plain(), get("/")).await;
    let text = plain()
        .replace("</inbound>", "<set-variable name=\"after\" value=\"1\" /></inbound>")
        .replace("<outbound>", "<backend><set-variable name=\"backend\" value=\"1\" /></backend><outbound>");
    let (ran, _) = body(&gateway, &text, get("/")).await;
    assert_eq!((ran.variable("after"), ran.variable("backend"), ran.cache()), (None, None, "hit"));
}

#[tokio::test]
async fn table_3_miss_lookup() {
    let gateway = Gateway::start().await;
    let mut context = with_header("if-none-match", "\"x\"");
    context.request.headers.append("cache-control", "no-cache".parse().unwrap());
    body(&gateway, &plain(), context).await;
    assert_eq!(
        (gateway.backend.header("if-none-match"), gateway.backend.header("cache-control")),
        (None, None)
    );
}

#[tokio::test]
async fn table_3_not_get_lookup_and_store() {
    let gateway = Gateway::start().await;
    for method in ["POST", "POST", "HEAD", "HEAD"] {
        let (ran, _) = body(&gateway, &plain(), request(method, "/")).await;
        assert_eq!(ran.cache(), "none", "{method}");
    }
    assert_eq!((gateway.backend.calls(), gateway.redis.keys()), (4, 0));
}

#[tokio::test]
async fn table_3_authorization_lookup_and_store() {
    let gateway = Gateway::start().await;
    let of = [with_header("authorization", "Bearer a"), with_header("authorization", "Bearer a")];
    assert_eq!(bodies(&gateway, &plain(), of).await, ["body 1", "body 2"]);
    assert_eq!(gateway.redis.keys(), 0);
}

#[tokio::test]
async fn table_3_unreachable_lookup_and_store() {
    let gateway = Gateway::away().await;
    let (ran, text) = body(&gateway, &plain(), get("/")).await;
    assert_eq!((ran.status(), ran.cache(), text.as_str()), (200, "miss", "body 1"));
}

async fn throws(text: &str, place: &str) {
    let gateway = Gateway::start().await;
    let ran = gateway.run(text, get("/")).await;
    let error = format!("ExpressionValueEvaluationFailure {place}");
    assert_eq!((ran.status(), ran.error()), (500, Some(error)));
}

#[tokio::test]
async fn table_3_expression_throws_lookup() {
    let throwing = "must-revalidate=\"@(1 / (int)context.Variables[\"zero\"] > 1)\"";
    throws(&document(throwing, "", "duration=\"1\""), "inbound cache-lookup[1]").await;
}

#[tokio::test]
async fn table_3_expression_throws_store() {
    let throwing = "1 / (int)context.Variables[\"zero\"]";
    for store in [
        format!("duration=\"@({throwing})\""),
        format!("duration=\"1\" cache-response=\"@({throwing} > 1)\""),
    ] {
        throws(&document("", "", &store), "outbound cache-store[1]").await;
    }
}

#[tokio::test]
async fn table_3_no_cache_of_the_client() {
    let gateway = Gateway::start().await;
    let of = [get("/"), with_header("cache-control", "no-cache"), with_header("cache-control", "no-store")];
    assert_eq!(bodies(&gateway, &plain(), of).await, ["body 1"; 3]);
}

/// An edit of the policy leaves the entries where they are.
#[tokio::test]
async fn table_9_12_a_policy_edit_clears_nothing() {
    let gateway = Gateway::start().await;
    assert_eq!(bodies(&gateway, &plain(), [get("/")]).await, ["body 1"]);
    let edited = plain().replace("\"60\"", "\"90\"");
    assert_eq!(bodies(&gateway, &edited, [get("/")]).await, ["body 1"]);
}

#[tokio::test]
async fn table_2_1_vary_by_developer() {
    let gateway = Gateway::start().await;
    let text = plain().replace("vary-by-developer=\"false\"", "vary-by-developer=\"@(1 < 2)\"");
    let of = [developer("a", &[]), developer("b", &[]), developer("a", &[])];
    assert_eq!(bodies(&gateway, &text, of).await, ["body 1", "body 2", "body 1"]);
}

#[tokio::test]
async fn table_2_1_vary_by_developer_groups() {
    let gateway = Gateway::start().await;
    let text = plain().replace("groups=\"false\"", "groups=\"true\"");
    let of = [developer("a", &["x", "y"]), developer("b", &["y", "x"]), developer("c", &["x"])];
    assert_eq!(bodies(&gateway, &text, of).await, ["body 1", "body 1", "body 2"]);
}

/// The store follows the lookup: it has no such attribute.
#[tokio::test]
async fn table_9_11_the_store_follows_the_lookup() {
    let outside = RedisServer::start().await;
    let gateway = Gateway::with(
        Backend::counting(),
        |cache| cache.external("Default", outside.address()),
        |engine| engine,
    )
    .await;
    for (word, keys) in [("prefer-external", (1, 0)), ("external", (1, 0)), ("internal", (0, 1))] {
        let text = document(&format!("caching-type=\"{word}\""), "", "duration=\"60\"");
        body(&gateway, &text, get(&format!("/{word}"))).await;
        assert_eq!((outside.keys(), gateway.redis.keys()), keys, "{word}");
        let (ran, _) = body(&gateway, &text, get(&format!("/{word}"))).await;
        assert_eq!(ran.cache(), "hit", "{word}");
        outside.ask(&["FLUSHALL"]);
        gateway.redis.ask(&["FLUSHALL"]);
    }
}

#[tokio::test]
async fn table_2_1_downstream_caching_type_and_must_revalidate() {
    let gateway = Gateway::start().await;
    for (lookup, expected) in [
        ("", "no-store"),
        ("downstream-caching-type=\"none\"", "no-store"),
        ("downstream-caching-type=\"private\"", "private, max-age=60, must-revalidate"),
        ("downstream-caching-type=\"@(\"pub\" + \"lic\")\"", "public, max-age=60, must-revalidate"),
        ("downstream-caching-type=\"public\" must-revalidate=\"false\"", "public, max-age=60"),
    ] {
        gateway.redis.ask(&["FLUSHALL"]);
        let (ran, _) = body(&gateway, &document(lookup, "", "duration=\"60\""), get("/")).await;
        assert_eq!(ran.header("cache-control").as_deref(), Some(expected), "{lookup}");
    }
    let ran =
        gateway.run(&document("downstream-caching-type=\"@(\"x\")\"", "", "duration=\"1\""), get("/")).await;
    assert_eq!(ran.error().as_deref(), Some("ExpressionValueEvaluationFailure inbound cache-lookup[1]"));
}

#[tokio::test]
async fn table_2_1_allow_private_response_caching() {
    let gateway = Gateway::start().await;
    let text = document("allow-private-response-caching=\"true\"", "", "duration=\"60\"");
    let of = [with_header("authorization", "Bearer a"), with_header("authorization", "Bearer a")];
    assert_eq!(bodies(&gateway, &text, of).await, ["body 1", "body 1"]);
}

#[tokio::test]
async fn table_2_1_vary_by_header() {
    let gateway = Gateway::start().await;
    let elements = "<vary-by-header>Accept-Language</vary-by-header>";
    let text = document("", elements, "duration=\"60\"");
    let of = ["en", "de", "en"].map(|value| with_header("accept-language", value));
    assert_eq!(bodies(&gateway, &text, of).await, ["body 1", "body 2", "body 1"]);
}

#[tokio::test]
async fn table_2_1_vary_by_query_parameter() {
    let gateway = Gateway::start().await;
    let elements = "<vary-by-query-parameter>page;size</vary-by-query-parameter>";
    let text = document("", elements, "duration=\"60\"");
    let of = ["/?page=1&size=2", "/?page=2&size=2", "/?size=2&page=1&other=9", "/?page=1&size=3"].map(get);
    assert_eq!(bodies(&gateway, &text, of).await, ["body 1", "body 2", "body 1", "body 3"]);
}

#[tokio::test]
async fn table_2_2_duration() {
    let gateway = Gateway::start().await;
    let text = plain().replace("\"60\"", "\"@(30 * 4)\"");
    body(&gateway, &text, get("/")).await;
    let redis::Value::Array(keys) = gateway.redis.ask(&["KEYS", "*"]) else { panic!() };
    let key: String = redis::from_redis_value(keys[0].clone()).unwrap();
    let redis::Value::Int(ttl) = gateway.redis.ask(&["TTL", &key]) else { panic!() };
    assert!((110..=120).contains(&ttl), "{ttl}");
    let of = [get("/0"), get("/0")];
    assert_eq!(bodies(&gateway, &document("", "", "duration=\"0\""), of).await, ["body 2", "body 3"]);
}

/// Absent: a 200 and nothing else. True: any status. False: never.
#[tokio::test]
async fn table_2_2_cache_response() {
    let gateway = Gateway::before(Backend::new(|context| {
        let status = context.request.url.path.trim_start_matches('/').parse().unwrap();
        Ok(response(status, ""))
    }))
    .await;
    for (attribute, status, is_stored) in [
        ("", "200", true),
        ("", "404", false),
        ("cache-response=\"true\"", "200", true),
        ("cache-response=\"true\"", "404", true),
        ("cache-response=\"false\"", "200", false),
        ("cache-response=\"@(context.Response.StatusCode == 404)\"", "404", true),
        ("cache-response=\"@(context.Response.StatusCode == 404)\"", "200", false),
    ] {
        gateway.redis.ask(&["FLUSHALL"]);
        let text = document("", "", &format!("duration=\"60\" {attribute}"));
        body(&gateway, &text, get(&format!("/{status}"))).await;
        assert_eq!(gateway.redis.keys() == 1, is_stored, "{attribute} {status}");
    }
}

#[tokio::test]
async fn table_9_6_absent_vary_by_developer_is_false() {
    let gateway = Gateway::start().await;
    let text = "<policies><inbound><cache-lookup /></inbound><outbound><cache-store duration=\"60\" /></outbound>\
                </policies>";
    let of = [developer("a", &["x"]), developer("b", &["y"])];
    assert_eq!(bodies(&gateway, text, of).await, ["body 1", "body 1"]);
}

/// Without `cache-store` nothing is stored, and nobody waits for what will not come.
#[tokio::test]
async fn a_lookup_without_store_stores_nothing() {
    let gateway = Gateway::start().await;
    let text = "<policies><inbound><cache-lookup /></inbound></policies>";
    assert_eq!(bodies(&gateway, text, [get("/"), get("/")]).await, ["body 1", "body 2"]);
    assert_eq!(gateway.redis.keys(), 0);
}

#[tokio::test]
async fn two_lookups_do_not_wait_for_each_other() {
    let gateway = Gateway::start().await;
    let text = plain().replace("</inbound>", "<cache-lookup /></inbound>");
    assert_eq!(bodies(&gateway, &text, [get("/"), get("/")]).await, ["body 1", "body 1"]);
}

/// With stale-if-error an entry stands in for a backend that gives no answer; `outbound` runs.
#[tokio::test]
async fn an_entry_stands_in_for_a_backend_that_fails() {
    let fails = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let backend = {
        let fails = fails.clone();
        Backend::new(move |_| match fails.load(std::sync::atomic::Ordering::SeqCst) {
            true => Err(ForwardError::Connection("refused".to_owned())),
            false => Ok(response(200, "")),
        })
    };
    let mut gateway = Gateway::before(backend).await;
    let cache = gateway.engine.cache().clone();
    let responses = larder_client::http::Responses::builder(cache.clone())
        .stale_if_error(Duration::from_secs(1000))
        .wall_clock(gateway.clock.clone())
        .build();
    gateway.engine = larder_client::engine::Engine::builder(cache).responses(responses).build();
    body(&gateway, &plain(), get("/")).await;
    gateway.clock.forward(61);
    fails.store(true, std::sync::atomic::Ordering::SeqCst);
    let (ran, text) = body(&gateway, &plain(), get("/")).await;
    assert_eq!((ran.status(), text.as_str(), gateway.backend.calls()), (200, "body 1", 2));
    assert_eq!((ran.error(), ran.header("x-outbound").as_deref()), (None, Some("ran")));
}
