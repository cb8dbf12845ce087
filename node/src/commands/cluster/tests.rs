//! CLUSTER in command words, against the shapes that a Redis 7 with three primaries answers with.

use larder_proto::topology::{MemberState, NodeId};

use super::LinkInfo;
use super::rows::SUBCOMMANDS;
use super::testing::{partition_of, view};
use super::view::Endpoint;
use crate::commands::testing::Bench;

fn bench() -> Bench {
    let mut bench = Bench::new();
    bench.session.endpoint = Endpoint::Cluster;
    *bench.node.cluster.borrow_mut() = Some(view());
    bench
}

const ONE: &str = "feedbeef00000000000000000000000000000001";
const TWO: &str = "feedbeef00000000000000000000000000000002";
const THREE: &str = "feedbeef00000000000000000000000000000003";

#[test]
fn through_the_plain_port_there_is_no_cluster() {
    let mut bench = Bench::new();
    *bench.node.cluster.borrow_mut() = Some(view());
    for line in ["cluster info", "cluster nodes", "cluster slots", "cluster keyslot k", "readonly", "asking"]
    {
        assert_eq!(bench.run(line), "-ERR This instance has cluster support disabled|", "{line}");
    }
}

#[test]
fn before_it_has_joined_a_node_says_so() {
    let mut bench = Bench::new();
    bench.session.endpoint = Endpoint::Cluster;
    let told = bench.run("cluster slots");
    assert_eq!(told, "-CLUSTERDOWN this node has not joined its cluster yet|");
    assert_eq!(bench.run("cluster keyslot foo"), ":12182|");
}

/// The shape is that of a Redis 7.0.15 with three primaries.
#[test]
fn slots_name_their_primaries() {
    let node = |host: &str, port, name| format!("*4|${}|{host}|:{port}|$40|{name}|*0|", host.len());
    let wanted = format!(
        "*3|*3|:0|:1599|{}*3|:1600|:9599|{}*3|:9600|:16383|{}",
        node("127.0.0.1", 7001, ONE),
        node("127.0.0.1", 7101, TWO),
        node("node-3.example.net", 7201, THREE)
    );
    assert_eq!(bench().run("cluster slots"), wanted);
    let mut bench = bench();
    let mut view = view();
    std::sync::Arc::make_mut(&mut view.topology).rows[partition_of("b")].owner = None;
    *bench.node.cluster.borrow_mut() = Some(view);
    let told = bench.run("cluster slots");
    assert!(
        told.starts_with("*4|") && told.contains(":1600|:3295|") && told.contains(":3312|:9599|"),
        "{told}"
    );
}

#[test]
fn owners_are_told_by_who_can_know_them() {
    let mut view = view();
    view.serving = false;
    let mut bench = bench();
    *bench.node.cluster.borrow_mut() = Some(view.clone());
    for line in ["cluster slots", "cluster shards"] {
        assert!(bench.run(line).starts_with("-CLUSTERDOWN this node has no lease"), "{line}");
    }
    // One that was drained sends nobody to itself.
    view.own = NodeId(4);
    *bench.node.cluster.borrow_mut() = Some(view);
    assert!(bench.run("cluster slots").starts_with("*3|"));
    assert!(bench.run("cluster shards").starts_with("*3|"));
}

#[test]
fn shards_are_maps_of_slots_and_nodes() {
    let shard = |slots: &str, name, port, more: (&str, &str), epoch| {
        format!(
            "%2|$5|slots|*2|{slots}$5|nodes|*1|%{}|$2|id|$40|{name}|$4|port|:{port}|$2|ip|{ip}$8|endpoint|{ip}{host}\
             $4|role|$6|master|$18|replication-offset|:{epoch}|$6|health|$6|online|",
            if more.1.is_empty() { 7 } else { 8 },
            ip = more.0,
            host = more.1,
        )
    };
    let mut bench = bench();
    bench.run("hello 3");
    let address = "$9|127.0.0.1|";
    let name = "$18|node-3.example.net|";
    let hostname = format!("$8|hostname|{name}");
    let wanted = [
        "*3|".to_owned(),
        shard(":0|:1599|", ONE, 7001, (address, ""), 4),
        shard(":1600|:9599|", TWO, 7101, (address, ""), 5),
        shard(":9600|:16383|", THREE, 7201, (name, &hostname), 6),
    ];
    assert_eq!(bench.run("cluster shards"), wanted.concat());
}

#[test]
fn nodes_are_lines() {
    let mut view = view();
    let topology = std::sync::Arc::make_mut(&mut view.topology);
    topology.members.get_mut(&NodeId(1)).unwrap().state = MemberState::Down;
    let mut bench = bench();
    *bench.node.cluster.borrow_mut() = Some(view);
    let reply = String::from_utf8(bench.reply("cluster nodes")).unwrap();
    let lines: Vec<&str> = reply.split("\r\n").nth(1).unwrap().lines().collect();
    assert_eq!(
        lines,
        [
            format!("{ONE} 127.0.0.1:7001@7002 master,fail - 0 0 4 disconnected 0-1599"),
            format!("{TWO} 127.0.0.1:7101@7102 myself,master - 0 0 5 connected 1600-9599"),
            format!(
                "{THREE} node-3.example.net:7201@7202,node-3.example.net master - 0 0 6 connected 9600-16383"
            ),
        ]
    );
    let info = bench.run("cluster info");
    for line in ["cluster_state:fail", "cluster_slots_assigned:16384", "cluster_slots_fail:1600"] {
        assert!(info.contains(line), "{info}");
    }
    assert_eq!(bench.run(&format!("cluster count-failure-reports {ONE}")), ":1|");
}

