//! Writes tokens as text, as Newtonsoft's writer does with its default settings.

use std::fmt::Write as _;
use std::sync::Arc;

use super::{JToken, JTokenKind, JValue};
use crate::dotnet::limits::JSON_DEPTH_MAX;
use crate::dotnet::{decimal, number};

/// Newtonsoft's `Formatting`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Formatting {
    /// Everything on one line, without blanks.
    None,
    /// A line for each member and element, two blanks for each level.
    Indented,
}

impl JToken {
    /// `ToString()`: objects and arrays as indented JSON; values as their bare text, without quotes,
    /// and `""` for null.
    #[must_use]
    pub fn to_text(&self) -> String {
        match self.scalar() {
            None => self.to_json(Formatting::Indented),
            Some(value) => value.to_text(),
        }
    }

    /// `ToString(formatting)`, and `JsonConvert.SerializeObject`: JSON, values too.
    #[must_use]
    pub fn to_json(&self, formatting: Formatting) -> String {
        let mut out = String::new();
        write(&mut out, self, formatting, 0);
        out
    }
}

impl JValue {
    /// The value's own `ToString()`.
    #[must_use]
    pub fn to_text(&self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Bool(true) => "True".to_owned(),
            Self::Bool(false) => "False".to_owned(),
            Self::Integer(value) => value.to_string(),
            Self::Float(value) => number::double_text(*value),
            Self::Decimal(value) => decimal::text(*value),
            Self::String(text) => text.as_ref().to_owned(),
        }
    }
}

/// `JsonConvert.ToString(text)`: the text as a JSON string, its quotes included.
#[must_use]
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    write_string(&mut out, text);
    out
}

fn write(out: &mut String, token: &JToken, formatting: Formatting, depth: usize) {
    match token.scalar() {
        Some(value) => write_value(out, &value),
        // Only threads that build one tree against each other get a tree so deep.
        None if depth > JSON_DEPTH_MAX => out.push_str("null"),
        None if token.kind() == JTokenKind::Array => {
            let items = token.children().into_iter().map(|child| (None, child));
            write_container(out, ('[', ']'), items, formatting, depth);
        }
        None => {
            let members = token.properties().into_iter().map(|(name, child)| (Some(name), child));
            write_container(out, ('{', '}'), members, formatting, depth);
        }
    }
}

fn write_container(
    out: &mut String,
    (open, close): (char, char),
    children: impl Iterator<Item = (Option<Arc<str>>, JToken)>,
    formatting: Formatting,
    depth: usize,
) {
    out.push(open);
    let mut empty = true;
    for (name, child) in children {
        if !empty {
            out.push(',');
        }
        empty = false;
        new_line(out, formatting, depth + 1);
        if let Some(name) = name {
            write_string(out, &name);
            out.push_str(if formatting == Formatting::Indented { ": " } else { ":" });
        }
        write(out, &child, formatting, depth + 1);
    }
    if !empty {
        new_line(out, formatting, depth);
    }
    out.push(close);
}

fn new_line(out: &mut String, formatting: Formatting, depth: usize) {
    if formatting == Formatting::Indented {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    }
}

fn write_value(out: &mut String, value: &JValue) {
    match value {
        JValue::Null => out.push_str("null"),
        JValue::Bool(true) => out.push_str("true"),
        JValue::Bool(false) => out.push_str("false"),
        JValue::String(text) => write_string(out, text),
        JValue::Integer(_) => out.push_str(&value.to_text()),
        // What is no number in JSON is written as a string.
        JValue::Float(number) if !number.is_finite() => write_string(out, &value.to_text()),
        JValue::Float(_) | JValue::Decimal(_) => {
            let text = value.to_text();
            out.push_str(&text);
            // So that it is read as a number with a point again.
            if !text.contains(['.', 'E']) {
                out.push_str(".0");
            }
        }
    }
}

fn write_string(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\0'..'\u{20}' | '\u{85}' | '\u{2028}' | '\u{2029}' => {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(character));
            }
            _ => out.push(character),
        }
    }
    out.push('"');
}
