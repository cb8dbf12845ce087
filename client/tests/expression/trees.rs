//! Random syntax trees, of every kind of node, as the parser would build them: no node that only other text
//! could have made.

use std::sync::Arc;

use larder_client::Decimal;
use larder_client::expression::syntax::{
    AnonymousMember, Argument, ArgumentValue, AssignmentOperator, BinaryOperator, Block, Body, Branch,
    CaseLabel, Catch, Declaration, Declarator, Element, Expression, ExpressionKind, ForInitial, Identifier,
    Initialiser, InterpolationPart, Lambda, LambdaBody, Literal, NamePart, OutTarget, Parameter, Pattern,
    Predefined, Program, Resource, Statement, StatementKind, Step, StepKind, SwitchSection, Term, Type,
    TypeKind, UnaryOperator,
};
use larder_client::expression::{Position, Span};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

/// The place of every node here; the parser's places are taken out before trees are compared.
const NOWHERE: Span = Span { start: Position { line: 0, column: 0 }, end: Position { line: 0, column: 0 } };

pub(crate) fn program() -> impl Strategy<Value = Program> {
    let block = (vec(statement(), 0..4), expression()).prop_map(|(mut statements, value)| {
        statements.push(done(StatementKind::Return(Some(value))));
        Body::Block(block(statements))
    });
    prop_oneof![2 => expression().prop_map(Body::Expression), 1 => block]
        .prop_map(|body| Program { body, span: NOWHERE })
}

fn identifier() -> impl Strategy<Value = Identifier> {
    let name =
        select(vec!["a", "b", "context", "Name_2", "class", "in", "null", "string", "\u{e4}\u{df}", "x1"]);
    name.prop_map(|name| Identifier { name: Arc::from(name), span: NOWHERE })
}

fn type_name() -> BoxedStrategy<Type> {
    let predefined = [Predefined::Int, Predefined::String, Predefined::Object, Predefined::SByte];
    let predefined = select(predefined.to_vec()).prop_map(TypeKind::Predefined);
    let part = |arguments| {
        (identifier(), arguments).prop_map(|(name, type_arguments)| NamePart { name, type_arguments })
    };
    let named = vec(part(Just(Vec::new()).boxed()), 1..3).prop_map(TypeKind::Named);
    prop_oneof![predefined, named]
        .prop_map(typed)
        .prop_recursive(3, 8, 3, move |inner| {
            let generic = vec(part(vec(inner.clone(), 0..3).boxed()), 1..3).prop_map(TypeKind::Named);
            let nullable = inner.clone().prop_map(|inner| match inner.kind {
                TypeKind::Nullable(_) => inner.kind,
                _ => TypeKind::Nullable(Box::new(inner)),
            });
            let array = inner.prop_map(|inner| TypeKind::Array(Box::new(inner)));
            prop_oneof![generic, nullable, array].prop_map(typed)
        })
        .prop_filter("more suffixes than are read", |it| suffixes(it) <= 4)
        .boxed()
}

fn suffixes(it: &Type) -> usize {
    match &it.kind {
        TypeKind::Array(inner) | TypeKind::Nullable(inner) => 1 + suffixes(inner),
        TypeKind::Named(parts) => {
            parts.iter().flat_map(|part| &part.type_arguments).map(suffixes).max().unwrap_or(0)
        }
        TypeKind::Predefined(_) => 0,
    }
}

fn literal() -> impl Strategy<Value = Literal> {
    let decimal = (0..=Decimal::MANTISSA_MAX, 0..=Decimal::SCALE_MAX);
    prop_oneof![
        Just(Literal::Null),
        any::<bool>().prop_map(Literal::Bool),
        prop_oneof![0..=i32::MAX, Just(i32::MIN)].prop_map(Literal::Int),
        any::<u32>().prop_map(Literal::UInt),
        prop_oneof![0..=i64::MAX, Just(i64::MIN)].prop_map(Literal::Long),
        any::<u64>().prop_map(Literal::ULong),
        (0.0..f32::MAX).prop_map(Literal::Float),
        (0.0..f64::MAX).prop_map(Literal::Double),
        decimal.prop_filter_map("too large", |(mantissa, scale)| Decimal::new(mantissa, scale)
            .map(Literal::Decimal)),
        any::<char>().prop_filter("two units", |c| c.len_utf16() == 1).prop_map(Literal::Char),
        ".{0,8}".prop_map(|text| Literal::String(Arc::from(text))),
    ]
}

