//! Functions without a name.

use super::cursor::{Parsed, Parser, Within};
use crate::expression::syntax::{Expression, ExpressionKind, Lambda, LambdaBody, Parameter};

impl Parser<'_> {
    /// A lambda, of which it is known that it begins here.
    pub(super) fn lambda(&mut self) -> Parsed<Expression> {
        let start = self.start();
        let parameters = self.parameters()?;
        self.expect("=>")?;
        let body = if self.sees("{") {
            let within = Within { lambda: true, ..Within::default() };
            LambdaBody::Block(self.inside(within, Self::block)?)
        } else {
            LambdaBody::Expression(Box::new(self.branch()?))
        };
        self.finish(start, ExpressionKind::Lambda(Lambda { parameters, body }))
    }

    fn parameters(&mut self) -> Parsed<Vec<Parameter>> {
        if !self.take("(") {
            let name = self.identifier("a parameter")?;
            return Ok(vec![Parameter { declared: None, name }]);
        }
        let mut parameters = Vec::new();
        while !self.take(")") {
            self.count()?;
            let declared = if self.declaration_ahead() { Some(self.type_name()?) } else { None };
            parameters.push(Parameter { declared, name: self.identifier("a parameter")? });
            if !self.sees(")") && !self.take(",") {
                return Err(self.unexpected("',' or ')'"));
            }
        }
        Ok(parameters)
    }
}
