//! The state directory: which node of which cluster this is, kept beside Raft's log, for one process at a time. What the
//! log holds is left to `raft`.
//!
//! ```text
//! lock       locked as long as the process runs
//! raft.redb  Raft's log; it names the identity that it belongs to
//! identity   the identity, replaced as a whole
//! ```
//!
//! A node without its log is a new node, even if its number is still there: what it has voted for is not known any more.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use larder_proto::record;
use larder_proto::topology::{ClusterId, NodeId};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use super::raft::{MemoryDisk, stored_identity, write_empty_log};

/// Who this is. Handed out by the cluster once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The cluster that the node belongs to.
    pub cluster: ClusterId,
    /// Its number there.
    pub node: NodeId,
}

/// Where a node keeps its identity and Raft's log. Clones are the same place.
#[derive(Clone, Debug)]
pub enum StateDir {
    /// On a disk.
    Files(Arc<Directory>),
    /// In memory, for simulations.
    Memory(MemoryDisk),
}

/// A directory that no other process uses.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    /// Locked until it is dropped.
    _lock: File,
}

/// Why a state directory cannot be used. The node must not start, or must stop: a voter that cannot write its vote must
/// not vote. Nothing of an earlier identity has been lost.
#[derive(Debug)]
pub struct StateError {
    path: String,
    /// What is wrong.
    pub cause: StateFault,
}

/// What is wrong with a state directory.
#[derive(Debug)]
pub enum StateFault {
    /// Another process uses it.
    InUse,
    /// It cannot be written.
    ReadOnly(io::Error),
    /// There is no room left.
    Full,
    /// It is damaged, or a newer program's.
    Damaged(String),
    /// Something else.
    Io(io::Error),
}

impl StateDir {
    /// Takes a directory for this process, makes it if it is not there, and looks whether it can be written.
    ///
    /// # Errors
    /// Another process uses it; it is read-only or full.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        let named = |fault| StateError { path: path.display().to_string(), cause: fault };
        let lock = take(path).map_err(named)?;
        try_to_write(path).map_err(|error| named(error.into()))?;
        Ok(Self::Files(Arc::new(Directory { path: path.to_owned(), _lock: lock })))
    }

    /// Who this is. None if the directory is new, or if the log that belonged to the identity is lost: then this is a new
    /// node.
    ///
    /// # Errors
    /// What is there is damaged, or cannot be read.
    pub fn identity(&self) -> Result<Option<Identity>, StateError> {
        let bytes = match self {
            Self::Files(directory) => {
                read(&directory.path.join(IDENTITY)).map_err(|error| self.fault(error))?
            }
            Self::Memory(disk) => disk.identity(),
        };
        let Some(bytes) = bytes else { return Ok(None) };
        let identity =
            record::decode(&bytes).map_err(|error| self.named(StateFault::Damaged(error.to_string())))?;
        let of_log = stored_identity(self).map_err(|error| self.fault(error))?;
        if of_log.as_deref() != Some(&bytes[..]) {
            tracing::warn!("the state directory has an identity, but not its log: this is a new node");
            return Ok(None);
        }
        Ok(Some(identity))
    }

    /// Becomes this node, with an empty log. What was there before is thrown away. Safe on the disk when it returns.
    ///
    /// # Errors
    /// The directory cannot be written, or is full. Then there may be no identity.
    pub fn keep(&self, identity: &Identity) -> Result<(), StateError> {
        self.clear()?;
        let bytes =
            record::encode(identity).map_err(|error| self.named(StateFault::Damaged(error.to_string())))?;
        // The log first: an identity without one is one that has lost it.
        write_empty_log(self, &bytes).map_err(|error| self.fault(error))?;
        match self {
            Self::Files(directory) => replace(&directory.path, &bytes),
            Self::Memory(disk) => disk.put_identity(Some(bytes)),
        }
        .map_err(|error| self.fault(error))
    }

    /// Forgets who this was, and the log: the next start is a new node's.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn clear(&self) -> Result<(), StateError> {
        match self {
            Self::Files(directory) => [IDENTITY, LOG].iter().try_for_each(|name| {
                remove(&directory.path.join(name))?;
                File::open(&directory.path)?.sync_all()
            }),
            Self::Memory(disk) => disk.put_identity(None).and_then(|()| disk.clear()),
        }
        .map_err(|error| self.fault(error))
    }

    fn named(&self, cause: StateFault) -> StateError {
        let path = match self {
            Self::Files(directory) => directory.path.display().to_string(),
            Self::Memory(_) => "memory".to_owned(),
        };
        StateError { path, cause }
    }

    fn fault(&self, error: io::Error) -> StateError {
        self.named(error.into())
    }
}

impl Directory {
    pub(super) fn log_path(&self) -> PathBuf {
        self.path.join(LOG)
    }
}

/// The lock goes with the process, however it ends.
fn take(path: &Path) -> Result<File, StateFault> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    let lock =
        OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path.join(LOCK))?;
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(lock),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(StateFault::InUse),
        Err(error) => Err(StateFault::Io(error.into())),
    }
}

/// A disk without room for a vote is to be noticed before the node joins.
fn try_to_write(path: &Path) -> io::Result<()> {
    let trial = path.join(TRIAL);
    let written = write_file(&trial, &[0; ROOM_BYTES_MIN]);
    let removed = remove(&trial);
    written.and(removed)
}

/// The old file or the new one, whenever the power fails.
fn replace(directory: &Path, bytes: &[u8]) -> io::Result<()> {
    let trial = directory.join(TRIAL);
    write_file(&trial, bytes)?;
    fs::rename(&trial, directory.join(IDENTITY))?;
    File::open(directory)?.sync_all()
}

fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

impl From<io::Error> for StateFault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => Self::ReadOnly(error),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            io::ErrorKind::InvalidData => Self::Damaged(error.to_string()),
            _ => Self::Io(error),
        }
    }
}

impl std::fmt::Display for StateError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = &self.path;
        match &self.cause {
            StateFault::InUse => write!(f, "the state directory {path} is in use by another process"),
            StateFault::ReadOnly(error) => write!(
                f,
                "the state directory {path} cannot be written ({error}): a node must be able to keep its vote; give it \
                 another directory with --state-dir"
            ),
            StateFault::Full => write!(
                f,
                "the state directory {path} has no room left: a node must be able to keep its vote; make room, or give it \
                 another directory with --state-dir"
            ),
            StateFault::Damaged(error) => write!(
                f,
                "the state directory {path} is damaged, or a newer version's ({error}); without it the node starts as a \
                 new one"
            ),
            StateFault::Io(error) => write!(f, "the state directory {path} cannot be used: {error}"),
        }
    }
}

impl std::error::Error for StateError {}

const LOCK: &str = "lock";
const LOG: &str = "raft.redb";
const IDENTITY: &str = "identity";
const TRIAL: &str = "identity.new";

/// Bytes that must fit when a node starts: a vote and some entries.
const ROOM_BYTES_MIN: usize = 64 * 1024;

#[cfg(test)]
mod tests;