#[test]
fn facts_have_the_names_that_redis_gives_them() {
    let info = bench().run("cluster info");
    let names: Vec<&str> =
        info.split('|').filter_map(|line| line.split_once(':').map(|(name, _)| name)).collect();
    assert_eq!(
        names,
        [
            "cluster_state",
            "cluster_slots_assigned",
            "cluster_slots_ok",
            "cluster_slots_pfail",
            "cluster_slots_fail",
            "cluster_known_nodes",
            "cluster_size",
            "cluster_current_epoch",
            "cluster_my_epoch",
            "cluster_stats_messages_sent",
            "cluster_stats_messages_received",
            "total_cluster_links_buffer_limit_exceeded",
        ]
    );
    for line in ["cluster_state:ok", "known_nodes:3", "size:3", "current_epoch:12", "my_epoch:5"] {
        assert!(info.contains(line), "{info}");
    }
}

#[test]
fn names_are_forty_digits_and_found_again() {
    let mut bench = bench();
    bench.expect(&[
        ("cluster myid", &format!("$40|{TWO}|")),
        ("cluster myshardid", &format!("$40|{TWO}|")),
        (&format!("cluster replicas {}", THREE.to_uppercase()), "*0|"),
        (&format!("cluster slaves {ONE}"), "*0|"),
        ("cluster replicas nosuch", "-ERR Unknown node nosuch|"),
        ("cluster count-failure-reports x", "-ERR Unknown node x|"),
        (&format!("cluster count-failure-reports {THREE}"), ":0|"),
    ]);
}

#[test]
fn keys_of_a_slot_are_counted_and_shown_where_they_are_served() {
    let mut bench = bench();
    for key in ["b", "{b}2", "{b}3", "foo"] {
        bench.run(&format!("set {key} 1"));
    }
    bench.expect(&[
        ("cluster countkeysinslot 3300", ":3|"),
        ("cluster countkeysinslot 3301", ":0|"),
        // Another node serves the slot of foo.
        ("cluster countkeysinslot 12182", ":0|"),
        ("cluster getkeysinslot 3300 0", "*0|"),
        ("cluster countkeysinslot 16384", "-ERR Invalid slot|"),
        ("cluster countkeysinslot abc", "-ERR value is not an integer or out of range|"),
        ("cluster getkeysinslot 1 -1", "-ERR Invalid slot or number of keys|"),
    ]);
    let mut keys: Vec<String> =
        bench.run("cluster getkeysinslot 3300 10").split('|').map(str::to_owned).collect();
    keys.retain(|word| word.contains('b'));
    keys.sort();
    assert_eq!(keys, ["b", "{b}2", "{b}3"]);
    assert!(bench.run("cluster getkeysinslot 3300 2").starts_with("*2|"));
}

#[test]
fn links_are_those_of_the_node() {
    let mut bench = bench();
    assert_eq!(bench.run("cluster links"), "*0|");
    bench.node.links.borrow_mut().push(LinkInfo {
        node: NodeId(3),
        outgoing: true,
        opened_ms: 1_700_000_000_000,
        queue_bytes_max: 64,
        queued_bytes: 5,
    });
    bench.run("hello 3");
    let wanted = format!(
        "*1|%6|$9|direction|$2|to|$4|node|$40|{THREE}|$11|create-time|:1700000000000|$6|events|$2|rw|\
         $21|send-buffer-allocated|:64|$16|send-buffer-used|:5|"
    );
    assert_eq!(bench.run("cluster links"), wanted);
}

#[test]
fn modes_are_taken_and_hands_kept_off() {
    let mut bench = bench();
    bench.expect(&[("readonly", "+OK|"), ("readwrite", "+OK|"), ("asking", "+OK|"), ("select 0", "+OK|")]);
    assert_eq!(bench.run("select 1"), "-ERR SELECT is not allowed in cluster mode|");
    assert!(bench.run("hello").contains("$4|mode|$7|cluster|"));
    let told = bench.run("cluster meet 127.0.0.1 7000");
    assert!(
        told.starts_with("-ERR CLUSTER MEET is not supported: a node joins where its --join says"),
        "{told}"
    );
    for row in SUBCOMMANDS.iter().filter(|row| row.summary.starts_with("Refused")) {
        let head = format!("-ERR CLUSTER {} is not supported: ", row.name.to_ascii_uppercase());
        assert!(bench.run(&format!("cluster {}", row.name)).starts_with(&head), "{}", row.name);
    }
}
