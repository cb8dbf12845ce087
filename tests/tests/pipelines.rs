//! Requests that arrive together: they are read ahead, and still each is read and carried out as if it came alone.

use std::time::Duration;

use larder_tests::asking::{larder, text};
use larder_tests::wire::{Connection, encode};

const SOON: Duration = Duration::from_secs(10);

/// Sends all bytes at once and reads so many replies.
fn exchange(user: &mut Connection, bytes: &[u8], replies: usize) -> Vec<String> {
    user.send_raw(bytes).expect("bytes are taken");
    (0..replies).map(|_| user.read(SOON).expect("an answer").text()).collect()
}

#[test]
fn a_login_changes_how_what_follows_is_read() {
    let server = larder(&["--require-password", "secret"]);
    let mut user = Connection::open(server.port()).expect("a connection");
    let large = "x".repeat(20_000);
    let mut bytes = encode(&["AUTH", "secret"]);
    bytes.extend(encode(&["SET", "k", &large]));
    bytes.extend(encode(&["RESET"]));
    bytes.extend(encode(&["SET", "k", &large]));
    let replies = exchange(&mut user, &bytes, 4);
    assert_eq!(replies, ["OK", "OK", "RESET", "ERR Protocol error: unauthenticated bulk length"]);
    assert_eq!(user.read_close(SOON), Ok(()));
}

#[test]
fn inline_commands_stand_among_others() {
    let server = larder(&[]);
    let mut user = Connection::open(server.port()).expect("a connection");
    let mut bytes = encode(&["PING"]);
    bytes.extend(b"PING one\r\n");
    bytes.extend(encode(&["ECHO", "two"]));
    bytes.extend(b"\"\\x73et\" a \"\\x41*\"\r\n\r\n");
    bytes.extend(encode(&["GET", "a"]));
    bytes.extend(encode(&["QUIT"]));
    bytes.extend(encode(&["SET", "a", "late"]));
    assert_eq!(exchange(&mut user, &bytes, 6), ["PONG", "one", "two", "OK", "A*", "OK"]);
    assert_eq!(user.read_close(SOON), Ok(()));
    let mut other = Connection::open(server.port()).expect("a connection");
    assert_eq!(text(&mut other, &["GET", "a"]), "A*");
}

#[test]
fn what_is_no_request_is_told_after_the_requests_before_it() {
    let server = larder(&[]);
    let mut user = Connection::open(server.port()).expect("a connection");
    let mut bytes = encode(&["SET", "k", "v"]);
    bytes.extend(encode(&["GET", "k"]));
    bytes.extend(b"*1\r\n$x\r\n");
    let replies = exchange(&mut user, &bytes, 3);
    assert_eq!(replies, ["OK", "v", "ERR Protocol error: invalid bulk length"]);
    assert_eq!(user.read_close(SOON), Ok(()));
    // After QUIT it is not read at all.
    let mut user = Connection::open(server.port()).expect("a connection");
    let mut bytes = encode(&["QUIT"]);
    bytes.extend(b"*1\r\n$x\r\n");
    assert_eq!(exchange(&mut user, &bytes, 1), ["OK"]);
    assert_eq!(user.read_close(SOON), Ok(()));
}

#[test]
fn a_pause_holds_the_rest_of_a_pipeline() {
    let server = larder(&[]);
    let mut admin = Connection::open(server.port()).expect("a connection");
    let mut user = Connection::open(server.port()).expect("a connection");
    // The first byte of an inline command may become a star when its quotation marks go.
    for held in [b"\"*\" k\r\nSET k \"\\x31\"\r\n".to_vec(), encode(&["SET", "k", "1"])] {
        assert_eq!(text(&mut admin, &["DEL", "k"]).len(), 1);
        assert_eq!(text(&mut admin, &["CLIENT", "PAUSE", "60000", "WRITE"]), "OK");
        let mut bytes = encode(&["PING", "before"]);
        bytes.extend(&held);
        bytes.extend(encode(&["INCR", "k"]));
        bytes.extend(encode(&["GET", "k"]));
        let unknown = usize::from(held.starts_with(b"\""));
        let replies = exchange(&mut user, &bytes, 1 + unknown);
        assert_eq!(replies[0], "before");
        assert!(
            replies.iter().skip(1).all(|reply| reply.starts_with("ERR unknown command '*'")),
            "{replies:?}"
        );
        assert_eq!(text(&mut admin, &["EXISTS", "k"]), "0");
        assert_eq!(text(&mut admin, &["CLIENT", "UNPAUSE"]), "OK");
        assert_eq!(exchange(&mut user, b"", 3), ["OK", "2", "2"]);
    }
}

#[test]
fn reads_that_are_timed_together_are_counted_each() {
    let server = larder(&[]);
    let mut user = Connection::open(server.port()).expect("a connection");
    let mut bytes = Vec::new();
    for _ in 0..150 {
        bytes.extend(encode(&["GET", "k"]));
    }
    bytes.extend(encode(&["STRLEN", "k"]));
    bytes.extend(encode(&["INFO", "commandstats"]));
    let replies = exchange(&mut user, &bytes, 152);
    let stats = &replies[151];
    assert!(stats.contains("cmdstat_get:calls=150,"), "{stats}");
    assert!(stats.contains("cmdstat_strlen:calls=1,"), "{stats}");
}
