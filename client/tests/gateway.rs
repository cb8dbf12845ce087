//! The gateway as its users run it: the program itself, in front of a real backend, with real
//! Redis servers as caches.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use support::{RedisServer, eventually, free_port};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// A backend that answers `METHOD PATH BODY` and remembers what it was asked.
struct TestBackend {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
    /// `/gate` is answered when somebody opens it.
    gate: Arc<Notify>,
    _tasks: JoinSet<()>,
}

impl TestBackend {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let gate = Arc::new(Notify::new());
        let (seen, closed) = (asked.clone(), gate.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (seen, closed) = (seen.clone(), closed.clone());
                let service =
                    service_fn(move |request| backend_answer(request, seen.clone(), closed.clone()));
                connections.spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        Self { port, asked, gate, _tasks: tasks }
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

async fn backend_answer(
    request: Request<Incoming>,
    asked: Arc<Mutex<Vec<String>>>,
    gate: Arc<Notify>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    asked.lock().unwrap().push(format!("{} {}", parts.method, parts.uri));
    let path = parts.uri.path();
    if path == "/gate" {
        gate.notified().await;
    }
    let names = ["connection", "keep-alive", "x-hop", "if-none-match", "accept-encoding", "te"];
    let seen: Vec<&str> = names.into_iter().filter(|name| parts.headers.contains_key(*name)).collect();
    let answer = match path {
        "/missing" => Response::builder().status(404).body("no such user".into()),
        "/big" => Response::builder().body(Bytes::from(vec![b'x'; 3 << 20])),
        "/page" => Response::builder().header("content-type", "text/html").body("<p>hi</p>".into()),
        "/binary" => Response::builder().body(Bytes::from_static(b"\xff\0\xfe")),
        "/seen" => Response::builder().body(seen.join(",").into()),
        _ => Response::builder()
            .header("connection", "x-hop")
            .header("x-hop", "1")
            .header("x-kept", "1")
            .body(format!("{} {} {}", parts.method, parts.uri, String::from_utf8_lossy(&body)).into()),
    };
    Ok(answer.unwrap().map(Full::new))
}

/// The gateway's process, built once for all tests.
struct Gateway {
    child: Child,
    address: String,
    line: String,
}

impl Gateway {
    fn start(backend_port: u16, args: &[&str]) -> Self {
        let mut child = Command::new(program())
            .args(["--listen", "127.0.0.1:0", "--backend", &format!("http://127.0.0.1:{backend_port}")])
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address =
            line.split_whitespace().find_map(|word| word.strip_prefix("http://")).unwrap_or_default();
        let address = address.to_owned();
        Self { child, address, line }
    }

    fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "")
    }

    fn send(&self, method: &str, path: &str, headers: &[&str], body: &str) -> Answer {
        ask(&self.address, method, path, headers, body)
    }

    /// The status and both cache headers of a GET.
    fn cached(&self, path: &str) -> (u16, String, String) {
        let answer = self.get(path);
        (answer.status, answer.header("x-cache"), answer.header("x-cache-store"))
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Answer {
    status: u16,
    headers: HashMap<String, String>,
    body: Vec<u8>,
    took: Duration,
}

impl Answer {
    fn header(&self, name: &str) -> String {
        self.headers.get(name).cloned().unwrap_or_default()
    }

    fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}

/// One request on a connection of its own, as curl does it.
#[expect(clippy::disallowed_methods, reason = "a test measures real time")]
fn ask(address: &str, method: &str, path: &str, headers: &[&str], body: &str) -> Answer {
    let started = Instant::now();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(support::DEADLINE)).unwrap();
    let more: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let length = body.len();
    write!(stream, "{method} {path} HTTP/1.0\r\nHost: x\r\nContent-Length: {length}\r\n{more}\r\n{body}")
        .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let field =
        |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    Answer {
        status,
        headers: lines.filter_map(field).collect(),
        body: answer[end + 4..].to_vec(),
        took: started.elapsed(),
    }
}

fn program() -> &'static str {
    static PROGRAM: OnceLock<String> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let build =
            ["build", "--quiet", "-p", "larder-client", "--example", "gateway", "--message-format", "json"];
        let built = Command::new(env!("CARGO")).args(build).stderr(Stdio::inherit()).output().unwrap();
        assert!(built.status.success());
        let text = String::from_utf8(built.stdout).unwrap();
        let path = text.rsplit_once("\"executable\":\"").unwrap().1;
        path.split_once('"').unwrap().0.to_owned()
    })
}

