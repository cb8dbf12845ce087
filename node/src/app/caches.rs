//! The external caches of a cluster: in the state that all nodes share, encrypted there since that lies on disks. Every node
//! reads its own copy of the state; a change goes to the leader.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use larder_proto::topology::Incarnation;
use parking_lot::Mutex;
use tokio::time::timeout;

use crate::cluster::handle::Handle;
use crate::cluster::machine::{self, Answer, Refusal, State};
use crate::cluster::sealed::Sealed;
use crate::external::{Entry, Table};
use crate::link::Secret;
use crate::net::Boxed;
use crate::server::{BookError, CacheBook, Change, Keeping};

/// Where a cluster's nodes keep external caches.
pub(super) struct ClusterBook {
    handle: Arc<OnceLock<Handle>>,
    secret: Secret,
    incarnation: Incarnation,
    /// What was read last. Written by whoever asks after the state has changed.
    read: Mutex<Option<Read>>,
}

/// A table, and the state that it was read from.
struct Read {
    state: Arc<State>,
    table: Arc<Table>,
}

impl ClusterBook {
    pub(super) fn new(handle: Arc<OnceLock<Handle>>, secret: Secret, incarnation: Incarnation) -> Self {
        Self { handle, secret, incarnation, read: Mutex::default() }
    }

    /// Whether the state is as new as this run of the node. What a node finds on its disk may be older than what gateways
    /// know already.
    fn is_current(&self, state: &State) -> bool {
        let own = self.handle.get().and_then(Handle::identity);
        let member = own.and_then(|own| state.topology.members.get(&own.node));
        member.is_some_and(|member| member.incarnation == self.incarnation)
    }

    fn read_table(&self, state: &State) -> Table {
        let mut unreadable = Vec::new();
        let open = |(name, sealed): (&String, &Sealed)| {
            let text = sealed.open(&self.secret, name).ok();
            let entry = text.and_then(|text| Entry::of_text(name, &text));
            if entry.is_none() {
                tracing::warn!(
                    use_from = name,
                    "an external cache cannot be read: it was set under another cluster secret; set it again"
                );
                unreadable.push(name.clone());
            }
            entry
        };
        let entries: Vec<Entry> = state.caches.iter().filter_map(open).collect();
        let cluster = state.topology.cluster.0.to_be_bytes();
        let sign = |content: &[u8]| self.secret.key(&[LABEL, &cluster, content].concat());
        Table::new(entries, unreadable, sign)
    }
}

impl CacheBook for ClusterBook {
    fn table(&self) -> Option<Arc<Table>> {
        let state = self.handle.get()?.state();
        let mut read = self.read.lock();
        match &mut *read {
            None if !self.is_current(&state) => return None,
            Some(read) if Arc::ptr_eq(&read.state, &state) => {}
            Some(read) if read.state.caches == state.caches => read.state = state,
            _ => *read = Some(Read { table: Arc::new(self.read_table(&state)), state }),
        }
        read.as_ref().map(|read| Arc::clone(&read.table))
    }

    fn keeping(&self) -> Keeping {
        // A secret tells nothing of itself but what follows from it.
        let has_none = self.secret.key(LABEL) == Secret::new("").key(LABEL);
        if has_none { Keeping::Unsealed } else { Keeping::Sealed }
    }

    fn change(&self, change: Change) -> Boxed<'_, Result<bool, BookError>> {
        Box::pin(async move {
            let failed = |why: &str| BookError::Cluster(why.to_owned());
            let handle = self.handle.get().ok_or(failed("the node is starting: try again in a moment"))?;
            let (name, value) = match change {
                Change::Set(entry) => {
                    let name = entry.use_from.as_str().to_owned();
                    let sealed = Sealed::new(&self.secret, &name, &entry.to_text());
                    (name, Some(sealed.map_err(|error| failed(&error.to_string()))?))
                }
                Change::Remove(use_from) => (use_from.as_str().to_owned(), None),
            };
            let wanted = value.clone();
            let proposed = machine::Change::Cache { name: name.clone(), value };
            let done = match handle.propose(proposed).await {
                Ok(Answer::Applied { done, .. }) => done > 0,
                Ok(Answer::Refused(Refusal::TooMany)) => return Err(BookError::Full),
                Ok(Answer::Refused(refusal)) => return Err(failed(&refusal.to_string())),
                Ok(Answer::Admitted(_)) => return Err(failed("the cluster misunderstood the change")),
                Err(error) => return Err(failed(&error.to_string())),
            };
            // The leader has it; this node is told in a moment. Somebody else may have changed it again meanwhile.
            let mut states = handle.states();
            let shows = |state: &Arc<State>| state.caches.get(&name) == wanted.as_ref();
            let _ = timeout(APPLIED_TIME_MAX, states.wait_for(shows)).await;
            Ok(done)
        })
    }
}

/// What versions are signed for.
const LABEL: &[u8] = b"external caches 1";

const APPLIED_TIME_MAX: Duration = Duration::from_secs(2);
