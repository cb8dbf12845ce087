//! The `caching-type` of a policy statement.

use std::fmt;
use std::str::FromStr;

/// Which store a call goes to. What is *configured* decides, never what can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum CachingType {
    /// The external cache if one is configured for this region, else the internal one.
    #[default]
    PreferExternal,
    /// The external cache; without one every lookup misses and stores and removals do nothing.
    External,
    /// The internal cache.
    Internal,
}

impl CachingType {
    /// Every caching type.
    pub const ALL: [Self; 3] = [Self::PreferExternal, Self::External, Self::Internal];

    /// The word for it in a policy.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PreferExternal => "prefer-external",
            Self::External => "external",
            Self::Internal => "internal",
        }
    }
}

impl fmt::Display for CachingType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The word that was none of the three.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownCachingType(String);

impl fmt::Display for UnknownCachingType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "caching type {:?} is none of prefer-external, external, internal", self.0)
    }
}

impl std::error::Error for UnknownCachingType {}

impl FromStr for CachingType {
    type Err = UnknownCachingType;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|caching_type| caching_type.as_str() == word);
        found.ok_or_else(|| UnknownCachingType(word.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_words_are_read_and_no_other() {
        for caching_type in CachingType::ALL {
            assert_eq!(caching_type.to_string().parse(), Ok(caching_type));
        }
        assert!("External".parse::<CachingType>().is_err());
        assert_eq!(CachingType::default(), CachingType::PreferExternal);
    }
}
