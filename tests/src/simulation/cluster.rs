//! The hosts of a simulated cluster: started, killed, robbed of their power or of their disks, and asked how they are. What runs on
//! them is a [`Program`].

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use larder_node::cluster::raft::MemoryDisk;
use tokio::time::sleep;

use super::clock::SimClock;
use super::driver::Orders;
use super::network::HostNetwork;

/// What runs on the hosts.
pub trait Program {
    /// The process of one node. It is dropped where it stands when the node is killed.
    fn boot(&self, place: Place) -> Pin<Box<dyn Future<Output = ()>>>;

    /// The node's process was killed: what the program knew of it is to be let go.
    fn killed(&self, node: usize);

    /// Whether all is well again.
    ///
    /// # Errors
    /// What is still missing.
    fn health(&self) -> Result<(), String>;
}

/// What a process finds on its host.
#[derive(Clone, Debug)]
pub struct Place {
    /// The host's number, from 0.
    pub number: usize,
    /// Its address.
    pub host: IpAddr,
    /// Its disk.
    pub disk: MemoryDisk,
    /// Its clock.
    pub clock: Arc<SimClock>,
    /// Its network.
    pub network: HostNetwork,
    /// The seed of this run of the process.
    pub seed: u64,
}

/// All hosts.
pub struct Cluster {
    /// What can be ordered.
    pub orders: Orders,
    program: Rc<dyn Program>,
    hosts: Vec<Host>,
    random: RefCell<Rng>,
    /// State directories that were lost since all was well.
    lost_states: Cell<usize>,
    log: RefCell<Vec<String>>,
}

struct Host {
    disk: RefCell<MemoryDisk>,
    clock: Arc<SimClock>,
    is_up: Cell<bool>,
    is_without_power: Cell<bool>,
}

impl Cluster {
    /// Hosts on which nothing runs yet.
    #[must_use]
    pub fn new(orders: Orders, program: Rc<dyn Program>, nodes: usize, mut random: Rng) -> Self {
        let host = |number: usize| {
            orders.wires.add_host(address(number));
            Host {
                disk: RefCell::default(),
                clock: orders.clock(address(number), &mut random),
                is_up: Cell::new(false),
                is_without_power: Cell::new(false),
            }
        };
        let hosts = (0..nodes).map(host).collect();
        let random = RefCell::new(random);
        Self { program, hosts, random, lost_states: Cell::new(0), log: RefCell::default(), orders }
    }

    /// How many hosts there are.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.hosts.len()
    }

    /// A host's address.
    #[must_use]
    pub fn host(&self, node: usize) -> IpAddr {
        address(node)
    }

    /// A host's clock.
    #[must_use]
    pub fn clock(&self, node: usize) -> Arc<SimClock> {
        Arc::clone(&self.hosts[node].clock)
    }

    /// A host's disk.
    #[must_use]
    pub fn disk(&self, node: usize) -> MemoryDisk {
        self.hosts[node].disk.borrow().clone()
    }

    /// Whether a process runs there.
    #[must_use]
    pub fn is_up(&self, node: usize) -> bool {
        self.hosts[node].is_up.get()
    }

    /// Whether the process of any host stands still.
    #[must_use]
    pub fn stands_still(&self) -> bool {
        let now_ns = self.orders.now_ns();
        (0..self.nodes()).any(|node| self.orders.stands_still(address(node), now_ns))
    }

    /// Whether another state directory may be lost: none was since all was well. Otherwise a majority could go, which nothing
    /// brings back by itself.
    #[must_use]
    pub fn may_lose_state(&self) -> bool {
        self.lost_states.get() == 0
    }

    /// Starts a node's process, unless it runs.
    pub fn start(&self, node: usize) {
        let host = &self.hosts[node];
        if host.is_up.replace(true) {
            return;
        }
        if host.is_without_power.replace(false) {
            self.orders.wires.power_on(address(node));
        }
        let place = Place {
            number: node,
            host: address(node),
            disk: self.disk(node),
            clock: self.clock(node),
            network: HostNetwork::new(Arc::clone(&self.orders.wires), address(node)),
            seed: self.random.borrow_mut().u64(..),
        };
        let main = self.program.boot(place);
        self.orders.start(address(node), self.clock(node), main);
    }

    /// `kill -9`.
    pub fn kill(&self, node: usize, random: &mut Rng) {
        self.take_down(node, random);
        self.orders.kill(address(node));
    }

    /// The host loses its power.
    pub fn power_off(&self, node: usize, random: &mut Rng) {
        self.take_down(node, random);
        self.hosts[node].is_without_power.set(true);
        self.orders.power_off(address(node));
    }

    /// The state directory of a node that does not run is lost.
    pub fn lose_state(&self, node: usize) {
        *self.hosts[node].disk.borrow_mut() = MemoryDisk::new();
        self.lost_states.set(self.lost_states.get() + 1);
    }

    /// Waits until all is well.
    ///
    /// # Errors
    /// What was still missing after [`HEALING_TIME_MAX`].
    pub async fn wait_until_healed(&self) -> Result<(), String> {
        let end_ns = self.orders.now_ns() + HEALING_TIME_MAX.as_nanos() as u64;
        loop {
            let Err(missing) = self.program.health() else {
                self.lost_states.set(0);
                return Ok(());
            };
            if self.orders.now_ns() > end_ns {
                return Err(format!(
                    "not well {} s after the last fault: {missing}",
                    HEALING_TIME_MAX.as_secs()
                ));
            }
            sleep(LOOK_AGAIN).await;
        }
    }

    /// Notes what happened, for who wants to see a seed again.
    pub fn say(&self, text: &str) {
        let now_ms = self.orders.now_ns() / 1_000_000;
        self.log.borrow_mut().push(format!("{now_ms:>6} ms  {text}"));
    }

    /// What was noted.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.borrow().join("\n")
    }

    fn take_down(&self, node: usize, random: &mut Rng) {
        self.hosts[node].is_up.set(false);
        // Before the process is dropped: what is dropped with its power on would close in good order.
        self.hosts[node].disk.borrow().crash(random);
        self.program.killed(node);
    }
}

pub(super) fn address(node: usize) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, node as u8 + 1))
}

/// How long a cluster may take to get over what was done to it.
pub const HEALING_TIME_MAX: Duration = Duration::from_secs(30);

const LOOK_AGAIN: Duration = Duration::from_millis(20);
