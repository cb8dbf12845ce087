//! What `larder cache` does: asks the admin port of a running node for its external caches, or to change them, and shows what
//! came of it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use tokio::time::timeout;

use super::ADMIN_PORT_OFFSET;
use super::verbs::{Ended, admin_port, complain, show};
use crate::admin::{
    Asked, Asking, CacheChange, CacheChanges, CacheList, Done, ListedCache, Status, UnwantedCache,
    WantedCache, WantedCaches,
};
use crate::config::{CacheOrder, CacheSettings, Config};
use crate::external::{DEFAULT, UseFrom};
use crate::net::{Network, TcpNetwork};
use crate::server::Keeping;

/// Carries out an order.
///
/// # Errors
/// No node answers.
pub async fn cache(config: &Config, order: CacheOrder) -> Result<Ended, String> {
    let asking = admin_port(config);
    let done = match order {
        CacheOrder::List { json } => list(asking, json).await,
        CacheOrder::Set(settings) => {
            let wanted = WantedCaches { caches: vec![wanted(settings)], prune: false };
            changed(asking.set_caches(&wanted).await)
        }
        CacheOrder::Apply { caches, prune } => {
            let wanted = WantedCaches { caches: caches.into_iter().map(wanted).collect(), prune };
            changed(asking.set_caches(&wanted).await)
        }
        CacheOrder::Remove { use_from } => changed(asking.remove_cache(&UnwantedCache { use_from }).await),
    };
    match done {
        Ok(text) => show(&text).map(|()| Ended::Well),
        Err(Asked::Refused(why)) => {
            complain(&why);
            Ok(Ended::Badly)
        }
        Err(error) => Err(error.to_string()),
    }
}

async fn list(asking: Asking, json: bool) -> Result<String, Asked> {
    let mut list = asking.caches().await?;
    let unasked = join_others(asking, &mut list).await?;
    if json {
        let text = serde_json::to_string_pretty(&list).map_err(|error| Asked::Refused(error.to_string()))?;
        return Ok(text + "\n");
    }
    Ok(shown(&list, unasked))
}

/// Adds the regions of gateways that other nodes have seen; how many nodes could not be asked.
async fn join_others(asking: Asking, list: &mut CacheList) -> Result<usize, Asked> {
    let (_, own) = asking.status().await?;
    let mut unasked = 0;
    for member in own.members.iter().filter(|member| member.node != own.node && member.state != "down") {
        let told = timeout(OTHERS_TIME_MAX, gateways_of(&member.host, member.port)).await;
        match told.ok().flatten() {
            Some(seen) => seen.into_iter().for_each(|(region, ms)| {
                let least = list.seen.entry(region).or_insert(ms);
                *least = ms.min(*least);
            }),
            None => unasked += 1,
        }
    }
    let names: Vec<String> = list.caches.iter().map(|cache| cache.use_from.clone()).collect();
    for cache in &mut list.caches {
        let used = list.seen.iter().filter(|(region, _)| used_by(&names, region) == Some(&cache.use_from));
        cache.seen_ms = used.map(|(_, ms)| *ms).min();
    }
    Ok(unasked)
}

/// The regions of gateways that a node has seen, if it tells.
async fn gateways_of(host: &str, port: u16) -> Option<BTreeMap<String, u64>> {
    let addresses = TcpNetwork.resolve(host, port.checked_add(ADMIN_PORT_OFFSET)?).await.ok()?;
    let (_, Status { gateways, .. }) = Asking { address: *addresses.first()? }.status().await.ok()?;
    Some(gateways)
}

/// The entry that gateways of a region use.
fn used_by<'n>(names: &'n [String], region: &str) -> Option<&'n String> {
    let region = UseFrom::parse(region).ok()?;
    let named = |wanted: &str| names.iter().find(|name| name.as_str() == wanted);
    named(region.as_str()).or_else(|| named(DEFAULT))
}

fn wanted(settings: CacheSettings) -> WantedCache {
    let CacheSettings { use_from, connection_string, description } = settings;
    WantedCache { use_from, connection_string, description }
}

