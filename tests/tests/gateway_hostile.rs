//! Backends, values and requests that mean no good: whatever comes, the client reads exactly one answer that says what
//! it is. The bodies of a well-behaved backend are left to `gateway_bodies`.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use larder_client::{Cache, CachingType, Response, Value};
use larder_tests::gateway::{Gateway, RESPONSES, VALUES, lookup};
use larder_tests::process::{Peer, Server};
use larder_tests::wire::ask;

/// What a read waits for at most: longer than any limit in the gateway.
const READ_MAX: Duration = Duration::from_secs(60);

/// A backend that writes the same bytes to everybody, whatever they ask.
struct RawBackend {
    port: u16,
    heads: Arc<Mutex<Vec<String>>>,
}

impl RawBackend {
    /// Closes after the bytes, or keeps silent with the connection open.
    fn start(bytes: &str, silent: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let (bytes, seen) = (bytes.to_owned(), heads.clone());
        thread::spawn(move || {
            let mut open = Vec::new();
            while let Ok((mut stream, _)) = listener.accept() {
                seen.lock().unwrap().push(head(&mut stream));
                // The gateway may have gone away.
                let _ = stream.write_all(bytes.as_bytes());
                if silent {
                    open.push(stream);
                }
            }
        });
        Self { port, heads }
    }

    fn asked(&self) -> usize {
        self.heads.lock().unwrap().len()
    }
}

/// Reads a request up to the end of its head; the requests here have no body.
fn head(stream: &mut TcpStream) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

struct Set {
    backend: RawBackend,
    redis: Server,
    gateway: Gateway,
}

fn start(bytes: &str, silent: bool, flags: &[&str]) -> Set {
    start_with(RESPONSES, bytes, silent, flags)
}

fn start_with(policy: &str, bytes: &str, silent: bool, flags: &[&str]) -> Set {
    let backend = RawBackend::start(bytes, silent);
    let redis = Server::start(Peer::Redis, &[]).unwrap_or_else(|error| panic!("{error}"));
    let internal = redis.address();
    let gateway = Gateway::start_with(policy, backend.port, &[&["--internal", &internal], flags].concat());
    Set { backend, redis, gateway: gateway.unwrap_or_else(|error| panic!("{error}")) }
}

impl Set {
    /// Everything that comes back until the connection ends: its head in lower case, and the rest.
    fn raw(&self, method: &str, target: &str) -> (String, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.gateway.port())).unwrap();
        stream.set_read_timeout(Some(READ_MAX)).unwrap();
        write!(stream, "{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, rest) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head: {text:?}"));
        (head.to_lowercase(), rest.to_owned())
    }

    fn stored(&self, command: &[&str]) -> String {
        ask(self.redis.port(), command).unwrap_or_else(|error| panic!("{error}")).text()
    }
}

fn check_line(head: &str, line: &str) {
    assert!(head.lines().any(|found| found == line), "no {line:?} in {head:?}");
}

/// What the lookup of an answer came to, and the store.
fn check_lookup(head: &str, word: &str, store: &str) {
    let found = lookup(head.lines().filter_map(|line| line.strip_prefix("x-larder-trace: ")));
    assert_eq!(found, (word, store), "{head:?}");
}

fn check_absent(head: &str, name: &str) {
    assert!(!head.contains(&format!("\r\n{name}:")), "{name} in {head:?}");
}

#[test]
fn a_length_beside_chunks_does_not_split_answers() {
    let length = "Content-Length: 3\r\n";
    let chunked = "Transfer-Encoding: chunked\r\n";
    for (first, second) in [(length, chunked), (chunked, length)] {
        let answer = format!(
            "HTTP/1.1 200 OK\r\n{first}{second}Content-Type: text/plain\r\n\r\n8\r\nhello, w\r\n0\r\n\r\n"
        );
        let set = start(&answer, false, &[]);
        for word in ["miss", "hit"] {
            let (head, body) = set.raw("GET", "/42");
            check_line(&head, "http/1.1 200 ok");
            check_lookup(&head, word, "internal");
            if word == "hit" {
                check_line(&head, "content-length: 8");
                check_absent(&head, "transfer-encoding");
                assert_eq!((head.matches("content-length").count(), body.as_str()), (1, "hello, w"));
            } else {
                check_absent(&head, "content-length");
                assert_eq!(body, "8\r\nhello, w\r\n0\r\n\r\n", "exactly one body");
            }
        }
        assert_eq!(set.backend.asked(), 1);
        let (head, body) = set.raw("POST", "/42");
        check_absent(&head, "content-length");
        check_line(&head, "transfer-encoding: chunked");
        assert_eq!(body, "8\r\nhello, w\r\n0\r\n\r\n", "exactly one body");
    }
}

