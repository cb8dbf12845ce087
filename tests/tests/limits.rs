//! What a node refuses, closes or bounds: connections, requests, memory, clients that are slow or silent.

use std::time::Duration;

use larder_tests::asking::{info, larder, text};
use larder_tests::clock::Deadline;
use larder_tests::wire::{Connection, ReadError};

const SOON: Duration = Duration::from_secs(10);

#[test]
fn one_connection_too_many_is_told_so() {
    let server = larder(&["--max-clients", "3"]);
    let mut first: Vec<Connection> = Vec::new();
    // The harness' own probe may still be counted: wait until three are let in.
    let let_in = Deadline::after(SOON).poll(|| {
        let mut connection = Connection::open(server.port()).ok()?;
        if connection.call(&["PING"]).ok()?.text() == "PONG" {
            first.push(connection);
        }
        (first.len() == 3).then_some(())
    });
    assert!(let_in.is_some());
    let mut extra = Connection::open(server.port()).expect("a connection");
    let told = extra.read(SOON).expect("an answer").text();
    assert_eq!(told, "ERR max number of clients reached");
    assert_eq!(extra.read_close(SOON), Ok(()));
    first.pop();
    let again = Deadline::after(SOON).poll(|| {
        let mut connection = Connection::open(server.port()).ok()?;
        (connection.call(&["PING"]).ok()?.text() == "PONG").then_some(())
    });
    assert!(again.is_some(), "a place that was given back is taken again");
}

#[test]
fn half_a_request_does_not_stay_for_ever() {
    let server = larder(&["--request-timeout", "1"]);
    let mut idle = Connection::open(server.port()).expect("a connection");
    assert_eq!(text(&mut idle, &["PING"]), "PONG");
    let mut half = Connection::open(server.port()).expect("a connection");
    half.send_raw(b"*2\r\n$3\r\nGET\r\n$100\r\nabc").expect("bytes are taken");
    assert_eq!(half.read_close(SOON), Ok(()));
    assert_eq!(text(&mut idle, &["PING"]), "PONG", "a silent connection between requests stays");
}

#[test]
fn an_idle_connection_is_closed_if_asked() {
    let server = larder(&["--idle-timeout", "1"]);
    let mut idle = Connection::open(server.port()).expect("a connection");
    assert_eq!(text(&mut idle, &["PING"]), "PONG");
    assert_eq!(idle.read_close(SOON), Ok(()));
}

#[test]
fn a_guest_may_send_little() {
    let server = larder(&["--require-password", "secret"]);
    let mut guest = Connection::open(server.port()).expect("a connection");
    assert_eq!(text(&mut guest, &["GET", "k"]), "NOAUTH Authentication required.");
    guest.send_raw(b"*2\r\n$3\r\nGET\r\n$16385\r\n").expect("bytes are taken");
    assert_eq!(
        guest.read(SOON).expect("an answer").text(),
        "ERR Protocol error: unauthenticated bulk length"
    );
    assert_eq!(guest.read_close(SOON), Ok(()));
    let mut guest = Connection::open(server.port()).expect("a connection");
    guest.send_raw(b"*11\r\n").expect("bytes are taken");
    assert_eq!(
        guest.read(SOON).expect("an answer").text(),
        "ERR Protocol error: unauthenticated multibulk length"
    );
    let mut user = Connection::open(server.port()).expect("a connection");
    assert_eq!(text(&mut user, &["AUTH", "secret"]), "OK");
    assert_eq!(text(&mut user, &["SET", "k", &"x".repeat(100_000)]), "OK");
}

#[test]
fn a_browser_is_turned_away() {
    let server = larder(&[]);
    let mut browser = Connection::open(server.port()).expect("a connection");
    browser.send_raw(b"POST / HTTP/1.1\r\nHost: x\r\n\r\nSET k v\r\n").expect("bytes are taken");
    assert_eq!(browser.read_close(SOON), Ok(()));
    let mut user = Connection::open(server.port()).expect("a connection");
    assert_eq!(text(&mut user, &["EXISTS", "k"]), "0");
}

#[test]
fn memory_stays_below_its_limit_and_old_keys_leave() {
    const LIMIT: u64 = 16 << 20;
    let server = larder(&["--max-memory", "16mb", "--threads", "1"]);
    let mut user = Connection::open(server.port()).expect("a connection");
    for round in 0..40 {
        let value = "v".repeat(50 + round * 100);
        for number in 0..500 {
            let key = format!("key:{round}:{number}");
            user.send(&["SET", &key, &value]).expect("bytes are taken");
        }
        for _ in 0..500 {
            assert_eq!(user.read(SOON).expect("an answer").text(), "OK");
        }
        let used = info(&mut user, "used_memory");
        assert!(used <= LIMIT, "{used} bytes used in round {round}");
    }
    assert!(info(&mut user, "evicted_keys") > 1_000);
    assert!(info(&mut user, "used_memory") > LIMIT / 10 * 8, "the memory is used");
    assert_eq!(text(&mut user, &["EXISTS", "key:39:499"]), "1", "the newest key is there");
}

