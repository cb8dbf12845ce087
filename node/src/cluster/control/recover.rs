//! A cluster whose majority is lost for good: one node makes a new one out of what it knows. Offline; the node starts as usual
//! afterwards, and others join it with empty state directories.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use larder_proto::topology::{ClusterId, Epoch, Incarnation, Member};
use tokio::time::{sleep, timeout};

use super::join::FOUNDER;
use super::{control_port, introduction};
use crate::cluster::identity::{Identity, StateDir, StateError};
use crate::cluster::machine::{Change, State};
use crate::cluster::raft::{Node, NodeParts, RaftSettings, salvage};
use crate::cluster::rpc::{PeerParts, Peers};
use crate::cluster::sealed::Sealed;
use crate::link::{Purpose, Secret};
use crate::net::Network;

/// Why a cluster was not made anew.
#[derive(Debug)]
pub enum RecoverError {
    /// The state directory cannot be used, or has no identity.
    State(StateError),
    /// The directory is not a member's: there is nothing to go on from.
    NoMember,
    /// Raft's log cannot be read or written.
    Log(io::Error),
    /// The new cluster did not come about in time. The directory may have the new identity already: try again.
    Late,
}

/// Makes a new cluster, with this node as its only member, its settings and external caches as this node knew them, and an
/// epoch beyond all that the old one can have reached. Values are lost. The new cluster's number.
///
/// # Errors
/// See [`RecoverError`].
pub async fn recover(
    place: &StateDir,
    network: Arc<dyn Network>,
    member: Member,
    seed: u64,
) -> Result<ClusterId, RecoverError> {
    let old = place.identity().map_err(RecoverError::State)?.ok_or(RecoverError::NoMember)?;
    let mut random = Rng::with_seed(seed);
    let state = salvage(place, old.node, State::default()).await.map_err(RecoverError::Log)?;
    let identity = Identity { cluster: ClusterId(random.u128(1..)), node: FOUNDER };
    // Calls nobody: the new cluster has no other member.
    let peers = Peers::new(PeerParts {
        network,
        secret: Arc::new(Secret::new("")),
        own: Rc::new(|| introduction("", None, Incarnation(0), Purpose::Control)),
        random: RefCell::new(random.fork()),
    });
    place.keep(&identity).map_err(RecoverError::State)?;
    timeout(RECOVER_TIME_MAX, found(place, identity, (&state, member), peers))
        .await
        .map_err(|_| RecoverError::Late)?
        .map_err(RecoverError::Log)?;
    Ok(identity.cluster)
}

async fn found(
    place: &StateDir,
    identity: Identity,
    (old, member): (&State, Member),
    peers: Peers,
) -> io::Result<()> {
    let node = Node::start(parts(place, identity, peers)).await?;
    node.initialize(&member.host, control_port(member.port)).await.map_err(io::Error::other)?;
    let mut changes = vec![Change::Found {
        cluster: identity.cluster,
        epoch: Epoch(old.topology.epoch.0 + EPOCHS_BEYOND),
        node: identity.node,
        member,
        expected: 1,
        replicas: old.topology.replicas,
    }];
    let setting = |(name, value): (&String, &String)| Change::Setting {
        name: name.clone(),
        value: Some(value.clone()),
    };
    let cache =
        |(name, value): (&String, &Sealed)| Change::Cache { name: name.clone(), value: Some(value.clone()) };
    changes.extend(old.settings.iter().map(setting));
    changes.extend(old.caches.iter().map(cache));
    for change in &changes {
        while node.propose(change).await.is_err() {
            // Not elected yet.
            sleep(ELECTION_PAUSE).await;
        }
    }
    node.shutdown().await;
    Ok(())
}

fn parts(place: &StateDir, identity: Identity, peers: Peers) -> NodeParts<State> {
    let settings = RaftSettings::default();
    NodeParts { node: identity.node, place: place.clone(), peers, initial: State::default(), settings }
}

impl fmt::Display for RecoverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::State(error) => error.fmt(f),
            Self::NoMember => f.write_str(
                "the state directory is not a member's: recover where a node of the lost cluster has run",
            ),
            Self::Log(error) => write!(f, "Raft's log in the state directory: {error}"),
            Self::Late => f.write_str("the new cluster did not come about in time: try again"),
        }
    }
}

impl std::error::Error for RecoverError {}

/// Far more epochs than a lost majority can have got ahead of this node.
const EPOCHS_BEYOND: u64 = 1 << 32;

/// How long it may take in all.
const RECOVER_TIME_MAX: Duration = Duration::from_secs(20);

/// Between two tries.
const ELECTION_PAUSE: Duration = Duration::from_millis(20);
