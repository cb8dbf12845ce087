//! Which external cache a gateway uses: the entry of its own region, else the default one, else
//! none. Only names decide; whether the cache can be reached does not.

use std::fmt;

use larder_proto::external::DEFAULT;

use super::Region;

/// Where an external cache is to be used from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UseFrom {
    /// Every region without an entry of its own.
    Default,
    /// This region alone.
    Region(Region),
}

impl UseFrom {
    /// Reads a region name; `default`, in any case, is the default entry.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let region = Region::new(name)?;
        Some(if region.normal() == DEFAULT { Self::Default } else { Self::Region(region) })
    }
}

impl fmt::Display for UseFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("Default"),
            Self::Region(region) => write!(f, "{region}"),
        }
    }
}

/// What became of all entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// The place of the entry in use, if one is.
    pub used: Option<usize>,
    /// One line for each entry, in their order.
    pub entries: Vec<EntryReport>,
}

/// What became of one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryReport {
    /// Where it is to be used from.
    pub use_from: UseFrom,
    /// Whether it is in use, and why or why not.
    pub state: EntryState,
    /// Whether its name looks like a spelling mistake, and of what.
    pub nearly: Option<String>,
}

/// Whether an entry is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryState {
    /// In use: it names this region.
    OwnRegion,
    /// In use: it is the default, and no entry names this region.
    DefaultEntry,
    /// Not in use: it is the default, and another entry names this region.
    Overridden,
    /// Not in use: it names another region.
    OtherRegion,
    /// Not in use: it names no public region and not this one; perhaps another gateway's location.
    UnknownRegion,
}

/// Finds the entry that a gateway in `own` uses.
#[must_use]
pub fn resolve(own: &Region, entries: &[UseFrom]) -> Resolution {
    let named = entries.iter().position(|entry| *entry == UseFrom::Region(own.clone()));
    let used = named.or_else(|| entries.iter().position(|entry| *entry == UseFrom::Default));
    let report = |entry: &UseFrom| match entry {
        UseFrom::Default if named.is_some() => (EntryState::Overridden, None),
        UseFrom::Default => (EntryState::DefaultEntry, None),
        UseFrom::Region(region) if region == own => (EntryState::OwnRegion, None),
        UseFrom::Region(region) if !region.is_azure() => (EntryState::UnknownRegion, meant(own, region)),
        // Two public regions are two regions, however alike; a name of one's own may be misspelt.
        UseFrom::Region(_) if own.is_azure() => (EntryState::OtherRegion, None),
        UseFrom::Region(region) => (EntryState::OtherRegion, meant(own, region)),
    };
    let entries = entries.iter().map(|entry| {
        let (state, nearly) = report(entry);
        EntryReport { use_from: entry.clone(), state, nearly }
    });
    Resolution { used, entries: entries.collect() }
}

/// What the writer of a region that nobody knows may have meant: this region, or the default.
fn meant(own: &Region, region: &Region) -> Option<String> {
    let default = Region::new("Default")?;
    [own, &default].into_iter().find(|known| region.is_nearly(known)).map(ToString::to_string)
}

impl EntryReport {
    /// Whether somebody should look at this entry.
    #[must_use]
    pub fn is_suspect(&self) -> bool {
        self.state == EntryState::UnknownRegion || self.nearly.is_some()
    }
}

impl fmt::Display for EntryReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.state {
            EntryState::OwnRegion => "in use: it names this region",
            EntryState::DefaultEntry => "in use: no entry names this region",
            EntryState::Overridden => "not in use: another entry names this region",
            EntryState::OtherRegion => "not in use: it names another region",
            EntryState::UnknownRegion => "not in use: no region of this name is known",
        };
        write!(f, "{}: {why}", self.use_from)?;
        self.nearly.as_ref().map_or(Ok(()), |meant| write!(f, " (is \"{meant}\" meant?)"))
    }
}
