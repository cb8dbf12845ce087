//! Nodes of one process that forward to each other over streams in memory. Who owns what, and what copies have acknowledged,
//! is said by the test; all nodes share one store, as if copies were perfect.

mod all_keys;
pub(super) mod client;
mod endpoint;
pub(super) mod harness;

use std::time::Duration;

use larder_proto::slot::Partition;

use self::harness::{Cluster, NODES};

/// A key of each node, by the partition that it lies in.
fn key_of(cluster: &Cluster, node: u64) -> String {
    (0..).map(|number| format!("k{number}")).find(|key| cluster.owner(key) == Some(node)).unwrap()
}

#[test]
fn any_node_answers_for_every_key_and_replies_keep_their_order() {
    harness::run(|cluster| async move {
        let mut client = cluster.client(1).await;
        let mut asked = String::new();
        let mut expected = String::new();
        for number in 0..300 {
            asked += &format!("set k{number} v{number}\r\nget k{number}\r\necho e{number}\r\n");
            let value = format!("v{number}");
            let echo = format!("e{number}");
            expected += &format!("+OK|${}|{value}|${}|{echo}|", value.len(), echo.len());
        }
        client.send(&asked).await;
        assert_eq!(client.read(expected.len()).await, expected);
        let mut other = cluster.client(2).await;
        other.expect("get k7", "$2|v7|").await;
        other.expect("incr k7", "-ERR value is not an integer or out of range|").await;
        other
            .expect("lpush k7 a", "-WRONGTYPE Operation against a key holding the wrong kind of value|")
            .await;
        other.expect("select 3", "+OK|").await;
        other.expect("get k7", "$-1|").await;
        assert!(cluster.forwarded() > 100);
    });
}

#[test]
fn requests_on_several_nodes_are_divided_and_merged_in_order() {
    harness::run(|cluster| async move {
        let mut client = cluster.client(1).await;
        let keys: Vec<String> = (1..=NODES).map(|node| key_of(&cluster, node)).collect();
        let [a, b, c] = [&keys[0], &keys[1], &keys[2]];
        client.expect(&format!("mset {a} 1 {b} 2 {c} 3"), "+OK|").await;
        client.expect(&format!("mget {c} {a} nosuch {b} {c}"), "*5|$1|3|$1|1|$-1|$1|2|$1|3|").await;
        client.expect(&format!("exists {a} {b} {c} {a}"), ":4|").await;
        client.expect(&format!("touch {a} {b} nosuch"), ":2|").await;
        client.expect(&format!("del {a} {c}"), ":2|").await;
        client.expect(&format!("unlink {a} {b}"), ":1|").await;
        client
            .expect(&format!("rename {a} {b}"), "-CROSSSLOT Keys in request don't hash to the same slot|")
            .await;
        client
            .expect(&format!("sunion {a} {b}"), "-CROSSSLOT Keys in request don't hash to the same slot|")
            .await;
    });
}

#[test]
fn client_reply_is_kept_to_when_keys_live_elsewhere() {
    harness::run(|cluster| async move {
        let mut client = cluster.client(1).await;
        let (a, b) = (key_of(&cluster, 2), key_of(&cluster, 3));
        client
            .send(&format!("client reply skip\r\nset {a} 1\r\nget {a}\r\nclient reply off\r\nset {b} 2\r\n"))
            .await;
        client.send(&format!("mset {a} 5 {b} 6\r\nclient reply on\r\nmget {a} {b}\r\n")).await;
        client.read_all("$1|1|+OK|*2|$1|5|$1|6|").await;
    });
}

