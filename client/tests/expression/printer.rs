//! The reference printer: a syntax tree as C# with parentheses around everything that has an operator, so
//! that the text says how the parser understood another.

use larder_client::expression::syntax::{
    Argument, ArgumentValue, AssignmentOperator, Block, Body, CaseLabel, Catch, Declaration, Element,
    Expression, ExpressionKind, ForInitial, Identifier, Initialiser, InterpolationPart, Lambda, LambdaBody,
    Literal, NamePart, OutTarget, Pattern, Program, Resource, Statement, StatementKind, Step, StepKind,
    SwitchSection, Type, TypeKind, UnaryOperator,
};

pub(crate) fn program(program: &Program) -> String {
    match &program.body {
        Body::Expression(value) => format!("@({})", expression(value)),
        Body::Block(statements) => format!("@{}", block(statements)),
    }
}

/// An expression, in parentheses if it has an operator.
pub(crate) fn expression(value: &Expression) -> String {
    let text = bare(value);
    match &value.kind {
        ExpressionKind::Literal(Literal::Int(i32::MIN) | Literal::Long(i64::MIN))
        | ExpressionKind::Unary { .. }
        | ExpressionKind::Binary { .. }
        | ExpressionKind::Coalesce { .. }
        | ExpressionKind::Conditional { .. }
        | ExpressionKind::Cast { .. }
        | ExpressionKind::Is { .. }
        | ExpressionKind::As { .. }
        | ExpressionKind::Assignment { .. }
        | ExpressionKind::Increment { .. }
        | ExpressionKind::Lambda(_) => format!("({text})"),
        _ => text,
    }
}

/// An expression without parentheses around it.
fn bare(value: &Expression) -> String {
    match &value.kind {
        ExpressionKind::Literal(it) => literal(it),
        ExpressionKind::Name { name, type_arguments } => {
            format!("{}{}", identifier(name), type_list(type_arguments))
        }
        ExpressionKind::Predefined(it) => it.keyword().to_owned(),
        ExpressionKind::Path { root, steps } => format!("{}{}", path_root(root), each(steps, "", step)),
        ExpressionKind::Unary { operator, operand } => {
            let symbol = match operator {
                UnaryOperator::Plus => "+",
                UnaryOperator::Minus => "-",
                UnaryOperator::Not => "!",
                UnaryOperator::Complement => "~",
            };
            // The blank keeps `- 2147483648` from being one literal, and `- -x` from being `--x`.
            format!("{symbol} {}", expression(operand))
        }
        ExpressionKind::Binary { first, rest } => {
            let terms =
                each(rest, "", |term| format!(" {} {}", term.operator.symbol(), expression(&term.operand)));
            expression(first) + &terms
        }
        ExpressionKind::Coalesce { left, right } => format!("{} ?? {}", expression(left), expression(right)),
        ExpressionKind::Conditional { condition, then, otherwise } => {
            format!("{} ? {} : {}", expression(condition), expression(then), expression(otherwise))
        }
        ExpressionKind::Cast { target, operand } => format!("({}){}", type_name(target), expression(operand)),
        ExpressionKind::Is { operand, pattern: it } => format!("{} is {}", expression(operand), pattern(it)),
        ExpressionKind::As { operand, target } => format!("{} as {}", expression(operand), type_name(target)),
        ExpressionKind::New { target, arguments: it, initialiser: braces } => {
            let braces = braces.as_ref().map(initialiser).unwrap_or_default();
            format!("new {}{}{braces}", type_name(target), arguments(it))
        }
        ExpressionKind::NewArray { element, length, elements } => {
            new_array(element.as_ref(), length.as_deref(), elements.as_deref())
        }
        ExpressionKind::NewAnonymous(members) => {
            let member = |name: &Identifier, value: &Expression| {
                format!("{} = {}", identifier(name), expression(value))
            };
            format!("new {{ {} }}", each(members, ", ", |it| member(&it.name, &it.value)))
        }
        ExpressionKind::Lambda(it) => lambda(it),
        ExpressionKind::Interpolated(parts) => format!("$\"{}\"", each(parts, "", interpolation)),
        ExpressionKind::Default(None) => "default".to_owned(),
        ExpressionKind::Default(Some(target)) => format!("default({})", type_name(target)),
        ExpressionKind::Assignment { target, operator, value } => {
            let combined = match operator {
                AssignmentOperator::Plain => "",
                AssignmentOperator::With(operator) => operator.symbol(),
            };
            format!("{} {combined}= {}", expression(target), expression(value))
        }
        ExpressionKind::Increment { target, decrement, prefix } => {
            let symbol = if *decrement { "--" } else { "++" };
            let target = expression(target);
            if *prefix { format!("{symbol}{target}") } else { format!("{target}{symbol}") }
        }
        ExpressionKind::Throw(thrown) => format!("throw {}", expression(thrown)),
    }
}

