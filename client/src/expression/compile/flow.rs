//! Statements with several ways through them: loops, `try`, `switch`. A variable has a value behind them if
//! it has one on every way that gets there.

use super::binder::{Binder, Bound};
use super::conversion;
use super::member::{Ask, members};
use crate::dotnet::Datum;
use crate::dotnet::collection::equals;
use crate::expression::parser::can_complete;
use crate::expression::position::Span;
use crate::expression::run::{Catcher, Code, LoopNode, Node, Switch, TryNode};
use crate::expression::syntax::{
    self, Block, CaseLabel, Catch, Expression, ForInitial, Identifier, Resource, SwitchSection,
};
use crate::expression::types::{MemberKind, Type};

/// A way through statements: which variables have a value; none if it ends before.
pub(super) type Way = Option<Vec<bool>>;

/// Ways that come together.
#[derive(Default)]
pub(super) struct Ways {
    joined: Way,
}

impl Ways {
    pub(super) fn add(&mut self, way: Way) {
        self.joined = match (self.joined.take(), way) {
            (Some(all), Some(way)) => Some(all.iter().zip(&way).map(|(all, one)| *all && *one).collect()),
            (all, way) => all.or(way),
        };
    }
}

impl Binder {
    /// How things stand here.
    pub(super) fn way(&mut self) -> Way {
        let function = self.function();
        (!function.has_ended).then(|| function.assigned())
    }

    pub(super) fn set_way(&mut self, way: Way) {
        let function = self.function();
        function.has_ended = way.is_none();
        if let Some(assigned) = way {
            function.set_assigned(&assigned);
        }
    }

    pub(super) fn join(&mut self, ways: Ways) {
        self.set_way(ways.joined);
    }

    /// Nothing behind this is reached.
    pub(super) fn end_way(&mut self) {
        self.function().has_ended = true;
    }

    /// `foreach`
    pub(super) fn for_each(
        &mut self,
        (declared, name): (Option<&syntax::Type>, &Identifier),
        collection: &Expression,
        body: &Block,
        at: Span,
    ) -> Code {
        let collection = self.expression(collection);
        let (collection, element) = self.walked(collection);
        let of = match declared {
            Some(declared) => self.resolve(declared),
            None => element.clone(),
        };
        let before = self.way();
        self.function().begin_block();
        let raw = self.function().slot();
        let item = Bound::new(Node::Local(raw), element, name.span);
        let item = if declared.is_some() { self.cast(item, &of, name.span) } else { item };
        let convert = (!matches!(&item.node, Node::Local(slot) if *slot == raw)).then_some(item.node);
        let slot = self.declare(name, of, true);
        self.function().fix_last("the variable of a 'foreach'");
        let body = self.loop_body(body);
        self.function().end_block();
        self.set_way(before);
        Code::ForEach(Box::new((raw, slot, convert, collection.node, body, at.start)))
    }

    /// What is walked through, and the type of its elements.
    fn walked(&mut self, collection: Bound) -> (Bound, Type) {
        if collection.of.is_unknown() {
            return (collection, Type::Unknown);
        }
        let own = members(&collection.of, "GetEnumerator", |kind, _| kind == MemberKind::Method);
        if !own.is_empty() {
            let at = collection.at;
            let items = self.call(&own, Some(collection.node), Vec::new(), &Ask::of(&"GetEnumerator", at));
            let element = conversion::element_of(&items.of).unwrap_or(Type::Object);
            return (items, element);
        }
        match conversion::element_of(&collection.of) {
            Some(element) => (collection, element),
            None => {
                let text = format!("{} cannot be walked through", collection.of);
                (self.error(collection.at, text), Type::Unknown)
            }
        }
    }

    fn loop_body(&mut self, body: &Block) -> Code {
        self.function().loops += 1;
        let code = self.block(body);
        self.function().loops -= 1;
        code
    }

    /// `for`
    pub(super) fn for_loop(
        &mut self,
        initial: &ForInitial,
        (condition, iterators): (Option<&Expression>, &[Expression]),
        body: &Block,
        at: Span,
    ) -> Code {
        self.function().begin_block();
        let mut first = Vec::new();
        match initial {
            ForInitial::Declaration(declaration) => self.declaration(declaration, &mut first),
            ForInitial::Expressions(expressions) => {
                for expression in expressions {
                    first.push(Code::Evaluate(self.expression(expression).node));
                }
            }
        }
        let condition = condition.map(|condition| self.expression_as(condition, &Type::Bool));
        let before = self.way();
        let body = self.loop_body(body);
        let after = iterators.iter().map(|iterator| self.expression(iterator).node).collect();
        self.function().end_block();
        self.set_way(before);
        let condition = condition.map(|condition| condition.node);
        Code::Loop(Box::new(LoopNode {
            initial: first,
            condition,
            checks_first: true,
            body,
            after,
            at: at.start,
        }))
    }

    /// `while`
    pub(super) fn while_loop(&mut self, condition: &Expression, body: &Block, at: Span) -> Code {
        self.function().begin_block();
        let condition = Some(self.expression_as(condition, &Type::Bool).node);
        let before = self.way();
        let body = self.loop_body(body);
        self.set_way(before);
        self.function().end_block();
        let (initial, after) = (Vec::new(), Vec::new());
        Code::Loop(Box::new(LoopNode { initial, condition, checks_first: true, body, after, at: at.start }))
    }

    /// `do`
    pub(super) fn do_loop(&mut self, body: &Block, condition: &Expression, at: Span) -> Code {
        let before = self.way();
        let body = self.loop_body(body);
        // `continue` and `break` may have come before the end of the body.
        if self.function().has_ended {
            self.set_way(before);
        }
        let condition = Some(self.expression_as(condition, &Type::Bool).node);
        let (initial, after) = (Vec::new(), Vec::new());
        Code::Loop(Box::new(LoopNode { initial, condition, checks_first: false, body, after, at: at.start }))
    }