#[test]
fn replies_wait_for_copies_and_requests_run_on() {
    harness::run(|cluster| async move {
        cluster.hold_acknowledgements(true);
        let mut client = cluster.client(1).await;
        let (own, away) = (key_of(&cluster, 1), key_of(&cluster, 2));
        client.send(&format!("set {own} 1\r\nset {away} 2\r\nping\r\nincr {own}\r\n")).await;
        client.expect_silence().await;
        let mut other = cluster.client(2).await;
        // What is not acknowledged yet is not shown either.
        other.send(&format!("get {own}\r\n")).await;
        other.expect_silence().await;
        cluster.hold_acknowledgements(false);
        client.read_all("+OK|+OK|+PONG|:2|").await;
        other.read_all("$1|2|").await;
    });
}

#[test]
fn an_owner_only_client_does_not_wait_for_copies() {
    harness::run(|cluster| async move {
        cluster.hold_acknowledgements(true);
        let mut client = cluster.client(1).await;
        let (own, away) = (key_of(&cluster, 1), key_of(&cluster, 2));
        client.expect("client ack owner", "+OK|").await;
        client.expect(&format!("set {own} 1"), "+OK|").await;
        client.expect(&format!("set {away} 1"), "+OK|").await;
        client.expect("client ack in-sync", "+OK|").await;
        client.send(&format!("get {own}\r\n")).await;
        client.expect_silence().await;
        client.expect_after(|| cluster.hold_acknowledgements(false), "$1|1|").await;
        client.expect("client ack what", "-ERR syntax error|").await;
    });
}

#[test]
fn a_request_follows_its_partition_to_the_next_owner() {
    harness::run(|cluster| async move {
        let mut client = cluster.client(1).await;
        let away = key_of(&cluster, 2);
        client.expect(&format!("incr {away}"), ":1|").await;
        // Nobody serves it: the request waits, and what is behind it too.
        cluster.give(&away, None);
        client.send(&format!("incr {away}\r\nping\r\nincr {away}\r\n")).await;
        client.expect_silence().await;
        cluster.give(&away, Some(3));
        client.read_all(":2|+PONG|:3|").await;
        cluster.give(&away, Some(1));
        client.expect(&format!("incr {away}"), ":4|").await;
    });
}

#[test]
fn requests_stay_in_their_order_while_their_owner_comes_and_goes() {
    harness::run(|cluster| async move {
        let key = key_of(&cluster, 2);
        let mut client = cluster.client(1).await;
        let mut counted = 0;
        for round in 0..12 {
            let mut expected = String::new();
            for _ in 0..PIPELINED {
                counted += 1;
                expected += &format!(":{counted}|");
            }
            client.send(&format!("incr {key}\r\n").repeat(PIPELINED)).await;
            for step in 0..120 {
                // The owner refuses for some turns, and others do not know.
                let owner = if (step / 3 + round) % 2 == 0 { None } else { Some(2) };
                cluster.give_as_seen_by(2, &key, owner);
                for _ in 0..(step + round) % 4 {
                    tokio::task::yield_now().await;
                }
            }
            cluster.give_as_seen_by(2, &key, Some(2));
            client.read_all(&expected).await;
        }
    });
}

#[test]
fn a_read_does_not_overtake_the_write_before_it_when_the_owner_changes_between_the_two() {
    harness::run(|cluster| async move {
        for _ in 0..20 {
            let key = key_of(&cluster, 2);
            let mut client = cluster.client(1).await;
            // Refused and sent again, refused and sent again.
            cluster.give_as_seen_by(2, &key, None);
            client.send(&format!("set {key} 1\r\nget {key}\r\ndel {key}\r\n")).await;
            let forwarded = cluster.forwarded();
            cluster.until(|| cluster.forwarded() > forwarded + 4).await;
            cluster.give_as_seen_by(3, &key, Some(3));
            cluster.give_after_lookup(1, &key, 3);
            client.read_all("+OK|$1|1|:1|").await;
            assert!(cluster.was_given(1));
            cluster.give(&key, Some(2));
        }
    });
}

