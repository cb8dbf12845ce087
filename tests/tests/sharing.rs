//! Values in a real node, shared between clients of every kind: what one `Cache` stores another reads with its type,
//! and what plain clients write and read is plain text.

use std::process::Command;
use std::time::Duration;

use hyper::body::Bytes;
use larder_client::{
    Cache, CachingType, Date, DateKind, Decimal, Guid, LookupResult, RemoveResult, Response, StoreResult,
    Value, ValueType,
};
use larder_tests::process::{Peer, Server};
use larder_tests::reply::Node;
use larder_tests::wire::Connection;

const SOON: Duration = Duration::from_secs(20);
const PROTOCOLS: [&str; 2] = ["resp2", "resp3"];

fn larder() -> Server {
    Server::start(Peer::Larder, &[]).unwrap_or_else(|error| panic!("{error}"))
}

/// A cache that speaks this version of the protocol to the node.
async fn cache(server: &Server, protocol: &str) -> Cache {
    let endpoint = format!("{},protocol={protocol}", server.address());
    let cache = Cache::builder("local").internal(endpoint).build().expect("settings that make sense");
    assert!(cache.connected(CachingType::PreferExternal, SOON).await, "{protocol}: no connection");
    cache
}

async fn store(cache: &Cache, key: &str, value: &Value) {
    let stored = cache.store_value(key, value, 60, CachingType::PreferExternal).await;
    assert_eq!(stored.result, StoreResult::Stored, "{key}");
}

async fn lookup(cache: &Cache, key: &str) -> LookupResult {
    cache.lookup_value(key, CachingType::PreferExternal, None).await.result
}

/// One value or more of every type.
fn values() -> Vec<Value> {
    let response = Response {
        status: 201,
        reason: "Created".to_owned(),
        headers: vec![("Content-Type".to_owned(), Bytes::from_static(b"image/png"))],
        body: Bytes::from_static(b"\x89PNG\r\n\x1a\n\0"),
    };
    vec![
        Value::String("Zoë, 42\r\n".to_owned()),
        Value::String(String::new()),
        Value::String("\0LVE begins like an envelope".to_owned()),
        Value::Bool(true),
        Value::Int(i32::MIN),
        Value::Long(i64::MAX),
        Value::Double(-0.1),
        Value::Decimal(Decimal::new(-1_234_500, 4).expect("it lies in range")),
        Value::Date(Date::new(638_000_000_000_000_000, DateKind::Utc).expect("it lies in range")),
        Value::Guid(Guid([7; 16])),
        Value::Bytes((0..=u8::MAX).collect()),
        Value::Bytes(Bytes::from(vec![0xfe; 1024 * 1024])),
        Value::Json(r#"{"name":"Zoë"}"#.to_owned()),
        Value::Response(Box::new(response)),
    ]
}

#[tokio::test]
async fn what_one_cache_stores_another_reads_with_its_type() {
    let larder = larder();
    let every = values();
    for kind in ValueType::ALL {
        assert!(every.iter().any(|value| value.kind() == kind), "no {kind:?} among the values");
    }
    for (write, read) in [("resp2", "resp3"), ("resp3", "resp2")] {
        let (writer, reader) = (cache(&larder, write).await, cache(&larder, read).await);
        for (number, value) in every.iter().enumerate() {
            let key = format!("{write}-{number}");
            store(&writer, &key, value).await;
            let found = lookup(&reader, &key).await;
            // Not `assert_eq`: one of them has a megabyte.
            assert!(found == LookupResult::Hit(value.clone()), "{:?}, {write} to {read}", value.kind());
        }
        store(&reader, "changed", &Value::Int(1)).await;
        store(&writer, "changed", &Value::from("two")).await;
        assert_eq!(lookup(&reader, "changed").await, LookupResult::Hit(Value::from("two")), "the new type");
        let removed = reader.remove_value("changed", CachingType::PreferExternal).await;
        assert_eq!(removed.result, RemoveResult::Removed);
        assert_eq!(lookup(&writer, "changed").await, LookupResult::Miss);
    }
}

#[tokio::test]
async fn what_redis_cli_sets_is_read_as_a_string() {
    let larder = larder();
    for (number, flag) in ["-2", "-3"].into_iter().enumerate() {
        for text in ["Ada", "42", "true", "", "Zoë \"and\" others", "{\"a\":1}"] {
            assert_eq!(redis_cli(&larder, &[flag, "set", "plain", text]), "OK");
            for protocol in PROTOCOLS {
                let found = lookup(&cache(&larder, protocol).await, "plain").await;
                assert_eq!(found, LookupResult::Hit(Value::from(text)), "{flag}, {protocol}");
            }
        }
        // And back: a string of a cache is what redis-cli shows.
        let text = format!("Zoë {number}");
        store(&cache(&larder, PROTOCOLS[number]).await, "back", &Value::from(text.as_str())).await;
        assert_eq!(redis_cli(&larder, &[flag, "--raw", "get", "back"]), text);
    }
}

#[tokio::test]
async fn a_stored_value_is_bytes_with_an_expiry_to_every_client() {
    let larder = larder();
    for (protocol, hello) in [("resp2", "2"), ("resp3", "3")] {
        let cache = cache(&larder, protocol).await;
        store(&cache, "number", &Value::Int(1)).await;
        let mut user = Connection::open(larder.port()).unwrap();
        user.call(&["HELLO", hello]).unwrap();
        // The envelope as it is documented: magic, version, tag, length, payload.
        let bytes = b"\0LVE\x01\x03\x04\0\0\0\x01\0\0\0".to_vec();
        assert_eq!(user.call(&["GET", "number"]), Ok(Node::Payload(b'$', bytes.clone())));
        let left: i64 = user.call(&["TTL", "number"]).unwrap().text().parse().unwrap();
        assert!((40..=60).contains(&left), "{left} s left of 60");
        // Copied by a client that knows nothing of it, it is the same value.
        assert_eq!(user.call(&[&b"SET"[..], b"copy", &bytes]).unwrap().text(), "OK");
        assert_eq!(lookup(&cache, "copy").await, LookupResult::Hit(Value::Int(1)));
        // Bytes that are no text are bytes, and what is no string at all is a miss with a cause.
        assert_eq!(user.call(&[&b"SET"[..], b"raw", b"\xff\0"]).unwrap().text(), "OK");
        let raw = Value::Bytes(Bytes::from_static(b"\xff\0"));
        assert_eq!(lookup(&cache, "raw").await, LookupResult::Hit(raw));
        user.call(&["DEL", "hash"]).unwrap();
        user.call(&["HSET", "hash", "f", "v"]).unwrap();
        let found = lookup(&cache, "hash").await;
        assert!(matches!(found, LookupResult::Unavailable { .. }), "{found:?}");
    }
}

/// What `redis-cli` prints, without the line's end.
fn redis_cli(server: &Server, arguments: &[&str]) -> String {
    let output = Command::new("redis-cli").args(["-p", &server.port().to_string()]).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("redis-cli: {error}: tests/run installs it"));
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim_end_matches('\n').to_owned()
}
