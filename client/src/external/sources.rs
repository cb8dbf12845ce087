//! The entries of all who configure some, made into one list. No connection is made here.
//!
//! Location by location, the cluster's entry goes before the file's, and that before the settings'. So an
//! entry of the settings stays in force where the cluster says nothing: an entry for the gateway's own
//! region in the settings is used although the cluster has a `Default`.

use super::entry::{EntrySource, ReadEntry};
use super::{EntryReport, Region, Resolution, UseFrom, resolve};

/// What each source says now.
#[derive(Clone, Default)]
pub(crate) struct Sources {
    lists: [Vec<ReadEntry>; EntrySource::ALL.len()],
    troubles: [Option<String>; EntrySource::ALL.len()],
}

/// What all of them come to, in one region.
pub(crate) struct Plan {
    /// What became of the entries that take part.
    pub(crate) resolution: Resolution,
    /// Who configured each of them.
    pub(crate) sources: Vec<EntrySource>,
    /// The entries for whose location another source's goes before.
    pub(crate) replaced: Vec<(UseFrom, EntrySource)>,
    /// The entry to use.
    pub(crate) used: Option<ReadEntry>,
    /// Entries with a connection string that cannot be read, and sources that cannot be asked.
    pub(crate) troubles: Vec<String>,
}

impl Sources {
    /// Replaces the list of one source; it is in no trouble then.
    pub(crate) fn set(&mut self, source: EntrySource, entries: Vec<ReadEntry>) {
        self.lists[source as usize] = entries;
        self.troubles[source as usize] = None;
    }

    /// Notes why a source cannot be asked; its last list stays.
    pub(crate) fn set_trouble(&mut self, source: EntrySource, trouble: String) {
        self.troubles[source as usize] = Some(trouble);
    }

    /// Makes one list of all, and resolves it.
    pub(crate) fn plan(&self, own: &Region) -> Plan {
        let (mut entries, mut sources, mut replaced) = (Vec::<&ReadEntry>::new(), Vec::new(), Vec::new());
        for source in EntrySource::ALL.into_iter().rev() {
            for entry in &self.lists[source as usize] {
                if entries.iter().any(|known| known.use_from == entry.use_from) {
                    replaced.push((entry.use_from.clone(), source));
                } else {
                    entries.push(entry);
                    sources.push(source);
                }
            }
        }
        let names: Vec<UseFrom> = entries.iter().map(|entry| entry.use_from.clone()).collect();
        let resolution = resolve(own, &names);
        let used = resolution.used.map(|place| entries[place].clone());
        let unreadable = entries.iter().filter_map(|entry| {
            let error = entry.string.as_ref().err()?;
            Some(format!("external cache {}: {error}", entry.use_from))
        });
        let troubles = self.troubles.iter().flatten().cloned().chain(unreadable).collect();
        Plan { resolution, sources, replaced, used, troubles }
    }
}

impl Plan {
    /// One line for each entry: what became of it, and whose it is if it is not of the settings.
    pub(crate) fn lines(&self) -> Vec<String> {
        let whose = |source: EntrySource| match source {
            EntrySource::Settings => String::new(),
            other => format!(" (from the {other})"),
        };
        let line = |(entry, source): (&EntryReport, &EntrySource)| format!("{entry}{}", whose(*source));
        let replaced = |(use_from, source): &(UseFrom, EntrySource)| {
            format!("{use_from}: not in use: an entry for it from elsewhere goes before that of the {source}")
        };
        let used = self.resolution.entries.iter().zip(&self.sources).map(line);
        used.chain(self.replaced.iter().map(replaced)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::external::entry::{ExternalEntry, read_leniently};

    fn list(names: &[(&str, &str)]) -> Vec<ReadEntry> {
        let entries: Vec<_> = names.iter().map(|(name, string)| ExternalEntry::new(*name, *string)).collect();
        read_leniently(&entries)
    }

    fn used(sources: &Sources) -> Option<String> {
        let plan = sources.plan(&Region::new("West Europe").unwrap());
        plan.used.map(|entry| entry.string.map_or("unreadable".to_owned(), |string| string.to_string()))
    }

    #[test]
    fn location_by_location_the_cluster_goes_before_the_file_and_that_before_the_settings() {
        use EntrySource::{Cluster, File, Settings};
        let mut sources = Sources::default();
        assert_eq!(used(&sources), None);
        sources.set(Settings, list(&[("Default", "settings")]));
        assert_eq!(used(&sources).unwrap(), "settings,ssl=false");
        sources.set(File, list(&[("default", "file")]));
        assert_eq!(used(&sources).unwrap(), "file,ssl=false");
        sources.set(Cluster, list(&[("Default", "cluster")]));
        assert_eq!(used(&sources).unwrap(), "cluster,ssl=false");
        sources.set(Settings, list(&[("westeurope", "own")]));
        assert_eq!(used(&sources).unwrap(), "own,ssl=false", "another location's entry replaces nothing");
        sources.set(Cluster, list(&[("West Europe", "cluster-own")]));
        assert_eq!(used(&sources).unwrap(), "cluster-own,ssl=false");
        let lines = sources.plan(&Region::new("West Europe").unwrap()).lines();
        assert_eq!(
            lines,
            [
                "West Europe: in use: it names this region (from the cluster)",
                "Default: not in use: another entry names this region (from the file)",
                "westeurope: not in use: an entry for it from elsewhere goes before that of the settings",
            ]
        );
        sources.set(Cluster, Vec::new());
        assert_eq!(used(&sources).unwrap(), "own,ssl=false", "the settings are the fallback");
    }

    #[test]
    fn what_cannot_be_read_is_said_and_replaces_its_location_all_the_same() {
        let mut sources = Sources::default();
        sources.set(EntrySource::Settings, list(&[("Default", "settings")]));
        sources
            .set(EntrySource::Cluster, list(&[("Default", "h,nonsense=1"), ("a=b", "h"), ("East US", "")]));
        sources.set_trouble(EntrySource::File, "line 3".to_owned());
        assert_eq!(used(&sources).unwrap(), "unreadable");
        let troubles = sources.plan(&Region::new("West Europe").unwrap()).troubles;
        assert_eq!(troubles.len(), 3, "{troubles:?}");
        assert_eq!(troubles[0], "line 3");
        assert!(troubles[1].starts_with("external cache Default: connection string, byte 2"), "{troubles:?}");
    }
}