fn expression() -> BoxedStrategy<Expression> {
    let name = identifier().prop_map(|name| ExpressionKind::Name { name, type_arguments: Vec::new() });
    let default = option::of(type_name()).prop_map(ExpressionKind::Default);
    let leaf = prop_oneof![2 => literal().prop_map(ExpressionKind::Literal), 3 => name, 1 => default];
    leaf.prop_map(valued)
        .prop_recursive(4, 40, 4, |inner| {
            let kind = prop_oneof![
                path(inner.clone()),
                operators(inner.clone()),
                others(inner.clone()),
                made(inner)
            ];
            kind.prop_map(valued)
        })
        .boxed()
}

fn arguments(inner: BoxedStrategy<Expression>, least: usize) -> BoxedStrategy<Vec<Argument>> {
    let declare = (option::of(type_name()), identifier())
        .prop_map(|(declared, name)| OutTarget::Declare { declared, name });
    let out = prop_oneof![declare, identifier().prop_map(OutTarget::Existing)].prop_map(ArgumentValue::Out);
    let value = prop_oneof![5 => inner.prop_map(ArgumentValue::Value), 1 => out];
    let argument = (option::weighted(0.2, identifier()), value);
    vec(argument.prop_map(|(name, value)| Argument { name, value }), least..3).boxed()
}

/// A path. A call is part of the member before it, so that a delegate is called only after something else;
/// and after a path in parentheses it would make a cast of that.
fn path(inner: BoxedStrategy<Expression>) -> BoxedStrategy<ExpressionKind> {
    let types = || vec(type_name(), 0..2);
    let member = identifier().prop_map(|name| StepKind::Member { name, type_arguments: Vec::new() });
    let method = (identifier(), types(), arguments(inner.clone(), 0))
        .prop_map(|(name, type_arguments, arguments)| StepKind::Method { name, type_arguments, arguments });
    let index = arguments(inner.clone(), 1).prop_map(StepKind::Index);
    let plain = prop_oneof![member, method, index.clone()];
    let step =
        (plain, any::<bool>()).prop_map(|(kind, conditional)| Step { kind, conditional, span: NOWHERE });
    let invoke = (index, arguments(inner.clone(), 0)).prop_map(|(index, arguments)| {
        [index, StepKind::Invoke(arguments)]
            .map(|kind| Step { kind, conditional: false, span: NOWHERE })
            .to_vec()
    });
    let call =
        (identifier(), types(), arguments(inner.clone(), 0)).prop_map(|(name, type_arguments, arguments)| {
            let root = Box::new(valued(ExpressionKind::Name { name, type_arguments }));
            let step = Step { kind: StepKind::Invoke(arguments), conditional: false, span: NOWHERE };
            ExpressionKind::Path { root, steps: vec![step] }
        });
    let steps = (vec(step.clone(), 1..4), prop_oneof![Just(Vec::new()), invoke])
        .prop_map(|(steps, invoked)| steps.into_iter().chain(invoked).collect());
    let of_value = (inner, steps)
        .prop_map(|(root, steps): (_, Vec<_>)| ExpressionKind::Path { root: Box::new(root), steps });
    let of_type = (identifier(), vec(step, 0..2)).prop_map(|(name, steps)| {
        let first = StepKind::Member { name, type_arguments: Vec::new() };
        let first = Step { kind: first, conditional: false, span: NOWHERE };
        let root = Box::new(valued(ExpressionKind::Predefined(Predefined::ULong)));
        ExpressionKind::Path { root, steps: [vec![first], steps].concat() }
    });
    prop_oneof![3 => of_value, 1 => call, 1 => of_type].boxed()
}

