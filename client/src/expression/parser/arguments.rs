//! What is handed to methods, indexers and constructors.

use super::cursor::{Parsed, Parser};
use crate::expression::syntax::{Argument, ArgumentValue, OutTarget};

impl Parser<'_> {
    /// `(a, name: b, out var c)`
    pub(super) fn arguments(&mut self) -> Parsed<Vec<Argument>> {
        self.expect("(")?;
        let mut arguments = Vec::new();
        if self.take(")") {
            return Ok(arguments);
        }
        loop {
            arguments.push(self.argument()?);
            if self.take(")") {
                return Ok(arguments);
            }
            if !self.take(",") {
                return Err(self.unexpected("',' or ')'"));
            }
        }
    }

    /// `[a]`
    pub(super) fn index_arguments(&mut self) -> Parsed<Vec<Argument>> {
        self.expect("[")?;
        let mut arguments = vec![self.argument()?];
        while self.take(",") {
            arguments.push(self.argument()?);
        }
        self.expect("]")?;
        Ok(arguments)
    }

    fn argument(&mut self) -> Parsed<Argument> {
        let named = self.is_name_at(self.place()) && self.sees_at(self.place() + 1, ":");
        let mut name = None;
        if named {
            name = Some(self.identifier("a name")?);
            self.advance();
        }
        let value = if self.take("out") {
            ArgumentValue::Out(self.out_target()?)
        } else if self.sees("in") {
            return Err(self.unsupported("an 'in' argument"));
        } else {
            ArgumentValue::Value(self.expression()?)
        };
        Ok(Argument { name, value })
    }

    /// What stands after `out`.
    fn out_target(&mut self) -> Parsed<OutTarget> {
        self.count()?;
        if self.declaration_ahead() {
            let declared = self.declared_type()?;
            return Ok(OutTarget::Declare { declared, name: self.identifier("a name")? });
        }
        let ends = |place| self.sees_at(place, ",") || self.sees_at(place, ")") || self.sees_at(place, "]");
        if self.is_name_at(self.place()) && ends(self.place() + 1) {
            return Ok(OutTarget::Existing(self.identifier("a name")?));
        }
        Err(self.unsupported("an 'out' argument that is no variable"))
    }
}
