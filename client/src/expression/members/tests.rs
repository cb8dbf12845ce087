//! Runs the examples beside the rows: lines `expression → text` in `examples/*.txt`. Each row must be used
//! by an example, and `members.md` lists all rows with theirs (`LARDER_REWRITE=docs` writes it).
//!
//! On the right stands what the value prints, with the elements of collections in brackets; `!Name` is
//! the exception that is thrown, `refused` an expression that does not compile because a member or type
//! in it cannot be used here.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder_proto::envelope::{Date, DateKind};

use super::Run;
use crate::context::{Context, Request, Url};
use crate::dotnet::Datum;
use crate::dotnet::encoding::to_hex;
use crate::dotnet::text::Formattable;
use crate::expression::types::{ClassKind, MemberInfo, table};
use crate::expression::{EvaluationLimits, Position, Surroundings, Wanted, compile};
use crate::guard::{Clock, Random, WallClock};

thread_local! {
    /// The members that this thread has compiled calls of.
    static USED: RefCell<Vec<&'static MemberInfo>> = const { RefCell::new(Vec::new()) };
}

/// Told by the compiler.
pub(in crate::expression) fn used(member: &'static MemberInfo) {
    USED.with_borrow_mut(|used| used.push(member));
}

/// 2024-02-29 14:05:06.1234567 UTC, a Thursday.
#[derive(Debug)]
struct Still;

impl Clock for Still {
    fn now(&self) -> Duration {
        Duration::from_secs(100)
    }
}

impl WallClock for Still {
    fn since_epoch(&self) -> Duration {
        Duration::from_nanos(1_709_215_506_123_456_700)
    }

    fn date(&self) -> Date {
        Date::new(638_448_123_061_234_567, DateKind::Utc).unwrap()
    }
}

/// 1, 2, 3 … spread over 64 bits.
#[derive(Debug, Default)]
struct Counting(AtomicU64);

