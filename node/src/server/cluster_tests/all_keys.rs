//! Commands on all keys among nodes of one process: counted, listed, scanned and flushed while partitions move.

use std::collections::BTreeSet;

use super::harness::{self, NODES};
use super::key_of;

#[test]
fn commands_on_all_keys_speak_for_the_whole_cluster() {
    harness::run(|cluster| async move {
        let mut client = cluster.client(1).await;
        client.expect("randomkey", "$-1|").await;
        client.expect("dbsize", ":0|").await;
        for number in 0..200 {
            client.expect(&format!("set k{number} v ex 1000"), "+OK|").await;
        }
        client.expect("dbsize", ":200|").await;
        let keys = client.elements("keys k*").await;
        assert_eq!(keys.len(), 200);
        assert_eq!(client.elements("keys k1?").await.len(), 10);
        let mut picked = BTreeSet::new();
        for _ in 0..50 {
            picked.insert(cluster.owner(&client.elements("randomkey").await[0]));
        }
        assert_eq!(picked.len() as u64, NODES, "keys of all nodes are picked");
        let info = client.info("info keyspace").await;
        assert!(info.contains("db0:keys=200,expires=200"), "{info}");
        client.expect("swapdb 0 1", "+OK|").await;
        client.expect("dbsize", ":0|").await;
        client.expect("select 1", "+OK|").await;
        client.expect("dbsize", ":200|").await;
        client.expect("flushdb", "+OK|").await;
        client.expect("dbsize", ":0|").await;
        client.expect("set a 1", "+OK|").await;
        client.expect("flushall what", "-ERR syntax error|").await;
        client.expect("flushall", "+OK|").await;
        client.expect("get a", "$-1|").await;
        client.expect("swapdb 0 99", "-ERR DB index is out of range|").await;
        client.expect("scan nonsense", "-ERR invalid cursor|").await;
        client.expect("scan 0 count 0", "-ERR syntax error|").await;
    });
}

#[test]
fn a_scan_sees_every_key_while_partitions_move() {
    harness::run(|cluster| async move {
        let mut client = cluster.client(1).await;
        let keys: BTreeSet<String> = (0..500).map(|number| format!("k{number}")).collect();
        for key in &keys {
            client.expect(&format!("set {key} v"), "+OK|").await;
        }
        let (mut cursor, mut seen, mut steps) = ("0".to_owned(), BTreeSet::new(), 0);
        loop {
            let (next, found) = client.scan(&format!("scan {cursor} count 20 match k*")).await;
            seen.extend(found);
            steps += 1;
            cursor = next;
            if cursor == "0" {
                break;
            }
            let mover = keys.iter().nth(steps * 37 % keys.len()).unwrap();
            cluster.give(mover, Some(steps as u64 % NODES + 1));
        }
        assert_eq!(seen, keys);
        assert!(steps > 5, "{steps} steps");
    });
}

#[test]
fn a_command_on_all_keys_asks_again_where_partitions_have_gone() {
    harness::run(|cluster| async move {
        let mut client = cluster.client(1).await;
        for number in 0..50 {
            client.expect(&format!("set k{number} v"), "+OK|").await;
        }
        // The first node has not heard that the second gave something away.
        let moved = key_of(&cluster, 2);
        (2..=3).for_each(|node| cluster.give_as_seen_by(node, &moved, Some(3)));
        for line in ["dbsize\r\n", "flushall\r\n"] {
            client.send(line).await;
            client.expect_silence().await;
            cluster.give_as_seen_by(1, &moved, Some(3));
            client.read_all(if line.starts_with('d') { ":50|" } else { "+OK|" }).await;
            cluster.give_as_seen_by(1, &moved, Some(2));
        }
    });
}

#[test]
fn a_flush_reaches_each_partition_once_while_they_move() {
    harness::run(|cluster| async move {
        let (mut client, mut other) = (cluster.client(1).await, cluster.client(3).await);
        for number in 0..50 {
            client.expect(&format!("set k{number} v"), "+OK|").await;
        }
        let (moved, stayed) = (key_of(&cluster, 2), key_of(&cluster, 3));
        for node in 2..=3 {
            cluster.give_as_seen_by(node, &moved, Some(3));
        }
        // The second node has refused its part, which holds a key that it gave away. The others are done.
        client.send("flushall\r\n").await;
        client.expect_silence().await;
        other.expect(&format!("set {stayed} new"), "+OK|").await;
        cluster.give_as_seen_by(1, &moved, Some(3));
        client.read_all("+OK|").await;
        client.expect(&format!("get {stayed}"), "$3|new|").await;
        client.expect("dbsize", ":1|").await;
    });
}