fn words(status: u16, cache: &str, store: &str) -> (u16, String, String) {
    (status, cache.to_owned(), store.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_external_cache_values_land_in_the_internal_one() {
    let (backend, inside) = (TestBackend::start().await, RedisServer::start().await);
    let gateway = Gateway::start(backend.port, &["--internal", &inside.address(), "--region", "West Europe"]);
    assert_eq!(gateway.cached("/42"), words(200, "miss", "internal"));
    assert_eq!(inside.get("userprofile-42").as_deref(), Some("GET /42 "));
    let ttl: i64 = redis::from_redis_value(inside.ask(&["TTL", "userprofile-42"])).unwrap();
    assert!((3500..=3600).contains(&ttl), "{ttl}");
    assert_eq!(gateway.cached("/42"), words(200, "hit", "internal"));
    assert_eq!(gateway.get("/42").text(), "GET /42 ");
    assert_eq!(backend.asked(), ["GET /42"], "asked once");
    inside.ask(&["SET", "userprofile-7", "{\"by\":\"hand\"}"]);
    let by_hand = gateway.get("/7");
    assert_eq!(
        (by_hand.text().as_str(), by_hand.header("content-type").as_str()),
        ("{\"by\":\"hand\"}", "application/json")
    );
    for part in [&gateway.address, "West Europe", "prefer-external cache: internal", "curl -i http://"] {
        assert!(gateway.line.contains(part), "{part} is missing in {}", gateway.line);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_external_cache_of_the_region_takes_the_values() {
    let backend = TestBackend::start().await;
    let (inside, outside) = (RedisServer::start().await, RedisServer::start().await);
    let external = format!("Southeast Asia={},abortConnect=False", outside.address());
    let internal = inside.address();
    let args = ["--internal", &internal, "--external", &external, "--duration", "50", "--region"];
    let gateway = Gateway::start(backend.port, &[&args[..], &["southeastasia"]].concat());
    assert_eq!(gateway.cached("/42"), words(200, "miss", "external"));
    assert_eq!(gateway.cached("/42"), words(200, "hit", "external"));
    assert_eq!(outside.get("userprofile-42").as_deref(), Some("GET /42 "));
    assert_eq!(inside.keys(), 0);
    let elsewhere = Gateway::start(backend.port, &[&args[..], &["East US"]].concat());
    assert_eq!(elsewhere.cached("/43"), words(200, "miss", "internal"), "the entry is for another region");
    let constant = [&args[..], &["East US", "--caching-type", "external"]].concat();
    let constant = Gateway::start(backend.port, &constant);
    for _ in 0..2 {
        assert_eq!(constant.cached("/44"), words(200, "miss", ""), "nothing to talk to");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_entry_of_the_region_goes_before_default() {
    let backend = TestBackend::start().await;
    let (inside, default, own) =
        (RedisServer::start().await, RedisServer::start().await, RedisServer::start().await);
    let default_entry = format!("Default={}", default.address());
    let own_entry = format!("Southeast Asia=redis://{}", own.address());
    let internal = inside.address();
    let args = ["--internal", &internal, "--external", &default_entry, "--external", &own_entry, "--region"];
    let gateway = Gateway::start(backend.port, &[&args[..], &["Southeast Asia"]].concat());
    assert_eq!(gateway.cached("/42"), words(200, "miss", "external"));
    assert!(own.get("userprofile-42").is_some());
    assert_eq!((inside.keys(), default.keys()), (0, 0));
    let other = Gateway::start(backend.port, &[&args[..], &["East US"]].concat());
    assert_eq!(other.cached("/43"), words(200, "miss", "external"));
    assert!(default.get("userprofile-43").is_some());
    assert_eq!((inside.keys(), own.keys()), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_redis_fails_no_request_and_hits_when_it_is_back() {
    let backend = TestBackend::start().await;
    let (inside, mut outside) = (RedisServer::start().await, RedisServer::start().await);
    let (internal, external) = (inside.address(), format!("Default={}", outside.address()));
    let gateway = Gateway::start(backend.port, &["--internal", &internal, "--external", &external]);
    assert_eq!(gateway.cached("/42"), words(200, "miss", "external"));
    assert_eq!(gateway.cached("/42"), words(200, "hit", "external"));
    outside.kill();
    for place in 0..40 {
        let answer = gateway.get("/42");
        let cache = answer.header("x-cache");
        assert_eq!((answer.status, answer.text().as_str()), (200, "GET /42 "), "request {place}");
        assert_eq!((cache.as_str(), answer.header("x-cache-store").as_str()), ("unavailable", "external"));
        // Twice the budget (lookup and store), and what a busy machine adds.
        assert!(answer.took < Duration::from_secs(3), "request {place} took {:?}", answer.took);
    }
    assert_eq!(inside.keys(), 0, "nothing went to the internal cache instead");
    outside.start_again().await;
    eventually("it hits again", async || gateway.cached("/42") == words(200, "hit", "external")).await;
    assert!(outside.get("userprofile-42").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn other_methods_and_answers_pass_through() {
    let (backend, inside) = (TestBackend::start().await, RedisServer::start().await);
    let gateway = Gateway::start(backend.port, &["--internal", &inside.address()]);
    let posted = gateway.send("POST", "/42?a=b", &["Connection: x-hop", "X-Hop: 1"], "body");
    assert_eq!((posted.status, posted.text().as_str()), (200, "POST /42?a=b body"));
    assert_eq!(
        (posted.header("x-cache"), posted.header("x-hop"), posted.header("x-kept")),
        (String::new(), String::new(), "1".into())
    );
    for _ in 0..2 {
        let missing = gateway.get("/missing");
        assert_eq!(
            (missing.status, missing.header("x-cache").as_str()),
            (404, "miss"),
            "only a 200 is stored"
        );
        let big = gateway.get("/big");
        assert_eq!((big.status, big.body.len(), big.header("x-cache").as_str()), (200, 3 << 20, "miss"));
    }
    assert_eq!(inside.keys(), 0);
    let conditional =
        ["If-None-Match: \"1\"", "Accept-Encoding: gzip", "TE: trailers", "Connection: x-hop", "X-Hop: 1"];
    assert_eq!(gateway.send("GET", "/seen", &conditional, "").text(), "", "asked for the whole");
    assert_eq!(gateway.send("PUT", "/seen", &conditional[..2], "").text(), "if-none-match,accept-encoding");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hit_has_the_content_type_of_the_first_answer() {
    let (backend, inside) = (TestBackend::start().await, RedisServer::start().await);
    let gateway = Gateway::start(backend.port, &["--internal", &inside.address()]);
    for cache in ["miss", "hit"] {
        let page = gateway.get("/page");
        assert_eq!((page.header("x-cache").as_str(), page.text().as_str()), (cache, "<p>hi</p>"));
        assert_eq!(page.header("content-type"), "text/html");
        let binary = gateway.get("/binary");
        assert_eq!((binary.header("x-cache").as_str(), &binary.body[..]), (cache, &b"\xff\0\xfe"[..]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_is_down_is_a_502_and_hits_go_on() {
    let inside = RedisServer::start().await;
    inside.ask(&["SET", "userprofile-42", "kept"]);
    let gateway = Gateway::start(free_port(), &["--internal", &inside.address()]);
    let down = gateway.get("/1");
    assert_eq!((down.status, down.header("x-cache").as_str()), (502, "miss"));
    assert_eq!(down.text(), "gateway: the backend cannot be reached\n");
    assert_eq!(gateway.send("POST", "/1", &[], "").status, 502);
    assert_eq!(gateway.cached("/42"), words(200, "hit", "internal"));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_in_order_when_asked_to() {
    let (backend, inside) = (TestBackend::start().await, RedisServer::start().await);
    let mut gateway = Gateway::start(backend.port, &["--internal", &inside.address()]);
    let idle = TcpStream::connect(&gateway.address).unwrap();
    let address = gateway.address.clone();
    let under_way = tokio::task::spawn_blocking(move || ask(&address, "GET", "/gate", &[], ""));
    eventually("the backend is asked", async || backend.asked() == ["GET /gate"]).await;
    let pid = gateway.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    eventually("nobody new is let in", async || TcpStream::connect(&gateway.address).is_err()).await;
    backend.gate.notify_one();
    let answer = under_way.await.unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (200, "GET /gate "), "what is under way is finished");
    eventually("it has ended", async || gateway.child.try_wait().unwrap().is_some()).await;
    assert_eq!(gateway.child.wait().unwrap().code(), Some(0));
    assert!(inside.get("userprofile-gate").is_some());
    drop(idle);
}

#[test]
fn wrong_settings_are_said_before_anything_starts() {
    let run = |args: &[&str]| {
        let ended = Command::new(program())
            .args(["--backend", "http://127.0.0.1:1", "--listen", "127.0.0.1:0"])
            .args(args)
            .output();
        let ended = ended.unwrap();
        (ended.status.code(), String::from_utf8(ended.stderr).unwrap())
    };
    let (code, error) = run(&["--external", "Default=host:6380,pasword=hunter2"]);
    assert_eq!(code, Some(2));
    assert_eq!(
        error,
        "gateway: external cache Default: connection string, byte 10: unknown option; did you mean `password`?\n"
    );
    let (code, error) = run(&["--external", "nothing"]);
    assert!(code == Some(2) && error.contains("expected REGION=CONNECTION_STRING"), "{error}");
    let (code, error) = run(&["--caching-type", "extern"]);
    assert!(code == Some(2) && error.contains("none of prefer-external, external, internal"), "{error}");
}
