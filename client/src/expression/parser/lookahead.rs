//! What must be known before it is parsed: whether a type, a cast, a lambda or a generic name begins here.
//! The rules are those of the C# specification, section "Grammar ambiguities" and its rules for casts.
//! Nothing here moves the parser or builds a node.

use super::cursor::Parser;
use crate::expression::lexer::TokenKind;
use crate::expression::syntax::Predefined;
use crate::limits;

impl Parser<'_> {
    /// Whether `(T)` of a cast begins here, and not an expression in parentheses.
    pub(super) fn cast_ahead(&self) -> bool {
        let first = self.place() + 1;
        let Some(end) = self.sees("(").then(|| self.after_type(first, 0)).flatten() else { return false };
        if !self.sees_at(end, ")") {
            return false;
        }
        let no_expression =
            self.predefined_at(end - 1).is_some() || self.sees_at(end - 1, "?") || self.sees_at(end - 1, "]");
        no_expression || self.follows_cast(end + 1)
    }

    /// Whether the token shows that the parentheses before it are a cast.
    fn follows_cast(&self, place: usize) -> bool {
        match self.kind_at(place) {
            TokenKind::Symbol(symbol) => matches!(*symbol, "~" | "!" | "("),
            TokenKind::Keyword(word) => !matches!(*word, "as" | "is"),
            TokenKind::Identifier(_) | TokenKind::Literal(_) | TokenKind::InterpolationStart => true,
            _ => false,
        }
    }

    /// Whether the `<` at this place begins type arguments of the name before it, and is no comparison.
    pub(super) fn type_arguments_ahead(&self) -> bool {
        let end = self.sees("<").then(|| self.after_type_arguments(self.place(), 0)).flatten();
        end.is_some_and(|end| match self.kind_at(end) {
            TokenKind::Symbol(symbol) => FOLLOWS_TYPE_ARGUMENTS.contains(symbol),
            TokenKind::Keyword(word) => matches!(*word, "is" | "as"),
            TokenKind::HoleEnd | TokenKind::HoleFormat(_) => true,
            _ => false,
        })
    }

    /// The place behind the type that begins at this one.
    pub(super) fn after_type(&self, place: usize, depth: usize) -> Option<usize> {
        let mut place =
            if self.predefined_at(place).is_some() { place + 1 } else { self.after_type_name(place, depth)? };
        loop {
            if self.sees_at(place, "?") {
                place += 1;
            } else if self.sees_at(place, "[") && self.sees_at(place + 1, "]") {
                place += 2;
            } else {
                return Some(place);
            }
        }
    }

    fn after_type_name(&self, mut place: usize, depth: usize) -> Option<usize> {
        loop {
            if !self.is_name_at(place) {
                return None;
            }
            place += 1;
            if self.sees_at(place, "<") {
                place = self.after_type_arguments(place, depth)?;
            }
            if !self.sees_at(place, ".") {
                return Some(place);
            }
            place += 1;
        }
    }

    fn after_type_arguments(&self, place: usize, depth: usize) -> Option<usize> {
        if depth == limits::EXPRESSION_DEPTH_MAX {
            return None;
        }
        let mut place = self.after_type(place + 1, depth + 1)?;
        while self.sees_at(place, ",") {
            place = self.after_type(place + 1, depth + 1)?;
        }
        self.sees_at(place, ">").then_some(place + 1)
    }

    /// Whether a variable is declared here: a type and a name.
    pub(super) fn declaration_ahead(&self) -> bool {
        self.after_type(self.place(), 0).is_some_and(|end| self.is_name_at(end))
    }

    /// Whether a lambda begins at this place.
    pub(super) fn lambda_ahead(&self, place: usize) -> bool {
        if self.is_name_at(place) {
            return self.sees_at(place + 1, "=>");
        }
        let end = self.sees_at(place, "(").then(|| self.after_parameters(place + 1)).flatten();
        end.is_some_and(|end| self.sees_at(end, "=>"))
    }

    /// The place behind the parameters of a lambda and their `)`.
    fn after_parameters(&self, mut place: usize) -> Option<usize> {
        if self.sees_at(place, ")") {
            return Some(place + 1);
        }
        loop {
            let alone =
                self.is_name_at(place) && (self.sees_at(place + 1, ",") || self.sees_at(place + 1, ")"));
            if !alone {
                place = self.after_type(place, 0)?;
            }
            if !self.is_name_at(place) {
                return None;
            }
            match () {
                () if self.sees_at(place + 1, ")") => return Some(place + 2),
                () if self.sees_at(place + 1, ",") => place += 2,
                () => return None,
            }
        }
    }

    /// Whether a query begins here: `from x in`, `from T x in`.
    pub(super) fn query_ahead(&self) -> bool {
        let first = self.place() + 1;
        let named = |place: usize| self.is_name_at(place) && self.sees_at(place + 1, "in");
        self.sees_name("from") && (named(first) || self.after_type(first, 0).is_some_and(named))
    }

    /// Whether an expression can begin with this token.
    pub(super) fn can_start_expression(&self, place: usize) -> bool {
        match self.kind_at(place) {
            TokenKind::Identifier(_) | TokenKind::Literal(_) | TokenKind::InterpolationStart => true,
            TokenKind::Symbol(symbol) => matches!(*symbol, "(" | "+" | "-" | "!" | "~" | "++" | "--"),
            TokenKind::Keyword(word) => {
                matches!(*word, "new" | "default" | "throw" | "typeof" | "this" | "base")
                    || Predefined::of(word).is_some()
            }
            _ => false,
        }
    }

    pub(super) fn predefined_at(&self, place: usize) -> Option<Predefined> {
        match self.kind_at(place) {
            TokenKind::Keyword(word) => Predefined::of(word),
            _ => None,
        }
    }
}

/// What may follow `>` if it closes type arguments in an expression.
const FOLLOWS_TYPE_ARGUMENTS: &[&str] = &[
    "(", ")", "]", "}", ":", ";", ",", ".", "?", "==", "!=", "|", "^", "&&", "||", "&", "[", "<", "<=", ">=",
];
