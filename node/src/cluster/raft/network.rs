//! Raft's network: its requests go to other nodes as calls, and calls of other nodes go to Raft. How a call travels is left
//! to `rpc`.

use std::future::Future;
use std::time::Duration;

use larder_proto::topology::NodeId;
use openraft::errors::{NetworkError, RPCError, ReplicationClosed, StreamingError, Timeout, Unreachable};
use openraft::network::{RPCOption, RPCTypes};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, TransferLeaderRequest,
    TransferLeaderResponse, VoteRequest, VoteResponse,
};
use openraft::{BasicNode, Raft, RaftNetworkFactory, RaftNetworkV2};

use super::applier::{Applier, Machine};
use super::messages::{self, Kind, Malformed};
use super::types::{Snapshot, Types, Vote};
use crate::cluster::rpc::{CallError, Peers, Refusal};
use crate::limits::RAFT_APPEND_TIME_MAX;

/// Makes a way to each node.
pub(super) struct Ways {
    pub(super) own: u64,
    pub(super) peers: Peers,
}

/// The way to one node.
pub(super) struct Way {
    own: u64,
    to: u64,
    peers: Peers,
}

impl RaftNetworkFactory<Types> for Ways {
    type Network = Way;

    async fn new_client(&mut self, target: u64, node: &BasicNode) -> Way {
        // The address in the log is as old as its entry: any other is newer.
        if let Some((host, port)) = split_address(&node.addr) {
            self.peers.learn_if_unknown(NodeId(target), host, port);
        }
        Way { own: self.own, to: target, peers: self.peers.clone() }
    }
}

impl Way {
    async fn call(&self, kind: Kind, body: Vec<u8>, time_max: Duration) -> Result<Vec<u8>, RPCError<Types>> {
        let called = self.peers.call(NodeId(self.to), kind as u8, body, time_max).await;
        called.map_err(|error| self.error(kind, time_max, &error))
    }

    fn error(&self, kind: Kind, time_max: Duration, error: &CallError) -> RPCError<Types> {
        match error {
            CallError::Late => {
                let action = match kind {
                    Kind::Vote | Kind::PreVote => RPCTypes::Vote,
                    Kind::Snapshot => RPCTypes::InstallSnapshot,
                    Kind::Append | Kind::Transfer => RPCTypes::AppendEntries,
                };
                RPCError::Timeout(Timeout { action, id: self.own, target: self.to, timeout: time_max })
            }
            CallError::Broken(_) | CallError::Busy => RPCError::Network(NetworkError::new(error)),
            // Trying again at once would not help.
            CallError::Unknown | CallError::Unreachable(_) | CallError::Refused(_) => {
                RPCError::Unreachable(Unreachable::new(error))
            }
        }
    }
}

impl RaftNetworkV2<Types> for Way {
    type SnapshotData = Vec<u8>;

    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<Types>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<Types>, RPCError<Types>> {
        // Entries are answered when they are safe on the other node's disk, which may take longer than a heartbeat.
        let time_max = match request.entries.is_empty() {
            true => option.hard_ttl(),
            false => option.hard_ttl().max(RAFT_APPEND_TIME_MAX),
        };
        let body = messages::encode_append(&request).map_err(|error| NetworkError::new(&error))?;
        let answer = self.call(Kind::Append, body, time_max).await?;
        messages::decode_appended(&answer).map_err(malformed)
    }

    async fn vote(
        &mut self,
        request: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        let body = messages::encode_vote_request(&request);
        let answer = self.call(Kind::Vote, body, option.hard_ttl()).await?;
        messages::decode_voted(&answer).map_err(malformed)
    }

    async fn pre_vote(
        &mut self,
        request: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        let body = messages::encode_vote_request(&request);
        let answer = self.call(Kind::PreVote, body, option.hard_ttl()).await?;
        messages::decode_voted(&answer).map_err(malformed)
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot,
        cancel: impl Future<Output = ReplicationClosed> + 'static,
        option: RPCOption,
    ) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
        let body = messages::encode_snapshot(&vote, &snapshot).map_err(|error| NetworkError::new(&error))?;
        let answer = tokio::select! {
            biased;
            closed = cancel => return Err(closed.into()),
            answer = self.call(Kind::Snapshot, body, option.hard_ttl()) => answer,
        };
        let vote = answer.and_then(|answer| messages::decode_installed(&answer).map_err(malformed));
        vote.map(SnapshotResponse::new).map_err(|error| match error {
            RPCError::Timeout(error) => error.into(),
            RPCError::Unreachable(error) => error.into(),
            RPCError::Network(error) => error.into(),
        })
    }

    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<Types>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<Types>, RPCError<Types>> {
        let body = messages::encode_transfer(&request);
        let answer = self.call(Kind::Transfer, body, option.hard_ttl()).await?;
        messages::decode_transferred(&answer, &request).map_err(malformed)
    }
}

fn malformed(error: Malformed) -> RPCError<Types> {
    RPCError::Network(NetworkError::from_string(format!("Raft's answer cannot be read: {}", error.0)))
}

/// Hands a request of another node to Raft.
pub(super) async fn handle<M: Machine>(
    raft: &Raft<Types, Applier<M>>,
    kind: u8,
    body: &[u8],
) -> Result<Vec<u8>, Refusal> {
    let Some(kind) = Kind::of(kind) else {
        return Err(Refusal::new(Refusal::UNKNOWN, format!("Raft has no request {kind}")));
    };
    match kind {
        Kind::Append => {
            let request = messages::decode_append(body).map_err(unreadable)?;
            let answer = raft.append_entries(request).await.map_err(absent)?;
            Ok(messages::encode_appended(&answer))
        }
        Kind::Vote => {
            let request = messages::decode_vote_request(body).map_err(unreadable)?;
            Ok(messages::encode_voted(&raft.vote(request).await.map_err(absent)?))
        }
        Kind::PreVote => {
            let request = messages::decode_vote_request(body).map_err(unreadable)?;
            Ok(messages::encode_voted(&raft.pre_vote(request).await.map_err(absent)?))
        }
        Kind::Snapshot => {
            let (vote, snapshot) = messages::decode_snapshot(body).map_err(unreadable)?;
            let answer = raft.install_full_snapshot(vote, snapshot).await.map_err(absent)?;
            Ok(messages::encode_installed(&answer.vote))
        }
        Kind::Transfer => {
            let request = messages::decode_transfer(body).map_err(unreadable)?;
            let answer = raft.handle_transfer_leader(request).await.map_err(absent)?;
            Ok(messages::encode_transferred(&answer))
        }
    }
}

fn unreadable(error: Malformed) -> Refusal {
    Refusal::new(Refusal::MALFORMED, format!("Raft's request cannot be read: {}", error.0))
}

fn absent(error: impl std::fmt::Display) -> Refusal {
    Refusal::new(Refusal::ABSENT, format!("Raft has stopped: {error}"))
}

/// `host:port`, the host perhaps an IPv6 address in brackets.
pub(super) fn split_address(address: &str) -> Option<(&str, u16)> {
    let (host, port) = address.rsplit_once(':')?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    Some((host, port.parse().ok()?))
}

/// The opposite of [`split_address`].
pub(super) fn join_address(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}
