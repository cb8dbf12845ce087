//! The arithmetic of leases: until when a holder may serve, and when the leader may call it down. Clocks are read by others;
//! see README.md, Leases, for why the one ends before the other begins.

use std::collections::BTreeMap;
use std::time::Duration;

use larder_proto::topology::{Epoch, Incarnation, NodeId};

/// How long leases are and how far clocks may be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseRule {
    /// Nanoseconds of a lease.
    lease_ns: u64,
}

impl LeaseRule {
    /// Leases of this length; none is shorter than 20 ms.
    #[must_use]
    pub fn new(lease: Duration) -> Self {
        Self { lease_ns: (lease.as_nanos() as u64).max(LEASE_NS_MIN) }
    }

    /// How often a holder asks anew.
    #[must_use]
    pub const fn renew_every(self) -> Duration {
        Duration::from_nanos(self.lease_ns / 4)
    }

    /// The length of a lease.
    #[must_use]
    pub const fn length(self) -> Duration {
        Duration::from_nanos(self.lease_ns)
    }

    /// Until when, on its own clock, a holder may serve that had read its clock before it asked.
    #[must_use]
    pub const fn until_ns(self, asked_ns: u64) -> u64 {
        asked_ns.saturating_add(self.lease_ns)
    }

    /// How long a new leader lets others find it, at least, before it takes silence for their end.
    #[must_use]
    pub const fn grace_ns(self) -> u64 {
        self.lease_ns / 2
    }

    /// Nanoseconds on the leader's clock that have passed for certain where another clock shows so many.
    #[must_use]
    pub const fn passed_ns(self, ago_ns: u64) -> u64 {
        ago_ns - ago_ns / 100 * 2 * DRIFT_PERCENT - ago_ns % 100
    }

    /// Nanoseconds on the leader's clock after which a lease that it has granted is over, whatever the holder's clock says.
    #[must_use]
    pub const fn over_after_ns(self) -> u64 {
        self.lease_ns + self.lease_ns / 100 * 2 * DRIFT_PERCENT + MARGIN_NS
    }
}

/// What a leader remembers of the leases that it granted, on its own clock.
///
/// ```text
///   follows ─ lead ► leads ─ follow ► follows
///
///   a node:  unseen ─ granted / first asked about ► counted from then ─ time passes ► over ─ calling ► called
///                                                                                              (no more grants) ─ settled ► unseen
/// ```
#[derive(Debug)]
pub struct Grants {
    rule: LeaseRule,
    /// When this node learned that it leads; none while it does not.
    led_since_ns: Option<u64>,
    nodes: BTreeMap<NodeId, Grant>,
}

#[derive(Clone, Copy, Debug)]
struct Grant {
    /// When the newest lease was granted, or when the node was seen first.
    at_ns: u64,
    /// When the node asked for one last.
    heard_ns: Option<u64>,
    /// The run of its process that got a lease, and the epoch of the first; none before the first grant of this leader.
    since: Option<(Incarnation, Epoch)>,
    /// It is about to be called down: it must not get a lease any more.
    calling: bool,
}

impl Grant {
    /// None yet, of a node that is seen for the first time.
    const fn seen(now_ns: u64) -> Self {
        Self { at_ns: now_ns, heard_ns: None, since: None, calling: false }
    }
}

impl Grants {
    /// Those of a node that does not lead.
    #[must_use]
    pub const fn new(rule: LeaseRule) -> Self {
        Self { rule, led_since_ns: None, nodes: BTreeMap::new() }
    }

    /// The node has learned that it leads, or leads again. What it granted before does not count: another may have led.
    pub fn lead(&mut self, now_ns: u64) {
        self.led_since_ns = Some(now_ns);
        self.nodes.clear();
    }

    /// Since when this node leads, as [`Grants::lead`] was told.
    #[must_use]
    pub const fn led_since_ns(&self) -> Option<u64> {
        self.led_since_ns
    }

    /// No lease of a leader before this one began after `before_ns`. Worth nothing if others were given more time meanwhile:
    /// `since_ns` is what [`Grants::led_since_ns`] said when voters were asked.
    pub fn others_began_before(&mut self, before_ns: u64, since_ns: u64) {
        if self.led_since_ns != Some(since_ns) || before_ns >= since_ns {
            return;
        }
        // Those who live have to have the time to ask.
        let least_ns = since_ns.saturating_sub(self.rule.over_after_ns() - self.rule.grace_ns());
        let from_ns = before_ns.max(least_ns);
        self.led_since_ns = Some(from_ns);
        for grant in self.nodes.values_mut().filter(|grant| grant.since.is_none()) {
            grant.at_ns = grant.at_ns.min(from_ns);
        }
    }

