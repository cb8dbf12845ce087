//! New objects, arrays and anonymous objects, and the default of a type.

use std::sync::Arc;

use larder_proto::envelope::{Date, DateKind, Decimal};

use super::binder::{Binder, Bound};
use super::conversion::{enumeration, fits};
use super::member::{Ask, array, members};
use super::overload::{Given, GivenValue};
use super::path::constructors;
use crate::dotnet::date::{DateOffset, Span as TimeSpan};
use crate::dotnet::{Datum, guid};
use crate::expression::position::Span;
use crate::expression::run::Node;
use crate::expression::syntax::{
    self, AnonymousMember, Argument, Element, Expression, ExpressionKind, Identifier, Initialiser,
};
use crate::expression::types::{ClassKind, INDEXER, MemberKind, Type, info};

impl Binder {
    /// `new T(…) { … }`
    pub(super) fn new_object(
        &mut self,
        target: &syntax::Type,
        arguments: &[Argument],
        initialiser: Option<&Initialiser>,
        at: Span,
    ) -> Bound {
        let of = self.resolve(target);
        let given = self.given(arguments);
        if of.is_unknown() {
            return Bound::unknown(at);
        }
        let object = self.constructed(&of, given, at);
        match initialiser {
            Some(initialiser) if !object.of.is_unknown() => self.initialised(object, initialiser, at),
            _ => object,
        }
    }

    fn constructed(&mut self, of: &Type, given: Vec<Given<'_>>, at: Span) -> Bound {
        let found = constructors(of);
        if of.is_value() && given.is_empty() {
            return Bound::new(Node::Constant(default_of(of)), of.clone(), at);
        }
        if let (Some(_), [Given { value: GivenValue::Lambda(lambda), at, .. }]) = (of.delegate(), &*given) {
            return self.lambda(lambda, of, *at);
        }
        if found.is_empty() {
            let why = match of.as_class().map(|(class, _)| info(class)) {
                Some(class) if class.refused.is_some() => return Bound::unknown(at),
                Some(class) if matches!(class.kind, ClassKind::Static) => "it is static",
                Some(class) if matches!(class.kind, ClassKind::Interface) => "it is an interface",
                _ => "it has no constructor",
            };
            return self.error(at, format!("{of} cannot be made with 'new': {why}"));
        }
        let name = format!("new {of}");
        let mut object = self.call(&found, None, given, &Ask::of(&name, at));
        if !object.of.is_unknown() {
            object.of = of.clone();
        }
        object
    }

    /// What stands in the braces, put into a new object.
    fn initialised(&mut self, object: Bound, initialiser: &Initialiser, at: Span) -> Bound {
        let of = object.of.clone();
        let slot = self.function().slot();
        let mut nodes = vec![Node::Assign(slot, Box::new(object.node))];
        let new = || Bound::new(Node::Local(slot), of.clone(), at);
        match initialiser {
            Initialiser::Members(members) => {
                for (name, value) in members {
                    let node = self.set_member(new(), name, value);
                    nodes.push(node);
                }
            }
            Initialiser::Elements(elements) => {
                for element in elements {
                    let node = self.element(new(), element, at);
                    nodes.push(node);
                }
            }
        }
        nodes.push(Node::Local(slot));
        Bound::new(Node::Sequence(nodes), of, at)
    }

    fn set_member(&mut self, object: Bound, name: &Identifier, value: &Expression) -> Node {
        let found = members(&object.of, &name.name, |kind, _| kind == MemberKind::PropertySet);
        let Some(first) = found.first() else {
            return self.not_settable(&object.of, name).node;
        };
        let wanted = first.member.result.with(&first.owner);
        let value = self.expression_as(value, &wanted);
        let set = self.call(&found, Some(object.node), Vec::new(), &Ask::of(&name.name, name.span));
        with_value(set.node, value.node)
    }

    /// The error for a member that cannot be assigned to.
    pub(super) fn not_settable(&mut self, of: &Type, name: &Identifier) -> Bound {
        let found = members(of, &name.name, |kind, _| kind == MemberKind::Property);
        if found.is_empty() {
            return self.no_member(of, &name.name, false, name.span);
        }
        self.error(name.span, format!("{of}.{} cannot be changed", name.name))
    }

    fn element(&mut self, object: Bound, element: &Element, at: Span) -> Node {
        let values: Vec<&Expression> = match element {
            Element::Single(value) => vec![value],
            Element::Several(values) => values.iter().collect(),
            Element::Indexed(index, value) => return self.indexed(object, index, value),
        };
        let found = members(&object.of, "Add", |kind, is_static| kind == MemberKind::Method && !is_static);
        if found.is_empty() {
            return self
                .error(at, format!("{} has no method 'Add' for what stands in the braces", object.of))
                .node;
        }
        let given = values.into_iter().map(|value| self.value_given(value)).collect();
        self.call(&found, Some(object.node), given, &Ask::of(&"Add", at)).node
    }

    fn indexed(&mut self, object: Bound, index: &Expression, value: &Expression) -> Node {
        let found = members(&object.of, INDEXER, |kind, _| kind == MemberKind::IndexerSet);
        if found.is_empty() {
            return self
                .error(index.span, format!("{} has no indexer that can be assigned to", object.of))
                .node;
        }
        let given = vec![self.value_given(index)];
        let name = format!("the indexer of {}", object.of);
        let set = self.call(&found, Some(object.node), given, &Ask::of(&name, index.span));
        let value = self.expression_as(value, &set.of);
        with_value(set.node, value.node)
    }

