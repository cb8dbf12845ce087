//! Replies that are large, many, or not taken: they keep their order and their number, and cost a bounded amount of memory.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use larder_tests::asking::{info, larder, text};
use larder_tests::clock::Deadline;
use larder_tests::wire::{Connection, encode};

const SOON: Duration = Duration::from_secs(10);

const TOO_LARGE: &str = "ERR the reply would be larger than max-reply allows: ask for less at once";

#[test]
fn a_transaction_keeps_one_reply_for_each_command() {
    let server = larder(&["--max-reply", "2mb", "--max-value", "2mb"]);
    let mut user = Connection::open(server.port()).expect("a connection");
    assert_eq!(text(&mut user, &["SET", "big", &"x".repeat(1_500_000)]), "OK");
    assert_eq!(text(&mut user, &["SET", "s", "abc"]), "OK");
    assert_eq!(text(&mut user, &["MULTI"]), "OK");
    for words in [&["INCR", "n"][..], &["GET", "big"], &["GET", "big"], &["INCR", "s"], &["GET", "s"]] {
        assert_eq!(text(&mut user, words), "QUEUED");
    }
    let lines = user.call(&["EXEC"]).expect("an answer").to_lines();
    let short: Vec<&str> = lines.iter().map(|line| &line[..line.len().min(20)]).collect();
    assert_eq!(short.first(), Some(&"*5"), "{short:?}");
    assert!(lines.contains(&format!("-{TOO_LARGE}")), "{short:?}");
    assert_eq!(short.last(), Some(&"abc"), "{short:?}");
    assert_eq!(text(&mut user, &["PING", "after"]), "after");
    assert_eq!(text(&mut user, &["GET", "n"]), "1");
}

#[test]
fn a_value_that_is_too_large_to_send_is_not_taken_away() {
    let server = larder(&["--max-reply", "1mb", "--max-value", "4mb"]);
    let mut user = Connection::open(server.port()).expect("a connection");
    let value = "x".repeat(2_000_000);
    for words in [
        &["GETDEL", "k"][..],
        &["GETSET", "k", "new"],
        &["SET", "k", "new", "GET"],
        &["GETEX", "k", "PX", "1"],
    ] {
        assert_eq!(text(&mut user, &["SET", "k", &value]), "OK");
        assert_eq!(text(&mut user, words), TOO_LARGE);
        assert_eq!(text(&mut user, &["STRLEN", "k"]), "2000000", "{words:?}");
        assert_eq!(text(&mut user, &["TTL", "k"]), "-1", "{words:?}");
    }
}

#[test]
fn members_that_are_too_many_to_send_stay_in_their_set() {
    let server = larder(&["--max-reply", "1mb", "--max-value", "1mb"]);
    let mut user = Connection::open(server.port()).expect("a connection");
    for number in 0..20 {
        let member = format!("{}{number}", "m".repeat(100_000));
        assert_eq!(text(&mut user, &["SADD", "s", &member]), "1");
    }
    for words in [&["SPOP", "s", "20"][..], &["SPOP", "s", "15"], &["SMEMBERS", "s"], &["SUNION", "s", "t"]] {
        assert_eq!(text(&mut user, words), TOO_LARGE, "{words:?}");
        assert_eq!(text(&mut user, &["SCARD", "s"]), "20");
    }
    assert_eq!(text(&mut user, &["SRANDMEMBER", "s", "-30"]), TOO_LARGE);
    assert_eq!(text(&mut user, &["SUNIONSTORE", "t", "s"]), "20");
}

#[test]
fn names_of_keys_are_bounded_like_any_reply() {
    let server = larder(&["--max-reply", "1mb", "--max-value", "1mb"]);
    let mut user = Connection::open(server.port()).expect("a connection");
    for number in 0..20 {
        let key = format!("{}{number}", "k".repeat(100_000));
        assert_eq!(text(&mut user, &["SET", &key, "v"]), "OK");
        assert_eq!(text(&mut user, &["HSET", "hash", &key, "v"]), "1");
    }
    assert_eq!(text(&mut user, &["KEYS", "*"]), TOO_LARGE);
    assert_eq!(text(&mut user, &["SCAN", "0", "COUNT", "1000"]), TOO_LARGE);
    assert_eq!(text(&mut user, &["HSCAN", "hash", "0", "COUNT", "1000"]), TOO_LARGE);
    assert_eq!(text(&mut user, &["HKEYS", "hash"]), TOO_LARGE);
    assert_eq!(text(&mut user, &["DBSIZE"]), "21");
}

#[test]
fn a_large_reply_that_nobody_reads_evicts_little() {
    let server = larder(&["--max-memory", "64mb", "--threads", "1"]);
    let mut user = Connection::open(server.port()).expect("a connection");
    for number in 0..10_000 {
        user.send(&["SET", &format!("key:{number}"), "some value that is kept"]).expect("bytes are taken");
    }
    for _ in 0..10_000 {
        assert_eq!(user.read(SOON).expect("an answer").text(), "OK");
    }
    assert_eq!(text(&mut user, &["SET", "big", &"x".repeat(10 << 20)]), "OK");
    let mut greedy = Connection::open(server.port()).expect("a connection");
    let words: Vec<&str> = std::iter::once("MGET").chain(std::iter::repeat_n("big", 99)).collect();
    assert_eq!(text(&mut greedy, &words), TOO_LARGE);
    greedy.send_raw(&b"*2\r\n$3\r\nGET\r\n$3\r\nbig\r\n".repeat(50)).expect("bytes are taken");
    let waiting =
        Deadline::after(SOON).poll(|| (info(&mut user, "mem_clients_normal") > 5 << 20).then_some(()));
    assert!(waiting.is_some(), "replies wait");
    for number in 0..1_000 {
        assert_eq!(text(&mut user, &["SET", &format!("more:{number}"), "value"]), "OK");
    }
    let (used, keys) = (info(&mut user, "used_memory"), text(&mut user, &["DBSIZE"]));
    assert!(used <= 64 << 20, "{used} bytes used");
    assert!(keys.parse::<u64>().is_ok_and(|keys| keys > 10_000), "{keys} keys");
}

#[test]
fn a_long_pipeline_may_be_sent_before_it_is_read() {
    const REQUESTS: usize = 1_000_000;
    let server = larder(&[]);
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, server.port())).expect("a connection");
    stream.set_write_timeout(Some(SOON * 3)).expect("a time-out can be set");
    stream.set_read_timeout(Some(SOON)).expect("a time-out can be set");
    stream
        .write_all(&encode(&["SET", "a", "twenty bytes of text"]).repeat(REQUESTS))
        .expect("all of it is taken");
    let mut replies = vec![0; REQUESTS * "+OK\r\n".len()];
    stream.read_exact(&mut replies).expect("all replies come");
    assert!(replies.chunks(5).all(|reply| reply == b"+OK\r\n"));
}

#[test]
fn what_can_never_fit_evicts_nothing() {
    let server = larder(&["--max-memory", "16mb", "--threads", "1"]);
    let mut user = Connection::open(server.port()).expect("a connection");
    for number in 0..5_000 {
        assert_eq!(text(&mut user, &["SET", &format!("key:{number}"), &"v".repeat(100)]), "OK");
    }
    let mut greedy = Connection::open(server.port()).expect("a connection");
    let _ = greedy.send(&["SET", "big", &"x".repeat(30 << 20)]);
    let told = greedy.read(SOON).expect("an answer").text();
    assert!(told.starts_with("OOM request does not fit the memory limit"), "{told}");
    assert_eq!(text(&mut user, &["DBSIZE"]), "5000");
}
