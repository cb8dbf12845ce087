//! Statements, and which variables have a value behind them.

use super::binder::{Binder, Bound};
use super::flow::Ways;
use crate::dotnet::Datum;
use crate::expression::parser::can_complete;
use crate::expression::position::{Position, Span};
use crate::expression::run::{Code, Node};
use crate::expression::syntax::{
    Block, Branch, Declaration, Expression, ExpressionKind, Identifier, Statement, StatementKind,
};
use crate::expression::types::Type;

impl Binder {
    /// The statements of a function, and the type of what it gives. `wanted` is what it must give, if that is
    /// known; `void` gives nothing.
    pub(super) fn function_body(&mut self, block: &Block, wanted: Option<&Type>) -> (Code, Type) {
        self.function().result = wanted.cloned();
        let code = self.block(block);
        let function = self.function();
        let returns = std::mem::take(&mut function.returns);
        let gives = match wanted {
            Some(wanted) => wanted.clone(),
            None => self.common(&returns, block.span),
        };
        if gives != Type::Void && can_complete(&block.statements) {
            let end = block.span.end;
            let last = Position { column: end.column.saturating_sub(1), ..end };
            self.tell(last, "not every path returns a value");
        }
        (single_return(code), gives)
    }

    /// The type that all results convert to.
    fn common(&mut self, returns: &[Type], at: Span) -> Type {
        if returns.is_empty() {
            return Type::Void;
        }
        let fits = |of: &&Type| returns.iter().all(|other| super::conversion::converts(other, of));
        match returns.iter().find(fits) {
            Some(Type::Null) | None => {
                // Whoever takes any value takes these; nothing else can be said of them.
                let _ = at;
                Type::Object
            }
            Some(of) => of.clone(),
        }
    }

    /// Statements with names of their own.
    pub(super) fn block(&mut self, block: &Block) -> Code {
        self.function().begin_block();
        let mut codes = Vec::with_capacity(block.statements.len());
        for statement in &block.statements {
            self.statement(statement, &mut codes);
        }
        self.function().end_block();
        match codes.len() {
            1 => codes.pop().unwrap_or(Code::Block(Vec::new())),
            _ => Code::Block(codes),
        }
    }

    pub(super) fn statement(&mut self, statement: &Statement, codes: &mut Vec<Code>) {
        let at = statement.span;
        if !self.may_go_on(at) {
            return;
        }
        let code = match &statement.kind {
            StatementKind::Declaration(declaration) => return self.declaration(declaration, codes),
            StatementKind::Expression(expression) => Code::Evaluate(self.expression(expression).node),
            StatementKind::If { branches, otherwise } => self.if_statement(branches, otherwise.as_ref()),
            StatementKind::Return(value) => self.return_statement(value.as_ref(), at),
            StatementKind::Block(block) => self.block(block),
            StatementKind::ForEach { declared, name, collection, body } => {
                self.for_each((declared.as_ref(), name), collection, body, at)
            }
            StatementKind::For { initial, condition, iterators, body } => {
                self.for_loop(initial, (condition.as_ref(), iterators), body, at)
            }
            StatementKind::While { condition, body } => self.while_loop(condition, body, at),
            StatementKind::Do { body, condition } => self.do_loop(body, condition, at),
            StatementKind::Break | StatementKind::Continue => self.jump(statement),
            StatementKind::Throw(Some(value)) => {
                let node = self.thrown(value);
                self.end_way();
                Code::Throw(node, at.start)
            }
            StatementKind::Throw(None) => self.rethrow(at),
            StatementKind::Try { body, catches, finally } => {
                self.try_statement(body, catches, finally.as_ref())
            }
            StatementKind::Switch { value, sections } => self.switch(value, sections, at),
            StatementKind::Using { resource, body } => self.using(resource, body),
            StatementKind::Empty => return,
        };
        codes.push(code);
    }

    /// What `throw` throws.
    pub(super) fn thrown(&mut self, value: &Expression) -> Node {
        self.expression_as(value, &Type::named("Exception", &[])).node
    }

    pub(super) fn declaration(&mut self, declaration: &Declaration, codes: &mut Vec<Code>) {
        let declared = declaration.declared.as_ref().map(|declared| self.resolve(declared));
        for declarator in &declaration.declarators {
            match &declarator.value {
                Some(value) => {
                    let code =
                        self.first_value(declaration.constant, declared.as_ref(), &declarator.name, value);
                    codes.extend(code);
                }
                None => {
                    let Some(of) = declared.clone() else {
                        self.tell(declarator.name.span.start, "'var' needs a value to take its type from");
                        continue;
                    };
                    let slot = self.declare(&declarator.name, of, false);
                    codes.push(Code::Declare(slot, Node::Constant(Datum::Null)));
                }
            }
        }
    }

