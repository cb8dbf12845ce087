//! What a log says where no majority can say any more what was agreed upon: its snapshot, and every entry after it. Only for
//! recovering a lost cluster; anything else starts a node.

use std::io;
use std::rc::Rc;

use larder_proto::record;
use larder_proto::topology::NodeId;
use openraft::{EntryPayload, RaftLogReader};
use tokio::sync::Notify;

use super::applier::Machine;
use super::codec;
use super::log::{Log, Opened};
use crate::cluster::identity::StateDir;

/// The state after all entries of this node's log, whether they were agreed upon or not: nobody is left to deny them.
///
/// # Errors
/// The log cannot be read, or is another node's.
pub async fn salvage<M: Machine>(place: &StateDir, node: NodeId, initial: M) -> io::Result<M> {
    let Opened { mut log, writer, snapshot, closed } =
        Log::open(place, node, usize::MAX, Rc::new(Notify::new()))?;
    let (mut state, next) = match snapshot {
        Some((meta, bytes)) => {
            let next = meta.last_log_id.map_or(0, |id| id.index + 1);
            (M::restore(&bytes).map_err(codec::unreadable)?, next)
        }
        None => (initial, 0),
    };
    for entry in log.try_get_log_entries(next..).await? {
        if let EntryPayload::Normal(data) = entry.payload {
            let change = record::decode(&data.0).map_err(codec::unreadable)?;
            state.apply(entry.log_id.index, change);
        }
    }
    drop((log, writer));
    // An error is the end, too.
    let _ = closed.await;
    Ok(state)
}
