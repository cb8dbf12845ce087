//! Which member a call means: the candidates that take the arguments, and the best of them, as C# has it.

use std::sync::Arc;

use super::binder::{Binder, Bound};
use super::conversion::{converts, fits};
use crate::dotnet::Datum;
use crate::expression::position::Span;
use crate::expression::syntax::{Identifier, Lambda, OutTarget};
use crate::expression::types::{MemberInfo, Mode, Type};

/// What is handed in.
#[derive(Debug)]
pub(super) struct Given<'s> {
    pub(super) name: Option<&'s Identifier>,
    pub(super) value: GivenValue<'s>,
    pub(super) at: Span,
}

/// The forms of what is handed in.
#[derive(Debug)]
pub(super) enum GivenValue<'s> {
    Value(Bound),
    Lambda(&'s Lambda),
    Out(&'s OutTarget),
}

/// A member that may be meant.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) member: &'static MemberInfo,
    /// The type arguments of the class that declares it.
    pub(super) owner: Arc<[Type]>,
}

/// A candidate that takes the arguments.
#[derive(Debug)]
pub(super) struct Fit {
    pub(super) member: &'static MemberInfo,
    /// Of the class first, then of the member.
    pub(super) types: Vec<Type>,
    pub(super) owner_types: usize,
    /// What each parameter gets.
    pub(super) sources: Vec<Source>,
    /// The type that each argument becomes, and what a lambda gives.
    becomes: Vec<(Type, Option<Type>)>,
    is_expanded: bool,
    defaults: usize,
}

/// What a parameter gets.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// The argument with this number.
    Given(usize),
    Default(Datum),
    /// An array of the arguments with these numbers.
    Several(Vec<usize>),
}

