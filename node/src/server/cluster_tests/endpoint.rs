//! Clients that know the cluster, while what they know changes.

use std::time::Duration;

use super::harness;
use super::key_of;

#[test]
fn it_is_sent_to_the_owner_once_the_move_is_known() {
    harness::run(|cluster| async move {
        let mut client = cluster.cluster_client(1).await;
        let (own, away) = (key_of(&cluster, 1), key_of(&cluster, 2));
        let slot = larder_proto::slot::Slot::of(away.as_bytes()).number();
        client.expect(&format!("set {own} 1"), "+OK|").await;
        client.expect(&format!("set {away} 1"), &format!("-MOVED {slot} 127.0.0.1:7201|")).await;
        // It cannot know yet that the keys are elsewhere.
        cluster.give(&own, Some(2));
        client.expect(&format!("incr {own}"), ":2|").await;
        client.send(&format!("multi\r\nincr {own}\r\nexec\r\n")).await;
        client.read_all("+OK|+QUEUED|*1|:3|").await;
        cluster.let_moves_be_known();
        assert!(client.answer(&format!("incr {own}")).await.starts_with("-MOVED"));
        // Nobody has them for the moment.
        cluster.give(&own, None);
        client.send(&format!("incr {own}\r\n")).await;
        client.expect_silence().await;
        client.expect_after(|| cluster.give(&own, Some(3)), ":4|").await;
    });
}

#[test]
fn it_is_not_sent_to_a_node_that_is_gone() {
    harness::run(|cluster| async move {
        let mut client = cluster.cluster_client(1).await;
        let away = key_of(&cluster, 2);
        assert!(client.answer(&format!("incr {away}")).await.starts_with("-MOVED"));
        cluster.close_door(2, true);
        client.send(&format!("incr {away}\r\nping\r\n")).await;
        client.expect_silence().await;
        client.expect_after(|| cluster.give(&away, Some(3)), ":1|+PONG|").await;
        // This node may be the only one that does not reach it.
        cluster.give(&away, Some(2));
        cluster.let_moves_be_known();
        assert!(client.answer(&format!("incr {away}")).await.starts_with("-MOVED"));
    });
}

#[test]
fn a_transaction_of_a_moved_key_is_told_where_to_go() {
    harness::run(|cluster| async move {
        let mut client = cluster.cluster_client(1).await;
        let (own, away) = (key_of(&cluster, 1), key_of(&cluster, 2));
        client.send(&format!("multi\r\nincr {away}\r\nexec\r\n")).await;
        let reply = client.read_lines(3).await;
        let aborted = "|-EXECABORT Transaction discarded because of previous errors.|";
        assert!(reply.starts_with("+OK|-MOVED ") && reply.ends_with(aborted), "{reply}");
        client.send(&format!("multi\r\nincr {own}\r\n")).await;
        client.read_all("+OK|+QUEUED|").await;
        cluster.give(&own, Some(2));
        cluster.let_moves_be_known();
        assert!(client.answer("exec").await.starts_with("-MOVED"));
        client.expect("exec", "-ERR EXEC without MULTI|").await;
        // With watches it must not be repeated elsewhere: they are lost.
        cluster.give(&own, Some(1));
        client.send(&format!("watch {own}\r\nmulti\r\nincr {own}\r\n")).await;
        client.read_all("+OK|+OK|+QUEUED|").await;
        cluster.give(&own, Some(2));
        cluster.let_moves_be_known();
        client.expect("exec", "*-1|").await;
        let crossed = "-CROSSSLOT Keys in request don't hash to the same slot|";
        client.send(&format!("multi\r\nget {away}\r\nget {own}\r\nexec\r\n")).await;
        let reply = client.read_lines(4).await;
        assert!(reply.starts_with("+OK|-MOVED") && !reply.contains(crossed), "{reply}");
        let same = (0..).map(|number| format!("s{number}"));
        let other = same.into_iter().find(|key| cluster.owner(key) == Some(1) && *key != own).unwrap();
        let third = key_of(&cluster, 1);
        client.send(&format!("multi\r\nget {other}\r\nget {third}\r\nexec\r\n")).await;
        client.read_all(&format!("+OK|+QUEUED|+QUEUED|{crossed}")).await;
    });
}

#[test]
fn there_is_one_database() {
    harness::run(|cluster| async move {
        let mut client = cluster.cluster_client(1).await;
        let own = key_of(&cluster, 1);
        client.expect(&format!("move {own} 1"), "-ERR MOVE is not allowed in cluster mode|").await;
        client.expect("swapdb 0 1", "-ERR SWAPDB is not allowed in cluster mode|").await;
        client.expect("select 1", "-ERR SELECT is not allowed in cluster mode|").await;
    });
}

#[test]
fn owners_are_told_by_who_can_know_them() {
    harness::run(|cluster| async move {
        let mut client = cluster.cluster_client(1).await;
        cluster.end_lease(1, true);
        client.send("cluster slots\r\n").await;
        client.expect_silence().await;
        cluster.end_lease(1, false);
        assert!(client.read_lines(1).await.starts_with('*'));
        cluster.set_patience(Duration::from_millis(60));
        let mut client = cluster.cluster_client(1).await;
        cluster.end_lease(1, true);
        for line in ["cluster slots", "cluster shards"] {
            let reply = client.answer(line).await;
            assert!(reply.starts_with("-CLUSTERDOWN this node has no lease"), "{reply}");
        }
        assert!(client.answer("cluster myid").await.starts_with("$40"));
    });
}
