//! Paths: a value or a type, and what is taken from it, from left to right.

use std::fmt;
use std::sync::Arc;

use super::binder::{Binder, Bound};
use super::member::{Ask, extensions, members};
use super::near;
use super::overload::{Candidate, Given, GivenValue};
use super::types::{is_namespace, type_named, type_names};
use crate::dotnet::Datum;
use crate::dotnet::object::Part;
use crate::expression::position::Span;
use crate::expression::run::{GuardNode, Node};
use crate::expression::syntax::{
    Argument, ArgumentValue, Expression, ExpressionKind, Identifier, Step, StepKind,
};
use crate::expression::types::{INDEXER, MemberInfo, MemberKind, Type};

/// What a step takes something from.
enum Receiver {
    Value(Bound),
    Type(Type),
}

/// How messages call an indexer.
struct IndexerOf<'a>(&'a Type);

impl fmt::Display for IndexerOf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the indexer of {}", self.0)
    }
}

impl Binder {
    /// A path.
    pub(super) fn path(&mut self, root: &Expression, steps: &[Step], at: Span) -> Bound {
        let (receiver, taken) = self.root(root, steps);
        match receiver {
            Receiver::Value(value) => self.steps(value, &steps[taken..], at),
            Receiver::Type(of) => match steps[taken..].split_first() {
                Some((first, rest)) => {
                    let value = self.static_step(&of, first);
                    self.steps(value, rest, at)
                }
                None => self.error(at, format!("{of} is a type, a value was expected")),
            },
        }
    }

    /// What a path begins with, and how many steps belong to that: the parts of the name of a type.
    fn root(&mut self, root: &Expression, steps: &[Step]) -> (Receiver, usize) {
        let (name, arguments) = match &root.kind {
            ExpressionKind::Name { name, type_arguments } => (name, type_arguments),
            ExpressionKind::Predefined(predefined) => return (Receiver::Type((*predefined).into()), 0),
            _ => return (Receiver::Value(self.expression(root)), 0),
        };
        if &*name.name == "context" || self.variable(&name.name).is_some() {
            return (Receiver::Value(self.expression(root)), 0);
        }
        let arguments: Vec<Type> = arguments.iter().map(|argument| self.resolve(argument)).collect();
        if let Some(of) = type_named("", &name.name, &arguments) {
            self.must_be_usable(&of, root.span);
            return (Receiver::Type(of), 0);
        }
        let mut namespace = name.name.to_string();
        for (number, step) in steps.iter().enumerate() {
            let StepKind::Member { name, type_arguments } = &step.kind else { break };
            if step.conditional || !is_namespace(&namespace) {
                break;
            }
            let arguments: Vec<Type> = type_arguments.iter().map(|argument| self.resolve(argument)).collect();
            if let Some(of) = type_named(&namespace, &name.name, &arguments) {
                self.must_be_usable(&of, root.span);
                return (Receiver::Type(of), number + 1);
            }
            namespace = format!("{namespace}.{}", name.name);
        }
        (Receiver::Value(self.no_name(&name.name, root.span)), 0)
    }

    /// The error for a name that is nothing.
    pub(super) fn no_name(&mut self, name: &str, at: Span) -> Bound {
        let variables: Vec<String> =
            self.functions.iter().flat_map(|function| function.names()).map(str::to_owned).collect();
        let mut known: Vec<&str> = vec!["context", "nameof"];
        known.extend(variables.iter().map(|variable| -> &str { variable }));
        for name in type_names() {
            known.push(name);
        }
        let hint = near::hint(name, known.into_iter());
        self.error(at, format!("there is no variable or type '{name}'{hint}"))
    }

    /// What is taken from a value.
    fn steps(&mut self, value: Bound, steps: &[Step], at: Span) -> Bound {
        let mut value = value;
        for (number, step) in steps.iter().enumerate() {
            if value.of.is_unknown() {
                self.look_at_rest(&steps[number..]);
                return Bound::unknown(at);
            }
            if step.conditional {
                return self.guarded(value, &steps[number..], at);
            }
            value = self.step(value, step);
            value.at = Span { start: at.start, end: step.span.end };
        }
        value
    }

    /// `a?.b…`
    fn guarded(&mut self, value: Bound, steps: &[Step], at: Span) -> Bound {
        let Some((first, rest)) = steps.split_first() else { return value };
        if !value.of.takes_null() {
            return self.error(first.span, format!("{} is never null: '?' has no meaning here", value.of));
        }
        let slot = self.function().slot();
        let receiver = Bound::new(Node::Local(slot), value.of.without_null().clone(), value.at);
        let taken = self.step(receiver, first);
        let taken = self.steps(taken, rest, at);
        let of = if taken.of.is_value() { Type::nullable(taken.of.without_null().clone()) } else { taken.of };
        Bound::new(Node::Guard(Box::new(GuardNode { receiver: value.node, slot, rest: taken.node })), of, at)
    }

