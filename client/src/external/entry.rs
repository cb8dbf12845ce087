//! One external entry: where it is to be used from, and its connection string. Which entry applies is
//! left to the resolution.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{ConnectionString, ConnectionStringError, UseFrom};
use crate::limits::EXTERNAL_FILE_BYTES_MAX;

/// An external cache as somebody configured it. Its `Debug` shows no secret.
#[derive(Clone, PartialEq, Eq)]
pub struct ExternalEntry {
    /// A region's name, or `Default`.
    pub use_from: String,
    /// The [`ConnectionString`].
    pub connection_string: String,
    /// For people.
    pub description: Option<String>,
}

impl ExternalEntry {
    /// An entry without a description.
    #[must_use]
    pub fn new(use_from: impl Into<String>, connection_string: impl Into<String>) -> Self {
        Self { use_from: use_from.into(), connection_string: connection_string.into(), description: None }
    }
}

impl fmt::Debug for ExternalEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Somebody may have mixed up a name and its connection string.
        let name = UseFrom::new(&self.use_from).map_or("***".to_owned(), |name| name.to_string());
        f.debug_struct("ExternalEntry").field("use_from", &name).finish_non_exhaustive()
    }
}

/// An entry as it stands in a TOML file: the form of [`larder_proto::external`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct EntryText {
    use_from: String,
    connection_string: Option<String>,
    connection_string_file: Option<PathBuf>,
    description: Option<String>,
}

impl EntryText {
    /// What a file with entries has, for error texts.
    pub const FORM: &str =
        "[[external]] with use-from, connection-string or connection-string-file, and perhaps description";

    /// The file that holds its connection string, if one does; a relative path begins at this directory.
    pub(crate) fn file(&self, directory: &Path) -> Option<PathBuf> {
        self.connection_string_file.as_ref().map(|path| directory.join(path))
    }

    /// The entry, its connection string read where the file names another one; a relative path begins at
    /// this directory.
    ///
    /// # Errors
    ///
    /// There is no connection string, or there are two, or its file cannot be read or is longer than
    /// [`EXTERNAL_FILE_BYTES_MAX`]. The message shows nothing of it, nor the path: it may be the string.
    pub fn read(self, directory: &Path) -> Result<ExternalEntry, String> {
        let name = UseFrom::new(&self.use_from).map_or("***".to_owned(), |name| name.to_string());
        let connection_string = match (self.connection_string, self.connection_string_file) {
            (Some(text), None) => text,
            (None, Some(path)) => read_string(&directory.join(path))
                .map_err(|error| format!("entry '{name}': connection-string-file: {error}"))?,
            _ => return Err(format!("entry '{name}': give connection-string or connection-string-file")),
        };
        Ok(ExternalEntry { use_from: self.use_from, connection_string, description: self.description })
    }
}

fn read_string(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    let limit = EXTERNAL_FILE_BYTES_MAX as u64 + 1;
    let read = File::open(path).and_then(|file| file.take(limit).read_to_string(&mut text));
    match read {
        Ok(bytes) if bytes > EXTERNAL_FILE_BYTES_MAX => Err("the file is too long".to_owned()),
        Ok(_) => Ok(text.trim_end_matches(['\r', '\n']).to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Who configured an entry. For the same location, a later one of this list goes before an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntrySource {
    /// The builder, or [`Cache::set_external`](crate::Cache::set_external).
    Settings,
    /// The [file](crate::CacheBuilder::external_file).
    File,
    /// The internal cluster, [watched](crate::CacheBuilder::watch_external).
    Cluster,
}

impl EntrySource {
    pub(crate) const ALL: [Self; 3] = [Self::Settings, Self::File, Self::Cluster];

    /// `settings`, `file` or `cluster`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::File => "file",
            Self::Cluster => "cluster",
        }
    }
}

impl fmt::Display for EntrySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An entry that has been read.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ReadEntry {
    pub(crate) use_from: UseFrom,
    /// The string, or why it is none.
    pub(crate) string: Result<ConnectionString, ConnectionStringError>,
    pub(crate) description: Option<String>,
}

/// What is wrong with a list of entries.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExternalError {
    /// A region's name is empty, or looks like a connection string.
    Region,
    /// More than [`EXTERNAL_MAX`](crate::limits::EXTERNAL_MAX) entries.
    TooMany,
    /// Two entries for the same region.
    Twice(String),
    /// An entry's connection string cannot be read.
    ConnectionString {
        /// The entry.
        entry: String,
        /// What is wrong with it.
        error: ConnectionStringError,
    },
}

impl fmt::Display for ExternalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Region => f.write_str("a region must have a name, without `=` and `://`"),
            Self::TooMany => write!(f, "at most {} external caches", crate::limits::EXTERNAL_MAX),
            Self::Twice(entry) => write!(f, "external cache {entry} is given twice"),
            Self::ConnectionString { entry, error } => write!(f, "external cache {entry}: {error}"),
        }
    }
}

impl std::error::Error for ExternalError {}

/// Reads a list of which nothing may be wrong, entries of other regions among them: a mistake shows at
/// once and not on a move.
pub(crate) fn read_all(entries: &[ExternalEntry]) -> Result<Vec<ReadEntry>, ExternalError> {
    if entries.len() > crate::limits::EXTERNAL_MAX {
        return Err(ExternalError::TooMany);
    }
    let mut read: Vec<ReadEntry> = Vec::with_capacity(entries.len());
    for entry in entries {
        let next = read_one(entry).ok_or(ExternalError::Region)?;
        if read.iter().any(|known| known.use_from == next.use_from) {
            return Err(ExternalError::Twice(next.use_from.to_string()));
        }
        if let Err(error) = &next.string {
            let (entry, error) = (next.use_from.to_string(), error.clone());
            return Err(ExternalError::ConnectionString { entry, error });
        }
        read.push(next);
    }
    Ok(read)
}

/// Reads a list that somebody else checked: what cannot be named is left out, and what is named twice
/// counts once; what is wrong with a connection string shows if it is the one to use.
pub(crate) fn read_leniently(entries: &[ExternalEntry]) -> Vec<ReadEntry> {
    let mut read: Vec<ReadEntry> = Vec::new();
    for entry in entries.iter().take(crate::limits::EXTERNAL_MAX) {
        let Some(next) = read_one(entry) else { continue };
        if read.iter().all(|known| known.use_from != next.use_from) {
            read.push(next);
        }
    }
    read
}

fn read_one(entry: &ExternalEntry) -> Option<ReadEntry> {
    let use_from = UseFrom::new(&entry.use_from)?;
    let string = ConnectionString::parse(&entry.connection_string);
    Some(ReadEntry { use_from, string, description: entry.description.clone() })
}
