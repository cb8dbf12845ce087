//! The holder's side of leases: asks the leader again and again, and tells the plane until when it may serve.

use std::rc::Rc;

use larder_proto::slot::Partition;
use prost::Message;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::Control;
use crate::cluster::messages::{Kind, RenewReply, RenewRequest};
use crate::cluster::rpc::CallError;
use crate::cluster::status::Phase;

impl Control {
    /// Asks for a lease four times in each, and at once when told to. Requests do not wait for each other: a leader that died
    /// must not hold up what its successor is asked.
    pub(super) async fn renew(self: Rc<Self>) {
        let mut ticks = interval(self.rule.renew_every());
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut asked: JoinSet<()> = JoinSet::new();
        let mut count = 0_u64;
        loop {
            tokio::select! {
                biased;
                Some(_) = asked.join_next(), if !asked.is_empty() => continue,
                () = self.renew_now.notified() => {}
                _ = ticks.tick() => count += 1,
            }
            if self.stays.get() && asked.len() < ASKED_MAX {
                let with_report = count % REPORT_EVERY == 1;
                let (control, time_max) = (Rc::clone(&self), self.rule.length());
                asked.spawn_local(async move {
                    // A lease that comes later would be over.
                    let _ = timeout(time_max, control.renew_once(with_report)).await;
                });
            }
        }
    }

    async fn renew_once(&self, with_report: bool) {
        let Some(identity) = self.identity() else { return };
        // Before anything is sent: the lease counts from here.
        let asked_ns = self.now_ns();
        let owned = if with_report { self.owned_bytes() } else { Vec::new() };
        let body = RenewRequest::new(identity.node, &self.own_member(), &owned).encode_to_vec();
        let mut leader = self.leader();
        for _ in 0..LEADERS_MAX {
            let Some(node) = leader.take() else { return };
            let asked = self.ask(node, Kind::Renew, body.clone(), self.rule.length()).await;
            let reply = match asked.map(|reply| RenewReply::decode(reply.as_slice())) {
                Ok(Ok(reply)) => reply,
                Ok(Err(_)) => return,
                Err(error) => return self.unanswered(node, &error),
            };
            if reply.removed {
                self.removed();
            } else if let Some(epoch) = reply.lease_epoch()
                && self.stays.get()
                && self.rule.until_ns(asked_ns) > self.lease_until_ns.get()
            {
                self.lease_until_ns.set(self.rule.until_ns(asked_ns));
                self.plane.grant(self.rule.until_ns(asked_ns), epoch);
            }
            leader = self.take_hint(reply.leader.as_ref());
        }
    }

    fn unanswered(&self, node: larder_proto::topology::NodeId, error: &CallError) {
        tracing::debug!(node = node.0, %error, "no lease");
        if self.hint.get() == Some(node) {
            self.hint.set(None);
        }
    }

    /// What the leader balances by: the bytes of what this node owns.
    fn owned_bytes(&self) -> Vec<(Partition, u64)> {
        let topology = self.published.topology.borrow().clone();
        let own = self.identity().map(|own| own.node);
        let mut bytes = self.plane.report().bytes;
        bytes.retain(|(partition, _)| topology.row(*partition).owner == own);
        bytes
    }

    /// The cluster has gone on without this node. What it has kept is worth nothing: started again, it is a new one.
    fn removed(&self) {
        if self.leaving.borrow().is_some() {
            return;
        }
        let text = "this node was removed from the cluster: started again, it joins as a new one";
        self.end(match self.place.clear() {
            Ok(()) => Phase::Failed(text.to_owned()),
            Err(error) => Phase::Failed(format!("{text}, once its state is cleared: {error}")),
        });
    }
}

/// Requests for a lease that are under way.
const ASKED_MAX: usize = 4;

/// Leaders that are asked one after another, each named by the one before.
const LEADERS_MAX: usize = 2;

/// Every so many requests carry the bytes of partitions.
const REPORT_EVERY: u64 = 8;
