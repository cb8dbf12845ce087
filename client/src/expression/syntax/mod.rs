//! The syntax tree of an expression: plain data, each part with its place in the text. What the parts
//! mean, which names and types exist among them, is left to those who read it.
//!
//! Chains that people write long are lists, not nests: the links of a path, operators of one precedence,
//! the branches of an `if`. So a tree is never much deeper than its text is nested, and that is limited.

mod expression;
mod literal;
mod program;
mod statement;
mod types;

pub use expression::{
    AnonymousMember, Argument, ArgumentValue, AssignmentOperator, BinaryOperator, Element, Expression,
    ExpressionKind, Initialiser, InterpolationPart, Lambda, LambdaBody, OutTarget, Parameter, Pattern, Step,
    StepKind, Term, UnaryOperator,
};
pub use literal::Literal;
pub use program::{Body, Identifier, Program};
pub use statement::{
    Block, Branch, CaseLabel, Catch, Declaration, Declarator, ForInitial, Resource, Statement, StatementKind,
    SwitchSection,
};
pub use types::{NamePart, Predefined, Type, TypeKind};
