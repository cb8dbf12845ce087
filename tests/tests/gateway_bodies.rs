//! What bodies go through the gateway: large ones and binary ones come out as they went in, whether stored or not,
//! and a backend that is down is told.

use hyper::Method;
use hyper::body::Bytes;
use larder_tests::backend::{Backend, Page, profile};
use larder_tests::gateway::{Gateway, RESPONSES, looked_up};
use larder_tests::http::{Answer, Client};
use larder_tests::process::{Peer, Server};
use larder_tests::wire::ask;

const MIB: usize = 1024 * 1024;
/// The largest value that the client's defaults store.
const STORED_MAX: usize = 2 * MIB;
/// More than the head of an entry takes.
const ENTRY: usize = 4096;
const BINARY: &str = "application/octet-stream";

struct Set {
    backend: Backend,
    larder: Server,
    gateway: Gateway,
}

fn start() -> Set {
    let backend = Backend::start().unwrap_or_else(|error| panic!("{error}"));
    let larder = Server::start(Peer::Larder, &[]).unwrap_or_else(|error| panic!("{error}"));
    let gateway = Gateway::start_with(RESPONSES, backend.port(), &["--internal", &larder.address()]);
    Set { backend, larder, gateway: gateway.unwrap_or_else(|error| panic!("{error}")) }
}

impl Set {
    fn get(&self, path: &str) -> Answer {
        self.gateway.get(path).unwrap_or_else(|error| panic!("{error}"))
    }

    fn serve(&self, path: &str, content_type: &'static str, body: &Bytes, chunked: bool) {
        self.backend.serve(path, Page { content_type, body: body.clone(), chunked });
    }

    fn keys(&self) -> String {
        ask(self.larder.port(), &["DBSIZE"]).unwrap_or_else(|error| panic!("{error}")).text()
    }
}

/// Every byte value, no period that a buffer could share.
fn binary(length: usize) -> Bytes {
    let mut random = fastrand::Rng::with_seed(42);
    std::iter::repeat_with(|| random.u8(..)).take(length).collect()
}

fn text(length: usize) -> Bytes {
    (0..length).map(|place| b"abcdefghijklmnopqrstuvwxyz\n"[place % 27]).collect()
}

/// Not `assert_eq`: that would print megabytes.
fn check_body(answer: &Answer, body: &Bytes, what: &str) {
    let (got, wanted) = (answer.body.len(), body.len());
    let first = answer.body.iter().zip(body).position(|(got, wanted)| got != wanted);
    assert!(answer.body == *body, "{what}: {got} bytes of {wanted}, first difference at {first:?}");
}

#[test]
fn a_body_above_the_limit_is_passed_on_and_not_stored() {
    let set = start();
    let body = binary(8 * MIB);
    set.serve("/length", BINARY, &body, false);
    set.serve("/chunked", BINARY, &body, true);
    for round in 1..=2 {
        for path in ["/length", "/chunked"] {
            let answer = set.get(path);
            assert_eq!((answer.status, looked_up(&answer).0), (200, "miss"), "{path}");
            assert_eq!(answer.header("content-type"), BINARY);
            check_body(&answer, &body, path);
            assert_eq!(set.backend.asked(path), round, "{path}");
        }
        assert_eq!(set.keys(), "0");
    }
}

#[test]
fn a_large_body_goes_up_and_comes_back_as_it_was() {
    let set = start();
    let body = binary(8 * MIB);
    let mut client = Client::connect(set.gateway.port()).unwrap();
    for method in [Method::POST, Method::PUT] {
        let answer = client.send(method.clone(), "/42", body.clone()).unwrap();
        assert_eq!((answer.status, looked_up(&answer).0), (200, ""));
        check_body(&answer, &body, method.as_str());
    }
    assert_eq!(set.keys(), "0", "only a GET is cached");
    assert_eq!(set.backend.asked("/42"), 2);
}

#[test]
fn binary_bodies_are_stored_and_come_back_with_their_type() {
    let set = start();
    let every_byte: Bytes = (0..=u8::MAX).collect();
    let like_resp = Bytes::from_static(b"$5\r\nhello\r\n\r\n\0*1\r\n\xff");
    // What begins like the envelope of a stored value and is none.
    let like_envelope = Bytes::from_static(b"\0LVE\x01\x01\xff\xff\xff\xff");
    for (path, content_type, body) in [
        ("/every-byte", BINARY, every_byte),
        ("/resp", BINARY, like_resp),
        ("/envelope", "text/plain", like_envelope),
        ("/empty", "image/png", Bytes::new()),
        ("/large", "image/png", binary(MIB)),
    ] {
        // Chunked or not is the business of one connection: it must not be stored.
        set.serve(path, content_type, &body, path == "/large");
        for cache in ["miss", "hit", "hit"] {
            let answer = set.get(path);
            assert_eq!((answer.status, looked_up(&answer).0), (200, cache), "{path}");
            assert_eq!(answer.header("content-type"), content_type, "{path}");
            check_body(&answer, &body, path);
        }
        assert_eq!(set.backend.asked(path), 1, "{path}");
    }
}

#[test]
fn the_limit_is_that_of_the_stored_value() {
    let set = start();
    for (path, content_type, body, second) in [
        ("/fits", "text/plain", text(STORED_MAX - ENTRY), "hit"),
        ("/chunked-fits", BINARY, binary(STORED_MAX - ENTRY), "hit"),
        ("/one-more", "text/plain", text(STORED_MAX + 1), "miss"),
        ("/chunked-one-more", BINARY, binary(STORED_MAX + 1), "miss"),
    ] {
        set.serve(path, content_type, &body, path.starts_with("/chunked"));
        for cache in ["miss", second] {
            let answer = set.get(path);
            assert_eq!((answer.status, looked_up(&answer).0), (200, cache), "{path}");
            check_body(&answer, &body, path);
        }
    }
    assert_eq!(set.keys(), "2");
}

#[test]
fn a_backend_that_is_down_is_a_502_and_hits_go_on() {
    let set = start();
    assert_eq!(looked_up(&set.get("/42")).0, "miss");
    let Set { backend, larder, gateway } = set;
    drop(backend);
    let get = |path: &str| gateway.get(path).unwrap_or_else(|error| panic!("{error}"));
    for _ in 0..2 {
        let kept = get("/42");
        assert_eq!((kept.status, looked_up(&kept).0), (200, "hit"));
        assert_eq!(kept.body, profile("/42"));
        let failed = get("/43");
        assert_eq!((failed.status, looked_up(&failed).0), (502, "miss"));
    }
    assert_eq!(ask(larder.port(), &["DBSIZE"]).unwrap().text(), "1", "a failure is not kept");
}
