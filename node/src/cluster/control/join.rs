//! How a node without an identity gets one: it looks for others, joins the cluster that it finds, or founds one with those that
//! have none either.

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use larder_proto::topology::{ClusterId, NodeId};
use prost::Message;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{Control, control_port};
use crate::cluster::forming::Location;
use crate::cluster::identity::{Identity, StateError};
use crate::cluster::messages::{
    DiscoverReply, DiscoverRequest, JoinReply, JoinRequest, Kind, MemberMessage, PledgeReply, PledgeRequest,
};
use crate::cluster::status::Phase;

/// Somebody who answered.
pub(super) struct Discovered {
    pub(super) location: Location,
    pub(super) reply: DiscoverReply,
}

impl Control {
    /// The identity that the state directory has, or a new one, kept there.
    pub(super) async fn become_somebody(self: &Rc<Self>) -> Result<Identity, StateError> {
        if let Some(identity) = self.place.identity()? {
            return Ok(identity);
        }
        loop {
            self.trouble.borrow_mut().clear();
            let found = self.discover().await;
            let in_cluster = found.iter().filter(|it| it.reply.cluster_id().is_some());
            let mut identity = None;
            for member in in_cluster.take(JOIN_TRIES_MAX) {
                identity = self.join_by(member).await;
                if identity.is_some() {
                    break;
                }
            }
            if identity.is_none() && found.iter().all(|it| it.reply.cluster_id().is_none()) {
                identity = self.found_with().await;
            }
            if identity.is_none() {
                self.tell_what_is_waited_for(found.len());
            }
            if let Some(identity) = identity {
                self.place.keep(&identity)?;
                return Ok(identity);
            }
            let pause = self.random.borrow_mut().u32(50..=100);
            sleep(LOOK_PAUSE * pause / 100).await;
        }
    }

    /// Asks everybody that `--join` resolves to, at the same time.
    pub(super) async fn discover(self: &Rc<Self>) -> Vec<Discovered> {
        let sees = match self.identity() {
            Some(_) => 0,
            None => self.forming.borrow().sees(self.now_ns()),
        };
        let port = u32::from(control_port(self.settings.port));
        let host = self.settings.host.clone();
        let body = DiscoverRequest { draw: self.incarnation.0, sees, host, port }.encode_to_vec();
        let mut asked = JoinSet::new();
        for location in self.locations().await {
            let (control, body) = (Rc::clone(self), body.clone());
            asked.spawn_local(async move {
                let (host, port) = (location.0.as_str(), location.1);
                let called =
                    control.peers.call_at((host, port), Kind::Discover as u8, body, DISCOVER_TIME_MAX);
                (called.await, location)
            });
        }
        let mut found = Vec::new();
        while let Some(answered) = asked.join_next().await {
            let Ok((answered, location)) = answered else { continue };
            match answered.map(|reply| DiscoverReply::decode(reply.as_slice())) {
                Ok(Ok(reply)) if reply.draw == self.incarnation.0 => {}
                Ok(Ok(reply)) => found.push(Discovered { location, reply }),
                Ok(Err(_)) => self.report(&location, &"it sent what cannot be read"),
                Err(error) => self.report(&location, &error),
            }
        }
        // In an order that does not depend on who was faster.
        found.sort_by_key(|it| it.reply.draw);
        self.note(&found);
        found
    }

    /// Others without a cluster count for founding; members of the own one are at a new address, perhaps.
    fn note(&self, found: &[Discovered]) {
        let now_ns = self.now_ns();
        let own = self.identity();
        for Discovered { location, reply } in found {
            match (reply.cluster_id(), own) {
                (None, None) => {
                    let mut forming = self.forming.borrow_mut();
                    forming.saw(reply.draw, location.clone(), reply.sees, now_ns);
                }
                (Some(cluster), Some(own)) if cluster == own.cluster => {
                    if let Some(node) = reply.node.filter(|node| *node != own.node.0) {
                        self.peers.learn(NodeId(node), &location.0, location.1);
                    }
                    self.take_hint(reply.leader.as_ref());
                }
                _ => {}
            }
        }
        self.warn_of_another_cluster(found);
    }

    /// A member that finds only nodes of another cluster has been left alone with its own; nothing mends that by itself.
    fn warn_of_another_cluster(&self, found: &[Discovered]) {
        let Some(own) = self.identity() else { return };
        let is_other = |it: &Discovered| it.reply.cluster_id().is_some_and(|cluster| cluster != own.cluster);
        if !found.is_empty() && found.iter().all(is_other) {
            tracing::warn!(
                "all nodes that answer at --join belong to another cluster than this one's state directory says: to join \
                 theirs, stop this node and start it with an empty one"
            );
        }
    }

