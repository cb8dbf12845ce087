//! Expressions of every form.

use super::binder::{Binder, Bound};
use super::conversion::{Way, converts, fits, implicit};
use super::member::Ask;
use super::operator::{joined, same};
use crate::dotnet::Datum;
use crate::dotnet::object::Part as ContextPart;
use crate::expression::error::{ExpressionError, Problem};
use crate::expression::position::Span;
use crate::expression::run::{Conversion, Node, Part, Test};
use crate::expression::syntax::{
    Argument, ArgumentValue, Expression, ExpressionKind, Identifier, InterpolationPart, Literal, OutTarget,
    Pattern, UnaryOperator,
};
use crate::expression::types::Type;
use crate::limits;

impl Binder {
    /// An expression that must be of this type, or convert to it.
    pub(super) fn expression_as(&mut self, expression: &Expression, wanted: &Type) -> Bound {
        match &expression.kind {
            ExpressionKind::Lambda(lambda) => self.lambda(lambda, wanted, expression.span),
            ExpressionKind::Default(None) => {
                Bound::new(Node::Constant(super::create::default_of(wanted)), wanted.clone(), expression.span)
            }
            ExpressionKind::NewArray { element: None, length: None, elements: Some(elements) } => {
                self.untyped_array(elements, Some(wanted), expression.span)
            }
            _ => {
                let value = self.expression(expression);
                self.convert(value, wanted)
            }
        }
    }

    /// An expression.
    pub(super) fn expression(&mut self, expression: &Expression) -> Bound {
        let at = expression.span;
        if !self.may_go_on(at) {
            return Bound::unknown(at);
        }
        match &expression.kind {
            ExpressionKind::Literal(literal) => self.literal(literal, at),
            ExpressionKind::Name { name, .. } => self.name(name, at),
            ExpressionKind::Predefined(predefined) => {
                self.error(at, format!("{} is a type, a value was expected", predefined.keyword()))
            }
            ExpressionKind::Path { root, steps } => self.path_or_call(root, steps, at),
            ExpressionKind::Unary { operator, operand } => self.unary(*operator, operand, at),
            ExpressionKind::Binary { first, rest } => {
                let mut left = self.expression(first);
                let mut nested = 0;
                for term in rest {
                    let right = self.expression(&term.operand);
                    left = self.binary(term.operator, left, right);
                    let is_list =
                        matches!(left.node, Node::Binary(_) | Node::Concat(_) | Node::And(_) | Node::Or(_));
                    nested += usize::from(!is_list);
                    if nested > limits::EXPRESSION_LEVELS_MAX {
                        self.errors.push(ExpressionError { at: at.start, problem: Problem::TooDeep });
                        return Bound::unknown(at);
                    }
                }
                left
            }
            ExpressionKind::Coalesce { left, right } => self.coalesce(left, right, at),
            ExpressionKind::Conditional { condition, then, otherwise } => {
                self.conditional(condition, then, otherwise, at)
            }
            ExpressionKind::Cast { target, operand } => {
                let to = self.resolve(target);
                let value = self.expression_cast(operand, &to);
                self.cast(value, &to, at)
            }
            ExpressionKind::Is { operand, pattern } => self.is(operand, pattern, at),
            ExpressionKind::As { operand, target } => self.as_type(operand, target, at),
            ExpressionKind::New { target, arguments, initialiser } => {
                self.new_object(target, arguments, initialiser.as_ref(), at)
            }
            ExpressionKind::NewArray { element, length, elements } => {
                self.new_array(element.as_ref(), length.as_deref(), elements.as_deref(), at)
            }
            ExpressionKind::NewAnonymous(members) => self.new_anonymous(members, at),
            ExpressionKind::Lambda(_) => self
                .error(at, "a lambda needs a type: declare the variable as Func<…>, or hand it to a method"),
            ExpressionKind::Interpolated(parts) => self.interpolated(parts, at),
            ExpressionKind::Default(Some(of)) => {
                let of = self.resolve(of);
                Bound::new(Node::Constant(super::create::default_of(&of)), of, at)
            }
            ExpressionKind::Default(None) => self.error(at, "'default' alone needs a type: write default(T)"),
            ExpressionKind::Assignment { target, operator, value } => {
                self.assignment(target, *operator, value, at)
            }
            ExpressionKind::Increment { target, decrement, prefix } => {
                self.increment(target, *decrement, *prefix, at)
            }
            ExpressionKind::Throw(value) => {
                let value = self.thrown(value);
                Bound::new(Node::Throw(Box::new((value, at.start))), Type::Never, at)
            }
        }
    }

