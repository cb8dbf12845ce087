//! What a node gives.

use std::sync::Arc;

use smallvec::SmallVec;

use super::convert::{Conversion, Test};
use super::machine::{Evaluated, Machine, Thrown, UNPLACED};
use super::node::{Binary, CallNode, GuardNode, Node, Term};
use super::operate::{Operation, operate};
use crate::dotnet::collection::{List, Record};
use crate::dotnet::{Datum, Exception, ExceptionKind};
use crate::expression::members::Call;
use crate::expression::position::Position;
use crate::limits;

impl Machine<'_> {
    /// The value of a node. What each kind of node needs stands in functions of its own, so that the frame of
    /// this one, which calls itself through them, stays small.
    pub(super) fn evaluate(&mut self, node: &Node) -> Evaluated {
        match node {
            Node::Constant(value) => return Ok(value.clone()),
            Node::Local(slot) => return Ok(self.local(*slot)),
            _ => {}
        }
        self.descend()?;
        let value = match node {
            Node::Call(call) => self.member(call),
            Node::Concat(parts) => self.concat(parts),
            Node::Binary(binary) => self.binary(binary),
            Node::Convert(three) => self.converted(&three.0, &three.1, three.2),
            Node::Guard(guard) => self.guarded(guard),
            Node::And(nodes) => self.all_hold(nodes, true),
            Node::Or(nodes) => self.all_hold(nodes, false),
            Node::Conditional(three) => self.chosen(three),
            Node::Coalesce(pair) => self.coalesced(pair),
            other => self.rare(other),
        };
        self.ascend();
        value
    }

    /// One step deeper.
    pub(super) fn descend(&mut self) -> Evaluated<()> {
        self.count(1).map_err(|error| Thrown::last(error, UNPLACED))?;
        match self.depth_left.checked_sub(1) {
            Some(depth) => self.depth_left = depth,
            None => {
                let exception = self.exceeded(ExceptionKind::Timeout, "the expression calls itself too deep");
                return Err(Thrown::last(exception, UNPLACED));
            }
        }
        Ok(())
    }

    pub(super) fn ascend(&mut self) {
        self.depth_left += 1;
    }

    /// What fewer expressions hold.
    #[inline(never)]
    fn rare(&mut self, node: &Node) -> Evaluated {
        match node {
            Node::Assign(slot, value) => self.assigned(*slot, value),
            Node::Not(operand) => self.negated(operand),
            Node::Sequence(nodes) => self.in_order(nodes),
            Node::Lambda(function, captured) => Ok(self.closure(function, captured)),
            Node::Throw(pair) => Err(self.thrown(&pair.0, pair.1)?),
            Node::Invoke(three) => self.invoked(three),
            Node::Is(three) => self.tested(&three.0, &three.1, three.2),
            Node::As(pair) => self.kept_if(&pair.0, &pair.1),
            Node::Array(name, elements) => self.array(name, elements),
            Node::Bytes(elements) => self.bytes(elements),
            Node::Filled(four) => self.filled(four),
            Node::Member(three) => self.member_of_record(three),
            Node::Anonymous(names, values) => {
                let values = self.all(values)?;
                Ok(Datum::Record(Record::anonymous(names.iter().cloned().zip(values).collect())))
            }
            _ => Ok(Datum::Null),
        }
    }

    fn converted(&mut self, conversion: &Conversion, operand: &Node, at: Position) -> Evaluated {
        let value = self.evaluate(operand)?;
        conversion.apply(value).map_err(|error| Thrown::boxed(error, at))
    }

    fn guarded(&mut self, guard: &GuardNode) -> Evaluated {
        let receiver = self.evaluate(&guard.receiver)?;
        if receiver.is_null() {
            return Ok(Datum::Null);
        }
        self.assign(guard.slot, receiver);
        self.evaluate(&guard.rest)
    }

    /// `a && b` asks until one does not hold, `a || b` until one does.
    fn all_hold(&mut self, nodes: &[Node], wanted: bool) -> Evaluated {
        for node in nodes {
            if self.holds(node)? != wanted {
                return Ok(Datum::Bool(!wanted));
            }
        }
        Ok(Datum::Bool(wanted))
    }

    fn chosen(&mut self, three: &(Node, Node, Node)) -> Evaluated {
        let (condition, then, otherwise) = three;
        if self.holds(condition)? { self.evaluate(then) } else { self.evaluate(otherwise) }
    }

    fn coalesced(&mut self, pair: &(Node, Node)) -> Evaluated {
        match self.evaluate(&pair.0)? {
            Datum::Null => self.evaluate(&pair.1),
            value => Ok(value),
        }
    }

    fn assigned(&mut self, slot: u32, value: &Node) -> Evaluated {
        let value = self.evaluate(value)?;
        self.assign(slot, value.clone());
        Ok(value)
    }

    fn negated(&mut self, operand: &Node) -> Evaluated {
        Ok(match self.evaluate(operand)? {
            Datum::Bool(value) => Datum::Bool(!value),
            other => other,
        })
    }

    fn in_order(&mut self, nodes: &[Node]) -> Evaluated {
        let mut last = Datum::Null;
        for node in nodes {
            last = self.evaluate(node)?;
        }
        Ok(last)
    }

    fn invoked(&mut self, three: &(Node, Vec<Node>, Position)) -> Evaluated {
        let function = self.evaluate(&three.0)?;
        let mut arguments: SmallVec<[Datum; 2]> = SmallVec::new();
        for argument in &three.1 {
            arguments.push(self.evaluate(argument)?);
        }
        if function.is_null() {
            return Err(Thrown::boxed(null_reference(), three.2));
        }
        self.call(&function, &arguments)
    }

    fn tested(&mut self, operand: &Node, test: &Test, slot: Option<u32>) -> Evaluated {
        let value = self.evaluate(operand)?;
        let passes = test.passes(&value);
        if let (true, Some(slot)) = (passes, slot) {
            self.assign(slot, value);
        }
        Ok(Datum::Bool(passes))
    }

    fn kept_if(&mut self, operand: &Node, test: &Test) -> Evaluated {
        let value = self.evaluate(operand)?;
        Ok(if test.passes(&value) { value } else { Datum::Null })
    }

    fn array(&mut self, name: &Arc<str>, elements: &[Node]) -> Evaluated {
        let items = self.all(elements)?;
        Ok(Datum::List(List::of(name.clone(), items)))
    }

    fn bytes(&mut self, elements: &[Node]) -> Evaluated {
        let items = self.all(elements)?;
        let byte = |item: &Datum| if let Datum::Byte(byte) = item { *byte } else { 0 };
        Ok(Datum::Bytes(items.iter().map(byte).collect()))
    }

    fn member_of_record(&mut self, three: &(Node, usize, Position)) -> Evaluated {
        match self.evaluate(&three.0)? {
            Datum::Record(record) => {
                Ok(record.members.get(three.1).map_or(Datum::Null, |(_, value)| value.clone()))
            }
            _ => Err(Thrown::boxed(null_reference(), three.2)),
        }
    }

    /// The values of nodes, counted as memory.
    fn all(&mut self, nodes: &[Node]) -> Evaluated<Vec<Datum>> {
        self.charge(size_of_val(nodes)).map_err(|error| Thrown::last(error, UNPLACED))?;
        nodes.iter().map(|node| self.evaluate(node)).collect()
    }

    fn filled(&mut self, four: &(Arc<str>, Node, Datum, Position)) -> Evaluated {
        let (name, length, element, at) = four;
        let length = self.evaluate(length)?;
        self.filled_array(name, &length, element).map_err(|error| match self.pending.take() {
            Some(thrown) => thrown.placed(*at),
            None => Thrown::boxed(error, *at),
        })
    }

    fn filled_array(&mut self, name: &Arc<str>, length: &Datum, element: &Datum) -> Result<Datum, Exception> {
        let length = match length {
            Datum::Int(length) => usize::try_from(*length).ok(),
            _ => None,
        };
        let negative = || Exception::new(ExceptionKind::Overflow, "an array cannot have a length below zero");
        let length = length.ok_or_else(negative)?;
        if let Datum::Byte(_) = element {
            self.charge(length)?;
            return Ok(Datum::Bytes(vec![0; length].into()));
        }
        self.charge(length.saturating_mul(size_of::<Datum>()))?;
        Ok(Datum::List(List::of(name.clone(), vec![element.clone(); length])))
    }

    /// Operators from left to right.
    fn binary(&mut self, binary: &Binary) -> Evaluated {
        let mut left = self.evaluate(&binary.first)?;
        for term in &binary.rest {
            let right = self.evaluate(&term.right)?;
            left = operated(term, &left, &right)?;
        }
        Ok(left)
    }

    /// A call of a member.
    fn member(&mut self, node: &CallNode) -> Evaluated {
        let mut arguments: SmallVec<[Datum; 4]> = SmallVec::new();
        for argument in &node.arguments {
            arguments.push(self.evaluate(argument)?);
        }
        if node.has_receiver && arguments.first().is_none_or(Datum::is_null) {
            return Err(Thrown::boxed(null_reference(), node.at));
        }
        let bytes = arguments.iter().map(length_of).fold(0, usize::saturating_add);
        if bytes >= limits::EVALUATION_BYTES_PER_STEP {
            let steps = self.count(bytes / limits::EVALUATION_BYTES_PER_STEP);
            steps.map_err(|error| Thrown::last(error, node.at))?;
        }
        let mut call = Call { machine: self, arguments: &mut arguments, types: &node.types };
        match (node.run)(&mut call) {
            Ok(value) => {
                for out in &node.outs {
                    let value =
                        arguments.get_mut(out.argument).map(|place| std::mem::replace(place, Datum::Null));
                    self.assign(out.slot, value.unwrap_or(Datum::Null));
                }
                Ok(value)
            }
            Err(exception) => Err(match self.pending.take() {
                Some(thrown) => thrown.placed(node.at),
                None => Thrown::boxed(exception, node.at),
            }),
        }
    }
}

/// What a member may walk through in one argument, in bytes.
fn length_of(argument: &Datum) -> usize {
    match argument {
        Datum::String(text) => text.len(),
        Datum::Bytes(bytes) => bytes.len(),
        _ => 0,
    }
}

/// An operator on two values; null makes the result null, or a comparison false, where that is meant.
fn operated(term: &Term, left: &Datum, right: &Datum) -> Evaluated {
    if term.lifted && (left.is_null() || right.is_null()) {
        match term.operation {
            Operation::Compare(..) => return Ok(Datum::Bool(false)),
            operation if !operation.is_comparison() => return Ok(Datum::Null),
            _ => {}
        }
    }
    operate(term.operation, left, right).map_err(|error| Thrown::boxed(error, term.at))
}

fn null_reference() -> Exception {
    Exception::new(ExceptionKind::NullReference, "a member of null was asked for")
}
