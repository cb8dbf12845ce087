//! `rate-limit`, `rate-limit-by-key`: how many calls pass.

use std::sync::Arc;

use super::Statement;
use crate::policy::parts::Parts;
use crate::policy::row::{AttributeRow, Child, Content, ElementRow, Flags, Kind, Presence, Row};
use crate::policy::section::Sections;
use crate::policy::setting::Setting;

/// `rate-limit`
pub static RATE_LIMIT: Row = Row {
    element: ElementRow {
        name: "rate-limit",
        attributes: &[
            number("calls", CALLS, Presence::Required, false),
            number("renewal-period", PERIOD, Presence::Required, false),
            REPORT[0],
            REPORT[1],
            REPORT[2],
            REPORT[3],
            REPORT[4],
        ],
        content: Content::Elements(&[Child { element: &API, least: 0, most: usize::MAX }]),
    },
    sections: Sections::INBOUND,
    flags: Flags::RATE_LIMIT,
    note: "Per subscription; `api` and `operation` in it have limits of their own.",
    example: r#"<rate-limit calls="600" renewal-period="60" remaining-calls-header-name="X-Calls-Left">
    <api name="orders" calls="100" renewal-period="60">
        <operation name="create" calls="5" renewal-period="10" />
    </api>
</rate-limit>"#,
    build: |parts| Statement::RateLimit(rate_limit(parts)),
};

/// `rate-limit-by-key`
pub static RATE_LIMIT_BY_KEY: Row = Row {
    element: ElementRow {
        name: "rate-limit-by-key",
        attributes: &[
            number("calls", CALLS, Presence::Required, true),
            number("renewal-period", PERIOD, Presence::Required, true),
            AttributeRow {
                name: "counter-key",
                kind: Kind::Text,
                presence: Presence::Required,
                expression: true,
            },
            AttributeRow {
                name: "increment-condition",
                kind: Kind::Bool,
                presence: Presence::Default("true"),
                expression: true,
            },
            number("increment-count", COUNT, Presence::Default("1"), true),
            REPORT[0],
            REPORT[1],
            REPORT[2],
            REPORT[3],
            REPORT[4],
        ],
        content: Content::Nothing,
    },
    sections: Sections::INBOUND,
    flags: Flags::RATE_LIMIT,
    note: "Counts per value of `counter-key`.",
    example: r#"<rate-limit-by-key
    calls="20"
    renewal-period="30"
    counter-key="@(context.Request.Headers.GetValueOrDefault("X-Customer", "none"))"
    increment-condition="@(context.Response.StatusCode < 400)" />"#,
    build: |parts| Statement::RateLimitByKey(by_key(parts)),
};

/// So many calls per subscription and period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimit {
    /// Calls in a period.
    pub calls: u32,
    /// The period in seconds, 1 to 300.
    pub renewal_period: u32,
    /// Where the counts are told.
    pub report: RateLimitReport,
    /// Limits of APIs and operations besides.
    pub parts: Vec<RateLimitPart>,
}

/// The limit of one API or operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimitPart {
    /// Its name; it or the id is there in a useful policy, the id goes first.
    pub name: Option<Arc<str>>,
    /// Its id.
    pub id: Option<Arc<str>>,
    /// Calls in a period.
    pub calls: u32,
    /// The period in seconds, 1 to 300.
    pub renewal_period: u32,
    /// Of an API: the limits of its operations.
    pub operations: Vec<RateLimitPart>,
}

/// So many calls per key and period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimitByKey {
    /// Calls in a period.
    pub calls: Setting<u32>,
    /// The period in seconds, 1 to 300.
    pub renewal_period: Setting<u32>,
    /// What is counted apart.
    pub counter_key: Setting<Arc<str>>,
    /// Whether this call counts.
    pub increment_condition: Setting<bool>,
    /// As how many calls it counts.
    pub increment_count: Setting<u32>,
    /// Where the counts are told.
    pub report: RateLimitReport,
}

/// The headers and variables that tell a caller where it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RateLimitReport {
    /// The header with the seconds to wait; `Retry-After` unless another is named.
    pub retry_after_header: Arc<str>,
    /// The variable with the seconds to wait.
    pub retry_after_variable: Option<Arc<str>>,
    /// The header with the calls that are left.
    pub remaining_calls_header: Option<Arc<str>>,
    /// The variable with the calls that are left.
    pub remaining_calls_variable: Option<Arc<str>>,
    /// The header with the limit.
    pub total_calls_header: Option<Arc<str>>,
}

fn rate_limit(mut parts: Parts) -> RateLimit {
    RateLimit {
        calls: known(parts.number("calls")),
        renewal_period: known(parts.number("renewal-period")),
        report: report(&mut parts),
        parts: parts.children_of(&API).into_iter().map(part).collect(),
    }
}

fn part(mut parts: Parts) -> RateLimitPart {
    RateLimitPart {
        name: parts.optional_name("name"),
        id: parts.optional_name("id"),
        calls: known(parts.number("calls")),
        renewal_period: known(parts.number("renewal-period")),
        operations: parts.children_of(&OPERATION).into_iter().map(part).collect(),
    }
}

fn by_key(mut parts: Parts) -> RateLimitByKey {
    RateLimitByKey {
        calls: parts.number("calls"),
        renewal_period: parts.number("renewal-period"),
        counter_key: parts.text("counter-key"),
        increment_condition: parts.flag("increment-condition"),
        increment_count: parts.number("increment-count"),
        report: report(&mut parts),
    }
}

fn report(parts: &mut Parts) -> RateLimitReport {
    RateLimitReport {
        retry_after_header: parts.name("retry-after-header-name"),
        retry_after_variable: parts.optional_name("retry-after-variable-name"),
        remaining_calls_header: parts.optional_name("remaining-calls-header-name"),
        remaining_calls_variable: parts.optional_name("remaining-calls-variable-name"),
        total_calls_header: parts.optional_name("total-calls-header-name"),
    }
}

/// A number whose row allows no expression.
fn known(setting: Setting<u32>) -> u32 {
    setting.literal().copied().unwrap_or_default()
}

const fn number(name: &'static str, kind: Kind, presence: Presence, expression: bool) -> AttributeRow {
    AttributeRow { name, kind, presence, expression }
}

const fn label(name: &'static str, presence: Presence) -> AttributeRow {
    AttributeRow { name, kind: Kind::Text, presence, expression: false }
}

pub(crate) const CALLS: Kind = Kind::Number(1, i32::MAX as u32);
pub(crate) const COUNT: Kind = Kind::Number(0, i32::MAX as u32);
/// Seconds; a longer period is a quota.
pub(crate) const PERIOD: Kind = Kind::Number(1, 300);

const REPORT: [AttributeRow; 5] = [
    label("retry-after-header-name", Presence::Default("Retry-After")),
    label("retry-after-variable-name", Presence::Optional),
    label("remaining-calls-header-name", Presence::Optional),
    label("remaining-calls-variable-name", Presence::Optional),
    label("total-calls-header-name", Presence::Optional),
];

static API: ElementRow = ElementRow {
    name: "api",
    attributes: PART,
    content: Content::Elements(&[Child { element: &OPERATION, least: 0, most: usize::MAX }]),
};

static OPERATION: ElementRow = ElementRow { name: "operation", attributes: PART, content: Content::Nothing };

static PART: &[AttributeRow] = &[
    label("name", Presence::Optional),
    label("id", Presence::Optional),
    number("calls", CALLS, Presence::Required, false),
    number("renewal-period", PERIOD, Presence::Required, false),
];
