//! What a request goes through on its way to the backend and back, whatever its policy.

use std::io::{Read, Write};

use crate::backend::Backend;
use crate::client::{connect, head, send};
use crate::process::{Gateway, NOTHING};

#[tokio::test(flavor = "multi_thread")]
async fn methods_paths_queries_and_bodies_arrive_as_they_are() {
    let backend = Backend::start().await;
    let gateway = Gateway::start(backend.port, NOTHING, &[]).await;
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"] {
        let answer = gateway.send(method, "/42?a=b%20c&d", &[], "body");
        assert_eq!((answer.status, answer.text()), (200, format!("{method} /42?a=b%20c&d body")));
    }
    assert_eq!(gateway.get("/a//b%2Fc").text(), "GET /a//b%2Fc ");
    let missing = gateway.get("/missing");
    assert_eq!((missing.status, missing.text().as_str()), (404, "no such user"));
    assert_eq!(gateway.get("/big").body.len(), 3 << 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_belongs_to_one_connection_is_not_passed_on() {
    let backend = Backend::start().await;
    let gateway = Gateway::start(backend.port, NOTHING, &[]).await;
    let headers =
        ["Connection: x-hop, close", "X-Hop: 1", "TE: trailers", "X-End: 2", "Proxy-Authorization: x"];
    let answer = gateway.send("GET", "/42", &headers, "");
    for name in ["x-hop", "te", "connection", "proxy-authorization"] {
        assert_eq!(backend.header(name), "", "{name}");
    }
    assert_eq!(backend.header("x-end"), "2");
    assert_eq!((answer.header("x-hop"), answer.header("x-kept")), ("", "1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_backend_learns_for_whom_it_is() {
    let backend = Backend::start().await;
    let gateway = Gateway::start(backend.port, NOTHING, &[]).await;
    gateway.send(
        "GET",
        "/42",
        &["X-Forwarded-For: 1.2.3.4", "X-Forwarded-Host: evil", "X-Forwarded-Proto: https"],
        "",
    );
    assert_eq!(backend.header("x-forwarded-for"), "1.2.3.4, 127.0.0.1");
    assert_eq!(backend.header("x-forwarded-host"), "api.example");
    assert_eq!(backend.header("x-forwarded-proto"), "http");
    assert_eq!(backend.header("host"), format!("127.0.0.1:{}", backend.port));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_has_the_length_and_no_body() {
    let backend = Backend::start().await;
    let gateway = Gateway::start(backend.port, NOTHING, &[]).await;
    let answer = gateway.send("HEAD", "/big", &[], "");
    assert_eq!((answer.status, answer.header("content-length"), answer.body.len()), (200, "3145728", 0));
    assert_eq!(backend.asked(), ["HEAD /big"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_serves_request_after_request() {
    let backend = Backend::start().await;
    let gateway = Gateway::start(backend.port, NOTHING, &[]).await;
    let mut stream = connect(&gateway.address);
    for place in 0..3 {
        write!(stream, "GET /{place} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let found = head(&mut stream);
        assert!(found.starts_with("HTTP/1.1 200 OK\r\n"), "{found}");
        let mut body = vec![0; format!("GET /{place} ").len()];
        stream.read_exact(&mut body).unwrap();
        assert_eq!(String::from_utf8(body).unwrap(), format!("GET /{place} "));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_go_up_and_come_back() {
    let backend = Backend::start().await;
    let gateway = Gateway::start(backend.port, NOTHING, &[]).await;
    let text = "POST /42 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n\
                5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";
    let answer = send(&gateway.address, text);
    assert_eq!((answer.status, answer.text().as_str()), (200, "POST /42 hello world"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_waits_for_100_is_told_to_go_on() {
    let backend = Backend::start().await;
    let gateway = Gateway::start(backend.port, NOTHING, &[]).await;
    let mut stream = connect(&gateway.address);
    write!(stream, "POST /42 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        .unwrap();
    assert_eq!(head(&mut stream), "HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"body").unwrap();
    assert!(head(&mut stream).starts_with("HTTP/1.1 200 OK\r\n"));
    assert_eq!(backend.header("expect"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_absolute_target_is_asked_for_at_the_backend_of_its_route() {
    let backend = Backend::start().await;
    let gateway = Gateway::start(backend.port, NOTHING, &[]).await;
    let answer = send(
        &gateway.address,
        "GET http://other.example/42?x=1 HTTP/1.1\r\nHost: other.example\r\nConnection: close\r\n\r\n",
    );
    assert_eq!((answer.status, answer.text().as_str()), (200, "GET /42?x=1 "));
    assert_eq!(backend.header("host"), format!("127.0.0.1:{}", backend.port));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_passed_on_is_refused() {
    let backend = Backend::start().await;
    let gateway = Gateway::start(backend.port, NOTHING, &[]).await;
    for (method, target) in [("CONNECT", "example.net:443"), ("TRACE", "/42")] {
        let answer = gateway.send(method, target, &[], "");
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(answer.header("allow"), "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
        assert_eq!(answer.text(), r#"{ "statusCode": 405, "message": "This method is not passed on." }"#);
    }
    for target in ["/../x", "/a/./b", "/a/..", "/%2e%2E/x", "/.%2e/x", "/..%2fx", "/a%5C..", "/..?a=b"] {
        for method in ["GET", "POST"] {
            assert_eq!(gateway.send(method, target, &[], "").status, 400, "{target}");
        }
    }
    assert_eq!(gateway.send("OPTIONS", "*", &[], "").status, 400);
    let upgrade = ["Connection: Upgrade", "Upgrade: websocket"];
    let answer = gateway.send("GET", "/42", &upgrade, "");
    assert_eq!((answer.status, answer.text().contains("does not change protocols")), (501, true));
    assert!(backend.asked().is_empty());
    for target in ["/a..b", "/...", "/.well-known/x", "/42?back=/../x", "/a%2fb"] {
        assert_eq!(gateway.get(target).status, 200, "{target}");
    }
    // HTTP/2 is offered, not demanded.
    let offer = ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"];
    assert_eq!(gateway.send("GET", "/42", &offer, "").status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_http_is_a_400() {
    let backend = Backend::start().await;
    let gateway = Gateway::start(backend.port, NOTHING, &[]).await;
    for text in [
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "GET /a b HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\nConnection: close\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
    ] {
        assert_eq!(send(&gateway.address, text).status, 400, "{text:?}");
    }
    assert!(backend.asked().is_empty());
}
