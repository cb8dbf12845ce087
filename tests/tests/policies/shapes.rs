//! How keys and durations are written, counted beside the scan of published policies.

use std::fmt::Write;

use larder_client::expression::end_of;

use crate::case::Case;

/// A way to write an attribute, and how often published policies do. The first that fits counts.
struct Shape {
    name: &'static str,
    published: &'static str,
    is: fn(&str) -> bool,
}

/// The two tables.
pub(crate) fn tables(cases: &[Case]) -> String {
    let mut text = String::new();
    for (attribute, shapes) in [("key", KEYS), ("duration", DURATIONS)] {
        let values = values(cases, attribute);
        let _ = write!(text, "\n| `{attribute}` | published | here |\n|---|---:|---:|\n");
        let shape_of = |value: &String| shapes.iter().position(|shape| (shape.is)(value));
        for (place, shape) in shapes.iter().enumerate() {
            let count = values.iter().filter(|value| shape_of(value) == Some(place)).count();
            let _ = writeln!(text, "| {} | {} | {count} |", shape.name, shape.published);
        }
        let left = values.iter().filter(|value| shape_of(value).is_none()).count();
        let _ = writeln!(text, "| other | the rest | {left} |");
    }
    text
}

/// What is written in this attribute of cache statements.
fn values(cases: &[Case], attribute: &str) -> Vec<String> {
    let blocks = cases.iter().flat_map(|case| {
        let policies = case.policies.iter().map(|(_, block)| block);
        policies.chain(case.fragments.iter().map(|(_, block)| block))
    });
    let mut found = Vec::new();
    for block in blocks {
        // An expression may be written with entities, which its end is not to be looked for among.
        let text = block.text.replace("&quot;", "\"");
        for (at, _) in text.match_indices(&format!(" {attribute}=")) {
            let (quote, value) = text[at + attribute.len() + 2..].split_at(1);
            let end = match value.starts_with('@') {
                true => end_of(value).ok(),
                false => value.find(quote),
            };
            found.extend(end.map(|end| value[..end].to_owned()));
        }
    }
    found
}

fn is_expression(value: &str) -> bool {
    value.starts_with('@')
}

/// A string and nothing else.
fn is_constant(value: &str) -> bool {
    value.starts_with("@(\"") && value.ends_with("\")") && value.matches('"').count() == 2
}

fn is_one_variable(value: &str) -> bool {
    let inside = value.strip_prefix("@(").and_then(|value| value.strip_suffix(')'));
    let inside = inside.map(|value| value.strip_prefix("(string)").unwrap_or(value));
    inside.is_some_and(|value| {
        value.starts_with("context.Variables[") && value.ends_with(']') && !is_sum(value)
    })
}

fn is_interpolated(value: &str) -> bool {
    value.starts_with("@($\"")
}

fn is_sum(value: &str) -> bool {
    is_expression(value) && !is_interpolated(value) && value.contains(" + ")
}

static KEYS: &[Shape] = &[
    Shape { name: "literal", published: "39", is: |value| !is_expression(value) },
    Shape { name: "constant `@(\"x\")`", published: "8", is: is_constant },
    Shape { name: "one variable", published: "43", is: is_one_variable },
    Shape { name: "concatenation", published: "79", is: |value| is_sum(value) && !value.starts_with("@{") },
    Shape { name: "`$\"…\"`", published: "46", is: is_interpolated },
];

static DURATIONS: &[Shape] = &[
    Shape { name: "literal", published: "70", is: |value| !is_expression(value) && !value.contains("{{") },
    Shape { name: "expression", published: "16", is: is_expression },
    Shape { name: "`{{named}}`", published: "7", is: |value| !is_expression(value) && value.contains("{{") },
];
