//! Two and three nodes whose streams are cut, filled, handed over while writes go on: nothing that was acknowledged is lost,
//! nothing is carried out twice, and copies end as what their owners are. Random schedules under seeds.

mod by_hand;
mod former;
mod kept;
mod locked;
mod world;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use fastrand::Rng;
use larder_proto::effect::Side;
use larder_proto::slot::Partition;
use larder_proto::time::Deadline;
use larder_proto::topology::{CopyState, Epoch, NodeId, RowChange, Step};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{sleep, timeout};

use self::world::{Tried, World, settled};
use crate::commands::ports::{Origin, Ticket, WriteId};
use crate::replication::ports::{Place, Settled};
use crate::store::Writer;

/// Runs a test on a thread of its own, with time that goes on as soon as everybody waits.
fn run(test: impl Future<Output = ()> + 'static) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        timeout(Duration::from_secs(3_600), test).await.expect("ends");
    });
}

fn set(text: &str) -> impl FnOnce(&mut Writer<'_, '_>) -> Vec<u8> {
    let text = text.as_bytes().to_vec();
    move |keys| {
        keys.set(b"k", &text, Deadline::NEVER);
        b"+OK\r\n".to_vec()
    }
}

/// Adds one to the number under a key; the reply is the sum.
fn count(keys: &mut Writer<'_, '_>, key: &[u8]) -> Vec<u8> {
    let before =
        keys.string(key).unwrap().map_or(0, |text| std::str::from_utf8(text).unwrap().parse().unwrap());
    let sum: u64 = before + 1;
    keys.set(key, sum.to_string().as_bytes(), Deadline::NEVER);
    sum.to_string().into_bytes()
}

/// Two nodes, the second with a copy in sync of everything.
async fn two(seed: u64) -> World {
    let world = World::new(2, seed);
    world.heal(1).await;
    world
}

fn ticket(tried: Tried) -> Ticket {
    match tried {
        Tried::Done(_, ticket) => ticket,
        other => panic!("not carried out: {other:?}"),
    }
}

#[test]
fn a_reply_waits_for_its_copy_and_a_read_for_what_it_shows() {
    run(async {
        let mut world = two(1).await;
        let one = world.node(NodeId(1));
        let written = ticket(one.write(b"k", None, set("a")));
        assert_eq!(written.0.len(), 1);
        let read = ticket(one.read(b"k", |keys| keys.string(b"k").unwrap().unwrap().to_vec()));
        let shown = |ticket: &Ticket| (ticket.0[0].position, ticket.0[0].copy, ticket.0.len());
        assert_eq!((shown(&read), one.replication.settled(&written.0)), (shown(&written), Settled::No));
        assert_eq!((read.change(), written.change().map(|change| change.sequence)), (None, Some(1)));
        // What nobody has written waits for nothing.
        assert_eq!(ticket(one.read(b"other", |_| Vec::new())), Ticket::default());
        assert!(settled(&one.replication, 0, &written).await);
        assert_eq!(ticket(one.read(b"k", |_| Vec::new())), Ticket::default());
        world.assert_equal_stores();
    });
}

