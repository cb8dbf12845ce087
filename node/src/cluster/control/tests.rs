//! Control loops against each other, on memory and under paused time. Each test also looks that no partition is ever served
//! by two nodes, see [`World::run`].

use std::time::Duration;

use larder_proto::slot::PARTITIONS;
use larder_proto::topology::{MemberState, NodeId};

use tokio::task::LocalSet;
use tokio::time::sleep;

use super::testing::{World, paused};
use super::{RecoverError, recover};
use crate::cluster::handle::LeaveRefusal;
use crate::cluster::identity::StateDir;
use crate::cluster::machine::{Answer, Change, Leave};
use crate::cluster::raft::MemoryDisk;
use crate::cluster::sealed::Sealed;
use crate::cluster::status::Phase;
use crate::link::Secret;

/// Three nodes that are one cluster, at rest.
async fn three(seed: u64) -> World {
    let mut world = World::new(seed, 3);
    for port in [10, 20, 30] {
        world.start(port).await;
    }
    world.until(30, "settled", World::is_settled).await;
    world
}

#[test]
fn three_nodes_form_a_cluster_in_any_order() {
    for (seed, order) in [[10, 20, 30], [30, 10, 20], [20, 30, 10]].into_iter().enumerate() {
        paused(async move {
            let mut world = World::new(seed as u64, 3);
            for port in order {
                assert!(world.newest().is_none());
                world.start(port).await;
                world.pass(Duration::from_millis(700 * seed as u64)).await;
            }
            let took = world.until(20, "settled", World::is_settled).await;
            assert!(took < Duration::from_secs(10), "{took:?}");
            let topology = world.topology();
            assert_eq!((topology.members.len(), topology.lost), (3, 0));
            for port in order {
                assert_eq!(world.phase(port), Phase::Member);
                assert_eq!(world.processes[&port].handle.identity().unwrap().cluster, topology.cluster);
            }
            let handle = world.processes[&10].handle.clone();
            let status = world.run(handle.status()).await.unwrap();
            assert!(status.is_healthy(), "{status:?}");
            assert_eq!(status.members.values().filter(|member| member.votes).count(), 3);
            assert!(status.members.values().all(|member| member.lease_left_ms.unwrap() > 100));
        });
    }
}

#[test]
fn one_node_alone_is_a_cluster_and_others_may_join() {
    paused(async {
        let mut world = World::new(1, 1);
        world.start(10).await;
        world.until(5, "settled", World::is_settled).await;
        world.start(20).await;
        world.start(30).await;
        world.until(60, "joined", |world| world.newest().unwrap().topology.members.len() == 3).await;
        world.until(60, "settled", World::is_settled).await;
        let topology = world.topology();
        assert_eq!(topology.lost, 0);
        for port in [10, 20, 30] {
            let owned = topology.rows.iter().filter(|row| row.owner == Some(world.node(port))).count();
            assert!(owned.abs_diff(usize::from(PARTITIONS) / 3) < 35, "{owned}");
        }
    });
}

#[test]
fn a_node_that_may_only_join_founds_nothing() {
    paused(async {
        let mut world = World::new(1, 1);
        world.start(20).await;
        world.pass(Duration::from_secs(20)).await;
        assert!(world.newest().is_none());
        assert!(matches!(world.phase(20), Phase::Forming(_)));
    });
}

#[test]
fn a_fourth_joins_and_gets_its_share() {
    paused(async {
        let mut world = three(2).await;
        world.start(40).await;
        world.until(20, "joined", |world| world.phase(40) == Phase::Member).await;
        world.until(60, "settled", World::is_settled).await;
        let topology = world.topology();
        let owned = topology.rows.iter().filter(|row| row.owner == Some(world.node(40))).count();
        assert!(owned.abs_diff(usize::from(PARTITIONS) / 4) < 26, "{owned}");
        assert_eq!(topology.lost, 0);
    });
}

