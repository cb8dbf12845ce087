//! What the control plane of many nodes costs without any client: messages and bytes by who sends them and what for, time of this
//! machine, and simulated time; while the cluster forms, at rest, and where a node is killed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use fastrand::Rng;
use larder_node::server::Membership;
use larder_proto::record;
use tokio::time::sleep;

use super::cluster::Cluster;
use super::driver::{Orders, run, thread_time_ns};
use super::network::{Flow, Sum, Topic, Traffic};
use super::nodes::{Nodes, PORT};
use super::panics;

/// What was measured of one cluster.
#[derive(Clone, Debug)]
pub struct Costs {
    /// Hosts.
    pub nodes: usize,
    /// One after the other.
    pub spells: Vec<Spell>,
    /// Bytes of the topology as a record, when all nodes were at rest.
    pub topology_bytes: usize,
}

/// Some time in the life of a cluster.
#[derive(Clone, Debug)]
pub struct Spell {
    /// What happened.
    pub name: String,
    /// Simulated.
    pub time: Duration,
    /// Time of this machine's core, all nodes and their network together.
    pub worked: Duration,
    /// By how much the topology's epoch grew.
    pub epochs: u64,
    /// What the nodes of each role sent, received and worked, by the roles at the end.
    pub roles: BTreeMap<Role, Share>,
}

/// What a node is to the control plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// It leads.
    Leader,
    /// It votes and does not lead.
    Voter,
    /// It only listens.
    Ordinary,
}

/// The part of the nodes of one role.
#[derive(Clone, Debug, Default)]
pub struct Share {
    /// How many they are.
    pub nodes: usize,
    /// By what it was for.
    pub flows: BTreeMap<Topic, Flow>,
    /// Time of this machine's core.
    pub worked: Duration,
}

impl Share {
    /// What all control messages of the role come to.
    #[must_use]
    pub fn control(&self) -> Flow {
        let mut all = Flow::default();
        for flow in self.flows.iter().filter(|(topic, _)| topic.is_control()).map(|(_, flow)| flow) {
            all.sent += flow.sent;
            all.received += flow.received;
        }
        all
    }
}

impl Spell {
    /// Control messages that one node of the role sent and received in a second.
    #[must_use]
    pub fn messages_per_second(&self, role: Role) -> f64 {
        self.roles.get(&role).map_or(0.0, |share| {
            let all = share.control();
            (all.sent.messages + all.received.messages) as f64 / share.nodes as f64 / self.time.as_secs_f64()
        })
    }
}

/// Measures a cluster of so many nodes that is founded by so many of them, which the others join at once when it is well: forming,
/// joining, at rest, an ordinary node killed, the leader killed.
///
/// # Errors
/// What did not happen in time, in words.
pub fn measure(seed: u64, nodes: usize, founders: usize) -> Result<Costs, String> {
    panics::remember();
    let outcome = run(seed, |orders| scenario(orders, Rng::with_seed(seed), nodes, founders));
    panics::first().map_or(outcome, Err)
}

async fn scenario(orders: Orders, mut random: Rng, count: usize, founders: usize) -> Result<Costs, String> {
    orders.wires.measure(PORT + 2);
    orders.measure_work();
    let nodes = Rc::new(Nodes::as_usual(count, founders));
    let cluster = Cluster::new(orders.clone(), Rc::clone(&nodes) as _, count, random.fork());
    let addresses: Vec<IpAddr> = (0..count).map(|node| cluster.host(node)).collect();
    orders.wires.name("nodes", &addresses);
    let mut life = Life { orders, nodes: Rc::clone(&nodes), cluster, spells: Vec::new() };

    (0..founders).for_each(|node| life.cluster.start(node));
    life.until(&format!("{founders} nodes form a cluster"), |nodes| has_members(nodes, founders)).await?;
    if count > founders {
        (founders..count).for_each(|node| life.cluster.start(node));
        life.until(&format!("{} nodes join it", count - founders), |nodes| has_members(nodes, count)).await?;
    }
    sleep(SETTLING).await;
    life.rest(AT_REST).await;
    let topology_bytes =
        nodes.newest().and_then(|topology| record::encode(&*topology).ok()).map_or(0, |it| it.len());

    let victims = [(Role::Ordinary, "an ordinary node"), (Role::Leader, "the leader")];
    for (role, name) in victims {
        let Some(victim) = life.roles().iter().position(|of| *of == Some(role)) else { continue };
        let begin = life.now();
        life.cluster.kill(victim, &mut random);
        life.until_since(begin.clone(), &format!("{name} killed, until all is served"), Nodes::are_serving)
            .await?;
        life.until_since(begin, "... and copied again", Nodes::are_well).await?;
        sleep(SETTLING).await;
    }
    Ok(Costs { nodes: count, spells: life.spells, topology_bytes })
}

