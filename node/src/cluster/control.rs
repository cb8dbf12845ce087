//! The control loop of a node: from nobody to a member, and what a member does until it ends. Everything here runs on one
//! thread, that of the runtime [`start`] is called on.
//!
//! ```text
//!            no identity                identity kept, or given
//!   start ──► Forming ── joined, founded ──► Member ── left ──► Left
//!                │                             └── removed, log cannot be written ──► Failed
//!                └── state directory cannot be used ──► Failed
//! ```
//!
//! Tasks of a member, each until the member ends: *adopt* hands each new topology on; *renew* asks for leases; *look* finds
//! others again whose addresses have changed; *time* sees when the process did not run; *lead* does the leader's duties,
//! *rounds* grants leases, and *votes* keeps Raft's members those of the state: these three only wait while another node
//! leads. Beside them: one task for each connection from another node, and for each order that takes time.

mod answers;
mod ask;
mod join;
mod lead;
mod leave;
mod member;
mod recover;
mod renew;
mod rounds;
mod status;
mod votes;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use larder_proto::topology::{Incarnation, Member, MemberState, NodeId};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::JoinSet;

use self::lead::Duties;
use super::forming::{Forming, Location};
use super::handle::{Handle, LeaveProgress, Order};
use super::heard::Heard;
use super::identity::{Identity, StateDir};
use super::lease::LeaseRule;
use super::machine::{Leave, State};
use super::ports::Plane;
use super::raft::{Node, RaftSettings};
use super::rpc::{self, PeerParts, Peers};
use super::status::Phase;
use crate::clock::Clock;
use crate::limits::{CONTROL_LINKS_MAX, CONTROL_ORDERS_MAX};
use crate::link::{Introduction, Link, Purpose, Secret, VERSIONS};
use crate::net::Network;

pub use self::recover::{RecoverError, recover};

/// What a node is told about its cluster.
#[derive(Clone, Debug)]
pub struct ClusterSettings {
    /// The region: nodes of two regions never join.
    pub region: String,
    /// Host name or address that others are told.
    pub host: String,
    /// Port for any client; that for nodes is two above.
    pub port: u16,
    /// Label of the failure domain; empty for none.
    pub zone: String,
    /// Where other nodes are: host names and ports for nodes.
    pub join: Vec<Location>,
    /// Members that found a cluster together. With one and somebody to join, none is founded.
    pub expected: u32,
    /// Copies wanted beside each owner, when the cluster is founded.
    pub replicas: u8,
    /// The length of a lease; the same on all nodes.
    pub lease: Duration,
    /// How fast Raft is.
    pub raft: RaftSettings,
}

/// What the control loop is made of.
pub struct ClusterParts {
    /// See there.
    pub settings: ClusterSettings,
    /// The monotonic clock of leases.
    pub clock: Arc<dyn Clock>,
    /// Where connections come from.
    pub network: Arc<dyn Network>,
    /// The cluster's secret.
    pub secret: Arc<Secret>,
    /// This run of the process.
    pub incarnation: Incarnation,
    /// Connections for control that others have opened.
    pub links: mpsc::Receiver<(Link, Introduction)>,
    /// What serves and copies partitions.
    pub plane: Arc<dyn Plane>,
    /// Where identity and log are.
    pub place: StateDir,
    /// For numbers drawn by chance.
    pub seed: u64,
}

/// Starts the control loop on this thread. It ends when [`Handle::stop`] is called, or when the last handle is gone.
#[must_use]
pub fn start(parts: ClusterParts) -> Handle {
    let (orders, ordered) = mpsc::channel(CONTROL_ORDERS_MAX);
    let state = Arc::new(State::default());
    let (topology, topologies) = watch::channel(Arc::clone(&state.topology));
    let (state, states) = watch::channel(state);
    let (phase, phases) = watch::channel(Phase::Forming("looking for others".to_owned()));
    let (identity, identities) = watch::channel(None);
    let handle = Handle { orders, states, topologies, phases, identity: identities.clone() };
    let published = Published { state, topology, phase, identity };
    tokio::task::spawn_local(run(parts, published, identities, ordered));
    handle
}

/// What a node says of itself when it opens a connection, or answers one, for this purpose.
#[must_use]
pub fn introduction(
    region: &str,
    identity: Option<Identity>,
    incarnation: Incarnation,
    purpose: Purpose,
) -> Introduction {
    Introduction {
        versions: VERSIONS,
        region: region.to_owned(),
        cluster: identity.map(|identity| identity.cluster),
        node: identity.map(|identity| identity.node),
        incarnation,
        purpose,
    }
}

/// What all tasks share. They run on one thread.
struct Control {
    settings: ClusterSettings,
    clock: Arc<dyn Clock>,
    network: Arc<dyn Network>,
    plane: Arc<dyn Plane>,
    place: StateDir,
    incarnation: Incarnation,
    random: RefCell<Rng>,
    rule: LeaseRule,
    peers: Peers,
    published: Published,
    /// Used while there is no cluster.
    forming: RefCell<Forming>,
    /// What kept it from others in this round of looking for them.
    trouble: RefCell<Vec<String>>,
    /// Raft, once the node has an identity. Written when a member begins and ends.
    node: RefCell<Option<Node<State>>>,
    /// Who leads, as others told; asked when Raft does not know. Written by whoever got an answer.
    hint: Cell<Option<NodeId>>,
    /// When this node last heard who led. Written by whatever answers Raft's messages, and by *rounds*.
    heard: RefCell<Heard>,
    /// Until when the own lease runs. Written by *renew* and by leaving.
    lease_until_ns: Cell<u64>,
    /// Whether leases are asked for. Written by leaving, which ends it.
    stays: Cell<bool>,
    /// How this node leaves, and how far it is in that, once somebody has asked for it.
    leaving: RefCell<Option<(Leave, watch::Receiver<LeaveProgress>)>>,
    /// A lease is to be asked for at once.
    renew_now: Notify,
    /// Why the member ended: written once.
    end: RefCell<Option<Phase>>,
    ended: Notify,
    duties: Duties,
}

