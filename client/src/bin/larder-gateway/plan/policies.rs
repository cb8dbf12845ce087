//! The policy files of a plan: each is read once, with the named values and fragments of the settings.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::path::{Path, PathBuf};

use larder_client::engine::{self, Handler, Policies};
use larder_client::policy::{Fragments, NamedValues};

use crate::limits;
use crate::server::Statements;
use crate::settings::{RouteEntry, Settings, read_text};

/// Whom a policy is for, from the innermost to the outermost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    Operation,
    Api,
    Product,
    Global,
}

impl Scope {
    /// Its word in errors.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Operation => "operation",
            Self::Api => "api",
            Self::Product => "product",
            Self::Global => "global",
        }
    }

    /// The files of a route, innermost first.
    pub(super) fn files(entry: &RouteEntry) -> impl Iterator<Item = (Self, &Path)> {
        let files = [
            (Self::Operation, &entry.policy),
            (Self::Api, &entry.api_policy),
            (Self::Product, &entry.product_policy),
            (Self::Global, &entry.global_policy),
        ];
        files.into_iter().filter_map(|(scope, file)| Some((scope, file.as_deref()?)))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The policy of one scope.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    pub(crate) scope: Scope,
    pub(crate) path: PathBuf,
    pub(crate) policy: engine::Policy,
}

/// The policies of a route, as the engine runs them.
pub(super) fn to_run(files: &[Policy]) -> Policies {
    files.iter().fold(Policies::none(), |all, file| all.within(file.scope.as_str(), &file.policy))
}

/// Reads policies, and keeps what is wrong with them.
pub(super) struct Reader {
    named: NamedValues,
    fragments: Fragments,
    /// By path; none if it could not be read, which has been told.
    read: BTreeMap<PathBuf, Option<engine::Policy>>,
    pub(super) errors: Vec<String>,
    pub(super) warnings: Vec<String>,
}

impl Reader {
    /// A reader with the named values and fragments of the settings.
    pub(super) fn new(settings: &Settings) -> Self {
        let mut errors = Vec::new();
        if settings.named.len() > limits::NAMED_VALUES_MAX {
            errors.push(format!("at most {} named values", limits::NAMED_VALUES_MAX));
        }
        let named = settings
            .named
            .iter()
            .take(limits::NAMED_VALUES_MAX)
            .fold(NamedValues::new(), |all, (name, value)| all.with(name.as_str(), value.reveal()));
        let fragments = fragments(settings, &mut errors);
        Self { named, fragments, read: BTreeMap::new(), errors, warnings: Vec::new() }
    }

    /// The policies of a route that can be read.
    pub(super) fn policies(&mut self, entry: &RouteEntry) -> Vec<Policy> {
        let read = Scope::files(entry).filter_map(|(scope, path)| {
            Some(Policy { scope, path: path.to_path_buf(), policy: self.policy(path)? })
        });
        read.collect()
    }

    fn policy(&mut self, path: &Path) -> Option<engine::Policy> {
        let place = match self.read.entry(path.to_path_buf()) {
            Entry::Occupied(known) => return known.get().clone(),
            Entry::Vacant(place) => place,
        };
        let read = read_text(path).map_err(|error| vec![error]).and_then(|text| {
            let read =
                engine::Policy::read(&text, &self.named, &self.fragments, |name| Statements.knows(name));
            read.map_err(|problems| {
                self.warnings.extend(told(path, problems.warnings()));
                let more = problems.is_cut().then(|| format!("{}: and more", path.display()));
                told(path, problems.errors()).chain(more).collect()
            })
        });
        let policy = read.map_err(|errors| self.errors.extend(errors)).ok();
        if let Some(policy) = &policy {
            self.warnings.extend(told(path, policy.document().warnings()));
        }
        place.insert(policy).clone()
    }
}

fn told(path: &Path, problems: &[larder_client::policy::Problem]) -> impl Iterator<Item = String> {
    problems.iter().map(move |problem| format!("{}: {problem:#}", path.display()))
}

fn fragments(settings: &Settings, errors: &mut Vec<String>) -> Fragments {
    let mut files = settings.fragment.clone();
    if let Some(directory) = &settings.fragments {
        match in_directory(directory) {
            Ok(found) => files.extend(found),
            Err(error) => errors.push(format!("{}: {error}", directory.display())),
        }
    }
    if files.len() > limits::FRAGMENTS_MAX {
        errors.push(format!("at most {} fragments", limits::FRAGMENTS_MAX));
        return Fragments::new();
    }
    let mut names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    let twice = names.windows(2).filter(|two| two[0] == two[1]);
    errors.extend(twice.map(|two| format!("fragment '{}' is given twice", two[0])));
    files.iter().fold(Fragments::new(), |all, (name, path)| match read_text(path) {
        Ok(text) => all.with(name.as_str(), text),
        Err(error) => {
            errors.push(error);
            all
        }
    })
}

fn in_directory(directory: &Path) -> std::io::Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        let is_xml = path.extension().is_some_and(|end| end == "xml");
        if let (true, Some(name)) = (is_xml, path.file_stem().and_then(|name| name.to_str())) {
            found.push((name.to_owned(), path.clone()));
        }
        // That there are too many is told by whoever counts them all.
        if found.len() > limits::FRAGMENTS_MAX {
            break;
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use larder_client::external::Secret;

    use super::*;

    #[test]
    fn too_many_named_values_and_fragments_are_told() {
        let name = |number: usize| format!("n{number}");
        let named = |count| (0..count).map(|number| (name(number), Secret::new(""))).collect();
        let files = |count| (0..count).map(|number| (name(number), PathBuf::from("/nowhere"))).collect();
        let told = |named, fragment| {
            let mut settings = Settings::default();
            (settings.named, settings.fragment) = (named, fragment);
            Reader::new(&settings).errors
        };
        assert!(told(named(limits::NAMED_VALUES_MAX), files(0)).is_empty());
        assert_eq!(told(named(limits::NAMED_VALUES_MAX + 1), files(0)), ["at most 10000 named values"]);
        assert_eq!(told(named(0), files(limits::FRAGMENTS_MAX + 1)), ["at most 1000 fragments"]);
        assert_eq!(told(named(0), files(limits::FRAGMENTS_MAX)).len(), limits::FRAGMENTS_MAX, "each is read");
    }
}