    /// `var a = b;`
    fn first_value(
        &mut self,
        constant: bool,
        declared: Option<&Type>,
        name: &Identifier,
        value: &Expression,
    ) -> Option<Code> {
        // A lambda that names its own variable is told that it has no value yet.
        let early = match (&value.kind, declared) {
            (ExpressionKind::Lambda(_), Some(of)) => Some(self.declare(name, of.clone(), false)),
            _ => None,
        };
        let value = match declared {
            Some(of) => self.expression_as(value, of),
            None => self.expression(value),
        };
        if declared.is_none() && matches!(value.of, Type::Null | Type::Void | Type::Never) {
            self.tell(value.at.start, format!("'var' needs a value with a type, found {}", value.of));
        }
        let of = declared.cloned().unwrap_or(value.of.clone());
        if constant {
            let known = value.constant().cloned();
            if known.is_none() && !value.of.is_unknown() {
                self.tell(
                    value.at.start,
                    "a constant needs a value that is known before the expression runs",
                );
            }
            self.declare(name, of, true);
            self.function().make_constant(known.unwrap_or(Datum::Null));
            return None;
        }
        let slot = early.unwrap_or_else(|| self.declare(name, of, true));
        if early.is_some()
            && let Some(found) = self.variable(&name.name)
        {
            self.mark_assigned(&found);
        }
        Some(Code::Declare(slot, value.node))
    }

    fn if_statement(&mut self, branches: &[Branch], otherwise: Option<&Block>) -> Code {
        let mut ways = Ways::default();
        let mut codes = Vec::with_capacity(branches.len());
        // Variables of the first condition belong to the statements around, those of others to the 'else'.
        for (number, branch) in branches.iter().enumerate() {
            if number == 1 {
                self.function().begin_block();
            }
            let condition = self.expression_as(&branch.condition, &Type::Bool);
            let before = self.way();
            let body = self.block(&branch.body);
            ways.add(self.way());
            self.set_way(before);
            codes.push((condition.node, body));
        }
        let otherwise = otherwise.map(|block| Box::new(self.block(block)));
        if branches.len() > 1 {
            self.function().end_block();
        }
        ways.add(self.way());
        self.join(ways);
        Code::If(codes, otherwise)
    }

    fn return_statement(&mut self, value: Option<&Expression>, at: Span) -> Code {
        let wanted = self.function().result.clone();
        let value = match (value, &wanted) {
            (None, Some(Type::Void)) => None,
            (None, _) if self.functions.len() > 1 && wanted.is_none() => None,
            (None, _) => Some(self.error(at, "expected a value behind 'return'")),
            (Some(value), Some(Type::Void)) => {
                let value = self.expression(value);
                Some(self.error(value.at, "a lambda without a result returns no value"))
            }
            (Some(value), Some(wanted)) => Some(self.expression_as(value, wanted)),
            (Some(value), None) => Some(self.expression(value)),
        };
        if let Some(Bound { of: Type::Void, at, .. }) = &value {
            self.tell(at.start, "a method without a result has no value");
        }
        if let Some(value) = &value {
            self.note_result(value);
        }
        self.function().returns.extend(value.as_ref().map(|value| value.of.clone()));
        self.end_way();
        Code::Return(value.map(|value| value.node))
    }

    fn jump(&mut self, statement: &Statement) -> Code {
        let function = self.function();
        let is_break = statement.kind == StatementKind::Break;
        let allowed = function.loops > 0 || (is_break && function.switches > 0);
        if !allowed {
            let word = if is_break { "break" } else { "continue" };
            self.tell(statement.span.start, format!("'{word}' has no loop around it"));
        }
        self.end_way();
        if is_break { Code::Break } else { Code::Continue }
    }

    fn rethrow(&mut self, at: Span) -> Code {
        let slot = self.function().catches.last().copied();
        if slot.is_none() {
            self.tell(at.start, "'throw' without a value belongs into a 'catch'");
        }
        self.end_way();
        Code::Throw(Node::Local(slot.unwrap_or(0)), at.start)
    }
}

/// A block that only returns is that `return`.
fn single_return(code: Code) -> Code {
    match code {
        Code::Block(mut codes) if codes.len() == 1 => codes.pop().unwrap_or(Code::Block(Vec::new())),
        code => code,
    }
}
