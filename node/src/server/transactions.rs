//! Transactions whose keys another node serves: WATCH is asked for there, and EXEC goes there as one piece.

use larder_proto::resp::Out;
use larder_proto::slot::Partition;
use larder_proto::topology::NodeId;

use super::calls::{Call, Manner, add_queued, kept_frame};
use super::clustered::Clustered;
use super::dispatch::Dispatch;
use super::merge::Merge;
use super::messages::Errand;
use super::part::Part;
use super::placing::Target;
use super::routing::Way;
use crate::commands::context::SessionCx;
use crate::commands::error::CommandError;
use crate::commands::perform::{Request, partitions_of, run_on_session};
use crate::commands::session::{Session, Transaction, WatchedAway};
use crate::commands::spec::Run;
use crate::limits::{WATCHED_BYTES_MAX, WATCHED_KEYS_MAX};
use crate::store::PartitionSet;

/// The partitions of a transaction: of its commands, and of the keys that it watches, here or elsewhere.
pub(super) fn exec_partitions(session: &Session) -> PartitionSet {
    let transaction = &session.transaction;
    let mut partitions = transaction.queue.as_ref().map(partitions_of).unwrap_or_default();
    partitions.join(&PartitionSet::of_all(transaction.watched.iter().map(|watched| watched.key())));
    partitions.join(&transaction.watched_away.iter().map(|watched| watched.partition).collect());
    partitions
}

impl Dispatch<'_> {
    /// Whether the watches of a transaction hold no longer, now that it is to be carried out there: a watch ends with the
    /// link that it was asked for on, and with its node's serving the key.
    pub(super) fn watches_are_lost(&self, clustered: &Clustered, target: Target, session: &Session) -> bool {
        let transaction = &session.transaction;
        match target {
            Target::Here => !transaction.watched_away.is_empty(),
            Target::At(node) => {
                let link = clustered.peers.link(node);
                let holds = |watched: &WatchedAway| (watched.node, watched.link) == (node, link);
                !transaction.watched.is_empty() || !transaction.watched_away.iter().all(holds)
            }
            Target::Waiting | Target::Several => false,
        }
    }

    /// Sends the commands of a transaction to the node that has their keys. What concerns the connection is carried out here.
    pub(super) fn send_exec(&mut self, clustered: &Clustered, session: &mut Session) -> Way {
        let partitions = exec_partitions(session);
        let manner = Manner::of(session);
        let transaction = std::mem::take(&mut session.transaction);
        let Some(queue) = transaction.queue else { return Way::Failed(CommandError::CrossSlot) };
        let (mut bundle, mut places, mut own) = (Vec::new(), Vec::new(), Vec::new());
        for (place, command) in queue.commands.iter().enumerate() {
            if matches!(command.spec.run, Run::Session(_)) {
                own.push((place as u32, self.run_own(&command.request(), session)));
            } else {
                add_queued(command, session.database, &mut bundle);
                places.push(place as u32);
            }
        }
        self.session_changed = true;
        let merge = Merge::Exec { commands: queue.commands.len(), own, version: manner.version };
        let mut part = Part::again(Call {
            errand: Errand::Exec,
            frame: bundle.into(),
            partitions: partitions.as_slice().into(),
            manner,
            writes: true,
            watched: transaction.watched_away.first().map(|watched| (watched.node, watched.link)),
        });
        part.places = places;
        self.keep(|pending, silent| pending.push_many(merge, vec![part], silent), session);
        self.place(clustered);
        Way::Gone
    }

    /// Asks another node to watch keys.
    pub(super) fn send_watch(
        &mut self,
        clustered: &Clustered,
        node: NodeId,
        request: &Request<'_>,
        session: &mut Session,
    ) -> Way {
        let transaction = &mut session.transaction;
        if transaction.queue.is_some() {
            return Way::Failed(CommandError::NotInTransaction { command: "WATCH" });
        }
        let keys = transaction.watched.len() + transaction.watched_away.len() + request.keys().count();
        transaction.watched_bytes += request.keys().map(<[u8]>::len).sum::<usize>();
        if keys > WATCHED_KEYS_MAX || transaction.watched_bytes > WATCHED_BYTES_MAX {
            return Way::Failed(CommandError::Limit {
                what: "a connection watches at most 65536 keys, which take at most 4 MiB",
            });
        }
        let link = clustered.peers.link(node);
        let watched = request.keys().map(|key| WatchedAway { partition: Partition::of(key), node, link });
        transaction.watched_away.extend(watched);
        self.session_changed = true;
        let part = Part::again(Call {
            errand: Errand::Watch,
            frame: kept_frame(request.frame, request.words),
            partitions: request.partitions().as_slice().into(),
            manner: Manner::of(session),
            writes: false,
            watched: Some((node, link)),
        });
        self.keep(|pending, silent| pending.push(part, silent), session);
        self.place(clustered);
        Way::Gone
    }

    /// Lets the nodes that watched keys for the connection know that they need not any more.
    pub(super) fn end_watches_away(&self, watched: &[WatchedAway]) {
        let Some(clustered) = self.clustered else { return };
        let mut nodes: Vec<NodeId> = watched.iter().map(|watched| watched.node).collect();
        nodes.sort_unstable();
        nodes.dedup();
        nodes.iter().for_each(|node| clustered.peers.unwatch(*node, self.card.id));
    }

    /// Ends a transaction whose watches are lost.
    pub(super) fn discard(&mut self, session: &mut Session, out: &mut Out<'_>) {
        let transaction: Transaction = std::mem::take(&mut session.transaction);
        crate::commands::perform::end_watches(&self.shared.store, &transaction);
        self.end_watches_away(&transaction.watched_away);
        self.session_changed = true;
        out.null_array();
    }

    fn run_own(&self, request: &Request<'_>, session: &mut Session) -> Vec<u8> {
        let mut reply = Vec::new();
        let mut out = Out::new(&mut reply, session.version);
        let cx = &mut SessionCx { session, store: &self.shared.store, node: self.shared, now: self.now };
        let outcome = run_on_session(request, cx, &mut out);
        if let Err(error) = outcome {
            out.rewind(0);
            out.error(error.code().word(), &error.to_string());
        }
        reply
    }
}
