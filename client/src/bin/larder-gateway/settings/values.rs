//! All settings of a gateway, parsed.

use std::path::PathBuf;
use std::time::Duration;

use hyper::header::HeaderName;
use larder_client::context::Url;
use larder_client::external::Secret;

use super::Entries;

/// What a gateway is started with. The routes of files stand in `entries`.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    /// Policy of every route, in the scope `operation` where a route names none.
    pub(crate) policy: Option<PathBuf>,
    /// Backend of routes that name none.
    pub(crate) backend: Option<Url>,
    /// Where clients are served.
    pub(crate) listen: String,
    /// Where health and metrics are served; empty for nowhere.
    pub(crate) admin: String,
    /// Endpoints of the regional cluster; empty for none.
    pub(crate) internal: Option<Secret>,
    pub(crate) region: String,
    pub(crate) service: String,
    /// Region and connection string.
    pub(crate) external: Vec<(String, Secret)>,
    /// External caches that may change while the gateway runs.
    pub(crate) external_file: Option<PathBuf>,
    pub(crate) watch_external: bool,
    /// Root certificates to trust besides.
    pub(crate) external_ca: Option<PathBuf>,
    /// Whether `prefer-external` turns to the internal cache while the external one fails.
    pub(crate) failover: bool,
    pub(crate) answer_head: bool,
    pub(crate) answer_conditions: bool,
    /// How long an entry past its end stands in for a backend.
    pub(crate) stale_max: Duration,
    /// Whether a client's `Cache-Control` counts.
    pub(crate) honour_client: bool,
    /// Misses of one route at the backend; 0 for no limit.
    pub(crate) origin_parallel: usize,
    pub(crate) origin_wait: Duration,
    /// How soon another gateway's purge shows here.
    pub(crate) purge_seen: Duration,
    pub(crate) value_bytes_max: usize,
    pub(crate) named: Vec<(String, Secret)>,
    pub(crate) fragment: Vec<(String, PathBuf)>,
    /// A directory whose `*.xml` are fragments.
    pub(crate) fragments: Option<PathBuf>,
    /// Where a request bears its subscription key; none for nowhere.
    pub(crate) subscription_header: Option<HeaderName>,
    pub(crate) subscription_parameter: String,
    /// Whether requests without a known key are refused.
    pub(crate) subscription_required: bool,
    /// Whether answers tell what the policies did.
    pub(crate) trace: bool,
    /// What one cache call may take.
    pub(crate) time_budget: Duration,
    pub(crate) connections_max: usize,
    pub(crate) header_bytes_max: usize,
    /// Until a head is whole, and until the next one begins.
    pub(crate) header_time_max: Duration,
    pub(crate) body_bytes_max: u64,
    /// Between two pieces of a body that a client sends, or takes.
    pub(crate) body_pause_max: Duration,
    /// Bytes a second that a client sends, or takes, in the long run; 0 for any.
    pub(crate) body_rate_min: u64,
    /// All waiting for a client during one body.
    pub(crate) body_total_max: Duration,
    /// Bytes of a body that are read ahead of whoever takes it.
    pub(crate) buffer_bytes_max: usize,
    /// Root certificates of backends to trust besides.
    pub(crate) backend_ca: Option<PathBuf>,
    /// Until a connection to a backend is there.
    pub(crate) backend_connect_max: Duration,
    /// Until a backend answers, and between two pieces of its body.
    pub(crate) backend_pause_max: Duration,
    pub(crate) backend_requests_max: usize,
    /// How long an idle connection to a backend is kept.
    pub(crate) backend_idle_max: Duration,
    /// Until connections are cut when the gateway is told to stop.
    pub(crate) shutdown_max: Duration,
    pub(crate) log: String,
    pub(crate) entries: Entries,
    /// Where files are looked for while a value is read; set by `sources`.
    pub(super) base: PathBuf,
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    /// The text of every file of the program that is not under `settings`.
    fn sources(directory: &Path, text: &mut String) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            match path.file_name().and_then(|name| name.to_str()) {
                Some("settings") => {}
                _ if path.is_dir() => sources(&path, text),
                _ => text.push_str(&fs::read_to_string(&path).unwrap()),
            }
        }
    }

    #[test]
    fn every_setting_is_used() {
        let mut text = String::new();
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/bin/larder-gateway"), &mut text);
        let words: Vec<&str> = text.split(|c: char| !(c.is_alphanumeric() || "_.".contains(c))).collect();
        let fields =
            include_str!("values.rs").lines().filter_map(|line| line.strip_prefix("    pub(crate) "));
        let names: Vec<&str> = fields.filter_map(|field| Some(field.split_once(": ")?.0)).collect();
        assert!(names.len() > 30, "{names:?}");
        for name in names {
            let used = words
                .iter()
                .any(|word| word.contains("settings.") && word.split('.').any(|part| part == name));
            assert!(used, "nobody reads {name}");
        }
    }
}
