//! Changing the external cache while calls run: one task takes what the sources say, connects, and swaps
//! the route as a whole. Which entry applies is the sources' business.
//!
//! **The switcher** owns the sources and is the only one who publishes routes. It hears changes from
//! [`Cache::set_external`](crate::Cache::set_external), the file and the watch, one after the other, and
//! ends when the cache is dropped.
//!
//! A new backend gets a short chance to connect before calls go to it; a backend that is down is switched
//! to all the same, for configuration decides. Calls under way end on the old connection, which is closed
//! after the last of them. An entry with the same connection string keeps its connection.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::backend::Backend;
use crate::external::{ConnectionString, EntrySource, Parts, ReadEntry, Region, Sources, external_backend};
use crate::guard::Budget;
use crate::limits;
use crate::link::TlsError;
use crate::metrics::Metrics;
use crate::outcome::StoreUsed;
use crate::report::StartupReport;

/// Where calls go now.
pub(crate) struct Routes {
    pub(crate) external: Option<External>,
    pub(crate) report: Arc<StartupReport>,
}

/// The external cache of this region.
#[derive(Clone)]
pub(crate) struct External {
    pub(crate) backend: Arc<dyn Backend>,
    /// The entry's name.
    pub(crate) entry: Arc<str>,
    pub(crate) string: ConnectionString,
}

/// What a source has to say.
pub(crate) enum Change {
    /// Its entries, in place of those before.
    Entries(EntrySource, Vec<ReadEntry>),
    /// Why it cannot be asked; its entries stay.
    Trouble(EntrySource, String),
}

type Message = (Change, oneshot::Sender<Result<(), TlsError>>);

/// Where changes are handed in.
#[derive(Clone)]
pub(crate) struct Changes {
    sender: mpsc::Sender<Message>,
}

impl Changes {
    /// Hands a change in and waits until it is in force; none if the switcher has ended.
    pub(crate) async fn send(&self, change: Change) -> Option<Result<(), TlsError>> {
        let (done, applied) = oneshot::channel();
        self.sender.send((change, done)).await.ok()?;
        applied.await.ok()
    }
}

/// What a switcher is made with.
pub(crate) struct Switcher {
    pub(crate) region: Region,
    pub(crate) service: String,
    pub(crate) internal: Option<ConnectionString>,
    pub(crate) sources: Sources,
    pub(crate) parts: Parts,
    pub(crate) metrics: Arc<Metrics>,
    /// Ends the task.
    pub(crate) stop: CancellationToken,
}

impl Switcher {
    /// The routes at the start, and the task behind them.
    pub(crate) fn start(self) -> Result<(Arc<ArcSwap<Routes>>, Changes), TlsError> {
        let routes = self.routes(None)?;
        self.note(&routes);
        announce(&routes.report);
        let routes = Arc::new(ArcSwap::from_pointee(routes));
        let (sender, receiver) = mpsc::channel(limits::EXTERNAL_CHANGES_MAX);
        let (tasks, stop) = (self.parts.tasks.clone(), self.stop.clone());
        tasks.spawn(stop.run_until_cancelled_owned(self.run(routes.clone(), receiver)));
        Ok((routes, Changes { sender }))
    }

    async fn run(mut self, routes: Arc<ArcSwap<Routes>>, mut changes: mpsc::Receiver<Message>) {
        while let Some((change, done)) = changes.recv().await {
            let result = self.apply(change, &routes).await;
            // Who handed it in may be gone; the change is in force all the same.
            let _ = done.send(result);
        }
    }

    async fn apply(&mut self, change: Change, routes: &ArcSwap<Routes>) -> Result<(), TlsError> {
        let before = self.sources.clone();
        match change {
            Change::Entries(source, entries) => self.sources.set(source, entries),
            Change::Trouble(source, trouble) => {
                self.metrics.external_troubles.fetch_add(1, Ordering::Relaxed);
                self.sources.set_trouble(source, trouble);
            }
        }
        let old = routes.load_full();
        let new = match self.routes(Some(&old)) {
            Ok(new) => new,
            Err(error) => {
                tracing::warn!(%error, "external caches stay as they are");
                self.metrics.external_troubles.fetch_add(1, Ordering::Relaxed);
                self.sources = before;
                return Err(error);
            }
        };
        if let Some(external) = new.external.as_ref().filter(|new| !is_same(Some(new), old.external.as_ref()))
        {
            external.backend.connected(Budget::start(limits::EXTERNAL_SWITCH_PATIENCE)).await;
        }
        self.note(&new);
        self.tell(&old, &new);
        routes.store(Arc::new(new));
        Ok(())
    }

    /// What the sources come to; the old backend is kept where nothing else is asked for.
    fn routes(&self, old: Option<&Routes>) -> Result<Routes, TlsError> {
        let plan = self.sources.plan(&self.region);
        let old = old.and_then(|old| old.external.as_ref());
        let external = match &plan.used {
            None => None,
            Some(ReadEntry { use_from, string: Ok(string), .. }) => {
                Some(self.external(&use_from.to_string(), string, old)?)
            }
            // It is among the troubles; what was in force stays.
            Some(ReadEntry { string: Err(_), .. }) => old.cloned(),
        };
        let report = StartupReport::new(
            self.region.clone(),
            self.service.clone(),
            self.internal.clone(),
            external.as_ref().map(|external| (external.entry.clone(), external.string.clone())),
            plan,
        );
        Ok(Routes { external, report: Arc::new(report) })
    }

    fn external(
        &self,
        entry: &str,
        string: &ConnectionString,
        old: Option<&External>,
    ) -> Result<External, TlsError> {
        let backend = match old.filter(|old| old.string == *string) {
            Some(old) => old.backend.clone(),
            None => Arc::new(external_backend(&format!("external:{entry}"), string, &self.parts)?),
        };
        Ok(External { backend, entry: entry.into(), string: string.clone() })
    }

    fn note(&self, routes: &Routes) {
        let unresolved = routes.external.is_none() && !routes.report.resolution().entries.is_empty();
        self.metrics.external_unresolved.store(u64::from(unresolved), Ordering::Relaxed);
    }

    /// Says what is new.
    fn tell(&self, old: &Routes, new: &Routes) {
        if !is_same(new.external.as_ref(), old.external.as_ref()) {
            self.metrics.external_changes.fetch_add(1, Ordering::Relaxed);
            let named = |routes: &Routes| {
                let external = routes.external.as_ref();
                external.map_or("none".to_owned(), |found| format!("{} at {}", found.entry, found.string))
            };
            tracing::info!(from = named(old), to = named(new), "external cache changed");
        }
        let warnings = new.report.warnings().iter();
        for warning in warnings.filter(|warning| !old.report.warnings().contains(warning)) {
            tracing::warn!("cache: {warning}");
        }
    }
}

impl External {
    pub(crate) fn store(&self) -> StoreUsed {
        StoreUsed::External(self.entry.clone())
    }
}

fn is_same(left: Option<&External>, right: Option<&External>) -> bool {
    match (left, right) {
        (None, None) => true,
        (Some(left), Some(right)) => left.entry == right.entry && left.string == right.string,
        _ => false,
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
