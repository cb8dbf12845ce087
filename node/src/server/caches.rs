//! The external caches of gateways, as a node has them: where they are kept, and which regions of gateways asked for them.
//! Where a cluster keeps them is `app`'s to say; a node alone has them in memory.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use larder_proto::time::Millis;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::external::{ENTRIES_MAX, Entry, SeenRegions, Table, UseFrom};
use crate::link::Secret;
use crate::net::Boxed;

/// Where external caches are kept.
pub trait CacheBook: Send + Sync {
    /// All of them, as this node knows them; none before it does.
    fn table(&self) -> Option<Arc<Table>>;
    /// How they are kept.
    fn keeping(&self) -> Keeping;
    /// Makes a change; whether there was anything to change. Once it is made, [`CacheBook::table`] shows it.
    fn change(&self, change: Change) -> Boxed<'_, Result<bool, BookError>>;
}

/// How external caches are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keeping {
    /// In this process alone.
    #[default]
    Memory,
    /// On disks, encrypted under the cluster's secret.
    Sealed,
    /// On disks, and as good as in the clear: the cluster has no secret.
    Unsealed,
}

/// A change of the external caches.
#[derive(Clone, Debug)]
pub enum Change {
    /// There is to be this one, whatever its name had before.
    Set(Entry),
    /// There is to be none of this name.
    Remove(UseFrom),
}

/// Why a change was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BookError {
    /// There are as many as there may be. Nothing has changed.
    Full,
    /// The cluster does not take it, and says why and whether it may have been made.
    Cluster(String),
}

/// The external caches of a node.
pub struct ExternalCaches {
    book: Arc<dyn CacheBook>,
    /// Written by whatever gateway asks.
    seen: Mutex<SeenRegions>,
}

impl ExternalCaches {
    /// Those of this book.
    #[must_use]
    pub fn new(book: Arc<dyn CacheBook>) -> Self {
        Self { book, seen: Mutex::default() }
    }

    /// Where they are kept.
    #[must_use]
    pub fn book(&self) -> &dyn CacheBook {
        &*self.book
    }

    /// All of them, as this node knows them; none before it does.
    #[must_use]
    pub fn table(&self) -> Option<Arc<Table>> {
        self.book.table()
    }

    /// Regions whose gateways asked this node, with the milliseconds since.
    #[must_use]
    pub fn seen_ages_ms(&self, now: Millis) -> BTreeMap<String, u64> {
        self.seen.lock().ages_ms(now)
    }

    pub(super) fn saw_gateway(&self, region: &UseFrom, now: Millis) {
        if !self.seen.lock().note(region, now) {
            return;
        }
        let table = self.table().unwrap_or_default();
        match table.used_from(region) {
            Some(entry) => tracing::info!(%region, entry, "gateways of this region use this external cache"),
            None if table.entries().len() == 0 => tracing::info!(%region, "gateways of this region"),
            None => tracing::warn!(
                %region,
                "gateways of this region use no external cache: there is neither an entry for it nor a default one"
            ),
        }
    }
}

/// The external caches of a node alone: in memory.
pub struct LoneBook {
    secret: Secret,
    table: Mutex<Arc<Table>>,
}

impl LoneBook {
    /// None yet. The number tells this run's versions from those of others.
    #[must_use]
    pub fn new(run: u128) -> Self {
        let secret = Secret::new(&format!("{run:032x}"));
        let table = Arc::new(Table::new([], Vec::new(), |content| secret.key(content)));
        Self { secret, table: Mutex::new(table) }
    }
}

impl CacheBook for LoneBook {
    fn table(&self) -> Option<Arc<Table>> {
        Some(Arc::clone(&self.table.lock()))
    }

    fn keeping(&self) -> Keeping {
        Keeping::Memory
    }

    fn change(&self, change: Change) -> Boxed<'_, Result<bool, BookError>> {
        Box::pin(async move {
            let mut table = self.table.lock();
            let mut entries: BTreeMap<UseFrom, Entry> =
                table.entries().map(|entry| (entry.use_from.clone(), entry.clone())).collect();
            match change {
                Change::Set(entry) => drop(entries.insert(entry.use_from.clone(), entry)),
                Change::Remove(use_from) => drop(entries.remove(&use_from)),
            }
            if entries.len() > ENTRIES_MAX {
                return Err(BookError::Full);
            }
            let changed = Table::new(entries.into_values(), Vec::new(), |content| self.secret.key(content));
            let is_new = changed != **table;
            *table = Arc::new(changed);
            Ok(is_new)
        })
    }
}

impl fmt::Display for BookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => write!(f, "there are {ENTRIES_MAX} external caches, and there may be no more"),
            Self::Cluster(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for BookError {}