#[test]
fn every_partition_is_served_again_within_a_second_and_a_half() {
    for seed in 0..4 {
        paused(async move {
            let mut world = three(seed).await;
            world.pass(Duration::from_millis(seed * 37)).await;
            let leader = world.leader().await;
            let victim = if seed % 2 == 0 { leader } else { 10 + leader % 30 };
            world.kill(victim);
            world.until(5, "unserved", |world| !world.is_served()).await;
            let took = world.until(5, "served", World::is_served).await;
            println!("seed {seed}: {} served after {took:?}", if seed % 2 == 0 { "leader" } else { "other" });
            assert!(took < Duration::from_millis(1_500), "{took:?}");
            assert_eq!(world.topology().lost, 0);
            world.until(30, "settled", World::is_settled).await;
        });
    }
}

#[test]
fn who_comes_back_with_its_state_is_the_same_node() {
    paused(async {
        let mut world = three(3).await;
        let node = world.node(20);
        world.kill(20);
        world.pass(Duration::from_millis(300)).await;
        world.start(20).await;
        world.until(30, "up", |world| world.topology().members[&node].state == MemberState::Up).await;
        world.until(60, "settled", World::is_settled).await;
        assert_eq!(world.node(20), node);
        assert_eq!((world.topology().members.len(), world.topology().lost), (3, 0));
    });
}

#[test]
fn who_has_lost_its_state_is_a_new_node_and_the_old_one_is_removed() {
    paused(async {
        let mut world = three(4).await;
        let node = world.node(20);
        world.kill(20);
        world.disks.insert(20, MemoryDisk::new());
        world.start(20).await;
        world.until(30, "joined", |world| world.phase(20) == Phase::Member).await;
        world.until(60, "settled", World::is_settled).await;
        assert!(world.node(20) != node);
        let topology = world.topology();
        assert!(!topology.members.contains_key(&node));
        assert_eq!((topology.members.len(), topology.lost), (3, 0));
        world.pass(Duration::from_secs(2)).await;
        let handle = world.processes[&10].handle.clone();
        let status = world.run(handle.status()).await.unwrap();
        assert!(status.members.values().all(|member| member.votes), "{status:?}");
    });
}

#[test]
fn a_cluster_that_lost_power_comes_back_and_counts_what_it_lost() {
    paused(async {
        let mut world = three(5).await;
        let nodes = [10, 20, 30].map(|port| world.node(port));
        for port in [10, 20, 30] {
            world.kill(port);
        }
        for port in [30, 20, 10] {
            world.start(port).await;
        }
        world.until(30, "served", World::is_served).await;
        world.until(60, "settled", World::is_settled).await;
        assert_eq!([10, 20, 30].map(|port| world.node(port)), nodes);
        assert_eq!(world.topology().lost, u64::from(PARTITIONS));
    });
}

#[test]
fn one_that_is_stopped_and_continues_serves_nothing_until_it_is_filled_anew() {
    paused(async {
        let mut world = three(6).await;
        let node = world.node(20);
        world.frozen.insert(20);
        world
            .until(5, "called down", |world| world.topology().members[&node].state == MemberState::Down)
            .await;
        world.until(5, "served", World::is_served).await;
        world.frozen.remove(&20);
        world.until(30, "up", |world| world.topology().members[&node].state == MemberState::Up).await;
        world.until(60, "settled", World::is_settled).await;
        assert_eq!(world.topology().lost, 0);
    });
}

#[test]
fn a_leader_that_nobody_confirms_calls_nobody_down_for_it() {
    paused(async {
        for (seed, ms) in [(41, 500), (42, 480), (43, 460), (44, 490)] {
            let mut world = three(seed).await;
            let leader = world.leader().await;
            let others = [10, 20, 30].into_iter().filter(|port| *port != leader);
            world.frozen.extend(others);
            world.pass(Duration::from_millis(ms)).await;
            world.frozen.clear();
            world.until(60, "settled", World::is_settled).await;
            assert_eq!(world.topology().lost, 0, "after {ms} ms");
        }
    });
}

