//! What goes wrong, when, and for how long, as the seed has it. Each seed draws its own few kinds of fault, so that they meet in
//! all combinations, and its own rhythm. Doing them to the nodes is left to the cluster.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use fastrand::Rng;
use tokio::time::sleep;

use super::cluster::Cluster;
use super::network::PathSettings;

/// The kinds of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The process is killed, and starts again later with its state.
    Kill,
    /// The machine loses its power, and its disk what was not synced.
    PowerOff,
    /// The process is killed and its state directory is lost.
    Wipe,
    /// The process stands still.
    Pause,
    /// The process stands still again and again, in the middle of what it does.
    Stalls,
    /// One way from a node to another is cut.
    CutOneWay,
    /// Both ways between two nodes are cut.
    CutBothWays,
    /// A node is cut off from all others.
    Isolate,
    /// The nodes are split in two.
    Split,
    /// Everything from and to a node is slow.
    SlowLinks,
    /// Nothing from a node to another arrives for a while, then everything.
    Hold,
    /// Connections are reset.
    Reset,
    /// A disk is slow.
    SlowDisk,
}

/// What this seed is to suffer.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The kinds, often only some.
    pub kinds: Vec<Kind>,
    /// Whether the next fault waits until the cluster has got over the last.
    pub is_gentle: bool,
    /// The longest time between two faults.
    pub gap_ms_max: u64,
    /// The longest time that a fault lasts.
    pub length_ms_max: u64,
    /// How long faults go on.
    pub time: Duration,
}

impl Plan {
    /// What the seed has drawn.
    pub fn draw(random: &mut Rng) -> Self {
        let mut kinds: Vec<Kind> = ALL.iter().copied().filter(|_| random.bool()).collect();
        if kinds.is_empty() {
            kinds.push(ALL[random.usize(0..ALL.len())]);
        }
        Self {
            kinds,
            is_gentle: random.bool(),
            gap_ms_max: random.u64(100..2_000),
            length_ms_max: random.u64(200..4_000),
            time: Duration::from_millis(random.u64(6_000..10_000)),
        }
    }
}

/// Lets things go wrong until the time of the plan is over, then ends every fault.
///
/// # Errors
/// The cluster did not get over a fault that came alone.
pub async fn torment(cluster: Rc<Cluster>, plan: Plan, mut random: Rng) -> Result<(), String> {
    let end_ns = cluster.orders.now_ns() + plan.time.as_nanos() as u64;
    let mut active: Vec<(u64, Fault)> = Vec::new();
    loop {
        sleep(Duration::from_millis(random.u64(0..=plan.gap_ms_max))).await;
        let now_ns = cluster.orders.now_ns();
        for (_, fault) in active.extract_if(.., |(until_ns, _)| *until_ns <= now_ns) {
            fault.end(&cluster);
        }
        if now_ns >= end_ns {
            break;
        }
        if plan.is_gentle {
            if !active.is_empty() || cluster.stands_still() {
                continue;
            }
            cluster.wait_until_healed().await?;
            // A lease that was not renewed while the last fault lasted may be about to end.
            sleep(LEASE_AND_MORE).await;
            cluster.wait_until_healed().await?;
        }
        let now_ns = cluster.orders.now_ns();
        let kind = plan.kinds[random.usize(0..plan.kinds.len())];
        if let Some(fault) = Fault::begin(kind, &cluster, &mut random, &active) {
            let length_ms = match fault {
                Fault::Held(until_ns) => (until_ns - now_ns) / 1_000_000 + 1,
                _ => random.u64(0..=plan.length_ms_max),
            };
            cluster.orders.wires.note(b'f', &[now_ns, length_ms], format!("{fault:?}").as_bytes());
            cluster.say(&format!("{fault:?} for {length_ms} ms"));
            active.push((now_ns + length_ms * 1_000_000, fault));
        }
    }
    active.into_iter().for_each(|(_, fault)| fault.end(&cluster));
    cluster.orders.wires.mend_all();
    Ok(())
}

/// Something that is wrong at the moment.
#[derive(Clone, Debug, PartialEq)]
enum Fault {
    Down(usize),
    Paused,
    Stalls(usize),
    Cut(Vec<(IpAddr, IpAddr)>),
    Slow(Vec<(IpAddr, IpAddr)>),
    Reset,
    /// Until this time.
    Held(u64),
    SlowDisk(usize),
}

