//! `cache-lookup`, `cache-store`: whole responses, under a key that the gateway makes.

use std::sync::Arc;

use super::Statement;
use super::value_caching::{CACHING_TYPE, caching_type};
use crate::CachingType;
use crate::http::{Vary, VaryError};
use crate::limits::DURATION_SECONDS_MAX;
use crate::policy::parts::Parts;
use crate::policy::row::{AttributeRow, Child, Content, ElementRow, Flags, Kind, Presence, Row};
use crate::policy::section::Sections;
use crate::policy::setting::Setting;

/// `cache-lookup`
pub static CACHE_LOOKUP: Row = Row {
    element: ElementRow {
        name: "cache-lookup",
        attributes: &[
            flag("vary-by-developer", Presence::Expected("false")),
            flag("vary-by-developer-groups", Presence::Expected("false")),
            CACHING_TYPE,
            AttributeRow {
                name: "downstream-caching-type",
                kind: Kind::OneOf(&["none", "private", "public"]),
                presence: Presence::Default("none"),
                expression: true,
            },
            flag("must-revalidate", Presence::Default("true")),
            flag("allow-private-response-caching", Presence::Default("false")),
        ],
        content: Content::Elements(&[
            Child { element: &VARY_BY_HEADER, least: 0, most: usize::MAX },
            Child { element: &VARY_BY_QUERY_PARAMETER, least: 0, most: usize::MAX },
        ]),
    },
    sections: Sections::INBOUND,
    flags: Flags::ONCE_PER_SECTION.and(Flags::WANTS_RATE_LIMIT).and(Flags::RESPONSE_LOOKUP),
    note: "GET only. Wants a `cache-store` in outbound.",
    example: r#"<cache-lookup vary-by-developer="false" vary-by-developer-groups="false" downstream-caching-type="private">
    <vary-by-header>Accept-Language</vary-by-header>
    <vary-by-query-parameter>page;size</vary-by-query-parameter>
</cache-lookup>"#,
    build: |parts| Statement::CacheLookup(lookup(parts)),
};

/// `cache-store`
pub static CACHE_STORE: Row = Row {
    element: ElementRow {
        name: "cache-store",
        attributes: &[
            AttributeRow {
                name: "duration",
                kind: Kind::Seconds(DURATION_SECONDS_MAX as u32),
                presence: Presence::Required,
                expression: true,
            },
            flag("cache-response", Presence::Optional),
        ],
        content: Content::Nothing,
    },
    sections: Sections::OUTBOUND,
    flags: Flags::ONCE_PER_SECTION.and(Flags::RESPONSE_STORE),
    note: "`cache-response` absent: only a 200; `true`: any status; `false`: never. The store is the lookup's.",
    example: r#"<cache-store duration="@(context.Response.StatusCode == 404 ? 10 : 600)" cache-response="true" />"#,
    build: |mut parts| {
        let (duration, cache_response) = (parts.number("duration"), parts.optional_flag("cache-response"));
        Statement::CacheStore(CacheStore { duration, cache_response })
    },
};

/// Answers from the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheLookup {
    /// The owner of the subscription is part of the key.
    pub vary_by_developer: Setting<bool>,
    /// The groups of the owner are part of the key.
    pub vary_by_developer_groups: Setting<bool>,
    /// The store.
    pub caching_type: CachingType,
    /// What the client and caches before it may do.
    pub downstream_caching_type: Setting<DownstreamCaching>,
    /// With downstream caching: adds `must-revalidate`.
    pub must_revalidate: Setting<bool>,
    /// Also for requests with an `Authorization` header.
    pub allow_private_response_caching: Setting<bool>,
    /// Headers that are part of the key.
    pub vary_by_headers: Vec<Arc<str>>,
    /// Query parameters that are part of the key, lists taken apart.
    pub vary_by_query_parameters: Vec<Arc<str>>,
    /// Both, as the response cache takes them; nothing if one of them cannot be.
    pub vary: Arc<Vary>,
}

/// What the `Cache-Control` for the client permits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DownstreamCaching {
    /// Nothing.
    #[default]
    None,
    /// Caching by the client.
    Private,
    /// Caching by all.
    Public,
}

impl DownstreamCaching {
    /// The value of this word.
    #[must_use]
    pub fn find(word: &str) -> Option<Self> {
        match word {
            "none" => Some(Self::None),
            "private" => Some(Self::Private),
            "public" => Some(Self::Public),
            _ => None,
        }
    }
}

/// Stores the response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheStore {
    /// Its life in seconds.
    pub duration: Setting<u32>,
    /// Absent: only a 200. True: any status. False: never.
    pub cache_response: Option<Setting<bool>>,
}

fn lookup(mut parts: Parts) -> CacheLookup {
    let names = |children: Vec<Parts>| {
        let texts = children.into_iter().filter_map(|mut child| child.content().literal().cloned());
        texts.collect::<Vec<Arc<str>>>()
    };
    let queries = names(parts.children_of(&VARY_BY_QUERY_PARAMETER));
    let queries = queries.iter().flat_map(|list| list.split(';')).map(str::trim);
    let vary_by_query_parameters: Vec<Arc<str>> =
        queries.filter(|name| !name.is_empty()).map(Arc::from).collect();
    let headers = names(parts.children_of(&VARY_BY_HEADER));
    let vary_by_headers: Vec<Arc<str>> = headers.iter().map(|name| name.trim().into()).collect();
    CacheLookup {
        vary_by_developer: parts.flag("vary-by-developer"),
        vary_by_developer_groups: parts.flag("vary-by-developer-groups"),
        caching_type: caching_type(&mut parts),
        downstream_caching_type: parts.word("downstream-caching-type", DownstreamCaching::find),
        must_revalidate: parts.flag("must-revalidate"),
        allow_private_response_caching: parts.flag("allow-private-response-caching"),
        vary: Arc::new(vary(&vary_by_headers, &vary_by_query_parameters).unwrap_or_default()),
        vary_by_headers,
        vary_by_query_parameters,
    }
}

impl CacheLookup {
    /// What is wrong with the names to vary by.
    pub(in crate::policy) fn wrong_vary(&self) -> Option<VaryError> {
        vary(&self.vary_by_headers, &self.vary_by_query_parameters).err()
    }
}

fn vary(headers: &[Arc<str>], parameters: &[Arc<str>]) -> Result<Vary, VaryError> {
    Vary::new(headers.iter().map(|name| &**name), parameters.iter().map(|name| &**name))
}

const fn flag(name: &'static str, presence: Presence) -> AttributeRow {
    AttributeRow { name, kind: Kind::Bool, presence, expression: true }
}

static VARY_BY_HEADER: ElementRow = ElementRow {
    name: "vary-by-header",
    attributes: &[],
    content: Content::Text { kind: Kind::Text, expression: false },
};

static VARY_BY_QUERY_PARAMETER: ElementRow = ElementRow {
    name: "vary-by-query-parameter",
    attributes: &[],
    content: Content::Text { kind: Kind::Text, expression: false },
};
