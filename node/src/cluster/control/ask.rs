//! Asking the leader, whoever that is: of this node itself, or of another by a call. What is asked is left to others.

use std::cell::Cell;
use std::time::Duration;

use larder_proto::record;
use larder_proto::topology::NodeId;
use prost::Message;
use tokio::time::{sleep, timeout};

use super::{Control, control_port};
use crate::cluster::handle::ProposeError;
use crate::cluster::machine::{Answer, Change};
use crate::cluster::messages::{Address, Kind, ProposeReply, ProposeRequest};
use crate::cluster::rpc::CallError;

impl Control {
    /// Who leads, as far as this node knows.
    pub(super) fn leader(&self) -> Option<NodeId> {
        self.raft().and_then(|node| node.leader()).or(self.hint.get())
    }

    /// Who leads and where that is, for somebody who asked the wrong node.
    pub(super) fn leader_address(&self) -> Option<Address> {
        let leader = self.leader()?;
        let topology = self.published.topology.borrow();
        let member = topology.members.get(&leader)?;
        let port = u32::from(control_port(member.port));
        Some(Address { node: leader.0, host: member.host.clone(), port })
    }

    /// Somebody told who leads.
    pub(super) fn take_hint(&self, address: Option<&Address>) -> Option<NodeId> {
        let address = address?;
        let node = NodeId(address.node);
        if let Ok(port) = u16::try_from(address.port) {
            self.peers.learn_if_unknown(node, &address.host, port);
        }
        self.hint.set(Some(node));
        Some(node)
    }

    /// Asks a node, which may be this one.
    pub(super) async fn ask(
        &self,
        node: NodeId,
        kind: Kind,
        body: Vec<u8>,
        time_max: Duration,
    ) -> Result<Vec<u8>, CallError> {
        if self.identity().is_some_and(|own| own.node == node) {
            let answered = timeout(time_max, self.answer(kind, &body)).await;
            return answered.map_err(|_| CallError::Late)?.map_err(CallError::Refused);
        }
        self.peers.call(node, kind as u8, body, time_max).await
    }

    /// Proposes a change wherever the leader is.
    pub(super) async fn propose(&self, change: &Change) -> Result<Answer, ProposeError> {
        let record = record::encode(change).map_err(|_| ProposeError::NoLeader)?;
        let body = ProposeRequest { change: record }.encode_to_vec();
        let is_sent = Cell::new(false);
        match timeout(PROPOSE_TIME_MAX, self.propose_until_taken(body, &is_sent)).await {
            Ok(answer) => answer,
            Err(_) if is_sent.get() => Err(ProposeError::Unknown),
            Err(_) => Err(ProposeError::NoLeader),
        }
    }

    async fn propose_until_taken(&self, body: Vec<u8>, is_sent: &Cell<bool>) -> Result<Answer, ProposeError> {
        let mut told = None;
        loop {
            if let Some(leader) = told.take().or_else(|| self.leader()) {
                is_sent.set(true);
                match self.ask(leader, Kind::Propose, body.clone(), PROPOSE_TIME_MAX).await {
                    Ok(reply) => match taken(&reply) {
                        Taken::Yes(answer) => return Ok(answer),
                        Taken::Unknown => return Err(ProposeError::Unknown),
                        Taken::No(leader) => told = self.take_hint(leader.as_ref()),
                    },
                    Err(CallError::Late | CallError::Broken(_)) => return Err(ProposeError::Unknown),
                    // Not sent, or refused before anything was proposed.
                    Err(_) => self.hint.set(None),
                }
                is_sent.set(false);
            }
            sleep(PROPOSE_PAUSE).await;
        }
    }
}

enum Taken {
    Yes(Answer),
    No(Option<Address>),
    Unknown,
}

fn taken(reply: &[u8]) -> Taken {
    let Ok(reply) = ProposeReply::decode(reply) else { return Taken::Unknown };
    match reply.answer.map(|answer| record::decode(&answer)) {
        Some(Ok(answer)) => Taken::Yes(answer),
        Some(Err(_)) => Taken::Unknown,
        None if reply.unknown => Taken::Unknown,
        None => Taken::No(reply.leader),
    }
}

/// How long a change is tried to be proposed: longer than an election takes.
const PROPOSE_TIME_MAX: Duration = Duration::from_secs(5);

/// Between two tries.
const PROPOSE_PAUSE: Duration = Duration::from_millis(20);