#[test]
fn a_leader_that_is_cut_off_serves_nothing_while_the_others_go_on() {
    paused(async {
        let world = three(7).await;
        let leader = world.leader().await;
        let others: Vec<u64> = [10, 20, 30].into_iter().filter(|port| *port != leader).collect();
        world.hub.separate(&[leader], &others);
        world.pass(Duration::from_millis(600)).await;
        assert!(world.processes[&leader].plane.serving().is_empty());
        world.until(5, "served", World::is_served).await;
        world.pass(Duration::from_secs(3)).await;
        assert!(world.processes[&leader].plane.serving().is_empty());
        world.hub.join();
        world.until(60, "settled", World::is_settled).await;
        assert_eq!(world.topology().members.len(), 3);
        let up = world.topology().members.values().all(|member| member.state == MemberState::Up);
        assert!(up && world.topology().lost == 0);
    });
}

#[test]
fn who_hands_over_leaves_nothing_unserved_for_a_lease() {
    paused(async {
        let mut world = three(8).await;
        for port in [10, 20, 30] {
            let node = world.node(port);
            let mut progress = world.processes[&port].handle.leave(Leave::HandOver, false);
            world.run(progress.wait_for(|progress| progress.outcome.is_some())).await.unwrap();
            assert_eq!(progress.borrow().outcome, Some(Ok(())));
            assert_eq!(world.topology().members[&node].state, MemberState::Down);
            let took = world.until(5, "served", World::is_served).await;
            assert!(took < Duration::from_millis(200), "{took:?}");
            let handle = world.processes[&port].handle.clone();
            world.run(handle.stop()).await;
            world.kill(port);
            let took = world.until(5, "served", World::is_served).await;
            assert!(took < Duration::from_millis(500), "{took:?}");
            world.start(port).await;
            world
                .until(60, "settled", |world| world.is_settled() && world.phase(port) == Phase::Member)
                .await;
            assert_eq!(world.node(port), node);
        }
        assert_eq!(world.topology().lost, 0);
    });
}

#[test]
fn who_is_drained_is_a_member_no_more_and_may_join_as_a_new_one() {
    paused(async {
        let mut world = three(9).await;
        world.start(40).await;
        world.until(60, "settled", |world| world.topology().members.len() == 4 && world.is_settled()).await;
        let leader = world.leader().await;
        let node = world.node(leader);
        let mut progress = world.processes[&leader].handle.leave(Leave::Rebuild, false);
        world.run(progress.wait_for(|progress| progress.outcome.is_some())).await.unwrap();
        assert_eq!(progress.borrow().outcome, Some(Ok(())));
        assert_eq!((progress.borrow().owned, progress.borrow().copies), (0, 0));
        world.until(5, "removed", |world| !world.topology().members.contains_key(&node)).await;
        assert_eq!(world.phase(leader), Phase::Left);
        world.kill(leader);
        world.until(20, "settled", World::is_settled).await;
        assert_eq!(world.topology().lost, 0);
        world.start(leader).await;
        world.until(60, "settled", |world| world.topology().members.len() == 4 && world.is_settled()).await;
        assert!(world.node(leader) != node);
        assert_eq!(world.topology().lost, 0);
    });
}

#[test]
fn who_is_told_to_leave_again_waits_for_the_same() {
    paused(async {
        let world = three(17).await;
        let handle = world.processes[&20].handle.clone();
        let mut first = handle.leave(Leave::HandOver, false);
        world.run(first.wait_for(|progress| progress.owned > 0)).await.unwrap();
        let left = world.run(handle.leave_within(Leave::HandOver, false, Duration::from_secs(10))).await;
        assert_eq!(left, Ok(()));
        assert_eq!(first.borrow().outcome, Some(Ok(())));
        assert_eq!(world.topology().members[&world.node(20)].state, MemberState::Down);
        let left = world.run(handle.leave_within(Leave::HandOver, false, Duration::from_secs(10))).await;
        assert_eq!(left, Ok(()), "also afterwards");
        let left = world.run(handle.leave_within(Leave::Rebuild, false, Duration::from_secs(10))).await;
        assert_eq!(left, Err(LeaveRefusal::NotMember), "that would be more");
        assert_eq!(world.topology().lost, 0);
    });
}

