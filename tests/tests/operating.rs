//! What an operator asks of a node without a cluster: status, drain, readiness, INFO; and with which exit codes scripts are
//! told. Clusters are in `cluster.rs`.

use std::process::{Command, Output};
use std::time::Duration;

use larder_tests::asking::larder;
use larder_tests::clock::Deadline;
use larder_tests::http::Client;
use larder_tests::process::{free_ports, larder_path};
use larder_tests::wire::Connection;

const SOON: Duration = Duration::from_secs(20);

fn run(port: u16, words: &[&str]) -> Output {
    let port = port.to_string();
    Command::new(larder_path()).args(words).args(["--port", &port]).output().expect("larder can be run")
}

fn shown(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn status_shows_the_one_node_there_is() {
    let server = larder(&["--region", "west"]);
    let (code, text, told) = shown(&run(server.port(), &["status"]));
    assert_eq!((code, told.as_str()), (Some(0), ""));
    let address = server.address();
    for part in ["region west, cluster ", &address, "1024/1024", "\nhealthy: yes\n"] {
        assert!(text.contains(part), "{part} in:\n{text}");
    }
    let (code, json, _) = shown(&run(server.port(), &["status", "--json", "--wait-healthy", "10"]));
    assert_eq!(code, Some(0));
    for part in ["\"healthy\": true", "\"owned\": 1024", "\"region\": \"west\"", "\"state\": \"up\""] {
        assert!(json.contains(part), "{part} in:\n{json}");
    }
}

#[test]
fn status_of_nothing_is_told_apart_from_a_sick_cluster() {
    let port = free_ports().expect("ports");
    let (code, text, told) = shown(&run(port, &["status"]));
    assert_eq!((code, text.as_str()), (Some(2), ""));
    assert!(told.contains(&format!("no node answers on http://127.0.0.1:{}", port + 3)), "{told}");
    let (code, _, told) = shown(&run(port, &["status", "--wait-healthy", "1"]));
    assert_eq!(code, Some(1), "{told}");
}

#[test]
fn waiting_for_health_outlasts_the_start() {
    let port = free_ports().expect("ports");
    let waiting = Command::new(larder_path())
        .args(["status", "--wait-healthy", "30", "--port", &port.to_string()])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("larder can be run");
    let mut node =
        Command::new(larder_path()).args(["--port", &port.to_string()]).spawn().expect("larder can be run");
    let output = waiting.wait_with_output();
    node.kill().expect("it runs");
    node.wait().expect("it ends");
    let (code, text, _) = shown(&output.expect("it ends"));
    assert_eq!(code, Some(0));
    assert!(text.ends_with("healthy: yes\n"), "{text}");
}

#[test]
fn a_drain_that_would_lose_everything_has_to_be_forced() {
    let server = larder(&[]);
    let (code, text, told) = shown(&run(server.port(), &["drain"]));
    assert_eq!((code, text.as_str()), (Some(1), ""));
    assert!(told.contains("this node is alone: all of its values go with it"), "{told}");
    assert!(told.contains("larder drain --force"), "{told}");
    let (code, text, _) = shown(&run(server.port(), &["drain", "--force"]));
    assert_eq!(code, Some(0));
    assert!(text.starts_with("there is nobody to hand over to"), "{text}");
    assert_eq!(shown(&run(free_ports().expect("ports"), &["drain"])).0, Some(2));
}

/// A page in somebody's browser cannot order it, since it cannot send the header.
#[test]
fn a_drain_is_ordered_by_a_program_that_means_it() {
    let server = larder(&[]);
    let mut admin = Client::connect(server.port() + 3).expect("the admin port");
    let answer =
        admin.send(hyper::Method::POST, "/drain?force", hyper::body::Bytes::new()).expect("an answer");
    assert_eq!(answer.status, 403);
    assert_eq!(admin.get("/drain").expect("an answer").status, 405);
    assert_eq!(admin.get("/readyz").expect("an answer").status, 200);
}

#[test]
fn info_says_what_the_node_is_in_its_cluster() {
    let server = larder(&[]);
    let mut user = Connection::open(server.port()).expect("a connection");
    let mut info = |section: &str| user.call(&["INFO", section]).expect("an answer").text();
    assert!(info("cluster").contains("cluster_enabled:0\r\n"));
    let larder = info("larder");
    for line in [
        "node:1\r\n",
        "lease:held\r\n",
        "members:1\r\n",
        "partitions_owned:1024\r\n",
        "partitions_lost:0\r\n",
    ] {
        assert!(larder.contains(line), "{line} in:\n{larder}");
    }
    let replication = info("replication");
    assert!(replication.contains("role:master\r\nconnected_slaves:0\r\n"), "{replication}");
}

#[test]
fn a_node_that_stops_is_not_ready() {
    let mut server = larder(&[]);
    let mut admin = Client::connect(server.port() + 3).expect("the admin port");
    assert_eq!(admin.get("/readyz").expect("an answer").status, 200);
    server.signal("TERM").expect("a signal can be sent");
    // It says so as long as it answers at all.
    let seen = Deadline::after(SOON).poll(|| match admin.get("/readyz") {
        Ok(answer) => (answer.status == 503).then_some(()),
        Err(_) => Some(()),
    });
    assert!(seen.is_some());
    let status = server.wait_for_exit(Deadline::after(SOON)).expect("it ends");
    assert!(status.success(), "{status}");
}
