//! What lies in the cache: keys and entries byte by byte, as the manual says, so that other gateways read them.

use larder_client::Value;
use larder_client::http::{KeyScope, LookupRules};

use crate::bed::{Bed, How, START_MILLIS, answer, get, minute, ok, text};

const KEY: &str = "@http:default/1;g=0;api=api;host=api.example:80;to=http://api.example:80;path=/a";

#[tokio::test]
async fn an_entry_has_the_key_and_the_fields_of_the_manual() {
    let bed = Bed::new().await;
    let backend = answer(http::StatusCode::OK, "body", &[("x-a", "1")]);
    bed.call(&mut get("/a"), &LookupRules::default(), minute(), backend).await;
    let stored: Vec<u8> = redis::from_redis_value(bed.redis.ask(&["GET", KEY])).unwrap();
    let Value::Response(response) = Value::decode(&stored.into()).unwrap() else { panic!() };
    assert_eq!((response.status, &response.body[..]), (200, &b"body"[..]));
    let fields: Vec<(&str, &str)> = response
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), std::str::from_utf8(value).unwrap()))
        .collect();
    let life = format!("1 stored={START_MILLIS} fresh=60 stale=0 age=0");
    assert_eq!(fields, [(":larder", &*life), ("x-a", "1"), ("date", "Mon, 01 Jan 2024 00:00:00 GMT")]);
}

#[tokio::test]
async fn an_entry_written_by_hand_is_answered() {
    let bed = Bed::new().await;
    write(&bed, 203, &[("x-by", "hand")]);
    let (how, response) = bed.call(&mut get("/a"), &LookupRules::default(), minute(), ok("x")).await;
    assert_eq!(
        (how, response.status.as_u16(), &response.headers["age"]),
        (How::Hit, 203, &"6".parse().unwrap())
    );
    assert_eq!(response.headers["x-by"], "hand");
    assert_eq!(text(response).await, "by hand");
}

/// Whoever wrote the entry: where a response ends is never told by it.
#[tokio::test]
async fn headers_of_one_connection_in_an_entry_are_left_out() {
    let bed = Bed::new().await;
    let fields = [
        ("transfer-encoding", "chunked"),
        ("content-length", "3"),
        ("connection", "x-hop"),
        ("x-hop", "1"),
        ("set-cookie", "a=b"),
        ("x-larder-cache", "hit"),
        ("x-by", "hand"),
    ];
    write(&bed, 200, &fields);
    let (how, response) = bed.call(&mut get("/a"), &LookupRules::default(), minute(), ok("x")).await;
    let mut names: Vec<&str> = response.headers.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!((how, names), (How::Hit, vec!["age", "cache-control", "content-length", "x-by"]));
    let lengths: Vec<_> = response.headers.get_all("content-length").iter().collect();
    assert_eq!(lengths, ["7"]);
    assert_eq!(text(response).await, "by hand");
}

#[tokio::test]
async fn an_entry_that_is_no_whole_response_is_none() {
    let bed = Bed::new().await;
    for status in [100, 101, 199, 206, 304] {
        write(&bed, status, &[]);
        assert_eq!(bed.get("/a", &LookupRules::default(), "x").await, How::Miss, "{status}");
    }
}

/// An entry as the manual says, with these fields after the first, and the body `by hand`.
fn write(bed: &Bed, status: u16, fields: &[(&str, &str)]) {
    let mut payload = status.to_le_bytes().to_vec();
    payload.extend([0, 0]);
    payload.extend(u16::try_from(fields.len() + 1).unwrap().to_le_bytes());
    let life = (":larder", "1 stored=1704067195000 fresh=60 stale=0 age=1");
    for (name, value) in [&[life], fields].concat() {
        payload.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        payload.extend(name.as_bytes());
        payload.extend(u32::try_from(value.len()).unwrap().to_le_bytes());
        payload.extend(value.as_bytes());
    }
    payload.extend(b"by hand");
    let mut entry = b"\0LVE\x01\x0b".to_vec();
    entry.extend(u32::try_from(payload.len()).unwrap().to_le_bytes());
    entry.extend(&payload);
    let client = redis::Client::open(format!("redis://{}", bed.redis.address())).unwrap();
    let mut connection = client.get_connection().unwrap();
    redis::cmd("SET").arg(KEY).arg(entry).arg("EX").arg(60).exec(&mut connection).unwrap();
}

#[tokio::test]
async fn a_long_key_is_hashed() {
    let bed = Bed::new().await;
    let (one, other) = (format!("/{}1", "x".repeat(2000)), format!("/{}2", "x".repeat(2000)));
    let rules = LookupRules::default();
    assert_eq!(
        (bed.get(&one, &rules, "1").await, bed.get(&other, &rules, "2").await),
        (How::Miss, How::Miss)
    );
    let key = bed.responses.key(&mut get(&one), &rules, &KeyScope::new("api")).to_string();
    let (beginning, digest) = key.split_once(";sha256=").unwrap();
    assert_eq!((beginning.len(), digest.len()), (160, 64));
    assert!(beginning.starts_with("1;g=0;api=api;host=api.example:80;to=http://api.example:80;path=/xxx"));
    assert_eq!(bed.text(&KeyScope::new("api"), &mut get(&one), &rules).await, "1");
    assert_eq!(bed.text(&KeyScope::new("api"), &mut get(&other), &rules).await, "2");
}
