//! What all workers share, and the node as its commands see it.

use std::net::SocketAddr;
use std::sync::Arc;

use larder_proto::time::Millis;
use tokio_util::sync::CancellationToken;

use super::caches::ExternalCaches;
use super::clients::Registry;
use super::info;
use super::logins::Logins;
use super::membership::Membership;
use super::pause::Pause;
use super::region::Region;
use super::stalls::Turns;
use super::statistics::NodeStatistics;
use super::tunables::Tunables;
use crate::clock::Clock;
use crate::commands::cluster::{ClusterView, Endpoint, LinkInfo};
use crate::commands::ports::{
    Caches, ClientInfo, Clients, Histogram, Node, Paused, Settings, SlowEntry, Statistics,
};
use crate::commands::session::{Session, User};
use crate::commands::table::{CommandId, Commands};
use crate::external::{Table, UseFrom};
use crate::store::Store;

/// What the node is, for INFO and the metrics. Set once at the start.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Name of the region.
    pub region: String,
    /// Name of the service.
    pub service: String,
    /// Where any client connects.
    pub address: SocketAddr,
    /// Worker threads.
    pub threads: usize,
    /// Random number of this run, as 40 hexadecimal digits.
    pub run_id: String,
    /// When the node started.
    pub started_at: Millis,
}

/// What [`Shared`] is made of. `app` builds the parts.
pub struct SharedParts {
    /// The store.
    pub store: Arc<Store>,
    /// All commands.
    pub commands: Commands,
    /// Counters.
    pub statistics: NodeStatistics,
    /// Settings that may change.
    pub tunables: Arc<Tunables>,
    /// CONFIG GET and SET.
    pub settings: Box<dyn Settings + Send + Sync>,
    /// Who may log in.
    pub logins: Logins,
    /// The external caches.
    pub caches: ExternalCaches,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The cluster that it belongs to.
    pub membership: Arc<dyn Membership>,
    /// What the node is.
    pub facts: Facts,
    /// Set when the node stops.
    pub stop: CancellationToken,
    /// The cluster, if the node is not alone.
    pub region: Option<Arc<dyn Region>>,
}

/// What all workers share. Nothing here is locked across an await, nor longer than it takes to copy a few fields.
pub struct Shared {
    pub(super) store: Arc<Store>,
    pub(super) commands: Commands,
    pub(super) registry: Registry,
    pub(super) statistics: NodeStatistics,
    pub(super) tunables: Arc<Tunables>,
    pub(super) pause: Pause,
    pub(super) logins: Logins,
    pub(super) caches: ExternalCaches,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) facts: Facts,
    pub(super) membership: Arc<dyn Membership>,
    pub(super) stop: CancellationToken,
    pub(super) region: Option<Arc<dyn Region>>,
    settings: Box<dyn Settings + Send + Sync>,
}

impl Shared {
    /// Joins the parts.
    #[must_use]
    pub fn new(parts: SharedParts) -> Self {
        Self {
            store: parts.store,
            commands: parts.commands,
            registry: Registry::default(),
            statistics: parts.statistics,
            tunables: parts.tunables,
            pause: Pause::default(),
            logins: parts.logins,
            caches: parts.caches,
            clock: parts.clock,
            facts: parts.facts,
            membership: parts.membership,
            stop: parts.stop,
            region: parts.region,
            settings: parts.settings,
        }
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The cluster that the node belongs to.
    #[must_use]
    pub fn membership(&self) -> &dyn Membership {
        &*self.membership
    }

    /// The external caches.
    #[must_use]
    pub const fn external_caches(&self) -> &ExternalCaches {
        &self.caches
    }

    /// The moment, for what is told to operators.
    #[must_use]
    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    /// The counters.
    #[must_use]
    pub const fn counters(&self) -> &NodeStatistics {
        &self.statistics
    }

    /// The connections.
    #[must_use]
    pub const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// What the node is.
    #[must_use]
    pub const fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Whether the node is one of several.
    #[must_use]
    #[inline]
    pub const fn is_clustered(&self) -> bool {
        self.region.is_some()
    }

    /// Set when the node stops.
    #[must_use]
    pub const fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Milliseconds since the node started.
    #[must_use]
    pub fn uptime_ms(&self) -> u64 {
        self.clock.now().since(self.facts.started_at)
    }
}

impl Shared {
    /// Where the sweep counts its steps.
    pub(super) const fn sweep_turns(&self) -> &Turns {
        &self.statistics.sweep_turns
    }
}

impl Node for Shared {
    fn commands(&self) -> &Commands {
        &self.commands
    }

    fn clients(&self) -> &dyn Clients {
        self
    }

    fn settings(&self) -> &dyn Settings {
        &*self.settings
    }

    fn statistics(&self) -> &dyn Statistics {
        self
    }

    fn asks_for_login(&self) -> bool {
        self.logins.are_required()
    }

    fn login(&self, user: &[u8], password: &[u8]) -> Option<User> {
        self.logins.user(user, password)
    }

    fn caches(&self) -> &dyn Caches {
        self
    }

    fn info(&self, sections: &[String], endpoint: Endpoint) -> String {
        info::write(self, sections, endpoint)
    }

    fn cluster(&self) -> Option<ClusterView> {
        self.membership.view()
    }

    fn links(&self) -> Vec<LinkInfo> {
        self.membership.links()
    }

    fn memory_facts(&self) -> Vec<(&'static str, u64)> {
        info::memory_facts(self)
    }
}

impl Caches for Shared {
    fn are_open(&self) -> bool {
        self.logins.are_open()
    }

    fn table(&self) -> Option<Arc<Table>> {
        self.caches.table()
    }

    fn saw_gateway(&self, region: &UseFrom, now: Millis) {
        self.caches.saw_gateway(region, now);
    }
}

impl Clients for Shared {
    fn list(&self, now: Millis) -> Vec<ClientInfo> {
        self.registry.list(&self.commands, now)
    }

    fn describe(&self, session: &Session, now: Millis) -> ClientInfo {
        let Some(card) = self.registry.get(session.id) else { return ClientInfo::default() };
        card.tell(session);
        card.describe(&self.commands, now)
    }

    fn kill(&self, id: u64) -> bool {
        let card = self.registry.get(id);
        card.iter().for_each(|card| card.kill());
        card.is_some()
    }

    fn pause(&self, until: Millis, what: Paused) {
        self.pause.begin(until, what, self.clock.now());
    }

    fn unpause(&self) {
        self.pause.end();
    }
}

impl Statistics for Shared {
    fn slow_entries(&self, count: usize) -> Vec<SlowEntry> {
        self.statistics.slow_entries(count)
    }

    fn slow_length(&self) -> usize {
        self.statistics.slow_length()
    }

    fn slow_reset(&self) {
        self.statistics.slow_reset();
    }

    fn histogram(&self, command: CommandId) -> Histogram {
        self.statistics.histogram(command)
    }

    fn reset(&self) {
        self.statistics.reset();
        self.store.memory().reset_counters();
    }
}
