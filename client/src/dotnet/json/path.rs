//! `SelectToken` for paths that name one place: `a.b[0]['c d']`, with or without `$` in front.
//! Wildcards, `..`, filters, slices and unions are refused.

use super::{JToken, JTokenKind};
use crate::dotnet::{Exception, ExceptionKind};

/// `token.SelectToken(path)`: nothing where a step leads nowhere.
///
/// # Errors
///
/// `JsonException` (here `ArgumentException`) for a path that is none, `NotSupportedException` for one
/// that may name several places.
pub fn select(token: &JToken, path: &str) -> Result<Option<JToken>, Exception> {
    let mut rest = path.strip_prefix('$').unwrap_or(path);
    let mut here = Some(token.clone());
    let mut first = true;
    while !rest.is_empty() {
        let (step, after) = step(rest, first && !path.starts_with('$'))?;
        here = here.and_then(|token| follow(&token, step));
        rest = after;
        first = false;
    }
    Ok(here)
}

enum Step<'a> {
    Name(&'a str),
    Index(i32),
}

/// The first step, and the path after it.
fn step(path: &str, bare: bool) -> Result<(Step<'_>, &str), Exception> {
    if let Some(inner) = path.strip_prefix('[') {
        return bracket(inner);
    }
    let name = match path.strip_prefix('.') {
        Some(name) => name,
        None if bare => path,
        None => return Err(Exception::argument("a JSON path has a point or a bracket before each step")),
    };
    let end = name.find(['.', '[']).unwrap_or(name.len());
    let (name, after) = name.split_at(end);
    match name {
        "" if after.starts_with('.') => Err(Exception::unsupported("a JSON path with .. is not supported")),
        "" => Err(Exception::argument("a JSON path ends, or has a bracket, where a name is expected")),
        "*" => Err(Exception::unsupported("a JSON path with * is not supported")),
        _ => Ok((Step::Name(name), after)),
    }
}

fn bracket(inner: &str) -> Result<(Step<'_>, &str), Exception> {
    if let Some(quoted) = inner.strip_prefix('\'') {
        let (name, after) = quoted.split_once('\'').ok_or_else(unclosed)?;
        if name.contains('\\') {
            return Err(Exception::unsupported("a backslash in a JSON path is not supported"));
        }
        let after = after.strip_prefix(']').ok_or_else(unclosed)?;
        return Ok((Step::Name(name), after));
    }
    let (index, after) = inner.split_once(']').ok_or_else(unclosed)?;
    let index = index.trim();
    match index.parse::<i32>() {
        Ok(number) if index.bytes().all(|byte| byte.is_ascii_digit()) => Ok((Step::Index(number), after)),
        _ if index.contains(['*', '?', ':', ',', '-']) => {
            Err(Exception::unsupported("a JSON path that may name several places is not supported"))
        }
        _ => Err(Exception::argument("a JSON path has a number or a quoted name within brackets")),
    }
}

fn follow(token: &JToken, step: Step<'_>) -> Option<JToken> {
    match (token.kind(), step) {
        (JTokenKind::Object, Step::Name(name)) => token.get(name).ok().flatten(),
        (JTokenKind::Array, Step::Index(index)) => token.at(index).ok(),
        _ => None,
    }
}

fn unclosed() -> Exception {
    Exception::new(ExceptionKind::Argument, "a bracket of a JSON path is not closed")
}
