//! What nodes and gateways both say of external caches: how names of regions are compared, which options a connection
//! string may have, and how entries stand in a file. Values are read by those that use them.
//!
//! In a file, for `larder cache apply`, for a gateway's file of external caches and among a gateway's settings alike, an
//! entry is:
//!
//! ```toml
//! [[external]]
//! use-from = "West Europe"                                          # or "default"
//! connection-string = "cache.example.net:6380,password=...,ssl=True"
//! description = "for people; may be left out"
//! ```
//!
//! Instead of `connection-string`, `connection-string-file` names a file that holds it; a line end at its end is no part of
//! it, and a relative path begins at the directory of the file that names it.

/// The entry of gateways whose region has none of its own.
pub const DEFAULT: &str = "default";

/// Entries of one service, at most.
pub const ENTRIES_MAX: usize = 100;

/// The table of an entry in a file.
pub const TABLE: &str = "external";
/// The key of its region.
pub const USE_FROM: &str = "use-from";
/// The key of its connection string.
pub const CONNECTION_STRING: &str = "connection-string";
/// The key of the file that holds it instead.
pub const CONNECTION_STRING_FILE: &str = "connection-string-file";
/// The key of what it is for.
pub const DESCRIPTION: &str = "description";

/// The name of a region as it is compared: in lower case and without blanks, so that `West Europe` is `westeurope`.
#[must_use]
pub fn normal(name: &str) -> String {
    name.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect()
}

/// What may be shown of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// A value that is a number or one of a few words.
    Plain,
    /// The name alone: the value is a secret, or anything at all.
    Name,
}

/// What may be shown of the option of this name, in any case; none if there is no such option.
#[must_use]
pub fn option(name: &str) -> Option<Shown> {
    OPTIONS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, shown)| *shown)
}

/// Every option of a connection string.
pub const OPTIONS: &[(&str, Shown)] = &[
    ("abortConnect", Shown::Plain),
    ("allowAdmin", Shown::Plain),
    ("asyncTimeout", Shown::Plain),
    ("channelPrefix", Shown::Name),
    ("checkCertificateRevocation", Shown::Plain),
    ("configChannel", Shown::Name),
    ("configCheckSeconds", Shown::Plain),
    ("connectRetry", Shown::Plain),
    ("connectTimeout", Shown::Plain),
    ("defaultDatabase", Shown::Plain),
    ("defaults", Shown::Name),
    ("highIntegrity", Shown::Plain),
    ("highPriorityThreads", Shown::Name),
    ("keepAlive", Shown::Plain),
    ("maintNotifications", Shown::Name),
    ("maintPostEventRelaxed", Shown::Name),
    ("maintRelaxedTimeout", Shown::Name),
    ("maintRelaxedWindowMax", Shown::Name),
    ("name", Shown::Name),
    ("password", Shown::Name),
    ("preserveAsyncOrder", Shown::Name),
    ("protocol", Shown::Plain),
    ("proxy", Shown::Name),
    ("resolveDns", Shown::Plain),
    ("responseTimeout", Shown::Name),
    ("sentinelPassword", Shown::Name),
    ("sentinelUser", Shown::Name),
    ("serviceName", Shown::Name),
    ("setlib", Shown::Plain),
    ("ssl", Shown::Plain),
    ("sslHost", Shown::Name),
    ("sslProtocols", Shown::Name),
    ("syncTimeout", Shown::Plain),
    ("tcpKeepAlive", Shown::Plain),
    ("tiebreaker", Shown::Name),
    ("topologyRefreshSeconds", Shown::Plain),
    ("tunnel", Shown::Name),
    ("user", Shown::Name),
    ("version", Shown::Name),
    ("writeBuffer", Shown::Name),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_regions_are_compared_as_people_mean_them() {
        for (name, wanted) in
            [("West Europe", "westeurope"), (" DEFAULT\t", DEFAULT), ("Zürich Süd", "zürichsüd")]
        {
            assert_eq!(normal(name), wanted);
            assert_eq!(normal(wanted), wanted);
        }
    }

    #[test]
    fn options_are_found_in_any_case_and_stand_once() {
        assert_eq!(option("PASSWORD"), Some(Shown::Name));
        assert_eq!(option("abortconnect"), Some(Shown::Plain));
        assert_eq!(option("pasword"), None);
        assert!(OPTIONS.is_sorted_by(|(one, _), (next, _)| one.to_lowercase() < next.to_lowercase()));
    }
}
