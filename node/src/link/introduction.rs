//! What two nodes tell each other first, and whether they belong together.

use std::fmt;

use larder_proto::topology::{ClusterId, Incarnation, NodeId};
use prost::Message;

use super::error::{FrameError, LinkError};
use crate::limits::{CONTROL_FRAME_BYTES_MAX, LINK_FRAME_BYTES_MAX};

/// The versions of the protocol between nodes that this program speaks.
pub const VERSIONS: Versions = Versions { min: 1, max: 1 };

/// The oldest and the newest version of the protocol between nodes that somebody speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    /// The oldest.
    pub min: u32,
    /// The newest.
    pub max: u32,
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// Raft, joining, leases, proposals.
    Control = 1,
    /// Forwarded requests and their replies.
    Requests = 2,
    /// Effects and their acknowledgements.
    Stream = 3,
}

/// What a node says of itself when a connection begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Introduction {
    /// The versions it speaks.
    pub versions: Versions,
    /// Its region.
    pub region: String,
    /// Its cluster, once it belongs to one.
    pub cluster: Option<ClusterId>,
    /// Its number, once it has one.
    pub node: Option<NodeId>,
    /// This run of its process.
    pub incarnation: Incarnation,
    /// What the connection is for.
    pub purpose: Purpose,
}

impl Introduction {
    /// The version that both speak, if the two belong together.
    ///
    /// # Errors
    /// What does not match. Both sides come to the same result.
    pub(super) fn agree(&self, theirs: &Self) -> Result<u32, LinkError> {
        if self.region != theirs.region {
            return Err(LinkError::Region { ours: self.region.clone(), theirs: theirs.region.clone() });
        }
        let version = self.versions.max.min(theirs.versions.max);
        if version < self.versions.min.max(theirs.versions.min) {
            return Err(LinkError::Version { ours: self.versions, theirs: theirs.versions });
        }
        let same = match (self.cluster, theirs.cluster) {
            (Some(ours), Some(theirs)) => ours == theirs,
            _ => self.purpose == Purpose::Control,
        };
        if !same {
            return Err(LinkError::Cluster { ours: self.cluster, theirs: theirs.cluster });
        }
        Ok(version)
    }

    /// Appends it as it travels. `wanted` is who the caller wants to speak to.
    pub(super) fn encode(&self, wanted: Option<NodeId>, to: &mut Vec<u8>) {
        let message = IntroductionMessage {
            version_min: self.versions.min,
            version_max: self.versions.max,
            region: self.region.clone(),
            cluster: self.cluster.map(|cluster| cluster.0.to_be_bytes().to_vec()),
            node: self.node.map(|node| node.0),
            incarnation: self.incarnation.0,
            purpose: self.purpose as u32,
            wanted: wanted.map(|node| node.0),
        };
        // Writing to memory that grows cannot fail.
        let _ = message.encode(to);
    }

    /// Reads what [`Introduction::encode`] wrote.
    ///
    /// # Errors
    /// It is none.
    pub(super) fn decode(bytes: &[u8]) -> Result<(Self, Option<NodeId>), FrameError> {
        let message = IntroductionMessage::decode(bytes).map_err(|_| FrameError::Message("introduction"))?;
        let cluster = match message.cluster.map(|bytes| <[u8; 16]>::try_from(bytes.as_slice())) {
            None => None,
            Some(Ok(bytes)) => Some(ClusterId(u128::from_be_bytes(bytes))),
            Some(Err(_)) => return Err(FrameError::Message("number of the cluster")),
        };
        let introduction = Self {
            versions: Versions { min: message.version_min, max: message.version_max },
            region: message.region,
            cluster,
            node: message.node.map(NodeId),
            incarnation: Incarnation(message.incarnation),
            purpose: Purpose::of(message.purpose).ok_or(FrameError::Message("purpose"))?,
        };
        Ok((introduction, message.wanted.map(NodeId)))
    }
}

impl Purpose {
    /// Bytes of one message on a connection for this, without those that tell its length.
    #[must_use]
    pub const fn frame_bytes_max(self) -> usize {
        match self {
            Self::Control => CONTROL_FRAME_BYTES_MAX,
            Self::Requests | Self::Stream => LINK_FRAME_BYTES_MAX,
        }
    }

    const fn of(number: u32) -> Option<Self> {
        match number {
            1 => Some(Self::Control),
            2 => Some(Self::Requests),
            3 => Some(Self::Stream),
            _ => None,
        }
    }
}

impl fmt::Display for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.min, self.max)
    }
}

/// The introduction on the wire. Numbers of fields never change.
#[derive(Clone, PartialEq, Message)]
struct IntroductionMessage {
    #[prost(uint32, tag = "1")]
    version_min: u32,
    #[prost(uint32, tag = "2")]
    version_max: u32,
    #[prost(string, tag = "3")]
    region: String,
    #[prost(bytes = "vec", optional, tag = "4")]
    cluster: Option<Vec<u8>>,
    #[prost(uint64, optional, tag = "5")]
    node: Option<u64>,
    #[prost(fixed64, tag = "6")]
    incarnation: u64,
    #[prost(uint32, tag = "7")]
    purpose: u32,
    #[prost(uint64, optional, tag = "8")]
    wanted: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn introduction() -> Introduction {
        Introduction {
            versions: Versions { min: 1, max: 3 },
            region: "west".to_owned(),
            cluster: Some(ClusterId(0x0102)),
            node: Some(NodeId(300)),
            incarnation: Incarnation(7),
            purpose: Purpose::Stream,
        }
    }

    #[test]
    fn bytes_on_the_wire_never_change() {
        let mut bytes = Vec::new();
        introduction().encode(Some(NodeId(9)), &mut bytes);
        let golden = b"\x08\x01\x10\x03\x1a\x04west\x22\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x02\x28\xac\x02\
            \x31\x07\0\0\0\0\0\0\0\x38\x03\x40\x09";
        assert_eq!(bytes, golden);
        assert_eq!(Introduction::decode(golden), Ok((introduction(), Some(NodeId(9)))));
    }

    #[test]
    fn fields_of_later_versions_are_passed_over() {
        let mut bytes = Vec::new();
        introduction().encode(None, &mut bytes);
        bytes.extend_from_slice(b"\xfa\x01\x02hi");
        assert_eq!(Introduction::decode(&bytes), Ok((introduction(), None)));
    }

    #[test]
    fn what_is_no_introduction_is_refused() {
        for bytes in [&b"\xff\xff"[..], b"\x22\x01\x00\x38\x01", b"\x38\x09"] {
            assert!(Introduction::decode(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn the_newest_version_of_both_is_spoken() {
        let newer = Introduction { versions: Versions { min: 2, max: 9 }, ..introduction() };
        assert_eq!(introduction().agree(&newer).ok(), Some(3));
        let foreign = Introduction { versions: Versions { min: 4, max: 9 }, ..introduction() };
        assert!(matches!(introduction().agree(&foreign), Err(LinkError::Version { .. })));
    }

    #[test]
    fn a_node_without_a_cluster_may_only_speak_of_control() {
        let member = Introduction { purpose: Purpose::Control, ..introduction() };
        let newcomer = Introduction { cluster: None, node: None, ..member.clone() };
        assert!(member.agree(&newcomer).is_ok() && newcomer.agree(&member).is_ok());
        let early = Introduction { cluster: None, ..introduction() };
        assert!(matches!(introduction().agree(&early), Err(LinkError::Cluster { .. })));
    }
}