    /// An expression as what is handed in.
    pub(super) fn value_given<'s>(&mut self, value: &'s Expression) -> Given<'s> {
        let given = match &value.kind {
            ExpressionKind::Lambda(lambda) => GivenValue::Lambda(lambda),
            _ => GivenValue::Value(self.expression(value)),
        };
        Given { name: None, value: given, at: value.span }
    }

    /// `new T[n]`, `new T[] { … }`, `new[] { … }`
    pub(super) fn new_array(
        &mut self,
        element: Option<&syntax::Type>,
        length: Option<&Expression>,
        elements: Option<&[Expression]>,
        at: Span,
    ) -> Bound {
        let Some(element) = element else {
            return self.untyped_array(elements.unwrap_or_default(), None, at);
        };
        let element = self.resolve(element);
        let length = length.map(|length| self.expression_as(length, &Type::Int));
        let of = Type::array(element.clone());
        let Some(elements) = elements else {
            let length = length.map_or(Node::Constant(Datum::Int(0)), |length| length.node);
            let name: Arc<str> = of.to_string().into();
            let filled = (name, length, default_of(&element), at.start);
            return Bound::new(Node::Filled(Box::new(filled)), of, at);
        };
        if let Some(length) = length {
            let right =
                matches!(length.constant(), Some(Datum::Int(n)) if usize::try_from(*n) == Ok(elements.len()));
            if !right && !length.of.is_unknown() {
                self.tell(length.at.start, format!("the array has {} elements", elements.len()));
            }
        }
        let nodes = elements.iter().map(|value| self.expression_as(value, &element).node).collect();
        Bound::new(array(&element, nodes), of, at)
    }

    /// `new[] { … }`: of the type that all elements convert to, or of the one that is wanted.
    pub(super) fn untyped_array(
        &mut self,
        elements: &[Expression],
        wanted: Option<&Type>,
        at: Span,
    ) -> Bound {
        let values: Vec<Bound> = elements.iter().map(|value| self.expression(value)).collect();
        if values.iter().any(|value| value.of.is_unknown()) {
            return Bound::unknown(at);
        }
        let wanted = match wanted {
            Some(Type::Array(element)) => Some((**element).clone()),
            _ => None,
        };
        let common =
            values.iter().map(|value| &value.of).find(|of| values.iter().all(|value| fits(value, of)));
        let Some(element) = common.filter(|of| **of != Type::Null).cloned().or(wanted) else {
            return self.error(at, "the elements have no type in common: write new T[] { … }");
        };
        let nodes = values.into_iter().map(|value| self.convert(value, &element).node).collect();
        Bound::new(array(&element, nodes), Type::array(element), at)
    }

    /// `new { a = 1, b.c }`
    pub(super) fn new_anonymous(&mut self, members: &[AnonymousMember], at: Span) -> Bound {
        let mut types: Vec<(Arc<str>, Type)> = Vec::with_capacity(members.len());
        let mut nodes = Vec::with_capacity(members.len());
        for member in members {
            let value = self.expression(&member.value);
            if matches!(value.of, Type::Null | Type::Void | Type::Never) {
                self.tell(value.at.start, format!("'{}' needs a value with a type", member.name.name));
            }
            if types.iter().any(|(name, _)| *name == member.name.name) {
                self.tell(member.name.span.start, format!("'{}' stands twice", member.name.name));
            }
            types.push((member.name.name.clone(), value.of));
            nodes.push(value.node);
        }
        let names = types.iter().map(|(name, _)| name.clone()).collect();
        Bound::new(Node::Anonymous(names, nodes), Type::Anonymous(types.into()), at)
    }
}

/// The call of a setter with the value as its last argument.
pub(super) fn with_value(call: Node, value: Node) -> Node {
    match call {
        Node::Call(mut call) => {
            call.arguments.push(value);
            Node::Call(call)
        }
        // An error has been told.
        _ => value,
    }
}

/// `default(T)`
pub(in crate::expression) fn default_of(of: &Type) -> Datum {
    match of {
        Type::Bool => Datum::Bool(false),
        Type::Char => Datum::Char(0),
        Type::SByte => Datum::SByte(0),
        Type::Byte => Datum::Byte(0),
        Type::Short => Datum::Short(0),
        Type::UShort => Datum::UShort(0),
        Type::Int => Datum::Int(0),
        Type::UInt => Datum::UInt(0),
        Type::Long => Datum::Long(0),
        Type::ULong => Datum::ULong(0),
        Type::Float => Datum::Float(0.0),
        Type::Double => Datum::Double(0.0),
        Type::Decimal => Datum::Decimal(Decimal::ZERO),
        Type::Class(class, _) => match (enumeration(of), &*info(*class).name) {
            (Some(kind), _) => Datum::Enum(kind.number(0)),
            (None, "DateTime") => Date::new(0, DateKind::Unspecified).map_or(Datum::Null, Datum::Date),
            (None, "TimeSpan") => Datum::Span(TimeSpan::ZERO),
            (None, "Guid") => Datum::Guid(guid::EMPTY),
            (None, "DateTimeOffset") => DateOffset::new(0, 0).map_or(Datum::Null, Datum::DateOffset),
            _ => Datum::Null,
        },
        _ => Datum::Null,
    }
}