impl Random for Counting {
    fn next(&self) -> u64 {
        (self.0.fetch_add(1, Ordering::Relaxed) + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
}

struct Example {
    file: &'static str,
    expression: &'static str,
    result: &'static str,
}

fn examples() -> Vec<Example> {
    let mut found = Vec::new();
    for (file, text) in FILES {
        for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
            let (expression, result) =
                line.split_once(" → ").unwrap_or_else(|| panic!("{file}: no arrow in: {line}"));
            found.push(Example { file, expression: expression.trim_end(), result });
        }
    }
    found
}

/// What an expression gives, and the members that it uses.
pub(super) fn run(expression: &str) -> (String, Vec<&'static MemberInfo>) {
    USED.with_borrow_mut(Vec::clear);
    let text =
        if expression.starts_with('{') { format!("@{expression}") } else { format!("@({expression})") };
    let compiled = compile(&text, Position::START, Wanted::Any);
    let used = USED.with_borrow_mut(std::mem::take);
    let compiled = match compiled {
        Ok(compiled) => compiled,
        Err(errors) => {
            let errors = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            let refused = errors.contains("cannot be used here");
            return (if refused { "refused".to_owned() } else { format!("error: {errors}") }, used);
        }
    };
    let url = Url::parse("https://api.example/orders/7?page=2").unwrap();
    let mut context = Context::new(Request::new(http::Method::GET, url));
    let random = Counting::default();
    let surroundings = Surroundings {
        clock: &Still,
        wall_clock: &Still,
        random: &random,
        limits: EvaluationLimits::default(),
    };
    let result = match compiled.evaluate(&mut context, &surroundings) {
        Ok(value) => shown(&value),
        Err(failure) => format!("!{}", failure.exception.kind.name()),
    };
    (result, used)
}

fn shown(value: &Datum) -> String {
    let all = |items: &[Datum]| items.iter().map(shown).collect::<Vec<_>>().join(", ");
    match value {
        Datum::Null => "null".to_owned(),
        Datum::Bytes(bytes) => format!("0x{}", to_hex(bytes)),
        Datum::List(list) => format!("[{}]", all(&list.items().clone())),
        Datum::Dictionary(dictionary) => {
            let entries = dictionary.entries().clone();
            let entries =
                entries.iter().map(|(key, value)| format!("{}: {}", shown(&key.value), shown(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        Datum::Json(token) => token.to_json(crate::dotnet::json::Formatting::None),
        Datum::Object(object) => match object.items() {
            Some(items) => format!("[{}]", all(&items)),
            None => object.to_text(),
        },
        other => other.to_text("").unwrap_or_else(|error| format!("!{}", error.kind.name())),
    }
}

#[test]
fn every_example_gives_what_it_says() {
    let wrong: Vec<String> = examples()
        .iter()
        .filter_map(|example| {
            let (result, _) = run(example.expression);
            let is = example.result.replace("∅", "");
            (result != is).then(|| format!("{}: {} → {result}, not {is}", example.file, example.expression))
        })
        .collect();
    assert!(wrong.is_empty(), "{} examples:\n{}", wrong.len(), wrong.join("\n"));
}

/// The examples of each row, by its number in the table's order.
fn by_member() -> BTreeMap<usize, Vec<Example>> {
    let mut found: BTreeMap<usize, Vec<Example>> = BTreeMap::new();
    for example in examples() {
        let (_, used) = run(example.expression);
        for member in used {
            let list = found.entry(std::ptr::from_ref(member) as usize).or_default();
            if list.last().is_none_or(|last| last.expression != example.expression) {
                list.push(Example { ..example });
            }
        }
    }
    found
}

#[test]
fn every_row_has_an_example() {
    let examples = by_member();
    let mut missing = Vec::new();
    for class in &table().classes {
        if class.namespace.is_empty() {
            continue;
        }
        for member in class.members.values().flatten() {
            if !examples.contains_key(&(Arc::as_ptr(member) as usize)) {
                missing.push(format!("{}: {}", class.name, member.declaration));
            }
        }
    }
    missing.sort();
    assert!(missing.is_empty(), "{} rows:\n{}", missing.len(), missing.join("\n"));
}

#[test]
fn every_refused_type_is_refused_and_every_value_of_an_enumeration_is_one() {
    for class in &table().classes {
        let arguments = ["", "<int>", "<string, int>"][class.parameters.min(2)];
        if class.refused.is_some() {
            assert_eq!(run(&format!("default({}{arguments})", class.name)).0, "refused", "{}", class.name);
        }
        if let ClassKind::Enum(values) = class.kind {
            for (name, number) in values.values {
                assert_eq!(run(&format!("(int){}.{name}", class.name)).0, number.to_string());
            }
        }
    }
}

#[test]
fn the_page_lists_every_row() {
    let page = page();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/expression/members.md");
    if std::env::var("LARDER_REWRITE").is_ok_and(|what| what == "docs") {
        std::fs::write(path, &page).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(written == page, "members.md is old: LARDER_REWRITE=docs writes it");
}

fn page() -> String {
    let examples = by_member();
    let mut types: Vec<_> = table().classes.iter().filter(|class| !class.namespace.is_empty()).collect();
    types.sort_by_key(|class| (class.namespace, class.name.clone(), class.parameters));
    let mut page = String::from(HEAD);
    for class in types {
        let generic = match class.parameters {
            0 => String::new(),
            count => format!("<{}>", vec![""; count].join(",")),
        };
        let title = format!("{}.{}{generic}", class.namespace, class.name);
        let mut members: Vec<_> = class.members.values().flatten().collect();
        members.sort_by_key(|member| (member.name.clone(), member.declaration));
        if let ClassKind::Enum(values) = class.kind {
            let names: Vec<&str> = values.values.iter().map(|(name, _)| *name).collect();
            let _ = writeln!(page, "\n## `{title}`\n\n{}", names.join(", "));
        } else if let Some(reason) = class.refused {
            let _ = writeln!(page, "\n## `{title}`\n\nRefused: {reason}.");
        } else if !members.is_empty() {
            let _ = writeln!(page, "\n## `{title}`\n\n| Member | Example |\n|---|---|");
            for member in members {
                let example = match member.run {
                    Run::Refused(reason) => format!("refused: {reason}"),
                    Run::Call(_) => shown_example(examples.get(&(Arc::as_ptr(member) as usize))),
                };
                let _ = writeln!(page, "| `{}` | {example} |", escaped(member.declaration));
            }
        }
    }
    page
}

fn shown_example(examples: Option<&Vec<Example>>) -> String {
    let plain = |example: &&Example| !example.result.starts_with('!');
    let shortest = |examples: &'_ Vec<Example>| -> Option<String> {
        let found = examples.iter().filter(plain).min_by_key(|example| example.expression.len());
        let found = found.or(examples.first())?;
        Some(format!("`{}` → `{}`", escaped(found.expression), escaped(found.result)))
    };
    examples.and_then(shortest).unwrap_or_default()
}

fn escaped(text: &str) -> String {
    text.replace('|', "\\|").replace('`', "'")
}

const HEAD: &str =
    "Types of .NET and their members that policy expressions can name, with an example of each. Cultures are
the invariant one, the local time zone is UTC, and queries run at once. What is documented for policies
and stands here as refused is an error when the policy is loaded.
";

const FILES: &[(&str, &str)] = &[
    ("address", include_str!("examples/address.txt")),
    ("builder", include_str!("examples/builder.txt")),
    ("bytes", include_str!("examples/bytes.txt")),
    ("character", include_str!("examples/character.txt")),
    ("collections", include_str!("examples/collections.txt")),
    ("convert", include_str!("examples/convert.txt")),
    ("crypto", include_str!("examples/crypto.txt")),
    ("date", include_str!("examples/date.txt")),
    ("exceptions", include_str!("examples/exceptions.txt")),
    ("json", include_str!("examples/json.txt")),
    ("math", include_str!("examples/math.txt")),
    ("misc", include_str!("examples/misc.txt")),
    ("number", include_str!("examples/number.txt")),
    ("outside", include_str!("examples/outside.txt")),
    ("query", include_str!("examples/query.txt")),
    ("random", include_str!("examples/random.txt")),
    ("regexes", include_str!("examples/regexes.txt")),
    ("text", include_str!("examples/text.txt")),
];
