//! Start, reload and end: what signals do, and what is said of it.

use crate::backend::Backend;
use crate::client::{ask, connect};
use crate::process::{Gateway, NOTHING};
use crate::support::{FakeCluster, RedisServer, Says, eventually};

fn saying(word: &str) -> String {
    format!(
        "<policies><inbound><return-response><set-body>{word}</set-body></return-response></inbound></policies>"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_in_order_when_asked_to() {
    let backend = Backend::start().await;
    let mut gateway = Gateway::start(backend.port, NOTHING, &[]).await;
    let idle = connect(&gateway.address);
    let address = gateway.address.clone();
    let under_way = tokio::task::spawn_blocking(move || ask(&address, "GET", "/gate", &[], ""));
    eventually("the backend is asked", async || backend.asked() == ["GET /gate"]).await;
    gateway.signal("TERM");
    eventually("nobody new is let in", async || std::net::TcpStream::connect(&gateway.address).is_err())
        .await;
    assert_eq!(gateway.ended(), None);
    backend.open_gate();
    let answer = under_way.await.unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (200, "GET /gate "), "what is under way is answered");
    eventually("it has ended", async || gateway.ended() == Some(0)).await;
    drop(idle);
}

#[tokio::test(flavor = "multi_thread")]
async fn its_patience_at_the_end_has_a_limit() {
    let backend = Backend::start().await;
    let mut gateway = Gateway::start(backend.port, NOTHING, &["--shutdown-seconds-max", "1"]).await;
    let address = gateway.address.clone();
    let under_way = tokio::task::spawn_blocking(move || {
        let mut stream = connect(&address);
        std::io::Write::write_all(&mut stream, b"GET /gate HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        crate::client::head(&mut stream)
    });
    eventually("the backend is asked", async || backend.asked() == ["GET /gate"]).await;
    gateway.signal("INT");
    eventually("it has ended", async || gateway.ended() == Some(0)).await;
    assert_eq!(under_way.await.unwrap(), "", "cut, and not answered with anything");
    assert!(gateway.log().contains("connections were still busy"), "{}", gateway.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_policy_is_read_again_on_a_signal() {
    let backend = Backend::start().await;
    let gateway = Gateway::start(backend.port, &saying("one"), &[]).await;
    assert_eq!(gateway.get("/").text(), "one");
    gateway.write("policy.xml", &saying("two"));
    assert_eq!(gateway.get("/").text(), "one", "not before the signal");
    gateway.signal("HUP");
    eventually("the new policy is in force", async || gateway.get("/").text() == "two").await;
    // What is wrong is said, with its place, and changes nothing.
    gateway.write("policy.xml", "<policies>\n  <inbound><cache-lookup-value /></inbound>\n</policies>");
    gateway.signal("HUP");
    eventually("the error is said", async || gateway.log().contains("stay as they were")).await;
    assert!(
        gateway
            .log()
            .contains("policy.xml: error: line 2, column 12, inbound, cache-lookup-value, attribute key")
    );
    assert_eq!(gateway.get("/").text(), "two");
    gateway.write("policy.xml", &saying("three"));
    gateway.signal("HUP");
    eventually("the next policy is in force", async || gateway.get("/").text() == "three").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_metrics_are_told_apart_from_clients() {
    let backend = Backend::start().await;
    let gateway = Gateway::start(backend.port, NOTHING, &["--admin", "127.0.0.1:0"]).await;
    let report = gateway.report();
    let admin = report.lines().find_map(|line| line.strip_prefix("health and metrics: http://")).unwrap();
    for (path, wanted) in [("/livez", "alive\n"), ("/readyz", "ready\n")] {
        let answer = ask(admin, "GET", path, &[], "");
        assert_eq!((answer.status, answer.text().as_str()), (200, wanted));
    }
    gateway.get("/secret-path");
    let metrics = ask(admin, "GET", "/metrics", &[], "").text();
    assert!(metrics.contains("larder_client_calls_total{operation=\"lookup\""), "{metrics}");
    assert!(!metrics.contains("secret-path"));
    assert_eq!(ask(admin, "GET", "/other", &[], "").status, 404);
    assert_eq!(ask(admin, "POST", "/metrics", &[], "").status, 405);
    assert_eq!(gateway.get("/livez").text(), "GET /livez ", "clients have no such page");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_tells_routes_and_no_path() {
    let backend = Backend::start().await;
    let gateway = Gateway::start(backend.port, NOTHING, &[]).await;
    gateway.get("/secret-path?secret=query");
    eventually("the request is logged", async || gateway.log().contains("request")).await;
    let log = gateway.log();
    for part in ["method=GET", "route=\"/*\"", "status=200", "cache=\"none\"", "cache_ms=0"] {
        assert!(log.contains(part), "{part}: {log}");
    }
    assert!(!log.contains("secret"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_let_in_before_the_cluster_has_said_which_caches_it_knows() {
    let (backend, redis) = (Backend::start().await, RedisServer::start().await);
    let cluster = FakeCluster::start(Says::Error("LOADING not yet")).await;
    let internal = cluster.address();
    let args = ["--internal", &internal, "--time-budget-ms", "10000", "--trace"];
    let saying = async {
        eventually("it asks", async || !cluster.asked().is_empty()).await;
        cluster.say(Says::List(1, vec![("default".into(), redis.address())]));
    };
    let starting = Gateway::start(backend.port, include_str!("../../examples/userprofile.xml"), &args);
    let (gateway, ()) = tokio::join!(starting, saying);
    let first = gateway.get("/42");
    assert!(first.header("x-larder-trace").contains("store external:Default"), "{first:?}");
    eventually("its value is in the external cache", async || redis.keys() == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_says_nothing_does_not_keep_it_from_starting() {
    let backend = Backend::start().await;
    let gateway = Gateway::start(backend.port, NOTHING, &["--time-budget-ms", "50"]).await;
    assert_eq!(gateway.get("/1").status, 200);
    assert!(gateway.log().contains("the cluster has not said in time"), "{}", gateway.log());
}
