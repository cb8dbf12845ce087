//! `switch` statements, with constants as labels.

use super::cursor::{Parsed, Parser, Within};
use super::returns;
use crate::expression::error::ExpressionError;
use crate::expression::syntax::{CaseLabel, StatementKind, SwitchSection};

impl Parser<'_> {
    pub(super) fn switch(&mut self) -> Parsed<StatementKind> {
        self.advance();
        let value = self.condition()?;
        self.expect("{")?;
        let sections = self.inside(Within { switch: true, ..self.within }, |parser| {
            let mut sections = Vec::new();
            while !parser.take("}") {
                sections.push(parser.section()?);
            }
            Ok(sections)
        })?;
        Ok(StatementKind::Switch { value, sections })
    }

    fn section(&mut self) -> Parsed<SwitchSection> {
        let start = self.start();
        let mut labels = Vec::new();
        while self.sees("case") || self.default_label_ahead() {
            labels.push(self.label()?);
        }
        if labels.is_empty() {
            return Err(self.unexpected("'case', 'default' or '}'"));
        }
        let mut statements = Vec::new();
        while !self.sees("case") && !self.sees("}") && !self.default_label_ahead() {
            statements.push(self.statement()?);
        }
        if returns::can_complete(&statements) {
            let reason =
                "found a case that runs into the next, expected 'break', 'return' or 'throw' at its end";
            return Err(ExpressionError::misplaced(start, reason));
        }
        Ok(SwitchSection { labels, statements })
    }

    fn default_label_ahead(&self) -> bool {
        self.sees("default") && self.sees_at(self.place() + 1, ":")
    }

    fn label(&mut self) -> Parsed<CaseLabel> {
        self.count()?;
        if self.take("default") {
            self.expect(":")?;
            return Ok(CaseLabel::Default);
        }
        self.advance();
        if self.declaration_ahead() {
            return Err(self.unsupported("a pattern after 'case'"));
        }
        let value = self.expression()?;
        if self.sees_name("when") {
            return Err(self.unsupported("'when' after 'case'"));
        }
        self.expect(":")?;
        Ok(CaseLabel::Value(value))
    }
}
