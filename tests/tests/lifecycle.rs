//! How a node starts and ends: its first line, what it refuses to start with, signals, health.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Command, Output};
use std::time::Duration;

use larder_tests::asking::larder;
use larder_tests::clock::{Deadline, now, rest};
use larder_tests::process::{free_ports, larder_path};
use larder_tests::wire::Connection;

const SOON: Duration = Duration::from_secs(10);

fn run(arguments: &[&str]) -> Output {
    Command::new(larder_path()).args(arguments).output().expect("larder can be run")
}

fn get(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("the admin port is open");
    stream.set_read_timeout(Some(SOON * 2)).expect("a time-out can be set");
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("bytes are taken");
    let mut reply = String::new();
    stream.read_to_string(&mut reply).expect("an answer");
    reply
}

#[test]
fn a_node_is_ready_within_a_second_and_says_so_in_one_line() {
    let started = now();
    let server = larder(&["--region", "west"]);
    let output = Deadline::after(SOON).poll(|| Some(server.output()).filter(|output| output.ends_with('\n')));
    let took = started.elapsed();
    let output = output.expect("a line");
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!(output.lines().count(), 1, "{output}");
    for part in ["127.0.0.1:", "http://127.0.0.1:", "256mb", "region west", "redis-cli -h 127.0.0.1 -p "] {
        assert!(output.contains(part), "{part} in: {output}");
    }
}

#[test]
fn a_bind_address_beyond_loopback_needs_a_password() {
    let output = run(&["--bind", "0.0.0.0"]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(told.contains("set LARDER_REQUIRE_PASSWORD"), "{told}");
}

#[test]
fn a_taken_port_is_told() {
    let server = larder(&[]);
    let output = run(&["--port", &server.port().to_string()]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(told.contains("is in use: stop what listens there, or choose another --port"), "{told}");
}

#[test]
fn check_config_shows_the_settings_and_no_secret() {
    let output = run(&["check-config", "--require-password", "hunter2", "--max-memory", "1gb"]);
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success());
    assert!(shown.contains("max-memory = \"1073741824\"") && !shown.contains("hunter2"), "{shown}");
    assert_eq!(run(&["check-config", "--max-memory", "lots"]).status.code(), Some(2));
}

#[test]
fn sigterm_answers_what_is_in_flight_and_exits_cleanly() {
    let mut server = larder(&[]);
    // Several: how much of one has been read by then is left to chance.
    let mut users: Vec<_> = (0..4).map(|_| Connection::open(server.port()).expect("a connection")).collect();
    for number in 0..10_000 {
        for user in &mut users {
            user.send(&["SET", &format!("k{number}"), "v"]).expect("bytes are taken");
        }
    }
    server.signal("TERM").expect("a signal can be sent");
    for user in &mut users {
        for number in 0..10_000 {
            let reply = user.read(SOON).unwrap_or_else(|error| panic!("reply {number}: {error}"));
            assert_eq!(reply.text(), "OK");
        }
        assert_eq!(user.read_close(SOON), Ok(()));
    }
    let status = server.wait_for_exit(Deadline::after(SOON)).expect("it ends");
    assert!(status.success(), "{status}");
    assert!(Connection::open(server.port()).is_err(), "nobody listens any more");
}

#[test]
fn sigterm_does_not_wait_for_idle_or_silent_clients() {
    let mut server = larder(&[]);
    let _idle = Connection::open(server.port()).expect("a connection");
    let mut half = Connection::open(server.port()).expect("a connection");
    half.send_raw(b"*2\r\n$3\r\nGET\r\n$100\r\nabc").expect("bytes are taken");
    server.signal("TERM").expect("a signal can be sent");
    let status = server.wait_for_exit(Deadline::after(SOON)).expect("it ends");
    assert!(status.success(), "{status}");
}

#[test]
fn sigterm_does_not_wait_for_a_client_that_never_rests() {
    let mut server = larder(&[]);
    let mut user = Connection::open(server.port()).expect("a connection");
    server.signal("TERM").expect("a signal can be sent");
    let began = now();
    // As a client with one request at a time and some way to go: it never pauses for as long as a last word takes.
    let asking = std::thread::spawn(move || {
        while user.call(&["PING"]).is_ok() {
            rest(Duration::from_millis(50));
        }
    });
    let status = server.wait_for_exit(Deadline::after(SOON)).expect("an end");
    assert!(status.success() && began.elapsed() < SOON / 2, "{status} after {:?}", began.elapsed());
    asking.join().expect("it was closed in good order");
}

#[test]
fn a_killed_node_comes_back_empty_on_the_same_port() {
    let flags = ["--threads", "1"];
    let server = larder(&flags);
    let port = server.port();
    let mut user = Connection::open(port).expect("a connection");
    assert_eq!(user.call(&["SET", "k", "v"]).expect("an answer").text(), "OK");
    server.signal("KILL").expect("a signal can be sent");
    drop(server);
    let port = port.to_string();
    let mut again =
        Command::new(larder_path()).args(["--port", &port]).args(flags).spawn().expect("larder can be run");
    let size = Deadline::after(SOON).poll(|| {
        let mut user = Connection::open(port.parse().ok()?).ok()?;
        Some(user.call(&["DBSIZE"]).ok()?.text())
    });
    again.kill().expect("it runs");
    again.wait().expect("it ends");
    assert_eq!(size.as_deref(), Some("0"));
}

#[test]
fn health_and_metrics_are_served_and_name_no_key() {
    let server = larder(&["--region", "west"]);
    let mut user = Connection::open(server.port()).expect("a connection");
    user.call(&["SET", "customer-4711", "private words"]).expect("an answer");
    user.call(&["GET", "customer-4711"]).expect("an answer");
    user.call(&["GET", "nobody"]).expect("an answer");
    let admin = server.port() + 3;
    assert!(get(admin, "/livez").starts_with("HTTP/1.1 200"));
    assert!(get(admin, "/readyz").starts_with("HTTP/1.1 200"));
    assert!(get(admin, "/nothing").starts_with("HTTP/1.1 404"));
    let metrics = get(admin, "/metrics");
    for line in [
        "larder_keyspace_hits_total 1",
        "larder_keyspace_misses_total 1",
        "larder_commands_total{command=\"get\"} 2",
        "larder_keys{database=\"0\"} 1",
        "region=\"west\"",
        "# EOF",
    ] {
        assert!(metrics.contains(line), "{line} in:\n{metrics}");
    }
    assert!(!metrics.contains("4711") && !metrics.contains("private"));
    assert!(!server.output().contains("4711"));
}

#[test]
fn half_a_request_for_health_does_not_keep_others_from_asking() {
    let mut server = larder(&[]);
    let admin = server.port() + 3;
    let half = |_| {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, admin)).expect("the admin port is open");
        stream.write_all(b"GET /livez HTTP/1.1\r\n").expect("bytes are taken");
        stream
    };
    let silent: Vec<TcpStream> = (0..100).map(half).collect();
    assert!(get(admin, "/livez").starts_with("HTTP/1.1 200"));
    server.signal("TERM").expect("a signal can be sent");
    let status = server.wait_for_exit(Deadline::after(Duration::from_secs(5))).expect("it ends");
    assert!(status.success(), "{status}");
    drop(silent);
}

#[test]
fn a_free_block_of_ports_is_four_neighbours() {
    assert!(free_ports().is_some_and(|port| port <= u16::MAX - 3));
}
