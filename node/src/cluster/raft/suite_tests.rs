//! openraft's own tests of a log and a state machine, on memory and on files.

use std::rc::Rc;

use larder_proto::topology::NodeId;
use openraft::StorageError;
use openraft::testing::log::{StoreBuilder, Suite};
use tokio::runtime::LocalRuntime;

use super::applier::Applier;
use super::log::Log;
use super::testing::{Numbers, TempDir, disk_of, identity};
use super::types::Types;
use crate::cluster::identity::StateDir;

struct OnMemory;
struct OnFiles;

impl StoreBuilder<Types, Log, Applier<Numbers>> for OnMemory {
    async fn build(&self) -> Result<((), Log, Applier<Numbers>), StorageError<Types>> {
        let (log, applier) = open(&StateDir::Memory(disk_of(1)));
        Ok(((), log, applier))
    }
}

impl StoreBuilder<Types, Log, Applier<Numbers>, TempDir> for OnFiles {
    async fn build(&self) -> Result<(TempDir, Log, Applier<Numbers>), StorageError<Types>> {
        let directory = TempDir::new();
        let place = StateDir::open(directory.path()).unwrap();
        place.keep(&identity(1)).unwrap();
        let (log, applier) = open(&place);
        Ok((directory, log, applier))
    }
}

fn open(place: &StateDir) -> (Log, Applier<Numbers>) {
    let opened = Log::open(place, NodeId(1), usize::MAX, Rc::default()).unwrap();
    let (applier, _) = Applier::new(Numbers::default(), opened.snapshot, opened.writer).unwrap();
    (opened.log, applier)
}

#[test]
fn the_suite_passes_on_memory() {
    LocalRuntime::new().unwrap().block_on(Suite::test_all(OnMemory)).unwrap();
}

#[test]
fn the_suite_passes_on_files() {
    LocalRuntime::new().unwrap().block_on(Suite::test_all(OnFiles)).unwrap();
}
