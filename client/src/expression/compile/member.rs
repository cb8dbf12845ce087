//! Members by their names: which there are on a type, and a call of the one that is meant.

use std::fmt;
use std::sync::Arc;

use super::binder::{Binder, Bound};
use super::near;
use super::overload::{Candidate, Fit, Given, GivenValue, Source};
use crate::dotnet::Datum;
use crate::expression::members::Run;
use crate::expression::position::Span;
use crate::expression::run::{CallNode, Node, Out};
use crate::expression::syntax::OutTarget;
use crate::expression::types::{MemberInfo, MemberKind, Mode, Type, info, table};

/// What is asked of candidates: their name for messages, where the call stands, and the type arguments that
/// are written.
pub(super) struct Ask<'a> {
    pub(super) name: &'a dyn fmt::Display,
    pub(super) at: Span,
    pub(super) explicit: &'a [Type],
}

impl<'a> Ask<'a> {
    /// Without type arguments.
    pub(super) fn of(name: &'a dyn fmt::Display, at: Span) -> Self {
        Self { name, at, explicit: &[] }
    }
}

/// Members with this name that fit a test, those of the type itself first, then of what it derives from.
pub(super) fn members(of: &Type, name: &str, test: impl Fn(MemberKind, bool) -> bool) -> Vec<Candidate> {
    // What has no class of its own has the members of `object`.
    let Some((class, arguments)) = of.as_class().or_else(|| Type::Object.as_class()) else {
        return Vec::new();
    };
    let fitting = info(class).named(name).iter().filter(|one| test(one.member.kind, one.member.is_static));
    fitting.map(|one| Candidate { member: &one.member, owner: one.owner(&arguments) }).collect()
}

/// Extension methods with this name.
pub(super) fn extensions(name: &str) -> &'static [Arc<MemberInfo>] {
    table().extensions.get(name).map(Vec::as_slice).unwrap_or_default()
}

/// Names of members, for those that are nearly right.
pub(super) fn names_of(of: &Type, is_static: bool) -> Vec<Arc<str>> {
    let mut found: Vec<Arc<str>> = Vec::new();
    for base in std::iter::once(of.clone()).chain(super::conversion::ancestors(of)) {
        let Some((class, _)) = base.as_class() else { continue };
        for (name, members) in &info(class).members {
            let named = |kind| matches!(kind, MemberKind::Property | MemberKind::Method);
            if members.iter().any(|member| member.is_static == is_static && named(member.kind)) {
                found.push(name.clone());
            }
        }
    }
    if !is_static {
        found.extend(table().extensions.keys().cloned());
    }
    found.sort();
    found
}

impl Binder {
    /// The error for a name that is no member.
    pub(super) fn no_member(&mut self, of: &Type, name: &str, is_static: bool, at: Span) -> Bound {
        if of.is_unknown() {
            return Bound::unknown(at);
        }
        let names = names_of(of, is_static);
        let hint = near::hint(name, names.iter().map(|name| &**name));
        let what = if is_static { "static member" } else { "member" };
        let hint = match (hint.is_empty(), names.iter().any(|known| **known == *name)) {
            (true, true) => "; it is one of another kind".to_owned(),
            _ => hint,
        };
        self.error(at, format!("{of} has no {what} '{name}'{hint}"))
    }

    /// A call of the best candidate, or the error that none takes the arguments.
    pub(super) fn call(
        &mut self,
        candidates: &[Candidate],
        receiver: Option<Node>,
        given: Vec<Given<'_>>,
        ask: &Ask<'_>,
    ) -> Bound {
        let at = ask.at;
        let has_errors = given
            .iter()
            .any(|given| matches!(&given.value, GivenValue::Value(value) if value.of.is_unknown()));
        match self.best(candidates, &given, ask.explicit) {
            Some(fit) => self.call_of(fit, receiver, given, at),
            None if has_errors => {
                self.declare_outs(&given);
                Bound::unknown(at)
            }
            None => self.no_fit(candidates, &given, ask),
        }
    }