#[test]
fn a_node_that_knows_less_than_the_owner_asks_until_it_knows() {
    harness::run(|cluster| async move {
        let mut client = cluster.client(1).await;
        let away = key_of(&cluster, 2);
        client.expect(&format!("incr {away}"), ":1|").await;
        // The owner has given the partition away; the first node has not heard of it.
        cluster.give_as_seen_by(2, &away, Some(3));
        cluster.give_as_seen_by(3, &away, Some(3));
        client.send(&format!("incr {away}\r\nincr {away}\r\nget {away}\r\n")).await;
        client.expect_silence().await;
        cluster.give_as_seen_by(1, &away, Some(3));
        client.read_all(":2|:3|$1|3|").await;
    });
}

#[test]
fn a_write_on_a_broken_link_is_carried_out_once() {
    harness::run(|cluster| async move {
        let mut client = cluster.client(1).await;
        let away = key_of(&cluster, 2);
        client.expect(&format!("incr {away}"), ":1|").await;
        // It is carried out, and its reply is lost with the link.
        cluster.hold_acknowledgements(true);
        client.send(&format!("incr {away}\r\nget {away}\r\n")).await;
        cluster.until(|| cluster.effects() == 2).await;
        cluster.cut_links();
        cluster.hold_acknowledgements(false);
        client.read_all(":2|$1|2|").await;
        assert_eq!(cluster.effects(), 2, "carried out twice");
    });
}

#[test]
fn a_write_whose_owner_is_lost_is_carried_out_once_by_the_next() {
    harness::run(|cluster| async move {
        let mut client = cluster.client(1).await;
        for owner in [1, 2] {
            let key = key_of(&cluster, owner);
            cluster.hold_acknowledgements(true);
            let before = cluster.effects();
            client.send(&format!("incr {key}\r\nincr {key}\r\n")).await;
            cluster.until(|| cluster.effects() == before + 2).await;
            cluster.give(&key, Some(3));
            cluster.hold_acknowledgements(false);
            client.read_all(":1|:2|").await;
            assert_eq!(cluster.effects(), before + 2, "carried out twice");
        }
    });
}

#[test]
fn a_large_write_whose_owner_is_lost_has_an_unknown_outcome() {
    harness::run(|cluster| async move {
        let mut client = cluster.client(1).await;
        let key = key_of(&cluster, 1);
        cluster.hold_acknowledgements(true);
        client
            .send(&format!(
                "set {key} 1\r\n*3\r\n$3\r\nset\r\n${}\r\n{key}\r\n$20000\r\n{}\r\n",
                key.len(),
                "x".repeat(20_000)
            ))
            .await;
        cluster.until(|| cluster.effects() == 2).await;
        cluster.give(&key, Some(2));
        client.expect_silence().await;
        cluster.hold_acknowledgements(false);
        let reply = client.read_lines(2).await;
        assert!(reply.starts_with("+OK|-ERR outcome unknown"), "{reply}");
    });
}

#[test]
fn a_large_read_whose_owner_is_lost_is_carried_out_by_the_next() {
    harness::run(|cluster| async move {
        let mut client = cluster.client(1).await;
        let key = key_of(&cluster, 1);
        client.expect(&format!("set {{{key}}} 1"), "+OK|").await;
        cluster.hold_acknowledgements(true);
        client.expect_none(&format!("set {{{key}}} 2")).await;
        let keys = format!("$102|{{{key}}}{}|", "x".repeat(100 - key.len())).replace('|', "\r\n");
        let read = format!("*301\r\n$4\r\nMGET\r\n{}", keys.repeat(300));
        client.send(&read).await;
        client.expect_silence().await;
        cluster.give(&key, Some(2));
        client.expect_silence().await;
        cluster.hold_acknowledgements(false);
        client.read_all(&format!("+OK|*300|{}", "$-1|".repeat(300))).await;
    });
}