    /// What a cast is applied to: a lambda learns its type from the cast.
    fn expression_cast(&mut self, operand: &Expression, to: &Type) -> Bound {
        match &operand.kind {
            ExpressionKind::Lambda(_) | ExpressionKind::Default(None) => self.expression_as(operand, to),
            _ => self.expression(operand),
        }
    }

    fn literal(&mut self, literal: &Literal, at: Span) -> Bound {
        let (value, of) = match literal {
            Literal::Null => (Datum::Null, Type::Null),
            Literal::Bool(value) => (Datum::Bool(*value), Type::Bool),
            Literal::Int(value) => (Datum::Int(*value), Type::Int),
            Literal::UInt(value) => (Datum::UInt(*value), Type::UInt),
            Literal::Long(value) => (Datum::Long(*value), Type::Long),
            Literal::ULong(value) => (Datum::ULong(*value), Type::ULong),
            Literal::Float(value) => (Datum::Float(*value), Type::Float),
            Literal::Double(value) => (Datum::Double(*value), Type::Double),
            Literal::Decimal(value) => (Datum::Decimal(*value), Type::Decimal),
            // The lexer takes no character beyond one code unit.
            Literal::Char(value) => {
                (Datum::Char(u16::try_from(u32::from(*value)).unwrap_or(0xfffd)), Type::Char)
            }
            Literal::String(text) => (self.interned(text), Type::String),
        };
        Bound::new(Node::Constant(value), of, at)
    }

    fn name(&mut self, name: &Identifier, at: Span) -> Bound {
        if &*name.name == "context" {
            return Bound::new(
                Node::Constant(Datum::Part(ContextPart::Context)),
                Type::named("IContext", &[]),
                at,
            );
        }
        match self.variable(&name.name) {
            Some(found) => {
                if let Some(value) = found.constant {
                    return Bound::new(Node::Constant(value), found.of, at);
                }
                self.must_be_assigned(&found, &name.name, at);
                Bound::new(Node::Local(found.slot), found.of, at)
            }
            None => match super::types::type_named("", &name.name, &[]) {
                Some(of) => self.error(at, format!("{of} is a type, a value was expected")),
                None => self.no_name(&name.name, at),
            },
        }
    }

    /// A path; `nameof(a)` and `f(a)` begin with a call.
    fn path_or_call(
        &mut self,
        root: &Expression,
        steps: &[crate::expression::syntax::Step],
        at: Span,
    ) -> Bound {
        use crate::expression::syntax::StepKind;
        if let (ExpressionKind::Name { name, .. }, Some((first, []))) = (&root.kind, steps.split_first())
            && let StepKind::Invoke(arguments) = &first.kind
            && &*name.name == "nameof"
            && self.variable("nameof").is_none()
        {
            return self.name_of(arguments, at);
        }
        self.path(root, steps, at)
    }