    /// Says what the arguments are, and what would be taken.
    fn no_fit(&mut self, candidates: &[Candidate], given: &[Given<'_>], ask: &Ask<'_>) -> Bound {
        let Ask { name, at, explicit } = *ask;
        self.declare_outs(given);
        if let [only] = candidates
            && self.explain_lambda(only, given)
        {
            return Bound::unknown(at);
        }
        let given: Vec<String> = given
            .iter()
            .map(|given| match &given.value {
                GivenValue::Value(value) => value.of.to_string(),
                GivenValue::Lambda(lambda) => format!("a lambda of {}", lambda.parameters.len()),
                GivenValue::Out(_) => "out".to_owned(),
            })
            .collect();
        let takes: Vec<String> =
            candidates.iter().take(3).map(|candidate| signature(candidate, explicit)).collect();
        let more = if candidates.len() > 3 { " and others" } else { "" };
        let text =
            format!("{name} does not take ({}); it takes {}{more}", given.join(", "), takes.join(", "));
        self.error(at, text)
    }

    /// Variables that a call with an error would have declared: uses of them are no errors of their own.
    pub(super) fn declare_outs(&mut self, given: &[Given<'_>]) {
        for given in given {
            if let GivenValue::Out(OutTarget::Declare { name, .. }) = given.value {
                self.declare(name, Type::Unknown, true);
            }
        }
    }

    /// Tells the errors in the lambdas of a call; whether there are any.
    fn explain_lambda(&mut self, candidate: &Candidate, given: &[Given<'_>]) -> bool {
        let errors = self.errors.len();
        let mut types: Vec<Type> = candidate.owner.to_vec();
        types.resize(candidate.owner.len() + candidate.member.generics, Type::Unknown);
        for (given, parameter) in given.iter().zip(&candidate.member.parameters) {
            let of = parameter.of.with(&types);
            if let (GivenValue::Lambda(lambda), Some(_)) = (&given.value, of.delegate()) {
                self.lambda(lambda, &of, given.at);
            }
        }
        self.errors.len() > errors
    }

    /// The call itself.
    pub(super) fn call_of(
        &mut self,
        fit: Fit,
        receiver: Option<Node>,
        given: Vec<Given<'_>>,
        at: Span,
    ) -> Bound {
        #[cfg(test)]
        crate::expression::members::used(fit.member);
        let result = fit.member.result.with(&fit.types);
        let run = match fit.member.run {
            Run::Call(run) => run,
            Run::Refused(reason) => {
                let text = format!(
                    "{}.{} cannot be used here: {reason}",
                    info(fit.member.owner).name,
                    fit.member.name
                );
                return self.error(at, text);
            }
        };
        let result = if fit.member.kind == MemberKind::Constructor {
            Type::Class(fit.member.owner, fit.types[..fit.owner_types].into())
        } else {
            result
        };
        // Members of `int?` are asked of null, too.
        let takes_null = &*info(fit.member.owner).name == "Nullable";
        let has_receiver = receiver.is_some() && !fit.member.is_static && !takes_null;
        let mut arguments = Vec::with_capacity(fit.sources.len() + usize::from(receiver.is_some()));
        arguments.extend(receiver);
        let mut given: Vec<Option<Given<'_>>> = given.into_iter().map(Some).collect();
        let mut outs = Vec::new();
        for (source, parameter) in fit.sources.iter().zip(&fit.member.parameters) {
            let of = parameter.of.with(&fit.types);
            let mut take = |number: &usize| given.get_mut(*number).and_then(Option::take);
            let node = match source {
                Source::Default(value) => {
                    self.convert(
                        Bound::new(Node::Constant(value.clone()), type_of_default(value, &of), at),
                        &of,
                    )
                    .node
                }
                Source::Given(number) => match take(number) {
                    Some(Given { value: GivenValue::Out(target), at, .. }) => {
                        if let Some(slot) = self.out(target, &of, at) {
                            outs.push(Out { argument: arguments.len(), slot });
                        }
                        Node::Constant(super::create::default_of(&of))
                    }
                    Some(given) => self.argument(given, &of),
                    None => Node::Constant(Datum::Null),
                },
                Source::Several(numbers) => {
                    let given: Vec<Given<'_>> = numbers.iter().filter_map(take).collect();
                    let Type::Array(element) = &of else { continue };
                    let nodes = given.into_iter().map(|given| self.argument(given, element)).collect();
                    array(element, nodes)
                }
            };
            arguments.push(node);
        }
        // A constructor is told the type arguments of its class.
        let own = if fit.member.kind == MemberKind::Constructor { 0 } else { fit.owner_types };
        let types = fit.types[own..].to_vec();
        let call = CallNode { run, arguments, types, has_receiver, outs, at: at.start };
        Bound::new(Node::Call(Box::new(call)), result, at)
    }

    /// An argument as a parameter of this type.
    fn argument(&mut self, given: Given<'_>, of: &Type) -> Node {
        match given.value {
            GivenValue::Value(value) => self.convert(value, of).node,
            GivenValue::Lambda(lambda) => self.lambda(lambda, of, given.at).node,
            GivenValue::Out(_) => Node::Constant(Datum::Null),
        }
    }

    /// The slot for what comes back through `out`; none for `_`.
    fn out(&mut self, target: &OutTarget, of: &Type, at: Span) -> Option<u32> {
        match target {
            OutTarget::Declare { name, .. } if &*name.name == "_" => None,
            OutTarget::Declare { name, .. } => Some(self.declare(name, of.clone(), true)),
            OutTarget::Existing(name) => match self.variable(&name.name) {
                Some(found) => {
                    self.must_be_changeable(&found, &name.name, at);
                    self.mark_assigned(&found);
                    Some(found.slot)
                }
                None if &*name.name == "_" => None,
                None => {
                    self.no_name(&name.name, name.span);
                    None
                }
            },
        }
    }
}

/// A new array of these elements.
pub(super) fn array(element: &Type, nodes: Vec<Node>) -> Node {
    match element {
        Type::Byte => Node::Bytes(nodes),
        element => Node::Array(format!("{element}[]").into(), nodes),
    }
}

fn type_of_default(value: &Datum, of: &Type) -> Type {
    match value {
        Datum::Null => Type::Null,
        Datum::Bool(_) => Type::Bool,
        Datum::Int(_) => Type::Int,
        Datum::String(_) => Type::String,
        _ => of.clone(),
    }
}

/// How a candidate is declared, without its result.
fn signature(candidate: &Candidate, explicit: &[Type]) -> String {
    let mut types: Vec<Type> = candidate.owner.to_vec();
    types.extend(explicit.iter().cloned());
    let parameters = candidate.member.parameters.iter().map(|parameter| {
        let mode = match parameter.mode {
            Mode::Value => "",
            Mode::Out => "out ",
            Mode::Params => "params ",
        };
        format!("{mode}{} {}", parameter.of.with(&types), parameter.name)
    });
    format!("({})", parameters.collect::<Vec<_>>().join(", "))
}
