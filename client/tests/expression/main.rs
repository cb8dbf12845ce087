//! Policy expressions: what is read and how it binds, what it gives, what is refused and where, and that
//! no text does harm.

mod beyond;
mod context;
mod errors;
mod evaluation;
mod language;
mod limits;
mod meaning;
mod model;
mod precedence;
mod printer;
mod properties;
mod shapes;
mod trees;
mod values;

use larder_client::expression::{ExpressionError, Position, parse, syntax::Program};

/// Reads an expression that stands at the beginning of its document.
fn read(text: &str) -> Result<Program, ExpressionError> {
    parse(text, Position::START)
}

/// Reads an expression without its `@(` and `)`, and prints it with all its parentheses.
fn printed(text: &str) -> String {
    match read(&format!("@({text})")) {
        Ok(program) => {
            let whole = printer::program(&program);
            whole["@(".len()..whole.len() - 1].to_owned()
        }
        Err(error) => panic!("{text}\n{error}"),
    }
}
