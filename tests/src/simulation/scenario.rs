//! One seed: a cluster forms, clients work, things go wrong, everything heals, and what the clients saw is judged.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use larder_node::sabotage::{Rule, break_rule};
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::sleep;

use super::client::Client;
use super::cluster::Cluster;
use super::driver::{Orders, run};
use super::faults::{Kind as FaultKind, Plan, torment};
use super::network::HostNetwork;
use super::nodes::{Nodes, PORT};
use super::owners::Owners;
use super::panics;
use super::workload::{Histories, look_at_all, work};
use crate::history::{Kind, Object, Recorder};

/// What came of a seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The hash of everything that happened, and of how many events.
    pub trace: (u64, u64),
    /// Operations that were answered.
    pub answered: u64,
    /// Partitions that had to begin empty after the cluster was formed.
    pub lost: u64,
    /// Simulated milliseconds.
    pub time_ms: u64,
    /// Errors that clients were told, by their first word.
    pub errors: BTreeMap<String, u64>,
    /// What happened when.
    pub log: String,
}

/// Runs one seed, with nodes that break a rule if one is named.
///
/// # Errors
/// What could not have been, or did not heal, in words.
pub fn simulate(seed: u64, broken: Option<Rule>) -> Result<Outcome, String> {
    panics::remember();
    break_rule(broken);
    let outcome = run(seed, |orders| scenario(orders, Rng::with_seed(seed)));
    panics::first().map_or(outcome, Err)
}

async fn scenario(orders: Orders, mut random: Rng) -> Result<Outcome, String> {
    let count = NODES[random.usize(0..NODES.len())];
    let nodes = Rc::new(Nodes::new(count, random.u8(1..=2)));
    let cluster = Rc::new(Cluster::new(orders.clone(), Rc::clone(&nodes) as _, count, random.fork()));
    let addresses: Vec<IpAddr> = (0..count).map(|node| cluster.host(node)).collect();
    orders.wires.name("nodes", &addresses);
    let histories: Histories = Rc::new(RefCell::new(Recorder::new(objects())));
    let owners = Rc::new(Owners::new(Rc::clone(&nodes), Rc::clone(&histories)));
    orders.observe({
        let (owners, orders) = (Rc::clone(&owners), orders.clone());
        move |now_ns| owners.look(now_ns, &orders)
    });
    (0..count).for_each(|node| cluster.start(node));
    let told = |fault: String| format!("{fault}\n{}", cluster.log());
    cluster.wait_until_healed().await.map_err(told)?;
    cluster.say("formed");
    let lost_before = nodes.newest().map_or(0, |topology| topology.lost);
    let plan = Plan::draw(&mut random);
    suffer(&cluster, &histories, &plan, &mut random).await.map_err(told)?;
    owners.check().and_then(|()| histories.borrow().check()).map_err(told)?;
    all_alike(&nodes, &histories).await.map_err(told)?;
    let lost = nodes.newest().map_or(0, |topology| topology.lost) - lost_before;
    // A fault that comes alone takes no more than one node, unless it parts several from the leader, or makes its connections so
    // slow that a lease takes as long to be had as it lasts.
    let parting = [FaultKind::Split, FaultKind::Isolate, FaultKind::Hold, FaultKind::SlowLinks];
    let may_take_several = parting.iter().any(|kind| plan.kinds.contains(kind));
    if lost > 0 && plan.is_gentle && !may_take_several {
        return Err(told(format!("{lost} partitions began empty though each fault came alone")));
    }
    Ok(Outcome {
        trace: orders.wires.trace(),
        answered: histories.borrow().answered,
        lost,
        time_ms: orders.now_ns() / 1_000_000,
        errors: histories.borrow().errors.clone(),
        log: cluster.log(),
    })
}

/// Clients work while things go wrong; then everything has to heal, and every object is read once more.
async fn suffer(
    cluster: &Rc<Cluster>,
    histories: &Histories,
    plan: &Plan,
    random: &mut Rng,
) -> Result<(), String> {
    let stop = Rc::new(Cell::new(false));
    let clients: Vec<JoinHandle<Result<(), String>>> = (0..random.u8(3..=6))
        .map(|number| {
            let client = client(cluster, number, random);
            spawn_local(work(client, random.fork(), Rc::clone(histories), Rc::clone(&stop)))
        })
        .collect();
    cluster.say(&format!("{plan:?}"));
    torment(Rc::clone(cluster), plan.clone(), random.fork()).await?;
    cluster.say("no more faults");
    cluster.wait_until_healed().await?;
    // A while of peace: what was left undone must not come up now.
    sleep(PEACE).await;
    stop.set(true);
    for client in clients {
        client.await.map_err(|error| error.to_string())??;
    }
    look_at_all(client(cluster, LAST_CLIENT, random), Rc::clone(histories), LOOK_TIME_MAX).await
}

/// Waits until every in-sync copy holds what its owner holds: nobody changes anything any more.
async fn all_alike(nodes: &Nodes, histories: &Histories) -> Result<(), String> {
    let partitions: Vec<_> = histories.borrow().objects.iter().map(|object| object.partition).collect();
    let mut outcome = Ok(());
    for _ in 0..LOOKS_AT_COPIES {
        outcome = partitions.iter().try_for_each(|partition| nodes.compare(*partition));
        if outcome.is_ok() {
            break;
        }
        sleep(LOOK_AGAIN).await;
    }
    outcome
}

fn client(cluster: &Cluster, number: u8, random: &mut Rng) -> Client {
    let host = IpAddr::V4(Ipv4Addr::new(10, 0, 1, number));
    cluster.orders.wires.add_host(host);
    let network = HostNetwork::new(Arc::clone(&cluster.orders.wires), host);
    let nodes = (0..cluster.nodes()).map(|node| SocketAddr::new(cluster.host(node), PORT)).collect();
    Client::new(network, nodes, random.fork())
}

fn objects() -> Vec<Object> {
    let kinds = [(Kind::Register, 6), (Kind::Counter, 3), (Kind::Log, 1), (Kind::Pair, 2)];
    let named = kinds.iter().flat_map(|(kind, count)| (0..*count).map(move |number| (*kind, number)));
    named.map(|(kind, number)| Object::new(kind, format!("{kind:?}-{number}"))).collect()
}

/// How many nodes; a seed of many costs more.
const NODES: [usize; 8] = [3, 3, 3, 4, 4, 5, 5, 7];

const PEACE: Duration = Duration::from_millis(500);
const LOOKS_AT_COPIES: u32 = 50;
const LOOK_AGAIN: Duration = Duration::from_millis(100);
const LOOK_TIME_MAX: Duration = Duration::from_secs(20);
const LAST_CLIENT: u8 = 200;
