//! What happens with a state directory that is kept, lost, read-only, full, in use, or damaged.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use larder_proto::topology::{ClusterId, NodeId};

use super::{Identity, StateDir, StateError, StateFault};
use crate::cluster::raft::MemoryDisk;
use crate::cluster::raft::testing::{TempDir, identity};

fn open(path: &Path) -> Result<StateDir, StateError> {
    StateDir::open(path)
}

#[test]
fn kept_it_is_the_same_node() {
    let directory = TempDir::new();
    let path = directory.path().join("made/on/demand");
    let state = open(&path).unwrap();
    assert_eq!(state.identity().unwrap(), None);
    state.keep(&identity(5)).unwrap();
    assert_eq!(state.identity().unwrap(), Some(identity(5)));
    drop(state);

    let state = open(&path).unwrap();
    assert_eq!(state.identity().unwrap(), Some(identity(5)));
    // Another cluster's node from now on.
    let other = Identity { cluster: ClusterId(u128::MAX), node: NodeId(u64::MAX) };
    state.keep(&other).unwrap();
    assert_eq!(state.identity().unwrap(), Some(other));
    state.clear().unwrap();
    assert_eq!(state.identity().unwrap(), None);
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "nobody else reads it");
}

#[test]
fn without_its_log_it_is_a_new_node() {
    let (directory, other) = (TempDir::new(), TempDir::new());
    let state = open(directory.path()).unwrap();
    state.keep(&identity(5)).unwrap();
    let log = directory.path().join("raft.redb");
    fs::remove_file(&log).unwrap();
    assert_eq!(state.identity().unwrap(), None);

    // An empty file is no log either, nor is that of another node.
    fs::write(&log, b"").unwrap();
    assert_eq!(state.identity().unwrap(), None);
    let elsewhere = open(other.path()).unwrap();
    elsewhere.keep(&identity(6)).unwrap();
    fs::copy(other.path().join("raft.redb"), &log).unwrap();
    assert_eq!(state.identity().unwrap(), None);

    state.keep(&identity(7)).unwrap();
    fs::remove_file(directory.path().join("identity")).unwrap();
    assert_eq!(state.identity().unwrap(), None, "a log without an identity is nobody's");
}

#[test]
fn one_process_at_a_time() {
    let directory = TempDir::new();
    let state = open(directory.path()).unwrap();
    let error = open(directory.path()).unwrap_err();
    assert!(matches!(error.cause, StateFault::InUse), "{error:?}");
    assert!(error.to_string().contains("in use by another process"), "{error}");
    drop(state);
    open(directory.path()).unwrap();
}

#[test]
fn read_only_it_says_so() {
    // Not even root writes there. Others do not write to what nobody may write to.
    let directory = TempDir::new();
    let path = match rustix::process::geteuid().is_root() {
        true => Path::new("/sys/kernel/larder").to_owned(),
        false => {
            fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o500)).unwrap();
            directory.path().to_owned()
        }
    };
    let error = open(&path).unwrap_err();
    assert!(matches!(error.cause, StateFault::ReadOnly(_)), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("cannot be written") && text.contains("--state-dir"), "{text}");
}

#[test]
fn full_it_says_so() {
    let directory = TempDir::new();
    symlink("/dev/full", directory.path().join("identity.new")).unwrap();
    let error = open(directory.path()).unwrap_err();
    assert!(matches!(error.cause, StateFault::Full), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("no room left") && text.contains("--state-dir"), "{text}");
    // What was in the way is gone: as if room had been made.
    open(directory.path()).unwrap();
}

#[test]
fn a_disk_that_fills_up_or_becomes_read_only_loses_no_identity() {
    let disk = MemoryDisk::new();
    let state = StateDir::Memory(disk.clone());
    disk.set_room(Some(1_000));
    let error = state.keep(&identity(5)).unwrap_err();
    assert!(matches!(error.cause, StateFault::Full), "{error:?}");
    assert_eq!(state.identity().unwrap(), None);

    disk.set_room(None);
    state.keep(&identity(5)).unwrap();
    disk.set_read_only(true);
    let error = state.keep(&identity(6)).unwrap_err();
    assert!(matches!(error.cause, StateFault::ReadOnly(_)), "{error:?}");
    disk.set_read_only(false);
    assert_eq!(state.identity().unwrap(), Some(identity(5)));
}

#[test]
fn damage_is_told_and_nothing_is_guessed() {
    let directory = TempDir::new();
    let state = open(directory.path()).unwrap();
    state.keep(&identity(5)).unwrap();
    let file = directory.path().join("identity");
    let sound = fs::read(&file).unwrap();
    for at in 0..sound.len() {
        let mut bytes = sound.clone();
        bytes[at] ^= 0x10;
        fs::write(&file, &bytes).unwrap();
        let error = state.identity().unwrap_err();
        assert!(matches!(error.cause, StateFault::Damaged(_)), "byte {at}: {error:?}");
        fs::write(&file, &sound[..at]).unwrap();
        assert!(matches!(state.identity().unwrap_err().cause, StateFault::Damaged(_)), "cut at {at}");
    }
    fs::write(&file, &sound).unwrap();
    assert_eq!(state.identity().unwrap(), Some(identity(5)));

    fs::write(directory.path().join("raft.redb"), [7; 10_000]).unwrap();
    let error = state.identity().unwrap_err();
    assert!(matches!(error.cause, StateFault::Damaged(_)), "{error:?}");
    assert!(error.to_string().contains("damaged"), "{error}");
    // It can be begun anew all the same.
    state.keep(&identity(6)).unwrap();
    assert_eq!(state.identity().unwrap(), Some(identity(6)));
}

/// The identity of the first version, as it lies on disks.
#[test]
fn the_identity_keeps_its_bytes() {
    let directory = TempDir::new();
    let state = open(directory.path()).unwrap();
    state.keep(&Identity { cluster: ClusterId(1 << 64), node: NodeId(300) }).unwrap();
    let bytes = fs::read(directory.path().join("identity")).unwrap();
    let value: String =
        bytes[larder_proto::record::HEAD_BYTES..].iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(value, "fe00000000000000000100000000000000fb2c01");
}
