//! What of a key is known before any request: all of a literal, the beginning of `"a-" + …`.

use larder_client::expression::syntax::{
    BinaryOperator, Body, Expression, ExpressionKind, InterpolationPart, Literal,
};
use larder_client::expression::{Position, parse};

/// The part of an expression's text that is the same for every request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Fixed {
    /// What it begins with.
    pub(super) text: String,
    /// Whether that is all of it.
    pub(super) is_whole: bool,
}

impl Fixed {
    /// Looks into `@(…)`; what is no text, or is made in a `@{…}`, is not looked through.
    pub(super) fn of(expression: &str) -> Self {
        match parse(expression, Position { line: 1, column: 1 }).map(|program| program.body) {
            Ok(Body::Expression(expression)) => {
                let mut fixed = Self { text: String::new(), is_whole: true };
                fixed.add(&expression);
                fixed
            }
            _ => Self::default(),
        }
    }

    fn add(&mut self, expression: &Expression) {
        match &expression.kind {
            ExpressionKind::Literal(Literal::String(text)) => self.text.push_str(text),
            ExpressionKind::Binary { first, rest } if Self::begins_with_text(first) => {
                let terms =
                    rest.iter().map(|term| (term.operator == BinaryOperator::Add).then_some(&term.operand));
                for operand in [Some(&**first)].into_iter().chain(terms) {
                    match operand {
                        Some(operand) if self.is_whole => self.add(operand),
                        _ => self.is_whole = false,
                    }
                }
            }
            ExpressionKind::Interpolated(parts) => {
                for part in parts {
                    match part {
                        InterpolationPart::Text(text) if self.is_whole => self.text.push_str(text),
                        _ => self.is_whole = false,
                    }
                }
            }
            _ => self.is_whole = false,
        }
    }

    /// Of `1 + 2 + "a"` the first `+` adds numbers.
    fn begins_with_text(first: &Expression) -> bool {
        matches!(&first.kind, ExpressionKind::Literal(Literal::String(_)) | ExpressionKind::Interpolated(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_a_key_is_known() {
        for (expression, text, is_whole) in [
            (r#"@("userprofile-" + context.Variables["enduserid"])"#, "userprofile-", false),
            (r#"@("a" + "b")"#, "ab", true),
            (r#"@("a" + ("b" + x) + "c")"#, "ab", false),
            (r#"@($"a-{x}-b")"#, "a-", false),
            (r#"@(x + "a")"#, "", false),
            (r#"@(1 + 2 + "a")"#, "", false),
            (r#"@("a" == "b")"#, "a", false),
            (r#"@{ return "a"; }"#, "", false),
            ("@(", "", false),
        ] {
            assert_eq!(Fixed::of(expression), Fixed { text: text.to_owned(), is_whole }, "{expression}");
        }
    }
}
