//! `Regex`, `Match`, `Group`, `Capture`, and their collections.

use std::borrow::Cow;
use std::sync::Arc;

use super::query::number;
use super::{Call, Member, TypeRow, class, enumeration, member, refused};
use crate::dotnet::meter::Meter;
use crate::dotnet::object::{EnumType, Instance};
use crate::dotnet::regex::{Match, Options, Regex, cached, escape, unescape};
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
    member("new(string pattern)", |call| compiled(call, 0, None).map(Datum::Regex)),
    member("new(string pattern, RegexOptions options)", |call| compiled(call, 0, Some(1)).map(Datum::Regex)),
    member("new(string pattern, RegexOptions options, TimeSpan matchTimeout)", |call| {
        compiled(call, 0, Some(1)).map(Datum::Regex)
    }),
    member("bool IsMatch(string input)", |call| Ok(Datum::Bool(regex(call)?.is_match(call.text(1)?)?))),
    member("Match Match(string input)", |call| {
        let found = regex(call)?.first(&shared(call, 1)?)?;
        matched(call, found)
    }),
    member("MatchCollection Matches(string input)", |call| {
        let found = regex(call)?.matches(&shared(call, 1)?, call)?;
        collected(call, found)
    }),
    member("string Replace(string input, string replacement)", |call| {
        let text = regex(call)?.replace(&shared(call, 1)?, &shared(call, 2)?, None, call)?;
        call.made(text)
    }),
    member("string Replace(string input, string replacement, int count)", |call| {
        let count = Some(call.int(3)?);
        let text = regex(call)?.replace(&shared(call, 1)?, &shared(call, 2)?, count, call)?;
        call.made(text)
    }),
    member("string Replace(string input, MatchEvaluator evaluator)", |call| {
        let regex = regex(call)?;
        replaced(call, &regex, 1, 2)
    }),
    member("string[] Split(string input)", |call| {
        let parts = regex(call)?.split(&shared(call, 1)?, 0, call)?;
        listed(call, parts)
    }),
    member("string[] Split(string input, int count)", |call| {
        let count = call.int(2)?;
        let parts = regex(call)?.split(&shared(call, 1)?, count, call)?;
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
        let text = compiled(call, 1, None)?.replace(&shared(call, 0)?, &shared(call, 2)?, None, call)?;
        call.made(text)
    }),
    member(
        "static string Replace(string input, string pattern, string replacement, RegexOptions options)",
        |call| {
            let text =
                compiled(call, 1, Some(3))?.replace(&shared(call, 0)?, &shared(call, 2)?, None, call)?;
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
        let (found, number) = part(call)?;
        call.made(found.held(number).unwrap_or(""))
    }),
    member("int Index", |call| {
        let (found, number) = part(call)?;
        // The place in code units is counted from the beginning of the text.
        call.walk(found.range().map_or(0, |(_, end)| end))?;
        Ok(Datum::Int(found.group(number).index))
    }),
    member("int Length", |call| {
        let (found, number) = part(call)?;
        Ok(Datum::Int(text::length(found.held(number).unwrap_or(""))))
    }),
];

static GROUP: &[Member] = &[
    member("bool Success", |call| {
        let (found, number) = part(call)?;
        Ok(Datum::Bool(found.held(number).is_some()))
    }),
    member("string Name", |call| match call.get(0) {
        Datum::Match(_) => Ok(Datum::text("0")),
        _ => Ok(Datum::String(call.object::<Found>(0)?.name.clone())),
    }),
    member("CaptureCollection Captures", |call| {
        let (found, number) = part(call)?;
        let captures = if found.held(number).is_some() { vec![call.get(0).clone()] } else { Vec::new() };
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
        let found = found(call)?.clone();
        call.walk(found.value().len())?;
        let next = found.next_match()?;
        matched(call, next)
    }),
    member("string Result(string replacement)", |call| {
        let text = found(call)?.result(call.text(1)?)?;
        call.made(text)
    }),
];

