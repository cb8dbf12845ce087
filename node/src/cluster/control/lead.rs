//! The leader's duties: to call down whose lease is over, to name up who runs, and to do what the planner says. While another
//! node leads, it only waits.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use larder_proto::slot::{PARTITIONS, Partition};
use larder_proto::topology::{ClusterId, Epoch, Incarnation, Member, MemberState, NodeId};
use prost::Message;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::Control;
use super::rounds::Waiting;
use crate::cluster::lease::{Grants, LeaseRule};
use crate::cluster::machine::{Answer, Change, State};
use crate::cluster::messages::{HandOverRequest, HeardReply, HeardRequest, Kind};
use crate::cluster::plan::{self, HandOver};
use crate::cluster::raft::{Node, RaftStatus};
use crate::cluster::status::Phase;

/// What a leader keeps in mind. It is worth nothing to the next.
pub(super) struct Duties {
    rule: LeaseRule,
    grants: RefCell<Grants>,
    /// The term whose grants these are, while this node leads in it.
    term: Cell<Option<u64>>,
    /// Requests for leases until the next round.
    pub(super) waiting: RefCell<Vec<Waiting>>,
    pub(super) asked: Notify,
    /// Members that run, or say something new of themselves, and are to be named so.
    up: RefCell<BTreeMap<NodeId, Member>>,
    /// Bytes of each partition, as owners told.
    bytes: RefCell<Vec<u64>>,
    /// Owners with a request to hand over that has not been answered.
    handing_over: RefCell<BTreeSet<NodeId>>,
    /// When it was last seen that this thread runs, on the monotonic clock.
    ran_ns: Cell<u64>,
    /// When a round confirmed this leader last.
    confirmed_ns: Cell<u64>,
    /// Whether this leader was at the address that the state says, when it was looked at last.
    was_found: Cell<bool>,
    woken: Notify,
}

impl Duties {
    pub(super) fn new(rule: LeaseRule) -> Self {
        Self {
            rule,
            grants: RefCell::new(Grants::new(rule)),
            term: Cell::new(None),
            waiting: RefCell::default(),
            asked: Notify::new(),
            up: RefCell::default(),
            bytes: RefCell::new(vec![0; usize::from(PARTITIONS)]),
            handing_over: RefCell::default(),
            ran_ns: Cell::new(0),
            confirmed_ns: Cell::new(0),
            was_found: Cell::new(true),
            woken: Notify::new(),
        }
    }

    /// There is something to do.
    pub(super) fn wake(&self) {
        self.woken.notify_one();
    }

    pub(super) fn leads_in(&self, term: u64) -> bool {
        self.term.get() == Some(term)
    }

    pub(super) fn grant(&self, node: NodeId, incarnation: Incarnation, at: (Epoch, u64)) -> Option<Epoch> {
        self.grants.borrow_mut().grant(node, incarnation, at)
    }

    /// A member has asked for a lease: not of a former run of its process, which is called down whatever comes of this one.
    pub(super) fn heard(&self, node: NodeId, now_ns: u64) {
        self.grants.borrow_mut().heard(node, now_ns);
    }

    pub(super) fn is_down(&self, node: NodeId) {
        self.grants.borrow_mut().is_down(node);
    }

    pub(super) fn wants_up(&self, node: NodeId, member: Member) {
        self.up.borrow_mut().insert(node, member);
        self.wake();
    }

    pub(super) fn note_bytes(&self, owned: impl Iterator<Item = (Partition, u64)>) {
        let mut bytes = self.bytes.borrow_mut();
        owned.for_each(|(partition, count)| bytes[partition.index()] = count);
    }

    /// Milliseconds that each lease runs yet; none if this node does not lead.
    pub(super) fn leases(&self, now_ns: u64) -> Option<Vec<(NodeId, u32)>> {
        self.term.get()?;
        Some(
            self.grants
                .borrow()
                .leases(now_ns)
                .map(|(node, left_ns)| (node, (left_ns / MS) as u32))
                .collect(),
        )
    }