/// Operators of one level, without pairs of `<` and `>`, which would enclose types.
fn operators(inner: BoxedStrategy<Expression>) -> BoxedStrategy<ExpressionKind> {
    use BinaryOperator as Op;
    let levels: &[&[BinaryOperator]] = &[
        &[Op::Or],
        &[Op::And],
        &[Op::BitOr],
        &[Op::BitXor],
        &[Op::BitAnd],
        &[Op::Equal, Op::NotEqual],
        &[Op::Less, Op::LessOrEqual, Op::GreaterOrEqual],
        &[Op::Greater, Op::LessOrEqual, Op::GreaterOrEqual],
        &[Op::ShiftLeft, Op::ShiftRight],
        &[Op::Add, Op::Subtract],
        &[Op::Multiply, Op::Divide, Op::Remainder],
    ];
    let operand = inner.clone();
    let terms = select(levels.to_vec()).prop_flat_map(move |level| {
        vec(
            (select(level.to_vec()), operand.clone())
                .prop_map(|(operator, operand)| Term { operator, operand }),
            1..4,
        )
    });
    let combined = [Op::Add, Op::Subtract, Op::Multiply, Op::BitOr, Op::ShiftLeft, Op::ShiftRight];
    let assignment = prop_oneof![
        Just(AssignmentOperator::Plain),
        select(combined.to_vec()).prop_map(AssignmentOperator::With)
    ];
    let unary = [UnaryOperator::Plus, UnaryOperator::Minus, UnaryOperator::Not, UnaryOperator::Complement];
    let boxed = || inner.clone().prop_map(Box::new);
    prop_oneof![
        (select(unary.to_vec()), boxed())
            .prop_map(|(operator, operand)| ExpressionKind::Unary { operator, operand }),
        (boxed(), terms).prop_map(|(first, rest)| ExpressionKind::Binary { first, rest }),
        (boxed(), branch(inner.clone()))
            .prop_map(|(left, right)| ExpressionKind::Coalesce { left, right: Box::new(right) }),
        (boxed(), branch(inner.clone()), branch(inner.clone())).prop_map(|(condition, then, otherwise)| {
            ExpressionKind::Conditional { condition, then: Box::new(then), otherwise: Box::new(otherwise) }
        }),
        (target(inner.clone()), assignment, boxed()).prop_map(|(target, operator, value)| {
            ExpressionKind::Assignment { target: Box::new(target), operator, value }
        }),
        (target(inner.clone()), any::<bool>(), any::<bool>()).prop_map(|(target, decrement, prefix)| {
            ExpressionKind::Increment { target: Box::new(target), decrement, prefix }
        }),
    ]
    .boxed()
}

/// An expression or a `throw`.
fn branch(inner: BoxedStrategy<Expression>) -> BoxedStrategy<Expression> {
    let thrown = inner.clone().prop_map(|thrown| valued(ExpressionKind::Throw(Box::new(thrown))));
    prop_oneof![5 => inner, 1 => thrown].boxed()
}

/// What can be assigned to.
fn target(inner: BoxedStrategy<Expression>) -> BoxedStrategy<Expression> {
    let name = identifier().prop_map(|name| ExpressionKind::Name { name, type_arguments: Vec::new() });
    let member = identifier().prop_map(|name| StepKind::Member { name, type_arguments: Vec::new() });
    let step = prop_oneof![member, arguments(inner.clone(), 1).prop_map(StepKind::Index)];
    let path = (inner, step).prop_map(|(root, kind)| {
        let steps = vec![Step { kind, conditional: false, span: NOWHERE }];
        ExpressionKind::Path { root: Box::new(root), steps }
    });
    prop_oneof![name, path].prop_map(valued).boxed()
}

