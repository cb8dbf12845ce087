//! Statements.

use super::machine::{Evaluated, Machine, Thrown};
use super::node::{Code, Function, LoopNode, Switch, TryNode};
use crate::dotnet::collection::equals;
use crate::dotnet::{Datum, Exception, ExceptionKind};
use crate::expression::position::Position;
use crate::expression::types::class_derives;

/// How a statement ends.
pub(super) enum Flow {
    Next,
    Break,
    Continue,
    Return(Datum),
}

impl Machine<'_> {
    /// Carries out a statement of the function.
    pub(super) fn carry_out(&mut self, code: &Code, function: &Function) -> Evaluated<Flow> {
        self.descend()?;
        let flow = self.statement(code, function);
        self.ascend();
        flow
    }

    fn statement(&mut self, code: &Code, function: &Function) -> Evaluated<Flow> {
        match code {
            Code::Evaluate(node) => self.evaluate(node).map(|_| Flow::Next),
            Code::Declare(slot, node) => self.declared(*slot, node, function),
            Code::Block(codes) => self.all_of(codes, function),
            Code::If(branches, otherwise) => self.branch(branches, otherwise.as_deref(), function),
            Code::Return(None) => Ok(Flow::Return(Datum::Null)),
            Code::Return(Some(node)) => self.evaluate(node).map(Flow::Return),
            Code::ForEach(_) => self.for_each(code, function),
            Code::Loop(node) => self.repeat(node, function),
            Code::Break => Ok(Flow::Break),
            Code::Continue => Ok(Flow::Continue),
            Code::Throw(node, at) => Err(self.thrown(node, *at)?),
            Code::Try(node) => self.attempt(node, function),
            Code::Switch(node) => self.switch(node, function),
        }
    }

    fn declared(&mut self, slot: u32, node: &super::Node, function: &Function) -> Evaluated<Flow> {
        let value = self.evaluate(node)?;
        self.declare(slot, value, function.is_captured(slot));
        Ok(Flow::Next)
    }

    fn branch(
        &mut self,
        branches: &[(super::Node, Code)],
        otherwise: Option<&Code>,
        function: &Function,
    ) -> Evaluated<Flow> {
        for (condition, body) in branches {
            if self.holds(condition)? {
                return self.carry_out(body, function);
            }
        }
        otherwise.map_or(Ok(Flow::Next), |otherwise| self.carry_out(otherwise, function))
    }

    fn all_of(&mut self, codes: &[Code], function: &Function) -> Evaluated<Flow> {
        for code in codes {
            match self.carry_out(code, function)? {
                Flow::Next => {}
                flow => return Ok(flow),
            }
        }
        Ok(Flow::Next)
    }

    fn for_each(&mut self, code: &Code, function: &Function) -> Evaluated<Flow> {
        let Code::ForEach(each) = code else { return Ok(Flow::Next) };
        let (raw, slot, convert, collection, body, at) = &**each;
        let items = self.evaluate(collection)?;
        let items = self.items(&items).map_err(|error| match self.pending.take() {
            Some(thrown) => thrown.placed(*at),
            None => Thrown::boxed(error, *at),
        })?;
        for item in items {
            self.step(*at)?;
            let item = match convert {
                Some(convert) => {
                    self.assign(*raw, item);
                    self.evaluate(convert)?
                }
                None => item,
            };
            self.declare(*slot, item, function.is_captured(*slot));
            match self.carry_out(body, function)? {
                Flow::Break => break,
                Flow::Return(value) => return Ok(Flow::Return(value)),
                Flow::Next | Flow::Continue => {}
            }
        }
        Ok(Flow::Next)
    }

    pub(super) fn holds(&mut self, condition: &super::Node) -> Evaluated<bool> {
        Ok(matches!(self.evaluate(condition)?, Datum::Bool(true)))
    }

    fn repeat(&mut self, node: &LoopNode, function: &Function) -> Evaluated<Flow> {
        for code in &node.initial {
            self.carry_out(code, function)?;
        }
        let mut checks = node.checks_first;
        loop {
            self.step(node.at)?;
            if checks
                && let Some(condition) = &node.condition
                && !self.holds(condition)?
            {
                return Ok(Flow::Next);
            }
            checks = true;
            match self.carry_out(&node.body, function)? {
                Flow::Break => return Ok(Flow::Next),
                Flow::Return(value) => return Ok(Flow::Return(value)),
                Flow::Next | Flow::Continue => {}
            }
            for after in &node.after {
                self.evaluate(after)?;
            }
        }
    }

    fn attempt(&mut self, node: &TryNode, function: &Function) -> Evaluated<Flow> {
        let mut result = self.carry_out(&node.body, function);
        if let Err(thrown) = &result
            && !thrown.is_final
        {
            let thrown = thrown.clone();
            if let Some(flow) = self.caught(node, &thrown, function).transpose() {
                result = flow;
            }
        }
        let is_final = matches!(&result, Err(thrown) if thrown.is_final);
        if let Some(finally) = &node.finally
            && !is_final
        {
            match self.carry_out(finally, function)? {
                Flow::Next => {}
                flow => return Ok(flow),
            }
        }
        result
    }

    /// What the first `catch` that fits makes of it; nothing if none does.
    fn caught(&mut self, node: &TryNode, thrown: &Thrown, function: &Function) -> Evaluated<Option<Flow>> {
        for catch in &node.catches {
            let fits =
                catch.class.as_ref().is_none_or(|class| class_derives(thrown.exception.kind.name(), class));
            if !fits {
                continue;
            }
            let value = Datum::from(thrown.exception.clone());
            self.declare(catch.slot, value, function.is_captured(catch.slot));
            // A filter that throws does not hold.
            let holds = match &catch.filter {
                Some(filter) => {
                    self.holds(filter).or_else(|error| if error.is_final { Err(error) } else { Ok(false) })?
                }
                None => true,
            };
            if holds {
                return self.carry_out(&catch.body, function).map(Some);
            }
        }
        Ok(None)
    }

    fn switch(&mut self, node: &Switch, function: &Function) -> Evaluated<Flow> {
        let value = self.evaluate(&node.value)?;
        let found = node.labels.iter().find(|(label, _)| equals(label, &value)).map(|(_, section)| *section);
        let Some(section) = found.or(node.default).and_then(|section| node.sections.get(section)) else {
            return Ok(Flow::Next);
        };
        match self.carry_out(section, function)? {
            Flow::Break => Ok(Flow::Next),
            flow => Ok(flow),
        }
    }

    /// What `throw` throws.
    pub(super) fn thrown(&mut self, node: &super::Node, at: Position) -> Evaluated<Box<Thrown>> {
        Ok(exception_of(&self.evaluate(node)?, at))
    }
}

fn exception_of(value: &Datum, at: Position) -> Box<Thrown> {
    let exception = value.instance::<Exception>().cloned();
    let null = || Exception::new(ExceptionKind::NullReference, "null was thrown");
    Thrown::boxed(exception.unwrap_or_else(null), at)
}
