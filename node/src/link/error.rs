//! Why a connection between nodes was refused or ended. Each sentence says what does not match, or what to do.

use std::fmt;
use std::io;

use larder_proto::topology::{ClusterId, NodeId};

use super::introduction::Versions;

/// Why a connection between nodes was refused or ended.
#[derive(Debug)]
pub enum LinkError {
    /// The other side has closed it.
    Closed,
    /// The network failed.
    Io(io::Error),
    /// The other side did not prove that it knows the secret, or did not believe that we do.
    Secret,
    /// The other side belongs to another region.
    Region {
        /// Our region.
        ours: String,
        /// Its region.
        theirs: String,
    },
    /// The other side belongs to another cluster, or one of the two to none where both have to.
    Cluster {
        /// Our cluster.
        ours: Option<ClusterId>,
        /// Its cluster.
        theirs: Option<ClusterId>,
    },
    /// Who answers is not who was called.
    Node {
        /// Who was called.
        wanted: NodeId,
        /// Who answered.
        found: Option<NodeId>,
    },
    /// No version of the protocol is spoken by both.
    Version {
        /// What we speak.
        ours: Versions,
        /// What it speaks.
        theirs: Versions,
    },
    /// What came is no message.
    Frame(FrameError),
    /// The other side took too long to introduce itself.
    Late,
}

/// What is wrong with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameError {
    /// It says that it has more bytes than it may.
    TooLong {
        /// As it says.
        bytes: usize,
        /// As many as may be.
        bytes_max: usize,
    },
    /// It has not even a kind.
    Empty,
    /// A frame of another kind was expected.
    Kind(u8),
    /// Its message cannot be read, or lacks something.
    Message(&'static str),
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the other node closed the connection"),
            Self::Io(error) => write!(f, "the connection failed: {error}"),
            Self::Secret => f.write_str(
                "the two nodes do not have the same cluster secret: set --cluster-secret alike on all",
            ),
            Self::Region { ours, theirs } => {
                write!(
                    f,
                    "this node is of region {ours:?}, the other one of region {theirs:?}: nodes of two regions never join"
                )
            }
            Self::Cluster { ours, theirs } => write!(
                f,
                "this node is of {}, the other one of {}: a node that is to change over needs an empty --state-dir",
                Shown(*ours),
                Shown(*theirs)
            ),
            Self::Node { wanted, found: Some(found) } => {
                write!(
                    f,
                    "called node {}, but node {} answered: an address has changed hands",
                    wanted.0, found.0
                )
            }
            Self::Node { wanted, found: None } => {
                write!(
                    f,
                    "called node {}, but a node without a number answered: it has lost its state",
                    wanted.0
                )
            }
            Self::Version { ours, theirs } => write!(
                f,
                "this node speaks versions {ours} between nodes, the other one {theirs}: upgrade in steps that overlap"
            ),
            Self::Frame(error) => error.fmt(f),
            Self::Late => f.write_str("the other node took too long to introduce itself"),
        }
    }
}

impl std::error::Error for LinkError {}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { bytes, bytes_max } => {
                write!(f, "a message of {bytes} bytes came, at most {bytes_max} are taken")
            }
            Self::Empty => f.write_str("a message without a kind came"),
            Self::Kind(kind) => write!(f, "a message of kind {kind} came, which does not belong here"),
            Self::Message(what) => write!(f, "a message came that cannot be read: {what}"),
        }
    }
}

impl From<io::Error> for LinkError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
                Self::Closed
            }
            _ => Self::Io(error),
        }
    }
}

impl From<FrameError> for LinkError {
    fn from(error: FrameError) -> Self {
        Self::Frame(error)
    }
}

/// A cluster as operators see it.
struct Shown(Option<ClusterId>);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(cluster) => write!(f, "cluster {:032x}", cluster.0),
            None => f.write_str("no cluster yet"),
        }
    }
}
