//! What the two policies say: the attributes and elements of `cache-lookup` and `cache-store`, already
//! evaluated. Reading them from a document, and running expressions, is left to others.

use std::fmt;
use std::sync::Arc;

use http::HeaderName;

use crate::CachingType;
use crate::limits::VARY_NAMES_MAX;
use crate::policy::statement::DownstreamCaching;

/// The attributes and elements of `cache-lookup`. The default is what a policy without any of them
/// means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookupRules {
    /// `vary-by-developer`: an entry for each account that owns a subscription; one more for requests
    /// without.
    pub vary_by_developer: bool,
    /// `vary-by-developer-groups`: an entry for each set of groups.
    pub vary_by_developer_groups: bool,
    /// `caching-type`; `cache-store` follows it.
    pub caching_type: CachingType,
    /// `downstream-caching-type`.
    pub downstream: DownstreamCaching,
    /// `must-revalidate`: whether clients that may cache must ask again afterwards. True by default.
    pub must_revalidate: bool,
    /// `allow-private-response-caching`: whether requests with an `Authorization` header take part.
    pub allow_private_response_caching: bool,
    /// `vary-by-header` and `vary-by-query-parameter`.
    pub vary: Arc<Vary>,
}

impl Default for LookupRules {
    fn default() -> Self {
        Self {
            vary_by_developer: false,
            vary_by_developer_groups: false,
            caching_type: CachingType::default(),
            downstream: DownstreamCaching::default(),
            must_revalidate: true,
            allow_private_response_caching: false,
            vary: Arc::default(),
        }
    }
}

/// The attributes of `cache-store`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreRules {
    /// `duration`, in seconds. With 0 or less nothing is stored; more than 2,147,483,647 are cut to it.
    pub duration: i64,
    /// `cache-response`: absent stores a 200 and nothing else, true any status, false none.
    pub cache_response: Option<bool>,
}

impl StoreRules {
    /// Stores a 200 for so many seconds.
    #[must_use]
    pub fn seconds(duration: i64) -> Self {
        Self { duration, cache_response: None }
    }
}

/// What a response varies by: `vary-by-header` and `vary-by-query-parameter`. Made once for a policy.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Vary {
    headers: Vec<HeaderName>,
    parameters: Vec<Arc<str>>,
    unlisted: UnlistedQuery,
}

/// Which query parameters make a difference when no `vary-by-query-parameter` names any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum UnlistedQuery {
    /// None: the path decides. The reference's sentence that all count was withdrawn as untrue.
    #[default]
    Ignored,
    /// All of them, in whatever order they are written.
    Counted,
}

impl Vary {
    /// What the elements list: names of headers, and names of query parameters, of which one element
    /// may hold several with `;` between. Order and repetition do not matter; headers have no case,
    /// parameters have, and are compared decoded.
    ///
    /// # Errors
    ///
    /// A name that no header can have, an empty one, or more than
    /// [`VARY_NAMES_MAX`](crate::limits::VARY_NAMES_MAX) of either.
    pub fn new<'a>(
        headers: impl IntoIterator<Item = &'a str>,
        parameters: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, VaryError> {
        let header = |name: &str| name.trim().parse().map_err(|_| VaryError::Header(name.to_owned()));
        let headers = headers.into_iter().map(header).collect::<Result<Vec<HeaderName>, _>>()?;
        let lists = parameters.into_iter().flat_map(|list| list.split(';'));
        let names = lists.map(str::trim).filter(|name| !name.is_empty()).map(Arc::from).collect();
        let mut vary = Self { headers, parameters: names, unlisted: UnlistedQuery::default() };
        vary.headers.sort_unstable_by(|left, right| left.as_str().cmp(right.as_str()));
        vary.headers.dedup();
        vary.parameters.sort_unstable();
        vary.parameters.dedup();
        match vary.headers.len().max(vary.parameters.len()) {
            names if names > VARY_NAMES_MAX => Err(VaryError::TooMany),
            _ => Ok(vary),
        }
    }

    /// The same with another rule for requests when no parameter is listed.
    #[must_use]
    pub fn unlisted_query(self, unlisted: UnlistedQuery) -> Self {
        Self { unlisted, ..self }
    }

    /// The headers, in the order of their names.
    #[must_use]
    pub fn headers(&self) -> &[HeaderName] {
        &self.headers
    }

    /// The query parameters, in the order of their names.
    #[must_use]
    pub fn parameters(&self) -> &[Arc<str>] {
        &self.parameters
    }

    /// Whether every parameter counts: none is listed, and the rule for that says so.
    #[must_use]
    pub fn counts_whole_query(&self) -> bool {
        self.parameters.is_empty() && self.unlisted == UnlistedQuery::Counted
    }
}

/// A name that a response cannot vary by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VaryError {
    /// No header can have this name.
    Header(String),
    /// There are too many names.
    TooMany,
}

impl fmt::Display for VaryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => write!(f, "{name:?} is not the name of a header"),
            Self::TooMany => write!(f, "a response varies by at most {VARY_NAMES_MAX} names"),
        }
    }
}

impl std::error::Error for VaryError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_sorted_and_counted_once() {
        let vary = Vary::new(["Accept", " accept-language ", "ACCEPT"], ["size; page", "", "a"]).unwrap();
        assert_eq!(vary.headers(), ["accept", "accept-language"]);
        assert_eq!(vary.parameters(), ["a".into(), "page".into(), Arc::<str>::from("size")]);
        assert_eq!(vary, Vary::new(["accept-language", "accept"], ["a;page", "size"]).unwrap());
        assert_eq!(Vary::new(["a b"], []), Err(VaryError::Header("a b".into())));
        let many: Vec<String> = (0..=VARY_NAMES_MAX).map(|number| format!("p{number}")).collect();
        assert_eq!(Vary::new([], many.iter().map(String::as_str)), Err(VaryError::TooMany));
    }
}