#[test]
fn nothing_is_served_before_a_topology_and_a_lease_and_nothing_told_after_it() {
    run(async {
        let mut world = two(2).await;
        let (control, epoch) = (world.control.clone(), world.control.topology().epoch);
        let fresh = world.start(NodeId(3), larder_proto::topology::Incarnation(3), 9);
        assert_eq!(fresh.replication.place(Partition::of(b"k")), Place::Waiting);
        drop(fresh);
        world.restart(NodeId(1), 5);
        world.heal(1).await;
        assert!(control.topology().epoch > epoch);
        let two = world.node(NodeId(2));
        assert!(two.serves(b"k"));
        // A lease that ends while a request runs: what it did is done, and nobody is told.
        let mut short = world.start(NodeId(1), larder_proto::topology::Incarnation(900), 6);
        short.replication.adopt(std::sync::Arc::new({
            let mut topology = larder_proto::topology::Topology::clone(&control.topology());
            topology.epoch.0 += 100;
            let own = topology.members.get_mut(&NodeId(1)).unwrap();
            own.incarnation = larder_proto::topology::Incarnation(900);
            topology.rows.iter_mut().for_each(|row| {
                (row.owner, row.since, row.copies) = (Some(NodeId(1)), topology.epoch, Vec::new());
                row.emptied = row.since;
            });
            topology
        }));
        assert!(short.serves(b"k"));
        assert_eq!(short.write(b"k", None, set("early")), Tried::NotHere);
        short.replication.grant(u64::MAX, Epoch(epoch.0 + 1_000));
        assert_eq!(short.write(b"k", None, set("an epoch that it does not know")), Tried::NotHere);
        short
            .replication
            .grant(crate::clock::Clock::monotonic_ns(&*short.clock) + 50_000_000, control.topology().epoch);
        assert!(matches!(short.write(b"k", None, set("in time")), Tried::Done(..)));
        let clock = short.clock.clone();
        let end = crate::clock::Clock::monotonic_ns(&*clock) + 60_000_000;
        // Begun in time, as far as the turn knows.
        let partitions = crate::store::PartitionSet::of(b"k");
        use crate::commands::ports::{Custody, Entry, Left};
        assert_eq!(short.recorder.enter(partitions.as_slice(), crate::store::Access::Read), Entry::Go);
        while crate::clock::Clock::monotonic_ns(&*clock) < end {
            sleep(Duration::from_millis(10)).await;
        }
        assert!(matches!(short.recorder.leave(partitions.as_slice(), b"r"), Left::Over(None)));
        // One that ran for a good part of a lease may be the cause.
        let until = crate::clock::Clock::monotonic_ns(&*clock) + 50_000_000;
        short.replication.grant(until, control.topology().epoch);
        short.recorder.end_turn();
        assert_eq!(short.recorder.enter(partitions.as_slice(), crate::store::Access::Read), Entry::Go);
        sleep(Duration::from_millis(200)).await;
        assert!(matches!(short.recorder.leave(partitions.as_slice(), b"r"), Left::TooLong));
    });
}

#[test]
fn a_cut_in_the_middle_of_everything_loses_nothing_and_repeats_nothing() {
    for seed in 0..10 {
        run(async move {
            let mut world = two(seed).await;
            let mut random = Rng::with_seed(seed);
            let mut tickets = Vec::new();
            for _ in 0..300 {
                let key = format!("key-{}", random.u32(..20)).into_bytes();
                let long = vec![random.u8(..); random.usize(..3_000)];
                let one = world.node(NodeId(1));
                // Effects that say something else when they come twice, or in another order.
                tickets.push(ticket(one.write(&key, None, |keys| {
                    let _ = keys.list_push(&key, Side::Right, std::iter::once(&long[..]));
                    let _ = keys.list_push(&key, Side::Left, std::iter::once(&b"first"[..]));
                    Vec::new()
                })));
                if random.u32(..20) == 0 {
                    world.wires.cut(|_, _| true);
                }
                if random.u32(..4) == 0 {
                    sleep(Duration::from_millis(random.u64(..30))).await;
                }
            }
            let one = world.node(NodeId(1));
            for ticket in &tickets {
                assert!(settled(&one.replication, 0, ticket).await);
            }
            world.assert_equal_stores();
        });
    }
}

#[test]
fn a_copy_that_acknowledges_nothing_is_dropped_and_filled_again() {
    run(async {
        let mut world = two(4).await;
        world.wires.close(NodeId(1), NodeId(2), true);
        let began = tokio::time::Instant::now();
        let one = world.node(NodeId(1));
        let written = ticket(one.write(b"k", None, set("alone")));
        assert!(settled(&one.replication, 0, &written).await);
        let waited = began.elapsed();
        assert!(waited >= Duration::from_secs(1) && waited < Duration::from_millis(1_400), "{waited:?}");
        let row = world.control.topology().row(Partition::of(b"k")).clone();
        assert_eq!(row.copies, []);
        world.wires.close(NodeId(1), NodeId(2), false);
        world.heal(1).await;
        world.assert_equal_stores();
    });
}

#[test]
fn while_nobody_can_drop_a_copy_no_reply_leaves() {
    run(async {
        let mut world = two(5).await;
        world.wires.close(NodeId(1), NodeId(2), true);
        world.control.is_silent.store(true, Ordering::Relaxed);
        let one = world.node(NodeId(1));
        let written = ticket(one.write(b"k", None, set("alone")));
        let replication = one.replication.clone();
        assert!(timeout(Duration::from_secs(30), settled(&replication, 0, &written)).await.is_err());
        // Reads of it wait with it.
        let read = ticket(world.node(NodeId(1)).read(b"k", |_| Vec::new()));
        assert_eq!(replication.settled(&read.0), Settled::No);
        world.wires.close(NodeId(1), NodeId(2), false);
        assert!(settled(&replication, 0, &written).await && settled(&replication, 0, &read).await);
        world.assert_equal_stores();
    });
}

