//! One route, and how a request finds its own.

use std::fmt;
use std::sync::Arc;

use hyper::Method;
use larder_client::engine::Policies;

use super::entities::Entities;
use super::policies::{Policy, to_run};
use super::template::{Parameters, Template};
use crate::settings::RouteEntry;
use crate::upstream::Backend;

/// Requests of one path template.
#[derive(Debug)]
pub(crate) struct Route {
    template: Template,
    /// None are all.
    methods: Vec<Method>,
    /// What the backend does not see of a path; without a `/` at its end.
    api_path: String,
    pub(crate) entities: Entities,
    pub(crate) backend: Arc<Backend>,
    /// Innermost first.
    pub(crate) files: Vec<Policy>,
    /// The same to be run.
    pub(crate) policies: Policies,
    pub(crate) subscription_required: bool,
}

/// What was found for a request.
pub(crate) enum Found<'a> {
    /// A route, and what its template found.
    Route(&'a Route, Parameters),
    /// Routes of this path, for other methods.
    Method(String),
    /// No route of this path.
    Nothing,
}

impl Route {
    pub(super) fn new(
        entry: &RouteEntry,
        backend: Arc<Backend>,
        files: Vec<Policy>,
        subscription_required: bool,
    ) -> Result<Self, String> {
        let template = Template::parse(&entry.path)?;
        let methods = entry.methods.iter().map(|method| {
            let method = method
                .parse::<Method>()
                .ok()
                .filter(|method| method.as_str() == method.as_str().to_uppercase());
            method.filter(|method| !matches!(*method, Method::CONNECT | Method::TRACE))
        });
        let methods = methods
            .collect::<Option<_>>()
            .ok_or("a method is a word as GET or POST, none of CONNECT and TRACE")?;
        let api_path = entry.api_path.as_deref().unwrap_or_default().trim_end_matches('/');
        if !(api_path.is_empty() || (api_path.starts_with('/') && template.is_under(api_path))) {
            return Err("api-path begins with '/' and is the beginning of path".to_owned());
        }
        let entities = Entities::new(entry, &template, backend.url());
        Ok(Self {
            template,
            methods,
            api_path: api_path.to_owned(),
            entities,
            backend,
            policies: to_run(&files),
            files,
            subscription_required,
        })
    }

    /// What the backend sees of a path of this route; none if the path spells the part that is taken away otherwise.
    pub(crate) fn path_for_backend<'a>(&self, path: &'a str) -> Option<&'a str> {
        match path.strip_prefix(&self.api_path) {
            Some("") => Some("/"),
            Some(rest) if rest.starts_with('/') => Some(rest),
            _ => None,
        }
    }

    /// The template as written.
    pub(crate) fn template(&self) -> &Template {
        &self.template
    }

    fn takes(&self, method: &Method) -> bool {
        self.methods.is_empty() || self.methods.contains(method)
    }
}

/// Finds the first route, in the order of the settings, that takes a request.
pub(super) fn find<'a>(routes: &'a [Route], method: &Method, path: &str) -> Found<'a> {
    let mut others: Vec<&str> = Vec::new();
    for route in routes {
        let Some(parameters) = route.template.matches(path) else { continue };
        if route.takes(method) {
            return Found::Route(route, parameters);
        }
        others.extend(route.methods.iter().map(Method::as_str));
    }
    others.sort_unstable();
    others.dedup();
    if others.is_empty() { Found::Nothing } else { Found::Method(others.join(", ")) }
}

/// One line: what it takes, what it runs, where it goes.
impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let methods: Vec<&str> = self.methods.iter().map(Method::as_str).collect();
        let methods = if methods.is_empty() { "all methods".to_owned() } else { methods.join(", ") };
        write!(f, "{} ({methods}) -> {}", self.template, self.backend)?;
        for (place, policy) in self.files.iter().enumerate() {
            let before = if place == 0 { ", policy" } else { "," };
            write!(f, "{before} {} ({})", policy.path.display(), policy.scope)?;
        }
        if self.files.is_empty() { f.write_str(", no policy") } else { Ok(()) }
    }
}
