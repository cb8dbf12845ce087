//! What becomes of writes without a number whose owner is lost.

use larder_proto::topology::{Epoch, NodeId};

use super::world::{Tried, settled};
use super::{count, run, ticket_of, two};
use crate::commands::ports::{Change, Origin, WriteId};
use crate::store::Writer;

#[test]
fn the_next_owner_knows_what_was_kept_of_writes_without_a_number() {
    run(async {
        let mut world = two(14).await;
        let add = |keys: &mut Writer<'_, '_>| count(keys, b"k");
        let one = world.node(NodeId(1));
        let (first, ticket) = ticket_of(one.write(b"k", None, add));
        assert!(settled(&one.replication, 0, &ticket).await);
        let change = ticket.change().unwrap();
        let id = |number, term, sequence| {
            let (origin, before) = (Origin { node: 1, run: 5 }, Some(Change { term, sequence }));
            Some(WriteId { origin, number, answered_below: 1, since: Epoch(u64::MAX), before })
        };
        // Where the right to serve ended for a moment, the owner asks itself.
        assert_eq!(ticket_of(one.write(b"k", id(1, change.term, change.sequence), add)).0, b"");
        world.restart(NodeId(1), 100);
        world.heal(1).await;
        let heir = world.node(NodeId(2));
        assert_eq!(heir.write(b"k", id(2, change.term + 7, change.sequence), add), Tried::Unknown);
        assert_eq!(ticket_of(heir.write(b"k", id(3, change.term, change.sequence), add)).0, b"");
        // This one was lost on its way. It is remembered as any other from now on.
        let lost = id(4, change.term, change.sequence + 1);
        let second = ticket_of(heir.write(b"k", lost, add)).0;
        assert!(!second.is_empty() && second != first);
        assert_eq!(ticket_of(heir.write(b"k", lost, add)).0, second);
    });
}