    /// `try`
    pub(super) fn try_statement(&mut self, body: &Block, catches: &[Catch], finally: Option<&Block>) -> Code {
        let before = self.way();
        let mut ways = Ways::default();
        let body = self.block(body);
        ways.add(self.way());
        let mut catchers = Vec::with_capacity(catches.len());
        for catch in catches {
            self.set_way(before.clone());
            catchers.push(self.catch(catch));
            ways.add(self.way());
        }
        self.set_way(before);
        let finally = finally.map(|finally| self.block(finally));
        let done = self.function().assigned();
        self.join(ways);
        let function = self.function();
        let all = function.assigned().iter().zip(done).map(|(one, other)| *one || other).collect::<Vec<_>>();
        function.set_assigned(&all);
        Code::Try(Box::new(TryNode { body, catches: catchers, finally }))
    }

    fn catch(&mut self, catch: &Catch) -> Catcher {
        let exception = Type::named("Exception", &[]);
        let caught = catch.caught.as_ref().map(|caught| (self.resolve(caught), caught.span));
        if let Some((caught, span)) = &caught
            && !caught.is_unknown()
            && !caught.derives_from(&exception)
        {
            self.tell(span.start, format!("{caught} is no exception"));
        }
        let caught = caught.map(|(caught, _)| caught);
        self.function().begin_block();
        let slot = match &catch.name {
            Some(name) => self.declare(name, caught.clone().unwrap_or(exception), true),
            None => self.function().slot(),
        };
        self.function().catches.push(slot);
        let filter = catch.filter.as_ref().map(|filter| self.expression_as(filter, &Type::Bool).node);
        let body = self.block(&catch.body);
        self.function().catches.pop();
        self.function().end_block();
        let class = caught.map(|caught| caught.to_string().into());
        Catcher { class, slot, filter, body }
    }

    /// `using`. Nothing here holds what would have to be given back: `Dispose` does nothing, and is not called.
    pub(super) fn using(&mut self, resource: &Resource, body: &Block) -> Code {
        let mut codes = Vec::new();
        self.function().begin_block();
        match resource {
            Resource::Declaration(declaration) => {
                self.declaration(declaration, &mut codes);
                for declarator in &declaration.declarators {
                    let Some(found) = self.variable(&declarator.name.name) else { continue };
                    self.must_have_dispose(&found.of, declarator.name.span);
                    self.fix(&found, "the variable of a 'using'");
                }
            }
            Resource::Expression(expression) => {
                let value = self.expression(expression);
                self.must_have_dispose(&value.of, value.at);
                codes.push(Code::Evaluate(value.node));
            }
        }
        codes.push(self.block(body));
        self.function().end_block();
        Code::Block(codes)
    }

    /// An error for a value that 'using' does not take.
    fn must_have_dispose(&mut self, of: &Type, at: Span) {
        let dispose = |kind, is_static: bool| kind == MemberKind::Method && !is_static;
        if !matches!(of, Type::Unknown | Type::Null) && members(of, "Dispose", dispose).is_empty() {
            self.tell(at.start, format!("{of} has no Dispose(): it needs no 'using'"));
        }
    }

    /// `switch`
    pub(super) fn switch(&mut self, value: &Expression, sections: &[SwitchSection], at: Span) -> Code {
        let value = self.expression(value);
        let of = value.of.without_null().clone();
        let allowed = of.is_whole() || matches!(of, Type::String | Type::Char | Type::Bool | Type::Unknown);
        if !allowed && conversion::enumeration(&of).is_none() {
            self.tell(
                at.start,
                format!("'switch' takes texts, whole numbers, bool and enumerations, found {of}"),
            );
        }
        let before = self.way();
        let mut ways = Ways::default();
        let (mut labels, mut default, mut codes) = (Vec::new(), None, Vec::new());
        self.function().switches += 1;
        self.function().begin_block();
        for (number, section) in sections.iter().enumerate() {
            for label in &section.labels {
                match label {
                    CaseLabel::Default => default = Some(number),
                    CaseLabel::Value(label) => {
                        labels.extend(self.label(label, &value.of, &labels).map(|label| (label, number)))
                    }
                }
            }
            self.set_way(before.clone());
            codes.push(self.section(section, &mut ways));
        }
        self.function().end_block();
        self.function().switches -= 1;
        if default.is_none() {
            ways.add(before);
        }
        self.join(ways);
        Code::Switch(Box::new(Switch { value: value.node, labels, default, sections: codes }))
    }

    fn section(&mut self, section: &SwitchSection, ways: &mut Ways) -> Code {
        let mut codes = Vec::new();
        for statement in &section.statements {
            let before = self.way();
            self.statement(statement, &mut codes);
            if statement.kind == syntax::StatementKind::Break {
                ways.add(before);
            }
        }
        if can_complete(&section.statements)
            && let Some(last) = section.statements.last()
        {
            self.tell(last.span.start, "a section of a 'switch' ends with break, return, throw or continue");
        }
        Code::Block(codes)
    }

    fn label(&mut self, label: &Expression, of: &Type, known: &[(Datum, usize)]) -> Option<Datum> {
        let label = self.expression_as(label, of);
        let value = label.constant().cloned();
        match &value {
            None if !label.of.is_unknown() => self.tell(label.at.start, "a label must be a constant"),
            Some(value) if known.iter().any(|(other, _)| equals(other, value)) => {
                self.tell(label.at.start, "this label stands twice");
            }
            _ => {}
        }
        value
    }
}
