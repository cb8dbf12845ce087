//! Commands of Redis that Larder leaves out on purpose. They have rows, so that whoever sends one reads why, and what to
//! do instead.

use larder_proto::resp::Out;

use super::args::Args;
use super::context::SessionCx;
use super::error::CommandError;
use super::spec::{Arity, Flags, Group, Keys, Outcome, Run, Spec, check};

/// The rows.
pub(super) const ROWS: &[Spec] = &[
    row("save", "1.0.0", Run::Session(save)),
    row("bgsave", "1.0.0", Run::Session(bgsave)),
    row("bgrewriteaof", "1.0.0", Run::Session(bgrewriteaof)),
    row("lastsave", "1.0.0", Run::Session(lastsave)),
    row("replicaof", "5.0.0", Run::Session(replicaof)),
    row("slaveof", "1.0.0", Run::Session(slaveof)),
    row("psync", "2.8.0", Run::Session(psync)),
    row("sync", "1.0.0", Run::Session(sync)),
    row("failover", "6.2.0", Run::Session(failover)),
    row("module", "4.0.0", Run::Session(module)),
    row("debug", "1.0.0", Run::Session(debug)),
    row("shutdown", "1.0.0", Run::Session(shutdown)),
];
const _: () = check(ROWS);

const NO_FILES: &str = "values live in memory alone; nothing is ever written to disk";
const NO_REPLICAOF: &str = "a node follows no Redis server, and its cluster arranges copies by itself";
const NO_SYNC: &str = "a node feeds no Redis replica; read the keys by SCAN instead";

const fn row(name: &'static str, since: &'static str, run: Run) -> Spec {
    Spec {
        name,
        arity: Arity::AtLeast(1),
        keys: Keys::None,
        flags: Flags::ADMIN.and(Flags::NO_SCRIPT),
        group: Group::Server,
        since,
        summary: "Refused with the reason.",
        syntax: "[argument [argument ...]]",
        run,
    }
}

fn save(_: &mut SessionCx<'_>, _: Args<'_>, _: &mut Out<'_>) -> Outcome {
    refuse("SAVE", NO_FILES)
}

fn bgsave(_: &mut SessionCx<'_>, _: Args<'_>, _: &mut Out<'_>) -> Outcome {
    refuse("BGSAVE", NO_FILES)
}

fn bgrewriteaof(_: &mut SessionCx<'_>, _: Args<'_>, _: &mut Out<'_>) -> Outcome {
    refuse("BGREWRITEAOF", NO_FILES)
}

fn lastsave(_: &mut SessionCx<'_>, _: Args<'_>, _: &mut Out<'_>) -> Outcome {
    refuse("LASTSAVE", NO_FILES)
}

fn replicaof(_: &mut SessionCx<'_>, _: Args<'_>, _: &mut Out<'_>) -> Outcome {
    refuse("REPLICAOF", NO_REPLICAOF)
}

fn slaveof(_: &mut SessionCx<'_>, _: Args<'_>, _: &mut Out<'_>) -> Outcome {
    refuse("SLAVEOF", NO_REPLICAOF)
}

fn psync(_: &mut SessionCx<'_>, _: Args<'_>, _: &mut Out<'_>) -> Outcome {
    refuse("PSYNC", NO_SYNC)
}

fn sync(_: &mut SessionCx<'_>, _: Args<'_>, _: &mut Out<'_>) -> Outcome {
    refuse("SYNC", NO_SYNC)
}

fn failover(_: &mut SessionCx<'_>, _: Args<'_>, _: &mut Out<'_>) -> Outcome {
    refuse(
        "FAILOVER",
        "the cluster decides by itself which node serves what; stop a node with SIGTERM to relieve it",
    )
}

fn module(_: &mut SessionCx<'_>, _: Args<'_>, _: &mut Out<'_>) -> Outcome {
    refuse("MODULE", "a node runs no foreign code; all its commands are built in, see COMMAND LIST")
}

fn debug(_: &mut SessionCx<'_>, _: Args<'_>, _: &mut Out<'_>) -> Outcome {
    refuse("DEBUG", "it would let a client harm the node; see INFO, MEMORY and LATENCY")
}

fn shutdown(_: &mut SessionCx<'_>, _: Args<'_>, _: &mut Out<'_>) -> Outcome {
    refuse("SHUTDOWN", "whoever started the process stops it, with SIGTERM")
}

fn refuse(command: &'static str, reason: &'static str) -> Outcome {
    Err(CommandError::Refused { command, reason })
}

#[cfg(test)]
mod tests {
    use super::ROWS;
    use crate::commands::testing::Bench;

    #[test]
    fn each_is_refused_under_its_own_name() {
        let mut bench = Bench::new();
        for row in ROWS {
            let head = format!("-ERR {} is not supported: ", row.name.to_ascii_uppercase());
            for line in [row.name.to_owned(), format!("{} a b", row.name)] {
                assert!(bench.run(&line).starts_with(&head), "{line}");
            }
        }
    }
}