fn has_members(nodes: &Nodes, wanted: usize) -> Result<(), String> {
    let members = nodes.newest().map_or(0, |topology| topology.members.len());
    if members == wanted { nodes.are_well() } else { Err(format!("{members} of {wanted} have joined")) }
}

struct Life {
    orders: Orders,
    nodes: Rc<Nodes>,
    cluster: Cluster,
    spells: Vec<Spell>,
}

/// What has been counted at some moment.
#[derive(Clone)]
struct Moment {
    time_ns: u64,
    thread_ns: u64,
    epoch: u64,
    traffic: Traffic,
    worked_ns: BTreeMap<IpAddr, u64>,
}

impl Life {
    fn now(&self) -> Moment {
        Moment {
            time_ns: self.orders.now_ns(),
            thread_ns: thread_time_ns(),
            epoch: self.nodes.newest().map_or(0, |topology| topology.epoch.0),
            traffic: self.orders.wires.traffic(),
            worked_ns: self.orders.worked_ns(),
        }
    }

    async fn until(&mut self, name: &str, done: impl Fn(&Nodes) -> Result<(), String>) -> Result<(), String> {
        self.until_since(self.now(), name, done).await
    }

    async fn until_since(
        &mut self,
        begin: Moment,
        name: &str,
        done: impl Fn(&Nodes) -> Result<(), String>,
    ) -> Result<(), String> {
        let end_ns = self.orders.now_ns() + TIME_MAX.as_nanos() as u64;
        while let Err(missing) = done(&self.nodes) {
            if self.orders.now_ns() > end_ns {
                return Err(format!("{name}: not within {} s: {missing}", TIME_MAX.as_secs()));
            }
            sleep(LOOK_EVERY).await;
        }
        self.note(begin, name);
        Ok(())
    }

    async fn rest(&mut self, name: &str) {
        let begin = self.now();
        sleep(REST).await;
        self.note(begin, name);
    }

    fn note(&mut self, begin: Moment, name: &str) {
        let end = self.now();
        let mut roles: BTreeMap<Role, Share> = BTreeMap::new();
        let of_host: BTreeMap<IpAddr, Role> = self
            .roles()
            .into_iter()
            .enumerate()
            .filter_map(|(node, role)| Some((self.cluster.host(node), role?)))
            .collect();
        for (host, role) in &of_host {
            let share = roles.entry(*role).or_default();
            share.nodes += 1;
            let worked_ns = end.worked_ns.get(host).copied().unwrap_or(0)
                - begin.worked_ns.get(host).copied().unwrap_or(0);
            share.worked += Duration::from_nanos(worked_ns);
        }
        for ((host, topic), flow) in &end.traffic {
            let Some(share) = of_host.get(host).and_then(|role| roles.get_mut(role)) else { continue };
            let before = begin.traffic.get(&(*host, *topic)).copied().unwrap_or_default();
            let all = share.flows.entry(*topic).or_default();
            all.sent += flow.sent - before.sent;
            all.received += flow.received - before.received;
        }
        self.spells.push(Spell {
            name: name.to_owned(),
            time: Duration::from_nanos(end.time_ns - begin.time_ns),
            worked: Duration::from_nanos(end.thread_ns - begin.thread_ns),
            epochs: end.epoch - begin.epoch,
            roles,
        });
    }

