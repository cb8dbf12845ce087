//! Where a request at the cluster endpoint belongs, as Redis Cluster says it. For the server's step that routes.

use larder_proto::slot::Slot;
use larder_proto::topology::{NodeId, Topology};

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

#[cfg(test)]
mod tests {
    use super::super::testing::view;
    use super::*;

    fn slots(keys: &[&str]) -> Vec<Slot> {
        keys.iter().map(|key| Slot::of(key.as_bytes())).collect()
    }

    #[test]
    fn keys_of_one_request_lie_in_one_slot() {
        assert_eq!(single_slot(slots(&[])).unwrap(), None);
        assert_eq!(single_slot(slots(&["{b}1", "{b}2"])).unwrap(), Some(Slot::of(b"b")));
        let crossed = single_slot(slots(&["b", "hello"])).unwrap_err();
        assert_eq!(crossed.to_string(), "Keys in request don't hash to the same slot");
    }

    #[test]
    fn a_client_is_sent_to_the_cluster_endpoint_of_a_member() {
        let view = view();
        let told = |node| {
            let error = moved(&view.topology, Slot::of(b"foo"), NodeId(node));
            format!("{} {error}", error.code().word())
        };
        assert_eq!(told(3), "MOVED 12182 node-3.example.net:7201");
        assert_eq!(told(9), "CLUSTERDOWN Hash slot not served");
    }
}
