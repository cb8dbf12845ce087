//! Calls to one server, or to the node of a Redis Cluster that owns the key.
//!
//! It begins with one link, to the endpoints of the connection string. The first MOVED shows that a cluster
//! answers: from then on each node that owns slots has a link. A redirection is followed at once, at most
//! [`REDIRECTS_MAX`](limits::REDIRECTS_MAX) times a call; every redirection and every node that does not
//! answer makes the survey ask for the slots again. A node that is down costs its own slots only: their
//! calls miss with a cause until another node owns them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwapOption;
use larder_proto::slot::Slot;
use redis::{Cmd, Value};
use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::slot_map::{SlotMap, read_redirect};
use crate::external::Endpoint;
use crate::guard::Budget;
use crate::limits;
use crate::link::{CallError, Link, LinkSettings, Refusal, Say};
use crate::outcome::Cause;

/// The servers behind one connection string.
pub(crate) struct Nodes {
    shared: Arc<Shared>,
    _stop: DropGuard,
}

/// What calls and the survey share.
pub(super) struct Shared {
    /// To the endpoints of the connection string.
    pub(super) seed: Link,
    pub(super) settings: LinkSettings,
    /// Whose turn it is among replicas.
    turn: AtomicUsize,
    tasks: TaskTracker,
    /// The slots, once a cluster has answered; written by the survey.
    pub(super) map: ArcSwapOption<SlotMap<Arc<Node>>>,
    /// Every node there is a link to; the survey drops those that own nothing.
    nodes: Mutex<HashMap<Endpoint, Arc<Node>>>,
    /// Asks for a survey.
    pub(super) outdated: Notify,
}

/// One node of a cluster.
pub(super) struct Node {
    pub(super) endpoint: Endpoint,
    pub(super) link: Link,
}

impl Nodes {
    /// Starts the link to the endpoints, and the survey, as tasks of the tracker.
    pub(crate) fn start(settings: LinkSettings, tasks: &TaskTracker) -> Self {
        let shared = Arc::new(Shared {
            seed: Link::start(settings.clone(), tasks),
            settings,
            turn: AtomicUsize::new(0),
            tasks: tasks.clone(),
            map: ArcSwapOption::empty(),
            nodes: Mutex::default(),
            outdated: Notify::new(),
        });
        let stop = CancellationToken::new();
        let survey = super::survey::survey(shared.clone());
        tasks.spawn(stop.clone().run_until_cancelled_owned(survey));
        Self { shared, _stop: stop.drop_guard() }
    }

    /// Waits for a connection to one of the endpoints; true if there is one, or one to a node of the cluster.
    pub(crate) async fn connected(&self, budget: Budget) -> bool {
        let is_up = |node: &Arc<Node>| node.link.generation() > 0;
        if self.shared.map.load().iter().any(|map| map.owners().any(is_up)) {
            return true;
        }
        self.shared.seed.connected(budget).await
    }

    /// The number of the connection to the endpoints; it grows with every new one.
    pub(crate) fn generation(&self) -> u64 {
        self.shared.seed.generation()
    }

    /// Sends a command to the owner of its key, and waits for its answer within the budget.
    ///
    /// A command whose connection ends is sent once more: only commands that may be repeated belong here.
    pub(crate) async fn call(&self, key: &[u8], command: &Cmd, budget: Budget) -> Result<Value, CallError> {
        self.say(key, Say::plain(command), budget).await
    }

    /// As a call, for a command that must not be carried out twice.
    pub(crate) async fn call_once(
        &self,
        key: &[u8],
        command: &Cmd,
        budget: Budget,
    ) -> Result<Value, CallError> {
        self.say(key, Say::once(command), budget).await
    }

    async fn say(&self, key: &[u8], mut say: Say<'_>, budget: Budget) -> Result<Value, CallError> {
        let shared = &*self.shared;
        let map = shared.map.load_full();
        let mut node = map.and_then(|map| map.owner(Slot::of(key)).cloned());
        for _ in 0..limits::REDIRECTS_MAX {
            let link = node.as_ref().map_or(&shared.seed, |node| &node.link);
            let answer = link.call(say, budget).await;
            let Err(error) = answer else { return answer };
            let Some((next, asking)) = shared.redirection(&error, node.as_deref()) else { return Err(error) };
            let Some(next) = shared.node(&next) else { return Err(error) };
            node = Some(next);
            say = Say { asking, ..say };
        }
        Err(Cause::Refused("MOVED".into()).into())
    }

