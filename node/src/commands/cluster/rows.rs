//! The rows of CLUSTER, READONLY, READWRITE and ASKING, and their handlers. Through the port for any client each says what
//! a Redis without a cluster says, so that no client there takes the node for one of a cluster.

use larder_proto::resp::Out;
use larder_proto::slot::Slot;
use larder_proto::topology::NodeId;

use super::view::{ClusterView, Endpoint};
use super::{refused, replies, text};
use crate::commands::args::Args;
use crate::commands::context::SessionCx;
use crate::commands::error::{CommandError, shown};
use crate::commands::help;
use crate::commands::spec::{Arity, Flags, Group, Keys, Outcome, Run, Spec, check};
use crate::store::Walker;

/// The rows.
pub(in crate::commands) const ROWS: &[Spec] = &[
    Spec {
        name: "cluster",
        arity: Arity::AtLeast(2),
        since: "3.0.0",
        summary: "A container for commands about the cluster.",
        run: Run::Container(SUBCOMMANDS),
        ..ROW
    },
    Spec {
        name: "readonly",
        arity: Arity::Exactly(1),
        flags: Flags::FAST,
        since: "3.0.0",
        summary: "Accepted; reads are sent to the slot's owner all the same, since copies serve none.",
        run: Run::Session(accept),
        ..ROW
    },
    Spec {
        name: "readwrite",
        arity: Arity::Exactly(1),
        flags: Flags::FAST,
        since: "3.0.0",
        summary: "Accepted; it is how a connection begins.",
        run: Run::Session(accept),
        ..ROW
    },
    Spec {
        name: "asking",
        arity: Arity::Exactly(1),
        flags: Flags::FAST,
        since: "3.0.0",
        summary: "Accepted; a slot changes its owner in one step, so that nobody is told to ask.",
        run: Run::Session(accept),
        ..ROW
    },
];
const _: () = check(ROWS);

pub(super) const SUBCOMMANDS: &[Spec] = &[
    Spec {
        name: "count-failure-reports",
        arity: Arity::Exactly(3),
        flags: Flags::ADMIN,
        since: "3.0.0",
        summary: "Returns 1 if the cluster called the node down, else 0.",
        syntax: "node-id",
        run: Run::Session(failure_reports),
        ..ROW
    },
    Spec {
        name: "countkeysinslot",
        arity: Arity::Exactly(3),
        since: "3.0.0",
        summary: "Returns the number of keys in the slot, if this node serves it.",
        syntax: "slot",
        run: Run::Session(count_keys),
        ..ROW
    },
    Spec {
        name: "getkeysinslot",
        arity: Arity::Exactly(4),
        since: "3.0.0",
        summary: "Returns keys in the slot, if this node serves it.",
        syntax: "slot count",
        run: Run::Session(get_keys),
        ..ROW
    },
    Spec {
        name: "info",
        arity: Arity::Exactly(2),
        since: "3.0.0",
        summary: "Returns how the cluster is.",
        run: Run::Session(info),
        ..ROW
    },
    Spec {
        name: "keyslot",
        arity: Arity::Exactly(3),
        since: "3.0.0",
        summary: "Returns the slot of the key.",
        syntax: "key",
        run: Run::Session(key_slot),
        ..ROW
    },
    Spec {
        name: "links",
        arity: Arity::Exactly(2),
        since: "7.0.0",
        summary: "Returns the connections between this node and others.",
        run: Run::Session(links),
        ..ROW
    },
    Spec {
        name: "myid",
        arity: Arity::Exactly(2),
        since: "3.0.0",
        summary: "Returns this node's name.",
        run: Run::Session(my_id),
        ..ROW
    },
    Spec {
        name: "myshardid",
        arity: Arity::Exactly(2),
        since: "7.2.0",
        summary: "Returns the name of this node's shard, which is the node's.",
        run: Run::Session(my_id),
        ..ROW
    },
    Spec {
        name: "nodes",
        arity: Arity::Exactly(2),
        since: "3.0.0",
        summary: "Returns all nodes, a line each.",
        run: Run::Session(nodes),
        ..ROW
    },
    Spec {
        name: "replicas",
        arity: Arity::Exactly(3),
        flags: Flags::ADMIN,
        since: "5.0.0",
        summary: "Returns no node: copies serve no reads, so clients are told of none.",
        syntax: "node-id",
        run: Run::Session(replicas),
        ..ROW
    },
    Spec {
        name: "shards",
        arity: Arity::Exactly(2),
        flags: Flags::OWNERS,
        since: "7.0.0",
        summary: "Returns all nodes, each with the slots that it serves.",
        run: Run::Session(shards),
        ..ROW
    },
    Spec {
        name: "slaves",
        arity: Arity::Exactly(3),
        flags: Flags::ADMIN,
        since: "3.0.0",
        summary: "Returns no node: copies serve no reads, so clients are told of none.",
        syntax: "node-id",
        run: Run::Session(replicas),
        ..ROW
    },
    Spec {
        name: "slots",
        arity: Arity::Exactly(2),
        flags: Flags::OWNERS,
        since: "3.0.0",
        summary: "Returns all slots, each with the node that serves it.",
        run: Run::Session(slots),
        ..ROW
    },
    refused::ADDSLOTS,
    refused::ADDSLOTSRANGE,
    refused::BUMPEPOCH,
    refused::DELSLOTS,
    refused::DELSLOTSRANGE,
    refused::FAILOVER,
    refused::FLUSHSLOTS,
    refused::FORGET,
    refused::MEET,
    refused::REPLICATE,
    refused::RESET,
    refused::SAVECONFIG,
    refused::SET_CONFIG_EPOCH,
    refused::SETSLOT,
    help::row(Group::Cluster, "5.0.0"),
];

