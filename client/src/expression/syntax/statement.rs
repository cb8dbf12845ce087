//! Statements: what is done, in `@{…}` and in the blocks of lambdas.

use super::{Expression, Identifier, Type};
use crate::expression::position::Span;

/// Statements in their order, in braces. A single statement after `if` and its like is a block of one.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// The statements.
    pub statements: Vec<Statement>,
    /// Where they stand, with their braces.
    pub span: Span,
}

/// Something that is done.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// What it is.
    pub kind: StatementKind,
    /// Where it stands.
    pub span: Span,
}

/// The forms of a statement.
#[derive(Debug, Clone, PartialEq)]
pub enum StatementKind {
    /// `var a = b;`
    Declaration(Declaration),
    /// `a.b();`: a call, an assignment, an increment or `new`.
    Expression(Expression),
    /// `if (…) … else if (…) … else …`
    If {
        /// `if` and each `else if`, one or more.
        branches: Vec<Branch>,
        /// The last `else`.
        otherwise: Option<Block>,
    },
    /// `return a;`
    Return(Option<Expression>),
    /// `{ … }`
    Block(Block),
    /// `foreach (var a in b) …`
    ForEach {
        /// The type of the variable; none for `var`.
        declared: Option<Type>,
        /// The variable.
        name: Identifier,
        /// What is walked through.
        collection: Expression,
        /// What is done for each.
        body: Block,
    },
    /// `for (…; …; …) …`
    For {
        /// What is done first.
        initial: ForInitial,
        /// What must hold for another round; nothing: always.
        condition: Option<Expression>,
        /// What is done after each round.
        iterators: Vec<Expression>,
        /// What is done in each round.
        body: Block,
    },
    /// `while (…) …`
    While {
        /// What must hold for another round.
        condition: Expression,
        /// What is done in each round.
        body: Block,
    },
    /// `do … while (…);`
    Do {
        /// What is done in each round.
        body: Block,
        /// What must hold for another round.
        condition: Expression,
    },
    /// `break;`
    Break,
    /// `continue;`
    Continue,
    /// `throw a;`, and `throw;` in a `catch`.
    Throw(Option<Expression>),
    /// `try … catch … finally …`
    Try {
        /// What is tried.
        body: Block,
        /// What is done about exceptions: the first that fits.
        catches: Vec<Catch>,
        /// What is done in the end in any case.
        finally: Option<Block>,
    },
    /// `switch (…) { … }`
    Switch {
        /// What is compared.
        value: Expression,
        /// What it may be.
        sections: Vec<SwitchSection>,
    },
    /// `using (…) …`
    Using {
        /// What is used.
        resource: Resource,
        /// What is done with it.
        body: Block,
    },
    /// `;`
    Empty,
}

/// One or more variables of one type.
#[derive(Debug, Clone, PartialEq)]
pub struct Declaration {
    /// Whether they are constants: `const`.
    pub constant: bool,
    /// The type; none for `var`.
    pub declared: Option<Type>,
    /// The variables, one or more.
    pub declarators: Vec<Declarator>,
}

/// A variable of a declaration.
#[derive(Debug, Clone, PartialEq)]
pub struct Declarator {
    /// Its name.
    pub name: Identifier,
    /// Its first value.
    pub value: Option<Expression>,
}

/// A condition and what is done if it holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Branch {
    /// The condition.
    pub condition: Expression,
    /// What is done.
    pub body: Block,
}

/// What stands before the first semicolon of a `for`.
#[derive(Debug, Clone, PartialEq)]
pub enum ForInitial {
    /// Variables of the loop.
    Declaration(Declaration),
    /// Expressions, or none.
    Expressions(Vec<Expression>),
}

/// What stands in the parentheses of a `using`.
#[derive(Debug, Clone, PartialEq)]
pub enum Resource {
    /// Variables of the statement, each with a value.
    Declaration(Declaration),
    /// A value without a name.
    Expression(Expression),
}

/// What is done about an exception.
#[derive(Debug, Clone, PartialEq)]
pub struct Catch {
    /// The type that is caught; none for all.
    pub caught: Option<Type>,
    /// The variable that holds the exception.
    pub name: Option<Identifier>,
    /// What must also hold: `when (…)`.
    pub filter: Option<Expression>,
    /// What is done.
    pub body: Block,
}

/// Labels of a `switch`, and what is done for them.
#[derive(Debug, Clone, PartialEq)]
pub struct SwitchSection {
    /// One label or more.
    pub labels: Vec<CaseLabel>,
    /// One statement or more.
    pub statements: Vec<Statement>,
}

/// A label of a `switch`.
#[derive(Debug, Clone, PartialEq)]
pub enum CaseLabel {
    /// `case a:`
    Value(Expression),
    /// `default:`
    Default,
}
