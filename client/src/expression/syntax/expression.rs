//! Expressions: what has a value.

use std::sync::Arc;

use super::{Block, Identifier, Literal, Predefined, Type};
use crate::expression::position::Span;

/// A part of the text that has a value. Parentheses leave no trace but the shape of the tree.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    /// What it is.
    pub kind: ExpressionKind,
    /// Where it stands, without parentheses around it.
    pub span: Span,
}

/// The forms of an expression.
#[derive(Debug, Clone, PartialEq)]
pub enum ExpressionKind {
    /// A value written out.
    Literal(Literal),
    /// `context`, `Foo<int>`: a variable, a type or the first part of a longer name.
    Name {
        /// The name.
        name: Identifier,
        /// What stands in `<…>`.
        type_arguments: Vec<Type>,
    },
    /// `int` in `int.Parse(x)`.
    Predefined(Predefined),
    /// `a.b(c)[d]?.e`: something and what is taken from it, from left to right. A step that is
    /// conditional and meets null makes the whole path null; a path in parentheses is a `root` of its own.
    Path {
        /// What the steps begin with.
        root: Box<Expression>,
        /// One step or more.
        steps: Vec<Step>,
    },
    /// `!a`
    Unary {
        /// The operator.
        operator: UnaryOperator,
        /// What it applies to.
        operand: Box<Expression>,
    },
    /// `a + b - c`: operators of one precedence, applied from left to right.
    Binary {
        /// The leftmost operand.
        first: Box<Expression>,
        /// One operator and operand or more.
        rest: Vec<Term>,
    },
    /// `a ?? b`
    Coalesce {
        /// The value, unless it is null.
        left: Box<Expression>,
        /// What is used instead of null.
        right: Box<Expression>,
    },
    /// `a ? b : c`
    Conditional {
        /// What decides.
        condition: Box<Expression>,
        /// The value if it is true.
        then: Box<Expression>,
        /// The value if it is false.
        otherwise: Box<Expression>,
    },
    /// `(T)a`
    Cast {
        /// The type.
        target: Type,
        /// What is cast.
        operand: Box<Expression>,
    },
    /// `a is T`, `a is T name`, `a is null`
    Is {
        /// What is tested.
        operand: Box<Expression>,
        /// What for.
        pattern: Pattern,
    },
    /// `a as T`
    As {
        /// What is converted, to null if that is not possible.
        operand: Box<Expression>,
        /// The type.
        target: Type,
    },
    /// `new T(a) { … }`
    New {
        /// The type.
        target: Type,
        /// What stands in the parentheses; nothing if they are missing.
        arguments: Vec<Argument>,
        /// What stands in the braces.
        initialiser: Option<Initialiser>,
    },
    /// `new T[n]`, `new T[] { … }`, `new[] { … }`
    NewArray {
        /// The type of an element; none if it follows from the elements.
        element: Option<Type>,
        /// What stands in the brackets.
        length: Option<Box<Expression>>,
        /// What stands in the braces.
        elements: Option<Vec<Expression>>,
    },
    /// `new { a = 1, b.c }`
    NewAnonymous(Vec<AnonymousMember>),
    /// `x => …`
    Lambda(Lambda),
    /// `$"a{b}"`
    Interpolated(Vec<InterpolationPart>),
    /// `default(T)`, or `default` alone.
    Default(Option<Type>),
    /// `a = b`, `a += b`
    Assignment {
        /// A name or a path that ends with a member or an index.
        target: Box<Expression>,
        /// Which one.
        operator: AssignmentOperator,
        /// The value.
        value: Box<Expression>,
    },
    /// `a++`, `--a`
    Increment {
        /// A name or a path that ends with a member or an index.
        target: Box<Expression>,
        /// Whether it becomes less: `--`.
        decrement: bool,
        /// Whether the operator stands in front, so that the value is the new one.
        prefix: bool,
    },
    /// `throw a`, right of `??`, in a branch of `? :` or as the body of a lambda.
    Throw(Box<Expression>),
}

/// What is taken from the value left of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// What is taken.
    pub kind: StepKind,
    /// Whether `?` stands in front: nothing is taken from null.
    pub conditional: bool,
    /// Where it stands, from its point or bracket on.
    pub span: Span,
}

/// The forms of a step.
#[derive(Debug, Clone, PartialEq)]
pub enum StepKind {
    /// `.a`, or a method that is not called: `.a<T>`.
    Member {
        /// The name.
        name: Identifier,
        /// What stands in `<…>`.
        type_arguments: Vec<Type>,
    },
    /// `.a<T>(b)`
    Method {
        /// The name.
        name: Identifier,
        /// What stands in `<…>`.
        type_arguments: Vec<Type>,
        /// What stands in `(…)`.
        arguments: Vec<Argument>,
    },
    /// `[a]`
    Index(Vec<Argument>),
    /// `(a)` after anything but a member: a delegate is called.
    Invoke(Vec<Argument>),
}

