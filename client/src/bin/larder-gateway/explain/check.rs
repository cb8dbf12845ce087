//! The whole of `--check`: errors and warnings, then caches, routes and policies.

use std::collections::BTreeSet;

use larder_client::{CachingType, DEFAULT_SERVICE, StoreUsed};

use super::page::Page;
use super::steps::{self, Scene};
use super::words::Mask;
use crate::app;
use crate::plan::{Plan, Policy, Problems};
use crate::settings::Settings;
use crate::upstream::Pool;

/// Says what the policies do.
///
/// # Errors
/// What is wrong with them, and with the settings around them.
pub(crate) fn check(settings: &Settings) -> Result<String, String> {
    // Caches and pools want a runtime; what they would connect in is never run.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let _guard = runtime.enter();
    let cache = app::cache_builder(settings).build();
    let plan = Plan::build_to_check(settings, &Pool::new(settings));
    let (plan, cache) = match (plan, cache) {
        (Ok(plan), Ok(cache)) => (plan, cache),
        (plan, cache) => {
            let warnings = |plan: Plan| Problems { errors: Vec::new(), warnings: plan.warnings };
            let mut problems = plan.map_or_else(|problems| problems, warnings);
            problems.errors.extend(cache.err().map(|error| error.to_string()));
            return Err(format!("{}\n{}\n", app::told(&problems), count(&problems)));
        }
    };
    let mask = Mask::new(&settings.named);
    let report = cache.report();
    let scene = Scene { report: &report, mask: &mask, settings };
    Ok(explained(&plan, &scene))
}

fn explained(plan: &Plan, scene: &Scene<'_>) -> String {
    let mut page = Page::default();
    plan.warnings.iter().flat_map(|warning| warning.lines()).for_each(|line| page.line(0, line));
    let problems = Problems { errors: Vec::new(), warnings: plan.warnings.clone() };
    page.line(0, &count(&problems));
    page.line(0, "");
    scene.report.to_string().lines().for_each(|line| page.line(0, line));
    if let Some(line) = failover(scene) {
        page.line(0, line);
    }
    if scene.settings.service != DEFAULT_SERVICE {
        page.line(0, &format!("a key K is stored as @{}/K", scene.settings.service));
    }
    page.line(0, "");
    plan.routes.iter().for_each(|route| page.line(0, &format!("route {route}")));
    let mut told = BTreeSet::new();
    let policies = plan.routes.iter().flat_map(|route| &route.files);
    for Policy { path, policy, .. } in policies.filter(|policy| told.insert(policy.path.clone())) {
        page.line(0, "");
        page.line(0, &format!("policy {}", path.display()));
        page.line(0, "");
        steps::explain(policy.document(), scene, &mut page);
    }
    page.into_text()
}

/// What becomes of `prefer-external` while the external cache fails, where `--failover` is given.
fn failover(scene: &Scene<'_>) -> Option<&'static str> {
    let both = [CachingType::External, CachingType::Internal];
    let is_useful = both.iter().all(|caching_type| scene.report.store_for(*caching_type) != StoreUsed::None);
    scene.settings.failover.then_some(if is_useful {
        "failover: while the external cache fails, prefer-external turns to internal; what is stored there then is not \
         found outside later"
    } else {
        "failover has no effect: it needs an external and an internal cache"
    })
}

fn count(problems: &Problems) -> String {
    let number = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let (errors, warnings) = (problems.errors.len(), problems.warnings.len());
    format!("{}, {}", number(errors, "error"), number(warnings, "warning"))
}
