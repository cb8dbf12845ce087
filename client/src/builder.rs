//! From settings to a running cache. Everything that can be wrong is said here; after this nothing
//! is an error.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::backend::Backend;
use crate::build_error::BuildError;
use crate::cache::{Cache, CacheParts, StoreMode};
use crate::external::{
    ConnectionString, EntryFile, EntrySource, ExternalEntry, Parts, Region, Sources, UseFrom, read_all,
};
use crate::guard::{Clock, Random, SystemClock, SystemRandom};
use crate::internal::{Heard, Watch, internal_backend};
use crate::key::{DEFAULT_SERVICE, KeySpace};
use crate::limits;
use crate::link::{ReplyLimit, TlsSource};
use crate::metrics::Metrics;
use crate::switch::Switcher;

/// The settings of a [`Cache`]; made by [`Cache::builder`].
///
/// Its `Debug` shows names and counts: connection strings hold passwords.
#[must_use]
pub struct CacheBuilder {
    region: String,
    service: String,
    internal: Option<String>,
    external: Vec<ExternalEntry>,
    external_file: Option<PathBuf>,
    watch_external: bool,
    time_budget: Duration,
    value_bytes_max: usize,
    store_mode: StoreMode,
    failover: bool,
    read_from_replicas: bool,
    root_files: Vec<PathBuf>,
    root_pems: Vec<Vec<u8>>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl CacheBuilder {
    pub(crate) fn new(region: &str) -> Self {
        Self {
            region: region.to_owned(),
            service: DEFAULT_SERVICE.to_owned(),
            internal: None,
            external: Vec::new(),
            external_file: None,
            watch_external: false,
            time_budget: limits::TIME_BUDGET_DEFAULT,
            value_bytes_max: limits::VALUE_BYTES_DEFAULT,
            store_mode: StoreMode::default(),
            failover: false,
            read_from_replicas: false,
            root_files: Vec::new(),
            root_pems: Vec::new(),
            clock: Arc::new(SystemClock::new()),
            random: Arc::new(SystemRandom::new()),
        }
    }

    /// The service that the values belong to; `default` has no key prefix. 1 to 64 of
    /// `a-z A-Z 0-9 . _ -`.
    pub fn service(mut self, service: impl Into<String>) -> Self {
        self.service = service.into();
        self
    }

    /// The regional cluster: `HOST:PORT` of one or more nodes, joined by commas. Any of them will
    /// do; the next is taken when one is down. The options of a [`ConnectionString`] may follow.
    pub fn internal(mut self, endpoints: impl Into<String>) -> Self {
        self.internal = Some(endpoints.into());
        self
    }

    /// An external cache: where it is to be used from (a region's name, or `Default`), and its
    /// [`ConnectionString`].
    pub fn external(mut self, use_from: impl Into<String>, connection_string: impl Into<String>) -> Self {
        self.external.push(ExternalEntry::new(use_from, connection_string));
        self
    }

    /// A TOML file with external entries, which is looked at once a second: a change comes into force
    /// while calls run, as with [`Cache::set_external`].
    ///
    /// ```toml
    /// [[external]]
    /// use-from = "West Europe"
    /// connection-string = "cache.example.net:6380,password=secret,ssl=True"
    /// description = "optional, for people"
    /// ```
    ///
    /// For the same location, an entry of the file goes before one of the builder. A file that has become
    /// wrong or is gone changes nothing; the [report](Cache::report) and the log say so.
    pub fn external_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.external_file = Some(path.into());
        self
    }

    /// Whether the internal cluster is asked for external entries, four times a second, and followed when
    /// they change; it is not if nothing is said. The internal connection must log in as the cluster's
    /// user `gateway`, unless the cluster has no password at all.
    ///
    /// For the same location, an entry of the cluster goes before one of the file or the builder; where the
    /// cluster says nothing, those stay in force. While the cluster cannot be asked, the last that it said
    /// does. A change is followed within a second. Until its first answer calls go where the other entries say:
    /// [`Cache::external_known`] waits for it.
    pub fn watch_external(mut self, watch: bool) -> Self {
        self.watch_external = watch;
        self
    }

    /// What one call may take at most; 500 ms if nothing is said. A shorter `asyncTimeout` or
    /// `syncTimeout` of a connection string goes before it.
    pub fn time_budget(mut self, budget: Duration) -> Self {
        self.time_budget = budget;
        self
    }

    /// The largest value that is stored or given, in bytes as the cache holds them; 2 MiB if nothing
    /// is said. A larger one is skipped by a store, and a miss with a cause for a lookup.
    ///
    /// An answer is read as a whole before it is looked at: what another client has stored takes its
    /// size in memory once, until the lookup ends.
    pub fn value_bytes_max(mut self, bytes: usize) -> Self {
        self.value_bytes_max = bytes;
        self
    }

    /// Whether a store waits for the cache's answer (the default) or not.
    pub fn store_mode(mut self, mode: StoreMode) -> Self {
        self.store_mode = mode;
        self
    }

    /// Whether a call with `prefer-external` turns to the internal cache when the external one fails; it
    /// does not if nothing is said. `external` never does.
    ///
    /// This splits the data: what is stored inside during an outage is not found outside after it, and what
    /// was removed inside is there outside again. It fits values that any gateway can make again and
    /// that may be old. The external cache gets half of the time budget, and none while its breaker is
    /// open; the outcome names the store that answered, and the metrics count both.
    pub fn failover(mut self, failover: bool) -> Self {
        self.failover = failover;
        self
    }

