//! Policies in the gateway, with real caches: the reference's example as written, traces, failures.

use crate::backend::Backend;
use crate::process::Gateway;
use crate::support::{RedisServer, eventually};

const EXAMPLE: &str = include_str!("../../examples/userprofile.xml");

#[tokio::test(flavor = "multi_thread")]
async fn the_example_asks_the_backend_once_and_lets_ten_calls_through() {
    let (backend, redis) = (Backend::start().await, RedisServer::start().await);
    let gateway = Gateway::start(backend.port, EXAMPLE, &["--internal", &redis.address()]).await;
    for place in 0..10 {
        let answer = gateway.get("/42");
        assert_eq!((answer.status, answer.text().as_str()), (200, "GET /42 "), "call {place}");
        assert_eq!(answer.header("x-larder-trace"), "", "nobody asked for a trace");
    }
    assert_eq!(backend.asked(), ["GET /42"], "asked once");
    eventually("the store that nobody waited for has ended", async || {
        redis.get("userprofile-42").as_deref() == Some("GET /42 ")
    })
    .await;
    let ttl: i64 = redis::from_redis_value(redis.ask(&["TTL", "userprofile-42"])).unwrap();
    assert!((3500..=3600).contains(&ttl), "{ttl}");
    let refused = gateway.get("/42");
    assert_eq!(refused.status, 429);
    let wait: u32 = refused.header("retry-after").parse().unwrap();
    assert!((1..=62).contains(&wait), "{wait}");
    assert!(backend.asked().is_empty());
    eventually("the refusal is logged", async || gateway.log().contains("status=429")).await;
    assert!(!gateway.log().contains("a policy failed"), "a limit is no fault: {}", gateway.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_have_limits_of_their_own() {
    let (backend, redis) = (Backend::start().await, RedisServer::start().await);
    let policy =
        "<policies><inbound><base /><rate-limit calls=\"2\" renewal-period=\"60\" /></inbound></policies>";
    let config = format!(
        "backend = \"BACKEND\"\npolicy = \"policy.xml\"\ninternal = \"{}\"\n\
         [[subscription]]\nid = \"a\"\nkey = \"key-a\"\n[[subscription]]\nid = \"b\"\nkey = \"key-b\"\n",
        redis.address()
    );
    let one = Gateway::configured(backend.port, &config, &[("policy.xml", policy)]).await;
    let other = Gateway::configured(backend.port, &config, &[("policy.xml", policy)]).await;
    let ask = |gateway: &Gateway, key: &str| {
        gateway.send("GET", "/1", &[&format!("Ocp-Apim-Subscription-Key: {key}")], "").status
    };
    // The count is the store's: two gateways share it.
    let asked = [
        (&one, "key-a"),
        (&other, "key-a"),
        (&one, "key-a"),
        (&other, "key-a"),
        (&one, "key-b"),
        (&one, "none"),
    ];
    let statuses = asked.map(|(gateway, key)| ask(gateway, key));
    assert_eq!(statuses, [200, 200, 429, 429, 200, 200]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_tells_statements_stores_and_keys() {
    let (backend, redis) = (Backend::start().await, RedisServer::start().await);
    let external = format!("west={}", redis.address());
    let args = ["--region", "West", "--external", &external, "--trace"];
    let gateway = Gateway::start(backend.port, EXAMPLE, &args).await;
    let miss = gateway.get("/42");
    let trace = miss.header("x-larder-trace");
    for part in [
        "inbound, line 6, column 9, cache-lookup-value: miss",
        "store external:west",
        "key \"userprofile-42\"",
        "cache-store-value",
    ] {
        assert!(trace.contains(part), "{part}: {trace}");
    }
    assert_eq!(miss.header("x-larder-cache-use"), "miss");
    let hit = gateway.get("/42");
    assert!(hit.header("x-larder-trace").contains("cache-lookup-value: hit"), "{hit:?}");
    assert_eq!(hit.header("x-larder-cache-use"), "hit");
    let log = gateway.log();
    assert!(log.contains("cache=\"hit\"") && !log.contains("userprofile"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_fails_is_a_500_unless_on_error_says_otherwise() {
    let backend = Backend::start().await;
    let failing = r#"<set-variable name="a" value="@(Convert.ToInt32("secret-text"))" />"#;
    let policy = format!("<policies><inbound>{failing}</inbound></policies>");
    let gateway = Gateway::start(backend.port, &policy, &[]).await;
    let answer = gateway.get("/1");
    assert_eq!((answer.status, answer.text().contains("secret-text")), (500, false));
    eventually("the failure is logged", async || gateway.log().contains("a policy failed")).await;
    let log = gateway.log();
    assert!(log.contains("ExpressionValueEvaluationFailure") && log.contains("set-variable[1]"), "{log}");
    let on_error = r#"<on-error><return-response><set-status code="418" /><set-body>@(context.LastError.Reason)</set-body></return-response></on-error>"#;
    gateway.write("policy.xml", &format!("<policies><inbound>{failing}</inbound>{on_error}</policies>"));
    gateway.signal("HUP");
    eventually("on-error answers", async || gateway.get("/1").status == 418).await;
    assert_eq!(gateway.get("/1").text(), "ExpressionValueEvaluationFailure");
    assert!(backend.asked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_of_the_gateway_change_where_a_request_goes() {
    let (backend, other) = (Backend::start().await, Backend::start().await);
    let policy = format!(
        r#"<policies><inbound><base />
            <choose>
              <when condition="@(context.Request.OriginalUrl.Path == "/rewrite/7")">
                <rewrite-uri template="/v2/{{rest}}?from={{a}}" />
              </when>
              <when condition="@(context.Request.OriginalUrl.Path == "/other")">
                <set-backend-service base-url="http://127.0.0.1:{}/base" />
              </when>
              <when condition="@(context.Request.OriginalUrl.Path == "/method")">
                <set-method>DELETE</set-method>
                <set-query-parameter name="x y" exists-action="append"><value>@("1&" + "2")</value></set-query-parameter>
                <set-query-parameter name="a" exists-action="delete" />
                <set-query-parameter name="b-c" exists-action="override"><value>3</value></set-query-parameter>
              </when>
            </choose>
          </inbound></policies>"#,
        other.port
    );
    let config = "backend = \"BACKEND\"\n[[route]]\npath = \"/rewrite/{rest}\"\npolicy = \"p.xml\"\n[[route]]\npath = \"/*\"\npolicy = \"p.xml\"\n";
    let gateway = Gateway::configured(backend.port, config, &[("p.xml", &policy)]).await;
    for (path, wanted) in [
        ("/rewrite/7?a=1&b=2", "GET /v2/7?from=1&b=2 "),
        ("/rewrite/7?%61=1&b=2", "GET /v2/7?from=1&b=2 "),
        ("/other?a=1", "GET /base/other?a=1 "),
        ("/method?a=1&b=2", "DELETE /method?b=2&x%20y=1%262&b-c=3 "),
        ("/method?%61=1&b%2Dc=2", "DELETE /method?x%20y=1%262&b-c=3 "),
        ("/plain?a=1", "GET /plain?a=1 "),
    ] {
        let answer = gateway.get(path);
        assert_eq!(answer.text(), wanted, "{path}");
    }
    assert_eq!(other.asked(), ["GET /base/other?a=1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn failover_turns_to_the_internal_cache_while_the_external_one_is_away() {
    let (backend, inside, mut outside) =
        (Backend::start().await, RedisServer::start().await, RedisServer::start().await);
    let external = format!("Default={}", outside.address());
    let internal = inside.address();
    let args = ["--internal", &internal, "--external", &external, "--failover", "--time-budget-ms", "2000"];
    let gateway = Gateway::start(backend.port, EXAMPLE, &args).await;
    assert_eq!(gateway.get("/42").status, 200);
    eventually("it is stored outside", async || outside.get("userprofile-42").is_some()).await;
    assert_eq!(inside.get("userprofile-42"), None);
    outside.kill();
    assert_eq!(gateway.get("/42").status, 200);
    eventually("it is stored inside", async || inside.get("userprofile-42").is_some()).await;
    backend.asked();
    assert_eq!((gateway.get("/42").status, backend.asked().len()), (200, 0), "the internal cache answers");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_a_store() {
    let (backend, redis) = (Backend::start().await, RedisServer::start().await);
    let policy = r#"<policies><inbound><cache-store-value key="k" value="v" duration="60" /><cache-lookup-value key="k" variable-name="v" /><set-header name="X-Found"><value>@((string)context.Variables["v"])</value></set-header></inbound></policies>"#;
    let args = ["--internal", &redis.address(), "--time-budget-ms", "8000"];
    let gateway = Gateway::start(backend.port, policy, &args).await;
    redis.signal("STOP");
    let answer = gateway.get("/42");
    redis.signal("CONT");
    assert_eq!((answer.status, backend.header("x-found").as_str()), (200, "v"), "it reads its own write");
    assert!(answer.took.as_secs() < 4, "{:?}", answer.took);
    eventually("it is stored", async || redis.get("k").as_deref() == Some("v")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_waits_for_responses_that_are_being_stored() {
    let (backend, redis) = (Backend::start().await, RedisServer::start().await);
    let policy = r#"<policies><inbound><cache-lookup vary-by-developer="false" vary-by-developer-groups="false" /></inbound><outbound><cache-store duration="60" /></outbound></policies>"#;
    let args = ["--internal", &redis.address(), "--time-budget-ms", "20000"];
    let mut gateway = Gateway::start(backend.port, policy, &args).await;
    let address = gateway.address.clone();
    let asked = tokio::task::spawn_blocking(move || crate::client::ask(&address, "GET", "/gate", &[], ""));
    eventually("the backend is asked", async || backend.asked() == ["GET /gate"]).await;
    redis.signal("STOP");
    backend.open_gate();
    assert_eq!(asked.await.unwrap().status, 200);
    gateway.signal("TERM");
    eventually("nobody new is let in", async || std::net::TcpStream::connect(&gateway.address).is_err())
        .await;
    eventually("it waits", async || gateway.log().contains("waiting for stores that are under way")).await;
    assert_eq!(gateway.ended(), None, "a store is under way");
    redis.signal("CONT");
    eventually("it has ended", async || gateway.ended() == Some(0)).await;
    assert_ne!(redis.keys(), 0);
}

const CACHED: &str = r#"<policies><inbound><cache-lookup vary-by-developer="false" vary-by-developer-groups="false"><vary-by-query-parameter>a</vary-by-query-parameter></cache-lookup></inbound><outbound><cache-store duration="60" /></outbound></policies>"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stored_and_asked_again_is_a_matter_of_settings() {
    let (backend, redis) = (Backend::start().await, RedisServer::start().await);
    let internal = redis.address();
    let no_cache = ["Cache-Control: no-cache"];
    let plain = Gateway::start(backend.port, CACHED, &["--internal", &internal]).await;
    plain.get("/42");
    plain.send("GET", "/42", &no_cache, "");
    assert_eq!(backend.asked().len(), 1, "what a client says does not count");
    plain.get("/big");
    plain.get("/big");
    assert_eq!(backend.asked().len(), 2, "it is too large");
    let args = [
        "--internal",
        &internal,
        "--honour-client-no-cache",
        "--value-bytes-max",
        "8388608",
        "--purge-seen-ms",
        "0",
    ];
    let other = Gateway::start(backend.port, CACHED, &args).await;
    other.send("GET", "/42", &no_cache, "");
    assert_eq!(backend.asked().len(), 1);
    other.get("/big");
    eventually("it is stored", async || {
        backend.asked();
        other.get("/big").body.len() == 3 << 20 && backend.asked().is_empty()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_so_many_misses_are_at_the_backend() {
    let (backend, redis) = (Backend::start().await, RedisServer::start().await);
    let args = ["--internal", &redis.address(), "--origin-parallel", "1", "--origin-wait-ms", "10"];
    let gateway = Gateway::start(backend.port, CACHED, &args).await;
    let address = gateway.address.clone();
    let first = tokio::task::spawn_blocking(move || crate::client::ask(&address, "GET", "/gate", &[], ""));
    eventually("the backend is asked", async || backend.asked() == ["GET /gate"]).await;
    let refused = gateway.get("/other?a=1");
    assert_eq!((refused.status, refused.header("retry-after").is_empty()), (503, false));
    backend.open_gate();
    assert_eq!(first.await.unwrap().status, 200);
}
