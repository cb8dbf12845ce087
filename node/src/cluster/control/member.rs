//! What a member is made of: Raft, and the tasks that live as long as it. It ends when the node leaves, is removed, or can no
//! longer keep its vote.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use larder_proto::topology::{ClusterId, Epoch, MemberState};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::join::FOUNDER;
use super::{Control, control_port};
use crate::cluster::identity::Identity;
use crate::cluster::machine::{Change, State};
use crate::cluster::raft::{Node, NodeParts, RaftFault};
use crate::cluster::status::Phase;

impl Control {
    /// Runs until the member ends; how it ended.
    pub(super) async fn be_member(self: Rc<Self>, identity: Identity) -> Phase {
        self.published.identity.send_replace(Some(identity));
        self.plane.join(identity.node, identity.cluster);
        let node = match self.start_raft(identity).await {
            Ok(node) => node,
            Err(error) => return Phase::Failed(format!("Raft's log in the state directory: {error}")),
        };
        self.node.replace(Some(node.clone()));
        let mut tasks = JoinSet::new();
        tasks.spawn_local(Rc::clone(&self).adopt(node.clone()));
        tasks.spawn_local(Rc::clone(&self).renew());
        tasks.spawn_local(Rc::clone(&self).look());
        tasks.spawn_local(Rc::clone(&self).lead(node.clone()));
        tasks.spawn_local(Rc::clone(&self).time());
        tasks.spawn_local(Rc::clone(&self).rounds(node.clone()));
        tasks.spawn_local(Rc::clone(&self).votes(node.clone()));
        tasks.spawn_local(Rc::clone(&self).watch_raft(node.clone()));
        if identity.node == FOUNDER {
            tasks.spawn_local(Rc::clone(&self).found(identity.cluster, node));
        }
        self.ended.notified().await;
        let phase = self.end.borrow_mut().take().unwrap_or(Phase::Left);
        tasks.shutdown().await;
        phase
    }

    async fn start_raft(&self, identity: Identity) -> io::Result<Node<State>> {
        let node = Node::start(NodeParts {
            node: identity.node,
            place: self.place.clone(),
            peers: self.peers.clone(),
            initial: State::default(),
            settings: self.settings.raft,
        })
        .await?;
        let is_new = !node.is_initialized().await.map_err(io::Error::other)?;
        if is_new && identity.node == FOUNDER {
            let port = control_port(self.settings.port);
            node.initialize(&self.settings.host, port).await.map_err(io::Error::other)?;
        }
        Ok(node)
    }

    /// The founder's: proposes the cluster until it is there. Ends then.
    async fn found(self: Rc<Self>, cluster: ClusterId, node: Node<State>) {
        while node.state().topology.cluster == ClusterId(0) {
            let change = Change::Found {
                cluster,
                epoch: Epoch(0),
                node: FOUNDER,
                member: self.own_member(),
                expected: self.settings.expected,
                replicas: self.settings.replicas,
            };
            match node.propose(&change).await {
                Ok(_) => tracing::info!(cluster = format_args!("{:032x}", cluster.0), "founded a cluster"),
                Err(RaftFault::Stopped(_)) => return,
                Err(_) => sleep(FOUND_PAUSE).await,
            }
        }
    }

    /// Hands each new topology on, once it is this cluster's, and learns where members are.
    async fn adopt(self: Rc<Self>, node: Node<State>) {
        let mut states = node.states();
        let mut adopted = None;
        loop {
            let state = states.borrow_and_update().clone();
            if state.topology.cluster != ClusterId(0) && adopted < Some(state.topology.epoch) {
                adopted = Some(state.topology.epoch);
                self.adopt_one(&state);
            }
            self.check_lease(&state);
            self.published.state.send_replace(state);
            if states.changed().await.is_err() {
                return;
            }
        }
    }

    fn adopt_one(&self, state: &State) {
        let topology = &state.topology;
        let own = self.identity().map(|own| own.node);
        let before = self.published.topology.send_replace(topology.clone());
        for (node, member) in topology.members.iter().filter(|(node, _)| Some(**node) != own) {
            // An address that discovery has found since stays, until the member itself tells another.
            let known = before.members.get(node);
            if known.is_none_or(|known| (&known.host, known.port) != (&member.host, member.port)) {
                self.learn(*node, &member.host, member.port);
            }
        }
        for node in before.members.keys().filter(|node| !topology.members.contains_key(node)) {
            self.peers.forget(*node);
        }
        self.plane.adopt(topology.clone());
        let Some(member) = own.and_then(|own| topology.members.get(&own)) else { return };
        self.published.phase.send_if_modified(|phase| {
            let is_new = matches!(phase, Phase::Forming(_));
            if is_new {
                *phase = Phase::Member;
            }
            is_new
        });
        let is_up = member.state != MemberState::Down && member.incarnation == self.incarnation;
        if is_up && self.lease_until_ns.get() < self.now_ns() {
            self.renew_now.notify_one();
        }
    }

    /// A voter that cannot write its vote must not vote: it ends.
    async fn watch_raft(self: Rc<Self>, node: Node<State>) {
        let reason = node.changes().stopped().await;
        self.end(Phase::Failed(format!("Raft has stopped: {reason}")));
    }

    /// While nobody grants leases, others may be where their addresses were not known to be; while too few have joined, they
    /// may have founded another cluster.
    async fn look(self: Rc<Self>) {
        loop {
            sleep(SILENCE_MAX).await;
            let has_lease = self.lease_until_ns.get() >= self.now_ns();
            let is_formed = self.published.state.borrow().formed;
            if self.stays.get() && !(has_lease && is_formed) {
                self.discover().await;
            }
        }
    }
}

/// Between two tries to found.
const FOUND_PAUSE: Duration = Duration::from_millis(20);

/// How often a node without a lease looks for others at the addresses that it was given.
const SILENCE_MAX: Duration = Duration::from_millis(1_000);