fn path_root(root: &Expression) -> String {
    match root.kind {
        ExpressionKind::Path { .. }
        | ExpressionKind::New { .. }
        | ExpressionKind::NewArray { .. }
        | ExpressionKind::NewAnonymous(_) => format!("({})", bare(root)),
        _ => expression(root),
    }
}

fn step(step: &Step) -> String {
    let question = if step.conditional { "?" } else { "" };
    let text = match &step.kind {
        StepKind::Member { name, type_arguments } => {
            format!(".{}{}", identifier(name), type_list(type_arguments))
        }
        StepKind::Method { name, type_arguments, arguments: it } => {
            format!(".{}{}{}", identifier(name), type_list(type_arguments), arguments(it))
        }
        StepKind::Index(it) => format!("[{}]", each(it, ", ", argument)),
        StepKind::Invoke(it) => arguments(it),
    };
    format!("{question}{text}")
}

fn arguments(arguments: &[Argument]) -> String {
    format!("({})", each(arguments, ", ", argument))
}

fn argument(argument: &Argument) -> String {
    let name = argument.name.as_ref().map(|name| format!("{}: ", identifier(name))).unwrap_or_default();
    let value = match &argument.value {
        ArgumentValue::Value(value) => expression(value),
        ArgumentValue::Out(OutTarget::Declare { declared, name }) => {
            format!("out {} {}", variable_type(declared.as_ref()), identifier(name))
        }
        ArgumentValue::Out(OutTarget::Existing(name)) => format!("out {}", identifier(name)),
    };
    name + &value
}

fn pattern(pattern: &Pattern) -> String {
    match pattern {
        Pattern::Type { target, name: None } => type_name(target),
        Pattern::Type { target, name: Some(name) } => format!("{} {}", type_name(target), identifier(name)),
        Pattern::Constant(value) => bare(value),
        Pattern::Var(name) => format!("var {}", identifier(name)),
    }
}

fn initialiser(initialiser: &Initialiser) -> String {
    let text = match initialiser {
        Initialiser::Members(members) => {
            each(members, ", ", |(name, value)| format!("{} = {}", identifier(name), expression(value)))
        }
        Initialiser::Elements(elements) => each(elements, ", ", |element| match element {
            Element::Single(value) => expression(value),
            Element::Several(values) => format!("{{ {} }}", each(values, ", ", expression)),
            Element::Indexed(index, value) => format!("[{}] = {}", expression(index), expression(value)),
        }),
    };
    format!(" {{ {text} }}")
}

fn new_array(element: Option<&Type>, length: Option<&Expression>, elements: Option<&[Expression]>) -> String {
    let (base, suffixes) = element.map(split_type).unwrap_or_default();
    let length = length.map(expression).unwrap_or_default();
    let braces = elements.map(|it| format!(" {{ {} }}", each(it, ", ", expression))).unwrap_or_default();
    format!("new {base}[{length}]{suffixes}{braces}")
}

