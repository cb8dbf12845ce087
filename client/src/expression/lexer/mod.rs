//! From text to tokens. How they belong together is left to the parser.

mod cursor;
mod number;
mod text;
mod token;
mod words;

pub(super) use cursor::tokens;
pub(super) use token::{Token, TokenKind};
