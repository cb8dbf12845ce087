//! `Regex`, `Match`, `Group`, `Capture`, and their collections.

use std::borrow::Cow;
use std::sync::Arc;

use super::query::number;
use super::{Call, Member, TypeRow, class, enumeration, member, refused};
use crate::dotnet::object::{EnumType, Instance};
use crate::dotnet::regex::{Group, Match, Options, Regex, cached, escape, unescape};
use crate::dotnet::{Datum, Exception, text};

pub(super) static TYPES: &[TypeRow] = &[
    class(NAMESPACE, "class Regex", REGEX),
    class(NAMESPACE, "class Capture", CAPTURE),
    class(NAMESPACE, "class Group : Capture", GROUP),
    class(NAMESPACE, "class Match : Group", MATCH),
    class(NAMESPACE, "class MatchCollection : IReadOnlyList<Match>", &[]),
    class(NAMESPACE, "class GroupCollection : IReadOnlyCollection<Group>", GROUPS),
    class(NAMESPACE, "class CaptureCollection : IReadOnlyList<Capture>", &[]),
    class(NAMESPACE, "delegate string MatchEvaluator(Match match)", &[]),
    enumeration(NAMESPACE, &REGEX_OPTIONS),
];

const NAMESPACE: &str = "System.Text.RegularExpressions";

static REGEX: &[Member] = &[
    member("new(string pattern)", |call| cached(call.text(0)?, Options::NONE).map(Datum::Regex)),
    member("new(string pattern, RegexOptions options)", |call| compiled(call, 0, Some(1)).map(Datum::Regex)),
    member("new(string pattern, RegexOptions options, TimeSpan matchTimeout)", |call| {
        compiled(call, 0, Some(1)).map(Datum::Regex)
    }),
    member("bool IsMatch(string input)", |call| Ok(Datum::Bool(regex(call)?.is_match(call.text(1)?)))),
    member("Match Match(string input)", |call| {
        let found = regex(call)?.first(&shared(call, 1)?);
        matched(call, found)
    }),
    member("MatchCollection Matches(string input)", |call| {
        let found = regex(call)?.matches(&shared(call, 1)?)?;
        collected(call, found)
    }),
    member("string Replace(string input, string replacement)", |call| {
        let text = regex(call)?.replace(call.text(1)?, call.text(2)?, None)?;
        call.made(text)
    }),
    member("string Replace(string input, string replacement, int count)", |call| {
        let text = regex(call)?.replace(call.text(1)?, call.text(2)?, Some(call.int(3)?))?;
        call.made(text)
    }),
    member("string Replace(string input, MatchEvaluator evaluator)", |call| {
        let regex = regex(call)?;
        replaced(call, &regex, 1, 2)
    }),
    member("string[] Split(string input)", |call| {
        let parts = regex(call)?.split(call.text(1)?, 0)?;
        listed(call, parts)
    }),
    member("string[] Split(string input, int count)", |call| {
        let parts = regex(call)?.split(call.text(1)?, call.int(2)?)?;
        listed(call, parts)
    }),
    member("static bool IsMatch(string input, string pattern)", |call| is_match(call, None)),
    member("static bool IsMatch(string input, string pattern, RegexOptions options)", |call| {
        is_match(call, Some(2))
    }),
    member(
        "static bool IsMatch(string input, string pattern, RegexOptions options, TimeSpan matchTimeout)",
        |call| is_match(call, Some(2)),
    ),
    member("static Match Match(string input, string pattern)", |call| first(call, None)),
    member("static Match Match(string input, string pattern, RegexOptions options)", |call| {
        first(call, Some(2))
    }),
    member(
        "static Match Match(string input, string pattern, RegexOptions options, TimeSpan matchTimeout)",
        |call| first(call, Some(2)),
    ),
    member("static MatchCollection Matches(string input, string pattern)", |call| all(call, None)),
    member("static MatchCollection Matches(string input, string pattern, RegexOptions options)", |call| {
        all(call, Some(2))
    }),
    member("static string Replace(string input, string pattern, string replacement)", |call| {
        let text = compiled(call, 1, None)?.replace(call.text(0)?, call.text(2)?, None)?;
        call.made(text)
    }),
    member(
        "static string Replace(string input, string pattern, string replacement, RegexOptions options)",
        |call| {
            let text = compiled(call, 1, Some(3))?.replace(call.text(0)?, call.text(2)?, None)?;
            call.made(text)
        },
    ),
    member("static string Replace(string input, string pattern, MatchEvaluator evaluator)", |call| {
        let regex = compiled(call, 1, None)?;
        replaced(call, &regex, 0, 2)
    }),
    member("static string[] Split(string input, string pattern)", |call| split(call, None)),
    member("static string[] Split(string input, string pattern, RegexOptions options)", |call| {
        split(call, Some(2))
    }),
    member("static string Escape(string str)", |call| call.made(escape(call.text(0)?))),
    member("static string Unescape(string str)", |call| {
        let text = unescape(call.text(0)?)?;
        call.made(text)
    }),
    refused("static Regex CompileToAssembly(string pattern)", "there are no assemblies"),
];

