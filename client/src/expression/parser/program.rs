//! The whole of a policy expression: `@(…)` or `@{…}`.

use super::cursor::Parser;
use super::returns;
use crate::expression::error::{ExpressionError, Problem};
use crate::expression::lexer;
use crate::expression::position::{Position, Span};
use crate::expression::scan::{begins, end_of};
use crate::expression::syntax::{Body, Program};
use crate::limits;

/// Reads a policy expression. `text` begins with `@(` or `@{` and ends with the bracket that closes it;
/// `start` is where it begins in its document. The time grows with the length of the text, and the size
/// of the result is limited, see [`limits`](crate::limits).
///
/// # Errors
///
/// The first thing that is wrong: what was found where, and what was expected. C# that is left out on
/// purpose is named, see [`Problem::Unsupported`].
pub fn parse(text: &str, start: Position) -> Result<Program, ExpressionError> {
    if text.len() > limits::EXPRESSION_BYTES_MAX || !begins(text.as_bytes()) {
        check_end(text, start)?;
    }
    // What is right ends where its brackets do. Only what is wrong is looked at again, since a bracket or a quote
    // that is missing explains more than what it makes of the rest.
    let read = program(&text[1..], start);
    if !read.as_ref().is_ok_and(|(_, length)| 1 + length == text.len()) {
        check_end(text, start)?;
    }
    debug_assert!(read.is_err() || check_end(text, start).is_ok());
    read.map(|(program, _)| program)
}

/// What stands behind the `@`, and how many bytes it has up to its last token.
fn program(text: &str, start: Position) -> Result<(Program, usize), ExpressionError> {
    let tokens = lexer::tokens(text, start.after('@'))?;
    let mut parser = Parser::new(text, tokens);
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
    let program = Program { body, span: Span { start, end: parser.last_end() } };
    Ok((program, parser.last_byte()))
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
