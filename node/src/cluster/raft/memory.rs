//! A disk that is memory, for tests and the simulation: what was written and not synced is lost or torn when the power
//! fails. It can be slow, full, read-only, or lose its power at a chosen operation. The database on it is the same as on
//! files.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use parking_lot::Mutex;
use redb::StorageBackend;

/// The disk. It outlives the node that uses it; clones are the same disk.
#[derive(Clone, Default)]
pub struct MemoryDisk(Arc<Mutex<Memory>>);

impl MemoryDisk {
    /// An empty disk.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The power fails. Each write since the last sync is lost, torn at some byte, or there, as `random` has it. Whoever
    /// has the disk open can neither write nor read any more. To be called before the node's tasks are dropped: a database
    /// that is dropped while it has power closes in good order.
    pub fn crash(&self, random: &mut Rng) {
        let mut memory = self.0.lock();
        memory.generation += 1;
        memory.cut_at = None;
        let unsynced = std::mem::take(&mut memory.unsynced);
        for operation in unsynced {
            operation.survive(&mut memory.synced, random);
        }
        memory.current = memory.synced.clone();
    }

    /// How long a commit takes from now on: half of it before it is written, half before it is told.
    pub fn set_delay(&self, delay: Duration) {
        self.0.lock().delay = delay;
    }

    /// Bytes that fit from now on; none for no limit.
    pub fn set_room(&self, bytes: Option<u64>) {
        self.0.lock().room = bytes;
    }

    /// Whether every write is refused from now on.
    pub fn set_read_only(&self, read_only: bool) {
        self.0.lock().read_only = read_only;
    }

    /// The power fails at this operation, counted from the first that the disk has seen: it may happen in part, and all
    /// later ones fail. [`Self::crash`] decides what of it stays.
    pub fn cut_power_at(&self, operation: u64) {
        self.0.lock().cut_at = Some(operation);
    }

    /// Writes, changes of size and syncs that the disk has seen.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.0.lock().operations
    }

    /// Bytes on it.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.lock().current.len() as u64
    }

    /// Whether these bytes stand anywhere on it.
    #[must_use]
    pub fn holds(&self, bytes: &[u8]) -> bool {
        self.0.lock().current.windows(bytes.len().max(1)).any(|window| window == bytes)
    }

    /// Another disk with the same bytes, but for one that a bad disk has changed.
    #[cfg(test)]
    pub(super) fn damaged_copy(&self, at: usize, bits: u8) -> Self {
        let memory = self.0.lock();
        let mut bytes = memory.synced.clone();
        bytes[at] ^= bits;
        let identity = memory.identity.clone();
        Self(Arc::new(Mutex::new(Memory {
            current: bytes.clone(),
            synced: bytes,
            identity,
            ..Memory::default()
        })))
    }

    pub(super) fn delay(&self) -> Duration {
        self.0.lock().delay
    }

    pub(super) fn backend(&self) -> MemoryFile {
        MemoryFile { memory: Arc::clone(&self.0), generation: self.0.lock().generation }
    }

    /// What was last put there with [`Self::put_identity`].
    pub(in crate::cluster) fn identity(&self) -> Option<Vec<u8>> {
        self.0.lock().identity.clone()
    }

    /// Replaces the node's identity as a whole, safely at once.
    pub(in crate::cluster) fn put_identity(&self, bytes: Option<Vec<u8>>) -> io::Result<()> {
        let mut memory = self.0.lock();
        memory.writable(0)?;
        memory.identity = bytes;
        Ok(())
    }

    /// Everything but the identity is gone.
    pub(in crate::cluster) fn clear(&self) -> io::Result<()> {
        let mut memory = self.0.lock();
        memory.writable(0)?;
        memory.generation += 1;
        memory.current = Vec::new();
        memory.synced = Vec::new();
        memory.unsynced = Vec::new();
        Ok(())
    }
}

#[derive(Default)]
struct Memory {
    /// What is read.
    current: Vec<u8>,
    /// What was there at the last sync.
    synced: Vec<u8>,
    /// What came since, in order.
    unsynced: Vec<Operation>,
    identity: Option<Vec<u8>>,
    /// Grows with each crash; a file that was opened before is dead.
    generation: u64,
    operations: u64,
    cut_at: Option<u64>,
    delay: Duration,
    room: Option<u64>,
    read_only: bool,
}

enum Operation {
    Write { at: usize, bytes: Vec<u8> },
    SetLength(usize),
}

impl Operation {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write { at, bytes: new } => write_at(bytes, *at, new),
            Self::SetLength(length) => bytes.resize(*length, 0),
        }
    }

    /// What is left of it after the power failed.
    fn survive(&self, disk: &mut Vec<u8>, random: &mut Rng) {
        match (self, random.u8(0..4)) {
            (_, 0) => {}
            (operation, 1) => operation.apply(disk),
            (Self::Write { at, bytes }, 2) => write_at(disk, *at, &bytes[..random.usize(0..=bytes.len())]),
            (Self::Write { at, bytes }, _) => {
                let lost = random.usize(0..=bytes.len());
                write_at(disk, at + lost, &bytes[lost..]);
            }
            (Self::SetLength(length), _) => disk.resize(disk.len().max(*length), 0),
        }
    }
}