    /// As a call, for a command that only reads: a replica is asked first if that was opted in, a cluster has
    /// answered and one is connected. Whatever goes wrong there, the owner is asked within the budget.
    pub(crate) async fn read(&self, key: &[u8], command: &Cmd, budget: Budget) -> Result<Value, CallError> {
        if self.shared.settings.login.reads_replicas
            && let Some(replica) = self.shared.replica(Slot::of(key))
        {
            let first = budget.at_most(limits::REPLICA_PATIENCE);
            if let Ok(value) = replica.link.call(Say::plain(command), first).await {
                return Ok(value);
            }
            self.shared.outdated.notify_one();
        }
        self.call(key, command, budget).await
    }

    /// Sends a command that has no key to one of the endpoints.
    pub(crate) async fn call_any(&self, command: &Cmd, budget: Budget) -> Result<Value, CallError> {
        self.shared.seed.call(Say::plain(command), budget).await
    }
}

impl Shared {
    /// Where the command should go instead, and whether it is to be announced there; asks for a survey
    /// where the map seems to be out of date.
    fn redirection(&self, error: &CallError, node: Option<&Node>) -> Option<(Endpoint, bool)> {
        let refusal = match error {
            CallError::Refused(refusal) => refusal,
            CallError::Unanswered(_) => {
                if node.is_some() {
                    self.outdated.notify_one();
                }
                return None;
            }
        };
        match &*refusal.code {
            "MOVED" => {
                self.outdated.notify_one();
                Some((self.target(refusal, node)?, false))
            }
            "ASK" => Some((self.target(refusal, node)?, true)),
            "CLUSTERDOWN" | "READONLY" | "MASTERDOWN" if node.is_some() => {
                self.outdated.notify_one();
                None
            }
            _ => None,
        }
    }

    /// A replica of the slot's owner that is connected; they take turns.
    fn replica(&self, slot: Slot) -> Option<Arc<Node>> {
        let map = self.map.load();
        let replicas = map.as_ref()?.replicas(slot);
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let places = (0..replicas.len()).map(|step| turn.wrapping_add(step) % replicas.len());
        let mut connected = places.map(|place| &replicas[place]).filter(|node| node.link.generation() > 0);
        connected.next().cloned()
    }

    fn target(&self, refusal: &Refusal, node: Option<&Node>) -> Option<Endpoint> {
        read_redirect(refusal.detail()?, self.host(node))
    }

    /// The host of a node, or of the first endpoint.
    pub(super) fn host<'a>(&'a self, node: Option<&'a Node>) -> Option<&'a str> {
        let seed = || self.settings.endpoints.first();
        node.map(|node| &node.endpoint).or_else(seed).and_then(Endpoint::host)
    }

    /// The node at an endpoint, with its link; none if there are too many.
    pub(super) fn node(&self, endpoint: &Endpoint) -> Option<Arc<Node>> {
        let mut nodes = self.nodes();
        if let Some(node) = nodes.get(endpoint) {
            return Some(node.clone());
        }
        if nodes.len() == limits::CLUSTER_NODES_MAX {
            return None;
        }
        let link = Link::start(self.settings.for_node(endpoint.clone()), &self.tasks);
        let node = Arc::new(Node { endpoint: endpoint.clone(), link });
        nodes.insert(endpoint.clone(), node.clone());
        Some(node)
    }

    /// Gives up the links to all other nodes; calls under way end on theirs.
    pub(super) fn keep(&self, is_wanted: impl Fn(&Endpoint) -> bool) {
        let (kept, dropped) = {
            let mut nodes = self.nodes();
            let all = std::mem::take(&mut *nodes);
            let (kept, dropped): (HashMap<_, _>, HashMap<_, _>) =
                all.into_iter().partition(|(endpoint, _)| is_wanted(endpoint));
            let count = kept.len();
            *nodes = kept;
            (count, dropped)
        };
        tracing::debug!(kept, dropped = dropped.len(), "nodes of a cluster");
    }

    fn nodes(&self) -> MutexGuard<'_, HashMap<Endpoint, Arc<Node>>> {
        // Nothing panics while it is held; if something did, the table would still be a table.
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
