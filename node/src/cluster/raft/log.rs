//! Raft's log as openraft asks for it. All of it is in memory, where it is read; what changes goes to the disk through the
//! committer, which tells when it is safe there.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io;
use std::ops::{Bound, RangeBounds};
use std::rc::Rc;

use larder_proto::record;
use larder_proto::topology::NodeId;
use openraft::RaftLogReader;
use openraft::storage::{IOFlushed, LogState, RaftLogStorage};
use tokio::sync::Notify;

use super::codec;
use super::committer::{Closed, Found, Write, Writer};
use super::types::{Entry, LogId, SnapshotMeta, Types, Vote};
use crate::cluster::identity::{Identity, StateDir};

/// The log. Clones read the same.
#[derive(Clone)]
pub(super) struct Log {
    writer: Writer,
    shared: Rc<RefCell<Shared>>,
}

/// Written by the log's methods alone; each is called by Raft's core task, one after the other.
struct Shared {
    entries: BTreeMap<u64, Entry>,
    vote: Option<Vote>,
    committed: Option<LogId>,
    purged: Option<LogId>,
    /// Bytes that were appended since many were told of.
    bytes: usize,
    bytes_many: usize,
    many: Rc<Notify>,
}

/// What an opened state directory holds.
pub(super) struct Opened {
    pub(super) log: Log,
    /// Writes behind the log's own writes.
    pub(super) writer: Writer,
    pub(super) snapshot: Option<(SnapshotMeta, Vec<u8>)>,
    /// Resolves when all users are gone and the file is closed.
    pub(super) closed: Closed,
}

impl Log {
    /// Opens what is in the directory of this node. Tells `many` each time when so many bytes of entries have been appended.
    ///
    /// # Errors
    /// It is another node's, or nobody's; it cannot be read; what is in it is damaged or a newer program's.
    pub(super) fn open(
        place: &StateDir,
        node: NodeId,
        bytes_many: usize,
        many: Rc<Notify>,
    ) -> io::Result<Opened> {
        let (writer, found, closed) = Writer::open(place)?;
        check_owner(&found, node)?;
        let snapshot = found.snapshot.as_deref().map(codec::decode_snapshot).transpose()?;
        let shared = Rc::new(RefCell::new(Shared::read(&found, bytes_many, many)?));
        let log = Self { writer: writer.clone(), shared };
        Ok(Opened { log, writer, snapshot, closed })
    }
}

impl Shared {
    fn read(found: &Found, bytes_many: usize, many: Rc<Notify>) -> io::Result<Self> {
        let place = |bytes: &Option<Vec<u8>>| bytes.as_deref().map(codec::decode_place).transpose();
        let purged = place(&found.purged)?;
        let mut entries = BTreeMap::new();
        let first = purged.map_or(0, |id| id.index + 1);
        for (expected, (index, bytes)) in (first..).zip(&found.entries) {
            let entry = codec::decode_entry(bytes)?;
            if *index != expected || entry.log_id.index != expected {
                let reason = format!("Raft's log has no entry {expected}, but entry {index}");
                return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
            }
            entries.insert(expected, entry);
        }
        Ok(Self {
            entries,
            vote: found.vote.as_deref().map(codec::decode_vote).transpose()?,
            committed: place(&found.committed)?,
            purged,
            bytes: 0,
            bytes_many,
            many,
        })
    }

    fn count(&mut self, bytes: usize) {
        self.bytes += bytes;
        if self.bytes >= self.bytes_many {
            self.bytes = 0;
            self.many.notify_one();
        }
    }
}

/// Two nodes that vote with one log, or one node with two, would be two leaders in the end.
fn check_owner(found: &Found, node: NodeId) -> io::Result<()> {
    let identity = found.identity.as_deref().map(record::decode::<Identity>).transpose();
    match identity.map_err(codec::unreadable)? {
        Some(identity) if identity.node == node => Ok(()),
        Some(identity) => {
            let reason = format!("Raft's log is that of node {}, not of node {}", identity.node.0, node.0);
            Err(io::Error::new(io::ErrorKind::InvalidInput, reason))
        }
        None => {
            Err(io::Error::new(io::ErrorKind::NotFound, "there is no log of Raft: the node has not joined"))
        }
    }
}

impl RaftLogReader<Types> for Log {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug>(
        &mut self,
        range: RB,
    ) -> io::Result<Vec<Entry>> {
        let range = (range.start_bound().cloned(), range.end_bound().cloned());
        let shared = self.shared.borrow();
        // An empty range may be the wrong way round, which a tree does not take: without its end none is.
        let entries = shared.entries.range((range.0, Bound::Unbounded));
        let within = entries.take_while(|(index, _)| range.contains(index));
        Ok(within.map(|(_, entry)| entry.clone()).collect())
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        Ok(self.shared.borrow().vote)
    }
}

impl RaftLogStorage<Types> for Log {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> io::Result<LogState<Types>> {
        let shared = self.shared.borrow();
        let last = shared.entries.last_key_value().map(|(_, entry)| entry.log_id);
        Ok(LogState { last_purged_log_id: shared.purged, last_log_id: last.or(shared.purged) })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        self.writer.write(Write::Vote(codec::encode_vote(vote)?)).await?;
        self.shared.borrow_mut().vote = Some(*vote);
        Ok(())
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> io::Result<()> {
        if let Some(id) = committed {
            let write = Write::Committed(codec::encode_place(id)?);
            self.writer.send(write, Box::new(|_| {})).await?;
        }
        self.shared.borrow_mut().committed = committed;
        Ok(())
    }

    async fn read_committed(&mut self) -> io::Result<Option<LogId>> {
        Ok(self.shared.borrow().committed)
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<Types>) -> io::Result<()>
    where
        I: IntoIterator<Item = Entry>,
    {
        let entries: Vec<Entry> = entries.into_iter().collect();
        let mut records = Vec::with_capacity(entries.len());
        for entry in &entries {
            records.push((entry.log_id.index, codec::encode_entry(entry)?));
        }
        {
            let mut shared = self.shared.borrow_mut();
            shared.count(records.iter().map(|(_, bytes)| bytes.len()).sum());
            // To be read as soon as this returns, though not safe yet.
            shared.entries.extend(entries.into_iter().map(|entry| (entry.log_id.index, entry)));
        }
        self.writer.send(Write::Append(records), Box::new(|result| callback.io_completed(result))).await
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> io::Result<()> {
        let first = last.map_or(0, |id| id.index + 1);
        let _gone = self.shared.borrow_mut().entries.split_off(&first);
        self.writer.write(Write::TruncateFrom(first)).await
    }

    async fn purge(&mut self, id: LogId) -> io::Result<()> {
        {
            let mut shared = self.shared.borrow_mut();
            let kept = shared.entries.split_off(&(id.index + 1));
            shared.entries = kept;
            shared.purged = shared.purged.max(Some(id));
        }
        let write = Write::Purge { through: id.index, place: codec::encode_place(id)? };
        self.writer.write(write).await
    }
}