#[test]
fn collections_alone_may_fill_the_memory() {
    const LIMIT: u64 = 32 << 20;
    let server = larder(&["--max-memory", "32mb", "--threads", "1"]);
    let mut user = Connection::open(server.port()).expect("a connection");
    let value = "v".repeat(3_000);
    for number in 0..30_000 {
        let told = text(&mut user, &["HSET", &format!("h{}", number / 10), &format!("f{number}"), &value]);
        assert_eq!(told, "1", "field {number}");
    }
    assert!(info(&mut user, "evicted_keys") > 500);
    assert!(info(&mut user, "used_memory") <= LIMIT / 100 * 102);
}

#[test]
fn without_eviction_writes_are_refused_and_reads_are_not() {
    let server = larder(&["--max-memory", "4mb", "--eviction", "noeviction", "--threads", "1"]);
    let mut user = Connection::open(server.port()).expect("a connection");
    let value = "v".repeat(10_000);
    let refused = (0..1_000).find_map(|number| {
        let reply = text(&mut user, &["SET", &format!("k{number}"), &value]);
        (reply != "OK").then_some(reply)
    });
    assert_eq!(refused.as_deref(), Some("OOM command not allowed when used memory > 'maxmemory'."));
    assert_eq!(text(&mut user, &["GET", "k0"]), value);
    assert_eq!(text(&mut user, &["DEL", "k0", "k1"]), "2");
    assert_eq!(text(&mut user, &["SET", "k0", "small"]), "OK");
    assert_eq!(text(&mut user, &["CONFIG", "SET", "maxmemory", "64mb"]), "OK");
    assert_eq!(text(&mut user, &["SET", "more", &value]), "OK");
}

#[test]
fn an_idle_node_gets_below_a_lowered_limit() {
    const LIMIT: u64 = 32 << 20;
    let server = larder(&["--max-memory", "256mb", "--threads", "1"]);
    let mut user = Connection::open(server.port()).expect("a connection");
    let value = "v".repeat(1_000);
    for number in 0..80_000 {
        user.send(&["SET", &format!("k{number}"), &value]).expect("bytes are taken");
        assert_eq!(user.read(SOON).expect("an answer").text(), "OK");
    }
    assert!(info(&mut user, "used_memory") > 2 * LIMIT);
    assert_eq!(text(&mut user, &["CONFIG", "SET", "maxmemory", "32mb"]), "OK");
    assert_eq!(text(&mut user, &["SET", "more", &value]), "OK", "a write goes on meanwhile");
    assert_eq!(text(&mut user, &["APPEND", "more", &value]), "2000", "and one that reads first");
    let below = Deadline::after(SOON).poll(|| (info(&mut user, "used_memory") <= LIMIT).then_some(()));
    assert!(below.is_some(), "the rest leaves without a write");
    assert!(info(&mut user, "used_memory") > LIMIT / 2, "and no more than that");
}

#[test]
fn a_request_larger_than_the_memory_ends_its_connection_alone() {
    let server = larder(&["--max-memory", "4mb", "--threads", "1"]);
    let mut user = Connection::open(server.port()).expect("a connection");
    assert_eq!(text(&mut user, &["SET", "k", "v"]), "OK");
    let mut greedy = Connection::open(server.port()).expect("a connection");
    let sent = greedy.send(&["SET", "big", &"x".repeat(8 << 20)]);
    let told = greedy.read(SOON);
    match (sent, told) {
        // The answer may be lost where the rest of the request meets a closed socket.
        (_, Err(ReadError::Closed)) => {}
        (_, Ok(node)) => assert!(node.text().starts_with("OOM "), "{}", node.text()),
        (_, Err(error)) => panic!("{error}"),
    }
    assert_eq!(text(&mut user, &["EXISTS", "big"]), "0");
    assert_eq!(text(&mut user, &["SET", "k2", "v"]), "OK");
}

#[test]
fn a_client_that_takes_no_replies_costs_little_and_is_given_up() {
    let server = larder(&["--request-timeout", "2", "--threads", "1"]);
    let mut user = Connection::open(server.port()).expect("a connection");
    assert_eq!(text(&mut user, &["SET", "big", &"x".repeat(1 << 20)]), "OK");
    let before = info(&mut user, "mem_clients_normal");
    let mut slow = Connection::open(server.port()).expect("a connection");
    // 400 MB of replies are asked for and none is read.
    slow.send_raw(&b"*2\r\n$3\r\nGET\r\n$3\r\nbig\r\n".repeat(400)).expect("bytes are taken");
    let mut peak = 0;
    let given_up = Deadline::after(SOON).poll(|| {
        peak = peak.max(info(&mut user, "mem_clients_normal"));
        (info(&mut user, "connected_clients") == 1).then_some(())
    });
    assert!(given_up.is_some(), "the silent client is closed");
    // 32 MiB may wait for a client that sends before it reads.
    assert!(peak < before + (40 << 20), "{peak} bytes of buffers");
}

