//! Clients that send or take a body slowly: the place at the backend is not theirs for so long, and too slow is too slow.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::backend::Backend;
use crate::client::{ask, connect, head};
use crate::process::{Gateway, NOTHING};
use crate::support::{RedisServer, eventually};

const CACHED: &str = r#"<policies><inbound><cache-lookup vary-by-developer="false" vary-by-developer-groups="false" /></inbound><outbound><cache-store duration="60" /></outbound></policies>"#;

/// Sends the head of an upload that never ends, then a byte every few milliseconds, until there is an answer.
async fn trickle(address: &str) -> String {
    let mut stream = connect(address);
    write!(stream, "POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n").unwrap();
    let mut first = [0; 1];
    stream.set_nonblocking(true).unwrap();
    eventually("the upload is refused", async || {
        let _ = stream.write(b"x");
        stream.peek(&mut first).is_ok_and(|bytes| bytes == 1)
    })
    .await;
    stream.set_nonblocking(false).unwrap();
    head(&mut stream)
}

/// Takes an answer a little at a time, until the connection ends: what it has got.
async fn sip(mut stream: TcpStream) -> usize {
    let (mut taken, mut piece) = (0, vec![0; 16 * 1024]);
    stream.set_nonblocking(true).unwrap();
    eventually("the answer is cut", async || match stream.read(&mut piece) {
        Ok(0) => true,
        Ok(bytes) => {
            taken += bytes;
            false
        }
        Err(error) => error.kind() != ErrorKind::WouldBlock,
    })
    .await;
    taken
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_comes_byte_by_byte_is_a_408() {
    let backend = Backend::start().await;
    for args in [
        &["--body-seconds-max", "1", "--body-rate-min", "10000"][..],
        &["--body-total-seconds-max", "1", "--body-rate-min", "0"],
    ] {
        let gateway = Gateway::start(backend.port, NOTHING, args).await;
        let answer = trickle(&gateway.address).await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{args:?}: {answer}");
        assert_eq!(gateway.get("/1").status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_taken_in_sips_is_cut() {
    let backend = Backend::start().await;
    for args in [
        &["--body-seconds-max", "1", "--body-rate-min", "100000000"][..],
        &["--body-total-seconds-max", "1", "--body-rate-min", "0"],
    ] {
        let gateway = Gateway::start(backend.port, NOTHING, args).await;
        let mut stream = connect(&gateway.address);
        write!(stream, "GET /huge HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let taken = sip(stream).await;
        assert!(taken < 64 << 20, "{args:?}: {taken} bytes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_of_a_body_is_its_own() {
    let backend = Backend::start().await;
    let args = ["--body-seconds-max", "2", "--body-total-seconds-max", "2"];
    let gateway = Gateway::start(backend.port, NOTHING, &args).await;
    let mut stream = connect(&gateway.address);
    // Together the answers are taken more slowly than one may be.
    for _ in 0..4 {
        write!(stream, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        tokio::time::sleep(Duration::from_millis(800)).await;
        let found = head(&mut stream);
        assert!(found.starts_with("HTTP/1.1 200 OK"), "{found}");
        stream.read_exact(&mut vec![0; 16 << 20]).unwrap();
    }
}

/// Far above the lowest rate, and far below what the system's buffers hold.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_taken_steadily_is_not_cut() {
    let backend = Backend::start().await;
    let gateway = Gateway::start(backend.port, NOTHING, &["--body-seconds-max", "1"]).await;
    let mut stream = connect(&gateway.address);
    write!(stream, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    assert!(head(&mut stream).starts_with("HTTP/1.1 200 OK"));
    let mut piece = vec![0; 16 * 1024];
    for _ in 0..60 {
        stream.read_exact(&mut piece).unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let rest = (16 << 20) - 60 * piece.len();
    stream.read_exact(&mut vec![0; rest]).expect("the whole of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_upload_holds_no_place_at_the_backend() {
    let backend = Backend::start().await;
    let gateway = Gateway::start(backend.port, NOTHING, &["--backend-requests-max", "1"]).await;
    let mut slow = connect(&gateway.address);
    write!(slow, "POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\nExpect: 100-continue\r\n\r\nabc")
        .unwrap();
    assert_eq!(head(&mut slow), "HTTP/1.1 100 Continue\r\n\r\n", "its body is being read");
    for place in 0..3 {
        assert_eq!(gateway.get(&format!("/{place}")).status, 200);
    }
    assert_eq!(
        backend.asked(),
        ["GET /0", "GET /1", "GET /2"],
        "it is not asked before there is something to say"
    );
    slow.write_all(b"def").unwrap();
    assert!(head(&mut slow).starts_with("HTTP/1.1 200 OK"));
    assert_eq!(backend.asked(), ["POST /slow"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_larger_than_the_buffer_arrives_whole() {
    let backend = Backend::start().await;
    let gateway = Gateway::start(backend.port, NOTHING, &["--buffer-bytes-max", "1000"]).await;
    assert_eq!(gateway.send("POST", "/length", &[], &"x".repeat(5 << 20)).text(), (5 << 20).to_string());
    let gateway = Gateway::start(backend.port, NOTHING, &["--buffer-bytes-max", "0"]).await;
    assert_eq!(gateway.send("POST", "/length", &[], &"x".repeat(1 << 20)).text(), (1 << 20).to_string());
    assert_eq!(gateway.get("/big").body.len(), 3 << 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_nobody_takes_holds_no_place_at_the_backend() {
    let (backend, redis) = (Backend::start().await, RedisServer::start().await);
    let limits =
        ["--backend-requests-max", "1", "--buffer-bytes-max", "33554432", "--internal", &redis.address()];
    // The limit of the backend, and that of misses; a follower waits for no slow leader.
    for (policy, more) in [(NOTHING, &[][..]), (CACHED, &["--origin-parallel", "1"])] {
        let gateway = Gateway::start(backend.port, policy, &[&limits[..], more].concat()).await;
        let mut slow = connect(&gateway.address);
        write!(slow, "GET /large HTTP/1.0\r\n\r\n").unwrap();
        eventually("the answer has begun", async || slow.peek(&mut [0]).is_ok_and(|bytes| bytes > 0)).await;
        let answer = ask(&gateway.address, "GET", "/other", &[], "");
        assert_eq!(answer.status, 200, "{}", answer.text());
        let mut all = Vec::new();
        slow.read_to_end(&mut all).unwrap();
        assert!(all.len() > 16 << 20, "{}", all.len());
    }
}