    /// The leader has been away: it could not hear who asked. Everybody gets the time of a whole lease from now on.
    pub fn wait_longer(&mut self, now_ns: u64) {
        self.led_since_ns = self.led_since_ns.map(|_| now_ns);
    }

    /// The node does not lead any more.
    pub fn follow(&mut self) {
        self.led_since_ns = None;
        self.nodes.clear();
    }

    /// Notes a lease that is about to be answered, after a round that confirmed the leadership and began after the request
    /// came; `epoch` is that of the state now. The epoch that the node has to have adopted: that of the first of these grants
    /// to this run, since nothing was taken from it since then. None if the node must not get a lease.
    #[must_use]
    pub fn grant(
        &mut self,
        node: NodeId,
        incarnation: Incarnation,
        (epoch, now_ns): (Epoch, u64),
    ) -> Option<Epoch> {
        self.led_since_ns?;
        let grant = self.nodes.entry(node).or_insert(Grant::seen(now_ns));
        if grant.calling {
            return None;
        }
        let known = grant.since.filter(|(run, _)| *run == incarnation);
        let since = known.unwrap_or((incarnation, epoch));
        *grant = Grant { at_ns: grant.at_ns.max(now_ns), since: Some(since), ..*grant };
        Some(since.1)
    }

    /// The state says that the node is down, whoever said so: the next grant is the first again.
    pub fn is_down(&mut self, node: NodeId) {
        if let Some(grant) = self.nodes.get_mut(&node) {
            grant.since = None;
        }
    }

    /// This run of the node has asked for a lease. So it runs, however long the answer takes that a quorum has to confirm.
    pub fn heard(&mut self, node: NodeId, now_ns: u64) {
        if self.led_since_ns.is_some() {
            self.nodes.entry(node).or_insert(Grant::seen(now_ns)).heard_ns = Some(now_ns);
        }
    }

    /// Whether the node is silent, and every lease that it may ever have got is over. A node that is not known counts from now
    /// on, so this is asked about every member that is up, again and again.
    pub fn is_over(&mut self, node: NodeId, now_ns: u64) -> bool {
        let Some(led_since_ns) = self.led_since_ns else { return false };
        let grant = self.nodes.entry(node).or_insert(Grant::seen(now_ns));
        // Under the leader before, leases were granted at the latest when this one was elected.
        let from_ns = grant.at_ns.max(led_since_ns);
        let is_silent =
            grant.heard_ns.is_none_or(|at_ns| now_ns.saturating_sub(at_ns) >= self.rule.grace_ns());
        // Whoever is being called asks in vain: of what became of the call it is certain only once it was taken.
        (is_silent || grant.calling) && now_ns.saturating_sub(from_ns) >= self.rule.over_after_ns()
    }

    /// The node is about to be called down: it gets no lease until [`Grants::settled`]. To be called before the change is
    /// proposed.
    pub fn calling(&mut self, node: NodeId, now_ns: u64) {
        self.nodes.entry(node).or_insert(Grant::seen(now_ns)).calling = true;
    }

    /// The state says what became of the call. To be called only when it is certain: the change has been applied or refused.
    pub fn settled(&mut self, node: NodeId) {
        self.nodes.remove(&node);
    }

    /// Nanoseconds that the newest lease of each node has left on this leader's clock, as far as it has granted any.
    pub fn leases(&self, now_ns: u64) -> impl Iterator<Item = (NodeId, u64)> {
        let granted = self.nodes.iter().filter(|(_, grant)| grant.since.is_some());
        granted.map(move |(node, grant)| (*node, self.rule.until_ns(grant.at_ns).saturating_sub(now_ns)))
    }
}

/// How much two monotonic clocks may differ in rate.
pub const DRIFT_PERCENT: u64 = 1;

/// What a leader waits beyond the arithmetic.
const MARGIN_NS: u64 = 20_000_000;

/// The shortest lease that is renewed in time on a busy machine.
const LEASE_NS_MIN: u64 = 20_000_000;

#[cfg(test)]
mod tests;