#[test]
fn clients_that_take_no_replies_are_asked_for_no_more_than_fit() {
    harness::run(|cluster| async move {
        let key = key_of(&cluster, 2);
        let mut clients = Vec::new();
        for _ in 0..6 {
            let mut client = cluster.client(1).await;
            client.expect(&format!("setrange {key} 499999 x"), ":500000|").await;
            client.send(&format!("get {key}\r\n").repeat(60)).await;
            clients.push(client);
        }
        // 180 MB of replies.
        let (mut most, mut calm) = (0, 0);
        while calm < 100 {
            tokio::time::sleep(Duration::from_millis(4)).await;
            let buffers = cluster.buffers();
            calm = if buffers > most { 0 } else { calm + 1 };
            most = most.max(buffers);
        }
        assert!(most < 60 << 20, "{most} bytes of buffers");
        for client in &mut clients {
            assert_eq!(client.skip(60 * 500_011).await, 60 * 500_011);
            client.expect("ping", "+PONG|").await;
        }
    });
}

#[test]
fn a_client_that_sends_no_more_reads_its_replies() {
    harness::run(|cluster| async move {
        let (own, away) = (key_of(&cluster, 1), key_of(&cluster, 2));
        cluster.hold_acknowledgements(true);
        let mut client = cluster.client(1).await;
        client.send(&format!("set {own} 1\r\nincr {away}\r\nping\r\n")).await;
        client.send_no_more();
        client.expect_silence().await;
        client.expect_after(|| cluster.hold_acknowledgements(false), "+OK|:1|+PONG|").await;
        assert_eq!(client.read(1).await, "", "and then the end");
        cluster.until(|| cluster.clients(1) == 0).await;
    });
}

#[test]
fn a_divided_request_is_divided_again_when_keys_move() {
    harness::run(|cluster| async move {
        let mut client = cluster.client(1).await;
        let keys: Vec<String> = (0..40).map(|number| format!("k{number}")).collect();
        let pairs: Vec<String> = keys.iter().map(|key| format!("{key} {key}")).collect();
        client.expect(&format!("mset {}", pairs.join(" ")), "+OK|").await;
        // The first node believes that all is at the second, which has given half away.
        for key in &keys {
            cluster.give_as_seen_by(1, key, Some(2));
            let to = if key.len() == 2 { 2 } else { 3 };
            (2..=3).for_each(|node| cluster.give_as_seen_by(node, key, Some(to)));
        }
        client.send(&format!("mget {}\r\n", keys.join(" "))).await;
        client.expect_silence().await;
        for key in &keys {
            cluster.give_as_seen_by(1, key, Some(if key.len() == 2 { 2 } else { 3 }));
        }
        let values: String = keys.iter().map(|key| format!("${}|{key}|", key.len())).collect();
        client.read_all(&format!("*40|{values}")).await;
    });
}

#[test]
fn what_was_done_in_part_is_not_told_to_have_changed_nothing() {
    harness::run(|cluster| async move {
        cluster.set_patience(Duration::from_millis(60));
        let mut client = cluster.client(1).await;
        let (second, third) = (key_of(&cluster, 2), key_of(&cluster, 3));
        client.expect(&format!("mset {second} 1 {third} 1"), "+OK|").await;
        cluster.give_as_seen_by(3, &third, None);
        let reply = client.answer(&format!("mset {second} 2 {third} 2")).await;
        assert!(reply.starts_with("-ERR outcome unknown"), "{reply}");
        cluster.give(&third, Some(3));
        client.expect(&format!("mget {second} {third}"), "*2|$1|2|$1|1|").await;
        // A read has changed nothing, whoever failed.
        cluster.give_as_seen_by(3, &third, None);
        let reply = client.answer(&format!("mget {second} {third}")).await;
        assert!(reply.starts_with("-CLUSTERDOWN"), "{reply}");
    });
}

