//! The statements that are ours, one row each, and the manual made of them.
//!
//! A new statement is a row in a file of [`statement`](super::statement), a line here, and a variant of
//! [`Statement`](super::Statement).
//!
#![doc = include_str!("statements.md")]

use std::fmt::Write;

use super::row::{AttributeRow, Child, Content, ElementRow, Kind, Presence, Row};
use super::statement::{flow, forward, rate_limit, response, response_caching, value_caching};

/// Every row, by name.
pub static ROWS: &[&Row] = &[
    &flow::BASE,
    &response_caching::CACHE_LOOKUP,
    &value_caching::CACHE_LOOKUP_VALUE,
    &value_caching::CACHE_REMOVE_VALUE,
    &response_caching::CACHE_STORE,
    &value_caching::CACHE_STORE_VALUE,
    &value_caching::CACHE_VALUE,
    &flow::CHOOSE,
    &forward::FORWARD_REQUEST,
    &flow::INCLUDE_FRAGMENT,
    &rate_limit::RATE_LIMIT,
    &rate_limit::RATE_LIMIT_BY_KEY,
    &response::RETURN_RESPONSE,
    &response::SET_BODY,
    &response::SET_HEADER,
    &response::SET_STATUS,
    &flow::SET_VARIABLE,
];

/// The row of a statement; none if it belongs to others.
#[must_use]
pub fn find(name: &str) -> Option<&'static Row> {
    ROWS.iter().copied().find(|row| row.element.name == name)
}

/// The row that the writer of another name may have meant: at most two letters differ.
pub(super) fn similar(name: &str) -> Option<&'static Row> {
    if name.len() > SIMILAR_BYTES_MAX {
        return None;
    }
    let distance = |row: &Row| crate::text::distance(name, row.element.name);
    let is_near = |row: &&Row| row.element.name.len().abs_diff(name.len()) <= 2;
    let rows = ROWS.iter().copied().filter(|row| row.element.name.len() > SIMILAR_BYTES_MIN).filter(is_near);
    rows.map(|row| (distance(row), row)).filter(|(d, _)| *d <= 2).min_by_key(|(d, _)| *d).map(|(_, row)| row)
}

/// Markdown: each statement with its sections, attributes, elements and an example.
#[must_use]
pub fn manual() -> String {
    let mut text = "# Statements\n".to_owned();
    for row in ROWS {
        // Writing to a string does not fail.
        let _ = write!(text, "\n## `{}`\n\nIn {}. {}", row.element.name, row.sections, row.note);
        text.truncate(text.trim_end().len());
        text.push('\n');
        attributes(&mut text, &row.element);
        if let Some(content) = content(&row.element) {
            let _ = write!(text, "\n{content}\n");
        }
        let _ = write!(text, "\n```xml\n{}\n```\n", row.example);
    }
    text
}

fn attributes(text: &mut String, row: &ElementRow) {
    if row.attributes.is_empty() {
        return;
    }
    text.push_str("\n| attribute | value | required | default | expression |\n|---|---|---|---|---|\n");
    for attribute in row.attributes {
        let required = match attribute.presence {
            Presence::Required => "yes",
            Presence::Expected(_) => "warning",
            Presence::Optional | Presence::Default(_) => "no",
        };
        let default = attribute.presence.default().map_or("–".to_owned(), |default| format!("`{default}`"));
        let expression = if attribute.expression { "yes" } else { "no" };
        let _ = writeln!(
            text,
            "| `{}` | {} | {required} | {default} | {expression} |",
            attribute.name,
            value(attribute)
        );
    }
}

fn value(attribute: &AttributeRow) -> String {
    match attribute.kind {
        Kind::OneOf(words) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
        kind => kind.expected().into_owned(),
    }
}

fn content(row: &ElementRow) -> Option<String> {
    match row.content {
        Content::Nothing => None,
        Content::Text { kind, expression } => {
            let or = if expression { " or an expression" } else { "" };
            Some(format!("In it: {}{or}.", kind.expected()))
        }
        Content::Body => Some("In it: any text or markup, or an expression.".to_owned()),
        Content::Steps => Some("In it: statements.".to_owned()),
        Content::Elements(children) => {
            let list: Vec<String> = children.iter().map(|child| self::child(child, "")).collect();
            Some(format!("Elements in it:\n\n{}", list.join("\n")))
        }
    }
}

fn child(child: &Child, indent: &str) -> String {
    let row = child.element;
    let count = match (child.least, child.most) {
        (1, 1) => "once",
        (0, 1) => "at most once",
        (0, _) => "any number",
        _ => "at least once",
    };
    let mut text = format!("{indent}- `{}`, {count}", row.name);
    if find(row.name).is_some_and(|statement| std::ptr::eq(&statement.element, row)) {
        return text + ": as the statement";
    }
    for attribute in row.attributes {
        let required = if attribute.presence == Presence::Required { ", required" } else { "" };
        let expression = if attribute.expression { ", may be an expression" } else { "" };
        let _ = write!(text, "; attribute `{}`: {}{required}{expression}", attribute.name, value(attribute));
    }
    match row.content {
        Content::Elements(children) => {
            for inner in children {
                text = format!("{text}\n{}", self::child(inner, &format!("{indent}  ")));
            }
        }
        _ => {
            let content =
                content(row).map(|content| content.trim_end_matches('.').replace("In it: ", "; in it: "));
            text.push_str(&content.unwrap_or_default());
        }
    }
    text
}

/// Of shorter names, two letters are too much.
const SIMILAR_BYTES_MIN: usize = 5;
/// Longer names are not compared.
const SIMILAR_BYTES_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::super::{Document, Fragments, NamedValues, Section};
    use super::*;

    #[test]
    fn names_are_sorted_and_differ() {
        assert!(ROWS.windows(2).all(|pair| pair[0].element.name < pair[1].element.name));
    }

    #[test]
    fn every_default_is_a_value_of_its_attribute() {
        for row in ROWS {
            for attribute in row.element.attributes {
                let default = attribute.presence.default();
                let is_read = default.is_none_or(|default| attribute.kind.read(default).is_some());
                assert!(is_read, "{} {}", row.element.name, attribute.name);
            }
        }
    }

    #[test]
    fn every_example_is_a_statement_of_its_row() {
        let fragments = Fragments::new().with("sign-in", "<fragment><set-status code=\"401\" /></fragment>");
        for row in ROWS {
            let allowed: Vec<_> =
                Section::ALL.into_iter().filter(|section| row.sections.contains(*section)).collect();
            assert!(!allowed.is_empty(), "{}", row.element.name);
            for section in allowed {
                let text = format!("<policies><{section}>{}</{section}></policies>", row.example);
                let read = Document::read_to_run(&text, &NamedValues::new(), &fragments, &|_| false);
                let document = read.unwrap_or_else(|problems| panic!("{}: {problems:#}", row.element.name));
                let [step] = document.section(section) else {
                    panic!("{} is one statement", row.element.name)
                };
                assert_eq!(&*step.name, row.element.name);
                assert!(Document::read(&text, &NamedValues::new(), &fragments).is_ok());
            }
        }
    }

    /// `LARDER_REWRITE=docs cargo test -p larder-client the_manual` writes the page anew.
    #[test]
    fn the_manual_says_what_the_rows_say() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/src/policy/statements.md");
        if std::env::var("LARDER_REWRITE").is_ok_and(|what| what == "docs") {
            std::fs::write(page, manual()).expect("the page can be written");
        }
        assert_eq!(std::fs::read_to_string(page).expect("the page"), manual());
    }
}
