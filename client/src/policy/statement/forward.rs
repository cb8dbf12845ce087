//! `forward-request`: the call of the backend.

use std::sync::Arc;

use super::Statement;
use crate::policy::parts::Parts;
use crate::policy::row::{AttributeRow, Content, ElementRow, Flags, Kind, Presence, Row};
use crate::policy::section::Sections;
use crate::policy::setting::Setting;

/// `forward-request`
pub static FORWARD_REQUEST: Row = Row {
    element: ElementRow {
        name: "forward-request",
        attributes: &[
            number("timeout", TIMEOUT_SECONDS),
            number("timeout-ms", TIMEOUT_MILLISECONDS),
            number("continue-timeout", TIMEOUT_SECONDS),
            AttributeRow {
                name: "http-version",
                kind: Kind::OneOf(&["1", "2", "2or1"]),
                presence: Presence::Optional,
                expression: false,
            },
            flag("follow-redirects", "false"),
            flag("buffer-request-body", "false"),
            flag("buffer-response", "true"),
            flag("fail-on-error-status-code", "false"),
        ],
        content: Content::Nothing,
    },
    sections: Sections::BACKEND,
    flags: Flags::NONE,
    note: "Without a `backend` section in any scope it is done by itself.",
    example: r#"<forward-request timeout="5" follow-redirects="false" buffer-response="false" />"#,
    build: |parts| Statement::ForwardRequest(forward_request(parts)),
};

/// Calls the backend.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ForwardRequest {
    /// What the call may take until the head of the response is there, in seconds.
    pub timeout: Option<Setting<u32>>,
    /// The same in milliseconds; goes before the other.
    pub timeout_ms: Option<Setting<u32>>,
    /// What a `100 Continue` may take, in seconds.
    pub continue_timeout: Option<Setting<u32>>,
    /// `1`, `2` or `2or1`.
    pub http_version: Option<Arc<str>>,
    /// Whether redirects of the backend are followed.
    pub follow_redirects: Option<Setting<bool>>,
    /// Whether the body of the request is read before it is sent.
    pub buffer_request_body: Option<Setting<bool>>,
    /// Whether the body of the response may be collected before it is passed on.
    pub buffer_response: Option<Setting<bool>>,
    /// Whether a status of 400 to 599 is an error of the policy.
    pub fail_on_error_status_code: Option<Setting<bool>>,
}

fn forward_request(mut parts: Parts) -> ForwardRequest {
    ForwardRequest {
        timeout: parts.optional_number("timeout"),
        timeout_ms: parts.optional_number("timeout-ms"),
        continue_timeout: parts.optional_number("continue-timeout"),
        http_version: parts.optional_name("http-version"),
        follow_redirects: parts.optional_flag("follow-redirects"),
        buffer_request_body: parts.optional_flag("buffer-request-body"),
        buffer_response: parts.optional_flag("buffer-response"),
        fail_on_error_status_code: parts.optional_flag("fail-on-error-status-code"),
    }
}

const fn number(name: &'static str, kind: Kind) -> AttributeRow {
    AttributeRow { name, kind, presence: Presence::Optional, expression: true }
}

const fn flag(name: &'static str, default: &'static str) -> AttributeRow {
    AttributeRow { name, kind: Kind::Bool, presence: Presence::Default(default), expression: true }
}

pub(crate) const TIMEOUT_SECONDS: Kind = Kind::Number(1, i32::MAX as u32);
pub(crate) const TIMEOUT_MILLISECONDS: Kind = Kind::Number(1, i32::MAX as u32);