    /// Tells errors in the arguments behind an error.
    fn look_at_rest(&mut self, steps: &[Step]) {
        for step in steps {
            if let StepKind::Method { arguments, .. }
            | StepKind::Index(arguments)
            | StepKind::Invoke(arguments) = &step.kind
            {
                let given = self.given(arguments);
                self.declare_outs(&given);
            }
        }
    }

    fn step(&mut self, value: Bound, step: &Step) -> Bound {
        match &step.kind {
            StepKind::Member { name, .. } => self.property(value, name, step.span),
            StepKind::Method { name, type_arguments, arguments } => {
                let given = self.given(arguments);
                let explicit: Vec<Type> =
                    type_arguments.iter().map(|argument| self.resolve(argument)).collect();
                let ask = Ask { name: &name.name, at: step.span, explicit: &explicit };
                self.method(value, name, given, &ask)
            }
            StepKind::Index(arguments) => {
                let given = self.given(arguments);
                self.index(value, given, step.span)
            }
            StepKind::Invoke(arguments) => {
                let given = self.given(arguments);
                self.invoke(value, given, step.span)
            }
        }
    }

    fn property(&mut self, value: Bound, name: &Identifier, at: Span) -> Bound {
        if let Type::Anonymous(members) = &value.of {
            return match members.iter().position(|(known, _)| *known == name.name) {
                Some(number) => {
                    let of = members[number].1.clone();
                    Bound::new(Node::Member(Box::new((value.node, number, at.start))), of, at)
                }
                None => {
                    let hint = near::hint(&name.name, members.iter().map(|(known, _)| &**known));
                    self.error(name.span, format!("the anonymous object has no member '{}'{hint}", name.name))
                }
            };
        }
        let found =
            members(&value.of, &name.name, |kind, is_static| kind == MemberKind::Property && !is_static);
        if found.is_empty() {
            if !members(&value.of, &name.name, |kind, _| kind == MemberKind::Method).is_empty()
                || !extensions(&name.name).is_empty()
            {
                return self
                    .error(name.span, format!("'{}' is a method: it is called with parentheses", name.name));
            }
            return self.no_member(&value.of, &name.name, false, name.span);
        }
        self.note_needs(&value, &name.name);
        self.call(&found, Some(value.node), Vec::new(), &Ask::of(&name.name, at))
    }

    fn method(&mut self, value: Bound, name: &Identifier, given: Vec<Given<'_>>, ask: &Ask<'_>) -> Bound {
        if let Some((number, of)) = held_delegate(&value, name) {
            let held = Node::Member(Box::new((value.node, number, ask.at.start)));
            return self.invoke(Bound::new(held, of, value.at), given, ask.at);
        }
        let found =
            members(&value.of, &name.name, |kind, is_static| kind == MemberKind::Method && !is_static);
        let known = extensions(&name.name);
        if !found.is_empty() {
            if known.is_empty() {
                return self.call(&found, Some(value.node), given, ask);
            }
            if let Some(fit) = self.best(&found, &given, ask.explicit) {
                return self.call_of(fit, Some(value.node), given, ask.at);
            }
        }
        let is_this = |member: &&Arc<MemberInfo>| {
            member.parameters.first().is_some_and(|first| may_be_this(&value.of, &first.of))
        };
        let known = known.iter().filter(is_this);
        let known: Vec<_> = known.map(|member| Candidate { member, owner: Arc::default() }).collect();
        if known.is_empty() && found.is_empty() {
            self.declare_outs(&given);
            return self.no_member(&value.of, &name.name, false, name.span);
        }
        if known.is_empty() {
            return self.call(&found, Some(value.node), given, ask);
        }
        let this = Given { name: None, at: value.at, value: GivenValue::Value(value) };
        let given = std::iter::once(this).chain(given).collect();
        self.call(&known, None, given, ask)
    }

    fn index(&mut self, value: Bound, given: Vec<Given<'_>>, at: Span) -> Bound {
        let found = members(&value.of, INDEXER, |kind, _| kind == MemberKind::Indexer);
        if found.is_empty() {
            return self.error(at, format!("{} has no indexer", value.of));
        }
        let name = IndexerOf(&value.of.clone());
        self.call(&found, Some(value.node), given, &Ask::of(&name, at))
    }

    /// Calls a delegate.
    pub(super) fn invoke(&mut self, value: Bound, given: Vec<Given<'_>>, at: Span) -> Bound {
        let Some(delegate) = value.of.delegate() else {
            return self.error(at, format!("{} cannot be called", value.of));
        };
        if given.len() != delegate.parameters.len() {
            let text = format!("expected {} arguments, found {}", delegate.parameters.len(), given.len());
            return self.error(at, text);
        }
        let mut arguments = Vec::new();
        for (given, of) in given.into_iter().zip(&delegate.parameters) {
            arguments.push(match given.value {
                GivenValue::Value(value) => self.convert(value, of).node,
                GivenValue::Lambda(lambda) => self.lambda(lambda, of, given.at).node,
                GivenValue::Out(_) => {
                    self.error(given.at, "a delegate gives nothing back through 'out'").node
                }
            });
        }
        Bound::new(Node::Invoke(Box::new((value.node, arguments, at.start))), delegate.result, at)
    }