/// Types, lambdas and strings.
fn others(inner: BoxedStrategy<Expression>) -> BoxedStrategy<ExpressionKind> {
    let constant = literal().prop_map(|it| Pattern::Constant(Box::new(valued(ExpressionKind::Literal(it)))));
    // C# has no name after a type with `?`, which would begin a condition.
    let tested = (type_name(), option::of(identifier())).prop_map(|(target, name)| {
        let name = name.filter(|_| !matches!(target.kind, TypeKind::Nullable(_)));
        Pattern::Type { target, name }
    });
    let pattern = prop_oneof![2 => tested, 1 => constant, 1 => identifier().prop_map(Pattern::Var)];
    let parameter =
        (option::of(type_name()), identifier()).prop_map(|(declared, name)| Parameter { declared, name });
    let statements = (option::of(inner.clone()), option::of(inner.clone())).prop_map(|(first, last)| {
        let first = first.map(|value| declaration(None, value)).map(StatementKind::Declaration);
        LambdaBody::Block(block(first.into_iter().chain([StatementKind::Return(last)]).map(done).collect()))
    });
    let body =
        prop_oneof![branch(inner.clone()).prop_map(|it| LambdaBody::Expression(Box::new(it))), statements];
    let format = option::of(".{1,6}".prop_map(|text| Arc::from(text.as_str())));
    let hole = (inner.clone(), option::of(-99..=99i32), format)
        .prop_map(|(value, alignment, format)| InterpolationPart::Hole { value, alignment, format });
    let text = ".{1,8}".prop_map(|text| InterpolationPart::Text(Arc::from(text.as_str())));
    let parts = vec(prop_oneof![hole, text], 0..4).prop_map(|mut parts| {
        let is_text = |part: &InterpolationPart| matches!(part, InterpolationPart::Text(_));
        parts.dedup_by(|second, first| is_text(first) && is_text(second));
        ExpressionKind::Interpolated(parts)
    });
    let operand = || inner.clone().prop_map(Box::new);
    prop_oneof![
        (type_name(), operand()).prop_map(|(target, operand)| ExpressionKind::Cast { target, operand }),
        (operand(), type_name()).prop_map(|(operand, target)| ExpressionKind::As { operand, target }),
        (operand(), pattern).prop_map(|(operand, pattern)| ExpressionKind::Is { operand, pattern }),
        (vec(parameter, 0..3), body)
            .prop_map(|(parameters, body)| ExpressionKind::Lambda(Lambda { parameters, body })),
        parts,
    ]
    .boxed()
}

/// `new` in its forms.
fn made(inner: BoxedStrategy<Expression>) -> BoxedStrategy<ExpressionKind> {
    let pairs = |least| vec((identifier(), inner.clone()), least..3);
    let element = prop_oneof![
        inner.clone().prop_map(Element::Single),
        vec(inner.clone(), 0..3).prop_map(Element::Several),
        (inner.clone(), inner.clone()).prop_map(|(index, value)| Element::Indexed(index, value)),
    ];
    let initialiser = prop_oneof![
        pairs(1).prop_map(Initialiser::Members),
        vec(element, 0..3).prop_map(Initialiser::Elements)
    ];
    let no_array = type_name().prop_filter("an array", |it| !is_array(it));
    let elements = || vec(inner.clone(), 0..3);
    let length = inner.clone().prop_map(|length| Some(Box::new(length)));
    prop_oneof![
        (no_array, arguments(inner.clone(), 0), option::of(initialiser)).prop_map(
            |(target, arguments, initialiser)| ExpressionKind::New { target, arguments, initialiser }
        ),
        elements().prop_map(|it| ExpressionKind::NewArray {
            element: None,
            length: None,
            elements: Some(it)
        }),
        (element_type(), elements()).prop_map(|(element, it)| {
            ExpressionKind::NewArray { element: Some(element), length: None, elements: Some(it) }
        }),
        (element_type(), length, option::of(elements())).prop_map(|(element, length, elements)| {
            ExpressionKind::NewArray { element: Some(element), length, elements }
        }),
        pairs(0).prop_map(|members| {
            let member = |(name, value)| AnonymousMember { name, value };
            ExpressionKind::NewAnonymous(members.into_iter().map(member).collect())
        }),
    ]
    .boxed()
}

/// The type of an array's elements, without a `?` at the end, behind which an operator would be read as a branch.
fn element_type() -> impl Strategy<Value = Type> {
    type_name().prop_map(|it| match it.kind {
        TypeKind::Nullable(inner) if is_array(&inner) => *inner,
        _ => it,
    })
}

fn is_array(it: &Type) -> bool {
    match &it.kind {
        TypeKind::Nullable(inner) => is_array(inner),
        kind => matches!(kind, TypeKind::Array(_)),
    }
}

