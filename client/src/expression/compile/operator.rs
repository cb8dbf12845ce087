//! Operators: in which type they calculate, and what that needs.

use super::binder::{Binder, Bound};
use super::conversion::{converts, enumeration, fits};
use super::member::members;
use super::overload::{Given, GivenValue};
use crate::dotnet::Datum;
use crate::expression::position::Span;
use crate::expression::run::{
    Arithmetic, Binary, Bits, Comparison, Kind, Node, Operation, Part, Term, operate,
};
use crate::expression::syntax::BinaryOperator;
use crate::expression::types::{MemberKind, Type};

impl Binder {
    /// `left operator right`
    pub(super) fn binary(&mut self, operator: BinaryOperator, left: Bound, right: Bound) -> Bound {
        let at = left.at.to(right.at);
        if left.of.is_unknown() || right.of.is_unknown() {
            return Bound::unknown(at);
        }
        if matches!(operator, BinaryOperator::And | BinaryOperator::Or) {
            return self.logical(operator, left, right, at);
        }
        if operator == BinaryOperator::Add && joins(&left.of, &right.of) {
            return concatenation(left, right, at);
        }
        let found: Vec<_> = [&left.of, &right.of]
            .into_iter()
            .flat_map(|of| {
                members(of.without_null(), operator.symbol(), |kind, _| {
                    kind == MemberKind::Operator(operator)
                })
            })
            .collect();
        if !found.is_empty() {
            return self.declared_operator(operator, &found, (left, right));
        }
        match operator {
            BinaryOperator::Equal | BinaryOperator::NotEqual => self.equality(operator, left, right, at),
            BinaryOperator::ShiftLeft | BinaryOperator::ShiftRight => self.shift(operator, left, right, at),
            _ => self.numeric(operator, left, right, at),
        }
    }

    fn logical(&mut self, operator: BinaryOperator, left: Bound, right: Bound, at: Span) -> Bound {
        let (left, right) = (self.convert(left, &Type::Bool), self.convert(right, &Type::Bool));
        let node = match (operator, left.constant()) {
            (BinaryOperator::And, Some(Datum::Bool(true)))
            | (BinaryOperator::Or, Some(Datum::Bool(false))) => right.node,
            (BinaryOperator::And | BinaryOperator::Or, Some(Datum::Bool(_))) => left.node,
            (BinaryOperator::And, _) => match left.node {
                Node::And(nodes) => Node::And(with(nodes, right.node)),
                node => Node::And(vec![node, right.node]),
            },
            _ => match left.node {
                Node::Or(nodes) => Node::Or(with(nodes, right.node)),
                node => Node::Or(vec![node, right.node]),
            },
        };
        Bound::new(node, Type::Bool, at)
    }

    /// An operator that a type declares. A nullable operand makes the result nullable.
    fn declared_operator(
        &mut self,
        operator: BinaryOperator,
        found: &[super::overload::Candidate],
        (left, right): (Bound, Bound),
    ) -> Bound {
        let at = left.at.to(right.at);
        let lifted = [&left.of, &right.of].into_iter().any(|of| matches!(of, Type::Nullable(_)));
        if lifted {
            return self.lifted(operator, left, right, at);
        }
        let (ours, theirs) = (left.of.clone(), right.of.clone());
        let given = vec![
            Given { name: None, at: left.at, value: GivenValue::Value(left) },
            Given { name: None, at: right.at, value: GivenValue::Value(right) },
        ];
        match self.best(found, &given, &[]) {
            Some(fit) => self.call_of(fit, None, given, at),
            None => self.no_operator(operator, &ours, &theirs, at),
        }
    }