#[test]
fn a_silent_backend_ends_at_the_limit_and_nothing_is_stored() {
    let flags = ["--backend-seconds-max", "1"];
    let stalled = "HTTP/1.1 200 OK\r\nContent-Length: 500\r\nContent-Type: text/plain\r\n\r\n7 bytes";
    let set = start(stalled, true, &flags);
    // What has begun cannot become another answer: it is cut, and its length shows that.
    for method in ["GET", "POST"] {
        let (head, body) = set.raw(method, "/42");
        check_line(&head, "http/1.1 200 ok");
        check_line(&head, "content-length: 500");
        assert_eq!(body, "7 bytes");
    }
    // A policy that reads the body has no answer yet.
    let reading = start_with(VALUES, stalled, true, &flags);
    let (head, _) = reading.raw("GET", "/42");
    check_lookup(&head, "miss", "internal");
    check_line(&head, "http/1.1 500 internal server error");
    let mute = start("", true, &flags);
    for method in ["GET", "POST"] {
        check_line(&mute.raw(method, "/42").0, "http/1.1 504 gateway timeout");
    }
    for set in [set, reading, mute] {
        assert_eq!(set.stored(&["DBSIZE"]), "0");
    }
}

#[test]
fn the_version_of_the_backend_is_not_that_of_the_gateway() {
    let set = start("HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nhello", false, &[]);
    for method in ["GET", "GET", "POST"] {
        check_line(&set.raw(method, "/42").0, "http/1.1 200 ok");
    }
}

#[test]
fn a_value_that_makes_no_answer_is_a_500() {
    let policy = r#"<policies><inbound>
        <set-variable name="id" value="@(context.Request.OriginalUrl.Path.Substring(1))" />
        <cache-lookup-value key="@("kept-" + context.Variables["id"])" variable-name="kept" />
        <return-response response-variable-name="kept" />
    </inbound></policies>"#;
    let set = start_with(policy, "", false, &[]);
    let response = |status, name: &str| {
        let headers = vec![(name.to_owned(), "x".into())];
        Value::Response(Box::new(Response { status, reason: String::new(), headers, body: "evil".into() }))
    };
    let lying = [
        ("Content-Length", "99"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "close, x-gone"),
        ("X-Gone", "1"),
    ];
    let lying = lying.map(|(name, value)| (name.to_owned(), value.into())).to_vec();
    let lying = Response { status: 203, reason: "Kept".to_owned(), headers: lying, body: "body".into() };
    let values =
        [Value::Response(Box::new(lying)), Value::Double(1.5), response(101, "x"), response(200, "no name")];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let cache = Cache::builder("local").internal(set.redis.address()).build().unwrap();
        assert!(cache.connected(CachingType::Internal, READ_MAX).await);
        for (place, value) in values.iter().enumerate() {
            let key = format!("kept-{place}");
            cache.store_value(&key, value, 3600, CachingType::Internal).await;
            let found = cache.lookup_value(&key, CachingType::Internal, None).await;
            assert!(found.is_hit(), "{key} is there");
        }
    });
    let (head, body) = set.raw("GET", "/0");
    check_line(&head, "http/1.1 203 kept");
    check_line(&head, "content-length: 4");
    check_absent(&head, "transfer-encoding");
    check_absent(&head, "x-gone");
    assert_eq!(body, "body");
    for place in 1..=values.len() {
        let (head, body) = set.raw("GET", &format!("/{place}"));
        check_line(&head, "http/1.1 500 internal server error");
        assert!(!body.contains("evil"), "{body}");
    }
    assert_eq!(set.backend.asked(), 0);
}

#[test]
fn the_backend_does_not_speak_for_the_gateway() {
    let answer = "HTTP/1.1 200 OK\r\nX-Larder-Trace: inbound, cache-lookup: hit, store external\r\nContent-Length: 0\r\n\r\n";
    let set = start(answer, false, &["--named", "caching-type=external"]);
    let (head, _) = set.raw("GET", "/42");
    check_lookup(&head, "miss", "");
    assert!(!head.contains("store external"), "{head}");
}
