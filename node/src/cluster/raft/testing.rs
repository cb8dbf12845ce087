//! What the tests of this module share: a machine of numbers, and state directories.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use larder_proto::record::{self, RecordError};
use larder_proto::topology::{ClusterId, NodeId};

use super::applier::Machine;
use super::memory::MemoryDisk;
use crate::cluster::identity::{Identity, StateDir};

/// Numbers by name, and how often anything has changed.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Numbers {
    pub(crate) changes: u64,
    pub(crate) numbers: BTreeMap<String, u64>,
    /// Indices of the changes that asked for a number.
    pub(crate) admitted: Vec<u64>,
}

#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) enum NumberChange {
    Set(String, u64),
    Admit,
}

impl Machine for Numbers {
    type Change = NumberChange;
    type Answer = Option<u64>;

    fn apply(&mut self, index: u64, change: NumberChange) -> Option<u64> {
        self.changes += 1;
        match change {
            NumberChange::Set(name, number) => self.numbers.insert(name, number),
            NumberChange::Admit => {
                self.admitted.push(index);
                Some(index)
            }
        }
    }

    fn snapshot(&self) -> Vec<u8> {
        record::encode(self).unwrap()
    }

    fn restore(bytes: &[u8]) -> Result<Self, RecordError> {
        record::decode(bytes)
    }
}

/// A directory that goes with its value.
pub(crate) struct TempDir(PathBuf);

impl TempDir {
    pub(crate) fn new() -> Self {
        let path = std::env::temp_dir().join(format!("larder-raft-{:016x}", fastrand::Rng::new().u64(..)));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn identity(node: u64) -> Identity {
    Identity { cluster: ClusterId(0xfeed), node: NodeId(node) }
}

/// A memory disk with this identity.
pub(crate) fn disk_of(node: u64) -> MemoryDisk {
    let disk = MemoryDisk::new();
    StateDir::Memory(disk.clone()).keep(&identity(node)).unwrap();
    disk
}