#[test]
fn what_a_copy_rejects_lets_no_reply_leave_until_the_topology_says_what_is_what() {
    run(async {
        let mut world = two(6).await;
        let partition = Partition::of(b"k");
        world.control.is_silent.store(true, Ordering::Relaxed);
        // The copy knows of an effect more than the owner sent: it counts otherwise.
        let copy = world.node(NodeId(2)).store.clone();
        copy.lock_partition(partition, crate::store::Access::Write, larder_proto::time::Millis(0))
            .set_sequence(99);
        let one = world.node(NodeId(1));
        let written = ticket(one.write(b"k", None, set("gap")));
        let replication = one.replication.clone();
        assert!(timeout(Duration::from_secs(5), settled(&replication, 0, &written)).await.is_err());
        let stream = &replication.report().streams[0];
        assert_eq!(stream.queued_messages, 0, "it was acknowledged, and rejected before");
        // Also when the connection is another one.
        world.wires.cut(|_, _| true);
        assert!(timeout(Duration::from_secs(5), settled(&replication, 0, &written)).await.is_err());
        world.control.is_silent.store(false, Ordering::Relaxed);
        assert!(settled(&replication, 0, &written).await);
        let dropped = world.control.proposed.lock().iter().any(|step| {
            step.partition == partition && matches!(step.change, RowChange::DropCopy { node: NodeId(2), .. })
        });
        assert!(dropped);
        world.heal(1).await;
        world.assert_equal_stores();
    });
}

#[test]
fn a_former_owner_is_rejected_and_its_replies_are_lost() {
    run(async {
        let mut world = two(7).await;
        let partition = Partition::of(b"k");
        world.wires.close(NodeId(1), NodeId(2), true);
        let one = world.node(NodeId(1));
        let written = ticket(one.write(b"k", None, set("never told")));
        let replication = one.replication.clone();
        // The other node takes over, as if the first one's lease were over; the first one does not know yet.
        let mut topology = larder_proto::topology::Topology::clone(&world.control.topology());
        topology.epoch.0 += 1;
        topology.rows[partition.index()].owner = Some(NodeId(2));
        topology.rows[partition.index()].since = topology.epoch;
        topology.rows[partition.index()].copies.clear();
        let topology = std::sync::Arc::new(topology);
        world.control.is_silent.store(true, Ordering::Relaxed);
        world.node(NodeId(2)).replication.adopt(topology.clone());
        world.wires.close(NodeId(1), NodeId(2), false);
        assert!(timeout(Duration::from_secs(2), settled(&replication, 0, &written)).await.is_err());
        replication.adopt(topology);
        assert_eq!(replication.settled(&written.0), Settled::Lost);
        assert_eq!(replication.place(partition), Place::At(NodeId(2)));
        let two = world.node(NodeId(2));
        let read = two.read(b"k", |keys| keys.string(b"k").unwrap().unwrap_or_default().to_vec());
        assert_eq!(read, Tried::Done(Vec::new(), Ticket::default()));
    });
}

#[test]
fn a_full_queue_holds_writes_back_and_lets_them_go_on() {
    run(async {
        let mut world = two(8).await;
        world.control.is_silent.store(true, Ordering::Relaxed);
        world.wires.close(NodeId(1), NodeId(2), true);
        let value = vec![7; 100_000];
        let mut tickets = Vec::new();
        let one = world.node(NodeId(1));
        loop {
            match one.write(b"k", None, |keys| {
                keys.set(b"k", &value, Deadline::NEVER);
                Vec::new()
            }) {
                Tried::Done(_, ticket) => tickets.push(ticket),
                Tried::NotHere => break,
                other => panic!("{other:?}"),
            }
            assert!(tickets.len() < 1_000);
        }
        let queued = one.replication.report().streams[0].queued_bytes;
        assert!(queued < crate::limits::FEED_BYTES_MAX + 200_000 && queued > 1_000_000, "{queued}");
        // Reads go on.
        assert!(matches!(one.read(b"k", |_| Vec::new()), Tried::Done(..)));
        let replication = one.replication.clone();
        world.wires.close(NodeId(1), NodeId(2), false);
        for ticket in &tickets {
            assert!(settled(&replication, 0, ticket).await);
        }
        assert!(matches!(world.node(NodeId(1)).write(b"k", None, set("again")), Tried::Done(..)));
    });
}