#[test]
fn what_finds_no_place_in_time_is_told_so() {
    harness::run(|cluster| async move {
        cluster.set_patience(Duration::from_millis(60));
        let mut client = cluster.client(1).await;
        let key = key_of(&cluster, 2);
        client.expect(&format!("incr {key}"), ":1|").await;
        cluster.give(&key, None);
        client.send(&format!("incr {key}\r\nget {key}\r\nping\r\n")).await;
        let reply = client.read_lines(3).await;
        assert_eq!(reply.matches("-CLUSTERDOWN no node serves the keys").count(), 2, "{reply}");
        assert!(reply.ends_with("+PONG|"), "{reply}");
        cluster.give(&key, Some(1));
        client.expect(&format!("incr {key}"), ":2|").await;
    });
}

#[test]
fn a_transaction_is_carried_out_by_the_node_that_has_its_keys() {
    harness::run(|cluster| async move {
        let mut client = cluster.client(1).await;
        let (away, other) = (key_of(&cluster, 2), key_of(&cluster, 3));
        client.expect("multi", "+OK|").await;
        for line in
            [&format!("set {away} 5"), "ping", &format!("incr {away}"), "select 2", &format!("incr {away}")]
        {
            client.expect(line, "+QUEUED|").await;
        }
        client.expect("exec", "*5|+OK|+PONG|:6|+OK|:1|").await;
        client.expect(&format!("get {away}"), "$1|1|").await;
        client.expect("select 0", "+OK|").await;
        client.expect(&format!("get {away}"), "$1|6|").await;
        // A failing command fails alone.
        client.send(&format!("multi\r\nlpush {away} a\r\nget {away}\r\nexec\r\n")).await;
        let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value|";
        client.read_all(&format!("+OK|+QUEUED|+QUEUED|*2|{wrong}$1|6|")).await;
        client.send(&format!("multi\r\nset {away} 1\r\nset {other} 1\r\nexec\r\nget {away}\r\n")).await;
        let crossed = "-EXECABORT Transaction discarded because of: CROSSSLOT Keys in request don't hash to the same slot|";
        client.read_all(&format!("+OK|+QUEUED|+QUEUED|{crossed}$1|6|")).await;
        client.expect("multi", "+OK|").await;
        client.expect("discard", "+OK|").await;
        client.expect("exec", "-ERR EXEC without MULTI|").await;
        // As programs write them, not people.
        let length = away.len();
        let array =
            format!("*1\r\n$5\r\nMULTI\r\n*2\r\n$4\r\nINCR\r\n${length}\r\n{away}\r\n*1\r\n$4\r\nEXEC\r\n");
        client.send(&array).await;
        client.read_all("+OK|+QUEUED|*1|:7|").await;
    });
}

#[test]
fn a_watch_on_another_node_discards_what_it_should() {
    harness::run(|cluster| async move {
        let (mut client, mut other) = (cluster.client(1).await, cluster.client(3).await);
        let away = key_of(&cluster, 2);
        let transaction = format!("multi\r\nincr {away}\r\nexec\r\n");
        client.expect(&format!("watch {away}"), "+OK|").await;
        client.send(&transaction).await;
        client.read_all("+OK|+QUEUED|*1|:1|").await;
        client.expect(&format!("watch {away}"), "+OK|").await;
        other.expect(&format!("set {away} 7"), "+OK|").await;
        client.send(&transaction).await;
        client.read_all("+OK|+QUEUED|*-1|").await;
        // UNWATCH is heard there, too.
        client.expect(&format!("watch {away}"), "+OK|").await;
        other.expect(&format!("set {away} 8"), "+OK|").await;
        client.expect("unwatch", "+OK|").await;
        client.send(&transaction).await;
        client.read_all("+OK|+QUEUED|*1|:9|").await;
        // A broken link has lost the watch.
        client.expect(&format!("watch {away}"), "+OK|").await;
        cluster.cut_links();
        client.expect(&format!("get {away}"), "$1|9|").await;
        client.send(&transaction).await;
        client.read_all("+OK|+QUEUED|*-1|").await;
        // So has another owner.
        client.expect(&format!("watch {away}"), "+OK|").await;
        cluster.give(&away, Some(3));
        client.send(&transaction).await;
        client.read_all("+OK|+QUEUED|*-1|").await;
        client.expect(&format!("watch {away}"), "+OK|").await;
        cluster.give(&away, Some(1));
        client.send(&transaction).await;
        client.read_all("+OK|+QUEUED|*-1|").await;
        client.send(&transaction).await;
        client.read_all("+OK|+QUEUED|*1|:10|").await;
        // So has an EXEC that is refused.
        let (third, second) = (key_of(&cluster, 3), key_of(&cluster, 2));
        let transaction = format!("multi\r\nincr {third}\r\nexec\r\n");
        client.expect(&format!("watch {third}"), "+OK|").await;
        client.send(&format!("multi\r\nget {third}\r\nget {second}\r\nexec\r\n")).await;
        assert!(client.read_lines(4).await.contains("-EXECABORT"));
        other.expect(&format!("set {third} 1"), "+OK|").await;
        client.expect(&format!("watch {third}"), "+OK|").await;
        client.send(&transaction).await;
        client.read_all("+OK|+QUEUED|*1|:2|").await;
    });
}

