//! Where a request at the cluster endpoint belongs, as Redis Cluster says it. For the server's step that routes.

use larder_proto::slot::Slot;
use larder_proto::topology::{NodeId, Topology};

use super::view::ClusterView;
use crate::commands::error::CommandError;

/// The one slot of a request's keys; none if it has no keys.
///
/// # Errors
/// The keys lie in different slots. At the cluster endpoint that is refused even where one node serves them all.
pub fn single_slot(slots: impl IntoIterator<Item = Slot>) -> Result<Option<Slot>, CommandError> {
    let mut slots = slots.into_iter();
    let first = slots.next();
    if slots.any(|slot| Some(slot) != first) {
        return Err(CommandError::CrossSlot);
    }
    Ok(first)
}

/// Whether a request whose keys lie in these slots belongs to this node.
///
/// # Errors
/// What the client is told instead: the keys lie in different slots, another node owns the slot, or nobody does.
pub fn redirect(view: &ClusterView, slots: impl IntoIterator<Item = Slot>) -> Result<(), CommandError> {
    let Some(slot) = single_slot(slots)? else { return Ok(()) };
    match view.topology.row(slot.partition()).owner {
        Some(owner) if owner == view.own && view.serving => Ok(()),
        Some(owner) if owner == view.own => Err(CommandError::ClusterDown(NO_LEASE)),
        Some(owner) => Err(moved(&view.topology, slot, owner)),
        None => Err(CommandError::ClusterDown(NOT_SERVED)),
    }
}

/// The client is sent to the cluster endpoint of another node.
#[must_use]
pub fn moved(topology: &Topology, slot: Slot, to: NodeId) -> CommandError {
    match topology.members.get(&to) {
        Some(member) => CommandError::Moved {
            slot: slot.number(),
            host: member.host.clone(),
            port: member.port + super::replies::CLUSTER_PORT_OFFSET,
        },
        None => CommandError::ClusterDown(NOT_SERVED),
    }
}

const NOT_SERVED: &str = "Hash slot not served";
const NO_LEASE: &str = "this node has no lease: it is cut off from the majority of the cluster";

#[cfg(test)]
mod tests {
    use super::super::testing::{partition_of, view};
    use super::*;

    fn told(outcome: Result<(), CommandError>) -> String {
        outcome.map_or_else(|error| format!("{} {error}", error.code().word()), |()| String::new())
    }

    fn slots(keys: &[&str]) -> Vec<Slot> {
        keys.iter().map(|key| Slot::of(key.as_bytes())).collect()
    }

    #[test]
    fn a_request_goes_to_the_owner_of_its_slot() {
        let mut view = view();
        // b lies in slot 3300, foo in 12182, hello in 866.
        assert_eq!(told(redirect(&view, slots(&["b"]))), "");
        assert_eq!(told(redirect(&view, slots(&[]))), "");
        assert_eq!(told(redirect(&view, slots(&["foo"]))), "MOVED 12182 node-3.example.net:7201");
        assert_eq!(
            told(redirect(&view, slots(&["b", "hello"]))),
            "CROSSSLOT Keys in request don't hash to the same slot"
        );
        assert_eq!(told(redirect(&view, slots(&["{b}1", "{b}2"]))), "");
        view.serving = false;
        assert!(told(redirect(&view, slots(&["b"]))).starts_with("CLUSTERDOWN this node has no lease"));
        let topology = std::sync::Arc::make_mut(&mut view.topology);
        topology.rows[partition_of("b")].owner = None;
        assert_eq!(told(redirect(&view, slots(&["b"]))), "CLUSTERDOWN Hash slot not served");
    }
}