fn changed(changes: Result<CacheChanges, Asked>) -> Result<String, Asked> {
    let changes = changes?;
    let mut text: String = changes.changes.iter().map(change_line).collect();
    if text.is_empty() {
        text.push_str("no external caches\n");
    }
    let is_set = |change: &CacheChange| matches!(change.done, Done::Added | Done::Changed);
    if changes.changes.iter().any(is_set) {
        text.push_str(note(changes.kept));
    }
    Ok(text)
}

fn change_line(change: &CacheChange) -> String {
    let CacheChange { use_from, done, connection, is_seen } = change;
    let line = format!("{use_from}: {done} {connection}").trim_end().to_owned();
    let is_unseen = !connection.is_empty() && !is_seen;
    format!("{line}{}\n", if is_unseen { " (this node has seen no gateway yet that uses it)" } else { "" })
}

/// The list as a table.
fn shown(list: &CacheList, unasked: usize) -> String {
    let mut text = String::new();
    let head = ["use from", "connection", "seen", "description"].map(str::to_owned);
    let rows: Vec<[String; 4]> = [head].into_iter().chain(list.caches.iter().map(row)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths = [width(0), width(1), width(2)];
    for [use_from, connection, seen, description] in &rows {
        let [first, second, third] = widths;
        let line = format!("{use_from:first$}  {connection:second$}  {seen:third$}  {description}");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    if list.caches.is_empty() {
        text = "no external caches\n".to_owned();
    }
    for name in &list.unreadable {
        let _ =
            writeln!(text, "{name}: was set under another cluster secret and cannot be read; set it again");
    }
    for (region, _) in list.seen.iter().filter(|(region, _)| is_left_out(list, region)) {
        let _ = writeln!(text, "gateways of {region} use no external cache: there is no entry for it");
    }
    if unasked > 0 {
        let _ = writeln!(text, "{unasked} nodes could not be asked which gateways they have seen");
    }
    text.push_str(note(list.kept));
    text
}

/// Whether there are entries, but none for this region of gateways.
fn is_left_out(list: &CacheList, region: &str) -> bool {
    let names: Vec<String> = list.caches.iter().map(|cache| cache.use_from.clone()).collect();
    !names.is_empty() && used_by(&names, region).is_none()
}

fn row(cache: &ListedCache) -> [String; 4] {
    let seen = match cache.seen_ms {
        Some(ms) if ms < 10_000 => "now".to_owned(),
        Some(ms) => format!("{} s ago", ms / 1_000),
        None if cache.use_from == DEFAULT => "no gateway that uses it seen".to_owned(),
        None => "no gateway of this region seen".to_owned(),
    };
    [cache.use_from.clone(), cache.connection.clone(), seen, cache.description.clone()]
}

/// What somebody may not expect of how they are kept.
const fn note(kept: Keeping) -> &'static str {
    match kept {
        Keeping::Memory => IN_MEMORY,
        Keeping::Sealed => "",
        Keeping::Unsealed => UNSEALED,
    }
}

const UNSEALED: &str = "this cluster has no secret, so what lies in its state directories can be decrypted by anybody; see --cluster-secret-file\n";
const IN_MEMORY: &str = "this node is alone and keeps external caches in memory: they are gone when it ends; set them again then\n";

/// How long another node may take to tell which gateways it has seen.
const OTHERS_TIME_MAX: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(use_from: &str, connection: &str, seen_ms: Option<u64>) -> ListedCache {
        let [use_from, connection] = [use_from, connection].map(str::to_owned);
        ListedCache { use_from, connection, seen_ms, description: String::new() }
    }

    #[test]
    fn the_list_says_who_uses_what() {
        let list = CacheList {
            kept: Keeping::Sealed,
            caches: vec![cache("east", "a:1,password=***", Some(61_000)), cache("west", "b", None)],
            seen: [("north".to_owned(), 1), ("east".to_owned(), 61_000)].into(),
            ..CacheList::default()
        };
        let wanted = "use from  connection        seen                            description\n\
                      east      a:1,password=***  61 s ago\n\
                      west      b                 no gateway of this region seen\n\
                      gateways of north use no external cache: there is no entry for it\n";
        assert_eq!(shown(&list, 0), wanted);
        let none = shown(&CacheList::default(), 1);
        assert!(none.starts_with("no external caches\n1 nodes could not be asked"), "{none}");
        assert!(none.ends_with(IN_MEMORY));
    }
}
