//! Asking the internal cluster for its external entries, four times a second. Making them the route is
//! the switcher's business.

use std::sync::Arc;
use std::time::Duration;

use redis::Value;
use tokio::sync::watch;

use crate::backend::RedisBackend;
use crate::external::{EntrySource, ExternalEntry, Region, read_leniently};
use crate::guard::Budget;
use crate::limits;
use crate::link::CallError;
use crate::switch::{Change, Changes};

/// **The watch**: asks, one question after the other, each within a budget of its own, and hands in
/// what is new. It ends when nobody listens.
pub(crate) struct Watch {
    pub(crate) internal: Arc<RedisBackend>,
    pub(crate) region: Region,
    pub(crate) changes: Changes,
    /// What the cluster has said so far, for those who wait for the first answer.
    pub(crate) heard: watch::Sender<Heard>,
}

/// What the cluster has said of its external entries so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    Nothing,
    /// A list, and it is in force.
    List,
    /// That it does not tell.
    Refusal,
}

/// The cluster's list, and the version by which it is known.
struct List {
    version: String,
    entries: Vec<ExternalEntry>,
}

/// What came of one question.
enum Asked {
    Changed(List),
    Same,
    /// Nobody answered: as before.
    Silent,
    /// The cluster answered, but not with a list.
    Trouble(String),
}

impl Watch {
    pub(crate) async fn run(self) {
        let mut version: Option<String> = None;
        let mut trouble: Option<String> = None;
        loop {
            let mut pause = limits::EXTERNAL_WATCH_INTERVAL;
            let asked = self.ask(version.as_deref()).await;
            let heard = match &asked {
                Asked::Changed(_) | Asked::Same => Some(Heard::List),
                Asked::Trouble(_) => Some(Heard::Refusal),
                Asked::Silent => None,
            };
            let change = match asked {
                Asked::Changed(list) => {
                    (version, trouble) = (Some(list.version), None);
                    Some(Change::Entries(EntrySource::Cluster, read_leniently(&list.entries)))
                }
                Asked::Trouble(text) => {
                    // Once it answers again, the whole list is asked for.
                    version = None;
                    pause = limits::EXTERNAL_WATCH_PAUSE;
                    let is_new = trouble.as_ref() != Some(&text);
                    trouble = Some(text.clone());
                    is_new.then_some(Change::Trouble(EntrySource::Cluster, text))
                }
                Asked::Same | Asked::Silent => None,
            };
            if let Some(change) = change
                && self.changes.send(change).await.is_none()
            {
                return;
            }
            if let Some(heard) = heard {
                self.heard.send_replace(heard);
            }
            tokio::time::sleep(pause).await;
        }
    }

    async fn ask(&self, version: Option<&str>) -> Asked {
        let mut command = redis::cmd("LARDER.CACHES");
        command.arg(version.unwrap_or("")).arg(self.region.normal());
        match self.internal.ask_any(&command, Budget::start(limits::EXTERNAL_WATCH_BUDGET)).await {
            Ok(Value::Nil) => Asked::Same,
            Ok(value) => match read(value) {
                Some(list) => Asked::Changed(list),
                None => Asked::Trouble("the cluster's list of external caches makes no sense".to_owned()),
            },
            Err(CallError::Refused(refusal)) if refusal.is_unknown_command() => Asked::Trouble(
                "the internal cache knows no external caches (LARDER.CACHES is unknown to it)".to_owned(),
            ),
            Err(CallError::Refused(refusal)) if ["NOPERM", "NOAUTH"].contains(&&*refusal.code) => {
                Asked::Trouble(format!(
                    "the cluster does not tell its external caches ({}): the internal connection must log in \
                     as the user `gateway`, with the cluster's gateway password",
                    refusal.code
                ))
            }
            // A node that does not know them yet, for example.
            Err(CallError::Refused(refusal)) => {
                tracing::debug!(code = &*refusal.code, "the cluster does not tell its external caches now");
                Asked::Silent
            }
            Err(CallError::Unanswered(cause)) => {
                tracing::debug!(%cause, "the cluster was not asked for its external caches");
                Asked::Silent
            }
        }
    }
}

/// Reads `[version, [[use-from, connection-string, description], …]]`.
fn read(value: Value) -> Option<List> {
    let (version, rows): (String, Vec<Vec<String>>) = redis::from_redis_value(value).ok()?;
    let entry = |row: Vec<String>| {
        let mut fields = row.into_iter();
        let (use_from, connection_string) = (fields.next()?, fields.next()?);
        let description = fields.next().filter(|text| !text.is_empty());
        Some(ExternalEntry { use_from, connection_string, description })
    };
    let entries = rows.into_iter().take(limits::EXTERNAL_MAX).map(entry).collect::<Option<Vec<_>>>()?;
    Some(List { version, entries })
}

const _: () = {
    // A change is known within a second: one question, a pause, the switch.
    let worst = limits::EXTERNAL_WATCH_INTERVAL.as_millis()
        + limits::EXTERNAL_WATCH_BUDGET.as_millis()
        + limits::EXTERNAL_SWITCH_PATIENCE.as_millis();
    assert!(worst < Duration::from_secs(1).as_millis());
};

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    #[test]
    fn a_list_is_read_with_or_without_descriptions() {
        let row = |fields: &[&str]| Value::Array(fields.iter().map(|field| text(field)).collect());
        let rows = Value::Array(vec![row(&["Default", "a:1", "of all"]), row(&["West Europe", "b:1"])]);
        let list = read(Value::Array(vec![Value::Int(7), rows])).unwrap();
        assert_eq!(list.version, "7");
        assert_eq!(list.entries[0].description.as_deref(), Some("of all"));
        assert_eq!(list.entries[1], ExternalEntry::new("West Europe", "b:1"));
        let none = read(Value::Array(vec![text("x"), Value::Array(Vec::new())])).unwrap();
        assert!(none.entries.is_empty());
        for wrong in [
            text("x"),
            Value::Array(vec![text("1"), row(&["Default"])]),
            Value::Array(vec![text("1"), Value::Array(vec![row(&["a"])])]),
        ] {
            assert!(read(wrong).is_none());
        }
    }
}
