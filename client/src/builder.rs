//! From settings to a running cache. Everything that can be wrong is said here; after this nothing
//! is an error.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio_util::task::TaskTracker;

use crate::backend::Backend;
use crate::cache::{Cache, CacheParts, External, StoreMode};
use crate::external::{
    ConnectionString, ConnectionStringError, Parts, Region, UseFrom, external_backend, resolve,
};
use crate::guard::{Clock, Random, SystemClock, SystemRandom};
use crate::internal::internal_backend;
use crate::key::{DEFAULT_SERVICE, KeySpace};
use crate::limits;
use crate::link::{TlsError, TlsSource};
use crate::metrics::Metrics;
use crate::report::StartupReport;

/// The settings of a [`Cache`]; made by [`Cache::builder`].
///
/// Its `Debug` shows names and counts: connection strings hold passwords.
#[must_use]
pub struct CacheBuilder {
    region: String,
    service: String,
    internal: Option<String>,
    external: Vec<(String, String)>,
    time_budget: Duration,
    value_bytes_max: usize,
    store_mode: StoreMode,
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
            time_budget: limits::TIME_BUDGET_DEFAULT,
            value_bytes_max: limits::VALUE_BYTES_DEFAULT,
            store_mode: StoreMode::default(),
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
        self.external.push((use_from.into(), connection_string.into()));
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
        let (entries, strings) = self.parse_external()?;
        let resolution = resolve(&region, &entries);
        let used = resolution.used.map(|place| (entries[place].to_string(), strings[place].clone()));
        let report = StartupReport::new(
            region,
            self.service.clone(),
            internal,
            used.clone().map(|(_, string)| string),
            resolution,
        );
        self.start(keys, report, used)
    }

    fn check_limits(&self) -> Result<(), BuildError> {
        if self.time_budget.is_zero() || self.time_budget > limits::TIME_BUDGET_MAX {
            return Err(BuildError::TimeBudget);
        }
        if self.value_bytes_max == 0 || self.value_bytes_max > limits::VALUE_BYTES_MAX {
            return Err(BuildError::ValueBytesMax);
        }
        if self.external.len() > limits::EXTERNAL_MAX {
            return Err(BuildError::TooManyExternal);
        }
        Ok(())
    }

    /// Reads all entries, those of other regions too: a mistake shows at once and not on a move.
    fn parse_external(&self) -> Result<(Vec<UseFrom>, Vec<ConnectionString>), BuildError> {
        let (mut entries, mut strings) = (Vec::new(), Vec::new());
        for (name, string) in &self.external {
            let entry = UseFrom::new(name).ok_or(BuildError::Region)?;
            if entries.contains(&entry) {
                return Err(BuildError::ExternalTwice(entry.to_string()));
            }
            let string = ConnectionString::parse(string)
                .map_err(|error| BuildError::External { entry: entry.to_string(), error })?;
            entries.push(entry);
            strings.push(string);
        }
        Ok((entries, strings))
    }

    fn start(
        self,
        keys: KeySpace,
        report: StartupReport,
        used: Option<(String, ConnectionString)>,
    ) -> Result<Cache, BuildError> {
        let tls = self.tls_source()?;
        let links = TaskTracker::new();
        let parts = Parts { tls: &tls, clock: self.clock.clone(), random: self.random, tasks: &links };
        let internal = report.internal.as_ref().map(|string| internal_backend(string, &parts));
        let internal = internal.transpose().map_err(BuildError::Tls)?;
        let external = match used {
            None => None,
            Some((entry, string)) => {
                let name = format!("external:{entry}");
                let backend = external_backend(&name, &string, &parts).map_err(BuildError::Tls)?;
                Some(External { backend: Arc::new(backend), entry: entry.into() })
            }
        };
        let metrics = Metrics::default();
        let unresolved = external.is_none() && !self.external.is_empty();
        metrics.external_unresolved.store(u64::from(unresolved), Ordering::Relaxed);
        announce(&report);
        Ok(Cache::new(CacheParts {
            internal: internal.map(|backend| Arc::new(backend) as Arc<dyn Backend>),
            external,
            keys,
            report,
            metrics,
            time_budget: self.time_budget,
            value_bytes_max: self.value_bytes_max,
            store_mode: self.store_mode,
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
        let entries: Vec<String> = self.external.iter().map(|(name, _)| shown(name)).collect();
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

fn announce(report: &StartupReport) {
    for line in report.to_string().lines().filter(|line| !line.starts_with("warning: ")) {
        tracing::info!("cache: {line}");
    }
    for warning in report.warnings() {
        tracing::warn!("cache: {warning}");
    }
}

/// Why a cache cannot be made from its settings.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// There is no tokio runtime around the caller.
    NoRuntime,
    /// A region's name is empty, or looks like a connection string.
    Region,
    /// The service's name cannot be a key's prefix.
    Service,
    /// The time budget is zero or beyond a minute.
    TimeBudget,
    /// The size limit is zero or beyond 512 MiB.
    ValueBytesMax,
    /// More than 100 external entries.
    TooManyExternal,
    /// Two entries for the same region.
    ExternalTwice(String),
    /// The internal endpoints cannot be read.
    Internal(ConnectionStringError),
    /// An entry's connection string cannot be read.
    External {
        /// The entry.
        entry: String,
        /// What is wrong with it.
        error: ConnectionStringError,
    },
    /// TLS cannot be set up.
    Tls(TlsError),
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRuntime => f.write_str("a cache must be built within a tokio runtime"),
            Self::Region => f.write_str("a region must have a name, without `=` and `://`"),
            Self::Service => f.write_str("a service's name has 1 to 64 of a-z A-Z 0-9 . _ -"),
            Self::TimeBudget => f.write_str("the time budget must lie above 0 and be at most 60 s"),
            Self::ValueBytesMax => f.write_str("the size limit must lie above 0 and be at most 512 MiB"),
            Self::TooManyExternal => write!(f, "at most {} external caches", limits::EXTERNAL_MAX),
            Self::ExternalTwice(entry) => write!(f, "external cache {entry} is given twice"),
            Self::Internal(error) => write!(f, "internal cache: {error}"),
            Self::External { entry, error } => write!(f, "external cache {entry}: {error}"),
            Self::Tls(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for BuildError {}