#[test]
fn a_transaction_on_a_broken_link_is_carried_out_once() {
    harness::run(|cluster| async move {
        let mut client = cluster.client(1).await;
        let away = key_of(&cluster, 2);
        for watch in [String::new(), format!("watch {away}\r\n")] {
            client.expect(&format!("set {away} 0"), "+OK|").await;
            let before = cluster.effects();
            cluster.hold_acknowledgements(true);
            client.send(&format!("{watch}multi\r\nincr {away}\r\nincr {away}\r\nexec\r\n")).await;
            cluster.until(|| cluster.effects() == before + 1).await;
            cluster.cut_links();
            cluster.hold_acknowledgements(false);
            let ok = if watch.is_empty() { "" } else { "+OK|" };
            client.read_all(&format!("{ok}+OK|+QUEUED|+QUEUED|*2|:1|:2|")).await;
            assert_eq!(cluster.effects(), before + 1, "carried out twice");
        }
    });
}

#[test]
fn a_node_whose_lease_is_over_tells_so_in_time() {
    harness::run(|cluster| async move {
        cluster.set_patience(Duration::from_millis(60));
        let mut client = cluster.client(1).await;
        let key = key_of(&cluster, 1);
        client.expect(&format!("incr {key}"), ":1|").await;
        cluster.end_lease(1, true);
        client.send(&format!("incr {key}\r\nget {key}\r\n")).await;
        let reply = client.read_lines(2).await;
        assert_eq!(reply.matches("-CLUSTERDOWN no node serves the keys").count(), 2, "{reply}");
        cluster.set_patience(Duration::from_secs(5));
        client.send(&format!("incr {key}\r\nget {key}\r\n")).await;
        client.expect_silence().await;
        cluster.end_lease(1, false);
        client.read_all(":2|$1|2|").await;
    });
}

#[test]
fn a_client_that_leaves_takes_its_requests_along() {
    harness::run(|cluster| async move {
        cluster.hold_acknowledgements(true);
        let key = key_of(&cluster, 2);
        for _ in 0..3 {
            let mut client = cluster.client(1).await;
            client.send(&format!("incr {key}\r\nincr {key}\r\n")).await;
            cluster.until(|| cluster.effects() >= 2).await;
            drop(client);
        }
        cluster.hold_acknowledgements(false);
        let mut client = cluster.client(1).await;
        client.expect(&format!("set {key} 1"), "+OK|").await;
        cluster.until(|| cluster.clients(1) == 1).await;
        assert!(Partition::of(key.as_bytes()).index() < 1_024);
    });
}

/// More than the answers that a node takes in at a time.
const PIPELINED: usize = 1_000;