    /// `a - b` where one may be null: the operator is carried out if none is.
    fn lifted(&mut self, operator: BinaryOperator, left: Bound, right: Bound, at: Span) -> Bound {
        let mut nodes = Vec::new();
        let mut test = None;
        let mut operands = Vec::new();
        for operand in [left, right] {
            let slot = self.function().slot();
            nodes.push(Node::Assign(slot, Box::new(operand.node)));
            if operand.of.takes_null() {
                let null = same(Node::Local(slot), Node::Constant(Datum::Null), false, at);
                test = Some(match test {
                    Some(test) => Node::Or(vec![test, null]),
                    None => null,
                });
            }
            operands.push(Bound::new(Node::Local(slot), operand.of.without_null().clone(), operand.at));
        }
        let (Some(right), Some(left)) = (operands.pop(), operands.pop()) else { return Bound::unknown(at) };
        let result = self.binary(operator, left, right);
        let is_truth = result.of == Type::Bool;
        let (null, of) = match is_truth {
            true => (Datum::Bool(operator == BinaryOperator::NotEqual), Type::Bool),
            false => (Datum::Null, Type::nullable(result.of)),
        };
        let test = test.unwrap_or(Node::Constant(Datum::Bool(false)));
        nodes.push(Node::Conditional(Box::new((test, Node::Constant(null), result.node))));
        Bound::new(Node::Sequence(nodes), of, at)
    }

    /// `==` and `!=`
    fn equality(&mut self, operator: BinaryOperator, left: Bound, right: Bound, at: Span) -> Bound {
        let (l, r) = (left.of.without_null(), right.of.without_null());
        if let Some(of) = promoted(operator, l, r, &left, &right) {
            return self.calculated(operator, (left, right), &of);
        }
        let null = left.of == Type::Null || right.of == Type::Null;
        let fits = match (&left.of, &right.of) {
            _ if null => left.of.takes_null() && right.of.takes_null(),
            _ if l == r => true,
            _ if enumeration(l).is_some() => fits(&right, l),
            _ if enumeration(r).is_some() => fits(&left, r),
            (left, right) => {
                !left.is_value()
                    && !right.is_value()
                    && (left.derives_from(right) || right.derives_from(left))
            }
        };
        if !fits {
            return self.no_operator(operator, &left.of, &right.of, at);
        }
        let by_value = null || l == r && (l.is_value() || *l == Type::String);
        let (left, right) = match (enumeration(l), enumeration(r)) {
            (Some(_), None) if !null => {
                let of = left.of.clone();
                let right = self.convert(right, &of);
                (left, right)
            }
            (None, Some(_)) if !null => {
                let of = right.of.clone();
                let left = self.convert(left, &of);
                (left, right)
            }
            _ => (left, right),
        };
        let operation = match operator {
            BinaryOperator::Equal => Operation::Same { by_value },
            _ => Operation::NotSame { by_value },
        };
        operation_on(operation, false, (left.node, right.node), Type::Bool, at)
    }

    fn shift(&mut self, operator: BinaryOperator, left: Bound, right: Bound, at: Span) -> Bound {
        let of = match left.of.without_null() {
            of @ (Type::Int | Type::UInt | Type::Long | Type::ULong) => of.clone(),
            of if converts(of, &Type::Int) => Type::Int,
            _ => return self.no_operator(operator, &left.of, &right.of, at),
        };
        if !converts(right.of.without_null(), &Type::Int) {
            return self.no_operator(operator, &left.of, &right.of, at);
        }
        let operation = match operator {
            BinaryOperator::ShiftLeft => Operation::ShiftLeft,
            _ => Operation::ShiftRight,
        };
        let lifted = is_lifted(&left) || is_lifted(&right);
        let (left, right) = (self.operand(left, &of), self.operand(right, &Type::Int));
        let of = if lifted { Type::nullable(of) } else { of };
        operation_on(operation, lifted, (left, right), of, at)
    }

    /// Arithmetic, comparisons, and `&`, `|`, `^`.
    fn numeric(&mut self, operator: BinaryOperator, left: Bound, right: Bound, at: Span) -> Bound {
        let (l, r) = (left.of.without_null().clone(), right.of.without_null().clone());
        if let Some(bits) = bits(operator) {
            let of = if l == r && (l == Type::Bool || enumeration(&l).is_some()) {
                Some(l)
            } else {
                promoted(operator, &l, &r, &left, &right).filter(Type::is_whole)
            };
            let Some(of) = of else { return self.no_operator(operator, &left.of, &right.of, at) };
            let lifted = is_lifted(&left) || is_lifted(&right);
            let (left, right) = (self.operand(left, &of), self.operand(right, &of));
            let of = if lifted { Type::nullable(of) } else { of };
            return operation_on(Operation::Bits(bits), lifted, (left, right), of, at);
        }
        if l == r && enumeration(&l).is_some() && comparison(operator).is_some() {
            let (left, right) = (self.cast(left, &Type::Int, at), self.cast(right, &Type::Int, at));
            return self.numeric(operator, left, right, at);
        }
        match promoted(operator, &l, &r, &left, &right) {
            Some(of) => self.calculated(operator, (left, right), &of),
            None => self.no_operator(operator, &left.of, &right.of, at),
        }
    }

