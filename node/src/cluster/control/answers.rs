//! What a node answers to others on control connections, kind by kind.

use std::rc::Rc;
use std::time::Duration;

use larder_proto::record;
use larder_proto::topology::NodeId;
use prost::Message;
use tokio::time::timeout;

use super::{Control, control_port};
use crate::cluster::machine::{Answer, Change};
use crate::cluster::messages::{
    DiscoverReply, DiscoverRequest, HandOverRequest, HeardReply, HeardRequest, JoinReply, JoinRequest, Kind,
    LeasesReply, Nothing, PledgeReply, PledgeRequest, ProposeReply, ProposeRequest, RenewRequest, read,
};
use crate::cluster::raft::{KIND_MAX, RaftFault, term_of_leader};
use crate::cluster::rpc::{Handler, Handling, Refusal};
use crate::link::Introduction;

/// The side that others knock at.
pub(super) struct Door(pub(super) Rc<Control>);

impl Handler for Door {
    fn handle(&self, from: &Rc<Introduction>, kind: u8, body: Vec<u8>) -> Handling {
        let (control, from) = (Rc::clone(&self.0), Rc::clone(from));
        Box::pin(async move {
            let is_member =
                from.cluster.is_some() && from.cluster == control.identity().map(|own| own.cluster);
            let kind = match Kind::of(kind) {
                Some(kind @ (Kind::Discover | Kind::Pledge | Kind::Join)) => kind,
                _ if !is_member => return Err(stranger()),
                Some(kind) => kind,
                None if kind <= KIND_MAX => {
                    let node = control.raft().ok_or_else(absent)?;
                    // Before it is answered.
                    let listens = |term| control.heard.borrow_mut().note(term, control.now_ns());
                    if !term_of_leader(kind, &body).is_none_or(listens) {
                        return Err(Refusal::new(Refusal::ABSENT, "a later leader is known here"));
                    }
                    return node.handle(kind, &body).await;
                }
                None => return Err(Refusal::new(Refusal::UNKNOWN, "a request of an unknown kind")),
            };
            control.answer(kind, &body).await
        })
    }
}

impl Control {
    /// Answers a request, of another node or of this one.
    pub(super) async fn answer(&self, kind: Kind, body: &[u8]) -> Result<Vec<u8>, Refusal> {
        Ok(match kind {
            Kind::Discover => self.discovered(&read(body)?).encode_to_vec(),
            Kind::Pledge => self.pledged(read(body)?).encode_to_vec(),
            Kind::Join => self.joined(read(body)?).await?.encode_to_vec(),
            Kind::Renew => self.renewed(read::<RenewRequest>(body)?).await?.encode_to_vec(),
            Kind::Propose => self.proposed(&read(body)?).await?.encode_to_vec(),
            Kind::HandOver => {
                self.plane.hand_over(read::<HandOverRequest>(body)?.asked());
                Nothing {}.encode_to_vec()
            }
            Kind::Leases => self.leases().encode_to_vec(),
            Kind::Heard => {
                let HeardRequest { term } = read(body)?;
                let mut heard = self.heard.borrow_mut();
                let ago_ns = heard.ago_ns(term, self.now_ns());
                heard.promise(term);
                HeardReply { ago_ns }.encode_to_vec()
            }
        })
    }

    fn discovered(&self, request: &DiscoverRequest) -> DiscoverReply {
        let now_ns = self.now_ns();
        let mut forming = self.forming.borrow_mut();
        if let (1.., Ok(port)) = (request.sees, u16::try_from(request.port)) {
            forming.saw(request.draw, (request.host.clone(), port), request.sees, now_ns);
        }
        let reply =
            DiscoverReply { draw: self.incarnation.0, sees: forming.sees(now_ns), ..Default::default() };
        let Some(identity) = self.identity() else { return reply };
        DiscoverReply { node: Some(identity.node.0), leader: self.leader_address(), sees: 0, ..reply }
            .with_cluster(identity.cluster)
    }

    fn pledged(&self, request: PledgeRequest) -> PledgeReply {
        let is_free = self.identity().is_none();
        let pledged = is_free && self.forming.borrow_mut().pledge(request.draw, self.now_ns());
        PledgeReply { pledged }
    }

    async fn joined(&self, request: JoinRequest) -> Result<JoinReply, Refusal> {
        let member = request.member.ok_or_else(|| Refusal::new(Refusal::MALFORMED, "no member"))?.member()?;
        let (Some(node), Some(identity)) = (self.raft(), self.identity()) else { return Err(absent()) };
        let proposed = timeout(ANSWER_TIME_MAX, node.propose(&Change::Admit { member })).await;
        Ok(match proposed {
            Ok(Ok(proposed)) => match proposed.answer {
                Answer::Admitted(admitted) => {
                    self.duties.wake();
                    JoinReply::admitted(admitted, identity.cluster, self.leader_address())
                }
                Answer::Refused(refusal) => JoinReply::refused(refusal, None),
                Answer::Applied { .. } => JoinReply::refused("an answer that does not fit", None),
            },
            Ok(Err(fault)) => JoinReply::refused(fault, self.leader_address()),
            Err(_) => JoinReply::refused("no majority of the cluster answers at the moment", None),
        })
    }

    async fn proposed(&self, request: &ProposeRequest) -> Result<ProposeReply, Refusal> {
        let node = self.raft().ok_or_else(absent)?;
        let change: Change = record::decode(&request.change)
            .map_err(|error| Refusal::new(Refusal::MALFORMED, format_args!("no change: {error}")))?;
        let unknown = ProposeReply { unknown: true, ..Default::default() };
        Ok(match timeout(ANSWER_TIME_MAX, node.propose(&change)).await {
            Ok(Ok(proposed)) => match record::encode(&proposed.answer) {
                Ok(answer) => ProposeReply { answer: Some(answer), ..Default::default() },
                Err(_) => unknown,
            },
            Ok(Err(RaftFault::Unknown(_))) | Err(_) => unknown,
            Ok(Err(fault @ (RaftFault::Refused(_) | RaftFault::Stopped(_)))) => {
                return Err(Refusal::new(Refusal::ABSENT, fault));
            }
            Ok(Err(RaftFault::NotLeader(_) | RaftFault::NoQuorum | RaftFault::InProgress)) => {
                ProposeReply { leader: self.other_leader(), ..Default::default() }
            }
        })
    }

    fn leases(&self) -> LeasesReply {
        match self.duties.leases(self.now_ns()) {
            Some(leases) => LeasesReply::new(&leases),
            None => LeasesReply::elsewhere(self.other_leader()),
        }
    }

    /// Who leads, if it is not this node, which was asked in vain.
    pub(super) fn other_leader(&self) -> Option<crate::cluster::messages::Address> {
        let own = self.identity().map(|own| own.node.0);
        self.leader_address().filter(|leader| Some(leader.node) != own)
    }

    /// Where a member of the state is, for calls.
    pub(super) fn learn(&self, node: NodeId, host: &str, port: u16) {
        self.peers.learn(node, host, control_port(port));
    }
}

pub(super) fn absent() -> Refusal {
    Refusal::new(Refusal::ABSENT, "this node belongs to no cluster yet, or is stopping")
}

fn stranger() -> Refusal {
    Refusal::new(Refusal::ABSENT, "the two nodes are not of the same cluster")
}

/// How long an answer may take that needs a majority; less than whoever asks waits.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(4);
