//! One evaluation under way: its frames, what it may still do, and the exception on its way up.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::node::{Code, Function};
use super::statement::Flow;
use crate::context::Context;
use crate::dotnet::collection::dismantle;
use crate::dotnet::object::Instance;
use crate::dotnet::{Datum, Exception, ExceptionKind};
use crate::expression::position::Position;
use crate::expression::surroundings::{Failure, Surroundings};
use crate::limits;

/// One evaluation.
pub(in crate::expression) struct Machine<'a> {
    pub(in crate::expression) context: &'a mut Context,
    pub(in crate::expression) surroundings: &'a Surroundings<'a>,
    /// The slots of all functions under way, innermost last.
    slots: Vec<Slot>,
    /// Where the slots of the innermost function begin.
    base: usize,
    steps_left: u64,
    bytes_left: u64,
    pub(super) depth_left: u32,
    /// Steps until the clock is asked.
    until_clock: u32,
    deadline: Duration,
    /// All variables that lambdas share. A lambda may hold itself by them, so they are emptied in the end.
    shared: Vec<Arc<Mutex<Datum>>>,
    /// What a lambda threw while a member called it.
    pub(super) pending: Option<Box<Thrown>>,
}

/// A place for a value. One that a lambda captures is shared with it.
enum Slot {
    Own(Datum),
    Shared(Arc<Mutex<Datum>>),
}

/// An exception on its way up.
#[derive(Debug, Clone)]
pub(in crate::expression) struct Thrown {
    pub(super) exception: Exception,
    pub(super) at: Position,
    /// A limit: nothing catches it.
    pub(super) is_final: bool,
}

/// What an evaluation gives, or throws.
pub(super) type Evaluated<T = Datum> = Result<T, Box<Thrown>>;

/// A lambda as a value.
#[derive(Debug)]
struct Closure {
    function: Arc<Function>,
    captured: Vec<Arc<Mutex<Datum>>>,
}

impl<'a> Machine<'a> {
    /// An evaluation that has not begun.
    pub(in crate::expression) fn new(context: &'a mut Context, surroundings: &'a Surroundings<'a>) -> Self {
        let allowed = &surroundings.limits;
        Self {
            context,
            surroundings,
            slots: Vec::new(),
            base: 0,
            steps_left: allowed.steps,
            bytes_left: allowed.bytes,
            depth_left: allowed.depth.min(limits::EVALUATION_DEPTH_MAX),
            until_clock: limits::EVALUATION_STEPS_PER_CLOCK,
            deadline: Duration::MAX,
            shared: Vec::new(),
            pending: None,
        }
    }

    /// Runs a whole expression.
    pub(in crate::expression) fn run(&mut self, function: &Function) -> Result<Datum, Failure> {
        let run = self.frame(function, &[], &[]);
        let shared = self.shared.drain(..);
        let held = shared.map(|cell| std::mem::replace(&mut *lock(&cell), Datum::Null)).collect();
        dismantle(held);
        run.map_err(|thrown| Failure { at: thrown.at, exception: thrown.exception })
    }

    /// Runs a function in a frame of its own.
    fn frame(
        &mut self,
        function: &Function,
        arguments: &[Datum],
        captured: &[Arc<Mutex<Datum>>],
    ) -> Evaluated {
        let (base, top) = (self.base, self.slots.len());
        self.slots.extend(captured.iter().rev().cloned().map(Slot::Shared));
        self.base = self.slots.len();
        for (slot, argument) in arguments.iter().enumerate() {
            self.slots.push(Slot::Own(Datum::Null));
            let slot = u32::try_from(slot).unwrap_or(u32::MAX);
            self.declare(slot, argument.clone(), function.is_captured(slot));
        }
        let size = self.base + usize::try_from(function.slots).unwrap_or(0);
        self.slots.resize_with(size.max(self.slots.len()), || Slot::Own(Datum::Null));
        let result = match &function.body {
            Code::Return(Some(node)) => self.evaluate(node),
            body => match self.carry_out(body, function) {
                Ok(Flow::Return(value)) => Ok(value),
                Ok(_) => Ok(Datum::Null),
                Err(thrown) => Err(thrown),
            },
        };
        self.slots.truncate(top);
        self.base = base;
        result
    }

    /// Calls a lambda for a member; what it throws is kept until the member has returned.
    pub(in crate::expression) fn invoke(
        &mut self,
        function: &Datum,
        arguments: &[Datum],
    ) -> Result<Datum, Exception> {
        self.call(function, arguments).map_err(|thrown| {
            let exception = thrown.exception.clone();
            self.pending = Some(thrown);
            exception
        })
    }

    /// Calls a lambda.
    pub(super) fn call(&mut self, function: &Datum, arguments: &[Datum]) -> Evaluated {
        let Some(closure) = function.instance::<Closure>() else {
            let exception = Exception::new(ExceptionKind::NullReference, "a delegate is null");
            return Err(Thrown::boxed(exception, Position::START));
        };
        self.frame(&closure.function, arguments, &closure.captured)
    }

    /// A lambda that shares these slots of the innermost function.
    pub(super) fn closure(&mut self, function: &Arc<Function>, captured: &[u32]) -> Datum {
        let captured = captured.iter().map(|slot| self.share(*slot)).collect();
        Datum::object(Closure { function: function.clone(), captured })
    }