/// What the handle sees.
struct Published {
    state: watch::Sender<Arc<State>>,
    topology: watch::Sender<Arc<larder_proto::topology::Topology>>,
    phase: watch::Sender<Phase>,
    identity: watch::Sender<Option<Identity>>,
}

/// The loop's first task: it owns the connections that others have opened and the orders, and ends with the loop.
async fn run(
    parts: ClusterParts,
    published: Published,
    identities: watch::Receiver<Option<Identity>>,
    mut orders: mpsc::Receiver<Order>,
) {
    let (control, mut links) = build(parts, published, identities);
    let control = Rc::new(control);
    let mut connections = JoinSet::new();
    let mut work = JoinSet::new();
    work.spawn_local(Rc::clone(&control).live());
    let stopped = loop {
        tokio::select! {
            biased;
            order = orders.recv() => match order {
                Some(Order::Stop(done)) => break Some(done),
                Some(order) => begin(&control, &mut work, order),
                None => break None,
            },
            Some((link, from)) = links.recv(), if connections.len() < CONTROL_LINKS_MAX => {
                let door = Rc::new(answers::Door(Rc::clone(&control)));
                connections.spawn_local(rpc::serve(link, from, door));
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            Some(_) = work.join_next(), if !work.is_empty() => {}
        }
    };
    control.give_lease_back();
    work.shutdown().await;
    connections.shutdown().await;
    let node = control.node.take();
    if let Some(node) = node {
        node.shutdown().await;
    }
    stopped.map(|done: oneshot::Sender<()>| done.send(()));
}

/// Orders that take time are tasks of their own; a bounded number of them.
fn begin(control: &Rc<Control>, work: &mut JoinSet<()>, order: Order) {
    if work.len() >= CONTROL_ORDERS_MAX {
        tracing::warn!("too many orders for the cluster wait; one is dropped");
        return;
    }
    let control = Rc::clone(control);
    match order {
        Order::Propose(change, answer) => {
            work.spawn_local(async move {
                let _ = answer.send(control.propose(&change).await);
            });
        }
        Order::Status(answer) => {
            work.spawn_local(async move {
                let _ = answer.send(control.status().await);
            });
        }
        Order::Leave { kind, force, progress } => {
            work.spawn_local(control.leave(kind, force, progress));
        }
        Order::Stop(done) => drop(done),
    }
}

fn build(
    parts: ClusterParts,
    published: Published,
    identities: watch::Receiver<Option<Identity>>,
) -> (Control, mpsc::Receiver<(Link, Introduction)>) {
    let ClusterParts { settings, clock, network, secret, incarnation, links, plane, place, seed } = parts;
    let mut random = Rng::with_seed(seed);
    let region = settings.region.clone();
    let own = move || introduction(&region, *identities.borrow(), incarnation, Purpose::Control);
    let peers = Peers::new(PeerParts {
        network: Arc::clone(&network),
        secret,
        own: Rc::new(own),
        random: RefCell::new(random.fork()),
    });
    let rule = LeaseRule::new(settings.lease);
    let clock_ns = clock.monotonic_ns();
    let control = Control {
        forming: RefCell::new(Forming::new(incarnation.0, settings.expected)),
        trouble: RefCell::default(),
        settings,
        clock,
        network,
        plane,
        place,
        incarnation,
        random: RefCell::new(random),
        rule,
        peers,
        published,
        node: RefCell::new(None),
        hint: Cell::new(None),
        heard: RefCell::new(Heard::new(clock_ns)),
        lease_until_ns: Cell::new(0),
        stays: Cell::new(true),
        leaving: RefCell::new(None),
        renew_now: Notify::new(),
        end: RefCell::new(None),
        ended: Notify::new(),
        duties: Duties::new(rule),
    };
    (control, links)
}

impl Control {
    /// From a start to the end of the member, or to what makes going on impossible.
    async fn live(self: Rc<Self>) {
        let phase = match self.become_somebody().await {
            Ok(identity) => Rc::clone(&self).be_member(identity).await,
            Err(error) => Phase::Failed(error.to_string()),
        };
        self.give_lease_back();
        if let Phase::Failed(reason) = &phase {
            tracing::error!(reason, "this node cannot go on as a member of the cluster");
        }
        self.published.phase.send_replace(phase);
    }

    /// What this node says of itself.
    fn own_member(&self) -> Member {
        Member {
            host: self.settings.host.clone(),
            port: self.settings.port,
            zone: self.settings.zone.clone(),
            incarnation: self.incarnation,
            state: MemberState::Down,
            version: VERSIONS.max,
        }
    }

    fn raft(&self) -> Option<Node<State>> {
        self.node.borrow().clone()
    }

    fn identity(&self) -> Option<Identity> {
        *self.published.identity.borrow()
    }

    fn now_ns(&self) -> u64 {
        self.clock.monotonic_ns()
    }

    /// The member ends; the first reason counts.
    fn end(&self, phase: Phase) {
        self.end.borrow_mut().get_or_insert(phase);
        self.ended.notify_one();
    }

    /// The node serves nothing from here on.
    fn give_lease_back(&self) {
        self.stays.set(false);
        self.lease_until_ns.set(0);
        self.plane.give_back();
    }
}

/// From the port for any client to that for nodes.
const CONTROL_PORT_OFFSET: u16 = 2;

/// The port for nodes of a member.
const fn control_port(port: u16) -> u16 {
    port.saturating_add(CONTROL_PORT_OFFSET)
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