static CAPTURE: &[Member] = &[
    member("string Value", |call| {
        let value = part(call)?.value;
        call.made(value)
    }),
    member("int Index", |call| Ok(Datum::Int(part(call)?.index))),
    member("int Length", |call| Ok(Datum::Int(text::length(&part(call)?.value)))),
];

static GROUP: &[Member] = &[
    member("bool Success", |call| Ok(Datum::Bool(part(call)?.success))),
    member("string Name", |call| match call.get(0) {
        Datum::Match(_) => Ok(Datum::text("0")),
        _ => Ok(Datum::String(call.object::<Found>(0)?.name.clone())),
    }),
    member("CaptureCollection Captures", |call| {
        let group = part(call)?;
        let captures = if group.success { vec![call.get(0).clone()] } else { Vec::new() };
        call.made_list("CaptureCollection", captures)
    }),
];

static MATCH: &[Member] = &[
    member("GroupCollection Groups", |call| {
        let groups = Groups(found(call)?.clone());
        call.charge(size_of::<Groups>())?;
        Ok(Datum::object(groups))
    }),
    member("Match NextMatch()", |call| {
        let next = found(call)?.next_match();
        matched(call, next)
    }),
    member("string Result(string replacement)", |call| {
        let text = found(call)?.result(call.text(1)?);
        call.made(text)
    }),
];

static GROUPS: &[Member] = &[
    member("int Count", |call| Ok(number(call.object::<Groups>(0)?.0.group_count()))),
    member("Group this[int groupnum]", |call| {
        let groups = call.object::<Groups>(0)?;
        let group = groups.0.group(call.int(1)?);
        let name = usize::try_from(call.int(1)?).ok().map_or("", |number| groups.0.group_name(number)).into();
        grouped(call, group, name)
    }),
    member("Group this[string groupname]", |call| {
        let name: Arc<str> = call.text(1)?.into();
        let group = call.object::<Groups>(0)?.0.group_named(&name);
        grouped(call, group, name)
    }),
];

/// `GroupCollection`
#[derive(Debug)]
struct Groups(Arc<Match>);

impl Instance for Groups {
    fn type_name(&self) -> Cow<'_, str> {
        Cow::Borrowed("GroupCollection")
    }

    fn items(&self) -> Option<Vec<Datum>> {
        let numbers = 0..self.0.group_count();
        let group = |number: usize| {
            let group = self.0.group(i32::try_from(number).unwrap_or(-1));
            Datum::object(Found { group, name: self.0.group_name(number).into() })
        };
        Some(numbers.map(group).collect())
    }
}

/// `Group`
#[derive(Debug)]
struct Found {
    group: Group,
    name: Arc<str>,
}

impl Instance for Found {
    fn type_name(&self) -> Cow<'_, str> {
        Cow::Borrowed("Group")
    }

    fn to_text(&self) -> String {
        self.group.value.clone()
    }
}

fn regex(call: &Call<'_, '_>) -> Result<Regex, Exception> {
    match call.get(0) {
        Datum::Regex(regex) => Ok(regex.clone()),
        _ => Err(super::call::null()),
    }
}

