//! External caches at the admin port: shown without their secrets, set and removed. What is sent and answered is JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::connect_info::ConnectInfo;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::operate::{Ends, allowed};
use crate::external::{DEFAULT, ENTRIES_MAX, Entry, EntryError, Table, UseFrom};
use crate::server::{Change, ExternalCaches, Keeping, Shared};

/// All external caches, without their secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheList {
    /// The version that gateways compare.
    pub version: String,
    /// How they are kept.
    pub kept: Keeping,
    /// The entries, by name.
    pub caches: Vec<ListedCache>,
    /// Entries that are there and cannot be read, since they were set under another cluster secret.
    pub unreadable: Vec<String>,
    /// Regions whose gateways asked, with milliseconds since.
    pub seen: BTreeMap<String, u64>,
}

/// One of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedCache {
    /// `default`, or a region.
    pub use_from: String,
    /// Where it is, and options that are no secret.
    pub connection: String,
    /// What it is for.
    pub description: String,
    /// Milliseconds since a gateway asked that uses it; none if there was none.
    pub seen_ms: Option<u64>,
}

/// External caches that there are to be. Not shown by `Debug`: it has secrets.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WantedCaches {
    /// Those to set.
    pub caches: Vec<WantedCache>,
    /// Whether all others are removed.
    #[serde(default)]
    pub prune: bool,
}

/// One of them.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WantedCache {
    /// `default`, or a region.
    pub use_from: String,
    /// How it is reached, secrets included.
    pub connection_string: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
}

/// Which external cache is to go.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnwantedCache {
    /// `default`, or a region.
    pub use_from: String,
}

/// What became of an order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheChanges {
    /// What was done to each entry, in order.
    pub changes: Vec<CacheChange>,
    /// How they are kept.
    pub kept: Keeping,
}

/// What was done to an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheChange {
    /// Its name, normalised.
    pub use_from: String,
    /// What was done.
    pub done: Done,
    /// Where it is, and options that are no secret; empty if there is none any more.
    pub connection: String,
    /// Whether gateways asked that use it.
    pub is_seen: bool,
}

/// What was done to an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Done {
    /// It is new.
    Added,
    /// It was there, and is another one.
    Changed,
    /// It was there as it is.
    Unchanged,
    /// It is gone.
    Removed,
    /// It was not there.
    Missing,
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
            Self::Removed => "removed",
            Self::Missing => "missing",
        })
    }
}

/// A refusal: its code and its sentence.
type Refused = (StatusCode, String);

/// Shows them.
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(ends): ConnectInfo<Ends>,
    headers: HeaderMap,
) -> Response {
    answer(allowed(ends, &headers).and_then(|()| listed(&shared)))
}

/// Sets some, and removes all others if asked to.
pub(super) async fn set(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(ends): ConnectInfo<Ends>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let wanted = allowed(ends, &headers).and_then(|()| read::<WantedCaches>(&body));
    answer(match wanted.and_then(entries) {
        Ok((entries, prune)) => apply(&shared, entries, prune).await,
        Err(refused) => Err(refused),
    })
}

/// Removes one.
pub(super) async fn remove(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(ends): ConnectInfo<Ends>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let unwanted = allowed(ends, &headers).and_then(|()| read::<UnwantedCache>(&body));
    let use_from = unwanted.and_then(|unwanted| UseFrom::parse(&unwanted.use_from).map_err(wrong));
    answer(match use_from {
        Ok(use_from) => apply_all(&shared, vec![Change::Remove(use_from)]).await,
        Err(refused) => Err(refused),
    })
}

fn listed(shared: &Shared) -> Result<CacheList, Refused> {
    let caches = shared.external_caches();
    let table = known(caches)?;
    let seen = caches.seen_ages_ms(shared.now());
    let listed = |entry: &Entry| ListedCache {
        use_from: entry.use_from.to_string(),
        connection: entry.connection.masked(),
        description: entry.description.as_str().to_owned(),
        seen_ms: seen_ms(&table, entry.use_from.as_str(), &seen),
    };
    Ok(CacheList {
        version: table.version().to_owned(),
        kept: caches.book().keeping(),
        caches: table.entries().map(listed).collect(),
        unreadable: table.unreadable().to_vec(),
        seen,
    })
}

/// Milliseconds since a gateway asked that uses this entry.
fn seen_ms(table: &Table, use_from: &str, seen: &BTreeMap<String, u64>) -> Option<u64> {
    let uses = |region: &str| UseFrom::parse(region).is_ok_and(|it| table.used_from(&it) == Some(use_from));
    seen.iter().filter(|(region, _)| uses(region)).map(|(_, ms)| *ms).min()
}

