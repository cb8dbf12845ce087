//! `cache-lookup-value`, `cache-store-value`, `cache-remove-value`, `cache-value`: any value, under a key
//! that the author gives.

use std::sync::Arc;

use super::Statement;
use crate::CachingType;
use crate::limits::DURATION_SECONDS_MAX;
use crate::policy::element::Step;
use crate::policy::parts::Parts;
use crate::policy::row::{AttributeRow, Child, Content, ElementRow, Flags, Kind, Presence, Row};
use crate::policy::section::Sections;
use crate::policy::setting::Setting;

/// `cache-lookup-value`
pub static CACHE_LOOKUP_VALUE: Row = Row {
    element: ElementRow {
        name: "cache-lookup-value",
        attributes: &[KEY, VARIABLE_NAME, DEFAULT_VALUE, CACHING_TYPE],
        content: Content::Nothing,
    },
    sections: Sections::ALL,
    flags: Flags::ONCE_PER_SECTION.and(Flags::NOT_IN_FRAGMENT).and(Flags::WANTS_RATE_LIMIT),
    note: "A miss without `default-value` leaves the variable as it is.",
    example: r#"<cache-lookup-value
    key="@("basket-" + context.Request.Headers.GetValueOrDefault("X-Customer", "none"))"
    variable-name="basket"
    default-value="[]"
    caching-type="internal" />"#,
    build: |mut parts| {
        Statement::CacheLookupValue(CacheLookupValue {
            key: parts.text("key"),
            variable_name: parts.name("variable-name"),
            default_value: parts.optional_text("default-value"),
            caching_type: caching_type(&mut parts),
        })
    },
};

/// `cache-store-value`
pub static CACHE_STORE_VALUE: Row = Row {
    element: ElementRow {
        name: "cache-store-value",
        attributes: &[
            KEY,
            AttributeRow { name: "value", kind: Kind::Any, presence: Presence::Required, expression: true },
            seconds("duration", Presence::Required),
            CACHING_TYPE,
        ],
        content: Content::Nothing,
    },
    sections: Sections::ALL,
    flags: Flags::ONCE_PER_SECTION,
    note: "The value keeps its type. A `duration` that is computed and below 0 is 0: what the key held goes.",
    example: r#"<cache-store-value
    key="@("price-" + context.Request.MatchedParameters["article"])"
    value="@(context.Response.Body.As<JObject>(preserveContent: true)["price"])"
    duration="900" />"#,
    build: |mut parts| {
        Statement::CacheStoreValue(CacheStoreValue {
            key: parts.text("key"),
            value: parts.text("value"),
            duration: parts.number("duration"),
            caching_type: caching_type(&mut parts),
        })
    },
};

/// `cache-remove-value`
pub static CACHE_REMOVE_VALUE: Row = Row {
    element: ElementRow {
        name: "cache-remove-value",
        attributes: &[
            KEY,
            CACHING_TYPE,
            AttributeRow {
                name: "fail-on-cache-removal-error",
                kind: Kind::Bool,
                presence: Presence::Default("false"),
                expression: true,
            },
        ],
        content: Content::Nothing,
    },
    sections: Sections::ALL,
    flags: Flags::ONCE_PER_SECTION,
    note: "This key only; an absent one is no error.",
    example: r#"<cache-remove-value key="@("basket-" + (string)context.Variables["customer"])" fail-on-cache-removal-error="true" />"#,
    build: |mut parts| {
        Statement::CacheRemoveValue(CacheRemoveValue {
            key: parts.text("key"),
            caching_type: caching_type(&mut parts),
            fail_on_cache_removal_error: parts.flag("fail-on-cache-removal-error"),
        })
    },
};