/// A pattern that was used before is not compiled again.
fn compiled(call: &Call<'_, '_>, pattern: usize, options: Option<usize>) -> Result<Regex, Exception> {
    let options = options.map_or(Ok(0), |number| call.enumeration(number))?;
    cached(call.text(pattern)?, Options(options))
}

fn shared(call: &Call<'_, '_>, number: usize) -> Result<Arc<str>, Exception> {
    match call.get(number) {
        Datum::String(text) => Ok(text.clone()),
        _ => Err(super::call::null()),
    }
}

fn found<'c>(call: &'c Call<'_, '_>) -> Result<&'c Arc<Match>, Exception> {
    match call.get(0) {
        Datum::Match(found) => Ok(found),
        _ => Err(super::call::null()),
    }
}

/// A group, or a whole match as one.
fn part(call: &Call<'_, '_>) -> Result<Group, Exception> {
    match call.get(0) {
        Datum::Match(found) => Ok(found.group(0)),
        _ => Ok(call.object::<Found>(0)?.group.clone()),
    }
}

fn grouped(call: &mut Call<'_, '_>, group: Group, name: Arc<str>) -> Result<Datum, Exception> {
    call.charge(group.value.len() + size_of::<Found>())?;
    Ok(Datum::object(Found { group, name }))
}

fn matched(call: &mut Call<'_, '_>, found: Match) -> Result<Datum, Exception> {
    call.charge(size_of::<Match>())?;
    Ok(Datum::Match(Arc::new(found)))
}

fn collected(call: &mut Call<'_, '_>, found: Vec<Match>) -> Result<Datum, Exception> {
    call.charge(found.len().saturating_mul(size_of::<Match>()))?;
    let found = found.into_iter().map(|found| Datum::Match(Arc::new(found))).collect();
    call.made_list("MatchCollection", found)
}

fn listed(call: &mut Call<'_, '_>, parts: Vec<String>) -> Result<Datum, Exception> {
    call.charge(parts.iter().map(String::len).sum())?;
    call.made_list("string[]", parts.iter().map(|part| Datum::text(part)).collect())
}

fn is_match(call: &Call<'_, '_>, options: Option<usize>) -> Result<Datum, Exception> {
    Ok(Datum::Bool(compiled(call, 1, options)?.is_match(call.text(0)?)))
}

fn first(call: &mut Call<'_, '_>, options: Option<usize>) -> Result<Datum, Exception> {
    let found = compiled(call, 1, options)?.first(&shared(call, 0)?);
    matched(call, found)
}

fn all(call: &mut Call<'_, '_>, options: Option<usize>) -> Result<Datum, Exception> {
    let found = compiled(call, 1, options)?.matches(&shared(call, 0)?)?;
    collected(call, found)
}

fn split(call: &mut Call<'_, '_>, options: Option<usize>) -> Result<Datum, Exception> {
    let parts = compiled(call, 1, options)?.split(call.text(0)?, 0)?;
    listed(call, parts)
}

/// What the lambda gives stands for each match.
fn replaced(
    call: &mut Call<'_, '_>,
    regex: &Regex,
    input: usize,
    evaluator: usize,
) -> Result<Datum, Exception> {
    let input = shared(call, input)?;
    let mut text = String::new();
    let mut end = 0;
    for found in regex.matches(&input)? {
        let Some((start, next)) = found.range() else { break };
        text.push_str(input.get(end..start).unwrap_or(""));
        let found = matched(call, found)?;
        if let Datum::String(part) = call.invoke(evaluator, &[found])? {
            call.charge(part.len())?;
            text.push_str(&part);
        }
        end = next;
    }
    text.push_str(input.get(end..).unwrap_or(""));
    call.made(text)
}

static REGEX_OPTIONS: EnumType = EnumType {
    name: "RegexOptions",
    flags: true,
    values: &[
        ("None", 0),
        ("IgnoreCase", 1),
        ("Multiline", 2),
        ("ExplicitCapture", 4),
        ("Compiled", 8),
        ("Singleline", 16),
        ("IgnorePatternWhitespace", 32),
        ("RightToLeft", 64),
        ("ECMAScript", 256),
        ("CultureInvariant", 512),
        ("NonBacktracking", 1024),
    ],
};