    async fn locations(&self) -> Vec<Location> {
        let mut locations = Vec::new();
        for (host, port) in &self.settings.join {
            match timeout(DISCOVER_TIME_MAX, self.network.resolve(host, *port)).await {
                Ok(Ok(addresses)) => {
                    locations.extend(addresses.iter().map(|it| (it.ip().to_string(), it.port())));
                }
                Ok(Err(error)) => self.report(&(host.clone(), *port), &error),
                Err(_) => self.report(&(host.clone(), *port), &"the name takes too long to resolve"),
            }
        }
        locations.sort_unstable();
        locations.dedup();
        locations.truncate(LOCATIONS_MAX);
        locations
    }

    async fn join_by(&self, member: &Discovered) -> Option<Identity> {
        let request = JoinRequest { member: Some(MemberMessage::new(&self.own_member())) }.encode_to_vec();
        let leader = member.reply.leader.as_ref();
        let leader = leader.and_then(|it| Some((it.host.clone(), u16::try_from(it.port).ok()?)));
        let mut location = leader.unwrap_or_else(|| member.location.clone());
        for _ in 0..JOIN_TRIES_MAX {
            let (host, port) = (location.0.as_str(), location.1);
            let called = self.peers.call_at((host, port), Kind::Join as u8, request.clone(), JOIN_TIME_MAX);
            let reply = match called.await.map(|reply| JoinReply::decode(reply.as_slice())) {
                Ok(Ok(reply)) => reply,
                Ok(Err(_)) => return None,
                Err(error) => {
                    self.report(&location, &error);
                    return None;
                }
            };
            if let Some((node, cluster)) = reply.admission() {
                self.take_hint(reply.leader.as_ref());
                return Some(Identity { cluster, node });
            }
            self.report(&location, &reply.refusal);
            let next = reply.leader.as_ref()?;
            location = (next.host.clone(), u16::try_from(next.port).ok()?);
        }
        None
    }

    /// Founds a cluster, if it is this node's turn and those who count leave it to this one.
    async fn found_with(&self) -> Option<Identity> {
        if self.may_only_join() {
            return None;
        }
        let others = self.forming.borrow_mut().candidacy(self.now_ns())?;
        let mut pledges = 0;
        for (host, port) in others.iter().take(LOCATIONS_MAX) {
            let request = PledgeRequest { draw: self.incarnation.0 }.encode_to_vec();
            let asked =
                self.peers.call_at((host, *port), Kind::Pledge as u8, request, DISCOVER_TIME_MAX).await;
            let reply = asked.map(|reply| PledgeReply::decode(reply.as_slice()).unwrap_or_default());
            pledges += u32::from(reply.is_ok_and(|reply| reply.pledged));
        }
        if !self.forming.borrow().may_found(pledges, self.now_ns()) {
            return None;
        }
        let mut random = self.random.borrow_mut();
        Some(Identity { cluster: ClusterId(random.u128(1..)), node: FOUNDER })
    }

    /// One that was given nodes to join, and no number of nodes to wait for, makes no cluster of its own.
    fn may_only_join(&self) -> bool {
        self.settings.expected == 1 && !self.settings.join.is_empty()
    }

    /// Tells what this node waits for, and what keeps it from others; in the log whenever that changes.
    fn tell_what_is_waited_for(&self, found: usize) {
        let mut text = match self.may_only_join() {
            true if found == 0 => "nobody answers at --join yet".to_owned(),
            true => "no cluster takes this node in yet".to_owned(),
            false => format!("{} of {} nodes see each other", found + 1, self.settings.expected),
        };
        let mut trouble = self.trouble.take();
        trouble.sort_unstable();
        trouble.dedup();
        for reason in trouble {
            text.push_str("; ");
            text.push_str(&reason);
        }
        self.published.phase.send_if_modified(|old| {
            let phase = Phase::Forming(text);
            let is_new = *old != phase;
            if is_new {
                tracing::warn!(?phase, "this node has no cluster yet");
                *old = phase;
            }
            is_new
        });
    }

    /// What kept this node from another one.
    fn report(&self, (host, port): &Location, reason: &dyn fmt::Display) {
        let mut trouble = self.trouble.borrow_mut();
        if self.identity().is_some() {
            tracing::debug!(host, port, %reason, "no answer");
        } else if trouble.len() < TROUBLE_MAX {
            trouble.push(format!("{host}:{port}: {reason}"));
        }
    }
}

/// The number of the node that founds a cluster: no entry that admits a node can have it, since entry 0 is Raft's first
/// membership and entry 1 the first leader's.
pub(super) const FOUNDER: NodeId = NodeId(1);

/// Between two rounds of looking for others.
const LOOK_PAUSE: Duration = Duration::from_millis(300);

/// How long a node has to say who it is.
const DISCOVER_TIME_MAX: Duration = Duration::from_secs(1);

/// How long a leader has to admit a node.
const JOIN_TIME_MAX: Duration = Duration::from_secs(5);

/// Nodes that are asked in one round to admit this one, and leaders that one of them may name one after another.
const JOIN_TRIES_MAX: usize = 3;

/// Addresses that are asked.
const LOCATIONS_MAX: usize = 256;

/// Reasons that are told.
const TROUBLE_MAX: usize = 8;
