//! LARDER.LIMIT in a cluster of real processes: many clients of many nodes count on one key, and exactly as many calls
//! pass as are allowed. How the window slides is tested beside the command.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use larder_tests::clock::Deadline;
use larder_tests::cluster_process::Cluster;
use larder_tests::reply::Node;
use larder_tests::wire::Connection;

const CLIENTS: usize = 50;
const CALLS: usize = 500;
const ASKED_BY_EACH: usize = 40;
const PERIOD_MS: &str = "600000";

fn allowed(reply: &Node) -> bool {
    let numbers: Vec<String> = reply.items().iter().map(Node::text).collect();
    assert_eq!(numbers.len(), 3, "{reply:?}");
    numbers[0] == "1"
}

fn count(connection: &mut Connection) -> Node {
    let calls = CALLS.to_string();
    connection.call(&["LARDER.LIMIT", "limit", &calls, PERIOD_MS, "1"]).expect("a reply")
}

#[test]
fn fifty_clients_of_three_nodes_share_one_limit_exactly() {
    let cluster = Cluster::start(3, &[]);
    let passed = AtomicUsize::new(0);
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (cluster, passed) = (&cluster, &passed);
            scope.spawn(move || {
                let mut connection = cluster.connect(client % cluster.len());
                for _ in 0..ASKED_BY_EACH {
                    passed.fetch_add(usize::from(allowed(&count(&mut connection))), Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(passed.into_inner(), CALLS);
    let calls = CALLS.to_string();
    for node in 0..cluster.len() {
        let asked = ["LARDER.LIMIT", "limit", &calls, PERIOD_MS, "1", "CHECK"];
        let reply = cluster.connect(node).call(&asked).expect("a reply");
        assert!(!allowed(&reply), "node {node}: {reply:?}");
    }
}

/// What was counted survives the node that counted it. A call whose reply was lost may be counted, so that fewer pass.
#[test]
fn no_more_pass_when_the_node_that_counts_is_killed() {
    let mut cluster = Cluster::start(3, &[]);
    let owner = owner_of_the_key(&cluster);
    let others: Vec<_> = (0..cluster.len()).filter(|&node| node != owner).collect();
    let (passed, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let ports: Vec<u16> = others.iter().map(|&node| cluster.port(node)).collect();
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (passed, failed, port) = (&passed, &failed, ports[client % ports.len()]);
            scope.spawn(move || {
                let mut connection = Connection::open(port).expect("a connection");
                for _ in 0..ASKED_BY_EACH {
                    let reply = count(&mut connection);
                    let of = if reply.is_error() { failed } else { passed };
                    let add = reply.is_error() || allowed(&reply);
                    of.fetch_add(usize::from(add), Ordering::Relaxed);
                }
            });
        }
        let begun = Deadline::after(Duration::from_secs(20))
            .poll(|| (passed.load(Ordering::Relaxed) > CALLS / 10).then_some(()));
        begun.expect("calls pass");
        cluster.kill(owner);
    });
    let (passed, failed) = (passed.into_inner(), failed.into_inner());
    assert!(passed <= CALLS, "{passed} passed");
    assert!(passed + failed >= CALLS, "{passed} passed and {failed} failed of {CALLS}");
}

/// The node that serves the key: the one whose port for cluster-aware clients sends nobody elsewhere.
fn owner_of_the_key(cluster: &Cluster) -> usize {
    let serves = |node: &usize| {
        let port = cluster.cluster_ports()[*node];
        let reply = Connection::open(port).expect("a connection").call(&["GET", "limit"]).expect("a reply");
        !reply.is_error()
    };
    (0..cluster.len()).find(serves).expect("somebody serves the key")
}