#[test]
fn a_write_that_is_sent_twice_is_carried_out_once_wherever_it_comes() {
    run(async {
        let mut world = World::new(3, 9);
        world.heal(1).await;
        let id = |number, answered_below| {
            Some(WriteId {
                origin: Origin { node: 9, run: 77 },
                number,
                answered_below,
                since: Epoch(u64::MAX),
                ..WriteId::default()
            })
        };
        let add = |keys: &mut Writer<'_, '_>| count(keys, b"k");
        let one = world.node(NodeId(1));
        let first = one.write(b"k", id(1, 1), add);
        let Tried::Done(reply, ticket) = first else { panic!("{first:?}") };
        assert!(settled(&one.replication, 0, &ticket).await);
        assert_eq!(one.write(b"k", id(1, 1), add), Tried::Done(reply.clone(), Ticket::default()));
        // A copy that is filled later knows of it too.
        let partition = Partition::of(b"k");
        let row = world.control.topology().row(partition).clone();
        let former = row.copies[0];
        let change = RowChange::DropCopy { node: former.node, since: former.since };
        world.control.steps(&[Step { partition, term: row.since, change }]);
        world.heal(1).await;
        world.restart(NodeId(1), 100);
        world.heal(1).await;
        let owner = world.control.topology().row(partition).owner.unwrap();
        assert_ne!(owner, NodeId(1));
        let heir = world.node(owner);
        let Tried::Done(again, _) = heir.write(b"k", id(1, 1), add) else { panic!("not known") };
        assert_eq!(again, reply);
        let next = ticket_of(heir.write(b"k", id(2, 2), add));
        assert_eq!(next.0, b"2");
        // Answered, so nobody asks for it again; if somebody does, it is not carried out.
        assert_eq!(heir.write(b"k", id(1, 1), add), Tried::Unknown);
    });
}

fn ticket_of(tried: Tried) -> (Vec<u8>, Ticket) {
    match tried {
        Tried::Done(reply, ticket) => (reply, ticket),
        other => panic!("not carried out: {other:?}"),
    }
}

#[test]
fn handing_over_loses_nothing_though_proposals_are_answered_wrongly() {
    for seed in 0..10 {
        run(async move {
            let world = World::new(3, seed);
            world.heal(2).await;
            world.control.unsure.store(40, Ordering::Relaxed);
            world.control.delay_ms.store(30, Ordering::Relaxed);
            let mut random = Rng::with_seed(seed);
            let partitions: Vec<Partition> =
                (0..8).map(|key| Partition::of(format!("key-{key}").as_bytes())).collect();
            let world = Rc::new(RefCell::new(world));
            let writers: Vec<_> = (0..8).map(|key| spawn_local(write_on(world.clone(), key, 60))).collect();
            while !writers.iter().all(|writer| writer.is_finished()) {
                let partition = partitions[random.usize(..partitions.len())];
                let row = world.borrow().control.topology().row(partition).clone();
                let to = row.in_sync().nth(random.usize(..2)).unwrap_or(NodeId(1));
                let owner = row.owner.unwrap();
                world.borrow_mut().node(owner).replication.hand_over(vec![(partition, to)]);
                sleep(Duration::from_millis(random.u64(..100))).await;
            }
            for writer in writers {
                writer.await.unwrap();
            }
            let changed = partitions
                .iter()
                .any(|&partition| world.borrow().control.topology().row(partition).since > Epoch(1));
            assert!(changed, "nothing was handed over");
            let mut world = Rc::into_inner(world).unwrap().into_inner();
            world.control.unsure.store(0, Ordering::Relaxed);
            world.heal(2).await;
            sleep(Duration::from_secs(2)).await;
            world.assert_equal_stores();
            assert_counts(&mut world, 60);
        });
    }
}

