//! The replicated state as openraft asks for it: applies what is agreed upon, publishes the result, makes and takes
//! snapshots. What the state is, and what a change does, is left to a [`Machine`].

use std::io;
use std::rc::Rc;
use std::sync::Arc;

use futures_util::{Stream, StreamExt};
use larder_proto::record::{self, RecordError};
use openraft::storage::{ApplyResponder, EntryResponder, RaftStateMachine};
use openraft::{EntryPayload, RaftSnapshotBuilder};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{Mutex, watch};

use super::codec;
use super::committer::{Write, Writer};
use super::types::{LogId, Reply, Snapshot, SnapshotMeta, StoredMembership, Types};

/// A replicated state. Everything it does follows from the changes alone: no clock, no random number.
pub trait Machine: Clone + 'static {
    /// What is agreed upon. It lies on disks and travels between versions as a record: variants are added at the end and
    /// none is taken away.
    type Change: Serialize + DeserializeOwned + 'static;
    /// What came of it.
    type Answer: Serialize + DeserializeOwned + 'static;

    /// Applies one change; `index` is the place of its entry in the log, never given twice.
    fn apply(&mut self, index: u64, change: Self::Change) -> Self::Answer;

    /// All of the state, for a disk or another node.
    fn snapshot(&self) -> Vec<u8>;

    /// The state of a snapshot.
    ///
    /// # Errors
    /// The bytes are damaged, or a newer program's.
    fn restore(bytes: &[u8]) -> Result<Self, RecordError>;
}

/// Owns the state. Used by openraft's task for it.
pub(super) struct Applier<M: Machine> {
    writer: Writer,
    published: watch::Sender<Arc<M>>,
    /// The newest state; what is published is the same, or is about to be.
    state: Arc<M>,
    last: Option<LogId>,
    membership: StoredMembership,
    snapshot: SharedSnapshot,
}

/// The newest snapshot that is safe on the disk. Written by the applier and by its builder, which may be at work at the same
/// time: held while one is written.
type SharedSnapshot = Rc<Mutex<Option<(SnapshotMeta, Vec<u8>)>>>;

impl<M: Machine> Applier<M> {
    /// Starts from the snapshot, or from the state that all clusters begin with.
    ///
    /// # Errors
    /// The snapshot is damaged, or a newer program's.
    pub(super) fn new(
        initial: M,
        snapshot: Option<(SnapshotMeta, Vec<u8>)>,
        writer: Writer,
    ) -> io::Result<(Self, watch::Receiver<Arc<M>>)> {
        let (meta, state) = match &snapshot {
            Some((meta, bytes)) => (meta.clone(), M::restore(bytes).map_err(codec::unreadable)?),
            None => (SnapshotMeta::default(), initial),
        };
        let state = Arc::new(state);
        let (published, states) = watch::channel(Arc::clone(&state));
        let applier = Self {
            writer,
            published,
            state,
            last: meta.last_log_id,
            membership: meta.last_membership,
            snapshot: Rc::new(Mutex::new(snapshot)),
        };
        Ok((applier, states))
    }

    fn apply_one(&mut self, index: u64, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let change = record::decode(bytes).map_err(|error| {
            let reason = format!("entry {index} of Raft's log: {error}");
            io::Error::new(io::ErrorKind::InvalidData, reason)
        })?;
        let answer = Arc::make_mut(&mut self.state).apply(index, change);
        record::encode(&answer).map_err(codec::unwritable)
    }

    /// Shows the state, and only then tells those who wait: who has the answer sees what it speaks of.
    fn publish(&self, told: Vec<(ApplyResponder<Types>, Reply)>) {
        self.published.send_replace(Arc::clone(&self.state));
        for (responder, reply) in told {
            responder.send(reply);
        }
    }
}

impl<M: Machine> RaftStateMachine<Types> for Applier<M> {
    type SnapshotData = Vec<u8>;
    type SnapshotBuilder = Builder<M>;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, StoredMembership)> {
        Ok((self.last, self.membership.clone()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> io::Result<()>
    where
        S: Stream<Item = io::Result<EntryResponder<Types>>> + Unpin,
    {
        let mut told = Vec::new();
        while let Some(next) = entries.next().await {
            let (entry, responder) = next?;
            let reply = match entry.payload {
                EntryPayload::Blank => Reply(None),
                EntryPayload::Normal(data) => Reply(Some(self.apply_one(entry.log_id.index, &data.0)?)),
                EntryPayload::Membership(membership) => {
                    self.membership = StoredMembership::new(Some(entry.log_id), membership);
                    Reply(None)
                }
            };
            self.last = Some(entry.log_id);
            told.extend(responder.map(|responder| (responder, reply)));
        }
        self.publish(told);
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> Builder<M> {
        Builder {
            state: Arc::clone(&self.state),
            meta: SnapshotMeta { last_log_id: self.last, last_membership: self.membership.clone() },
            writer: self.writer.clone(),
            snapshot: Rc::clone(&self.snapshot),
        }
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMeta, bytes: Vec<u8>) -> io::Result<()> {
        let state = M::restore(&bytes).map_err(codec::unreadable)?;
        keep(&self.writer, &self.snapshot, meta, &bytes).await?;
        self.state = Arc::new(state);
        self.last = meta.last_log_id;
        self.membership = meta.last_membership.clone();
        self.publish(Vec::new());
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<Snapshot>> {
        let snapshot = self.snapshot.lock().await;
        Ok(snapshot.as_ref().map(|(meta, bytes)| Snapshot { meta: meta.clone(), snapshot: bytes.clone() }))
    }
}

/// Makes one snapshot of the state as it was when the builder was asked for.
pub(super) struct Builder<M: Machine> {
    state: Arc<M>,
    meta: SnapshotMeta,
    writer: Writer,
    snapshot: SharedSnapshot,
}

impl<M: Machine> RaftSnapshotBuilder<Types> for Builder<M> {
    type SnapshotData = Vec<u8>;

    async fn build_snapshot(&mut self) -> io::Result<Snapshot> {
        let bytes = self.state.snapshot();
        keep(&self.writer, &self.snapshot, &self.meta, &bytes).await?;
        Ok(Snapshot { meta: self.meta.clone(), snapshot: bytes })
    }
}

/// Makes a snapshot the newest, once it is safe on the disk: entries that it stands for are thrown away only after that.
/// One that is older than what is there is left alone.
async fn keep(writer: &Writer, shared: &SharedSnapshot, meta: &SnapshotMeta, bytes: &[u8]) -> io::Result<()> {
    let mut newest = shared.lock().await;
    if newest.as_ref().is_some_and(|(kept, _)| kept.last_log_id > meta.last_log_id) {
        return Ok(());
    }
    writer.write(Write::Snapshot(codec::encode_snapshot(meta, bytes)?)).await?;
    *newest = Some((meta.clone(), bytes.to_vec()));
    Ok(())
}
