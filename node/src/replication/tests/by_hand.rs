//! A node that is sent things by hand: what it takes, what it rejects, where it lets a sender go on.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use fastrand::Rng;
use larder_proto::effect::{Effect, encode};
use larder_proto::slot::Partition;
use larder_proto::time::Deadline;
use larder_proto::topology::{CopyState, Epoch, Incarnation, NodeId, Replica, Row};
use prost::Message;
use tokio::task::spawn_local;
use tokio::time::{Duration, timeout};

use super::run;
use super::world::{Node, World, member};
use crate::clock::Clock;
use crate::link::testing::pair;
use crate::link::{Introduction, Link, LinkError, Purpose, Secret, answer, call};
use crate::replication::messages::{Effects, Open, Position, Rejected, Start, kind, put, read};
use crate::store::{Access, Database, PartitionSet};

/// Opens a stream to a node as node 1 does.
async fn open(node: &Node, feed: u64) -> Link {
    let (ours, theirs, _) = pair(1_000);
    let replication = node.replication.clone();
    spawn_local(async move {
        let own = |theirs: &Introduction| replication.introduction(theirs.purpose);
        let (link, theirs) = answer(theirs, &Secret::new("s"), own, &mut Rng::with_seed(1)).await.unwrap();
        replication.receive(link, theirs).await;
    });
    let own = Introduction {
        node: Some(NodeId(1)),
        incarnation: Incarnation(1),
        ..node.replication.introduction(Purpose::Stream)
    };
    let (mut link, _) =
        call(ours, &Secret::new("s"), &own, Some(node.id), &mut Rng::with_seed(2)).await.unwrap();
    send(&mut link, kind::OPEN, &Open { feed }).await;
    link
}

async fn send(link: &mut Link, kind: u8, message: &impl Message) {
    link.queue(kind, |to| put(to, message));
    link.flush().await.unwrap();
}

async fn send_set(link: &mut Link, term: u64, sequence: u64, value: &[u8]) {
    let mut effects = Vec::new();
    encode(0, &Effect::Set { key: b"k", value, deadline: Deadline::NEVER }, &mut effects);
    let partition = Partition::of(b"k").index() as u64;
    let message = Effects { partition, term: Epoch(term), sequence, effects: &effects, ..Effects::default() };
    link.queue(kind::EFFECTS, |to| message.encode(to));
    link.flush().await.unwrap();
}

/// What the node says next: kind and position.
async fn heard(link: &mut Link) -> (u8, u64) {
    let frame = timeout(Duration::from_secs(1), link.frame()).await.expect("an answer").unwrap();
    let position = match frame.kind {
        kind::REJECTED => {
            let rejected: Rejected = read(frame.payload).unwrap();
            assert_eq!(rejected.partition, Partition::of(b"k").index() as u32);
            rejected.position
        }
        _ => read::<Position>(frame.payload).unwrap().position,
    };
    (frame.kind, position)
}

/// A node with a copy of everything that node 1 owns, to which nothing came yet. There is no node 1 but these tests.
async fn copy() -> (World, Node) {
    let world = World::new(0, 1);
    let node = world.start(NodeId(2), Incarnation(2), 3);
    world.control.change(|topology, epoch| {
        topology.members.insert(NodeId(2), member(2));
        for row in &mut topology.rows {
            let copy = Replica { node: NodeId(2), state: CopyState::Filling, since: epoch };
            *row = Row { copies: vec![copy], ..row.clone() };
        }
    });
    node.replication.adopt(world.control.topology());
    (world, node)
}

fn start(term: u64, sequence: u64, since: u64) -> Start {
    Start { partition: Partition::of(b"k").index() as u32, term, sequence, since }
}

fn value(node: &Node) -> Option<Vec<u8>> {
    let contents = node.store.contents(crate::clock::Clock::now(&*node.clock));
    contents.into_values().next().map(|(plain, _)| match plain {
        crate::store::Plain::String(text) => text,
        _ => panic!("a string"),
    })
}

