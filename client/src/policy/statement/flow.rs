//! `base`, `choose`, `include-fragment`, `set-variable`: which statements run, and what they remember.

use std::sync::Arc;

use super::Statement;
use crate::policy::element::Step;
use crate::policy::fragments::Fragment;
use crate::policy::parts::Parts;
use crate::policy::row::{AttributeRow, Child, Content, ElementRow, Flags, Kind, Presence, Row};
use crate::policy::section::Sections;
use crate::policy::setting::Setting;

/// `base`
pub static BASE: Row = Row {
    element: ElementRow { name: "base", attributes: &[], content: Content::Nothing },
    sections: Sections::ALL,
    flags: Flags::SECTION_ONLY,
    note: "The statements of the scope around. Not in a fragment.",
    example: r#"<base />"#,
    build: |_| Statement::Base,
};

/// `choose`
pub static CHOOSE: Row = Row {
    element: ElementRow {
        name: "choose",
        attributes: &[],
        content: Content::Elements(&[
            Child { element: &WHEN, least: 1, most: usize::MAX },
            Child { element: &OTHERWISE, least: 0, most: 1 },
        ]),
    },
    sections: Sections::ALL,
    flags: Flags::NONE,
    note: "The first branch whose condition holds.",
    example: r#"<choose>
    <when condition="@(context.Request.Headers.GetValueOrDefault("X-Fresh", "no") == "yes")">
        <cache-remove-value key="menu" />
    </when>
    <otherwise>
        <cache-lookup-value key="menu" variable-name="menu" />
    </otherwise>
</choose>"#,
    build: |parts| Statement::Choose(choose(parts)),
};

/// `include-fragment`
pub static INCLUDE_FRAGMENT: Row = Row {
    element: ElementRow {
        name: "include-fragment",
        attributes: &[AttributeRow {
            name: "fragment-id",
            kind: Kind::Text,
            presence: Presence::Required,
            expression: false,
        }],
        content: Content::Nothing,
    },
    sections: Sections::ALL,
    flags: Flags::NONE,
    note: "Its statements run as if they stood here. Read when the policy is.",
    example: r#"<include-fragment fragment-id="sign-in" />"#,
    build: |mut parts| {
        let id = parts.name("fragment-id");
        // The fragment is put in when all of them have been read.
        Statement::IncludeFragment(IncludeFragment { fragment: Fragment::empty(id) })
    },
};

/// `set-variable`
pub static SET_VARIABLE: Row = Row {
    element: ElementRow {
        name: "set-variable",
        attributes: &[
            AttributeRow { name: "name", kind: Kind::Text, presence: Presence::Required, expression: false },
            AttributeRow { name: "value", kind: Kind::Any, presence: Presence::Required, expression: true },
        ],
        content: Content::Nothing,
    },
    sections: Sections::ALL,
    flags: Flags::NONE,
    note: "An expression's value keeps its type.",
    example: r#"<set-variable name="customer" value="@(context.Subscription?.Id ?? "none")" />"#,
    build: |mut parts| {
        Statement::SetVariable(SetVariable { name: parts.name("name"), value: parts.text("value") })
    },
};

/// Runs the first branch whose condition holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choose {
    /// The `when` elements, at least one.
    pub branches: Vec<Branch>,
    /// The statements of `otherwise`; none if there is no such element.
    pub otherwise: Vec<Step>,
}

/// A `when`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// Its `condition`.
    pub condition: Setting<bool>,
    /// Its statements.
    pub steps: Vec<Step>,
}

/// Runs the statements of a fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncludeFragment {
    /// The fragment; each is read once, however often it is included.
    pub fragment: Arc<Fragment>,
}

/// Gives a variable a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetVariable {
    /// The variable.
    pub name: Arc<str>,
    /// Its value.
    pub value: Setting<Arc<str>>,
}

fn choose(mut parts: Parts) -> Choose {
    let branches = parts
        .children_of(&WHEN)
        .into_iter()
        .map(|mut when| Branch { condition: when.flag("condition"), steps: when.steps });
    let branches = branches.collect();
    let otherwise = parts.child_of(&OTHERWISE).map(|otherwise| otherwise.steps).unwrap_or_default();
    Choose { branches, otherwise }
}

static WHEN: ElementRow = ElementRow {
    name: "when",
    attributes: &[AttributeRow {
        name: "condition",
        kind: Kind::Bool,
        presence: Presence::Required,
        expression: true,
    }],
    content: Content::Steps,
};

static OTHERWISE: ElementRow = ElementRow { name: "otherwise", attributes: &[], content: Content::Steps };
