//! From settings to a plan: all that is wrong is told at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use hyper::{Method, Uri};
use larder_client::context::Url;

use super::policies::Reader;
use super::route::{self, Found, Route};
use super::subscriptions::Subscriptions;
use crate::limits;
use crate::settings::{RouteEntry, Settings, backend_url};
use crate::upstream::{Backend, Pool};

/// Routes and subscriptions.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) routes: Vec<Route>,
    pub(crate) subscriptions: Subscriptions,
    /// What is doubtful in the policies.
    pub(crate) warnings: Vec<String>,
}

/// Why there is no plan, and what is doubtful besides. No text shows a secret.
#[derive(Debug)]
pub(crate) struct Problems {
    pub(crate) errors: Vec<String>,
    pub(crate) warnings: Vec<String>,
}

impl Plan {
    /// Makes the plan of these settings; reads all policy files.
    pub(crate) fn build(settings: &Settings, pool: &Pool) -> Result<Self, Problems> {
        Self::built(settings, pool, true)
    }

    /// The same for somebody who only looks at the policies: a route may have no backend.
    pub(crate) fn build_to_check(settings: &Settings, pool: &Pool) -> Result<Self, Problems> {
        Self::built(settings, pool, false)
    }

    fn built(settings: &Settings, pool: &Pool, needs_backend: bool) -> Result<Self, Problems> {
        let (subscriptions, mut errors) = Subscriptions::new(&settings.entries);
        let mut reader = Reader::new(settings);
        let mut builder = Builder { settings, pool, needs_backend, backends: BTreeMap::new() };
        let mut routes = Vec::new();
        for entry in entries(settings, &mut errors) {
            match builder.route(&entry, &mut reader) {
                Ok(route) => routes.push(route),
                Err(error) => errors.push(format!("route '{}': {error}", entry.path)),
            }
        }
        errors.append(&mut reader.errors);
        let warnings = reader.warnings;
        if errors.is_empty() {
            Ok(Self { routes, subscriptions, warnings })
        } else {
            Err(Problems { errors, warnings })
        }
    }

    /// The route of a request.
    pub(crate) fn find(&self, method: &Method, path: &str) -> Found<'_> {
        route::find(&self.routes, method, path)
    }
}

/// The routes of the files; without one, everything goes the way of `--policy` and `--backend`.
fn entries(settings: &Settings, errors: &mut Vec<String>) -> Vec<RouteEntry> {
    let given = &settings.entries.routes;
    if given.len() > limits::ROUTES_MAX {
        errors.push(format!("at most {} routes", limits::ROUTES_MAX));
        return Vec::new();
    }
    let with_policy = |mut entry: RouteEntry| {
        entry.policy = entry.policy.or_else(|| settings.policy.clone());
        entry
    };
    if given.is_empty() {
        if settings.policy.is_none() {
            errors.push("there is nothing to do: give --policy, or --config with a [[route]]".to_owned());
        }
        let operation = Some("default".to_owned());
        let entry = RouteEntry { path: "/*".to_owned(), operation, ..RouteEntry::default() };
        return vec![with_policy(entry)];
    }
    given.iter().cloned().map(with_policy).collect()
}

struct Builder<'a> {
    settings: &'a Settings,
    pool: &'a Pool,
    needs_backend: bool,
    /// One for each URL, so that its limit is one.
    backends: BTreeMap<String, Arc<Backend>>,
}

impl Builder<'_> {
    fn route(&mut self, entry: &RouteEntry, reader: &mut Reader) -> Result<Route, String> {
        // First of all, so that the errors of its policies are told, whatever else is wrong.
        let policies = reader.policies(entry);
        let backend = match &entry.backend {
            Some(url) => backend_url(url).map_err(|error| format!("backend: {error}"))?,
            None => match &self.settings.backend {
                Some(url) => url.clone(),
                None if self.needs_backend => {
                    return Err("it has no backend, and there is no --backend".to_owned());
                }
                None => Url::of(&Uri::default(), "", "http"),
            },
        };
        self.pool.check(&backend).map_err(|error| format!("backend: {error}"))?;
        let required = entry.subscription_required.unwrap_or(self.settings.subscription_required);
        Route::new(entry, self.backend(backend), policies, required)
    }

    fn backend(&mut self, url: Url) -> Arc<Backend> {
        let backend = self.backends.entry(format!("{url:?}"));
        backend.or_insert_with(|| Arc::new(Backend::new(url, self.pool))).clone()
    }
}
