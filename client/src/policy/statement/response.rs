//! `set-header`, `set-status`, `set-body`, `return-response`: what is sent.

use std::sync::Arc;

use super::Statement;
use crate::policy::parts::Parts;
use crate::policy::row::{AttributeRow, Child, Content, ElementRow, Flags, Kind, Presence, Row};
use crate::policy::section::Sections;
use crate::policy::setting::Setting;

/// `set-header`
pub static SET_HEADER: Row = Row {
    element: ElementRow {
        name: "set-header",
        attributes: &[
            AttributeRow { name: "name", kind: Kind::Text, presence: Presence::Required, expression: true },
            AttributeRow {
                name: "exists-action",
                kind: Kind::OneOf(&["override", "skip", "append", "delete"]),
                presence: Presence::Default("override"),
                expression: true,
            },
        ],
        content: Content::Elements(&[Child { element: &VALUE, least: 0, most: usize::MAX }]),
    },
    sections: Sections::ALL,
    flags: Flags::NONE,
    note: "With `delete`, no `value`.",
    example: r#"<set-header name="X-Served-By" exists-action="append">
    <value>@(context.Deployment.Region)</value>
</set-header>"#,
    build: |parts| Statement::SetHeader(set_header(parts)),
};

/// `set-status`
pub static SET_STATUS: Row = Row {
    element: ElementRow {
        name: "set-status",
        attributes: &[
            AttributeRow { name: "code", kind: STATUS, presence: Presence::Required, expression: true },
            AttributeRow { name: "reason", kind: Kind::Any, presence: Presence::Optional, expression: true },
        ],
        content: Content::Nothing,
    },
    sections: Sections::ALL,
    flags: Flags::NONE,
    note: "",
    example: r#"<set-status code="202" reason="Accepted" />"#,
    build: |parts| Statement::SetStatus(set_status(parts)),
};

/// `set-body`
pub static SET_BODY: Row = Row {
    element: ElementRow {
        name: "set-body",
        attributes: &[
            AttributeRow {
                name: "template",
                kind: Kind::OneOf(&["liquid"]),
                presence: Presence::Optional,
                expression: false,
            },
            AttributeRow {
                name: "xsi-nil",
                kind: Kind::OneOf(&["blank", "null"]),
                presence: Presence::Optional,
                expression: false,
            },
            AttributeRow {
                name: "parse-date",
                kind: Kind::Bool,
                presence: Presence::Optional,
                expression: false,
            },
        ],
        content: Content::Body,
    },
    sections: Sections::ALL,
    flags: Flags::NONE,
    note: "Markup in it is taken as it is written. In a Liquid template `{{…}}` need not be a named value.",
    example: r#"<set-body>@("{\"customer\": \"" + (string)context.Variables["customer"] + "\"}")</set-body>"#,
    build: |parts| Statement::SetBody(set_body(parts)),
};

/// `return-response`
pub static RETURN_RESPONSE: Row = Row {
    element: ElementRow {
        name: "return-response",
        attributes: &[AttributeRow {
            name: "response-variable-name",
            kind: Kind::Text,
            presence: Presence::Optional,
            expression: false,
        }],
        content: Content::Elements(&[
            Child { element: &SET_STATUS.element, least: 0, most: 1 },
            Child { element: &SET_HEADER.element, least: 0, most: usize::MAX },
            Child { element: &SET_BODY.element, least: 0, most: 1 },
        ]),
    },
    sections: Sections::ALL,
    flags: Flags::NONE,
    note: "Ends the policies: no further statement and no further section runs. Without anything in it: 200 and no body.",
    example: r#"<return-response>
    <set-status code="503" reason="Closed" />
    <set-header name="Retry-After">
        <value>120</value>
    </set-header>
    <set-body>{"open": false}</set-body>
</return-response>"#,
    build: |parts| Statement::ReturnResponse(return_response(parts)),
};

/// Sets, adds to or removes a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetHeader {
    /// The header.
    pub name: Setting<Arc<str>>,
    /// What to do if it is there.
    pub exists_action: Setting<ExistsAction>,
    /// Its values.
    pub values: Vec<Setting<Arc<str>>>,
}

/// What to do with a header that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ExistsAction {
    /// Its values go, the new ones come.
    #[default]
    Override,
    /// It stays as it is.
    Skip,
    /// The new values come besides.
    Append,
    /// It goes.
    Delete,
}

impl ExistsAction {
    /// The action of this word.
    #[must_use]
    pub fn find(word: &str) -> Option<Self> {
        match word {
            "override" => Some(Self::Override),
            "skip" => Some(Self::Skip),
            "append" => Some(Self::Append),
            "delete" => Some(Self::Delete),
            _ => None,
        }
    }
}

/// Sets the status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetStatus {
    /// The status, 100 to 999.
    pub code: Setting<u32>,
    /// The words with it.
    pub reason: Option<Setting<Arc<str>>>,
}

/// Sets the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetBody {
    /// It is a Liquid template.
    pub is_liquid: bool,
    /// `xsi-nil`: what becomes of nil elements.
    pub xsi_nil: Option<Arc<str>>,
    /// `parse-date`
    pub parse_date: Option<bool>,
    /// The body; markup as it was written.
    pub body: Setting<Arc<str>>,
}

/// Answers instead of the backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnResponse {
    /// The variable that holds the response to begin with.
    pub response_variable: Option<Arc<str>>,
    /// Its status.
    pub status: Option<SetStatus>,
    /// Its headers.
    pub headers: Vec<SetHeader>,
    /// Its body.
    pub body: Option<SetBody>,
}

fn set_header(mut parts: Parts) -> SetHeader {
    SetHeader {
        name: parts.text("name"),
        exists_action: parts.word("exists-action", ExistsAction::find),
        values: parts.children_of(&VALUE).into_iter().map(|mut value| value.content()).collect(),
    }
}

fn set_status(mut parts: Parts) -> SetStatus {
    SetStatus { code: parts.number("code"), reason: parts.optional_text("reason") }
}

fn set_body(mut parts: Parts) -> SetBody {
    SetBody {
        is_liquid: parts.optional_name("template").is_some(),
        xsi_nil: parts.optional_name("xsi-nil"),
        parse_date: parts.optional_flag("parse-date").and_then(|flag| flag.literal().copied()),
        body: parts.content(),
    }
}

fn return_response(mut parts: Parts) -> ReturnResponse {
    ReturnResponse {
        response_variable: parts.optional_name("response-variable-name"),
        status: parts.child_of(&SET_STATUS.element).map(set_status),
        headers: parts.children_of(&SET_HEADER.element).into_iter().map(set_header).collect(),
        body: parts.child_of(&SET_BODY.element).map(set_body),
    }
}

pub(crate) const STATUS: Kind = Kind::Number(100, 999);

static VALUE: ElementRow = ElementRow {
    name: "value",
    attributes: &[],
    content: Content::Text { kind: Kind::Any, expression: true },
};
