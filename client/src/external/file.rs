//! External entries from a file, in the form of [`larder_proto::external`], and watching it.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Deserialize;

use super::entry::{EntrySource, EntryText, ExternalEntry, ReadEntry, read_all};
use crate::limits;
use crate::switch::{Change, Changes};

/// A file that is looked at from time to time, with those that it names.
pub(crate) struct EntryFile {
    path: PathBuf,
    seen: Seen,
}

/// The files that were read, the list itself first, and what each was like before.
#[derive(Debug, PartialEq, Eq)]
struct Seen(Vec<(PathBuf, Option<Stamp>)>);

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
    external: Vec<EntryText>,
}

impl EntryFile {
    /// Reads the file for the first time; the error says what is wrong with it, without showing any of it.
    pub(crate) fn open(path: PathBuf) -> Result<(Self, Vec<ReadEntry>), String> {
        let (seen, entries) = read(&path);
        Ok((Self { path, seen }, entries?))
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
        if self.seen.is_current() {
            return None;
        }
        let (seen, entries) = read(&self.path);
        self.seen = seen;
        Some(entries)
    }
}

impl Seen {
    fn add(&mut self, path: PathBuf) {
        let stamp = Stamp::of(&path);
        self.0.push((path, stamp));
    }

    fn is_current(&self) -> bool {
        self.0.iter().all(|(path, stamp)| Stamp::of(path) == *stamp)
    }
}

impl Stamp {
    /// That of a file, if it is there.
    fn of(path: &Path) -> Option<Self> {
        let found = std::fs::metadata(path).ok()?;
        Some(Self { modified: found.modified().ok(), bytes: found.len() })
    }
}

/// What was read for it, too, where something is wrong: it may be put right in any of these files.
fn read(path: &Path) -> (Seen, Result<Vec<ReadEntry>, String>) {
    let mut seen = Seen(Vec::new());
    seen.add(path.to_path_buf());
    let mut bytes = Vec::new();
    let limit = limits::EXTERNAL_FILE_BYTES_MAX as u64 + 1;
    let read = File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes));
    let entries = read.map_err(|error| format!("external cache file {}: {error}", path.display()));
    let entries = entries.and_then(|_| parse(path, &bytes, &mut seen));
    (seen, entries)
}

fn parse(path: &Path, bytes: &[u8], seen: &mut Seen) -> Result<Vec<ReadEntry>, String> {
    let say = |what: String| format!("external cache file {}: {what}", path.display());
    if bytes.len() > limits::EXTERNAL_FILE_BYTES_MAX {
        return Err(say(format!("it has more than {} bytes", limits::EXTERNAL_FILE_BYTES_MAX)));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| say("it is not UTF-8".to_owned()))?;
    // What the reader of TOML says may quote the file.
    let text: Text = toml::from_str(text).map_err(|error| {
        let before = error.span().map_or("", |span| text.get(..span.start).unwrap_or(""));
        let line = before.matches('\n').count() + 1;
        say(format!("line {line}: expected {}", EntryText::FORM))
    })?;
    let directory = path.parent().unwrap_or(Path::new(""));
    // More entries than that are refused below.
    let named = text.external.iter().filter_map(|entry| entry.file(directory));
    named.take(limits::EXTERNAL_MAX).for_each(|file| seen.add(file));
    let entries: Result<Vec<ExternalEntry>, String> =
        text.external.into_iter().map(|entry| entry.read(directory)).collect();
    let entries = entries.map_err(&say)?;
    read_all(&entries).map_err(|error| say(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<usize, String> {
        parse(Path::new("f.toml"), text.as_bytes(), &mut Seen(Vec::new())).map(|entries| entries.len())
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
            ("[[external]]\nuse-from = \"a\"\n".to_owned(), "give connection-string or"),
            (row("a") + "connection-string-file = \"f\"\n", "give connection-string or"),
            (row("a").replace("string =", "string-file ="), "entry 'a': connection-string-file: "),
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

    #[test]
    fn a_file_that_is_named_counts_as_a_part_of_the_list() {
        let directory = std::env::temp_dir().join(format!("larder-named-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let (list, secret) = (directory.join("list.toml"), directory.join("secret"));
        let entry = "[[external]]\nuse-from = \"a\"\nconnection-string";
        std::fs::write(&list, format!("{entry} = \"h:1\"\n")).unwrap();
        let (mut file, _) = EntryFile::open(list.clone()).unwrap();
        // The list is there before the file that it names.
        std::fs::write(&list, format!("{entry}-file = \"secret\"\n")).unwrap();
        assert!(file.look().unwrap().is_err());
        assert!(file.look().is_none(), "nothing has changed");
        for string in ["h:1", "h:1,password=next"] {
            std::fs::write(&secret, string).unwrap();
            let entries = file.look().expect("a change").unwrap();
            assert_eq!(entries[0].string, super::super::ConnectionString::parse(string));
        }
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
