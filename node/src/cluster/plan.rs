//! The planner: from the state and the bytes of each partition to the next steps and hand-over requests. Pure and without
//! memory: what is under way is read off the rows, so the same state gives the same plan on any leader. Who proposes it is
//! left to the leader's duties.
//!
//! In order: failovers and rows without an owner; copies that are missing; owners that leave; copies too many; copies in the
//! same zone; balance. A row that one of them has touched is left alone by those after it: it gets its turn when the state has
//! changed.

mod balance;
mod deal;
mod draft;
mod repair;

use larder_proto::slot::Partition;
use larder_proto::topology::{NodeId, Step};

use self::draft::Draft;
use super::machine::State;

/// What is to be done next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// To be proposed by the leader.
    pub steps: Vec<Step>,
    /// To be asked of owners. A request that is under way is planned again until the state shows it.
    pub hand_overs: Vec<HandOver>,
}

/// A request to an owner to hand a partition over to a copy in sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandOver {
    /// The partition.
    pub partition: Partition,
    /// Its owner.
    pub from: NodeId,
    /// The copy.
    pub to: NodeId,
}

impl Plan {
    /// Whether the cluster is at rest.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.hand_overs.is_empty()
    }
}

/// Plans the next round. `bytes` holds the bytes of each partition as far as they are known; the rest counts as empty.
#[must_use]
pub fn plan(state: &State, bytes: &[u64]) -> Plan {
    if !state.formed {
        return Plan::default();
    }
    let mut draft = Draft::new(state, bytes);
    if draft.receivers().next().is_none() && draft.serving() == 0 {
        return Plan::default();
    }
    repair::give_owners(&mut draft);
    repair::add_missing(&mut draft);
    repair::relieve_leaving(&mut draft);
    repair::drop_surplus(&mut draft);
    balance::spread_zones(&mut draft);
    balance::even_bytes(&mut draft);
    balance::even_owners(&mut draft);
    draft.plan
}

/// Partitions that may be filling at one node for copies that are missing.
const FILLING_MAX: usize = 64;

/// Partitions that may be filling at one node when it is only about balance.
const BALANCE_FILLING_MAX: usize = 32;

/// Hand-overs that one owner is asked for at once because it leaves.
const LEAVING_HAND_OVERS_MAX: usize = 128;

/// Hand-overs that one owner is asked for at once for balance. Requests to them wait meanwhile: far fewer than one in a hundred.
const BALANCE_HAND_OVERS_MAX: usize = 4;

/// Balance begins where two nodes differ by more than this part of the mean, in percent.
const TOLERANCE_PERCENT: u64 = 8;

#[cfg(test)]
mod tests;