    /// Whether lookups in a Redis Cluster ask a replica of the key's owner first, and the owner if that goes
    /// wrong; they do not if nothing is said. Replicas follow their owner late: a lookup may miss, or give
    /// the value before, for a moment after a store or a removal. Elsewhere it changes nothing.
    pub fn read_from_replicas(mut self, read: bool) -> Self {
        self.read_from_replicas = read;
        self
    }

    /// A PEM file with root certificates to trust beside the platform's.
    pub fn root_certificates_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.root_files.push(path.into());
        self
    }

    /// A PEM text with root certificates to trust beside the platform's.
    pub fn root_certificates_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.root_pems.push(pem.into());
        self
    }

    /// The clock that times are measured with.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The chance that spreads pauses and endpoints.
    pub fn random(mut self, random: Arc<dyn Random>) -> Self {
        self.random = random;
        self
    }

    /// Starts the cache. It connects in the background: a cache that is down is no error.
    ///
    /// # Errors
    ///
    /// A setting that makes no sense; nothing has been started then.
    pub fn build(self) -> Result<Cache, BuildError> {
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(BuildError::NoRuntime);
        }
        self.check_limits()?;
        let region = Region::new(&self.region).ok_or(BuildError::Region)?;
        let keys = KeySpace::new(&self.service).ok_or(BuildError::Service)?;
        let internal = self.internal.as_deref().map(ConnectionString::parse).transpose();
        let internal = internal.map_err(BuildError::Internal)?;
        if self.watch_external && internal.is_none() {
            return Err(BuildError::NothingToWatch);
        }
        let entries = read_all(&self.external).map_err(BuildError::External)?;
        let mut sources = Sources::default();
        sources.set(EntrySource::Settings, entries);
        let file = self.external_file.clone().map(EntryFile::open).transpose();
        let file = file.map_err(BuildError::ExternalFile)?.map(|(file, entries)| {
            sources.set(EntrySource::File, entries);
            file
        });
        self.start(Checked { region, keys, internal, sources, file })
    }

    fn check_limits(&self) -> Result<(), BuildError> {
        if self.time_budget.is_zero() || self.time_budget > limits::TIME_BUDGET_MAX {
            return Err(BuildError::TimeBudget);
        }
        if self.value_bytes_max == 0 || self.value_bytes_max > limits::VALUE_BYTES_MAX {
            return Err(BuildError::ValueBytesMax);
        }
        Ok(())
    }

    fn start(self, checked: Checked) -> Result<Cache, BuildError> {
        let Checked { region, keys, internal, sources, file } = checked;
        let (clock, random) = (self.clock.clone(), self.random.clone());
        let reply_limit = ReplyLimit::for_values(self.value_bytes_max);
        let parts = Parts {
            reply_limit: reply_limit.clone(),
            tls: self.tls_source()?,
            clock,
            random,
            tasks: TaskTracker::new(),
            reads_replicas: self.read_from_replicas,
        };
        let backend = internal.as_ref().map(|string| internal_backend(string, &parts));
        let backend = backend.transpose().map_err(BuildError::Tls)?.map(Arc::new);
        let (metrics, stop) = (Arc::new(Metrics::default()), CancellationToken::new());
        let tasks = parts.tasks.clone();
        let switcher = Switcher {
            region: region.clone(),
            service: self.service.clone(),
            internal,
            sources,
            parts,
            metrics: metrics.clone(),
            stop: stop.clone(),
        };
        let (routes, changes) = switcher.start().map_err(BuildError::Tls)?;
        if let Some(file) = file {
            tasks.spawn(stop.clone().run_until_cancelled_owned(file.watch(changes.clone())));
        }
        let mut cluster_heard = None;
        if let Some(internal) = backend.clone().filter(|_| self.watch_external) {
            let (heard, hears) = watch::channel(Heard::Nothing);
            cluster_heard = Some(hears);
            let watch = Watch { internal, region, changes: changes.clone(), heard };
            tasks.spawn(stop.clone().run_until_cancelled_owned(watch.run()));
        }
        Ok(Cache::new(CacheParts {
            internal: backend.map(|backend| backend as Arc<dyn Backend>),
            routes,
            changes,
            cluster_heard,
            _stop: stop.drop_guard(),
            keys,
            metrics,
            time_budget: self.time_budget,
            value_bytes_max: self.value_bytes_max,
            reply_limit,
            store_mode: self.store_mode,
            failover: self.failover,
            clock: self.clock,
        }))
    }

    fn tls_source(&self) -> Result<TlsSource, BuildError> {
        let mut source = TlsSource::default();
        for pem in &self.root_pems {
            source.add_pem(pem).map_err(BuildError::Tls)?;
        }
        for path in &self.root_files {
            source.add_file(path).map_err(BuildError::Tls)?;
        }
        Ok(source)
    }
}

impl fmt::Debug for CacheBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Somebody may have mixed up a name and its connection string.
        let shown = |name: &String| UseFrom::new(name).map_or("***".to_owned(), |name| name.to_string());
        let entries: Vec<String> = self.external.iter().map(|entry| shown(&entry.use_from)).collect();
        f.debug_struct("CacheBuilder")
            .field("region", &shown(&self.region))
            .field("service", &KeySpace::new(&self.service).map_or("***", |_| self.service.as_str()))
            .field("internal", &self.internal.as_ref().map(|_| "***"))
            .field("external", &entries)
            .field("root_files", &self.root_files.len())
            .field("root_pems", &self.root_pems.len())
            .finish_non_exhaustive()
    }
}

/// Settings that make sense.
struct Checked {
    region: Region,
    keys: KeySpace,
    internal: Option<ConnectionString>,
    sources: Sources,
    file: Option<EntryFile>,
}