/// What is handed to a method, an indexer or a constructor.
#[derive(Debug, Clone, PartialEq)]
pub struct Argument {
    /// The name of the parameter in `name: value`.
    pub name: Option<Identifier>,
    /// What is handed in.
    pub value: ArgumentValue,
}

/// The forms of an argument.
#[derive(Debug, Clone, PartialEq)]
pub enum ArgumentValue {
    /// A value.
    Value(Expression),
    /// `out …`: what the method gives back besides its result.
    Out(OutTarget),
}

/// Where a value goes that a method gives back through `out`.
#[derive(Debug, Clone, PartialEq)]
pub enum OutTarget {
    /// `out var a`, `out int a`: a new variable.
    Declare {
        /// The type; none for `var`.
        declared: Option<Type>,
        /// The name.
        name: Identifier,
    },
    /// `out a`: a variable declared before; `out _`: nowhere.
    Existing(Identifier),
}

/// An operator with one operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UnaryOperator {
    /// `+`
    Plus,
    /// `-`
    Minus,
    /// `!`
    Not,
    /// `~`
    Complement,
}

/// An operator and its right operand.
#[derive(Debug, Clone, PartialEq)]
pub struct Term {
    /// The operator.
    pub operator: BinaryOperator,
    /// The operand right of it.
    pub operand: Expression,
}

/// An operator with two operands. `??`, `is`, `as` and assignments are expressions of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the symbols stand in the table of `symbol`")]
pub enum BinaryOperator {
    Or,
    And,
    BitOr,
    BitXor,
    BitAnd,
    Equal,
    NotEqual,
    Less,
    Greater,
    LessOrEqual,
    GreaterOrEqual,
    ShiftLeft,
    ShiftRight,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl BinaryOperator {
    /// How it is written.
    #[must_use]
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Or => "||",
            Self::And => "&&",
            Self::BitOr => "|",
            Self::BitXor => "^",
            Self::BitAnd => "&",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::Greater => ">",
            Self::LessOrEqual => "<=",
            Self::GreaterOrEqual => ">=",
            Self::ShiftLeft => "<<",
            Self::ShiftRight => ">>",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
        }
    }
}

/// How a value is assigned: `=`, or `+=` with the operator in front.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AssignmentOperator {
    /// `=`
    Plain,
    /// `+=` and its like; never a comparison, `&&` or `||`.
    With(BinaryOperator),
}

/// What `is` tests for.
#[derive(Debug, Clone, PartialEq)]
pub enum Pattern {
    /// `is T`, `is T name`. `is A.B` may also name a constant, which only its reader can tell.
    Type {
        /// The type.
        target: Type,
        /// The variable that holds the value as that type.
        name: Option<Identifier>,
    },
    /// `is null`, `is 5`: a literal, or one with a minus.
    Constant(Box<Expression>),
    /// `is var name`: always true.
    Var(Identifier),
}

/// What stands in the braces after `new T(…)`.
#[derive(Debug, Clone, PartialEq)]
pub enum Initialiser {
    /// `{ a = 1, b = 2 }`: members.
    Members(Vec<(Identifier, Expression)>),
    /// `{ a, { b, c }, ["d"] = e }`: what is added.
    Elements(Vec<Element>),
}

/// One element of a collection.
#[derive(Debug, Clone, PartialEq)]
pub enum Element {
    /// `a`
    Single(Expression),
    /// `{ a, b }`: several arguments of one `Add`.
    Several(Vec<Expression>),
    /// `[a] = b`
    Indexed(Expression, Expression),
}

/// A member of an anonymous object.
#[derive(Debug, Clone, PartialEq)]
pub struct AnonymousMember {
    /// Its name; the last part of the value's own name if none is written.
    pub name: Identifier,
    /// Its value.
    pub value: Expression,
}

/// A function without a name.
#[derive(Debug, Clone, PartialEq)]
pub struct Lambda {
    /// What it takes.
    pub parameters: Vec<Parameter>,
    /// What it does.
    pub body: LambdaBody,
}

/// A parameter of a lambda.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Its type; none if it follows from where the lambda is used.
    pub declared: Option<Type>,
    /// Its name.
    pub name: Identifier,
}

/// The two forms of a lambda's body.
#[derive(Debug, Clone, PartialEq)]
pub enum LambdaBody {
    /// `=> a`
    Expression(Box<Expression>),
    /// `=> { … }`; whether every path returns is left to those who know what is expected of it.
    Block(Block),
}

/// A part of an interpolated string.
#[derive(Debug, Clone, PartialEq)]
pub enum InterpolationPart {
    /// Text, its escapes resolved. Never empty, and never two in a row.
    Text(Arc<str>),
    /// `{value,alignment:format}`
    Hole {
        /// The value.
        value: Expression,
        /// The least width in characters; the text stands to the left in it if that is negative.
        alignment: Option<i32>,
        /// The format, its escapes resolved.
        format: Option<Arc<str>>,
    },
}