fn write_at(disk: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    let end = at + bytes.len();
    if disk.len() < end {
        disk.resize(end, 0);
    }
    disk[at..end].copy_from_slice(bytes);
}

impl Memory {
    fn writable(&self, end: u64) -> io::Result<()> {
        if self.read_only {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        if self.room.is_some_and(|room| end > room) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    /// Counts an operation; whether it is carried out as a whole. At the one where the power fails, it is carried out in
    /// part, which the crash decides.
    fn count(&mut self) -> Power {
        self.operations += 1;
        match self.cut_at {
            Some(at) if self.operations == at => Power::Failing,
            Some(at) if self.operations > at => Power::Off,
            _ => Power::On,
        }
    }

    fn change(&mut self, operation: Operation) -> io::Result<()> {
        let power = self.count();
        if power != Power::Off {
            operation.apply(&mut self.current);
            self.unsynced.push(operation);
        }
        if power == Power::On { Ok(()) } else { Err(no_power()) }
    }
}

#[derive(PartialEq)]
enum Power {
    On,
    Failing,
    Off,
}

fn no_power() -> io::Error {
    io::Error::other("the power has failed")
}

/// One opening of the disk.
pub(super) struct MemoryFile {
    memory: Arc<Mutex<Memory>>,
    generation: u64,
}

impl MemoryFile {
    fn with<R>(&self, act: impl FnOnce(&mut Memory) -> io::Result<R>) -> io::Result<R> {
        let mut memory = self.memory.lock();
        if memory.generation == self.generation { act(&mut memory) } else { Err(no_power()) }
    }
}

impl fmt::Debug for MemoryFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryFile")
    }
}

impl StorageBackend for MemoryFile {
    fn len(&self) -> io::Result<u64> {
        self.with(|memory| Ok(memory.current.len() as u64))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.with(|memory| {
            let start = offset as usize;
            let bytes = memory.current.get(start..start + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
            out.copy_from_slice(bytes);
            Ok(())
        })
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.with(|memory| {
            memory.writable(length)?;
            memory.change(Operation::SetLength(length as usize))
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.with(|memory| {
            if memory.count() != Power::On {
                return Err(no_power());
            }
            let Memory { unsynced, synced, .. } = memory;
            for operation in unsynced.drain(..) {
                operation.apply(synced);
            }
            Ok(())
        })
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.with(|memory| {
            memory.writable(offset + data.len() as u64)?;
            memory.change(Operation::Write { at: offset as usize, bytes: data.to_vec() })
        })
    }
}

impl fmt::Debug for MemoryDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryDisk of {} bytes", self.bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(disk: &MemoryDisk) -> Vec<u8> {
        let file = disk.backend();
        let mut bytes = vec![0; file.len().unwrap() as usize];
        file.read(0, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn what_was_synced_stays_and_the_rest_is_torn_in_every_way() {
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..200 {
            let disk = MemoryDisk::new();
            let file = disk.backend();
            file.set_len(4).unwrap();
            file.write(0, b"ab").unwrap();
            file.sync_data().unwrap();
            file.write(2, b"cd").unwrap();
            disk.crash(&mut Rng::with_seed(seed));
            assert!(file.write(0, b"x").is_err() && file.len().is_err(), "the old opening is dead");
            seen.insert(contents(&disk));
        }
        let seen: Vec<&[u8]> = seen.iter().map(Vec::as_slice).collect();
        assert_eq!(seen, [&b"ab\0\0"[..], b"ab\0d", b"abc\0", b"abcd"]);
    }

    #[test]
    fn the_power_fails_where_it_was_told() {
        let disk = MemoryDisk::new();
        let file = disk.backend();
        disk.cut_power_at(2);
        file.write(0, b"ab").unwrap();
        assert!(file.sync_data().is_err());
        assert!(file.write(0, b"c").is_err());
        assert_eq!(disk.operations(), 3);
        disk.crash(&mut Rng::with_seed(0));
        disk.backend().write(0, b"d").unwrap();
    }

    #[test]
    fn a_full_or_read_only_disk_says_so() {
        let disk = MemoryDisk::new();
        disk.set_room(Some(3));
        let file = disk.backend();
        file.write(0, b"abc").unwrap();
        assert_eq!(file.write(1, b"abc").unwrap_err().kind(), io::ErrorKind::StorageFull);
        disk.set_read_only(true);
        assert_eq!(file.set_len(1).unwrap_err().kind(), io::ErrorKind::ReadOnlyFilesystem);
        assert_eq!(disk.put_identity(None).unwrap_err().kind(), io::ErrorKind::ReadOnlyFilesystem);
        assert_eq!(contents(&disk), b"abc");
    }
}
