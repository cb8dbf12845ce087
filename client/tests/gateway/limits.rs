//! Clients and backends that are slow, large or many: each has its limit, and nobody else suffers.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use crate::backend::Backend;
use crate::client::{connect, head, send};
use crate::process::{Gateway, NOTHING};
use crate::support::{DEADLINE, eventually, free_port};

/// A backend that writes the same bytes to everybody who asks, and then keeps silent.
fn silent_backend(bytes: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept() {
            head(&mut stream);
            // The gateway may have gone away.
            let _ = stream.write_all(bytes.as_bytes());
            open.push(stream);
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_is_down_is_a_502() {
    let gateway = Gateway::start(free_port(), NOTHING, &[]).await;
    for method in ["GET", "POST"] {
        let answer = gateway.send(method, "/1", &[], "body");
        assert_eq!((answer.status, answer.header("content-type")), (502, "application/json"));
        assert!(answer.text().starts_with(r#"{ "statusCode": 502, "message": "#), "{}", answer.text());
        assert!(!answer.text().contains("127.0.0.1"), "no internals: {}", answer.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_does_not_answer_is_a_504() {
    let gateway = Gateway::start(silent_backend(""), NOTHING, &["--backend-seconds-max", "1"]).await;
    let answer = gateway.get("/1");
    assert_eq!(answer.status, 504);
    assert!(answer.took < DEADLINE, "{:?}", answer.took);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_stops_within_a_body_cuts_the_answer() {
    let port = silent_backend("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n7 bytes");
    let gateway = Gateway::start(port, NOTHING, &["--backend-seconds-max", "1"]).await;
    let answer = gateway.get("/1");
    assert_eq!(
        (answer.status, answer.header("content-length"), answer.text().as_str()),
        (200, "500", "7 bytes")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_upload_is_not_the_backends_fault() {
    let backend = Backend::start().await;
    let gateway = Gateway::start(backend.port, NOTHING, &["--backend-seconds-max", "1"]).await;
    let mut stream = connect(&gateway.address);
    write!(stream, "POST /length HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 6\r\n\r\n")
        .unwrap();
    for byte in b"abcdef" {
        tokio::time::sleep(Duration::from_millis(400)).await;
        stream.write_all(&[*byte]).unwrap();
    }
    assert!(head(&mut stream).starts_with("HTTP/1.1 200 OK"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_backend_is_a_503_for_those_beyond_its_limit() {
    let backend = Backend::start().await;
    let gateway = Gateway::start(backend.port, NOTHING, &["--backend-requests-max", "1"]).await;
    let address = gateway.address.clone();
    let first = tokio::task::spawn_blocking(move || crate::client::ask(&address, "GET", "/gate", &[], ""));
    eventually("the backend is asked", async || backend.asked() == ["GET /gate"]).await;
    let answer = gateway.get("/other");
    assert_eq!(answer.status, 503, "{}", answer.text());
    backend.open_gate();
    assert_eq!(first.await.unwrap().status, 200);
    assert_eq!(gateway.get("/other").status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_does_not_come_ends_its_connection_alone() {
    let backend = Backend::start().await;
    let gateway = Gateway::start(backend.port, NOTHING, &["--header-seconds-max", "1"]).await;
    let mut slow = connect(&gateway.address);
    slow.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n").unwrap();
    assert_eq!(gateway.get("/1").status, 200);
    let mut rest = Vec::new();
    slow.read_to_end(&mut rest).unwrap();
    let text = String::from_utf8(rest).unwrap();
    assert!(text.is_empty() || text.starts_with("HTTP/1.1 408"), "{text}");
    assert_eq!(backend.asked(), ["GET /1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_does_not_come_is_a_408() {
    let backend = Backend::start().await;
    let gateway = Gateway::start(backend.port, NOTHING, &["--body-seconds-max", "1"]).await;
    let answer = send(
        &gateway.address,
        "POST /length HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 9\r\n\r\nabc",
    );
    assert_eq!(answer.status, 408, "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_long_is_a_413() {
    let backend = Backend::start().await;
    let gateway = Gateway::start(backend.port, NOTHING, &["--body-bytes-max", "10"]).await;
    assert_eq!(gateway.send("POST", "/length", &[], "0123456789").text(), "10");
    assert_eq!(gateway.send("POST", "/length", &[], "0123456789a").status, 413);
    let chunked = "POST /length HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n\
                   6\r\nabcdef\r\n6\r\nabcdef\r\n0\r\n\r\n";
    assert_eq!(send(&gateway.address, chunked).status, 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_is_too_long_is_a_431() {
    let backend = Backend::start().await;
    let gateway = Gateway::start(backend.port, NOTHING, &["--header-bytes-max", "8192"]).await;
    let long = format!("X-Long: {}", "x".repeat(20_000));
    let answer = send(&gateway.address, &format!("GET / HTTP/1.1\r\nHost: x\r\n{long}\r\n\r\n"));
    assert_eq!(answer.status, 431);
    let many: String = (0..200).map(|place| format!("X-{place}: 1\r\n")).collect();
    assert_eq!(send(&gateway.address, &format!("GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n")).status, 431);
    assert!(backend.asked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_takes_nothing_loses_its_place() {
    let backend = Backend::start().await;
    let gateway =
        Gateway::start(backend.port, NOTHING, &["--body-seconds-max", "1", "--connections-max", "1"]).await;
    let mut lazy = connect(&gateway.address);
    write!(lazy, "GET /huge HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    // It waits for the one place there is.
    assert_eq!(gateway.get("/1").text(), "GET /1 ");
    let mut rest = Vec::new();
    let _ = lazy.read_to_end(&mut rest);
    assert!(rest.len() < 64 << 20, "{} bytes", rest.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_connections_are_served() {
    let backend = Backend::start().await;
    let gateway = Gateway::start(backend.port, NOTHING, &[]).await;
    let mut streams: Vec<TcpStream> = (0..1000).map(|_| connect(&gateway.address)).collect();
    for (place, stream) in streams.iter_mut().enumerate() {
        write!(stream, "GET /{place} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    }
    for (place, stream) in streams.iter_mut().enumerate() {
        assert!(head(stream).starts_with("HTTP/1.1 200 OK"), "{place}");
        let mut body = vec![0; format!("GET /{place} ").len()];
        stream.read_exact(&mut body).unwrap();
        assert_eq!(String::from_utf8(body).unwrap(), format!("GET /{place} "));
    }
}
