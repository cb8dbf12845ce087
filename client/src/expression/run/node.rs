//! The tree that runs. A slot is a place in the frame of the function that the node belongs to.

use std::sync::Arc;

use super::convert::{Conversion, Test};
use super::operate::Operation;
use crate::dotnet::Datum;
use crate::expression::members;
use crate::expression::position::Position;
use crate::expression::types::Type;

/// Something that has a value.
#[derive(Debug)]
pub(in crate::expression) enum Node {
    Constant(Datum),
    Local(u32),
    /// The value goes into the slot, and is the value of the node.
    Assign(u32, Box<Node>),
    Call(Box<CallNode>),
    /// A delegate is called: the delegate, its arguments.
    Invoke(Box<(Node, Vec<Node>, Position)>),
    /// Texts joined in one buffer.
    Concat(Vec<Part>),
    Binary(Box<Binary>),
    /// `!` of a `bool`, or of a `bool?`.
    Not(Box<Node>),
    And(Vec<Node>),
    Or(Vec<Node>),
    Conditional(Box<(Node, Node, Node)>),
    Coalesce(Box<(Node, Node)>),
    Convert(Box<(Conversion, Node, Position)>),
    /// `a?.b`: the value goes into the slot, and if it is not null, the rest is evaluated.
    Guard(Box<GuardNode>),
    /// Whether a value passes a test; if it does, it goes into the slot.
    Is(Box<(Node, Test, Option<u32>)>),
    /// The value if it passes the test, else null.
    As(Box<(Node, Test)>),
    /// An array of the type with this name.
    Array(Arc<str>, Vec<Node>),
    /// `new byte[] { … }`
    Bytes(Vec<Node>),
    /// `new T[n]`: the name of the type, the length, what each element is.
    Filled(Box<(Arc<str>, Node, Datum, Position)>),
    Anonymous(Arc<[Arc<str>]>, Vec<Node>),
    /// A member of an anonymous object, by its number.
    Member(Box<(Node, usize, Position)>),
    /// Evaluates the first ones for what they do; the value is that of the last.
    Sequence(Vec<Node>),
    /// A lambda, with the slots of this frame that it captures.
    Lambda(Arc<Function>, Box<[u32]>),
    Throw(Box<(Node, Position)>),
}

/// A call of a member.
#[derive(Debug)]
pub(in crate::expression) struct CallNode {
    pub(in crate::expression) run: members::Function,
    pub(in crate::expression) arguments: Vec<Node>,
    /// Values of type arguments that the member declares itself.
    pub(in crate::expression) types: Vec<Type>,
    /// Whether the first argument must not be null.
    pub(in crate::expression) has_receiver: bool,
    pub(in crate::expression) outs: Vec<Out>,
    pub(in crate::expression) at: Position,
}

/// Where the value of an `out` argument goes.
#[derive(Debug, Clone, Copy)]
pub(in crate::expression) struct Out {
    pub(in crate::expression) argument: usize,
    pub(in crate::expression) slot: u32,
}

/// A part of a text that is joined.
#[derive(Debug)]
pub(in crate::expression) enum Part {
    Text(Arc<str>),
    Value(Node),
    /// With alignment and format.
    Formatted(Node, i32, Arc<str>, Position),
}

/// Operators whose types are settled, from left to right: a long sum is a list, not a nest.
#[derive(Debug)]
pub(in crate::expression) struct Binary {
    pub(in crate::expression) first: Node,
    pub(in crate::expression) rest: Vec<Term>,
}

/// An operator and its right operand.
#[derive(Debug)]
pub(in crate::expression) struct Term {
    pub(in crate::expression) operation: Operation,
    /// Whether an operand may be null, so that the result is.
    pub(in crate::expression) lifted: bool,
    pub(in crate::expression) right: Node,
    pub(in crate::expression) at: Position,
}

/// `a?.b`
#[derive(Debug)]
pub(in crate::expression) struct GuardNode {
    pub(in crate::expression) receiver: Node,
    pub(in crate::expression) slot: u32,
    pub(in crate::expression) rest: Node,
}

/// A function: the whole expression, or a lambda. Its parameters are its first slots.
#[derive(Debug)]
pub(in crate::expression) struct Function {
    pub(in crate::expression) slots: u32,
    /// For each slot, whether a lambda captures it.
    pub(in crate::expression) captured: Vec<bool>,
    pub(in crate::expression) body: Code,
    /// The name of its type, for messages.
    pub(in crate::expression) type_name: Arc<str>,
}

/// Something that is done.
#[derive(Debug)]
pub(in crate::expression) enum Code {
    Evaluate(Node),
    /// A new variable: the slot and its first value.
    Declare(u32, Node),
    Block(Vec<Code>),
    If(Vec<(Node, Code)>, Option<Box<Code>>),
    Return(Option<Node>),
    /// The slot of the element, that of the variable, how one becomes the other, the collection, what is
    /// done for each.
    ForEach(Box<(u32, u32, Option<Node>, Node, Code, Position)>),
    Loop(Box<LoopNode>),
    Break,
    Continue,
    Throw(Node, Position),
    Try(Box<TryNode>),
    Switch(Box<Switch>),
}

/// `for`, `while` and `do`.
#[derive(Debug)]
pub(in crate::expression) struct LoopNode {
    pub(in crate::expression) initial: Vec<Code>,
    pub(in crate::expression) condition: Option<Node>,
    /// Whether the condition counts before the first round.
    pub(in crate::expression) checks_first: bool,
    pub(in crate::expression) body: Code,
    pub(in crate::expression) after: Vec<Node>,
    pub(in crate::expression) at: Position,
}

/// `try`
#[derive(Debug)]
pub(in crate::expression) struct TryNode {
    pub(in crate::expression) body: Code,
    pub(in crate::expression) catches: Vec<Catcher>,
    pub(in crate::expression) finally: Option<Code>,
}

/// `catch`
#[derive(Debug)]
pub(in crate::expression) struct Catcher {
    /// The class that is caught; none for all.
    pub(in crate::expression) class: Option<Arc<str>>,
    /// Where the exception goes.
    pub(in crate::expression) slot: u32,
    pub(in crate::expression) filter: Option<Node>,
    pub(in crate::expression) body: Code,
}

/// `switch`
#[derive(Debug)]
pub(in crate::expression) struct Switch {
    pub(in crate::expression) value: Node,
    /// Labels, and the section that they lead to.
    pub(in crate::expression) labels: Vec<(Datum, usize)>,
    pub(in crate::expression) default: Option<usize>,
    pub(in crate::expression) sections: Vec<Code>,
}