fn lambda(lambda: &Lambda) -> String {
    let parameters = each(&lambda.parameters, ", ", |parameter| {
        let declared = parameter.declared.as_ref().map(|it| type_name(it) + " ").unwrap_or_default();
        declared + &identifier(&parameter.name)
    });
    let body = match &lambda.body {
        LambdaBody::Expression(value) => expression(value),
        LambdaBody::Block(statements) => block(statements),
    };
    format!("({parameters}) => {body}")
}

fn interpolation(part: &InterpolationPart) -> String {
    let doubled = |text: &str| escaped(text).replace('{', "{{").replace('}', "}}");
    match part {
        // After a format, `}}` would be a part of that.
        InterpolationPart::Text(text) => match text.strip_prefix('}') {
            Some(rest) => format!("\\u007D{}", doubled(rest)),
            None => doubled(text),
        },
        InterpolationPart::Hole { value, alignment, format } => {
            let alignment = alignment.map(|width| format!(",{width}")).unwrap_or_default();
            let format = format.as_ref().map(|format| format!(":{}", doubled(format))).unwrap_or_default();
            format!("{{{}{alignment}{format}}}", expression(value))
        }
    }
}

fn literal(literal: &Literal) -> String {
    match literal {
        Literal::Null => "null".to_owned(),
        Literal::Bool(value) => value.to_string(),
        Literal::Int(value) => value.to_string(),
        Literal::UInt(value) => format!("{value}u"),
        Literal::Long(i64::MIN) => i64::MIN.to_string(),
        Literal::Long(value) => format!("{value}L"),
        Literal::ULong(value) => format!("{value}uL"),
        Literal::Float(value) => format!("{value:?}f"),
        Literal::Double(value) => format!("{value:?}d"),
        Literal::Decimal(value) => {
            let scale = usize::from(value.scale());
            let digits = format!("{:0>width$}", value.mantissa(), width = scale + 1);
            let (whole, fraction) = digits.split_at(digits.len() - scale);
            let point = if scale > 0 { "." } else { "" };
            format!("{whole}{point}{fraction}m")
        }
        Literal::Char(value) => format!("'{}'", escaped(&value.to_string())),
        Literal::String(value) => format!("\"{}\"", escaped(value)),
    }
}

/// Text as it stands in a regular string.
fn escaped(text: &str) -> String {
    let plain = |c: char| c == ' ' || (c.is_ascii_graphic() && !matches!(c, '"' | '\'' | '\\'));
    let unit = |c: char| match c {
        _ if plain(c) => c.to_string(),
        _ => c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04X}")).collect(),
    };
    text.chars().map(unit).collect()
}

pub(crate) fn type_name(name: &Type) -> String {
    match &name.kind {
        TypeKind::Predefined(it) => it.keyword().to_owned(),
        TypeKind::Named(parts) => each(parts, ".", |part: &NamePart| {
            format!("{}{}", identifier(&part.name), type_list(&part.type_arguments))
        }),
        TypeKind::Nullable(inner) => format!("{}?", type_name(inner)),
        TypeKind::Array(inner) => format!("{}[]", type_name(inner)),
    }
}

/// A type as it stands before and behind the length of `new T[n]`.
fn split_type(name: &Type) -> (String, String) {
    match &name.kind {
        TypeKind::Array(inner) => {
            let (base, suffixes) = split_type(inner);
            (base, suffixes + "[]")
        }
        TypeKind::Nullable(inner) => match split_type(inner) {
            (base, suffixes) if suffixes.is_empty() => (base + "?", suffixes),
            (base, suffixes) => (base, suffixes + "?"),
        },
        _ => (type_name(name), String::new()),
    }
}

fn type_list(types: &[Type]) -> String {
    if types.is_empty() { String::new() } else { format!("<{}>", each(types, ", ", type_name)) }
}

fn variable_type(declared: Option<&Type>) -> String {
    declared.map_or_else(|| "var".to_owned(), type_name)
}

/// A name; with `@` if it is a keyword otherwise.
fn identifier(identifier: &Identifier) -> String {
    let reserved = matches!(&*identifier.name, "class" | "in" | "null" | "string" | "return" | "var");
    format!("{}{}", if reserved { "@" } else { "" }, identifier.name)
}