    fn static_step(&mut self, of: &Type, step: &Step) -> Bound {
        if of.is_unknown() {
            self.look_at_rest(std::slice::from_ref(step));
            return Bound::unknown(step.span);
        }
        match &step.kind {
            StepKind::Member { name, .. } => self.static_property(of, name, step.span),
            StepKind::Method { name, type_arguments, arguments } => {
                let given = self.given(arguments);
                let explicit: Vec<Type> =
                    type_arguments.iter().map(|argument| self.resolve(argument)).collect();
                let found =
                    members(of, &name.name, |kind, is_static| kind == MemberKind::Method && is_static);
                if found.is_empty() {
                    self.declare_outs(&given);
                    return self.no_member(of, &name.name, true, name.span);
                }
                let ask = Ask { name: &name.name, at: step.span, explicit: &explicit };
                self.call(&found, None, given, &ask)
            }
            StepKind::Index(_) | StepKind::Invoke(_) => {
                self.error(step.span, format!("{of} is a type, a value was expected"))
            }
        }
    }

    fn static_property(&mut self, of: &Type, name: &Identifier, at: Span) -> Bound {
        if let Some(kind) = super::conversion::enumeration(of) {
            return match kind.value(&name.name) {
                Some(value) => Bound::new(Node::Constant(Datum::Enum(value)), of.clone(), at),
                None => {
                    let hint = near::hint(&name.name, kind.values.iter().map(|(known, _)| *known));
                    self.error(name.span, format!("{of} has no value '{}'{hint}", name.name))
                }
            };
        }
        let found = members(of, &name.name, |kind, is_static| kind == MemberKind::Property && is_static);
        if found.is_empty() {
            return self.no_member(of, &name.name, true, name.span);
        }
        self.call(&found, None, Vec::new(), &Ask::of(&name.name, at))
    }

    /// Arguments; lambdas wait until it is known what they are handed to.
    pub(super) fn given<'s>(&mut self, arguments: &'s [Argument]) -> Vec<Given<'s>> {
        arguments
            .iter()
            .map(|argument| match &argument.value {
                ArgumentValue::Value(Expression { kind: ExpressionKind::Lambda(lambda), span }) => {
                    Given { name: argument.name.as_ref(), value: GivenValue::Lambda(lambda), at: *span }
                }
                ArgumentValue::Value(value) => Given {
                    name: argument.name.as_ref(),
                    at: value.span,
                    value: GivenValue::Value(self.expression(value)),
                },
                ArgumentValue::Out(target) => {
                    let at = super::expression::place_of(target);
                    Given { name: argument.name.as_ref(), value: GivenValue::Out(target), at }
                }
            })
            .collect()
    }

    /// A call that a name of its own begins: `nameof(a)`, or a variable that holds a delegate.
    pub(super) fn note_needs(&mut self, value: &Bound, name: &str) {
        if name == "Body" {
            if value.of.is_class("IRequest") {
                self.needs.request_body = true;
            }
            if value.of.is_class("IResponse") && !is_part(&value.node, Part::Request) {
                self.needs.response_body = true;
            }
        }
    }
}

fn is_part(node: &Node, part: Part) -> bool {
    matches!(node, Node::Constant(Datum::Part(found)) if *found == part)
}

/// `a.b(c)` where `b` is a member of an anonymous object that holds a delegate.
fn held_delegate(value: &Bound, name: &Identifier) -> Option<(usize, Type)> {
    let Type::Anonymous(members) = &value.of else { return None };
    let number = members.iter().position(|(known, _)| *known == name.name)?;
    let of = members.get(number)?.1.clone();
    of.delegate().map(|_| (number, of))
}

/// Whether a value may be the `this` of an extension method.
fn may_be_this(of: &Type, declared: &Type) -> bool {
    match declared {
        Type::Parameter(_) => true,
        declared if !declared.is_open() => super::conversion::converts(of, declared),
        Type::Class(class, _) => of.arguments_as(*class).is_some(),
        Type::Array(_) => matches!(of, Type::Array(_)),
        _ => true,
    }
}

/// Candidates of one type, for those that construct it.
pub(super) fn constructors(of: &Type) -> Vec<Candidate> {
    let own = members(of, crate::expression::types::CONSTRUCTOR, |kind, _| kind == MemberKind::Constructor);
    let class = of.as_class().map(|(class, _)| class);
    own.into_iter().filter(|candidate| Some(candidate.member.owner) == class).collect()
}