#[test]
fn who_leaves_while_nobody_leads_tries_until_somebody_does() {
    paused(async {
        let world = three(18).await;
        let handle = world.processes[&20].handle.clone();
        world.hub.separate(&[20], &[10, 30]);
        world.pass(Duration::from_secs(1)).await;
        let left = world.run(handle.leave_within(Leave::HandOver, false, Duration::from_secs(1))).await;
        assert!(matches!(left, Err(LeaveRefusal::NoLeader(1..) | LeaveRefusal::Late)), "{left:?}");
        let leaving = handle.leave_within(Leave::HandOver, false, Duration::from_secs(20));
        let healing = async {
            sleep(Duration::from_secs(1)).await;
            world.hub.join();
        };
        let (left, ()) = world.run(async { tokio::join!(leaving, healing) }).await;
        assert_eq!(left, Ok(()));
        world.until(5, "served", World::is_served).await;
        assert_eq!(world.topology().lost, 0);
    });
}

#[test]
fn who_dies_while_the_leader_is_busy_and_slow_is_called_down_in_time() {
    paused(async {
        let mut world = three(19).await;
        let leader = world.leader().await;
        let victim = if leader == 20 { 30 } else { 20 };
        let node = world.node(victim);
        for disk in world.disks.values() {
            disk.set_delay(Duration::from_millis(150));
        }
        world.start(40).await;
        let fills = |world: &World| {
            let topology = world.topology();
            world.phase(40) == Phase::Member && topology.rows.iter().any(|row| row.copies.len() > 1)
        };
        world.until(30, "filling", fills).await;
        world.kill(victim);
        let is_down = |world: &World| world.topology().members[&node].state == MemberState::Down;
        let took = world.until(30, "called down", is_down).await;
        println!("called down after {took:?}");
        assert!(took < Duration::from_millis(1_500), "{took:?}");
        assert_eq!(world.topology().lost, 0);
    });
}

#[test]
fn the_last_node_does_not_leave_unless_forced() {
    paused(async {
        let mut world = World::new(10, 1);
        world.start(10).await;
        world.until(5, "settled", World::is_settled).await;
        for kind in [Leave::HandOver, Leave::Rebuild] {
            let mut progress = world.processes[&10].handle.leave(kind, false);
            world.run(progress.wait_for(|progress| progress.outcome.is_some())).await.unwrap();
            let refusal = LeaveRefusal::LastNode(usize::from(PARTITIONS));
            assert_eq!(progress.borrow().outcome, Some(Err(refusal.clone())));
            assert!(refusal.to_string().contains("1024") && refusal.to_string().contains("--force"));
            assert!(world.is_served());
        }
        let mut progress = world.processes[&10].handle.leave(Leave::HandOver, true);
        world.run(progress.wait_for(|progress| progress.outcome.is_some())).await.unwrap();
        assert_eq!(progress.borrow().outcome, Some(Ok(())));
        assert!(!world.is_served());
    });
}

#[test]
fn without_a_majority_nobody_leaves_unless_forced() {
    paused(async {
        let mut world = three(11).await;
        world.kill(20);
        world.kill(30);
        world.pass(Duration::from_secs(1)).await;
        let mut progress = world.processes[&10].handle.leave(Leave::HandOver, false);
        world.run(progress.wait_for(|progress| progress.outcome.is_some())).await.unwrap();
        assert!(matches!(progress.borrow().outcome, Some(Err(LeaveRefusal::NoLeader(1..)))));
        let mut progress = world.processes[&10].handle.leave(Leave::HandOver, true);
        world.run(progress.wait_for(|progress| progress.outcome.is_some())).await.unwrap();
        assert_eq!(progress.borrow().outcome, Some(Ok(())));
    });
}