    /// The slot as one that is shared.
    fn share(&mut self, slot: u32) -> Arc<Mutex<Datum>> {
        let Some(place) = self.place(slot) else { return Arc::new(Mutex::new(Datum::Null)) };
        if let Slot::Shared(cell) = place {
            return cell.clone();
        }
        let Slot::Own(value) = std::mem::replace(place, Slot::Own(Datum::Null)) else {
            return Arc::new(Mutex::new(Datum::Null));
        };
        let cell = Arc::new(Mutex::new(value));
        *place = Slot::Shared(cell.clone());
        self.shared.push(cell.clone());
        cell
    }

    fn place(&mut self, slot: u32) -> Option<&mut Slot> {
        let at = self.at(slot);
        self.slots.get_mut(at)
    }

    /// Own slots stand behind the base, captured ones in front of it.
    fn at(&self, slot: u32) -> usize {
        match slot.checked_sub(CAPTURES) {
            None => self.base.saturating_add(slot as usize),
            Some(captured) => self.base.wrapping_sub(1 + captured as usize),
        }
    }

    /// The value of a variable.
    pub(super) fn local(&self, slot: u32) -> Datum {
        match self.slots.get(self.at(slot)) {
            Some(Slot::Own(value)) => value.clone(),
            Some(Slot::Shared(cell)) => lock(cell).clone(),
            None => Datum::Null,
        }
    }

    /// Changes a variable.
    pub(super) fn assign(&mut self, slot: u32, value: Datum) {
        match self.place(slot) {
            Some(Slot::Own(place)) => *place = value,
            Some(Slot::Shared(cell)) => *lock(cell) = value,
            None => {}
        }
    }

    /// Begins a variable anew: lambdas that captured an earlier one keep that.
    pub(super) fn declare(&mut self, slot: u32, value: Datum, is_captured: bool) {
        let new = match is_captured {
            true => {
                let cell = Arc::new(Mutex::new(value));
                self.shared.push(cell.clone());
                Slot::Shared(cell)
            }
            false => Slot::Own(value),
        };
        if let Some(place) = self.place(slot) {
            *place = new;
        }
    }

    /// Counts one step, and looks at the clock now and then.
    pub(super) fn step(&mut self, at: Position) -> Evaluated<()> {
        self.count(1).map_err(|exception| Thrown::last(exception, at))
    }

    /// Counts steps for a member.
    pub(in crate::expression) fn count(&mut self, steps: usize) -> Result<(), Exception> {
        let steps = u64::try_from(steps).unwrap_or(u64::MAX);
        let Some(left) = self.steps_left.checked_sub(steps) else {
            return Err(self.exceeded(ExceptionKind::Timeout, "the expression takes too many steps"));
        };
        self.steps_left = left;
        let passed = u32::try_from(steps).unwrap_or(u32::MAX);
        match self.until_clock.checked_sub(passed) {
            Some(left) => self.until_clock = left,
            None => {
                self.until_clock = limits::EVALUATION_STEPS_PER_CLOCK;
                self.look_at_clock()?;
            }
        }
        Ok(())
    }

    /// The clock is asked the first time after some steps, so that short expressions never ask it.
    pub(in crate::expression) fn look_at_clock(&mut self) -> Result<(), Exception> {
        let now = self.surroundings.clock.now();
        if self.deadline == Duration::MAX {
            self.deadline = now.saturating_add(self.surroundings.limits.time);
        }
        if now >= self.deadline && self.surroundings.limits.time != Duration::MAX {
            return Err(self.exceeded(ExceptionKind::Timeout, "the expression takes too long"));
        }
        Ok(())
    }

    /// Counts memory that was made.
    pub(in crate::expression) fn charge(&mut self, bytes: usize) -> Result<(), Exception> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        match self.bytes_left.checked_sub(bytes) {
            Some(left) => self.bytes_left = left,
            None => {
                return Err(self
                    .exceeded(ExceptionKind::OutOfMemory, "the expression makes too many bytes of values"));
            }
        }
        Ok(())
    }

    /// A limit is exceeded: the exception is final, whoever passes it on.
    pub(super) fn exceeded(&mut self, kind: ExceptionKind, text: &'static str) -> Exception {
        let exception = Exception::new(kind, text);
        let at = self.pending.as_ref().map_or(UNPLACED, |pending| pending.at);
        self.pending = Some(Box::new(Thrown { exception: exception.clone(), at, is_final: true }));
        exception
    }
}

/// Slots of captured variables are numbered from here, apart from those of the function itself.
pub(in crate::expression) const CAPTURES: u32 = 1 << 24;

/// The place of an exception whose place is told by what is around it.
pub(in crate::expression) const UNPLACED: Position = Position { line: 0, column: 0 };

/// A holder that panicked left the value as it is.
fn lock(cell: &Mutex<Datum>) -> MutexGuard<'_, Datum> {
    cell.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Thrown {
    /// An exception that was thrown here.
    pub(super) fn boxed(exception: Exception, at: Position) -> Box<Self> {
        Box::new(Self { exception, at, is_final: false })
    }

    /// A limit that was exceeded here.
    pub(super) fn last(exception: Exception, at: Position) -> Box<Self> {
        Box::new(Self { exception, at, is_final: true })
    }

    /// The same with a place, if it has none.
    pub(super) fn placed(mut self: Box<Self>, at: Position) -> Box<Self> {
        if self.at == UNPLACED {
            self.at = at;
        }
        self
    }
}

impl Function {
    pub(super) fn is_captured(&self, slot: u32) -> bool {
        usize::try_from(slot).ok().and_then(|slot| self.captured.get(slot)).copied().unwrap_or(false)
    }
}

impl Instance for Closure {
    fn type_name(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.function.type_name)
    }
}
