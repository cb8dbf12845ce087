//! External entries from a file, and watching it.
//!
//! ```toml
//! [[external]]
//! use-from = "West Europe"
//! connection-string = "cache.example.net:6380,password=secret,ssl=True"
//! description = "optional, for people"
//! ```

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Deserialize;

use super::ExternalEntry;
use super::entry::{EntrySource, ReadEntry, read_all};
use crate::limits;
use crate::switch::{Change, Changes};

/// A file that is looked at from time to time.
pub(crate) struct EntryFile {
    path: PathBuf,
    seen: Option<Stamp>,
}

/// By what a change of a file is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    #[serde(default)]
    external: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Row {
    use_from: String,
    connection_string: String,
    description: Option<String>,
}

impl EntryFile {
    /// Reads the file for the first time; the error says what is wrong with it, without showing any of it.
    pub(crate) fn open(path: PathBuf) -> Result<(Self, Vec<ReadEntry>), String> {
        let (seen, entries) = (Stamp::of(&path), read(&path)?);
        Ok((Self { path, seen }, entries))
    }

    /// The task that looks at the file once a second and hands in what has changed. It ends when nobody
    /// listens.
    pub(crate) async fn watch(mut self, changes: Changes) {
        loop {
            tokio::time::sleep(limits::EXTERNAL_FILE_INTERVAL).await;
            // A disk may be slow; calls go on meanwhile.
            let looked = tokio::task::spawn_blocking(move || {
                let read = self.look();
                (self, read)
            });
            let Ok((file, read)) = looked.await else { return };
            self = file;
            let change = match read {
                None => continue,
                Some(Ok(entries)) => Change::Entries(EntrySource::File, entries),
                Some(Err(trouble)) => Change::Trouble(EntrySource::File, trouble),
            };
            if changes.send(change).await.is_none() {
                return;
            }
        }
    }

    /// What the file says, if it has changed.
    fn look(&mut self) -> Option<Result<Vec<ReadEntry>, String>> {
        let stamp = Stamp::of(&self.path);
        let has_changed = stamp != self.seen;
        self.seen = stamp;
        has_changed.then(|| read(&self.path))
    }
}

impl Stamp {
    /// That of a file, if it is there.
    fn of(path: &Path) -> Option<Self> {
        let found = std::fs::metadata(path).ok()?;
        Some(Self { modified: found.modified().ok(), bytes: found.len() })
    }
}

fn read(path: &Path) -> Result<Vec<ReadEntry>, String> {
    let mut bytes = Vec::new();
    let limit = limits::EXTERNAL_FILE_BYTES_MAX as u64 + 1;
    let read = File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes));
    read.map_err(|error| format!("external cache file {}: {error}", path.display()))?;
    parse(path, &bytes)
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Vec<ReadEntry>, String> {
    let say = |what: String| format!("external cache file {}: {what}", path.display());
    if bytes.len() > limits::EXTERNAL_FILE_BYTES_MAX {
        return Err(say(format!("it has more than {} bytes", limits::EXTERNAL_FILE_BYTES_MAX)));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| say("it is not UTF-8".to_owned()))?;
    // What the reader of TOML says may quote the file.
    let text: Text = toml::from_str(text).map_err(|error| {
        let before = error.span().map_or("", |span| text.get(..span.start).unwrap_or(""));
        let line = before.matches('\n').count() + 1;
        say(format!("line {line}: expected [[external]] with use-from, connection-string, description"))
    })?;
    let entry = |row: Row| ExternalEntry {
        use_from: row.use_from,
        connection_string: row.connection_string,
        description: row.description,
    };
    let entries: Vec<ExternalEntry> = text.external.into_iter().map(entry).collect();
    read_all(&entries).map_err(|error| say(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<usize, String> {
        parse(Path::new("f.toml"), text.as_bytes()).map(|entries| entries.len())
    }

    #[test]
    fn entries_are_read_and_mistakes_said_by_line_and_without_a_secret() {
        assert_eq!(read(""), Ok(0));
        let row = |name: &str| {
            format!("[[external]]\nuse-from = \"{name}\"\nconnection-string = \"h:1,password=hunter2\"\n")
        };
        assert_eq!(read(&(row("Default") + &row("West Europe") + "description = \"d\"\n")), Ok(2));
        for (text, wanted) in [
            (row("Default") + "pass = \"hunter2\"\n", "line 4: expected [[external]]"),
            (row("Default") + "x = hunter2", "line 4: "),
            ("external = \"hunter2\"".to_owned(), "line 1: "),
            ("[[external]]\nuse-from = \"a\"\n".to_owned(), "line 1: "),
            (row("Default") + &row("default"), "external cache Default is given twice"),
            (row(" "), "a region must have a name"),
            (row("Default").replace("h:1", "h:x"), "external cache Default: connection string, byte 0"),
            ("#".repeat(limits::EXTERNAL_FILE_BYTES_MAX + 1), "it has more than"),
        ] {
            let error = read(&text).unwrap_err();
            assert!(error.starts_with("external cache file f.toml: ") && error.contains(wanted), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