    /// An operator between numbers, carried out in this type.
    fn calculated(&mut self, operator: BinaryOperator, (left, right): (Bound, Bound), of: &Type) -> Bound {
        let at = left.at.to(right.at);
        let Some(kind) = kind(of) else { return self.no_operator(operator, &left.of, &right.of, at) };
        let lifted = is_lifted(&left) || is_lifted(&right);
        let (operation, result) = match (operator, comparison(operator), arithmetic(operator)) {
            (BinaryOperator::Equal, ..) => (Operation::Equal(kind), Type::Bool),
            (BinaryOperator::NotEqual, ..) => (Operation::NotEqual(kind), Type::Bool),
            (_, Some(comparison), _) => (Operation::Compare(comparison, kind), Type::Bool),
            (_, None, Some(arithmetic)) if lifted => {
                (Operation::Arithmetic(arithmetic, kind), Type::nullable(of.clone()))
            }
            (_, None, Some(arithmetic)) => (Operation::Arithmetic(arithmetic, kind), of.clone()),
            _ => return self.no_operator(operator, &left.of, &right.of, at),
        };
        let divides_by_zero = matches!(operator, BinaryOperator::Divide | BinaryOperator::Remainder)
            && of.is_whole()
            && right.constant().and_then(Datum::number).is_some_and(|number| number.to_double() == 0.0);
        if divides_by_zero {
            return self.error(at, "a whole number is divided by the constant 0");
        }
        let (left, right) = (self.operand(left, of), self.operand(right, of));
        operation_on(operation, lifted, (left, right), result, at)
    }

    /// An operand as this type; null passes.
    fn operand(&mut self, operand: Bound, of: &Type) -> Node {
        if operand.of == Type::Null {
            return operand.node;
        }
        let of = if is_lifted(&operand) { Type::nullable(of.clone()) } else { of.clone() };
        self.convert(operand, &of).node
    }

    fn no_operator(&mut self, operator: BinaryOperator, left: &Type, right: &Type, at: Span) -> Bound {
        self.error(at, format!("'{}' does not apply to {left} and {right}", operator.symbol()))
    }
}

/// The node, carried out at once if both operands are constants and nothing is thrown.
fn operation_on(
    operation: Operation,
    lifted: bool,
    (left, right): (Node, Node),
    of: Type,
    at: Span,
) -> Bound {
    if let (Node::Constant(l), Node::Constant(r), false) = (&left, &right, lifted)
        && let Ok(value) = operate(operation, l, r)
    {
        return Bound::new(Node::Constant(value), of, at);
    }
    let term = Term { operation, lifted, right, at: at.start };
    let binary = match left {
        Node::Binary(mut binary) => {
            binary.rest.push(term);
            binary
        }
        first => Box::new(Binary { first, rest: vec![term] }),
    };
    Bound::new(Node::Binary(binary), of, at)
}

fn with(nodes: Vec<Node>, node: Node) -> Vec<Node> {
    let mut nodes = nodes;
    nodes.push(node);
    nodes
}

pub(super) fn same(left: Node, right: Node, by_value: bool, at: Span) -> Node {
    operation_on(Operation::Same { by_value }, false, (left, right), Type::Bool, at).node
}

fn is_lifted(operand: &Bound) -> bool {
    matches!(operand.of, Type::Nullable(_) | Type::Null)
}

/// Whether `+` joins texts.
fn joins(left: &Type, right: &Type) -> bool {
    let text = |of: &Type| *of == Type::String;
    (text(left) || text(right))
        && *left != Type::Void
        && *right != Type::Void
        && *left != Type::Never
        && *right != Type::Never
}

/// `a + b` of texts: long sums become one list of parts.
fn concatenation(left: Bound, right: Bound, at: Span) -> Bound {
    let mut parts = Vec::new();
    for operand in [left, right] {
        match operand.node {
            Node::Concat(inner) => parts.extend(inner),
            node => parts.push(Part::Value(node)),
        }
    }
    Bound::new(joined(parts), Type::String, at)
}

