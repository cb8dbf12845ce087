//! Raft's messages as they travel between nodes of different versions: protobuf with Raft's words spelled out, and entries
//! and snapshots as the records that lie on disks. Numbers of kinds and fields never change.

use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, TransferLeaderError, TransferLeaderRequest, VoteRequest,
    VoteResponse,
};
use openraft::vote::RaftLeaderId;
use prost::Message;

use super::codec::{self, Place};
use super::types::{LogId, Snapshot, Types, Vote};

/// What a request of Raft's asks for. Numbers up to [`KIND_MAX`] are Raft's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Append = 1,
    Vote = 2,
    PreVote = 3,
    Snapshot = 4,
    Transfer = 5,
}

/// The highest number of a request of Raft's; others are free for the rest of the cluster.
pub const KIND_MAX: u8 = 15;

impl Kind {
    pub(super) const fn of(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Append,
            2 => Self::Vote,
            3 => Self::PreVote,
            4 => Self::Snapshot,
            5 => Self::Transfer,
            _ => return None,
        })
    }
}

/// In which term its sender leads, if a request is one that leaders alone make.
#[must_use]
pub fn term_of_leader(kind: u8, body: &[u8]) -> Option<u64> {
    let says_so = matches!(Kind::of(kind)?, Kind::Append | Kind::Snapshot | Kind::Transfer);
    let message = LeaderMessage::decode(body).ok().filter(|_| says_so)?;
    message.vote.map(|vote| vote.term)
}

/// A message that cannot be read, and which.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed(pub(super) &'static str);

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct VoteMessage {
    #[prost(uint64, tag = "1")]
    term: u64,
    #[prost(uint64, tag = "2")]
    leader: u64,
    #[prost(bool, tag = "3")]
    committed: bool,
}

