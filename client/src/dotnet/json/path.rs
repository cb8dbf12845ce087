//! JSON paths, as `SelectToken` and `SelectTokens` take them: `a.b[0]['c d']`, `*`, `..name`, `[1,2]`,
//! `[0:2]`, `[?(@.a == 'x' && @.b > 1)]`, with or without `$` in front. Scripts and regular expressions
//! are refused.

use std::cmp::Ordering;

use super::{JToken, JTokenKind, JValue};
use crate::dotnet::limits::{JSON_DEPTH_MAX, JSON_SELECTED_MAX};
use crate::dotnet::{Datum, Exception, ExceptionKind, order};

/// `token.SelectTokens(path)`, in the order of the document.
///
/// # Errors
///
/// `JsonException` (here `ArgumentException`) for a path that is none, `NotSupportedException` for what is
/// refused, `OutOfMemoryException` for more than [`JSON_SELECTED_MAX`] places on the way, and what
/// `passed` gives, which is told how many tokens have been looked at since it was called last.
pub fn select_all(
    token: &JToken,
    path: &str,
    passed: &mut dyn FnMut(usize) -> Result<(), Exception>,
) -> Result<Vec<JToken>, Exception> {
    let mut reader = Reader { rest: path.strip_prefix('$').unwrap_or(path) };
    let steps = reader.steps(!path.starts_with('$'))?;
    if !reader.rest.is_empty() {
        return Err(no_path());
    }
    follow(vec![token.clone()], &steps, token, passed)
}

/// `token.Path`: where a token stands in its tree.
#[must_use]
pub fn path_of(token: &JToken) -> String {
    let mut steps = Vec::new();
    let mut here = token.clone();
    while let Some(parent) = here.parent().filter(|_| steps.len() <= JSON_DEPTH_MAX) {
        let named = parent.properties().into_iter().find(|(_, child)| child.is(&here));
        steps.push(match named {
            Some((name, _)) if is_plain(&name) => format!(".{name}"),
            Some((name, _)) => format!("['{}']", name.replace('\\', "\\\\").replace('\'', "\\'")),
            None => {
                let place = parent.children().iter().position(|child| child.is(&here));
                format!("[{}]", place.unwrap_or(0))
            }
        });
        here = parent;
    }
    steps.reverse();
    let path = steps.concat();
    path.strip_prefix('.').map(str::to_owned).unwrap_or(path)
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | '-'))
}

#[derive(Debug)]
enum Step {
    Names(Vec<String>),
    Indexes(Vec<i32>),
    All,
    /// The token itself and everything below it.
    Descend,
    Slice(Option<i64>, Option<i64>, i64),
    Filter(Filter),
}

#[derive(Debug)]
enum Filter {
    Exists(Operand),
    Compare(Operand, Comparison, Operand),
    All(Vec<Filter>),
    Any(Vec<Filter>),
}

