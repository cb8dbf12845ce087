//! Subcommands of CLUSTER by which an operator of Redis arranges a cluster by hand. They have rows, so that whoever sends
//! one reads what to do instead.

use super::rows::ROW;
use crate::commands::error::CommandError;
use crate::commands::spec::{Arity, Flags, Outcome, Run, Spec};

pub(super) const ADDSLOTS: Spec =
    row("addslots", "3.0.0", Run::Session(|_, _, _| refuse("CLUSTER ADDSLOTS", BY_ITSELF)));
pub(super) const ADDSLOTSRANGE: Spec =
    row("addslotsrange", "7.0.0", Run::Session(|_, _, _| refuse("CLUSTER ADDSLOTSRANGE", BY_ITSELF)));
pub(super) const BUMPEPOCH: Spec =
    row("bumpepoch", "3.0.0", Run::Session(|_, _, _| refuse("CLUSTER BUMPEPOCH", BY_ITSELF)));
pub(super) const DELSLOTS: Spec =
    row("delslots", "3.0.0", Run::Session(|_, _, _| refuse("CLUSTER DELSLOTS", BY_ITSELF)));
pub(super) const DELSLOTSRANGE: Spec =
    row("delslotsrange", "7.0.0", Run::Session(|_, _, _| refuse("CLUSTER DELSLOTSRANGE", BY_ITSELF)));
pub(super) const FAILOVER: Spec =
    row("failover", "3.0.0", Run::Session(|_, _, _| refuse("CLUSTER FAILOVER", BY_ITSELF)));
pub(super) const FLUSHSLOTS: Spec =
    row("flushslots", "3.0.0", Run::Session(|_, _, _| refuse("CLUSTER FLUSHSLOTS", BY_ITSELF)));
pub(super) const FORGET: Spec =
    row("forget", "3.0.0", Run::Session(|_, _, _| refuse("CLUSTER FORGET", BY_JOINING)));
pub(super) const MEET: Spec =
    row("meet", "3.0.0", Run::Session(|_, _, _| refuse("CLUSTER MEET", BY_JOINING)));
pub(super) const REPLICATE: Spec =
    row("replicate", "3.0.0", Run::Session(|_, _, _| refuse("CLUSTER REPLICATE", BY_ITSELF)));
pub(super) const RESET: Spec =
    row("reset", "3.0.0", Run::Session(|_, _, _| refuse("CLUSTER RESET", BY_JOINING)));
pub(super) const SAVECONFIG: Spec =
    row("saveconfig", "3.0.0", Run::Session(|_, _, _| refuse("CLUSTER SAVECONFIG", BY_ITSELF)));
pub(super) const SET_CONFIG_EPOCH: Spec =
    row("set-config-epoch", "3.0.0", Run::Session(|_, _, _| refuse("CLUSTER SET-CONFIG-EPOCH", BY_ITSELF)));
pub(super) const SETSLOT: Spec =
    row("setslot", "3.0.0", Run::Session(|_, _, _| refuse("CLUSTER SETSLOT", BY_ITSELF)));

const fn row(name: &'static str, since: &'static str, run: Run) -> Spec {
    Spec {
        name,
        arity: Arity::AtLeast(2),
        flags: Flags::ADMIN.and(Flags::NO_SCRIPT),
        since,
        summary: "Refused with the reason.",
        syntax: "[argument [argument ...]]",
        run,
        ..ROW
    }
}

fn refuse(command: &'static str, reason: &'static str) -> Outcome {
    Err(CommandError::Refused { command, reason })
}

const BY_ITSELF: &str = "the cluster deals out its slots and copies by itself; see larder status";
const BY_JOINING: &str = "a node joins where its --join says, and leaves by larder drain";