    /// What each host is, as its leader sees it; none if it does not run.
    fn roles(&self) -> Vec<Option<Role>> {
        let live = (0..self.nodes.hosts)
            .filter_map(|node| Some(self.nodes.running(node)?.live()))
            .find(|live| live.leader.is_some());
        let (leader, voters) = live.map_or_else(Default::default, |live| {
            (live.leader, live.voters.into_iter().collect::<BTreeSet<_>>())
        });
        let role = |node| {
            let own = self.nodes.running(node)?.replication().own();
            Some(match own {
                Some(own) if leader == Some(own) => Role::Leader,
                Some(own) if voters.contains(&own) => Role::Voter,
                _ => Role::Ordinary,
            })
        };
        (0..self.nodes.hosts).map(role).collect()
    }
}

impl fmt::Display for Costs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} nodes, {} partitions; the topology as a record: {} bytes. Time is simulated, CPU this machine's.",
            self.nodes,
            larder_proto::slot::PARTITIONS,
            self.topology_bytes
        )?;
        self.spells.iter().try_for_each(|spell| spell.fmt(f))
    }
}

impl fmt::Display for Spell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.time.as_secs_f64();
        let worked = self.roles.values().map(|share| share.worked).sum::<Duration>();
        writeln!(
            f,
            "\n{}: {:.0} ms, {} epochs, CPU {:.0} ms, of that in nodes {:.0} ms",
            self.name,
            seconds * 1e3,
            self.epochs,
            self.worked.as_secs_f64() * 1e3,
            worked.as_secs_f64() * 1e3
        )?;
        writeln!(
            f,
            "  {:<26}{:>12}{:>12}{:>14}{:>14}{:>10}",
            "each, in a second", "sent", "received", "bytes sent", "received", "CPU ms"
        )?;
        for (role, share) in &self.roles {
            let each = share.nodes as f64 * seconds;
            let Flow { sent, received } = share.control();
            let name = format!("{role:?} ({})", share.nodes);
            let worked = share.worked.as_secs_f64() * 1e3 / each;
            line(f, &name, each, (sent, received))?;
            writeln!(f, "{worked:>10.2}")?;
        }
        writeln!(f, "  all of it, sent by all{:>16}{:>26}{:>14}", "messages", "bytes", "entries")?;
        let mut topics: BTreeMap<Topic, Sum> = BTreeMap::new();
        for (topic, flow) in self.roles.values().flat_map(|share| &share.flows) {
            *topics.entry(*topic).or_default() += flow.sent;
        }
        for (topic, sum) in topics.iter().filter(|(_, sum)| sum.messages > 0) {
            writeln!(
                f,
                "  {:<26}{:>12}{:>26}{:>14}",
                format!("{topic:?}"),
                sum.messages,
                sum.bytes,
                sum.entries
            )?;
        }
        Ok(())
    }
}

fn line(f: &mut fmt::Formatter<'_>, name: &str, each: f64, (sent, received): (Sum, Sum)) -> fmt::Result {
    let per = |number: u64| number as f64 / each;
    write!(
        f,
        "  {name:<26}{:>12.1}{:>12.1}{:>14.0}{:>14.0}",
        per(sent.messages),
        per(received.messages),
        per(sent.bytes),
        per(received.bytes)
    )
}

/// The name of the spell in which nothing happens.
pub const AT_REST: &str = "at rest";

/// After what has happened, before what is measured next.
const SETTLING: Duration = Duration::from_secs(2);

/// How long the cluster is looked at while nothing happens.
const REST: Duration = Duration::from_secs(5);

/// How long anything may take.
const TIME_MAX: Duration = Duration::from_secs(120);

const LOOK_EVERY: Duration = Duration::from_millis(5);
