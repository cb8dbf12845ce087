//! Statements and blocks.

use super::cursor::{Parsed, Parser, Within};
use crate::expression::error::ExpressionError;
use crate::expression::lexer::TokenKind;
use crate::expression::syntax::{
    Block, Branch, Catch, Declaration, Declarator, Expression, ExpressionKind, ForInitial, Resource,
    Statement, StatementKind, StepKind, Type,
};

impl Parser<'_> {
    /// Statements in braces.
    pub(super) fn block(&mut self) -> Parsed<Block> {
        let start = self.start();
        self.expect("{")?;
        let mut statements = Vec::new();
        while !self.take("}") {
            if *self.kind() == TokenKind::End {
                return Err(self.unexpected("'}'"));
            }
            statements.push(self.statement()?);
        }
        Ok(Block { statements, span: self.span_from(start) })
    }

    pub(super) fn statement(&mut self) -> Parsed<Statement> {
        self.deeper(|parser| {
            parser.count()?;
            let start = parser.start();
            let kind = parser.statement_kind()?;
            Ok(Statement { kind, span: parser.span_from(start) })
        })
    }

    fn statement_kind(&mut self) -> Parsed<StatementKind> {
        let word = match self.kind() {
            TokenKind::Symbol(word) | TokenKind::Keyword(word) => *word,
            _ => "",
        };
        match word {
            "{" => Ok(StatementKind::Block(self.block()?)),
            ";" => {
                self.advance();
                Ok(StatementKind::Empty)
            }
            "if" => self.if_statement(),
            "return" => self.return_statement(),
            "foreach" => self.foreach(),
            "for" => self.for_loop(),
            "while" => self.while_loop(),
            "do" => self.do_loop(),
            "switch" => self.switch(),
            "try" => self.try_statement(),
            "using" => self.using(),
            "throw" => self.throw(),
            "break" | "continue" => self.jump(word),
            "const" => self.declaration_statement(),
            _ => self.refuse_statement(word).and_then(|()| self.simple_statement()),
        }
    }

    /// A declaration or an expression, and its semicolon.
    fn simple_statement(&mut self) -> Parsed<StatementKind> {
        if self.declaration_ahead() {
            return self.declaration_statement();
        }
        let expression = self.expression_with_effect()?;
        self.expect(";")?;
        Ok(StatementKind::Expression(expression))
    }

    fn declaration_statement(&mut self) -> Parsed<StatementKind> {
        let declaration = self.declaration(false)?;
        self.expect(";")?;
        Ok(StatementKind::Declaration(declaration))
    }

    fn declaration(&mut self, needs_values: bool) -> Parsed<Declaration> {
        let constant = self.take("const");
        let declared = self.declared_type()?;
        let mut declarators = Vec::new();
        loop {
            self.count()?;
            let name = self.identifier("the name of a variable")?;
            if self.sees("(") || self.sees("<") {
                return Err(ExpressionError::unsupported(name.span.start, "a local function"));
            }
            let value = if self.take("=") { Some(self.expression()?) } else { None };
            if value.is_none() && (needs_values || constant || declared.is_none()) {
                return Err(self.unexpected("'='"));
            }
            declarators.push(Declarator { name, value });
            if !self.take(",") {
                return Ok(Declaration { constant, declared, declarators });
            }
        }
    }

    /// The type before the name of a variable; none for `var`.
    pub(super) fn declared_type(&mut self) -> Parsed<Option<Type>> {
        if self.sees_name("var") && self.is_name_at(self.place() + 1) {
            self.advance();
            return Ok(None);
        }
        self.type_name().map(Some)
    }

    /// An expression that stands for itself: it must do something.
    fn expression_with_effect(&mut self) -> Parsed<Expression> {
        let expression = self.expression()?;
        let acts = match &expression.kind {
            ExpressionKind::Assignment { .. }
            | ExpressionKind::Increment { .. }
            | ExpressionKind::New { .. } => true,
            ExpressionKind::Path { steps, .. } => {
                let last = steps.last().map(|step| &step.kind);
                matches!(last, Some(StepKind::Method { .. } | StepKind::Invoke(_)))
            }
            _ => false,
        };
        if acts {
            return Ok(expression);
        }
        let reason = "found a value that is not used, expected a call, an assignment or 'return'";
        Err(ExpressionError::misplaced(expression.span.start, reason))
    }

    fn return_statement(&mut self) -> Parsed<StatementKind> {
        self.advance();
        if self.within.lambda && self.take(";") {
            return Ok(StatementKind::Return(None));
        }
        let value = self.expression()?;
        self.expect(";")?;
        Ok(StatementKind::Return(Some(value)))
    }

    fn if_statement(&mut self) -> Parsed<StatementKind> {
        let mut branches = Vec::new();
        loop {
            self.advance();
            let condition = self.condition()?;
            branches.push(Branch { condition, body: self.body(self.within)? });
            if !self.take("else") {
                return Ok(StatementKind::If { branches, otherwise: None });
            }
            if !self.sees("if") {
                let otherwise = Some(self.body(self.within)?);
                return Ok(StatementKind::If { branches, otherwise });
            }
        }
    }

    /// `(condition)`
    pub(super) fn condition(&mut self) -> Parsed<Expression> {
        self.expect("(")?;
        let condition = self.expression()?;
        self.expect(")")?;
        Ok(condition)
    }

    /// What is done if or while something holds: a block, or one statement that becomes one.
    fn body(&mut self, within: Within) -> Parsed<Block> {
        self.inside(within, |parser| parser.deeper(Self::body_here))
    }

    fn body_here(&mut self) -> Parsed<Block> {
        if self.sees("{") {
            return self.block();
        }
        if self.sees("const") || (self.declaration_ahead() && !self.sees_name("await")) {
            let reason = "found a declaration without braces around it, expected '{'";
            return Err(ExpressionError::misplaced(self.start(), reason));
        }
        let statement = self.statement()?;
        let span = statement.span;
        Ok(Block { statements: vec![statement], span })
    }

    fn loop_body(&mut self) -> Parsed<Block> {
        self.body(Within { looped: true, switch: false, ..self.within })
    }

    fn foreach(&mut self) -> Parsed<StatementKind> {
        self.advance();
        self.expect("(")?;
        let declared = self.declared_type()?;
        let name = self.identifier("the name of a variable")?;
        self.expect("in")?;
        let collection = self.expression()?;
        self.expect(")")?;
        Ok(StatementKind::ForEach { declared, name, collection, body: self.loop_body()? })
    }

    fn for_loop(&mut self) -> Parsed<StatementKind> {
        self.advance();
        self.expect("(")?;
        let initial = if self.declaration_ahead() {
            ForInitial::Declaration(self.declaration(false)?)
        } else {
            ForInitial::Expressions(self.effects(";")?)
        };
        self.expect(";")?;
        let condition = if self.sees(";") { None } else { Some(self.expression()?) };
        self.expect(";")?;
        let iterators = self.effects(")")?;
        self.expect(")")?;
        Ok(StatementKind::For { initial, condition, iterators, body: self.loop_body()? })
    }

    /// Expressions with commas between them, up to this symbol.
    fn effects(&mut self, end: &str) -> Parsed<Vec<Expression>> {
        let mut effects = Vec::new();
        if self.sees(end) {
            return Ok(effects);
        }
        loop {
            effects.push(self.expression_with_effect()?);
            if !self.take(",") {
                return Ok(effects);
            }
        }
    }

    fn while_loop(&mut self) -> Parsed<StatementKind> {
        self.advance();
        let condition = self.condition()?;
        Ok(StatementKind::While { condition, body: self.loop_body()? })
    }

    fn do_loop(&mut self) -> Parsed<StatementKind> {
        self.advance();
        let body = self.loop_body()?;
        self.expect("while")?;
        let condition = self.condition()?;
        self.expect(";")?;
        Ok(StatementKind::Do { body, condition })
    }

    fn jump(&mut self, word: &str) -> Parsed<StatementKind> {
        let start = self.start();
        self.advance();
        let (kind, fits, reason) = match word {
            "break" => {
                let reason = "found 'break', expected it only in a loop or a switch";
                (StatementKind::Break, self.within.looped || self.within.switch, reason)
            }
            _ => {
                let reason = "found 'continue', expected it only in a loop";
                (StatementKind::Continue, self.within.looped, reason)
            }
        };
        if !fits {
            return Err(ExpressionError::misplaced(start, reason));
        }
        self.expect(";")?;
        Ok(kind)
    }

    fn throw(&mut self) -> Parsed<StatementKind> {
        self.advance();
        if self.within.catch && self.take(";") {
            return Ok(StatementKind::Throw(None));
        }
        let thrown = self.expression()?;
        self.expect(";")?;
        Ok(StatementKind::Throw(Some(thrown)))
    }

    fn try_statement(&mut self) -> Parsed<StatementKind> {
        self.advance();
        let body = self.block()?;
        let mut catches = Vec::new();
        while self.take("catch") {
            catches.push(self.catch()?);
        }
        let finally = if self.take("finally") { Some(self.block()?) } else { None };
        if catches.is_empty() && finally.is_none() {
            return Err(self.unexpected("'catch' or 'finally'"));
        }
        Ok(StatementKind::Try { body, catches, finally })
    }

    fn using(&mut self) -> Parsed<StatementKind> {
        let start = self.start();
        self.advance();
        if !self.sees("(") {
            return Err(ExpressionError::unsupported(start, "'using' without parentheses (C# 8)"));
        }
        self.advance();
        let resource = if self.declaration_ahead() {
            Resource::Declaration(self.declaration(true)?)
        } else {
            Resource::Expression(self.expression()?)
        };
        self.expect(")")?;
        Ok(StatementKind::Using { resource, body: self.body(self.within)? })
    }

    /// What stands after `catch`.
    fn catch(&mut self) -> Parsed<Catch> {
        self.count()?;
        let (mut caught, mut name, mut filter) = (None, None, None);
        if self.take("(") {
            caught = Some(self.type_name()?);
            if !self.sees(")") {
                name = Some(self.identifier("a name or ')'")?);
            }
            self.expect(")")?;
        }
        if self.sees_name("when") {
            self.advance();
            filter = Some(self.condition()?);
        }
        let body = self.inside(Within { catch: true, ..self.within }, Self::block)?;
        Ok(Catch { caught, name, filter, body })
    }

    /// Names the C# that begins with this word and has no place here.
    fn refuse_statement(&self, word: &str) -> Parsed<()> {
        if let Some((_, feature)) = REFUSED.iter().find(|(refused, _)| *refused == word) {
            return Err(self.unsupported(feature));
        }
        let next = self.place() + 1;
        if self.sees_name("yield") && (self.sees_at(next, "return") || self.sees_at(next, "break")) {
            return Err(self.unsupported("'yield'"));
        }
        if self.sees_name("await") && (self.is_name_at(next) || self.sees_at(next, "foreach")) {
            return Err(self.unsupported("'await'"));
        }
        if self.sees_name("async") && (self.is_name_at(next) || self.sees_at(next, "void")) {
            return Err(self.unsupported("'async'"));
        }
        if self.is_name_at(self.place()) && self.sees_at(next, ":") {
            return Err(self.unsupported("a label"));
        }
        Ok(())
    }
}

/// Words that begin a statement in C# and none here.
const REFUSED: &[(&str, &str)] = &[
    ("checked", "'checked'"),
    ("class", "a declaration of a type"),
    ("enum", "a declaration of a type"),
    ("fixed", "'fixed'"),
    ("goto", "'goto'"),
    ("lock", "'lock'"),
    ("ref", "'ref'"),
    ("static", "a local function"),
    ("struct", "a declaration of a type"),
    ("unchecked", "'unchecked'"),
    ("unsafe", "'unsafe'"),
    ("void", "a local function"),
];
