//! What a topology says of a former run of a node's process is not the present one's.

use std::time::Duration;

use larder_proto::slot::Partition;
use larder_proto::topology::{Incarnation, NodeId};
use tokio::time::sleep;

use super::world::settled;
use super::{run, set, ticket, two};
use crate::replication::ports::Place;

#[test]
fn a_process_does_nothing_with_what_a_former_run_of_its_node_owned() {
    run(async {
        let mut world = two(3).await;
        let one = world.node(NodeId(1));
        let written = ticket(one.write(b"k", None, set("a")));
        assert!(settled(&one.replication, 0, &written).await);
        let topology = world.control.topology();
        let partition = Partition::of(b"k");
        assert_eq!(topology.row(partition).owner, Some(NodeId(1)));
        // It runs anew, and nobody has noticed yet: it is still named as the owner, and holds nothing.
        let anew = world.start(NodeId(1), Incarnation(900), 6);
        anew.replication.adopt(topology);
        assert_eq!(anew.replication.place(partition), Place::Waiting);
        anew.replication.hand_over(vec![(partition, NodeId(2))]);
        sleep(Duration::from_secs(2)).await;
        assert_eq!(world.control.topology().row(partition).owner, Some(NodeId(1)));
    });
}