/// Counts up one key so many times, each time once, whatever happens to the nodes.
async fn write_on(world: Rc<RefCell<World>>, key: u64, times: u64) {
    let name = format!("key-{key}").into_bytes();
    for number in 1..=times {
        let id = WriteId {
            origin: Origin { node: 50, run: key },
            number,
            answered_below: number,
            since: Epoch(u64::MAX),
            ..WriteId::default()
        };
        loop {
            let owner = world.borrow().control.topology().row(Partition::of(&name)).owner.unwrap();
            let (tried, replication) = {
                let mut world = world.borrow_mut();
                let node = world.node(owner);
                (node.write(&name, Some(id), |keys| count(keys, &name)), node.replication.clone())
            };
            if let Tried::Done(reply, ticket) = tried {
                let told = timeout(Duration::from_secs(20), settled(&replication, key as usize, &ticket));
                if told.await == Ok(true) {
                    assert_eq!(reply, number.to_string().as_bytes(), "key {key}");
                    break;
                }
            } else {
                assert_ne!(tried, Tried::Unknown);
            }
            sleep(Duration::from_millis(5)).await;
        }
        sleep(Duration::from_millis(number % 7)).await;
    }
}

fn assert_counts(world: &mut World, times: u64) {
    for key in 0..8 {
        let name = format!("key-{key}").into_bytes();
        let owner = world.control.topology().row(Partition::of(&name)).owner.unwrap();
        let read = world.node(owner).read(&name, |keys| keys.string(&name).unwrap().unwrap().to_vec());
        assert_eq!(ticket_of(read).0, times.to_string().as_bytes());
    }
}

#[test]
fn a_copy_is_filled_while_writes_go_on_and_ends_as_its_owner_is() {
    for seed in 0..6 {
        run(async move {
            let mut world = World::new(2, seed);
            let mut random = Rng::with_seed(seed);
            sleep(Duration::from_millis(50)).await;
            let change = |world: &mut World, random: &mut Rng| {
                let key = format!("key-{}", random.u32(..400)).into_bytes();
                let value = vec![random.u8(..); random.usize(..4_000)];
                let kind = random.u32(..6);
                ticket(world.node(NodeId(1)).write(&key, None, |keys| {
                    match kind {
                        0 => keys.set(&key, &value, Deadline::NEVER),
                        1 => drop(keys.list_push(&key, Side::Right, std::iter::once(&value[..]))),
                        2 => drop(keys.hash_set(&key, &value[..value.len().min(3)], &value)),
                        3 => drop(keys.list_pop(&key, Side::Left, 1)),
                        4 => drop(keys.delete(&key)),
                        _ => drop(keys.patch(&key, 10, b"patched")),
                    }
                    Vec::new()
                }))
            };
            (0..2_000).for_each(|_| drop(change(&mut world, &mut random)));
            world.control.add_copies(1);
            let mut most = 0;
            for _ in 0..2_000 {
                let ticket = change(&mut world, &mut random);
                drop(ticket);
                let streams = world.node(NodeId(1)).replication.report().streams;
                most = most.max(streams.iter().map(|stream| stream.queued_bytes).max().unwrap_or(0));
                if random.u32(..3) == 0 {
                    sleep(Duration::from_millis(random.u64(..4))).await;
                }
                if random.u32(..300) == 0 {
                    world.wires.cut(|_, _| true);
                }
            }
            world.heal(1).await;
            let last = change(&mut world, &mut random);
            assert!(settled(&world.node(NodeId(1)).replication.clone(), 0, &last).await);
            sleep(Duration::from_secs(1)).await;
            world.assert_equal_stores();
            let filled = world.control.topology().rows.iter().all(|row| row.in_sync().next().is_some());
            assert!(filled && most < 2 * crate::limits::FEED_BYTES_MIN, "{most}");
        });
    }
}

#[test]
fn a_copy_is_proposed_once_it_has_acknowledged_everything_and_not_before() {
    run(async {
        let world = World::new(2, 11);
        world.wires.close(NodeId(1), NodeId(2), true);
        world.control.add_copies(1);
        sleep(Duration::from_millis(800)).await;
        assert_eq!(*world.control.proposed.lock(), []);
        world.wires.close(NodeId(1), NodeId(2), false);
        world.heal(1).await;
        let marked = |step: &Step| matches!(step.change, RowChange::MarkInSync { node: NodeId(2), .. });
        assert!(world.control.proposed.lock().iter().any(marked));
    });
}