#[test]
fn what_does_not_follow_is_rejected_and_told_again_on_every_connection() {
    run(async {
        let (_world, node) = copy().await;
        let mut link = open(&node, 5).await;
        assert_eq!(heard(&mut link).await, (kind::RESUME, 0));
        // Nothing is taken before it begins; and that not of another term or an older copy.
        send_set(&mut link, 1, 1, b"early").await;
        assert_eq!(
            [heard(&mut link).await, heard(&mut link).await],
            [(kind::REJECTED, 1), (kind::ACKNOWLEDGED, 1)]
        );
        send(&mut link, kind::BEGIN, &start(1, 10, 1)).await;
        assert_eq!(
            [heard(&mut link).await, heard(&mut link).await],
            [(kind::REJECTED, 2), (kind::ACKNOWLEDGED, 2)]
        );
        send(&mut link, kind::BEGIN, &start(1, 10, 2)).await;
        assert_eq!(heard(&mut link).await, (kind::ACKNOWLEDGED, 3));
        send_set(&mut link, 1, 11, b"eleven").await;
        assert_eq!(heard(&mut link).await, (kind::ACKNOWLEDGED, 4));
        assert_eq!(value(&node).as_deref(), Some(&b"eleven"[..]));
        // A gap: from there on nothing, and the sender hears it again whenever it connects.
        send_set(&mut link, 1, 13, b"thirteen").await;
        assert_eq!(
            [heard(&mut link).await, heard(&mut link).await],
            [(kind::REJECTED, 5), (kind::ACKNOWLEDGED, 5)]
        );
        send_set(&mut link, 1, 12, b"twelve").await;
        assert_eq!(heard(&mut link).await, (kind::ACKNOWLEDGED, 6));
        drop(link);
        let mut link = open(&node, 5).await;
        assert_eq!(
            [heard(&mut link).await, heard(&mut link).await],
            [(kind::REJECTED, 5), (kind::RESUME, 6)]
        );
        assert_eq!(value(&node).as_deref(), Some(&b"eleven"[..]));
        send(&mut link, kind::BEGIN, &start(1, 20, 2)).await;
        assert_eq!((heard(&mut link).await, value(&node)), ((kind::ACKNOWLEDGED, 7), None));
        drop(link);
        assert_eq!(heard(&mut open(&node, 5).await).await, (kind::RESUME, 7));
    });
}

#[test]
fn what_comes_after_an_idle_time_is_taken_at_the_time_at_which_it_comes() {
    run(async {
        let (_world, node) = copy().await;
        let mut link = open(&node, 5).await;
        assert_eq!(heard(&mut link).await, (kind::RESUME, 0));
        send(&mut link, kind::BEGIN, &start(1, 10, 2)).await;
        assert_eq!(heard(&mut link).await, (kind::ACKNOWLEDGED, 1));
        node.clock.ahead_ms.store(60_000, Ordering::Relaxed);
        let now = Clock::now(&*node.clock);
        drop(node.store.lock_partition(Partition::of(b"k"), Access::Read, now));
        send_set(&mut link, 1, 11, b"v").await;
        assert_eq!(heard(&mut link).await, (kind::ACKNOWLEDGED, 2));
        let keys = node.store.lock(&PartitionSet::of(b"k"), Access::Read, Database::default(), now);
        let idle_ms = keys.peek(b"k").unwrap().idle_ms(now);
        assert!(idle_ms < 5_000, "{idle_ms}");
    });
}

#[test]
fn what_is_of_a_later_epoch_waits_until_that_is_known() {
    run(async {
        let (world, node) = copy().await;
        let mut link = open(&node, 1).await;
        assert_eq!(heard(&mut link).await, (kind::RESUME, 0));
        send(&mut link, kind::BEGIN, &start(1, 0, 3)).await;
        // What it has is told before it waits.
        assert_eq!(heard(&mut link).await, (kind::ACKNOWLEDGED, 0));
        assert!(timeout(Duration::from_secs(2), link.frame()).await.is_err());
        world.control.change(|topology, epoch| {
            topology.rows.iter_mut().for_each(|row| row.copies[0].since = epoch);
        });
        node.replication.adopt(world.control.topology());
        assert_eq!(heard(&mut link).await, (kind::ACKNOWLEDGED, 1));
    });
}

#[test]
fn a_newer_connection_and_a_newer_feed_take_the_place_of_older_ones() {
    run(async {
        let (_world, node) = copy().await;
        let mut former = open(&node, 3).await;
        assert_eq!(heard(&mut former).await, (kind::RESUME, 0));
        send(&mut former, kind::BEGIN, &start(1, 0, 2)).await;
        assert_eq!(heard(&mut former).await, (kind::ACKNOWLEDGED, 1));
        let mut newer = open(&node, 3).await;
        assert_eq!(heard(&mut newer).await, (kind::RESUME, 1));
        // What comes on the older one counts for nothing, and ends it.
        send_set(&mut former, 1, 1, b"late").await;
        assert!(matches!(former.frame().await, Err(LinkError::Closed)));
        assert_eq!(value(&node), None);
        // Another feed begins at its own beginning; the older feed is not gone back to.
        assert_eq!(heard(&mut open(&node, 4).await).await, (kind::RESUME, 0));
        assert!(matches!(open(&node, 3).await.frame().await, Err(LinkError::Closed)));
    });
}

#[test]
fn what_is_no_message_ends_the_connection() {
    run(async {
        let (_world, node) = copy().await;
        let node = Arc::new(node);
        for (number, (kind, payload)) in [
            (200, &b""[..]),
            (kind::EFFECTS, b"\xff"),
            (kind::EFFECTS, b"\x08\x80\x08"),
            (kind::RESUME, b"\x08\x01"),
        ]
        .into_iter()
        .enumerate()
        {
            let mut link = open(&node, number as u64 + 1).await;
            assert_eq!(heard(&mut link).await, (kind::RESUME, 0));
            link.queue(kind, |to| to.extend_from_slice(payload));
            link.flush().await.unwrap();
            assert!(matches!(link.frame().await, Err(LinkError::Closed)), "{kind}");
        }
    });
}