impl Fault {
    /// Begins one; none if it cannot be now.
    fn begin(kind: Kind, cluster: &Cluster, random: &mut Rng, active: &[(u64, Self)]) -> Option<Self> {
        let nodes = cluster.nodes();
        let one = random.usize(0..nodes);
        let other = (one + random.usize(1..nodes)) % nodes;
        let host = |node: usize| cluster.host(node);
        let ways = |chosen: &BTreeSet<usize>| -> Vec<_> {
            let crosses = |from: &usize, to: &usize| chosen.contains(from) != chosen.contains(to);
            let pairs = (0..nodes).flat_map(|from| (0..nodes).map(move |to| (from, to)));
            pairs.filter(|(from, to)| crosses(from, to)).map(|(from, to)| (host(from), host(to))).collect()
        };
        let now_ns = cluster.orders.now_ns();
        Some(match kind {
            Kind::Kill | Kind::PowerOff | Kind::Wipe => {
                return Self::take_down(kind, cluster, random, active, one);
            }
            Kind::Pause => {
                cluster.orders.pause(host(one), now_ns + random.u64(1_000_000..3_000_000_000));
                Self::Paused
            }
            Kind::Stalls => {
                cluster.clock(one).set_stalls(random.u32(200..5_000), random.u64(1_000_000..1_500_000_000));
                Self::Stalls(one)
            }
            Kind::CutOneWay => Self::cut(cluster, vec![(host(one), host(other))]),
            Kind::CutBothWays => Self::cut(cluster, vec![(host(one), host(other)), (host(other), host(one))]),
            Kind::Isolate => Self::cut(cluster, ways(&[one].into())),
            Kind::Split => Self::cut(cluster, ways(&(0..nodes).filter(|_| random.bool()).collect())),
            Kind::SlowLinks => Self::slow(cluster, ways(&[one].into()), random),
            Kind::Hold => {
                let until_ns = now_ns + random.u64(0..1_500_000_000);
                cluster.orders.wires.hold(host(one), host(other), until_ns);
                Self::Held(until_ns)
            }
            Kind::Reset => {
                (0..random.u8(1..8)).for_each(|_| cluster.orders.wires.reset_one(|_, _| true));
                Self::Reset
            }
            Kind::SlowDisk => {
                cluster.disk(one).set_delay(Duration::from_millis(random.u64(1..400)));
                Self::SlowDisk(one)
            }
        })
    }

    /// One node goes down. A majority's state directories must not be lost, since nothing brings that back by itself: only
    /// one node at a time loses its, while no other is down.
    fn take_down(
        kind: Kind,
        cluster: &Cluster,
        random: &mut Rng,
        active: &[(u64, Self)],
        node: usize,
    ) -> Option<Self> {
        let others_down = active.iter().any(|(_, fault)| matches!(fault, Self::Down(_)));
        if !cluster.is_up(node) || (kind == Kind::Wipe && (others_down || !cluster.may_lose_state())) {
            return None;
        }
        match kind {
            Kind::PowerOff => cluster.power_off(node, random),
            _ => cluster.kill(node, random),
        }
        if kind == Kind::Wipe {
            cluster.lose_state(node);
        }
        Some(Self::Down(node))
    }

    fn cut(cluster: &Cluster, ways: Vec<(IpAddr, IpAddr)>) -> Self {
        ways.iter().for_each(|(from, to)| cluster.orders.wires.cut(*from, *to));
        Self::Cut(ways)
    }

    fn slow(cluster: &Cluster, ways: Vec<(IpAddr, IpAddr)>, random: &mut Rng) -> Self {
        let latency_ns_min = random.u64(1_000_000..50_000_000);
        let latency_ns_max = latency_ns_min + random.u64(0..200_000_000);
        let settings = PathSettings { latency_ns_min, latency_ns_max, bytes_per_us: random.u64(1..10) };
        ways.iter().for_each(|(from, to)| cluster.orders.wires.set_path(*from, *to, settings));
        Self::Slow(ways)
    }

    fn end(self, cluster: &Cluster) {
        match self {
            Self::Down(node) => cluster.start(node),
            Self::Stalls(node) => cluster.clock(node).set_stalls(0, 0),
            Self::Cut(ways) => ways.iter().for_each(|(from, to)| cluster.orders.wires.mend(*from, *to)),
            Self::Slow(ways) => {
                let usual = PathSettings::default();
                ways.iter().for_each(|(from, to)| cluster.orders.wires.set_path(*from, *to, usual));
            }
            Self::SlowDisk(node) => cluster.disk(node).set_delay(Duration::ZERO),
            Self::Paused | Self::Reset | Self::Held(_) => {}
        }
    }
}

/// Longer than a lease and its margin.
const LEASE_AND_MORE: Duration = Duration::from_millis(600);

const ALL: &[Kind] = &[
    Kind::Kill,
    Kind::PowerOff,
    Kind::Wipe,
    Kind::Pause,
    Kind::Stalls,
    Kind::CutOneWay,
    Kind::CutBothWays,
    Kind::Isolate,
    Kind::Split,
    Kind::SlowLinks,
    Kind::Hold,
    Kind::Reset,
    Kind::SlowDisk,
];