    /// Notes that this thread runs. If it has not for so long that the time went by in which nodes could have asked, they get
    /// it now. That duties wait for the disk or for others is no such time: leases are granted meanwhile.
    fn note_time(&self, now_ns: u64) {
        let away_ns = now_ns.saturating_sub(self.ran_ns.replace(now_ns));
        if away_ns > self.rule.length().as_nanos() as u64 / 2 {
            self.grants.borrow_mut().wait_longer(now_ns);
        }
    }

    /// Notes a round that confirmed the leadership. If it is the first for so long that leases may have ended meanwhile, everybody
    /// gets the time to ask again: nobody could get one.
    pub(super) fn note_confirmed(&self, now_ns: u64) {
        if self.is_unconfirmed(now_ns) {
            self.grants.borrow_mut().wait_longer(now_ns);
        }
        self.confirmed_ns.set(now_ns);
    }

    /// Whether no round has confirmed this leader for so long that it cannot tell who is silent from who is not heard.
    fn is_unconfirmed(&self, now_ns: u64) -> bool {
        now_ns.saturating_sub(self.confirmed_ns.get()) > self.rule.length().as_nanos() as u64 * 3 / 4
    }

    /// Notes whether others can find this leader. Once they can, they get the time to ask.
    fn note_found(&self, is_found: bool, now_ns: u64) {
        if !self.was_found.replace(is_found) && is_found {
            self.grants.borrow_mut().wait_longer(now_ns);
        }
    }

    /// Notes whether this node leads; whether it has come to. Who has knows no grants.
    fn note_term(&self, leads_in: Option<u64>, now_ns: u64) -> bool {
        let mut grants = self.grants.borrow_mut();
        let is_new = leads_in.is_some() && leads_in != self.term.get();
        if is_new {
            self.up.borrow_mut().clear();
            grants.lead(now_ns);
            self.confirmed_ns.set(now_ns);
        } else if leads_in.is_none() {
            grants.follow();
        }
        self.term.set(leads_in);
        is_new
    }
}