#[test]
fn what_a_copy_lacks_is_not_handed_over_to_it() {
    run(async {
        let mut world = two(12).await;
        let partition = Partition::of(b"k");
        let is_hand_over = |step: &Step| matches!(step.change, RowChange::HandOver { .. });
        world.control.is_silent.store(true, Ordering::Relaxed);
        world.wires.close(NodeId(1), NodeId(2), true);
        let one = world.node(NodeId(1));
        let written = ticket(one.write(b"k", None, set("kept")));
        let replication = one.replication.clone();
        replication.hand_over(vec![(partition, NodeId(2))]);
        sleep(Duration::from_millis(300)).await;
        // Nobody serves it meanwhile, and in the end the owner does.
        assert_eq!(replication.place(partition), Place::Waiting);
        assert_eq!(world.node(NodeId(1)).write(b"k", None, set("not yet")), Tried::NotHere);
        sleep(Duration::from_secs(3)).await;
        assert_eq!(replication.place(partition), Place::Here);
        assert!(!world.control.proposed.lock().iter().any(is_hand_over));
        world.wires.close(NodeId(1), NodeId(2), false);
        assert!(settled(&replication, 0, &written).await);
        world.control.is_silent.store(false, Ordering::Relaxed);
        replication.hand_over(vec![(partition, NodeId(2))]);
        sleep(Duration::from_secs(1)).await;
        assert_eq!(replication.place(partition), Place::At(NodeId(2)));
        let read = world.node(NodeId(2)).read(b"k", |keys| keys.string(b"k").unwrap().unwrap().to_vec());
        assert_eq!(ticket_of(read).0, b"kept");
    });
}

#[test]
fn random_schedules_lose_nothing_and_repeat_nothing() {
    let seeds = std::env::var("LARDER_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(25);
    for seed in 0..seeds {
        run(async move {
            println!("seed {seed}");
            let world = World::new(3, seed);
            world.heal(2).await;
            world.control.unsure.store(30, Ordering::Relaxed);
            world.control.delay_ms.store(20, Ordering::Relaxed);
            let mut random = Rng::with_seed(seed);
            let world = Rc::new(RefCell::new(world));
            let writers: Vec<_> = (0..8).map(|key| spawn_local(write_on(world.clone(), key, 80))).collect();
            while !writers.iter().all(|writer| writer.is_finished()) {
                disturb(&world, &mut random).await;
                sleep(Duration::from_millis(random.u64(..150))).await;
            }
            for writer in writers {
                writer.await.unwrap();
            }
            let mut world = Rc::into_inner(world).unwrap().into_inner();
            world.control.unsure.store(0, Ordering::Relaxed);
            for (one, other) in [(1, 2), (1, 3), (2, 3)] {
                world.wires.close(NodeId(one), NodeId(other), false);
            }
            world.heal(2).await;
            sleep(Duration::from_secs(2)).await;
            world.heal(2).await;
            world.assert_equal_stores();
            assert_eq!(world.control.topology().lost, 0);
            assert_counts(&mut world, 80);
        });
    }
}

/// One thing that happens in a cluster. A node dies only where each of its partitions has a copy in sync elsewhere.
async fn disturb(world: &Rc<RefCell<World>>, random: &mut Rng) {
    let partition = Partition::of(format!("key-{}", random.u32(..8)).as_bytes());
    let mut world = world.borrow_mut();
    let topology = world.control.topology();
    let row = topology.row(partition).clone();
    let (one, other) = (NodeId(random.u64(1..=3)), NodeId(random.u64(1..=3)));
    match random.u32(..12) {
        0..3 => world.wires.cut(|from, to| (from, to) == (one, other)),
        3 => world.wires.close(one, other, true),
        4..7 => {
            for (one, other) in [(1, 2), (1, 3), (2, 3)] {
                world.wires.close(NodeId(one), NodeId(other), false);
            }
        }
        7 => {
            if let Some(copy) = row.copies.first() {
                let change = RowChange::DropCopy { node: copy.node, since: copy.since };
                world.control.steps(&[Step { partition, term: row.since, change }]);
            }
        }
        8..10 => world.control.add_copies(2),
        10 => {
            if let (Some(owner), Some(to)) = (row.owner, row.in_sync().next()) {
                world.node(owner).replication.hand_over(vec![(partition, to)]);
            }
        }
        _ => {
            let survives = topology.rows.iter().all(|row| {
                row.owner != Some(one) || row.copies.iter().any(|copy| copy.state == CopyState::InSync)
            });
            if survives {
                let seed = random.u64(..);
                world.restart(one, seed);
            }
        }
    }
}