#[test]
fn a_node_of_another_region_or_secret_is_not_taken_in() {
    for which in 0..2 {
        paused(async move {
            let mut world = three(12).await;
            if which == 0 {
                world.settings.region = "elsewhere".into();
            } else {
                world.secret = "another";
            }
            world.start(40).await;
            world.pass(Duration::from_secs(5)).await;
            let Phase::Forming(text) = world.phase(40) else { panic!("taken in") };
            let word = if which == 0 { "region" } else { "--cluster-secret" };
            assert!(text.contains(word), "{text}");
            assert_eq!(world.topology().members.len(), 3);
        });
    }
}

#[test]
fn an_address_may_change() {
    paused(async {
        let mut world = three(13).await;
        let node = world.node(20);
        world.kill(20);
        let disk = world.disks[&20].clone();
        world.disks.insert(50, disk.clone());
        world.start_at(50, disk).await;
        world
            .until(30, "up", |world| {
                let member = &world.topology().members[&node];
                member.port == 48 && member.state == MemberState::Up
            })
            .await;
        world.until(60, "settled", World::is_settled).await;
        assert_eq!(world.node(50), node);
        assert_eq!(world.topology().lost, 0);
    });
}

#[test]
fn a_setting_reaches_all_wherever_it_is_proposed() {
    paused(async {
        let world = three(14).await;
        for (number, port) in [10_u64, 20, 30].into_iter().enumerate() {
            let handle = world.processes[&port].handle.clone();
            let change = Change::Setting { name: "a".into(), value: Some(number.to_string()) };
            let answer = world.run(handle.propose(change)).await;
            assert!(matches!(answer, Ok(Answer::Applied { done: 1, .. })), "{answer:?}");
        }
        let everywhere = |world: &World| {
            let has = |port| {
                let state = world.processes[&port].handle.states().borrow().clone();
                state.settings.get("a").map(String::as_str) == Some("2")
            };
            [10, 20, 30].into_iter().all(has)
        };
        world.until(5, "everywhere", everywhere).await;
    });
}

#[test]
fn how_a_cache_is_reached_lies_on_no_disk() {
    paused(async {
        let world = three(24).await;
        let handle = world.processes[&10].handle.clone();
        let (text, clear) = ("host:6380,password=hunter2-hunter2", "kept in the clear");
        let secret = Secret::new(world.secret);
        let sealed = Sealed::new(&secret, "cache", text).unwrap();
        for change in [
            Change::Cache { name: "cache".into(), value: Some(sealed) },
            Change::Setting { name: "a".into(), value: Some(clear.into()) },
        ] {
            let answer = world.run(handle.propose(change)).await;
            assert!(matches!(answer, Ok(Answer::Applied { done: 1, .. })), "{answer:?}");
        }
        let everywhere = |world: &World| {
            let knows = |port| {
                let state = world.processes[&port].handle.states().borrow().clone();
                let known = state.caches.get("cache").map(|sealed| sealed.open(&secret, "cache"));
                known == Some(Ok(text.to_owned())) && state.settings.contains_key("a")
            };
            [10, 20, 30].into_iter().all(knows)
        };
        world.until(5, "everywhere", everywhere).await;
        for disk in world.disks.values() {
            assert!(disk.holds(clear.as_bytes()), "the log is looked at");
            assert!(!disk.holds(text.as_bytes()) && !disk.holds(b"hunter2"));
        }
    });
}

