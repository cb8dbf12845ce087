//! Whether statements can come to their end, by the C# specification's rules of reachability. Constant
//! conditions are `true` and `false` as written.

use crate::expression::syntax::{
    Block, CaseLabel, Expression, ExpressionKind, Literal, Statement, StatementKind,
};

/// Whether what follows these statements is ever reached.
pub(in crate::expression) fn can_complete(statements: &[Statement]) -> bool {
    statements.iter().all(statement_can_complete)
}

fn block_can_complete(block: &Block) -> bool {
    can_complete(&block.statements)
}

fn statement_can_complete(statement: &Statement) -> bool {
    match &statement.kind {
        StatementKind::Return(_)
        | StatementKind::Throw(_)
        | StatementKind::Break
        | StatementKind::Continue => false,
        StatementKind::Block(block) | StatementKind::Using { body: block, .. } => block_can_complete(block),
        StatementKind::If { branches, otherwise } => {
            for branch in branches {
                if !is_literal(&branch.condition, false) && block_can_complete(&branch.body) {
                    return true;
                }
                if is_literal(&branch.condition, true) {
                    return false;
                }
            }
            otherwise.as_ref().is_none_or(block_can_complete)
        }
        StatementKind::While { condition, body } => !is_literal(condition, true) || breaks(&body.statements),
        StatementKind::For { condition, body, .. } => {
            let ends = condition.as_ref().is_some_and(|condition| !is_literal(condition, true));
            ends || breaks(&body.statements)
        }
        StatementKind::Do { body, condition } => {
            let tested = block_can_complete(body) || continues(&body.statements);
            (tested && !is_literal(condition, true)) || breaks(&body.statements)
        }
        StatementKind::Try { body, catches, finally } => {
            let through = block_can_complete(body) || catches.iter().any(|c| block_can_complete(&c.body));
            through && finally.as_ref().is_none_or(block_can_complete)
        }
        StatementKind::Switch { sections, .. } => {
            let default = sections.iter().any(|section| section.labels.contains(&CaseLabel::Default));
            !default || sections.iter().any(|section| breaks(&section.statements))
        }
        StatementKind::Declaration(_)
        | StatementKind::Expression(_)
        | StatementKind::ForEach { .. }
        | StatementKind::Empty => true,
    }
}

fn is_literal(condition: &Expression, value: bool) -> bool {
    condition.kind == ExpressionKind::Literal(Literal::Bool(value))
}

/// Whether a `break` ends the loop or switch whose statements these are.
fn breaks(statements: &[Statement]) -> bool {
    leaves(statements, &StatementKind::Break)
}

/// Whether a `continue` begins the next round of the loop whose statements these are.
fn continues(statements: &[Statement]) -> bool {
    leaves(statements, &StatementKind::Continue)
}

/// Whether this jump stands among the statements, outside of loops of their own.
fn leaves(statements: &[Statement], jump: &StatementKind) -> bool {
    let within = |block: &Block| leaves(&block.statements, jump);
    statements.iter().any(|statement| match &statement.kind {
        StatementKind::Break | StatementKind::Continue => statement.kind == *jump,
        StatementKind::Block(block) | StatementKind::Using { body: block, .. } => within(block),
        StatementKind::If { branches, otherwise } => {
            branches.iter().any(|branch| within(&branch.body)) || otherwise.as_ref().is_some_and(within)
        }
        StatementKind::Try { body, catches, finally } => {
            within(body) || catches.iter().any(|c| within(&c.body)) || finally.as_ref().is_some_and(within)
        }
        // A switch has breaks of its own, and none of its own `continue`.
        StatementKind::Switch { sections, .. } if *jump == StatementKind::Continue => {
            sections.iter().any(|section| leaves(&section.statements, jump))
        }
        _ => false,
    })
}