/// Parts as one text; neighbours that are known become one.
pub(super) fn joined(parts: Vec<Part>) -> Node {
    let mut known: Vec<Part> = Vec::with_capacity(parts.len());
    for part in parts {
        let text = match &part {
            Part::Text(text) => Some(text.to_string()),
            Part::Value(Node::Constant(value)) => crate::dotnet::text::Formattable::to_text(value, "").ok(),
            _ => None,
        };
        match (text, known.last_mut()) {
            (Some(text), Some(Part::Text(last))) => *last = format!("{last}{text}").into(),
            (Some(text), _) => known.push(Part::Text(text.into())),
            (None, _) => known.push(part),
        }
    }
    match &*known {
        [] => Node::Constant(Datum::text("")),
        [Part::Text(text)] => Node::Constant(Datum::String(text.clone())),
        _ => Node::Concat(known),
    }
}

/// The type in which two numbers are calculated; none where C# refuses the pair.
fn promoted(operator: BinaryOperator, left: &Type, right: &Type, l: &Bound, r: &Bound) -> Option<Type> {
    let (left, right) = match (left, right) {
        (Type::Null, of) | (of, Type::Null) if of.is_number() || *of == Type::Char => {
            // `a == null` is no matter of numbers.
            if matches!(operator, BinaryOperator::Equal | BinaryOperator::NotEqual) {
                return None;
            }
            (of, of)
        }
        pair => pair,
    };
    let is_number = |of: &Type| of.is_number() || *of == Type::Char;
    if !is_number(left) || !is_number(right) {
        return None;
    }
    let any = |of: Type| *left == of || *right == of;
    let signed = |of: &Type| matches!(of, Type::SByte | Type::Short | Type::Int | Type::Long);
    if any(Type::Decimal) {
        return (!any(Type::Double) && !any(Type::Float)).then_some(Type::Decimal);
    }
    for of in [Type::Double, Type::Float] {
        if any(of.clone()) {
            return Some(of);
        }
    }
    if any(Type::ULong) {
        let fits = |of: &Type, bound: &Bound| !signed(of) || fits(bound, &Type::ULong);
        return (fits(left, l) && fits(right, r)).then_some(Type::ULong);
    }
    if any(Type::Long) {
        return Some(Type::Long);
    }
    if any(Type::UInt) {
        let fits = |of: &Type, bound: &Bound| !signed(of) || fits(bound, &Type::UInt);
        return Some(if fits(left, l) && fits(right, r) { Type::UInt } else { Type::Long });
    }
    Some(Type::Int)
}

fn kind(of: &Type) -> Option<Kind> {
    Some(match of {
        Type::Int => Kind::Int,
        Type::UInt => Kind::UInt,
        Type::Long => Kind::Long,
        Type::ULong => Kind::ULong,
        Type::Float => Kind::Float,
        Type::Double => Kind::Double,
        Type::Decimal => Kind::Decimal,
        _ => return None,
    })
}

fn arithmetic(operator: BinaryOperator) -> Option<Arithmetic> {
    Some(match operator {
        BinaryOperator::Add => Arithmetic::Add,
        BinaryOperator::Subtract => Arithmetic::Subtract,
        BinaryOperator::Multiply => Arithmetic::Multiply,
        BinaryOperator::Divide => Arithmetic::Divide,
        BinaryOperator::Remainder => Arithmetic::Remainder,
        _ => return None,
    })
}

fn comparison(operator: BinaryOperator) -> Option<Comparison> {
    Some(match operator {
        BinaryOperator::Less => Comparison::Less,
        BinaryOperator::LessOrEqual => Comparison::LessOrEqual,
        BinaryOperator::Greater => Comparison::Greater,
        BinaryOperator::GreaterOrEqual => Comparison::GreaterOrEqual,
        _ => return None,
    })
}

fn bits(operator: BinaryOperator) -> Option<Bits> {
    Some(match operator {
        BinaryOperator::BitAnd => Bits::And,
        BinaryOperator::BitOr => Bits::Or,
        BinaryOperator::BitXor => Bits::Xor,
        _ => return None,
    })
}