    fn name_of(&mut self, arguments: &[Argument], at: Span) -> Bound {
        use crate::expression::syntax::StepKind;
        let name = match arguments {
            [Argument { name: None, value: ArgumentValue::Value(value) }] => match &value.kind {
                ExpressionKind::Name { name, .. } => Some(name.name.clone()),
                ExpressionKind::Path { steps, .. } => match steps.last().map(|step| &step.kind) {
                    Some(StepKind::Member { name, .. }) => Some(name.name.clone()),
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        };
        match name {
            Some(name) => Bound::new(Node::Constant(Datum::String(name)), Type::String, at),
            None => self.error(at, "nameof takes one name"),
        }
    }

    fn unary(&mut self, operator: UnaryOperator, operand: &Expression, at: Span) -> Bound {
        let value = self.expression(operand);
        if value.of.is_unknown() {
            return Bound::unknown(at);
        }
        if operator == UnaryOperator::Not {
            return self.not(value, at);
        }
        let inner = value.of.without_null().clone();
        let symbol = match operator {
            UnaryOperator::Plus => "+",
            UnaryOperator::Minus => "-",
            _ => "~",
        };
        let of = match (&inner, operator) {
            (Type::UInt, UnaryOperator::Minus) => Some(Type::Long),
            (Type::ULong, UnaryOperator::Minus) => None,
            (Type::Float | Type::Double | Type::Decimal, UnaryOperator::Complement) => None,
            (of, UnaryOperator::Complement) if super::conversion::enumeration(of).is_some() => {
                Some(of.clone())
            }
            (Type::UInt | Type::Long | Type::ULong | Type::Float | Type::Double | Type::Decimal, _) => {
                Some(inner.clone())
            }
            (of, _) if *of != Type::Null && converts(of, &Type::Int) => Some(Type::Int),
            (of, UnaryOperator::Minus) if of.is_class("TimeSpan") => {
                return self.negated_span(value, at);
            }
            _ => None,
        };
        let Some(of) = of else {
            return self.error(at, format!("'{symbol}' does not apply to {}", value.of));
        };
        let of = if value.of == inner { of } else { Type::nullable(of) };
        let value = self.convert(value, &of);
        let node = match operator {
            UnaryOperator::Minus => super::convert::converted(Conversion::Negate, value.node, at),
            UnaryOperator::Complement => super::convert::converted(Conversion::Complement, value.node, at),
            _ => value.node,
        };
        Bound::new(node, of, at)
    }

    /// `-span`
    fn negated_span(&mut self, value: Bound, at: Span) -> Bound {
        let found = super::member::members(&value.of, "Negate", |_, is_static| !is_static);
        self.call(&found, Some(value.node), Vec::new(), &Ask::of(&"-", at))
    }

    fn not(&mut self, value: Bound, at: Span) -> Bound {
        let of = match &value.of {
            Type::Nullable(inner) if **inner == Type::Bool => value.of.clone(),
            _ => Type::Bool,
        };
        let value = self.convert(value, &of);
        let node = match value.node {
            Node::Constant(Datum::Bool(value)) => Node::Constant(Datum::Bool(!value)),
            node => Node::Not(Box::new(node)),
        };
        Bound::new(node, of, at)
    }

    fn coalesce(&mut self, left: &Expression, right: &Expression, at: Span) -> Bound {
        let left = self.expression(left);
        if left.of.is_unknown() {
            self.expression(right);
            return Bound::unknown(at);
        }
        if !left.of.takes_null() {
            return self.error(left.at, format!("{} is never null: '??' has no meaning here", left.of));
        }
        let inner = left.of.without_null().clone();
        let right = match &right.kind {
            ExpressionKind::Lambda(_) | ExpressionKind::Default(None) => self.expression_as(right, &inner),
            _ => self.expression(right),
        };
        let of = if fits(&right, &inner) && left.of != Type::Null {
            inner
        } else if fits(&right, &left.of) && left.of != Type::Null {
            left.of.clone()
        } else {
            right.of.clone()
        };
        let way = implicit(left.of.without_null(), &of, None);
        let Some(way) = way else {
            let text = format!("'??' does not apply to {} and {}", left.of, right.of);
            return self.error(at, text);
        };
        let right = self.convert(right, &of);
        if left.of == Type::Null {
            return right;
        }
        let left = match way {
            Way::Same => left.node,
            way => {
                // What is converted is not null: null stays what it is.
                let nullable = left.of.clone();
                let slot = self.function().slot();
                let inner = Bound::new(Node::Local(slot), nullable.without_null().clone(), left.at);
                let rest = self.take_way(inner, &way, &of).node;
                Node::Guard(Box::new(crate::expression::run::GuardNode { receiver: left.node, slot, rest }))
            }
        };
        Bound::new(Node::Coalesce(Box::new((left, right.node))), of, at)
    }

    fn conditional(
        &mut self,
        condition: &Expression,
        then: &Expression,
        otherwise: &Expression,
        at: Span,
    ) -> Bound {
        let condition = self.expression_as(condition, &Type::Bool);
        let (then, otherwise) = (self.expression(then), self.expression(otherwise));
        let of = match (fits(&then, &otherwise.of), fits(&otherwise, &then.of)) {
            _ if then.of == otherwise.of => then.of.clone(),
            _ if then.of == Type::Never => otherwise.of.clone(),
            _ if otherwise.of == Type::Never => then.of.clone(),
            (true, false) => otherwise.of.clone(),
            (false, true) => then.of.clone(),
            // Both ways: constants that fit the other type.
            (true, true) if converts(&then.of, &otherwise.of) => otherwise.of.clone(),
            (true, true) => then.of.clone(),
            (false, false) => {
                let text = format!(
                    "both values of '? :' need one type, found {} and {}; a cast gives them one",
                    then.of, otherwise.of
                );
                return self.error(at, text);
            }
        };
        let (then, otherwise) = (self.convert(then, &of), self.convert(otherwise, &of));
        let node = match condition.constant() {
            Some(Datum::Bool(true)) => then.node,
            Some(Datum::Bool(false)) => otherwise.node,
            _ => Node::Conditional(Box::new((condition.node, then.node, otherwise.node))),
        };
        Bound::new(node, of, at)
    }

    fn is(&mut self, operand: &Expression, pattern: &Pattern, at: Span) -> Bound {
        let value = self.expression(operand);
        match pattern {
            Pattern::Type { target, name } => {
                let of = self.resolve(target);
                self.must_be_possible(&value, &of, at);
                let slot = name.as_ref().map(|name| self.declare(name, of.clone(), true));
                let node = Node::Is(Box::new((value.node, Test::of(&of), slot)));
                Bound::new(node, Type::Bool, at)
            }
            Pattern::Constant(constant) => {
                let constant = self.expression(constant);
                if constant.of == Type::Null {
                    return Bound::new(same(value.node, constant.node, false, at), Type::Bool, at);
                }
                let node = match value.of.is_value() {
                    true => {
                        return self.binary(
                            crate::expression::syntax::BinaryOperator::Equal,
                            value,
                            constant,
                        );
                    }
                    false => same(value.node, constant.node, true, at),
                };
                Bound::new(node, Type::Bool, at)
            }
            Pattern::Var(name) => {
                let slot = self.declare(name, value.of.clone(), true);
                let truth = Node::Constant(Datum::Bool(true));
                Bound::new(
                    Node::Sequence(vec![Node::Assign(slot, Box::new(value.node)), truth]),
                    Type::Bool,
                    at,
                )
            }
        }
    }

    fn as_type(&mut self, operand: &Expression, target: &crate::expression::syntax::Type, at: Span) -> Bound {
        let value = self.expression(operand);
        let of = self.resolve(target);
        if !of.takes_null() {
            return self.error(at, format!("{of} cannot be null: 'as' needs a type that can"));
        }
        self.must_be_possible(&value, &of, at);
        let node = Node::As(Box::new((value.node, Test::of(&of))));
        Bound::new(node, of, at)
    }

    /// An error where a value can never be of a type.
    fn must_be_possible(&mut self, value: &Bound, of: &Type, at: Span) {
        if value.of.is_unknown() || of.is_unknown() {
            return;
        }
        let of = of.without_null();
        let possible = super::conversion::is_reference_way(&value.of, of);
        if !possible {
            self.tell(at.start, format!("{} is never {of}", value.of));
        }
    }

    fn interpolated(&mut self, parts: &[InterpolationPart], at: Span) -> Bound {
        let mut joined_parts = Vec::with_capacity(parts.len());
        for part in parts {
            joined_parts.push(match part {
                InterpolationPart::Text(text) => Part::Text(text.clone()),
                InterpolationPart::Hole { value, alignment, format } => {
                    let value = self.expression(value);
                    if matches!(value.of, Type::Void | Type::Never) {
                        self.tell(value.at.start, "a value was expected");
                    }
                    match (alignment, format) {
                        (None, None) => Part::Value(value.node),
                        _ => {
                            let format = format.clone().unwrap_or_else(|| "".into());
                            Part::Formatted(value.node, alignment.unwrap_or(0), format, at.start)
                        }
                    }
                }
            });
        }
        Bound::new(joined(joined_parts), Type::String, at)
    }
}

/// Where an `out` argument stands.
pub(super) fn place_of(target: &OutTarget) -> Span {
    match target {
        OutTarget::Declare { name, .. } | OutTarget::Existing(name) => name.span,
    }
}
