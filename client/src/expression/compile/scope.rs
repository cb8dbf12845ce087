//! Variables of a function: their names, types and slots, and which of them have a value.

use std::sync::Arc;

use super::binder::Binder;
use crate::dotnet::Datum;
use crate::expression::position::Span;
use crate::expression::run::CAPTURES;
use crate::expression::syntax::Identifier;
use crate::expression::types::Type;

/// A function that is being compiled.
#[derive(Debug, Default)]
pub(super) struct FunctionScope {
    pub(super) variables: Vec<Variable>,
    /// How many names were visible where each block began.
    blocks: Vec<usize>,
    /// Names that are visible, innermost last, and their variables.
    visible: Vec<(Arc<str>, usize)>,
    pub(super) slots: u32,
    /// For each slot, whether a lambda captures it.
    pub(super) captured: Vec<bool>,
    /// What this lambda captures: slots of the function around it.
    pub(super) captures: Vec<u32>,
    /// Types of what `return` gives.
    pub(super) returns: Vec<Type>,
    /// What `return` must give, if it is known.
    pub(super) result: Option<Type>,
    pub(super) loops: u32,
    pub(super) switches: u32,
    /// Whether nothing behind this is reached.
    pub(super) has_ended: bool,
    /// Where `throw;` finds the exception.
    pub(super) catches: Vec<u32>,
}

/// A variable.
#[derive(Debug, Clone)]
pub(super) struct Variable {
    pub(super) of: Type,
    pub(super) slot: u32,
    pub(super) is_assigned: bool,
    /// Why it cannot be changed.
    pub(super) fixed: Option<&'static str>,
    pub(super) constant: Option<Datum>,
}

/// A variable as a name finds it.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) of: Type,
    pub(super) slot: u32,
    pub(super) is_assigned: bool,
    pub(super) fixed: Option<&'static str>,
    pub(super) constant: Option<Datum>,
    /// Its function and number there.
    pub(super) place: (usize, usize),
}

impl FunctionScope {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// A slot without a name.
    pub(super) fn slot(&mut self) -> u32 {
        let slot = self.slots;
        self.slots += 1;
        self.captured.push(false);
        slot
    }

    pub(super) fn begin_block(&mut self) {
        self.blocks.push(self.visible.len());
    }

    pub(super) fn end_block(&mut self) {
        let size = self.blocks.pop().unwrap_or(0);
        self.visible.truncate(size);
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.visible.iter().rev().find(|(known, _)| **known == *name).map(|(_, variable)| *variable)
    }

    /// A variable with a slot of its own.
    pub(super) fn declare(&mut self, name: &Arc<str>, of: Type, is_assigned: bool) -> u32 {
        let slot = self.slot();
        self.declare_at(name, of, is_assigned, slot);
        slot
    }

    fn declare_at(&mut self, name: &Arc<str>, of: Type, is_assigned: bool, slot: u32) {
        self.visible.push((name.clone(), self.variables.len()));
        self.variables.push(Variable { of, slot, is_assigned, fixed: None, constant: None });
    }

    /// Which variables have a value here.
    pub(super) fn assigned(&self) -> Vec<bool> {
        self.variables.iter().map(|variable| variable.is_assigned).collect()
    }

    /// What holds after a way on which these have a value: those declared since then keep what they have.
    pub(super) fn set_assigned(&mut self, assigned: &[bool]) {
        for (variable, assigned) in self.variables.iter_mut().zip(assigned) {
            variable.is_assigned = *assigned;
        }
    }

    /// The variable declared last cannot be changed.
    pub(super) fn fix_last(&mut self, why: &'static str) {
        if let Some(last) = self.variables.last_mut() {
            last.fixed = Some(why);
        }
    }

    /// The variable declared last is a constant.
    pub(super) fn make_constant(&mut self, value: Datum) {
        if let Some(last) = self.variables.last_mut() {
            (last.constant, last.fixed) = (Some(value), Some("a constant"));
        }
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.visible.iter().map(|(name, _)| &**name)
    }
}

impl Binder {
    /// The innermost function.
    pub(super) fn function(&mut self) -> &mut FunctionScope {
        if self.functions.is_empty() {
            self.functions.push(FunctionScope::new());
        }
        let last = self.functions.len() - 1;
        &mut self.functions[last]
    }

    /// A variable of the innermost function; a name is taken only once, also by the functions around.
    pub(super) fn declare(&mut self, name: &Identifier, of: Type, is_assigned: bool) -> u32 {
        if self.functions.iter().any(|function| function.find(&name.name).is_some())
            || &*name.name == "context"
        {
            self.tell(name.span.start, format!("a variable called '{}' is there already", name.name));
        }
        self.function().declare(&name.name, of, is_assigned)
    }

    /// The variable with this name, captured if it belongs to a function around.
    pub(super) fn variable(&mut self, name: &str) -> Option<Found> {
        let (level, number) = (0..self.functions.len())
            .rev()
            .find_map(|level| Some((level, self.functions[level].find(name)?)))?;
        let variable = self.functions[level].variables[number].clone();
        let mut slot = variable.slot;
        for inner in level + 1..self.functions.len() {
            slot = self.capture(inner, slot);
        }
        let Variable { of, is_assigned, fixed, constant, .. } = variable;
        Some(Found { of, slot, is_assigned, fixed, constant, place: (level, number) })
    }

    /// The slot in a function for a slot of the one around it.
    fn capture(&mut self, level: usize, outer: u32) -> u32 {
        if let Some(place) =
            usize::try_from(outer).ok().and_then(|at| self.functions[level - 1].captured.get_mut(at))
        {
            *place = true;
        }
        let function = &mut self.functions[level];
        let known = function.captures.iter().position(|slot| *slot == outer);
        let number = known.unwrap_or_else(|| {
            function.captures.push(outer);
            function.captures.len() - 1
        });
        CAPTURES + u32::try_from(number).unwrap_or(0)
    }

    /// An error if a variable has no value yet.
    pub(super) fn must_be_assigned(&mut self, found: &Found, name: &str, at: Span) {
        if !found.is_assigned {
            self.tell(at.start, format!("the variable '{name}' is used before it has a value"));
            self.mark_assigned(found);
        }
    }

    /// An error if a variable cannot be changed.
    pub(super) fn must_be_changeable(&mut self, found: &Found, name: &str, at: Span) {
        if let Some(why) = found.fixed {
            self.tell(at.start, format!("'{name}' cannot be changed: it is {why}"));
        }
    }

    /// From here on a variable cannot be changed.
    pub(super) fn fix(&mut self, found: &Found, why: &'static str) {
        let (level, number) = found.place;
        self.functions[level].variables[number].fixed = Some(why);
    }

    pub(super) fn mark_assigned(&mut self, found: &Found) {
        let (level, number) = found.place;
        self.functions[level].variables[number].is_assigned = true;
    }
}
