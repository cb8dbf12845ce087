//! Random expressions against a model of their own: a tree is printed as C#, and evaluated here in plain Rust.

use std::fmt::Write;

use proptest::prelude::*;

use larder_client::context::Datum;

use crate::evaluation::{given, value_of};

/// A tree whose parts have types that fit.
#[derive(Debug, Clone)]
enum Tree {
    Int(i32),
    Long(i64),
    Double(f64),
    Bool(bool),
    Text(String),
    /// A variable of the context that holds the value, cast to its type.
    Variable(Box<Tree>),
    Arithmetic(char, Box<Tree>, Box<Tree>),
    Negate(Box<Tree>),
    Compare(&'static str, Box<Tree>, Box<Tree>),
    Logic(&'static str, Box<Tree>, Box<Tree>),
    Not(Box<Tree>),
    Choice(Box<Tree>, Box<Tree>, Box<Tree>),
    Join(Box<Tree>, Box<Tree>),
    Length(Box<Tree>),
}

#[derive(Debug, Clone, PartialEq)]
enum Value {
    Int(i32),
    Long(i64),
    Double(f64),
    Bool(bool),
    Text(String),
}

/// What the model knows of exceptions: that there is one.
#[derive(Debug, PartialEq)]
struct Throws;

fn number() -> BoxedStrategy<Tree> {
    let leaf = prop_oneof![
        any::<i32>().prop_map(Tree::Int),
        (-3..4i32).prop_map(Tree::Int),
        any::<i64>().prop_map(Tree::Long),
        (-1000..1000i32).prop_map(|value| Tree::Double(f64::from(value) / 8.0)),
    ];
    let leaf =
        (leaf, any::<bool>()).prop_map(|(leaf, held)| if held { Tree::Variable(leaf.into()) } else { leaf });
    leaf.prop_recursive(5, 40, 3, |inner| {
        let truth = truth_of(inner.clone());
        prop_oneof![
            (prop::sample::select(vec!['+', '-', '*', '/', '%']), inner.clone(), inner.clone())
                .prop_map(|(operator, a, b)| Tree::Arithmetic(operator, a.into(), b.into())),
            inner.clone().prop_map(|a| Tree::Negate(a.into())),
            (truth, inner.clone(), inner).prop_map(|(c, a, b)| Tree::Choice(c.into(), a.into(), b.into())),
        ]
    })
    .boxed()
}

fn truth_of(number: impl Strategy<Value = Tree> + Clone + 'static) -> impl Strategy<Value = Tree> {
    let compare = (prop::sample::select(vec!["<", "<=", ">", ">=", "==", "!="]), number.clone(), number)
        .prop_map(|(operator, a, b)| Tree::Compare(operator, a.into(), b.into()));
    let leaf = prop_oneof![any::<bool>().prop_map(Tree::Bool), compare];
    leaf.prop_recursive(3, 12, 2, |inner| {
        prop_oneof![
            (prop::sample::select(vec!["&&", "||", "^", "==", "!="]), inner.clone(), inner.clone())
                .prop_map(|(operator, a, b)| Tree::Logic(operator, a.into(), b.into())),
            inner.prop_map(|a| Tree::Not(a.into())),
        ]
    })
}

fn text() -> impl Strategy<Value = Tree> {
    let leaf = "[a-z\"\\\\\u{e9}]{0,5}".prop_map(Tree::Text);
    let leaf =
        (leaf, any::<bool>()).prop_map(|(leaf, held)| if held { Tree::Variable(leaf.into()) } else { leaf });
    leaf.prop_recursive(4, 20, 2, |inner| {
        let other = prop_oneof![
            inner.clone(),
            (-9..9i32).prop_map(Tree::Int),
            any::<bool>().prop_map(Tree::Bool),
            inner.clone().prop_map(|text| Tree::Length(text.into())),
        ];
        prop_oneof![
            (inner.clone(), other.clone()).prop_map(|(a, b)| Tree::Join(a.into(), b.into())),
            (other, inner).prop_map(|(a, b)| Tree::Join(a.into(), b.into())),
        ]
    })
}

/// Prints a tree as C#, and keeps the variables that it names.
fn print(tree: &Tree, out: &mut String, held: &mut Vec<Datum>) {
    let mut three = |parts: [&Tree; 2], operator: &str, out: &mut String| {
        out.push('(');
        print(parts[0], out, held);
        let _ = write!(out, " {operator} ");
        print(parts[1], out, held);
        out.push(')');
    };
    match tree {
        Tree::Int(value) => drop(write!(out, "({value})")),
        Tree::Long(value) => drop(write!(out, "({value}L)")),
        Tree::Double(value) => drop(write!(out, "({value:?})")),
        Tree::Bool(value) => drop(write!(out, "{value}")),
        Tree::Text(text) => drop(write!(out, "\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))),
        Tree::Arithmetic(operator, a, b) => three([a, b], &operator.to_string(), out),
        Tree::Compare(operator, a, b) | Tree::Logic(operator, a, b) => three([a, b], operator, out),
        Tree::Join(a, b) => three([a, b], "+", out),
        Tree::Negate(a) => {
            out.push_str("(-");
            print(a, out, held);
            out.push(')');
        }
        Tree::Not(a) => {
            out.push('!');
            print(a, out, held);
        }
        Tree::Length(a) => {
            out.push('(');
            print(a, out, held);
            out.push_str(").Length");
        }
        Tree::Choice(condition, a, b) => {
            out.push('(');
            print(condition, out, held);
            out.push_str(" ? ");
            print(a, out, held);
            out.push_str(" : ");
            print(b, out, held);
            out.push(')');
        }
        Tree::Variable(value) => {
            let (name, datum) = match &**value {
                Tree::Int(value) => ("int", Datum::Int(*value)),
                Tree::Long(value) => ("long", Datum::Long(*value)),
                Tree::Double(value) => ("double", Datum::Double(*value)),
                Tree::Text(text) => ("string", Datum::text(text)),
                other => return print(other, out, held),
            };
            let _ = write!(out, "((({name})context.Variables[\"v{}\"]))", held.len());
            held.push(datum);
        }
    }
}

/// The type that C# gives a number: 0 `int`, 1 `long`, 2 `double`.
fn rank(tree: &Tree) -> u8 {
    match tree {
        Tree::Long(_) => 1,
        Tree::Double(_) => 2,
        Tree::Variable(inner) | Tree::Negate(inner) => rank(inner),
        Tree::Arithmetic(_, a, b) | Tree::Choice(_, a, b) => rank(a).max(rank(b)),
        _ => 0,
    }
}

fn model(tree: &Tree) -> Result<Value, Throws> {
    Ok(match tree {
        Tree::Int(value) => Value::Int(*value),
        Tree::Long(value) => Value::Long(*value),
        Tree::Double(value) => Value::Double(*value),
        Tree::Bool(value) => Value::Bool(*value),
        Tree::Text(text) => Value::Text(text.clone()),
        Tree::Variable(inner) => model(inner)?,
        Tree::Negate(a) => match model(a)? {
            Value::Int(value) => Value::Int(value.wrapping_neg()),
            Value::Long(value) => Value::Long(value.wrapping_neg()),
            Value::Double(value) => Value::Double(-value),
            _ => return Err(Throws),
        },
        Tree::Arithmetic(operator, a, b) => {
            let rank = rank(a).max(rank(b));
            arithmetic(*operator, widened(model(a)?, rank), widened(model(b)?, rank))?
        }
        Tree::Choice(condition, a, b) => {
            let chosen = if model(condition)? == Value::Bool(true) { a } else { b };
            widened(model(chosen)?, rank(a).max(rank(b)))
        }
        Tree::Compare(operator, a, b) => {
            let rank = rank(a).max(rank(b));
            let (a, b) = (widened(model(a)?, rank), widened(model(b)?, rank));
            let order = match (a, b) {
                (Value::Int(a), Value::Int(b)) => Some(a.cmp(&b)),
                (Value::Long(a), Value::Long(b)) => Some(a.cmp(&b)),
                (Value::Double(a), Value::Double(b)) => a.partial_cmp(&b),
                _ => None,
            };
            Value::Bool(match *operator {
                "<" => order.is_some_and(std::cmp::Ordering::is_lt),
                "<=" => order.is_some_and(std::cmp::Ordering::is_le),
                ">" => order.is_some_and(std::cmp::Ordering::is_gt),
                ">=" => order.is_some_and(std::cmp::Ordering::is_ge),
                "==" => order.is_some_and(std::cmp::Ordering::is_eq),
                _ => !order.is_some_and(std::cmp::Ordering::is_eq),
            })
        }
        Tree::Logic(operator, a, b) => {
            let a = model(a)? == Value::Bool(true);
            Value::Bool(match *operator {
                "&&" => a && model(b)? == Value::Bool(true),
                "||" => a || model(b)? == Value::Bool(true),
                "==" => a == (model(b)? == Value::Bool(true)),
                _ => a != (model(b)? == Value::Bool(true)),
            })
        }
        Tree::Not(a) => Value::Bool(model(a)? != Value::Bool(true)),
        Tree::Join(a, b) => Value::Text(text_of(model(a)?) + &text_of(model(b)?)),
        Tree::Length(a) => {
            Value::Int(i32::try_from(text_of(model(a)?).encode_utf16().count()).unwrap_or(i32::MAX))
        }
    })
}

fn text_of(value: Value) -> String {
    match value {
        Value::Int(value) => value.to_string(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Text(text) => text,
        other => panic!("{other:?} is not joined"),
    }
}

fn widened(value: Value, rank: u8) -> Value {
    match (value, rank) {
        (Value::Int(value), 1) => Value::Long(value.into()),
        (Value::Int(value), 2) => Value::Double(value.into()),
        (Value::Long(value), 2) => Value::Double(value as f64),
        (value, _) => value,
    }
}

fn arithmetic(operator: char, a: Value, b: Value) -> Result<Value, Throws> {
    Ok(match (a, b) {
        (Value::Int(a), Value::Int(b)) => Value::Int(match operator {
            '+' => a.wrapping_add(b),
            '-' => a.wrapping_sub(b),
            '*' => a.wrapping_mul(b),
            '/' => a.checked_div(b).ok_or(Throws)?,
            _ => a.checked_rem(b).ok_or(Throws)?,
        }),
        (Value::Long(a), Value::Long(b)) => Value::Long(match operator {
            '+' => a.wrapping_add(b),
            '-' => a.wrapping_sub(b),
            '*' => a.wrapping_mul(b),
            '/' => a.checked_div(b).ok_or(Throws)?,
            _ => a.checked_rem(b).ok_or(Throws)?,
        }),
        (Value::Double(a), Value::Double(b)) => Value::Double(match operator {
            '+' => a + b,
            '-' => a - b,
            '*' => a * b,
            '/' => a / b,
            _ => a % b,
        }),
        _ => return Err(Throws),
    })
}

/// Evaluates a tree as an expression.
fn evaluated(tree: &Tree) -> (String, Result<Value, String>) {
    let (mut text, mut held) = (String::new(), Vec::new());
    print(tree, &mut text, &mut held);
    let text = format!("@({text})");
    let mut context = given();
    for (number, datum) in held.into_iter().enumerate() {
        context.variables.set(format!("v{number}"), datum);
    }
    let value = value_of(&text, &mut context).map(|value| match value {
        Datum::Int(value) => Value::Int(value),
        Datum::Long(value) => Value::Long(value),
        Datum::Double(value) => Value::Double(value),
        Datum::Bool(value) => Value::Bool(value),
        Datum::String(text) => Value::Text(text.as_ref().to_owned()),
        other => panic!("{other:?}"),
    });
    (text, value)
}

fn check(tree: &Tree) -> Result<(), TestCaseError> {
    let (text, value) = evaluated(tree);
    match (model(tree), value) {
        (Ok(Value::Double(wanted)), Ok(Value::Double(found))) => {
            prop_assert!(wanted.to_bits() == found.to_bits() || wanted.is_nan() && found.is_nan(), "{text}");
        }
        (Ok(wanted), Ok(found)) => prop_assert_eq!(wanted, found, "{}", text),
        (Err(Throws), Err(error)) => {
            let known = ["DivideByZero", "Overflow", "divided by the constant 0"];
            prop_assert!(known.iter().any(|name| error.contains(name)), "{}: {}", text, error);
        }
        // A constant 0 is refused also where it would not be reached.
        (Ok(_), Err(error)) => {
            prop_assert!(error.contains("divided by the constant 0"), "{}: {}", text, error)
        }
        (Err(Throws), Ok(found)) => prop_assert!(false, "{}: {:?}", text, found),
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn numbers_are_those_of_the_model(tree in number()) {
        check(&tree)?;
    }

    #[test]
    fn truths_are_those_of_the_model(tree in truth_of(number())) {
        check(&tree)?;
    }

    #[test]
    fn texts_are_those_of_the_model(tree in text()) {
        check(&tree)?;
    }
}
