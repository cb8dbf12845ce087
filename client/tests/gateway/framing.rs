//! How long a request is, and what belongs to its connection: what a client says of it rules neither the backend's
//! connection nor what others get.

use std::io::Write;

use crate::backend::Backend;
use crate::client::{connect, head};
use crate::process::Gateway;
use crate::support::RedisServer;

const SIXTY: &str = "GET /smuggled HTTP/1.1\r\nHost: evil.example\r\nX-Filler: 123\r\n\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_consumed_body_is_sent_as_an_empty_one() {
    let backend = Backend::start().await;
    let policy = r#"<policies><inbound><set-variable name="a" value="@(context.Request.Body.As<string>())" /></inbound></policies>"#;
    let gateway = Gateway::start(backend.port, policy, &["--backend-seconds-max", "2"]).await;
    let answer = gateway.send("POST", "/42", &[], SIXTY);
    assert_eq!((answer.status, answer.text().as_str()), (200, "POST /42 "));
    assert_eq!(
        (backend.header("content-length").as_str(), backend.header("transfer-encoding").as_str()),
        ("0", "")
    );
    // The next client has the same connection, and its own request.
    assert_eq!(gateway.send("POST", "/43", &[], "x").text(), "POST /43 ");
    let chunked = "POST /44 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    assert_eq!(crate::client::send(&gateway.address, chunked).text(), "POST /44 ");
    assert_eq!(backend.header("content-length"), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_question_has_no_body_and_says_so() {
    let backend = Backend::start().await;
    let policy = r#"<policies><inbound /><backend><choose><when condition="@(true)"><forward-request /></when></choose><forward-request /></backend></policies>"#;
    let gateway = Gateway::start(backend.port, policy, &["--backend-seconds-max", "2"]).await;
    let answer = gateway.send("POST", "/42", &[], SIXTY);
    assert_eq!((answer.status, answer.text().as_str()), (200, "POST /42 "));
    assert_eq!(backend.asked(), ["POST /42", "POST /42"]);
    assert_eq!(backend.header("content-length"), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_cannot_give_a_body_another_length() {
    let backend = Backend::start().await;
    let policy = r#"<policies><inbound><set-header name="Content-Length"><value>1</value></set-header><set-header name="Transfer-Encoding"><value>chunked</value></set-header></inbound></policies>"#;
    let gateway = Gateway::start(backend.port, policy, &["--backend-seconds-max", "2"]).await;
    for method in ["GET", "POST"] {
        assert_eq!(gateway.send(method, "/42", &[], "body").text(), format!("{method} /42 body"));
    }
    let chunked = "GET /42 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n";
    assert_eq!(crate::client::send(&gateway.address, chunked).text(), "GET /42 body");
}

#[tokio::test(flavor = "multi_thread")]
async fn connection_takes_nothing_away_that_policies_set() {
    let backend = Backend::start().await;
    let policy = r#"<policies><inbound><set-header name="X-User"><value>@("user" + context.Request.Headers.GetValueOrDefault("Accept-Language", ""))</value></set-header></inbound></policies>"#;
    let gateway = Gateway::start(backend.port, policy, &[]).await;
    let mut stream = connect(&gateway.address);
    let named = "close, x-user, x-forwarded-for, x-forwarded-host, x-forwarded-proto, accept-language";
    write!(
        stream,
        "GET /42 HTTP/1.1\r\nHost: api.example\r\nAccept-Language: de\r\nConnection: {named}\r\n\r\n"
    )
    .unwrap();
    assert!(head(&mut stream).starts_with("HTTP/1.1 200 OK"));
    for (name, wanted) in [
        ("x-user", "user"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-host", "api.example"),
        ("x-forwarded-proto", "http"),
        ("accept-language", ""),
        ("connection", ""),
    ] {
        assert_eq!(backend.header(name), wanted, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connection_cannot_poison_a_cached_variant() {
    let (backend, redis) = (Backend::start().await, RedisServer::start().await);
    let policy = r#"<policies><inbound><cache-lookup vary-by-developer="false" vary-by-developer-groups="false"><vary-by-header>Accept-Language</vary-by-header></cache-lookup></inbound><outbound><cache-store duration="60" /></outbound></policies>"#;
    let gateway = Gateway::start(backend.port, policy, &["--internal", &redis.address()]).await;
    let german = |connection| gateway.send("GET", "/42", &["Accept-Language: de", connection], "");
    assert_eq!(german("Connection: close, accept-language").status, 200);
    assert_eq!(german("Connection: close").status, 200);
    assert_eq!(backend.header("accept-language"), "de", "the first was another variant");
    assert_eq!(backend.asked().len(), 2);
}
