//! Assignments: to variables, to members and to what an indexer gives.

use super::binder::{Binder, Bound};
use super::conversion::{explicit, fits, implicit};
use super::create::with_value;
use super::member::{Ask, members};
use super::overload::{Given, GivenValue};
use crate::dotnet::Datum;
use crate::expression::position::Span;
use crate::expression::run::Node;
use crate::expression::syntax::{
    Argument, AssignmentOperator, BinaryOperator, Expression, ExpressionKind, Identifier, StepKind,
};
use crate::expression::types::{INDEXER, MemberKind, Type};

/// Something that can be assigned to, its parts evaluated once.
struct Place {
    /// What is evaluated before.
    before: Vec<Node>,
    form: Form,
    of: Type,
    at: Span,
}

/// A value that is needed twice.
struct Kept {
    first: Node,
    second: Node,
    of: Type,
    before: Vec<Node>,
}

enum Form {
    Variable(u32),
    /// A call that reads, if there is one, and one that lacks the value.
    Member {
        get: Option<Node>,
        set: Node,
    },
}

/// What a value is changed by.
enum Change<'s> {
    To(&'s Expression),
    With(BinaryOperator, &'s Expression),
    /// `++` or `--`, and whether the old value counts.
    Step(BinaryOperator, bool),
}

impl Binder {
    /// `a = b`, `a += b`
    pub(super) fn assignment(
        &mut self,
        target: &Expression,
        operator: AssignmentOperator,
        value: &Expression,
        at: Span,
    ) -> Bound {
        match operator {
            AssignmentOperator::Plain => self.change(target, &Change::To(value), at),
            AssignmentOperator::With(operator) => self.change(target, &Change::With(operator, value), at),
        }
    }

    /// `a++`, `--a`
    pub(super) fn increment(
        &mut self,
        target: &Expression,
        decrement: bool,
        prefix: bool,
        at: Span,
    ) -> Bound {
        let operator = if decrement { BinaryOperator::Subtract } else { BinaryOperator::Add };
        self.change(target, &Change::Step(operator, !prefix), at)
    }

    fn change(&mut self, target: &Expression, change: &Change<'_>, at: Span) -> Bound {
        let reads = !matches!(change, Change::To(_));
        let place = match &target.kind {
            ExpressionKind::Name { name, .. } => match change {
                Change::To(value) => return self.assign_name(name, value, at),
                _ => self.variable_place(name),
            },
            ExpressionKind::Path { root, steps } => self.path_place(root, steps, reads, target.span),
            _ => None,
        };
        let Some(place) = place else {
            if let Change::To(value) | Change::With(_, value) = change {
                self.expression(value);
            }
            if self.errors.is_empty() {
                self.tell(target.span.start, "expected a variable, a member or an index");
            }
            return Bound::unknown(at);
        };
        match change {
            Change::To(value) => {
                let value = self.expression_as(value, &place.of);
                self.stored(place, value, None, at)
            }
            Change::With(operator, value) => {
                let value = self.expression(value);
                let (place, old) = self.read(place);
                let new = self.compound(*operator, old, value, &place.of);
                self.stored(place, new, None, at)
            }
            Change::Step(operator, gives_old) => {
                let (place, old) = self.read(place);
                let one = Bound::new(Node::Constant(Datum::Int(1)), Type::Int, at);
                let slot = self.function().slot();
                let before = Bound::new(Node::Local(slot), old.of.clone(), old.at);
                let mut place = place;
                place.before.push(Node::Assign(slot, Box::new(old.node)));
                let new = self.compound(*operator, before, one, &place.of);
                self.stored(place, new, gives_old.then_some(slot), at)
            }
        }
    }

    /// `a = b` of a variable, which has a value afterwards.
    fn assign_name(&mut self, name: &Identifier, value: &Expression, at: Span) -> Bound {
        let Some(found) = self.variable(&name.name) else {
            self.expression(value);
            return self.no_name(&name.name, name.span);
        };
        self.must_be_changeable(&found, &name.name, name.span);
        let value = self.expression_as(value, &found.of);
        self.mark_assigned(&found);
        Bound::new(Node::Assign(found.slot, Box::new(value.node)), found.of, at)
    }

    fn variable_place(&mut self, name: &Identifier) -> Option<Place> {
        let Some(found) = self.variable(&name.name) else {
            self.no_name(&name.name, name.span);
            return None;
        };
        self.must_be_changeable(&found, &name.name, name.span);
        self.must_be_assigned(&found, &name.name, name.span);
        Some(Place { before: Vec::new(), form: Form::Variable(found.slot), of: found.of, at: name.span })
    }

    /// `a.b.c` or `a.b[c]`: everything but the last step is evaluated, then the arguments of the last.
    fn path_place(
        &mut self,
        root: &Expression,
        steps: &[crate::expression::syntax::Step],
        reads: bool,
        at: Span,
    ) -> Option<Place> {
        let (last, first) = steps.split_last()?;
        if let Some(conditional) = steps.iter().find(|step| step.conditional) {
            self.tell(conditional.span.start, "nothing can be assigned behind '?'");
            return None;
        }
        let object = if first.is_empty() { self.expression(root) } else { self.path(root, first, at) };
        if object.of.is_unknown() {
            return None;
        }
        let object = self.kept(object);
        match &last.kind {
            StepKind::Member { name, .. } => self.member_place(object, name, reads, at),
            StepKind::Index(arguments) => self.index_place(object, arguments, reads, at),
            _ => {
                self.tell(last.span.start, "the result of a call cannot be assigned to");
                None
            }
        }
    }

    fn member_place(&mut self, object: Kept, name: &Identifier, reads: bool, at: Span) -> Option<Place> {
        let Kept { first, second, of, before } = object;
        let found = members(&of, &name.name, |kind, is_static| kind == MemberKind::PropertySet && !is_static);
        if found.is_empty() {
            self.not_settable(&of, name);
            return None;
        }
        let get = reads.then(|| {
            let getters =
                members(&of, &name.name, |kind, is_static| kind == MemberKind::Property && !is_static);
            self.call(&getters, Some(first), Vec::new(), &Ask::of(&name.name, at)).node
        });
        let set = self.call(&found, Some(second), Vec::new(), &Ask::of(&name.name, at));
        Some(Place { before, of: set.of, form: Form::Member { get, set: set.node }, at })
    }

    fn index_place(&mut self, object: Kept, arguments: &[Argument], reads: bool, at: Span) -> Option<Place> {
        let Kept { first, second, of, mut before } = object;
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for given in self.given(arguments) {
            let GivenValue::Value(value) = given.value else { continue };
            let at = value.at;
            let kept = self.kept(value);
            before.extend(kept.before);
            for (side, node) in [(&mut ours, kept.first), (&mut theirs, kept.second)] {
                let value = GivenValue::Value(Bound::new(node, kept.of.clone(), at));
                side.push(Given { name: None, at, value });
            }
        }
        let found = members(&of, INDEXER, |kind, _| kind == MemberKind::IndexerSet);
        if found.is_empty() {
            self.tell(at.start, format!("{of} has no indexer that can be assigned to"));
            return None;
        }
        let name = format!("the indexer of {of}");
        let get = reads.then(|| {
            let getters = members(&of, INDEXER, |kind, _| kind == MemberKind::Indexer);
            self.call(&getters, Some(first), ours, &Ask::of(&name, at)).node
        });
        let set = self.call(&found, Some(second), theirs, &Ask::of(&name, at));
        (!set.of.is_unknown()).then_some(Place {
            before,
            of: set.of,
            form: Form::Member { get, set: set.node },
            at,
        })
    }

    /// A value that is needed twice: a constant as it is, others in a slot.
    fn kept(&mut self, value: Bound) -> Kept {
        let of = value.of;
        if let Node::Constant(constant) = value.node {
            let (first, second) = (Node::Constant(constant.clone()), Node::Constant(constant));
            return Kept { first, second, of, before: Vec::new() };
        }
        let slot = self.function().slot();
        let before = vec![Node::Assign(slot, Box::new(value.node))];
        Kept { first: Node::Local(slot), second: Node::Local(slot), of, before }
    }

    /// The value that a place has now.
    fn read(&mut self, place: Place) -> (Place, Bound) {
        let mut place = place;
        let node = match &mut place.form {
            Form::Variable(slot) => Node::Local(*slot),
            Form::Member { get, .. } => get.take().unwrap_or(Node::Constant(Datum::Null)),
        };
        let old = Bound::new(node, place.of.clone(), place.at);
        (place, old)
    }

    /// `a op b` as the type of `a`: what was shorter is cut to it again.
    fn compound(&mut self, operator: BinaryOperator, old: Bound, value: Bound, of: &Type) -> Bound {
        let at = old.at.to(value.at);
        let value_fits =
            fits(&value, of) || matches!(operator, BinaryOperator::ShiftLeft | BinaryOperator::ShiftRight);
        let new = self.binary(operator, old, value);
        let needs_cast = implicit(&new.of, of, new.constant()).is_none();
        if needs_cast && value_fits && explicit(&new.of, of, None).is_some() {
            return self.cast(new, of, at);
        }
        self.convert(new, of)
    }

    /// The new value put into the place. The value of the whole is that, or the old one in a slot.
    fn stored(&mut self, place: Place, value: Bound, old: Option<u32>, at: Span) -> Bound {
        let mut nodes = place.before;
        match place.form {
            Form::Variable(slot) => nodes.push(Node::Assign(slot, Box::new(value.node))),
            Form::Member { set, .. } => {
                let slot = self.function().slot();
                nodes.push(Node::Assign(slot, Box::new(value.node)));
                nodes.push(with_value(set, Node::Local(slot)));
                nodes.push(Node::Local(slot));
            }
        }
        nodes.extend(old.map(Node::Local));
        let node = match (nodes.len(), nodes.pop()) {
            (1, Some(only)) => only,
            (_, Some(last)) => {
                nodes.push(last);
                Node::Sequence(nodes)
            }
            (_, None) => Node::Constant(Datum::Null),
        };
        Bound::new(node, place.of, at)
    }
}