/// `cache-value`
pub static CACHE_VALUE: Row = Row {
    element: ElementRow {
        name: "cache-value",
        attributes: &[
            KEY,
            VARIABLE_NAME,
            seconds("expires-after", Presence::Default("28800")),
            seconds("refresh-after", Presence::Optional),
            DEFAULT_VALUE,
            CACHING_TYPE,
        ],
        content: Content::Elements(&[Child { element: &VALUE, least: 1, most: 1 }]),
    },
    sections: Sections::ALL,
    flags: Flags::NONE,
    note: "The statements of `value` run when there is no fresh value, to set the variable. \
           `refresh-after` absent: as `expires-after`.",
    example: r#"<cache-value key="exchange-rates" variable-name="rates" expires-after="3600" refresh-after="600">
    <value>
        <set-variable name="rates" value="@("EUR/USD of " + DateTime.UtcNow.ToString("s"))" />
    </value>
</cache-value>"#,
    build: |parts| Statement::CacheValue(cache_value(parts)),
};

/// Gets a value into a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheLookupValue {
    /// The key.
    pub key: Setting<Arc<str>>,
    /// The variable.
    pub variable_name: Arc<str>,
    /// What it gets on a miss; none leaves it as it is.
    pub default_value: Option<Setting<Arc<str>>>,
    /// The store.
    pub caching_type: CachingType,
}

/// Stores a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheStoreValue {
    /// The key.
    pub key: Setting<Arc<str>>,
    /// The value.
    pub value: Setting<Arc<str>>,
    /// Its life in seconds.
    pub duration: Setting<u32>,
    /// The store.
    pub caching_type: CachingType,
}

/// Removes a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheRemoveValue {
    /// The key.
    pub key: Setting<Arc<str>>,
    /// The store.
    pub caching_type: CachingType,
    /// Whether the request fails if the cache cannot be reached.
    pub fail_on_cache_removal_error: Setting<bool>,
}

/// Gets a value into a variable, or makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheValue {
    /// The key.
    pub key: Setting<Arc<str>>,
    /// The variable.
    pub variable_name: Arc<str>,
    /// The age in seconds at which the value is gone.
    pub expires_after: Setting<u32>,
    /// The age in seconds at which it is made anew; none is `expires_after`.
    pub refresh_after: Option<Setting<u32>>,
    /// What the variable gets if the statements did not set it.
    pub default_value: Option<Setting<Arc<str>>>,
    /// The store.
    pub caching_type: CachingType,
    /// The statements that make the value.
    pub steps: Vec<Step>,
}

fn cache_value(mut parts: Parts) -> CacheValue {
    CacheValue {
        key: parts.text("key"),
        variable_name: parts.name("variable-name"),
        expires_after: parts.number("expires-after"),
        refresh_after: parts.optional_number("refresh-after"),
        default_value: parts.optional_text("default-value"),
        caching_type: caching_type(&mut parts),
        steps: parts.child_of(&VALUE).map(|value| value.steps).unwrap_or_default(),
    }
}

pub(super) fn caching_type(parts: &mut Parts) -> CachingType {
    parts.name("caching-type").parse().unwrap_or_default()
}

const fn seconds(name: &'static str, presence: Presence) -> AttributeRow {
    AttributeRow { name, kind: SECONDS, presence, expression: true }
}

pub(crate) const SECONDS: Kind = Kind::Seconds(DURATION_SECONDS_MAX as u32);

pub(super) const CACHING_TYPE: AttributeRow = AttributeRow {
    name: "caching-type",
    kind: Kind::OneOf(&["prefer-external", "external", "internal"]),
    presence: Presence::Default("prefer-external"),
    expression: false,
};

const KEY: AttributeRow =
    AttributeRow { name: "key", kind: Kind::Text, presence: Presence::Required, expression: true };

const VARIABLE_NAME: AttributeRow =
    AttributeRow { name: "variable-name", kind: Kind::Text, presence: Presence::Required, expression: false };

const DEFAULT_VALUE: AttributeRow =
    AttributeRow { name: "default-value", kind: Kind::Any, presence: Presence::Optional, expression: true };

static VALUE: ElementRow = ElementRow { name: "value", attributes: &[], content: Content::Steps };