#[derive(Debug)]
enum Operand {
    /// A path from the element (`@`), or from the root (`$`).
    Path(bool, Vec<Step>),
    Value(JValue),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

type Passed<'a> = &'a mut dyn FnMut(usize) -> Result<(), Exception>;

fn follow(
    from: Vec<JToken>,
    steps: &[Step],
    root: &JToken,
    passed: Passed<'_>,
) -> Result<Vec<JToken>, Exception> {
    let mut here = from;
    for step in steps {
        let mut next = Vec::new();
        for token in &here {
            let before = next.len();
            step.take(token, root, &mut next, passed)?;
            passed(next.len() - before + 1)?;
            if next.len() > JSON_SELECTED_MAX {
                return Err(Exception::memory("the path leads to more than 100,000 places"));
            }
        }
        here = next;
    }
    Ok(here)
}

impl Step {
    fn take(
        &self,
        token: &JToken,
        root: &JToken,
        found: &mut Vec<JToken>,
        passed: Passed<'_>,
    ) -> Result<(), Exception> {
        match self {
            Self::Names(names) if token.kind() == JTokenKind::Object => {
                found.extend(names.iter().filter_map(|name| token.get(name).ok().flatten()));
            }
            Self::Indexes(indexes) if token.kind() == JTokenKind::Array => {
                found.extend(indexes.iter().filter_map(|index| token.at(*index).ok()));
            }
            Self::Names(_) | Self::Indexes(_) => {}
            Self::All => found.extend(token.children()),
            Self::Descend => descend(token, found, JSON_DEPTH_MAX + 1),
            Self::Slice(start, end, step) if token.kind() == JTokenKind::Array => {
                let items = token.children();
                found.extend(slice(items.len(), *start, *end, *step).filter_map(|at| items.get(at).cloned()));
            }
            Self::Slice(..) => {}
            Self::Filter(filter) => {
                for child in token.children() {
                    if filter.passes(&child, root, passed)? {
                        found.push(child);
                    }
                }
            }
        }
        Ok(())
    }
}

fn descend(token: &JToken, found: &mut Vec<JToken>, levels: usize) {
    found.push(token.clone());
    if levels > 0 {
        token.children().iter().for_each(|child| descend(child, found, levels - 1));
    }
}

/// The places of `[start:end:step]`; those below zero count from the end.
fn slice(length: usize, start: Option<i64>, end: Option<i64>, step: i64) -> Box<dyn Iterator<Item = usize>> {
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    let place = |given: i64, least: i64, most: i64| {
        let place = if given < 0 { given.saturating_add(length) } else { given };
        place.clamp(least, most)
    };
    let stride = usize::try_from(step.unsigned_abs()).unwrap_or(usize::MAX);
    let at = |place: i64| usize::try_from(place).ok();
    if step > 0 {
        let (first, last) = (place(start.unwrap_or(0), 0, length), place(end.unwrap_or(length), 0, length));
        return Box::new((first..last).step_by(stride).filter_map(at));
    }
    let first = place(start.unwrap_or(length - 1), -1, length - 1);
    let last = end.map_or(-1, |end| place(end, -1, length - 1));
    Box::new((last + 1..=first).rev().step_by(stride).filter_map(at))
}

impl Filter {
    fn passes(&self, token: &JToken, root: &JToken, passed: Passed<'_>) -> Result<bool, Exception> {
        Ok(match self {
            Self::Exists(operand) => !operand.values(token, root, passed)?.is_empty(),
            Self::Compare(left, comparison, right) => {
                let right = right.values(token, root, passed)?;
                let left = left.values(token, root, passed)?;
                left.iter().any(|left| right.iter().any(|right| comparison.holds(left, right)))
            }
            Self::All(filters) => {
                for filter in filters {
                    if !filter.passes(token, root, passed)? {
                        return Ok(false);
                    }
                }
                true
            }
            Self::Any(filters) => {
                for filter in filters {
                    if filter.passes(token, root, passed)? {
                        return Ok(true);
                    }
                }
                false
            }
        })
    }
}

impl Operand {
    fn values(&self, token: &JToken, root: &JToken, passed: Passed<'_>) -> Result<Vec<JToken>, Exception> {
        match self {
            Self::Path(true, steps) => follow(vec![token.clone()], steps, root, passed),
            Self::Path(false, steps) => follow(vec![root.clone()], steps, root, passed),
            Self::Value(value) => Ok(vec![JToken::value(value.clone())]),
        }
    }
}

impl Comparison {
    /// Values are compared with values; objects and arrays only with their likes.
    fn holds(self, left: &JToken, right: &JToken) -> bool {
        let ordering = match (left.scalar(), right.scalar()) {
            (Some(_), Some(_)) => {
                order::compare(&Datum::Json(left.clone()), &Datum::Json(right.clone())).ok()
            }
            _ => left.deep_equals(right).then_some(Ordering::Equal),
        };
        match self {
            Self::Equal => ordering == Some(Ordering::Equal),
            Self::NotEqual => ordering != Some(Ordering::Equal),
            Self::Less => ordering == Some(Ordering::Less),
            Self::LessOrEqual => ordering.is_some_and(Ordering::is_le),
            Self::Greater => ordering == Some(Ordering::Greater),
            Self::GreaterOrEqual => ordering.is_some_and(Ordering::is_ge),
        }
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn take(&mut self, wanted: &str) -> bool {
        let after = self.rest.strip_prefix(wanted);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    fn blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    /// Steps up to the end, or to what no step begins with; the first one may be a bare name.
    fn steps(&mut self, bare: bool) -> Result<Vec<Step>, Exception> {
        let mut steps = Vec::new();
        if bare && !self.rest.is_empty() && !self.rest.starts_with(['.', '[']) {
            steps.push(self.name()?);
        }
        loop {
            if steps.len() > STEPS_MAX {
                return Err(Exception::argument("a JSON path has more than 32 steps"));
            }
            if self.take("..") {
                steps.push(Step::Descend);
                if !self.rest.starts_with('[') {
                    steps.push(self.name()?);
                }
            } else if self.take(".") {
                steps.push(self.name()?);
            } else if self.take("[") {
                steps.push(self.bracket()?);
            } else {
                return Ok(steps);
            }
        }
    }

    fn name(&mut self) -> Result<Step, Exception> {
        let end = self.rest.find(['.', '[', ']', '(', ')', ' ', '=', '!', '<', '>', '&', '|', ',']);
        let (name, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        match name {
            "" => Err(Exception::argument("a JSON path ends, or has a bracket, where a name is expected")),
            "*" => Ok(Step::All),
            name => Ok(Step::Names(vec![name.to_owned()])),
        }
    }

    /// What stands behind an opening bracket.
    fn bracket(&mut self) -> Result<Step, Exception> {
        self.blanks();
        let step = if self.take("*") {
            Step::All
        } else if self.take("?(") {
            let filter = self.any(0)?;
            self.blanks();
            if !self.take(")") {
                return Err(unclosed());
            }
            Step::Filter(filter)
        } else if self.rest.starts_with('(') {
            return Err(Exception::unsupported("a JSON path with a script is not supported"));
        } else if self.rest.starts_with(['\'', '"']) {
            let mut names = vec![self.quoted()?];
            while self.comma() {
                names.push(self.quoted()?);
            }
            Step::Names(names)
        } else {
            self.places()?
        };
        self.blanks();
        if self.take("]") { Ok(step) } else { Err(unclosed()) }
    }

    fn comma(&mut self) -> bool {
        self.blanks();
        let found = self.take(",");
        self.blanks();
        found
    }

    /// Indexes, or a slice.
    fn places(&mut self) -> Result<Step, Exception> {
        let first = self.number()?;
        self.blanks();
        if self.take(":") {
            let end = self.number()?;
            let step = if self.take(":") { self.number()? } else { None };
            return match step {
                Some(0) => Err(Exception::argument("the step of a slice is not zero")),
                step => Ok(Step::Slice(first, end, step.unwrap_or(1))),
            };
        }
        let index = |number: Option<i64>| {
            let index = number.and_then(|number| i32::try_from(number).ok()).filter(|index| *index >= 0);
            index.ok_or_else(no_path)
        };
        let mut indexes = vec![index(first)?];
        while self.comma() {
            let next = self.number()?;
            indexes.push(index(next)?);
        }
        Ok(Step::Indexes(indexes))
    }

    fn number(&mut self) -> Result<Option<i64>, Exception> {
        self.blanks();
        let end = self.rest.find(|c: char| !(c.is_ascii_digit() || c == '-')).unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(end);
        if digits.is_empty() {
            return Ok(None);
        }
        self.rest = rest;
        digits.parse().map(Some).map_err(|_| no_path())
    }

    fn quoted(&mut self) -> Result<String, Exception> {
        let quote = self.rest.chars().next().filter(|quote| matches!(quote, '\'' | '"'));
        let quote = quote.ok_or_else(no_path)?;
        let mut text = String::new();
        let mut characters = self.rest.char_indices().skip(1);
        while let Some((at, character)) = characters.next() {
            match character {
                '\\' => text.push(characters.next().ok_or_else(unclosed)?.1),
                end if end == quote => {
                    self.rest = self.rest.get(at + 1..).unwrap_or("");
                    return Ok(text);
                }
                other => text.push(other),
            }
        }
        Err(unclosed())
    }

    /// `a || b`
    fn any(&mut self, level: usize) -> Result<Filter, Exception> {
        let mut filters = vec![self.all(level)?];
        while self.operator("||") {
            filters.push(self.all(level)?);
        }
        Ok(Filter::Any(filters))
    }

    /// `a && b`
    fn all(&mut self, level: usize) -> Result<Filter, Exception> {
        let mut filters = vec![self.term(level)?];
        while self.operator("&&") {
            filters.push(self.term(level)?);
        }
        Ok(Filter::All(filters))
    }

    fn operator(&mut self, operator: &str) -> bool {
        self.blanks();
        self.take(operator)
    }

    fn term(&mut self, level: usize) -> Result<Filter, Exception> {
        self.blanks();
        if level > JSON_DEPTH_MAX {
            return Err(Exception::argument("a JSON path has too many brackets within one another"));
        }
        if self.take("(") {
            let inner = self.any(level + 1)?;
            self.blanks();
            return if self.take(")") { Ok(inner) } else { Err(unclosed()) };
        }
        let left = self.operand()?;
        self.blanks();
        if self.rest.starts_with("=~") {
            return Err(Exception::unsupported("a JSON path with a regular expression is not supported"));
        }
        match COMPARISONS.iter().find(|(symbol, _)| self.take(symbol)) {
            Some((_, comparison)) => Ok(Filter::Compare(left, *comparison, self.operand()?)),
            None => Ok(Filter::Exists(left)),
        }
    }

    fn operand(&mut self) -> Result<Operand, Exception> {
        self.blanks();
        if self.take("@") {
            return Ok(Operand::Path(true, self.steps(false)?));
        }
        if self.take("$") {
            return Ok(Operand::Path(false, self.steps(false)?));
        }
        if self.rest.starts_with(['\'', '"']) {
            return Ok(Operand::Value(JValue::String(self.quoted()?.into())));
        }
        let end = self.rest.find([')', ' ', '=', '!', '<', '>', '&', '|']).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        Ok(Operand::Value(match word {
            "true" => JValue::Bool(true),
            "false" => JValue::Bool(false),
            "null" => JValue::Null,
            number => match (number.parse(), number.parse()) {
                (Ok(whole), _) => JValue::Integer(whole),
                (_, Ok(number)) => JValue::Float(number),
                _ => return Err(no_path()),
            },
        }))
    }
}

const COMPARISONS: [(&str, Comparison); 8] = [
    ("===", Comparison::Equal),
    ("!==", Comparison::NotEqual),
    ("==", Comparison::Equal),
    ("!=", Comparison::NotEqual),
    ("<=", Comparison::LessOrEqual),
    (">=", Comparison::GreaterOrEqual),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];

/// Steps of one path.
const STEPS_MAX: usize = 32;

fn no_path() -> Exception {
    Exception::argument("the text is no JSON path")
}

fn unclosed() -> Exception {
    Exception::new(ExceptionKind::Argument, "a bracket or quote of a JSON path is not closed")
}
