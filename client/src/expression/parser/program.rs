//! The whole of a policy expression: `@(…)` or `@{…}`.

use super::cursor::Parser;
use super::returns;
use crate::expression::error::{ExpressionError, Problem};
use crate::expression::lexer;
use crate::expression::position::{Position, Span};
use crate::expression::scan::end_of;
use crate::expression::syntax::{Body, Program};

/// Reads a policy expression. `text` begins with `@(` or `@{` and ends with the bracket that closes it;
/// `start` is where it begins in its document. The time grows with the length of the text, and the size
/// of the result is limited, see [`limits`](crate::limits).
///
/// # Errors
///
/// The first thing that is wrong: what was found where, and what was expected. C# that is left out on
/// purpose is named, see [`Problem::Unsupported`].
pub fn parse(text: &str, start: Position) -> Result<Program, ExpressionError> {
    check_end(text, start)?;
    let tokens = lexer::tokens(&text[1..], start.after('@'))?;
    let mut parser = Parser::new(&text[1..], tokens);
    let body = if parser.sees("{") {
        let block = parser.block()?;
        if returns::can_complete(&block.statements) {
            let last = Position { line: block.span.end.line, column: block.span.end.column - 1 };
            return Err(ExpressionError::new(last, Problem::NoReturn));
        }
        Body::Block(block)
    } else {
        parser.expect("(")?;
        let expression = parser.expression()?;
        parser.expect(")")?;
        Body::Expression(expression)
    };
    parser.expect_end()?;
    Ok(Program { body, span: Span { start, end: parser.last_end() } })
}

/// Whether the text ends where its first bracket is closed.
fn check_end(text: &str, start: Position) -> Result<(), ExpressionError> {
    let place = |at: usize| start.after_text(&text[..at]);
    match end_of(text) {
        Ok(end) if end == text.len() => Ok(()),
        Ok(end) => {
            let (found, expected) = ("text after the closing bracket".to_owned(), "the end");
            Err(ExpressionError::new(place(end), Problem::Unexpected { found, expected }))
        }
        Err(error) => Err(ExpressionError::new(place(error.at), Problem::Scan(error.problem))),
    }
}