impl Binder {
    /// The best of the candidates that take the arguments; none if none does.
    pub(super) fn best(
        &mut self,
        candidates: &[Candidate],
        given: &[Given<'_>],
        explicit: &[Type],
    ) -> Option<Fit> {
        let mut best: Option<Fit> = None;
        for candidate in candidates {
            for is_expanded in [false, true] {
                let Some(fit) = self.fit(candidate, given, explicit, is_expanded) else { continue };
                if best.as_ref().is_none_or(|best| fit.is_better_than(best, given)) {
                    best = Some(fit);
                }
                break;
            }
        }
        best
    }

    /// How a candidate takes the arguments, if it does.
    fn fit(
        &mut self,
        candidate: &Candidate,
        given: &[Given<'_>],
        explicit: &[Type],
        is_expanded: bool,
    ) -> Option<Fit> {
        let member = candidate.member;
        if !explicit.is_empty() && explicit.len() != member.generics {
            return None;
        }
        let (sources, defaults) = sources(member, given, is_expanded)?;
        let owner_types = candidate.owner.len();
        let mut types: Vec<Option<Type>> = candidate.owner.iter().cloned().map(Some).collect();
        if explicit.is_empty() {
            types.resize(owner_types + member.generics, None);
            self.infer(member, &sources, given, &mut types);
        } else {
            types.extend(explicit.iter().cloned().map(Some));
        }
        let types: Vec<Type> = types.into_iter().collect::<Option<_>>()?;
        let mut becomes = vec![(Type::Unknown, None); given.len()];
        for (source, parameter) in sources.iter().zip(&member.parameters) {
            let of = parameter.of.with(&types);
            match source {
                Source::Given(number) => {
                    becomes[*number] = self.takes(&given[*number], of, parameter.mode)?
                }
                Source::Several(numbers) => {
                    let Type::Array(element) = of else { return None };
                    for number in numbers {
                        becomes[*number] = self.takes(&given[*number], (*element).clone(), Mode::Value)?;
                    }
                }
                Source::Default(_) => {}
            }
        }
        Some(Fit { member, types, owner_types, sources, becomes, is_expanded, defaults })
    }

    /// The type that an argument becomes as a parameter of this type, if it can.
    fn takes(&mut self, given: &Given<'_>, of: Type, mode: Mode) -> Option<(Type, Option<Type>)> {
        match (&given.value, mode) {
            (GivenValue::Value(value), Mode::Value | Mode::Params) if fits(value, &of) => Some((of, None)),
            (GivenValue::Lambda(lambda), Mode::Value | Mode::Params) => {
                let delegate = of.delegate()?;
                if delegate.parameters.len() != lambda.parameters.len() {
                    return None;
                }
                let gives = self.result_of(lambda, &delegate.parameters);
                let fits = match &gives {
                    None => false,
                    Some(_) if delegate.result == Type::Void => true,
                    Some(gives) => converts(gives, &delegate.result),
                };
                fits.then_some((of, gives))
            }
            (GivenValue::Out(target), Mode::Out) => self.out_fits(target, &of).then_some((of, None)),
            _ => None,
        }
    }

    fn out_fits(&mut self, target: &OutTarget, of: &Type) -> bool {
        match target {
            OutTarget::Declare { declared: None, .. } => true,
            OutTarget::Declare { declared: Some(declared), .. } => {
                let errors = self.errors.len();
                let declared = self.resolve(declared);
                self.errors.truncate(errors);
                declared == *of || declared.is_unknown()
            }
            OutTarget::Existing(name) if &*name.name == "_" => true,
            OutTarget::Existing(name) => self.variable(&name.name).is_none_or(|found| found.of == *of),
        }
    }

    /// Finds type arguments from what is handed in: values first, then what lambdas give.
    fn infer(
        &mut self,
        member: &MemberInfo,
        sources: &[Source],
        given: &[Given<'_>],
        types: &mut [Option<Type>],
    ) {
        if member.generics == 0 {
            return;
        }
        let mut pairs: Vec<(&Type, &Given<'_>)> = Vec::new();
        for (source, parameter) in sources.iter().zip(&member.parameters) {
            match (source, &parameter.of) {
                (Source::Given(number), of) => pairs.push((of, &given[*number])),
                (Source::Several(numbers), Type::Array(element)) => {
                    pairs.extend(numbers.iter().map(|number| (&**element, &given[*number])));
                }
                _ => {}
            }
        }
        for (of, given) in &pairs {
            match &given.value {
                GivenValue::Value(value) => unify(of, &value.of, types),
                GivenValue::Out(OutTarget::Declare { declared: Some(declared), .. }) => {
                    let errors = self.errors.len();
                    let declared = self.resolve(declared);
                    self.errors.truncate(errors);
                    unify(of, &declared, types);
                }
                _ => {}
            }
        }
        for (of, given) in pairs {
            let GivenValue::Lambda(lambda) = given.value else { continue };
            let Some(delegate) = of.delegate() else { continue };
            let known: Vec<Type> = types.iter().map(|found| found.clone().unwrap_or(Type::Never)).collect();
            let parameters: Vec<Type> = delegate.parameters.iter().map(|of| of.with(&known)).collect();
            let declared = lambda.parameters.iter().any(|parameter| parameter.declared.is_some());
            if parameters.len() != lambda.parameters.len() || (parameters.contains(&Type::Never) && !declared)
            {
                continue;
            }
            if let Some(gives) = self.result_of(lambda, &parameters) {
                unify(&delegate.result, &gives, types);
            }
        }
    }
}

impl Fit {
    /// Whether this takes the arguments better.
    fn is_better_than(&self, other: &Self, given: &[Given<'_>]) -> bool {
        let (mut better, mut worse) = (false, false);
        for ((ours, theirs), given) in self.becomes.iter().zip(&other.becomes).zip(given) {
            match nearer(given, ours, theirs) {
                Some(true) => better = true,
                Some(false) => worse = true,
                None => {}
            }
        }
        if better != worse {
            return better;
        }
        if better {
            return false;
        }
        let rank =
            |fit: &Self| (usize::from(fit.member.generics > 0), usize::from(fit.is_expanded), fit.defaults);
        rank(self) < rank(other)
    }
}

/// Whether the first type is nearer to an argument than the second; none if neither is.
fn nearer(given: &Given<'_>, ours: &(Type, Option<Type>), theirs: &(Type, Option<Type>)) -> Option<bool> {
    if ours.0 == theirs.0 {
        return None;
    }
    let (from, ours, theirs) = match &given.value {
        GivenValue::Value(value) => (Some(&value.of), ours.0.clone(), theirs.0.clone()),
        GivenValue::Lambda(_) => (ours.1.as_ref(), ours.0.delegate()?.result, theirs.0.delegate()?.result),
        GivenValue::Out(_) => return None,
    };
    match from {
        Some(from) if *from == ours => return Some(true),
        Some(from) if *from == theirs => return Some(false),
        _ => {}
    }
    match (converts(&ours, &theirs), converts(&theirs, &ours)) {
        (true, false) => Some(true),
        (false, true) => Some(false),
        _ => match (is_signed(&ours), is_signed(&theirs)) {
            (Some(true), Some(false)) => Some(true),
            (Some(false), Some(true)) => Some(false),
            _ => None,
        },
    }
}

fn is_signed(of: &Type) -> Option<bool> {
    match of {
        Type::SByte | Type::Short | Type::Int | Type::Long => Some(true),
        Type::Byte | Type::UShort | Type::UInt | Type::ULong => Some(false),
        _ => None,
    }
}

/// What each parameter gets, and how many get their defaults; none if the arguments do not match.
fn sources(member: &MemberInfo, given: &[Given<'_>], is_expanded: bool) -> Option<(Vec<Source>, usize)> {
    let parameters = &member.parameters;
    let has_params = parameters.last().is_some_and(|last| last.mode == Mode::Params);
    if is_expanded && !has_params || !is_expanded && given.len() > parameters.len() {
        return None;
    }
    let mut sources: Vec<Option<Source>> = vec![None; parameters.len()];
    let mut several = Vec::new();
    for (number, argument) in given.iter().enumerate() {
        let at = match argument.name {
            Some(name) => parameters.iter().position(|parameter| parameter.name == name.name)?,
            None => number,
        };
        if is_expanded && at + 1 >= parameters.len() {
            several.push(number);
        } else {
            let place = sources.get_mut(at)?;
            if place.replace(Source::Given(number)).is_some() {
                return None;
            }
        }
    }
    if is_expanded {
        *sources.last_mut()? = Some(Source::Several(several));
    }
    let mut defaults = 0;
    let mut found = Vec::with_capacity(sources.len());
    for (source, parameter) in sources.into_iter().zip(parameters) {
        found.push(match source {
            Some(source) => source,
            None => {
                defaults += 1;
                Source::Default(parameter.default.clone()?)
            }
        });
    }
    Some((found, defaults))
}

/// Finds what type parameters in a declared type are, if a value has that type.
fn unify(declared: &Type, found: &Type, types: &mut [Option<Type>]) {
    if matches!(found, Type::Null | Type::Never | Type::Unknown | Type::Void) {
        return;
    }
    match declared {
        Type::Parameter(number) => {
            let Some(place) = types.get_mut(usize::from(*number)) else { return };
            match place {
                Some(known) if converts(known, found) && !converts(found, known) => *known = found.clone(),
                Some(_) => {}
                None => *place = Some(found.clone()),
            }
        }
        Type::Nullable(inner) => unify(inner, found.without_null(), types),
        Type::Array(element) => {
            if let Type::Array(found) = found {
                unify(element, found, types);
            }
        }
        Type::Class(class, declared) if !declared.is_empty() => {
            let arguments = found.arguments_as(*class).unwrap_or_default();
            for (declared, found) in declared.iter().zip(arguments.iter()) {
                unify(declared, found, types);
            }
        }
        _ => {}
    }
}
