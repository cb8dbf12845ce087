//! The axum examples as a user runs them: the programs themselves, with a real Redis.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use crate::support::{RedisServer, eventually};

struct Example {
    child: Child,
    address: String,
}

impl Example {
    fn start(name: &str, redis: &RedisServer) -> Self {
        let args = ["127.0.0.1:0", &redis.address()];
        let mut child = Command::new(program(name)).args(args).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").unwrap().to_owned();
        Self { child, address }
    }

    /// The answer, its head in lower case.
    fn ask(&self, method: &str, path: &str, fields: &str) -> (String, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let head =
            format!("{method} {path} HTTP/1.1\r\nhost: shop.example\r\nconnection: close\r\n{fields}\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.to_ascii_lowercase(), body.to_owned())
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_axum_example_answers_from_the_cache() {
    let redis = RedisServer::start().await;
    let example = Example::start("axum", &redis);
    let (head, body) = example.ask("GET", "/orders/7?page=1&utm=x", "");
    assert!(head.contains("x-larder-cache: miss"), "{head}");
    assert_eq!(body, "order 7\n");
    eventually("the response is stored", async || redis.keys() == 1).await;
    let (head, body) = example.ask("GET", "/orders/7?page=1&utm=y", "");
    assert!(head.contains("x-larder-cache: hit"), "{head}");
    assert!(
        head.contains("content-length: 8") && head.contains("age: ") && head.contains("no-store"),
        "{head}"
    );
    assert_eq!(body, "order 7\n");
    let key = "1;g=0;api=orders;host=shop.example:80;path=/orders/7;q.page=1;q.size;h.accept";
    assert!(head.contains(&format!("x-larder-cache-key: {key}")), "{head}");
    let (head, body) = example.ask("HEAD", "/orders/7?page=1", "");
    assert!(head.contains("x-larder-cache: hit") && head.contains("content-length: 8"), "{head}");
    assert_eq!(body, "");
    let (head, _) =
        example.ask("GET", "/orders/7?page=1", "if-modified-since: Fri, 01 Jan 2100 00:00:00 GMT\r\n");
    assert!(head.starts_with("http/1.1 304"), "{head}");
    let (head, _) = example.ask("GET", "/orders/7?page=2", "");
    assert!(head.contains("x-larder-cache: miss"), "{head}");
    let (head, _) = example.ask("POST", "/orders/7", "content-length: 0\r\n");
    assert!(
        head.starts_with("http/1.1 405") && head.contains("x-larder-cache: skip; reason=method"),
        "{head}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_axum_example_with_an_engine_runs_its_policy() {
    let redis = RedisServer::start().await;
    let example = Example::start("engine_in_axum", &redis);
    let (head, body) = example.ask("GET", "/orders/7?page=1&utm=x", "");
    assert!(head.starts_with("http/1.1 200") && head.contains("x-larder-cache-use: miss"), "{head}");
    assert!(head.contains("x-order-path: /orders/7"), "{head}");
    assert_eq!(body, "order 7\n");
    let stored = async || {
        let (head, body) = example.ask("GET", "/orders/7?page=1&utm=y", "");
        head.contains("x-larder-cache-use: hit") && body == "order 7\n"
    };
    eventually("the response comes from the cache", stored).await;
    let (head, _) = example.ask("GET", "/orders/7?page=2", "");
    assert!(head.contains("x-larder-cache-use: miss"), "{head}");
    let (head, _) = example.ask("GET", "/other", "");
    assert!(head.starts_with("http/1.1 404"), "{head}");
}

fn program(name: &str) -> String {
    let build = ["build", "--quiet", "-p", "larder-client", "--example", name, "--message-format", "json"];
    let built = Command::new(env!("CARGO")).args(build).stderr(Stdio::inherit()).output().unwrap();
    assert!(built.status.success());
    let built = String::from_utf8(built.stdout).unwrap();
    let found = built.lines().rev().find_map(|line| {
        let (_, rest) = line.split_once("\"executable\":\"")?;
        rest.split_once('"').map(|(path, _)| path.to_owned())
    });
    found.expect("cargo names the program")
}