#[test]
fn a_node_that_takes_leases_for_shorter_is_no_member() {
    paused(async {
        let mut world = three(25).await;
        world.kill(30);
        world.settings.lease = Duration::from_millis(300);
        world.start(30).await;
        world.until(30, "failed", |world| matches!(world.phase(30), Phase::Failed(_))).await;
        let Phase::Failed(why) = world.phase(30) else { unreachable!() };
        assert!(why.contains("--lease-ms is 300 here and 500 in the cluster"), "{why}");
        world.until(10, "served", World::is_served).await;
    });
}

#[test]
fn a_voter_whose_disk_fails_ends_and_says_why() {
    paused(async {
        let world = three(15).await;
        world.disks[&20].set_read_only(true);
        let handle = world.processes[&10].handle.clone();
        let _ = world.run(handle.propose(Change::Replicas(2))).await;
        world.until(10, "failed", |world| matches!(world.phase(20), Phase::Failed(_))).await;
        assert!(world.processes[&20].plane.serving().is_empty());
        world.until(5, "served", World::is_served).await;
    });
}

#[test]
fn a_lost_majority_is_recovered_as_a_new_cluster_with_a_higher_epoch() {
    paused(async {
        let mut world = three(16).await;
        let handle = world.processes[&10].handle.clone();
        let change = Change::Setting { name: "a".into(), value: Some("kept".into()) };
        assert!(world.run(handle.propose(change)).await.is_ok());
        let old = world.topology();
        let member = old.members[&world.node(10)].clone();
        for port in [10, 20, 30] {
            world.kill(port);
            world.pass(Duration::from_millis(100)).await;
        }
        let place = StateDir::Memory(world.disks[&10].clone());
        let recovered = recover(&place, world.hub.of(10), member.clone(), 7);
        let cluster = LocalSet::new().run_until(recovered).await.unwrap();
        for port in [20, 30] {
            world.disks.insert(port, MemoryDisk::new());
        }
        for port in [10, 20, 30] {
            world.start(port).await;
        }
        world.until(60, "settled", |world| world.newest().is_some() && world.is_settled()).await;
        let new = world.topology();
        assert_eq!((new.cluster, new.members.len()), (cluster, 3));
        assert!(cluster != old.cluster && new.epoch > old.epoch);
        let state = world.newest().unwrap();
        assert_eq!(state.settings.get("a").map(String::as_str), Some("kept"));
        let nowhere = StateDir::Memory(MemoryDisk::new());
        let refused = LocalSet::new().run_until(recover(&nowhere, world.hub.of(10), member, 7)).await;
        assert!(matches!(refused, Err(RecoverError::NoMember)));
    });
}

/// Whatever happens to nodes and ways: nobody serves what another serves, and once it stops, everything is served again.
#[test]
fn it_heals_after_random_faults() {
    for seed in 100..104 {
        paused(async move {
            let mut world = three(seed).await;
            let mut random = fastrand::Rng::with_seed(seed);
            for _ in 0..8 {
                let port = [10, 20, 30][random.usize(..3)];
                match random.u32(..6) {
                    0 | 1 if world.processes.contains_key(&port) => world.kill(port),
                    2 => {
                        let others: Vec<u64> = [10, 20, 30].into_iter().filter(|it| *it != port).collect();
                        world.hub.separate(&[port], &others);
                    }
                    3 if world.processes.contains_key(&port) => {
                        world.frozen.insert(port);
                    }
                    _ => {
                        world.hub.join();
                        world.frozen.clear();
                        for port in [10, 20, 30] {
                            if !world.processes.contains_key(&port) {
                                world.start(port).await;
                            }
                        }
                    }
                }
                world.pass(Duration::from_millis(random.u64(10..2_000))).await;
            }
            world.hub.join();
            world.frozen.clear();
            for port in [10, 20, 30] {
                if !world.processes.contains_key(&port) {
                    world.start(port).await;
                }
            }
            world.until(60, "settled", World::is_settled).await;
            let members = world.topology().members.clone();
            assert!(members.len() == 3 && members.keys().all(|node| *node >= NodeId(1)));
        });
    }
}
