//! Lambdas.

use std::sync::Arc;

use super::binder::{Binder, Bound};
use super::scope::FunctionScope;
use crate::expression::position::Span;
use crate::expression::run::{Code, Function, Node};
use crate::expression::syntax::{Lambda, LambdaBody};
use crate::expression::types::Type;

impl Binder {
    /// What a lambda gives if it is handed values of these types; none if it has errors then.
    pub(super) fn result_of(&mut self, lambda: &Lambda, parameters: &[Type]) -> Option<Type> {
        let (errors, needs) = (self.errors.len(), self.needs);
        let (_, gives) = self.lambda_function(lambda, parameters, None);
        let failed = self.errors.len() > errors;
        self.errors.truncate(errors);
        self.needs = needs;
        (!failed).then_some(gives)
    }

    /// A lambda as a value of a delegate type.
    pub(super) fn lambda(&mut self, lambda: &Lambda, of: &Type, at: Span) -> Bound {
        let Some(delegate) = of.delegate() else {
            return self.error(at, format!("a lambda is no {of}"));
        };
        if delegate.parameters.len() != lambda.parameters.len() {
            let text = format!(
                "{of} takes {} parameters, the lambda has {}",
                delegate.parameters.len(),
                lambda.parameters.len()
            );
            return self.error(at, text);
        }
        let (function, _) = self.lambda_function(lambda, &delegate.parameters, Some(&delegate.result));
        let (mut function, captures) = function;
        function.type_name = of.to_string().into();
        Bound::new(Node::Lambda(Arc::new(function), captures), of.clone(), at)
    }

    /// The function, what it captures, and the type of what it gives.
    fn lambda_function(
        &mut self,
        lambda: &Lambda,
        parameters: &[Type],
        result: Option<&Type>,
    ) -> ((Function, Box<[u32]>), Type) {
        // What a lambda assigns is not assigned where it is made.
        let assigned: Vec<Vec<bool>> = self.functions.iter().map(FunctionScope::assigned).collect();
        self.functions.push(FunctionScope::new());
        for (parameter, of) in lambda.parameters.iter().zip(parameters) {
            let of = match &parameter.declared {
                Some(declared) => {
                    let declared = self.resolve(declared);
                    if declared != *of && !matches!(of, Type::Never | Type::Unknown) {
                        self.tell(parameter.name.span.start, format!("expected {of}, found {declared}"));
                    }
                    declared
                }
                None => of.clone(),
            };
            self.declare(&parameter.name, of, true);
        }
        let wanted = result.filter(|result| **result != Type::Void);
        let (body, gives) = match &lambda.body {
            LambdaBody::Expression(expression) => {
                let value = match wanted {
                    Some(wanted) => self.expression_as(expression, wanted),
                    None => self.expression(expression),
                };
                (Code::Return(Some(value.node)), value.of)
            }
            LambdaBody::Block(block) => self.function_body(block, result),
        };
        for (function, assigned) in self.functions.iter_mut().zip(assigned) {
            function.set_assigned(&assigned);
        }
        let scope = self.functions.pop().unwrap_or_default();
        let captures: Box<[u32]> = scope.captures.iter().copied().collect();
        let function =
            Function { slots: scope.slots, captured: scope.captured, body, type_name: Arc::from("Func") };
        ((function, captures), gives)
    }
}