fn statement() -> BoxedStrategy<Statement> {
    let declare =
        || (option::of(type_name()), expression()).prop_map(|(declared, value)| declaration(declared, value));
    let leaf = prop_oneof![
        declare().prop_map(StatementKind::Declaration),
        effect().prop_map(StatementKind::Expression),
        expression().prop_map(|value| StatementKind::Return(Some(value))),
        expression().prop_map(|value| StatementKind::Throw(Some(value))),
        Just(StatementKind::Empty),
    ];
    leaf.prop_map(done)
        .prop_recursive(3, 12, 3, move |inner| {
            let body = vec(inner.clone(), 0..3).prop_map(block);
            let looped = (vec(inner, 0..3), select(vec![StatementKind::Break, StatementKind::Continue]))
                .prop_map(|(statements, jump)| block(statements.into_iter().chain([done(jump)]).collect()));
            let branches = vec((expression(), body.clone()), 1..3).prop_map(|branches| {
                branches.into_iter().map(|(condition, body)| Branch { condition, body }).collect()
            });
            let for_initial = prop_oneof![
                declare().prop_map(ForInitial::Declaration),
                vec(effect(), 0..3).prop_map(ForInitial::Expressions)
            ];
            prop_oneof![
                body.clone().prop_map(StatementKind::Block),
                (branches, option::of(body.clone()))
                    .prop_map(|(branches, otherwise)| StatementKind::If { branches, otherwise }),
                (option::of(type_name()), identifier(), expression(), looped.clone()).prop_map(
                    |(declared, name, collection, body)| StatementKind::ForEach {
                        declared,
                        name,
                        collection,
                        body
                    }
                ),
                (for_initial, option::of(expression()), vec(effect(), 0..3), looped.clone()).prop_map(
                    |(initial, condition, iterators, body)| StatementKind::For {
                        initial,
                        condition,
                        iterators,
                        body
                    }
                ),
                (expression(), looped.clone())
                    .prop_map(|(condition, body)| StatementKind::While { condition, body }),
                (expression(), looped).prop_map(|(condition, body)| StatementKind::Do { body, condition }),
                tried(body.clone()),
                used(body.clone()),
                switch(body),
            ]
            .prop_map(done)
        })
        .boxed()
}

/// What may stand alone as a statement.
fn effect() -> impl Strategy<Value = Expression> {
    (target(expression()), option::of(expression()), any::<bool>()).prop_map(|(target, value, flag)| {
        let target = Box::new(target);
        valued(match value {
            Some(value) => {
                let operator = AssignmentOperator::Plain;
                ExpressionKind::Assignment { target, operator, value: Box::new(value) }
            }
            None => ExpressionKind::Increment { target, decrement: flag, prefix: false },
        })
    })
}

fn tried(body: impl Strategy<Value = Block> + Clone + 'static) -> BoxedStrategy<StatementKind> {
    let caught = option::of((type_name(), option::of(identifier())));
    let again = body.clone().prop_map(|body| {
        block(body.statements.into_iter().chain([done(StatementKind::Throw(None))]).collect())
    });
    let catch = (caught, option::of(expression()), again).prop_map(|(caught, filter, body)| {
        let (caught, name) = caught.map_or((None, None), |(caught, name)| (Some(caught), name));
        Catch { caught, name, filter, body }
    });
    (body.clone(), vec(catch, 0..3), body)
        .prop_map(|(body, catches, finally)| StatementKind::Try { body, catches, finally: Some(finally) })
        .boxed()
}

fn used(body: impl Strategy<Value = Block> + 'static) -> BoxedStrategy<StatementKind> {
    let declared = (option::of(type_name()), expression())
        .prop_map(|(declared, value)| Resource::Declaration(declaration(declared, value)));
    let resource = prop_oneof![declared, expression().prop_map(Resource::Expression)];
    (resource, body).prop_map(|(resource, body)| StatementKind::Using { resource, body }).boxed()
}

fn switch(body: impl Strategy<Value = Block> + 'static) -> BoxedStrategy<StatementKind> {
    let label = prop_oneof![3 => expression().prop_map(CaseLabel::Value), 1 => Just(CaseLabel::Default)];
    let section = (vec(label, 1..3), body).prop_map(|(labels, body)| {
        let statements = body.statements.into_iter().chain([done(StatementKind::Break)]).collect();
        SwitchSection { labels, statements }
    });
    (expression(), vec(section, 0..3))
        .prop_map(|(value, sections)| StatementKind::Switch { value, sections })
        .boxed()
}

fn declaration(declared: Option<Type>, value: Expression) -> Declaration {
    let name = Identifier { name: Arc::from("a"), span: NOWHERE };
    Declaration { constant: false, declared, declarators: vec![Declarator { name, value: Some(value) }] }
}

fn valued(kind: ExpressionKind) -> Expression {
    Expression { kind, span: NOWHERE }
}

fn typed(kind: TypeKind) -> Type {
    Type { kind, span: NOWHERE }
}

fn done(kind: StatementKind) -> Statement {
    Statement { kind, span: NOWHERE }
}

fn block(statements: Vec<Statement>) -> Block {
    Block { statements, span: NOWHERE }
}