static GROUPS: &[Member] = &[
    member("int Count", |call| Ok(number(call.object::<Groups>(0)?.0.group_count()))),
    member("Group this[int groupnum]", |call| {
        let found = call.object::<Groups>(0)?.0.clone();
        let number = call.int(1)?;
        let name = usize::try_from(number).ok().map_or("", |number| found.group_name(number)).into();
        grouped(call, found, number, name)
    }),
    member("Group this[string groupname]", |call| {
        let found = call.object::<Groups>(0)?.0.clone();
        let name: Arc<str> = call.text(1)?.into();
        let number = found.number_of(&name);
        grouped(call, found, number, name)
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
        let group = |number: usize| {
            let name = self.0.group_name(number).into();
            Datum::object(Found { found: self.0.clone(), number: i32::try_from(number).unwrap_or(-1), name })
        };
        Some((0..self.0.group_count()).map(group).collect())
    }
}

/// `Group`: the match, and the number of the group in it.
#[derive(Debug)]
struct Found {
    found: Arc<Match>,
    number: i32,
    name: Arc<str>,
}

impl Instance for Found {
    fn type_name(&self) -> Cow<'_, str> {
        Cow::Borrowed("Group")
    }

    fn to_text(&self) -> String {
        self.found.held(self.number).unwrap_or("").to_owned()
    }
}

fn regex(call: &Call<'_, '_>) -> Result<Regex, Exception> {
    match call.get(0) {
        Datum::Regex(regex) => Ok(regex.clone()),
        _ => Err(super::call::null()),
    }
}

/// A pattern that was used before is not compiled again.
fn compiled(call: &mut Call<'_, '_>, pattern: usize, options: Option<usize>) -> Result<Regex, Exception> {
    let options = options.map_or(Ok(0), |number| call.enumeration(number))?;
    cached(&shared(call, pattern)?, Options(options), call)
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

/// The match and the number of a group, or a whole match as one.
fn part(call: &Call<'_, '_>) -> Result<(Arc<Match>, i32), Exception> {
    if let Datum::Match(found) = call.get(0) {
        return Ok((found.clone(), 0));
    }
    let group = call.object::<Found>(0)?;
    Ok((group.found.clone(), group.number))
}

fn grouped(
    call: &mut Call<'_, '_>,
    found: Arc<Match>,
    number: i32,
    name: Arc<str>,
) -> Result<Datum, Exception> {
    call.charge(size_of::<Found>())?;
    Ok(Datum::object(Found { found, number, name }))
}

fn matched(call: &mut Call<'_, '_>, found: Match) -> Result<Datum, Exception> {
    call.charge(size_of::<Match>())?;
    Ok(Datum::Match(Arc::new(found)))
}

fn collected(call: &mut Call<'_, '_>, found: Vec<Match>) -> Result<Datum, Exception> {
    let found = found.into_iter().map(|found| Datum::Match(Arc::new(found))).collect();
    call.made_list("MatchCollection", found)
}

fn listed(call: &mut Call<'_, '_>, parts: Vec<String>) -> Result<Datum, Exception> {
    call.charge(parts.iter().map(String::len).sum())?;
    call.made_list("string[]", parts.iter().map(|part| Datum::text(part)).collect())
}

fn is_match(call: &mut Call<'_, '_>, options: Option<usize>) -> Result<Datum, Exception> {
    Ok(Datum::Bool(compiled(call, 1, options)?.is_match(call.text(0)?)?))
}

fn first(call: &mut Call<'_, '_>, options: Option<usize>) -> Result<Datum, Exception> {
    let found = compiled(call, 1, options)?.first(&shared(call, 0)?)?;
    matched(call, found)
}

fn all(call: &mut Call<'_, '_>, options: Option<usize>) -> Result<Datum, Exception> {
    let found = compiled(call, 1, options)?.matches(&shared(call, 0)?, call)?;
    collected(call, found)
}

fn split(call: &mut Call<'_, '_>, options: Option<usize>) -> Result<Datum, Exception> {
    let parts = compiled(call, 1, options)?.split(&shared(call, 0)?, 0, call)?;
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
    for found in regex.matches(&input, call)? {
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