#[test]
fn a_long_key_is_refused() {
    let server = larder(&["--max-key", "100"]);
    let mut user = Connection::open(server.port()).expect("a connection");
    assert_eq!(text(&mut user, &["SET", &"k".repeat(100), "v"]), "OK");
    let told = text(&mut user, &["SET", &"k".repeat(101), "v"]);
    assert_eq!(told, "ERR limit reached: the key is longer than max-key allows");
    let told = text(&mut user, &["MGET", "a", &"k".repeat(101)]);
    assert_eq!(told, "ERR limit reached: the key is longer than max-key allows");
}

#[test]
fn a_thousand_connections_are_served_at_once() {
    let server = larder(&[]);
    let mut all: Vec<Connection> = (0..1_000)
        .map(|number| {
            Connection::open(server.port()).unwrap_or_else(|error| panic!("connection {number}: {error}"))
        })
        .collect();
    for connection in &mut all {
        connection.send(&["INCR", "n"]).expect("bytes are taken");
    }
    let highest = all.iter_mut().map(|connection| connection.read(SOON).expect("an answer").text());
    assert_eq!(highest.filter_map(|text| text.parse::<u64>().ok()).max(), Some(1_000));
}

#[test]
fn a_short_request_that_needs_much_memory_is_refused_too() {
    let server = larder(&["--max-memory", "32mb", "--threads", "1"]);
    let mut user = Connection::open(server.port()).expect("a connection");
    let told = text(&mut user, &["SETRANGE", "k", "400000000", "x"]);
    assert_eq!(told, "OOM command not allowed when used memory > 'maxmemory'.");
    assert_eq!(text(&mut user, &["SETRANGE", "k", "3000000", "x"]), "3000001");
    let mut copies = 0;
    for number in 0..20 {
        // Room for a copy is made by evicting others, at times the original.
        if text(&mut user, &["EXISTS", "k"]) == "0" {
            assert_eq!(text(&mut user, &["SETRANGE", "k", "3000000", "x"]), "3000001");
        }
        copies += usize::from(text(&mut user, &["COPY", "k", &format!("copy{number}")]) == "1");
        let used = info(&mut user, "used_memory");
        assert!(used <= 32 << 20, "{used} bytes used");
    }
    assert!(copies > 0);
    assert_eq!(text(&mut user, &["SET", "small", "v"]), "OK");
}

#[test]
fn a_reply_has_a_limit() {
    let server = larder(&["--max-reply", "1mb"]);
    let mut user = Connection::open(server.port()).expect("a connection");
    assert_eq!(text(&mut user, &["SET", "k", &"x".repeat(400_000)]), "OK");
    let told = text(&mut user, &["MGET", "k", "k", "k", "k"]);
    assert_eq!(told, "ERR the reply would be larger than max-reply allows: ask for less at once");
    assert_eq!(text(&mut user, &["GET", "k"]).len(), 400_000);
}

#[test]
fn queued_commands_count_as_memory() {
    let server = larder(&["--max-memory", "4mb", "--eviction", "none", "--threads", "1"]);
    let mut user = Connection::open(server.port()).expect("a connection");
    assert_eq!(text(&mut user, &["MULTI"]), "OK");
    let value = "v".repeat(100_000);
    let refused = (0..100).find_map(|_| {
        let reply = text(&mut user, &["ECHO", &value]);
        (reply != "QUEUED").then_some(reply)
    });
    assert_eq!(refused.as_deref(), Some("OOM command not allowed when used memory > 'maxmemory'."));
    assert!(text(&mut user, &["EXEC"]).starts_with("EXECABORT "));
    assert_eq!(text(&mut user, &["SET", "k", &value]), "OK", "the memory is back");
}

#[test]
fn a_client_that_takes_no_replies_can_be_killed() {
    let server = larder(&["--request-timeout", "600", "--threads", "1"]);
    let mut user = Connection::open(server.port()).expect("a connection");
    assert_eq!(text(&mut user, &["SET", "big", &"x".repeat(1 << 20)]), "OK");
    let mut slow = Connection::open(server.port()).expect("a connection");
    let id = text(&mut slow, &["CLIENT", "ID"]);
    let before = info(&mut user, "mem_clients_normal");
    slow.send_raw(&b"*2\r\n$3\r\nGET\r\n$3\r\nbig\r\n".repeat(100)).expect("bytes are taken");
    let waiting =
        Deadline::after(SOON).poll(|| (info(&mut user, "mem_clients_normal") > before).then_some(()));
    assert!(waiting.is_some(), "its replies wait");
    assert_eq!(text(&mut user, &["CLIENT", "KILL", "ID", &id]), "1");
    let gone = Deadline::after(SOON).poll(|| (info(&mut user, "connected_clients") == 1).then_some(()));
    assert!(gone.is_some());
}
