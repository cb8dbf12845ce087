//! What replication does while a partition is locked for long, and what it leaves out of streams.

use std::time::Duration;

use larder_proto::slot::Partition;
use larder_proto::time::Deadline;
use larder_proto::topology::{Epoch, NodeId, RowChange, Step};
use tokio::time::{sleep, timeout};

use super::world::{Tried, settled};
use super::{run, set, ticket, two};
use crate::clock::Clock;
use crate::commands::ports::{Origin, WriteId};
use crate::limits::{COPY_SILENCE_MAX, REMEMBERED_REPLY_BYTES_MAX};
use crate::store::Access;

#[test]
fn a_report_waits_for_no_partition_and_keeps_what_it_saw() {
    run(async {
        let mut world = two(9).await;
        let partition = Partition::of(b"k");
        let one = world.node(NodeId(1));
        one.write(b"k", None, set("held"));
        let replication = one.replication.clone();
        let before = replication.report().bytes;
        assert!(before.iter().any(|(of, bytes)| *of == partition && *bytes > 0));
        let now = Clock::now(&*one.clock);
        let held = one.store.lock_partition(partition, Access::Write, now);
        let (tell, told) = std::sync::mpsc::channel();
        // On a thread of its own: one that waits would wait for ever.
        std::thread::spawn(move || tell.send(replication.report().bytes));
        let reported = told.recv_timeout(Duration::from_secs(10));
        drop(held);
        assert_eq!(reported.expect("a report without the lock"), before);
    });
}

#[test]
fn a_stream_waits_for_a_long_command_without_holding_up_its_thread() {
    run(async {
        let mut world = two(10).await;
        let partition = Partition::of(b"k");
        let two = world.node(NodeId(2));
        let (store, clock) = (two.store.clone(), two.clock.clone());
        let one = world.node(NodeId(1));
        let written = ticket(one.write(b"k", None, set("while it is locked")));
        let replication = one.replication.clone();
        let now = Clock::now(&*clock);
        let held = store.lock_partition(partition, Access::Write, now);
        // Everything runs on this thread: it would stand still for ever.
        assert!(timeout(Duration::from_millis(300), settled(&replication, 0, &written)).await.is_err());
        drop(held);
        assert!(settled(&replication, 0, &written).await);
    });
}

#[test]
fn a_row_that_cannot_be_taken_over_yet_holds_up_no_other() {
    run(async {
        let mut world = two(12).await;
        let (control, partition) = (world.control.clone(), Partition::of(b"k"));
        world.stop_following(NodeId(2));
        let second = world.node(NodeId(2));
        let (store, clock, replication) =
            (second.store.clone(), second.clock.clone(), second.replication.clone());
        let now = Clock::now(&*clock);
        let (other, held) = Partition::all()
            .find_map(|other| {
                let held = store.lock_partition(other, Access::Write, now);
                store.is_free(partition).then_some((other, held))
            })
            .expect("a partition with another lock");
        let step = |partition, change: &dyn Fn(Epoch) -> RowChange, copy| {
            let topology = control.topology();
            let row = topology.row(partition);
            let change = change(row.copy(copy).expect("a copy").since);
            control.steps(&[Step { partition, term: row.since, change }]);
        };
        let [one, two] = [NodeId(1), NodeId(2)];
        step(other, &|since| RowChange::DropCopy { node: two, since }, two);
        // There and back again: the same owner under a new term, of which it tells the copy.
        step(partition, &|since| RowChange::HandOver { from: one, to: two, since }, two);
        step(partition, &|since| RowChange::HandOver { from: two, to: one, since }, one);
        replication.announce(control.topology());
        let one = world.node(NodeId(1));
        let first = one.replication.clone();
        while one.replication.topology().is_none_or(|known| known.epoch < control.topology().epoch) {
            sleep(Duration::from_millis(1)).await;
        }
        let written = ticket(one.write(b"k", None, set("under the new term")));
        // The copy takes it, though it has not taken over all rows of this epoch.
        // Sooner than the copy counts as one that acknowledges nothing.
        let soon = COPY_SILENCE_MAX / 2;
        assert!(timeout(soon, settled(&first, 0, &written)).await.expect("in time"));
        assert!(!store.is_free(other));
        drop(held);
    });
}

#[test]
fn a_reply_that_is_too_large_to_be_remembered_is_not_sent_to_copies() {
    run(async {
        let mut world = two(11).await;
        let one = world.node(NodeId(1));
        let id = WriteId {
            origin: Origin { node: 1, run: 1 },
            number: 1,
            answered_below: 0,
            since: Epoch(u64::MAX),
            ..WriteId::default()
        };
        let long = vec![b'x'; REMEMBERED_REPLY_BYTES_MAX + 1];
        let written = ticket(one.write(b"k", Some(id), |keys| {
            keys.set(b"k", b"v", Deadline::NEVER);
            long
        }));
        let replication = one.replication.clone();
        assert!(replication.report().streams[0].queued_bytes < 1_024);
        assert_eq!(one.write(b"k", Some(id), set("again")), Tried::Unknown);
        assert!(settled(&replication, 0, &written).await);
    });
}