/// What the rows have in common.
pub(super) const ROW: Spec = Spec {
    name: "",
    arity: Arity::Exactly(2),
    keys: Keys::None,
    flags: Flags::NONE,
    group: Group::Cluster,
    since: "3.0.0",
    summary: "",
    syntax: "",
    run: Run::Session(accept),
};

fn failure_reports(cx: &mut SessionCx<'_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let view = view(cx)?;
    let node = member(&view, args.bytes()?)?;
    out.count(usize::from(view.is_down(node)));
    Ok(())
}

fn count_keys(cx: &mut SessionCx<'_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let view = view(cx)?;
    let slot = slot(args.integer()?).ok_or(CommandError::Plain("Invalid slot"))?;
    out.count(visit(cx, &view, slot, usize::MAX, &mut |_| {}));
    Ok(())
}

fn get_keys(cx: &mut SessionCx<'_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let view = view(cx)?;
    let (slot, count) = (slot(args.integer()?), usize::try_from(args.integer()?).ok());
    let (Some(slot), Some(count)) = (slot, count) else {
        return Err(CommandError::Plain("Invalid slot or number of keys"));
    };
    let mut found = Vec::new();
    let mut part = out.part(&mut found);
    let keys = visit(cx, &view, slot, count, &mut |key| part.bulk(key));
    let overflowed = part.has_overflowed();
    out.array(keys);
    out.raw(&found);
    if overflowed {
        out.set_overflowed();
    }
    Ok(())
}

fn info(cx: &mut SessionCx<'_>, _: Args<'_>, out: &mut Out<'_>) -> Outcome {
    out.verbatim(&text::info(&view(cx)?));
    Ok(())
}

fn key_slot(cx: &mut SessionCx<'_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    at_cluster_endpoint(cx)?;
    out.integer(Slot::of(args.bytes()?).number().into());
    Ok(())
}

fn links(cx: &mut SessionCx<'_>, _: Args<'_>, out: &mut Out<'_>) -> Outcome {
    replies::links(&view(cx)?, &cx.node.links(), out);
    Ok(())
}

fn my_id(cx: &mut SessionCx<'_>, _: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let view = view(cx)?;
    out.bulk(view.name(view.own).as_bytes());
    Ok(())
}

fn nodes(cx: &mut SessionCx<'_>, _: Args<'_>, out: &mut Out<'_>) -> Outcome {
    out.verbatim(&text::nodes(&view(cx)?));
    Ok(())
}

fn replicas(cx: &mut SessionCx<'_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    member(&view(cx)?, args.bytes()?)?;
    out.array(0);
    Ok(())
}

fn shards(cx: &mut SessionCx<'_>, _: Args<'_>, out: &mut Out<'_>) -> Outcome {
    replies::shards(&leased_view(cx)?, out);
    Ok(())
}

fn slots(cx: &mut SessionCx<'_>, _: Args<'_>, out: &mut Out<'_>) -> Outcome {
    replies::slots(&leased_view(cx)?, out);
    Ok(())
}

fn accept(cx: &mut SessionCx<'_>, _: Args<'_>, out: &mut Out<'_>) -> Outcome {
    at_cluster_endpoint(cx)?;
    out.ok();
    Ok(())
}

fn at_cluster_endpoint(cx: &SessionCx<'_>) -> Outcome {
    match cx.session.endpoint {
        Endpoint::Cluster => Ok(()),
        Endpoint::Plain => Err(CommandError::Plain("This instance has cluster support disabled")),
    }
}

fn view(cx: &SessionCx<'_>) -> Result<ClusterView, CommandError> {
    at_cluster_endpoint(cx)?;
    cx.node.cluster().ok_or(CommandError::ClusterDown("this node has not joined its cluster yet"))
}

/// What clients go by. A node that believes to own something, and has no lease, may know an old state of things: they ask
/// another. One that owns nothing, as when it has been drained, sends nobody to itself.
fn leased_view(cx: &SessionCx<'_>) -> Result<ClusterView, CommandError> {
    let view = view(cx)?;
    if view.serving || !view.owns_any() { Ok(view) } else { Err(CommandError::ClusterDown(NO_LEASE)) }
}

fn member(view: &ClusterView, name: &[u8]) -> Result<NodeId, CommandError> {
    view.named(name).ok_or_else(|| CommandError::Told(format!("Unknown node {}", shown(name))))
}

/// Keys of a slot that this node serves; none where another does.
fn visit(
    cx: &SessionCx<'_>,
    view: &ClusterView,
    slot: Slot,
    keys_max: usize,
    visit: &mut dyn FnMut(&[u8]),
) -> usize {
    if view.topology.row(slot.partition()).owner != Some(view.own) {
        return 0;
    }
    Walker::new(cx.store, cx.session.database, cx.now).slot_keys(slot, keys_max, visit)
}

fn slot(number: i64) -> Option<Slot> {
    u16::try_from(number).ok().and_then(Slot::new)
}

const NO_LEASE: &str = "this node has no lease: it starts, or is cut off from the others; ask another node";