/// What all requests of leaders begin with.
#[derive(Clone, Copy, PartialEq, Message)]
struct LeaderMessage {
    #[prost(message, optional, tag = "1")]
    vote: Option<VoteMessage>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct PlaceMessage {
    #[prost(uint64, tag = "1")]
    term: u64,
    #[prost(uint64, tag = "2")]
    leader: u64,
    #[prost(uint64, tag = "3")]
    index: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct AppendMessage {
    #[prost(message, optional, tag = "1")]
    vote: Option<VoteMessage>,
    #[prost(message, optional, tag = "2")]
    previous: Option<PlaceMessage>,
    #[prost(message, optional, tag = "3")]
    committed: Option<PlaceMessage>,
    /// Records.
    #[prost(bytes = "vec", repeated, tag = "4")]
    entries: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct AppendedMessage {
    #[prost(enumeration = "Appended", tag = "1")]
    outcome: i32,
    /// How far it went, if in part.
    #[prost(message, optional, tag = "2")]
    matching: Option<PlaceMessage>,
    /// The higher vote.
    #[prost(message, optional, tag = "3")]
    vote: Option<VoteMessage>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
enum Appended {
    Unknown = 0,
    All = 1,
    InPart = 2,
    Conflict = 3,
    HigherVote = 4,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct VoteRequestMessage {
    #[prost(message, optional, tag = "1")]
    vote: Option<VoteMessage>,
    #[prost(message, optional, tag = "2")]
    last: Option<PlaceMessage>,
    #[prost(bool, tag = "3")]
    transfer: bool,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct VotedMessage {
    #[prost(message, optional, tag = "1")]
    vote: Option<VoteMessage>,
    #[prost(bool, tag = "2")]
    granted: bool,
    #[prost(message, optional, tag = "3")]
    last: Option<PlaceMessage>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SnapshotMessage {
    #[prost(message, optional, tag = "1")]
    vote: Option<VoteMessage>,
    /// A record.
    #[prost(bytes = "vec", tag = "2")]
    snapshot: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct InstalledMessage {
    #[prost(message, optional, tag = "1")]
    vote: Option<VoteMessage>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct TransferMessage {
    #[prost(message, optional, tag = "1")]
    vote: Option<VoteMessage>,
    #[prost(uint64, tag = "2")]
    to: u64,
    #[prost(message, optional, tag = "3")]
    last: Option<PlaceMessage>,
}

/// Empty if it was done.
#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct TransferredMessage {
    /// Set if this is why not.
    #[prost(message, optional, tag = "1")]
    other_vote: Option<VoteMessage>,
    /// Set if the log is not as far as the request names.
    #[prost(bool, tag = "2")]
    log_is_behind: bool,
    /// How far it is then.
    #[prost(message, optional, tag = "3")]
    log: Option<PlaceMessage>,
}

impl From<&Vote> for VoteMessage {
    fn from(vote: &Vote) -> Self {
        Self { term: vote.leader_id.term, leader: vote.leader_id.node_id, committed: vote.committed }
    }
}

impl From<VoteMessage> for Vote {
    fn from(vote: VoteMessage) -> Self {
        let leader_id = openraft::alias::LeaderIdOf::<Types>::new(vote.term, vote.leader);
        Self { leader_id, committed: vote.committed }
    }
}

impl From<LogId> for PlaceMessage {
    fn from(id: LogId) -> Self {
        let Place { term, leader, index } = id.into();
        Self { term, leader, index }
    }
}

impl From<PlaceMessage> for LogId {
    fn from(place: PlaceMessage) -> Self {
        let PlaceMessage { term, leader, index } = place;
        Place { term, leader, index }.into()
    }
}

fn vote(message: Option<VoteMessage>) -> Result<Vote, Malformed> {
    message.map(Into::into).ok_or(Malformed("vote"))
}

fn place(message: Option<PlaceMessage>) -> Option<LogId> {
    message.map(Into::into)
}

fn message<M: Message + Default>(bytes: &[u8], name: &'static str) -> Result<M, Malformed> {
    M::decode(bytes).map_err(|_| Malformed(name))
}

pub(super) fn encode_append(request: &AppendEntriesRequest<Types>) -> std::io::Result<Vec<u8>> {
    let message = AppendMessage {
        vote: Some((&request.vote).into()),
        previous: request.prev_log_id.map(Into::into),
        committed: request.leader_commit.map(Into::into),
        entries: request.entries.iter().map(codec::encode_entry).collect::<Result<_, _>>()?,
    };
    Ok(message.encode_to_vec())
}

pub(super) fn decode_append(bytes: &[u8]) -> Result<AppendEntriesRequest<Types>, Malformed> {
    let request: AppendMessage = message(bytes, "append")?;
    let entries: Result<_, _> = request.entries.iter().map(|entry| codec::decode_entry(entry)).collect();
    Ok(AppendEntriesRequest {
        vote: vote(request.vote)?,
        prev_log_id: place(request.previous),
        leader_commit: place(request.committed),
        entries: entries.map_err(|_| Malformed("entry"))?,
    })
}

pub(super) fn encode_appended(response: &AppendEntriesResponse<Types>) -> Vec<u8> {
    let (outcome, matching, vote) = match response {
        AppendEntriesResponse::Success => (Appended::All, None, None),
        AppendEntriesResponse::PartialSuccess(id) => (Appended::InPart, id.map(Into::into), None),
        AppendEntriesResponse::Conflict => (Appended::Conflict, None, None),
        AppendEntriesResponse::HigherVote(vote) => (Appended::HigherVote, None, Some(vote.into())),
    };
    AppendedMessage { outcome: outcome.into(), matching, vote }.encode_to_vec()
}

pub(super) fn decode_appended(bytes: &[u8]) -> Result<AppendEntriesResponse<Types>, Malformed> {
    let response: AppendedMessage = message(bytes, "appended")?;
    Ok(match response.outcome() {
        Appended::Unknown => return Err(Malformed("outcome")),
        Appended::All => AppendEntriesResponse::Success,
        Appended::InPart => AppendEntriesResponse::PartialSuccess(place(response.matching)),
        Appended::Conflict => AppendEntriesResponse::Conflict,
        Appended::HigherVote => AppendEntriesResponse::HigherVote(vote(response.vote)?),
    })
}

pub(super) fn encode_vote_request(request: &VoteRequest<Types>) -> Vec<u8> {
    let message = VoteRequestMessage {
        vote: Some((&request.vote).into()),
        last: request.last_log_id.map(Into::into),
        transfer: request.leadership_transfer,
    };
    message.encode_to_vec()
}

pub(super) fn decode_vote_request(bytes: &[u8]) -> Result<VoteRequest<Types>, Malformed> {
    let request: VoteRequestMessage = message(bytes, "vote request")?;
    let mut decoded = VoteRequest::new(vote(request.vote)?, place(request.last));
    decoded.leadership_transfer = request.transfer;
    Ok(decoded)
}

pub(super) fn encode_voted(response: &VoteResponse<Types>) -> Vec<u8> {
    let message = VotedMessage {
        vote: Some((&response.vote).into()),
        granted: response.vote_granted,
        last: response.last_log_id.map(Into::into),
    };
    message.encode_to_vec()
}

pub(super) fn decode_voted(bytes: &[u8]) -> Result<VoteResponse<Types>, Malformed> {
    let response: VotedMessage = message(bytes, "voted")?;
    Ok(VoteResponse::new(vote(response.vote)?, place(response.last), response.granted))
}

pub(super) fn encode_snapshot(vote: &Vote, snapshot: &Snapshot) -> std::io::Result<Vec<u8>> {
    let record = codec::encode_snapshot(&snapshot.meta, &snapshot.snapshot)?;
    Ok(SnapshotMessage { vote: Some(vote.into()), snapshot: record }.encode_to_vec())
}

pub(super) fn decode_snapshot(bytes: &[u8]) -> Result<(Vote, Snapshot), Malformed> {
    let request: SnapshotMessage = message(bytes, "snapshot")?;
    let (meta, snapshot) = codec::decode_snapshot(&request.snapshot).map_err(|_| Malformed("snapshot"))?;
    Ok((vote(request.vote)?, Snapshot { meta, snapshot }))
}

pub(super) fn encode_installed(vote: &Vote) -> Vec<u8> {
    InstalledMessage { vote: Some(vote.into()) }.encode_to_vec()
}

pub(super) fn decode_installed(bytes: &[u8]) -> Result<Vote, Malformed> {
    vote(message::<InstalledMessage>(bytes, "installed")?.vote)
}

pub(super) fn encode_transfer(request: &TransferLeaderRequest<Types>) -> Vec<u8> {
    let message = TransferMessage {
        vote: Some(request.from_leader().into()),
        to: *request.to_node_id(),
        last: request.last_log_id().copied().map(Into::into),
    };
    message.encode_to_vec()
}

pub(super) fn decode_transfer(bytes: &[u8]) -> Result<TransferLeaderRequest<Types>, Malformed> {
    let request: TransferMessage = message(bytes, "transfer")?;
    Ok(TransferLeaderRequest::new(vote(request.vote)?, request.to, place(request.last)))
}

pub(super) fn encode_transferred(response: &Result<(), TransferLeaderError<Types>>) -> Vec<u8> {
    let (other_vote, log_is_behind, log) = match response {
        Ok(()) => (None, false, None),
        Err(TransferLeaderError::VoteChanged { actual, .. }) => (Some(actual.into()), false, None),
        Err(TransferLeaderError::LogNotFlushed { actual, .. }) => (None, true, actual.map(Into::into)),
    };
    TransferredMessage { other_vote, log_is_behind, log }.encode_to_vec()
}

/// `request` is what was asked.
pub(super) fn decode_transferred(
    bytes: &[u8],
    request: &TransferLeaderRequest<Types>,
) -> Result<Result<(), TransferLeaderError<Types>>, Malformed> {
    let response: TransferredMessage = message(bytes, "transferred")?;
    if let Some(actual) = response.other_vote {
        let expected = *request.from_leader();
        return Ok(Err(TransferLeaderError::VoteChanged { expected, actual: actual.into() }));
    }
    if response.log_is_behind {
        let (expected, actual) = (request.last_log_id().copied(), place(response.log));
        return Ok(Err(TransferLeaderError::LogNotFlushed { expected, actual }));
    }
    Ok(Ok(()))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use openraft::{BasicNode, EntryPayload};

    use super::*;
    use crate::cluster::raft::types::{Data, Entry, Membership, SnapshotMeta, StoredMembership};

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn a_vote() -> Vote {
        VoteMessage { term: 300, leader: 2, committed: true }.into()
    }

    fn id(index: u64) -> LogId {
        PlaceMessage { term: 3, leader: 1, index }.into()
    }

    const VOTE: &str = "08ac0210021801";

    #[test]
    fn appends_keep_their_bytes() {
        let entry = Entry { log_id: id(9), payload: EntryPayload::Normal(Data(vec![7])) };
        let record = codec::encode_entry(&entry).unwrap();
        let request = AppendEntriesRequest {
            vote: a_vote(),
            prev_log_id: Some(id(8)),
            entries: vec![entry],
            leader_commit: Some(id(5)),
        };
        let bytes = encode_append(&request).unwrap();
        let golden =
            format!("0a07{VOTE}1206080310011808 1a06080310011805 22{:02x}", record.len()).replace(' ', "");
        assert_eq!(hex(&bytes), golden + &hex(&record));
        let decoded = decode_append(&bytes).unwrap();
        assert_eq!(format!("{decoded:?}"), format!("{request:?}"));

        for (response, golden) in [
            (AppendEntriesResponse::Success, "0801".to_owned()),
            (AppendEntriesResponse::PartialSuccess(Some(id(8))), "08021206080310011808".to_owned()),
            (AppendEntriesResponse::PartialSuccess(None), "0802".to_owned()),
            (AppendEntriesResponse::Conflict, "0803".to_owned()),
            (AppendEntriesResponse::HigherVote(a_vote()), format!("08041a07{VOTE}")),
        ] {
            let bytes = encode_appended(&response);
            assert_eq!(hex(&bytes), golden);
            assert_eq!(decode_appended(&bytes), Ok(response));
        }
        // An outcome that a newer node might have.
        assert_eq!(decode_appended(&[8, 9]), Err(Malformed("outcome")));
        assert_eq!(decode_append(&[]).map(|_| ()), Err(Malformed("vote")));
    }

    #[test]
    fn votes_keep_their_bytes() {
        let mut request = VoteRequest::new(a_vote(), Some(id(4)));
        request.leadership_transfer = true;
        let bytes = encode_vote_request(&request);
        assert_eq!(hex(&bytes), format!("0a07{VOTE}12060803100118041801"));
        assert_eq!(decode_vote_request(&bytes), Ok(request));

        let response = VoteResponse::new(a_vote(), Some(id(4)), true);
        let bytes = encode_voted(&response);
        assert_eq!(hex(&bytes), format!("0a07{VOTE}10011a06080310011804"));
        assert_eq!(decode_voted(&bytes), Ok(response));
    }

    #[test]
    fn snapshots_keep_their_bytes() {
        let nodes = BTreeMap::from([(1, BasicNode::new("a:1"))]);
        let membership = Membership::new(vec![BTreeSet::from([1])], nodes).unwrap();
        let last_membership = StoredMembership::new(Some(id(2)), membership);
        let meta = SnapshotMeta { last_log_id: Some(id(4)), last_membership };
        let snapshot = Snapshot { meta: meta.clone(), snapshot: vec![1, 2] };
        let record = codec::encode_snapshot(&meta, &[1, 2]).unwrap();
        let bytes = encode_snapshot(&a_vote(), &snapshot).unwrap();
        assert_eq!(hex(&bytes), format!("0a07{VOTE}12{:02x}{}", record.len(), hex(&record)));
        let (vote, decoded) = decode_snapshot(&bytes).unwrap();
        assert_eq!((vote, decoded.meta, decoded.snapshot), (a_vote(), meta, vec![1, 2]));
        // Damage is noticed before anything is replaced.
        let mut torn = bytes;
        *torn.last_mut().unwrap() ^= 1;
        assert_eq!(decode_snapshot(&torn).map(|_| ()), Err(Malformed("snapshot")));

        let bytes = encode_installed(&a_vote());
        assert_eq!(hex(&bytes), format!("0a07{VOTE}"));
        assert_eq!(decode_installed(&bytes), Ok(a_vote()));
    }

    #[test]
    fn transfers_keep_their_bytes() {
        let request = TransferLeaderRequest::new(a_vote(), 7, Some(id(4)));
        let bytes = encode_transfer(&request);
        assert_eq!(hex(&bytes), format!("0a07{VOTE}10071a06080310011804"));
        assert_eq!(decode_transfer(&bytes), Ok(request.clone()));

        let (expected, other) = (a_vote(), Vote::new(301, 3));
        for (response, golden) in [
            (Ok(()), ""),
            (Err(TransferLeaderError::VoteChanged { expected, actual: other }), "0a0508ad021003"),
            (
                Err(TransferLeaderError::LogNotFlushed { expected: Some(id(4)), actual: Some(id(3)) }),
                "10011a06080310011803",
            ),
        ] {
            let bytes = encode_transferred(&response);
            assert_eq!(hex(&bytes), golden);
            assert_eq!(decode_transferred(&bytes, &request), Ok(response));
        }
    }

    #[test]
    fn kinds_keep_their_numbers() {
        let known: Vec<_> = (0..=u8::MAX).filter_map(|number| Some((number, Kind::of(number)?))).collect();
        let kinds = [
            (1, Kind::Append),
            (2, Kind::Vote),
            (3, Kind::PreVote),
            (4, Kind::Snapshot),
            (5, Kind::Transfer),
        ];
        assert_eq!(known, kinds);
        assert!(kinds.iter().all(|(number, kind)| *number == *kind as u8 && *number <= KIND_MAX));
    }
}