/// The entries wanted, all of them right, and whether they are to be the only ones.
fn entries(wanted: WantedCaches) -> Result<(Vec<Entry>, bool), Refused> {
    if wanted.caches.len() > ENTRIES_MAX {
        return Err((
            StatusCode::UNPROCESSABLE_ENTITY,
            format!("there may be {ENTRIES_MAX} external caches"),
        ));
    }
    let mut names = BTreeSet::new();
    let mut entries = Vec::new();
    for (place, one) in wanted.caches.iter().enumerate() {
        let told = |error: EntryError| match wanted.caches.len() {
            1 => wrong(error),
            _ => (StatusCode::UNPROCESSABLE_ENTITY, format!("entry {}: {error}", place + 1)),
        };
        let entry = Entry::parse(&one.use_from, &one.connection_string, &one.description).map_err(told)?;
        if !names.insert(entry.use_from.clone()) {
            let why = format!("entry {}: there is another one for {}", place + 1, entry.use_from);
            return Err((StatusCode::UNPROCESSABLE_ENTITY, why));
        }
        entries.push(entry);
    }
    Ok((entries, wanted.prune))
}

async fn apply(shared: &Shared, entries: Vec<Entry>, prune: bool) -> Result<CacheChanges, Refused> {
    let table = known(shared.external_caches())?;
    let wanted: BTreeSet<&str> = entries.iter().map(|entry| entry.use_from.as_str()).collect();
    let present = table.entries().map(|entry| entry.use_from.as_str());
    let present: BTreeSet<&str> = present.chain(table.unreadable().iter().map(String::as_str)).collect();
    if !prune && wanted.union(&present).count() > ENTRIES_MAX {
        return Err((StatusCode::CONFLICT, format!("there may be {ENTRIES_MAX} external caches")));
    }
    let gone = present.difference(&wanted).filter(|_| prune).filter_map(|name| UseFrom::parse(name).ok());
    // What goes makes room first.
    let changes: Vec<Change> = gone.map(Change::Remove).collect();
    apply_all(shared, changes.into_iter().chain(entries.into_iter().map(Change::Set)).collect()).await
}

/// Makes changes, one after the other. The first that fails ends it, and its sentence says what was done before.
async fn apply_all(shared: &Shared, changes: Vec<Change>) -> Result<CacheChanges, Refused> {
    let caches = shared.external_caches();
    let mut done = CacheChanges { changes: Vec::new(), kept: caches.book().keeping() };
    for change in changes {
        let before = known(caches)?;
        let (name, connection) = match &change {
            Change::Set(entry) => (entry.use_from.clone(), entry.connection.masked()),
            Change::Remove(use_from) => (use_from.clone(), String::new()),
        };
        let was_there =
            before.get(&name).is_some() || before.unreadable().iter().any(|other| other == name.as_str());
        let is_set = matches!(change, Change::Set(_));
        let has_changed = caches.book().change(change).await.map_err(|error| {
            let changed = |change: &&CacheChange| !matches!(change.done, Done::Unchanged | Done::Missing);
            let so_far = done.changes.iter().filter(changed).count();
            let before =
                if so_far > 0 { format!("; {so_far} changes were made before") } else { String::new() };
            (StatusCode::CONFLICT, format!("{name}: {error}{before}"))
        })?;
        let what = match (is_set, has_changed) {
            (true, true) if was_there => Done::Changed,
            (true, true) => Done::Added,
            (true, false) => Done::Unchanged,
            (false, true) => Done::Removed,
            (false, false) => Done::Missing,
        };
        let is_seen = is_set && is_seen(caches, shared, &name);
        tell(&name, what, is_set && !is_seen);
        done.changes.push(CacheChange { use_from: name.to_string(), done: what, connection, is_seen });
    }
    Ok(done)
}

fn is_seen(caches: &ExternalCaches, shared: &Shared, name: &UseFrom) -> bool {
    let seen = caches.seen_ages_ms(shared.now());
    caches.table().is_some_and(|table| seen_ms(&table, name.as_str(), &seen).is_some())
}

fn tell(use_from: &UseFrom, done: Done, is_unseen: bool) {
    if !matches!(done, Done::Unchanged | Done::Missing) {
        tracing::info!(%use_from, %done, "external cache");
    }
    if is_unseen && use_from.as_str() != DEFAULT {
        tracing::warn!(%use_from, "no gateway of this region has asked this node for external caches yet");
    }
}

fn known(caches: &ExternalCaches) -> Result<Arc<Table>, Refused> {
    let why = "this node has not joined its cluster yet: try again in a moment";
    caches.table().ok_or_else(|| (StatusCode::CONFLICT, why.to_owned()))
}

/// The parser's message may show what was sent.
fn read<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, Refused> {
    let why = "the request is not what a node of this version understands; see larder cache";
    serde_json::from_slice(body).map_err(|_| (StatusCode::BAD_REQUEST, why.to_owned()))
}

fn wrong(error: EntryError) -> Refused {
    (StatusCode::UNPROCESSABLE_ENTITY, error.to_string())
}

fn answer(answer: Result<impl Serialize, Refused>) -> Response {
    let answered = answer.and_then(|answer| {
        let failed = |error: serde_json::Error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string());
        serde_json::to_string_pretty(&answer).map_err(failed)
    });
    match answered {
        Ok(json) => ([(header::CONTENT_TYPE, "application/json")], json + "\n").into_response(),
        Err((code, why)) => (code, why + "\n").into_response(),
    }
}
