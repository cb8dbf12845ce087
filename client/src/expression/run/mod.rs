//! Runs what the compiler made: a tree whose names are functions and slots and whose operators have their
//! types. Nothing is looked up here.

mod concat;
mod convert;
mod evaluate;
mod items;
mod machine;
mod node;
mod operate;
mod statement;

pub(super) use convert::{Conversion, Test};
pub(super) use items::pair;
pub(super) use machine::{CAPTURES, Machine, UNPLACED};
pub(super) use node::{
    Binary, CallNode, Catcher, Code, Function, GuardNode, LoopNode, Node, Out, Part, Switch, Term, TryNode,
};
pub(super) use operate::{Arithmetic, Bits, Comparison, Kind, Operation, operate};