fn block(block: &Block) -> String {
    format!("{{ {} }}", each(&block.statements, " ", statement))
}

fn statement(statement: &Statement) -> String {
    match &statement.kind {
        StatementKind::Declaration(it) => format!("{};", declaration(it)),
        StatementKind::Expression(value) => format!("{};", bare(value)),
        StatementKind::If { branches, otherwise } => {
            let branches = each(branches, " else ", |branch| {
                format!("if ({}) {}", expression(&branch.condition), block(&branch.body))
            });
            let otherwise = otherwise.as_ref().map(|it| format!(" else {}", block(it))).unwrap_or_default();
            branches + &otherwise
        }
        StatementKind::Return(value) => format!("return{};", optional(value.as_ref())),
        StatementKind::Block(it) => block(it),
        StatementKind::ForEach { declared, name, collection, body } => {
            let declared = variable_type(declared.as_ref());
            let head = format!("{declared} {} in {}", identifier(name), expression(collection));
            format!("foreach ({head}) {}", block(body))
        }
        StatementKind::For { initial, condition, iterators, body } => {
            let initial = match initial {
                ForInitial::Declaration(it) => declaration(it),
                ForInitial::Expressions(values) => each(values, ", ", bare),
            };
            let (condition, iterators) = (optional(condition.as_ref()), each(iterators, ", ", bare));
            format!("for ({initial};{condition}; {iterators}) {}", block(body))
        }
        StatementKind::While { condition, body } => {
            format!("while ({}) {}", expression(condition), block(body))
        }
        StatementKind::Do { body, condition } => {
            format!("do {} while ({});", block(body), expression(condition))
        }
        StatementKind::Break => "break;".to_owned(),
        StatementKind::Continue => "continue;".to_owned(),
        StatementKind::Throw(value) => format!("throw{};", optional(value.as_ref())),
        StatementKind::Try { body, catches, finally } => {
            let finally = finally.as_ref().map(|it| format!(" finally {}", block(it))).unwrap_or_default();
            format!("try {}{}{finally}", block(body), each(catches, "", catch))
        }
        StatementKind::Switch { value, sections } => {
            format!("switch ({}) {{ {} }}", expression(value), each(sections, " ", section))
        }
        StatementKind::Using { resource, body } => {
            let resource = match resource {
                Resource::Declaration(it) => declaration(it),
                Resource::Expression(value) => expression(value),
            };
            format!("using ({resource}) {}", block(body))
        }
        StatementKind::Empty => ";".to_owned(),
    }
}

fn declaration(declaration: &Declaration) -> String {
    let constant = if declaration.constant { "const " } else { "" };
    let variables = each(&declaration.declarators, ", ", |it| {
        let value = it.value.as_ref().map(|value| format!(" = {}", expression(value))).unwrap_or_default();
        identifier(&it.name) + &value
    });
    format!("{constant}{} {variables}", variable_type(declaration.declared.as_ref()))
}

fn catch(catch: &Catch) -> String {
    let caught = catch.caught.as_ref().map(|caught| {
        let name = catch.name.as_ref().map(|name| format!(" {}", identifier(name))).unwrap_or_default();
        format!(" ({}{name})", type_name(caught))
    });
    let filter = catch.filter.as_ref().map(|it| format!(" when ({})", expression(it))).unwrap_or_default();
    format!(" catch{}{filter} {}", caught.unwrap_or_default(), block(&catch.body))
}

fn section(section: &SwitchSection) -> String {
    let labels = each(&section.labels, " ", |label| match label {
        CaseLabel::Value(value) => format!("case {}:", expression(value)),
        CaseLabel::Default => "default:".to_owned(),
    });
    format!("{labels} {}", each(&section.statements, " ", statement))
}

fn optional(value: Option<&Expression>) -> String {
    value.map(|value| format!(" {}", expression(value))).unwrap_or_default()
}

fn each<T>(items: &[T], between: &str, print: impl Fn(&T) -> String) -> String {
    items.iter().map(print).collect::<Vec<_>>().join(between)
}