impl Control {
    /// Whenever the state changes, or who leads, and ten times a second.
    pub(super) async fn lead(self: Rc<Self>, node: Node<State>) {
        let mut ticks = interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut changes, mut states) = (node.changes(), node.states());
        let mut leader = None;
        loop {
            let status = changes.status();
            states.mark_unchanged();
            if self.duties.note_term(status.leads.then_some(status.term), self.now_ns()) {
                tokio::task::spawn_local(Rc::clone(&self).ask_when_leases_began(status.clone()));
            }
            if leader != status.leader {
                leader = status.leader;
                self.hint.set(None);
                self.renew_now.notify_one();
                tracing::info!(leader = leader.map(|leader| leader.0), term = status.term, "who leads");
            }
            if status.leads {
                self.do_duties(&node, status.term).await;
                // What changes within this time is looked at together.
                sleep(DUTIES_PAUSE).await;
            }
            let mut looks = 0;
            loop {
                tokio::select! {
                    biased;
                    more = changes.leads_otherwise(&status) => if !more {
                        return;
                    },
                    _ = states.changed() => {}
                    () = self.duties.woken.notified() => {}
                    _ = ticks.tick() => {
                        looks += 1;
                        if looks < LOOKS_PER_ROUND && !self.is_anybody_over(&node) {
                            continue;
                        }
                    }
                }
                break;
            }
        }
    }

    /// Whether somebody is to be called down. Costs little.
    fn is_anybody_over(&self, node: &Node<State>) -> bool {
        let (state, now_ns) = (node.state(), self.now_ns());
        let mut grants = self.duties.grants.borrow_mut();
        let mut up = state.topology.members.iter().filter(|(_, member)| member.state != MemberState::Down);
        up.any(|(member, _)| grants.is_over(*member, now_ns))
    }

    /// Asks the voters when they last heard another leader: none of its leases began later than what a quorum says.
    async fn ask_when_leases_began(self: Rc<Self>, status: RaftStatus) {
        let Some(since_ns) = self.duties.grants.borrow().led_since_ns() else { return };
        let mut asked = JoinSet::new();
        // While who votes changes, it would take two quorums.
        for voter in status.voters.iter().copied().filter(|_| !status.is_joint) {
            let (control, body) = (Rc::clone(&self), HeardRequest { term: status.term }.encode_to_vec());
            asked.spawn_local(async move {
                let reply = control.ask(voter, Kind::Heard, body, control.rule.length()).await.ok()?;
                HeardReply::decode(reply.as_slice()).ok()?.ago_ns
            });
        }
        let (mut answers, mut least_ns) = (0, u64::MAX);
        while 2 * answers <= status.voters.len() {
            let Some(answered) = asked.join_next().await else { return };
            if let Ok(Some(ago_ns)) = answered {
                answers += 1;
                least_ns = least_ns.min(ago_ns);
            }
        }
        if self.duties.leads_in(status.term) {
            let before_ns = self.now_ns().saturating_sub(self.rule.passed_ns(least_ns));
            self.duties.grants.borrow_mut().others_began_before(before_ns, since_ns);
        }
    }

    /// Sees that this thread runs, and when it did not.
    pub(super) async fn time(self: Rc<Self>) {
        let mut ticks = interval(self.rule.length() / 8);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.duties.note_time(self.now_ns());
        }
    }

    async fn do_duties(self: &Rc<Self>, node: &Node<State>, term: u64) {
        if !self.agree_on_lease(node, term).await {
            return;
        }
        self.call_down(node, term).await;
        self.name_up(node, term).await;
        let state = node.state();
        let plan = plan::plan(&state, &self.duties.bytes.borrow());
        if !plan.steps.is_empty() {
            self.propose_as(node, term, &Change::Steps(plan.steps)).await;
        }
        self.ask_to_hand_over(&plan.hand_overs);
    }

    /// Whether the cluster's leases are as long as this node's. The first leader says how long they are; one that takes them
    /// for shorter would call others down while they serve.
    async fn agree_on_lease(&self, node: &Node<State>, term: u64) -> bool {
        let state = node.state();
        if state.topology.cluster != ClusterId(0) && !state.settings.contains_key(LEASE_SETTING) {
            let value = Some(self.lease_text());
            let name = LEASE_SETTING.to_owned();
            self.propose_as(node, term, &Change::Setting { name, value }).await;
        }
        self.has_same_lease(&node.state())
    }

    fn lease_text(&self) -> String {
        self.rule.length().as_millis().to_string()
    }

    /// Whether the state says that leases are as long as this node takes them for.
    pub(super) fn has_same_lease(&self, state: &State) -> bool {
        state.settings.get(LEASE_SETTING) == Some(&self.lease_text())
    }

    /// A member that takes leases for shorter or longer than the others cannot be one.
    pub(super) fn check_lease(&self, state: &State) {
        if let Some(length) = state.settings.get(LEASE_SETTING).filter(|_| !self.has_same_lease(state)) {
            let own = self.lease_text();
            self.end(Phase::Failed(format!(
                "--lease-ms is {own} here and {length} in the cluster, where it is the same on all nodes: start this node with \
                 --lease-ms {length}"
            )));
        }
    }

    /// Whose lease must be over. From here on such a node gets none, until it is certain what became of the call.
    /// A leader that has moved cannot be asked for leases before the state says where it is: until then it calls nobody down
    /// but its own last run, which comes before that.
    async fn call_down(&self, node: &Node<State>, term: u64) {
        let state = node.state();
        let is_found = self.is_found(&state);
        self.duties.note_found(is_found, self.now_ns());
        for (member, known) in &state.topology.members {
            if known.state == MemberState::Down {
                self.duties.grants.borrow_mut().settled(*member);
                continue;
            }
            if !is_found && *member != node.id() {
                continue;
            }
            let now_ns = self.now_ns();
            // A process that was stopped may come to this before *time* has seen it.
            self.duties.note_time(now_ns);
            if self.duties.is_unconfirmed(now_ns) {
                return;
            }
            if !self.duties.grants.borrow_mut().is_over(*member, now_ns) {
                continue;
            }
            self.duties.grants.borrow_mut().calling(*member, now_ns);
            tracing::warn!(node = member.0, "the node's lease is over: it counts as down");
            let change = Change::CallDown { node: *member, incarnation: known.incarnation };
            if self.propose_as(node, term, &change).await.is_some() {
                self.duties.grants.borrow_mut().settled(*member);
            }
        }
    }

    /// Whether this node is where the state says.
    fn is_found(&self, state: &State) -> bool {
        let own = self.identity().and_then(|own| state.topology.members.get(&own.node));
        own.is_none_or(|it| it.host == self.settings.host && it.port == self.settings.port)
    }

    /// Who runs and may come up, or has moved. Who may not yet asks again.
    async fn name_up(&self, node: &Node<State>, term: u64) {
        let up = self.duties.up.take();
        for (id, member) in up {
            let state = node.state();
            let Some(known) = state.topology.members.get(&id) else { continue };
            if known.state != MemberState::Down && known.incarnation != member.incarnation {
                continue;
            }
            let change = Change::Up { node: id, member };
            if let Some(Answer::Refused(refusal)) = self.propose_as(node, term, &change).await {
                tracing::debug!(node = id.0, %refusal, "not up yet");
            }
        }
    }

    /// What a change of the leader's came to; nothing if that is not certain.
    async fn propose_as(&self, node: &Node<State>, term: u64, change: &Change) -> Option<Answer> {
        match timeout(DUTY_TIME_MAX, node.propose_in(term, change)).await {
            Ok(Ok(proposed)) => Some(proposed.answer),
            Ok(Err(fault)) => {
                tracing::debug!(%fault, "a change of the leader's was not taken");
                None
            }
            Err(_) => None,
        }
    }

    /// One request for each owner at a time: they are planned again until they have come to something.
    fn ask_to_hand_over(self: &Rc<Self>, hand_overs: &[HandOver]) {
        let mut asked: BTreeMap<NodeId, Vec<(Partition, NodeId)>> = BTreeMap::new();
        for HandOver { partition, from, to } in hand_overs {
            asked.entry(*from).or_default().push((*partition, *to));
        }
        for (owner, asked) in asked {
            if self.identity().is_some_and(|own| own.node == owner) {
                self.plane.hand_over(asked);
            } else if self.duties.handing_over.borrow_mut().insert(owner) {
                let request = HandOverRequest::new(&asked).encode_to_vec();
                let control = Rc::clone(self);
                tokio::task::spawn_local(async move {
                    let asked = control.ask(owner, Kind::HandOver, request, HAND_OVER_TIME_MAX).await;
                    if let Err(error) = asked {
                        tracing::debug!(node = owner.0, %error, "the owner was not asked to hand over");
                    }
                    control.duties.handing_over.borrow_mut().remove(&owner);
                });
            }
        }
    }
}

/// The cluster's setting for how many milliseconds a lease has. Written once, by the first leader.
const LEASE_SETTING: &str = "lease-ms";

/// How often it is looked at whose lease is over when nothing happens.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Every so many of these looks all duties are looked at.
const LOOKS_PER_ROUND: u32 = 5;

/// Between two rounds of duties.
const DUTIES_PAUSE: Duration = Duration::from_millis(5);

/// How long a change of the leader's has to be agreed upon.
const DUTY_TIME_MAX: Duration = Duration::from_secs(2);

/// How long an owner has to take note of a request.
const HAND_OVER_TIME_MAX: Duration = Duration::from_secs(1);

/// Nanoseconds of a millisecond.
const MS: u64 = 1_000_000;
