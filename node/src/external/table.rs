//! All external caches at one moment, under a version.

use std::collections::BTreeMap;
use std::fmt::Write;

use larder_proto::external::DEFAULT;

use super::entry::{Entry, UseFrom};

/// The external caches of a region's gateways. Replaced as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    version: String,
    entries: BTreeMap<UseFrom, Entry>,
    unreadable: Vec<String>,
}

impl Table {
    /// A table of these entries. `sign` makes the version of what the table holds, so that it is another one with any other
    /// table, and of another cluster; it must tell nothing of what it is made of. `unreadable` names entries that cannot be
    /// read.
    #[must_use]
    pub fn new(
        entries: impl IntoIterator<Item = Entry>,
        unreadable: Vec<String>,
        sign: impl FnOnce(&[u8]) -> [u8; 32],
    ) -> Self {
        let entries: BTreeMap<_, _> =
            entries.into_iter().map(|entry| (entry.use_from.clone(), entry)).collect();
        let mut content = Vec::new();
        let texts = entries.values().map(|entry| (entry.use_from.as_str(), entry.to_text()));
        let broken = unreadable.iter().map(|name| (name.as_str(), String::new()));
        for (name, text) in texts.chain(broken) {
            for part in [name, &text] {
                content.extend_from_slice(&(part.len() as u64).to_be_bytes());
                content.extend_from_slice(part.as_bytes());
            }
        }
        let version = sign(&content)[..VERSION_BYTES].iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        Self { version, entries, unreadable }
    }

    /// The version: hexadecimal digits. The same as long as nothing has changed.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The entries, by name.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = &Entry> {
        self.entries.values()
    }

    /// The entry of this name.
    #[must_use]
    pub fn get(&self, use_from: &UseFrom) -> Option<&Entry> {
        self.entries.get(use_from)
    }

    /// Entries that are there and cannot be read.
    #[must_use]
    pub fn unreadable(&self) -> &[String] {
        &self.unreadable
    }

    /// The name of the entry that gateways of this region use: its own, the default one, or none.
    #[must_use]
    pub fn used_from(&self, region: &UseFrom) -> Option<&str> {
        let own = self.entries.get_key_value(region).map(|(name, _)| name.as_str());
        own.or_else(|| self.entries.keys().find(|name| name.is_default()).map(|_| DEFAULT))
    }
}

/// Of the 32 that a signature has.
const VERSION_BYTES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn table(entries: &[(&str, &str)], key: u8) -> Table {
        let entries = entries.iter().map(|(name, text)| Entry::parse(name, text, "").unwrap());
        Table::new(entries, Vec::new(), |content| {
            let sum =
                content.iter().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add((*byte).into()));
            let mut signed = [key; 32];
            signed[..8].copy_from_slice(&sum.to_be_bytes());
            signed
        })
    }

    #[test]
    fn a_version_is_that_of_its_content() {
        let first = table(&[("default", "a:1"), ("west", "b:1")], 1);
        assert_eq!(first.version(), table(&[("west", "b:1"), ("default", "a:1")], 1).version());
        for other in [
            table(&[("default", "a:1"), ("west", "b:1")], 2),
            table(&[("default", "a:1"), ("west", "b:2")], 1),
            table(&[("default", "a:1")], 1),
            table(&[], 1),
        ] {
            assert_ne!(first.version(), other.version());
        }
    }

    #[test]
    fn table_9_8_the_location_decides_and_the_label_does_not() {
        let entry = |place: &str, label: &str| Entry::parse(place, "host:1", label).unwrap();
        let table = Table::new(
            [entry("West Europe", "default"), entry("default", "West Europe")],
            Vec::new(),
            |_| [0; 32],
        );
        let west = UseFrom::parse("westeurope").unwrap();
        assert_eq!(table.used_from(&west), Some("westeurope"));
        assert_eq!(table.get(&west).map(|entry| entry.description.as_str()), Some("default"));
        assert_eq!(table.used_from(&UseFrom::parse("elsewhere").unwrap()), Some("default"));
    }

    #[test]
    fn a_region_uses_its_own_entry_or_the_default_one() {
        let region = |name: &str| UseFrom::parse(name).unwrap();
        let both = table(&[("default", "a:1"), ("west", "b:1")], 1);
        assert_eq!(both.used_from(&region("West")), Some("west"));
        assert_eq!(both.used_from(&region("east")), Some("default"));
        assert_eq!(table(&[("west", "b:1")], 1).used_from(&region("east")), None);
    }
}
