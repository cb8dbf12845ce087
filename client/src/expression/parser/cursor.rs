//! The parser's place among the tokens, and what it counts.

use crate::expression::error::{ExpressionError, Problem};
use crate::expression::lexer::{Token, TokenKind};
use crate::expression::position::{Position, Span};
use crate::expression::syntax::{Expression, ExpressionKind, Identifier};
use crate::limits;

/// What the parts of the parser return.
pub(super) type Parsed<T> = Result<T, ExpressionError>;

/// A place among the tokens of an expression.
pub(super) struct Parser<'a> {
    text: &'a str,
    /// Never empty: the last one is `End`, and the place does not go beyond it.
    tokens: Vec<Token>,
    place: usize,
    depth: usize,
    /// As `depth`, with the operators between, which also take stack while they are parsed.
    levels: usize,
    /// The levels of the tallest tree among those finished since the one at hand was begun.
    tallest: usize,
    nodes: usize,
    /// What the statement at this place is within.
    pub(super) within: Within,
}

/// What stands around a statement and allows some that are not allowed elsewhere.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Within {
    pub(super) lambda: bool,
    pub(super) looped: bool,
    pub(super) switch: bool,
    pub(super) catch: bool,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str, tokens: Vec<Token>) -> Self {
        Self { text, tokens, place: 0, depth: 0, levels: 0, tallest: 0, nodes: 0, within: Within::default() }
    }

    /// The token at this place.
    pub(super) fn token(&self) -> &Token {
        self.token_at(self.place)
    }

    pub(super) fn kind(&self) -> &TokenKind {
        &self.token().kind
    }

    pub(super) fn token_at(&self, place: usize) -> &Token {
        &self.tokens[place.min(self.tokens.len() - 1)]
    }

    pub(super) fn kind_at(&self, place: usize) -> &TokenKind {
        &self.token_at(place).kind
    }

    pub(super) fn place(&self) -> usize {
        self.place
    }

    pub(super) fn start(&self) -> Position {
        self.token().span.start
    }

    /// The end of the token before this place.
    pub(super) fn last_end(&self) -> Position {
        self.token_at(self.place.saturating_sub(1)).span.end
    }

    /// The byte behind the token before this place.
    pub(super) fn last_byte(&self) -> usize {
        self.token_at(self.place.saturating_sub(1)).bytes.1
    }

    /// From there to the end of the token before this place.
    pub(super) fn span_from(&self, start: Position) -> Span {
        Span { start, end: self.last_end() }
    }

    /// What is written at the place of a token.
    pub(super) fn written(&self, place: usize) -> &'a str {
        let (start, end) = self.token_at(place).bytes;
        &self.text[start..end]
    }

    pub(super) fn advance(&mut self) {
        self.place = (self.place + 1).min(self.tokens.len() - 1);
    }

    /// Whether this symbol or keyword comes next.
    pub(super) fn sees(&self, word: &str) -> bool {
        self.sees_at(self.place, word)
    }

    pub(super) fn sees_at(&self, place: usize, word: &str) -> bool {
        // Most words differ in their first letter.
        let is_word = |it: &str| it.as_bytes().first() == word.as_bytes().first() && it == word;
        matches!(self.kind_at(place), TokenKind::Symbol(it) | TokenKind::Keyword(it) if is_word(it))
    }

    /// Whether this name comes next, as those do that are reserved in some places only.
    pub(super) fn sees_name(&self, name: &str) -> bool {
        matches!(self.kind(), TokenKind::Identifier(it) if **it == *name) && self.written(self.place) == name
    }

    pub(super) fn is_name_at(&self, place: usize) -> bool {
        matches!(self.kind_at(place), TokenKind::Identifier(_))
    }

    /// Whether nothing stands between this token and the next.
    pub(super) fn touches_next(&self, place: usize) -> bool {
        self.token_at(place).bytes.1 == self.token_at(place + 1).bytes.0
    }

    /// Takes this symbol or keyword if it comes next.
    pub(super) fn take(&mut self, word: &str) -> bool {
        let seen = self.sees(word);
        if seen {
            self.advance();
        }
        seen
    }

    pub(super) fn expect(&mut self, word: &'static str) -> Parsed<()> {
        if self.take(word) { Ok(()) } else { Err(self.unexpected(quoted(word))) }
    }

    pub(super) fn expect_end(&self) -> Parsed<()> {
        if *self.kind() == TokenKind::End { Ok(()) } else { Err(self.unexpected("the end")) }
    }

    pub(super) fn identifier(&mut self, expected: &'static str) -> Parsed<Identifier> {
        let TokenKind::Identifier(name) = self.kind() else { return Err(self.unexpected(expected)) };
        let identifier = Identifier { name: name.clone(), span: self.token().span };
        self.advance();
        Ok(identifier)
    }

    pub(super) fn unexpected(&self, expected: &'static str) -> ExpressionError {
        let found = self.kind().describe();
        ExpressionError::new(self.start(), Problem::Unexpected { found, expected })
    }

    pub(super) fn unsupported(&self, feature: &'static str) -> ExpressionError {
        ExpressionError::unsupported(self.start(), feature)
    }

    /// Parses something one level further in.
    pub(super) fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth == limits::EXPRESSION_DEPTH_MAX {
            return Err(ExpressionError::new(self.start(), Problem::TooDeep));
        }
        self.depth += 1;
        let parsed = self.level(parse);
        self.depth -= 1;
        parsed
    }

    /// Parses a tree of its own, within a level of nesting or as an operand.
    pub(super) fn level<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.levels == limits::EXPRESSION_LEVELS_MAX {
            return Err(ExpressionError::new(self.start(), Problem::TooDeep));
        }
        self.levels += 1;
        let beside = std::mem::take(&mut self.tallest);
        let parsed = parse(self);
        self.tallest = self.tallest.max(beside);
        self.levels -= 1;
        parsed
    }

    /// Parses something of which other statements are around.
    pub(super) fn inside<T>(
        &mut self,
        within: Within,
        parse: impl FnOnce(&mut Self) -> Parsed<T>,
    ) -> Parsed<T> {
        let outside = std::mem::replace(&mut self.within, within);
        let parsed = parse(self);
        self.within = outside;
        parsed
    }

    /// Counts one node.
    pub(super) fn count(&mut self) -> Parsed<()> {
        self.nodes += 1;
        if self.nodes > limits::EXPRESSION_NODES_MAX {
            return Err(ExpressionError::new(self.start(), Problem::TooManyNodes));
        }
        Ok(())
    }

    /// An expression that began there and ends with the token before this place.
    pub(super) fn finish(&mut self, start: Position, kind: ExpressionKind) -> Parsed<Expression> {
        self.count()?;
        self.tallest += 1;
        if self.tallest > limits::EXPRESSION_LEVELS_MAX {
            return Err(ExpressionError::new(start, Problem::TooDeep));
        }
        Ok(Expression { kind, span: self.span_from(start) })
    }
}

/// A word as an error shows it.
fn quoted(word: &'static str) -> &'static str {
    match word {
        "(" => "'('",
        ")" => "')'",
        "[" => "'['",
        "]" => "']'",
        "{" => "'{'",
        "}" => "'}'",
        ";" => "';'",
        ":" => "':'",
        "=" => "'='",
        "=>" => "'=>'",
        ">" => "'>'",
        "in" => "'in'",
        "while" => "'while'",
        _ => word,
    }
}
