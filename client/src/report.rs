//! What a cache tells about itself: which store each caching type goes to, which external entry
//! applies and why, and what looks like a mistake. No secret is in it.

use std::fmt;
use std::sync::Arc;

use crate::caching_type::CachingType;
use crate::external::{ConnectionString, Plan, Region, Resolution};
use crate::outcome::StoreUsed;

/// What applies in a [`Cache`](crate::Cache) at one moment. A change of external entries makes a new
/// one. Printing gives one line for each fact.
#[derive(Debug, Clone)]
pub struct StartupReport {
    pub(crate) region: Region,
    pub(crate) service: String,
    pub(crate) internal: Option<ConnectionString>,
    /// The entry in use.
    external: Option<(Arc<str>, ConnectionString)>,
    resolution: Resolution,
    /// What became of the entries, one line each.
    entries: Vec<String>,
    warnings: Vec<String>,
}

impl StartupReport {
    pub(crate) fn new(
        region: Region,
        service: String,
        internal: Option<ConnectionString>,
        external: Option<(Arc<str>, ConnectionString)>,
        plan: Plan,
    ) -> Self {
        let (entries, troubles) = (plan.lines(), plan.troubles);
        let resolution = plan.resolution;
        let mut report =
            Self { region, service, internal, external, resolution, entries, warnings: Vec::new() };
        report.warnings = report.find_warnings(troubles);
        report
    }

    /// The region, as it was given.
    #[must_use]
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// What became of the external entries.
    #[must_use]
    pub fn resolution(&self) -> &Resolution {
        &self.resolution
    }

    /// What somebody should look at.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The store that a caching type goes to.
    #[must_use]
    pub fn store_for(&self, caching_type: CachingType) -> StoreUsed {
        let external = || self.external.as_ref().map(|(entry, _)| StoreUsed::External(entry.clone()));
        let internal = || self.internal.as_ref().map(|_| StoreUsed::Internal);
        let store = match caching_type {
            CachingType::PreferExternal => external().or_else(internal),
            CachingType::External => external(),
            CachingType::Internal => internal(),
        };
        store.unwrap_or(StoreUsed::None)
    }

    /// The connection strings in use, with the name of their store.
    fn strings(&self) -> impl Iterator<Item = (&'static str, &ConnectionString)> {
        let internal = self.internal.iter().map(|string| ("internal", string));
        internal.chain(self.external.iter().map(|(_, string)| ("external", string)))
    }

    fn find_warnings(&self, troubles: Vec<String>) -> Vec<String> {
        let suspects = self.resolution.entries.iter().filter(|entry| entry.is_suspect());
        let mut warnings: Vec<String> = suspects.map(|entry| format!("external cache {entry}")).collect();
        if self.resolution.used.is_none() && !self.resolution.entries.is_empty() {
            warnings.push(format!("no external cache is for region {}", self.region));
        }
        for (name, string) in self.strings() {
            if string.endpoints().iter().any(|endpoint| !string.shows(endpoint)) {
                warnings.push(format!(
                    "{name} cache: an endpoint is a bare word and not shown; is `password=` missing?"
                ));
            }
            if string.options().user.is_some() && string.options().password.is_none() {
                warnings.push(format!("{name} cache: a user without a password does not log in"));
            }
        }
        if self.store_for(CachingType::PreferExternal) == StoreUsed::None {
            warnings.push("no cache is configured: every lookup misses".to_owned());
        }
        warnings.extend(troubles);
        warnings
    }
}

impl fmt::Display for StartupReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "region {}, service {}", self.region, self.service)?;
        for caching_type in CachingType::ALL {
            writeln!(f, "caching-type {caching_type}: {}", self.store_for(caching_type))?;
        }
        for (name, string) in self.strings() {
            writeln!(f, "{name} cache at {string}")?;
            if !string.without_effect().is_empty() {
                writeln!(f, "options without effect: {}", string.without_effect().join(", "))?;
            }
        }
        for entry in &self.entries {
            writeln!(f, "external cache {entry}")?;
        }
        self.warnings.iter().try_for_each(|warning| writeln!(f, "warning: {warning}"))
    }
}
