//! `Regex`, `Match` and `Group`.

use std::sync::Arc;

use super::Options;
use super::replacement::Replacement;
use super::translate::{Translated, translate};
use crate::dotnet::limits::{REGEX_COMPILED_BYTES_MAX, REGEX_MATCHES_MAX, REGEX_WORK_MAX};
use crate::dotnet::meter::Meter;
use crate::dotnet::text::{bounded, length};
use crate::dotnet::{Exception, ExceptionKind};

/// A compiled expression; clones share it.
#[derive(Debug, Clone)]
pub struct Regex(Arc<Compiled>);

#[derive(Debug)]
struct Compiled {
    pattern: String,
    engine: regex::Regex,
    /// The groups by their .NET numbers: nameless ones first, then those with names.
    groups: Vec<GroupName>,
    before_last_line_feed: bool,
    /// What a search does for each byte, at most, as [`REGEX_WORK_MAX`] counts.
    weight: u64,
}

#[derive(Debug)]
struct GroupName {
    name: Arc<str>,
    /// Its number among all brackets.
    place: usize,
}

/// `Match`: also one that failed, as .NET gives it.
#[derive(Debug, Clone)]
pub struct Match {
    regex: Regex,
    text: Arc<str>,
    /// The bytes of each group, by .NET number; nothing where there is no match.
    groups: Vec<Option<(usize, usize)>>,
}

/// `Group`, or the whole match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// `Success`
    pub success: bool,
    /// `Value`; empty without success.
    pub value: String,
    /// `Index`, in UTF-16 code units; 0 without success.
    pub index: i32,
}

impl Regex {
    /// `new Regex(pattern, options)`
    ///
    /// # Errors
    ///
    /// `RegexParseException` for a pattern that is none; `NotSupportedException` for what the module
    /// does not do; `OutOfMemoryException` beyond the limits. The text names the place.
    pub fn new(pattern: &str, options: Options) -> Result<Self, Exception> {
        let Translated { pattern: translated, names, before_last_line_feed, weight } =
            translate(pattern, options)?;
        let engine = regex::RegexBuilder::new(&translated)
            .size_limit(REGEX_COMPILED_BYTES_MAX)
            .dfa_size_limit(REGEX_COMPILED_BYTES_MAX)
            .build()
            .map_err(|error| match error {
                regex::Error::CompiledTooBig(_) => {
                    Exception::memory("the compiled pattern takes more than 1 MiB")
                }
                _ => Exception::new(ExceptionKind::RegexParse, "the pattern is not a regular expression"),
            })?;
        let groups = numbered(&names);
        let compiled =
            Compiled { pattern: pattern.to_owned(), engine, groups, before_last_line_feed, weight };
        Ok(Self(Arc::new(compiled)))
    }

    /// `ToString()`: the pattern.
    #[must_use]
    pub fn pattern(&self) -> &str {
        &self.0.pattern
    }

    /// `IsMatch(text)`
    ///
    /// # Errors
    ///
    /// `TimeoutException` for a text that is too long for the pattern, see [`REGEX_WORK_MAX`].
    pub fn is_match(&self, text: &str) -> Result<bool, Exception> {
        self.must_end_soon(text.len())?;
        let engine = &self.0.engine;
        Ok(engine.is_match(text) || self.shorter(text).is_some_and(|text| engine.is_match(text)))
    }

    /// `Match(text)`
    ///
    /// # Errors
    ///
    /// `TimeoutException` for a text that is too long for the pattern, see [`REGEX_WORK_MAX`].
    pub fn first(&self, text: &Arc<str>) -> Result<Match, Exception> {
        self.match_at(text, 0)
    }

    /// `Matches(text)`
    ///
    /// Each match is a search of its own, which may look at all that follows: the meter is asked before each.
    ///
    /// # Errors
    ///
    /// `OutOfMemoryException` for more than [`REGEX_MATCHES_MAX`]; as [`first`](Self::first); what the meter says.
    pub fn matches(&self, text: &Arc<str>, meter: &mut dyn Meter) -> Result<Vec<Match>, Exception> {
        self.matches_up_to(text, REGEX_MATCHES_MAX + 1, meter).and_then(|found| match found.len() {
            0..=REGEX_MATCHES_MAX => Ok(found),
            _ => Err(Exception::memory("the text has more than 100,000 matches")),
        })
    }

    /// `Replace(text, replacement, count)`; any number where no count is given, or -1.
    ///
    /// # Errors
    ///
    /// `ArgumentOutOfRangeException` for a count below -1, `OutOfMemoryException`; as
    /// [`first`](Self::first); what the meter says.
    pub fn replace(
        &self,
        text: &Arc<str>,
        replacement: &str,
        count: Option<i32>,
        meter: &mut dyn Meter,
    ) -> Result<String, Exception> {
        let found = match count {
            None | Some(-1) => self.matches(text, meter)?,
            Some(count) => self.matches_up_to(text, counted(count)?, meter)?,
        };
        let replacement = Replacement::parse(replacement, self);
        let mut out = String::new();
        let mut end = 0;
        for one in &found {
            let (start, next) = one.range().unwrap_or((end, end));
            out.push_str(text.get(end..start).unwrap_or(""));
            meter.walk(replacement.weight())?;
            replacement.write(&mut out, text, one)?;
            end = next;
        }
        out.push_str(text.get(end..).unwrap_or(""));
        bounded(out.len())?;
        Ok(out)
    }

    /// `Split(text, count)`: what stands between the matches, and behind each what its groups hold. 0
    /// means any number.
    ///
    /// # Errors
    ///
    /// `ArgumentOutOfRangeException` for a count below 0, `OutOfMemoryException`; as
    /// [`first`](Self::first); what the meter says.
    pub fn split(
        &self,
        text: &Arc<str>,
        count: i32,
        meter: &mut dyn Meter,
    ) -> Result<Vec<String>, Exception> {
        if count < 0 {
            return Err(Exception::range("the count is negative"));
        }
        let found = match count {
            0 => self.matches(text, meter)?,
            _ => self.matches_up_to(text, counted(count - 1)?, meter)?,
        };
        let mut parts = Vec::new();
        let mut end = 0;
        for one in &found {
            let (start, next) = one.range().unwrap_or((end, end));
            parts.push(text.get(end..start).unwrap_or("").to_owned());
            for part in (1..one.group_count()).filter_map(|number| one.part(number)) {
                // Groups within one another hold the same bytes many times over.
                meter.make(size_of::<String>() + part.len())?;
                parts.push(part.to_owned());
            }
            end = next;
        }
        parts.push(text.get(end..).unwrap_or("").to_owned());
        Ok(parts)
    }

    /// The .NET number of a group, by number or name.
    pub(super) fn group_number(&self, name: &str) -> Option<usize> {
        self.0.groups.iter().position(|group| *group.name == *name)
    }

    /// How many groups there are, the whole match among them.
    pub(super) fn group_count(&self) -> usize {
        self.0.groups.len()
    }

    fn matches_up_to(
        &self,
        text: &Arc<str>,
        most: usize,
        meter: &mut dyn Meter,
    ) -> Result<Vec<Match>, Exception> {
        let mut found = Vec::new();
        if most == 0 {
            return Ok(found);
        }
        meter.walk(text.len())?;
        let mut next = self.first(text)?;
        while let Some((start, end)) = next.range() {
            meter.make(size_of::<Match>() + size_of_val(next.groups.as_slice()))?;
            let after = if found.len() + 1 == most {
                None
            } else {
                // What is known of the way; the clock sees what a search looks at beyond its match.
                meter.walk(end - start)?;
                Some(next.next_match()?)
            };
            found.push(next);
            let Some(after) = after else { break };
            if found.len() > REGEX_MATCHES_MAX {
                return Err(Exception::memory("the text has more than 100,000 matches"));
            }
            next = after;
        }
        Ok(found)
    }

    /// Whether a search through so many bytes may begin.
    fn must_end_soon(&self, bytes: usize) -> Result<(), Exception> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        if self.0.weight.saturating_mul(bytes) <= REGEX_WORK_MAX {
            return Ok(());
        }
        let text = format!(
            "the pattern has a weight of {}, which is too much for a text of {bytes} bytes: their product may be at \
             most {REGEX_WORK_MAX}",
            self.0.weight
        );
        Err(Exception::new(ExceptionKind::Timeout, text))
    }

    fn match_at(&self, text: &Arc<str>, start: usize) -> Result<Match, Exception> {
        self.must_end_soon(text.len().saturating_sub(start))?;
        let whole = self.groups_at(text, start);
        let shorter = self.shorter(text).and_then(|text| self.groups_at(text, start));
        // The one that begins first; of two that begin together, the one that sees the whole text.
        let begin = |groups: &[Option<(usize, usize)>]| groups.first().copied().flatten().map(|(at, _)| at);
        let groups = match (whole, shorter) {
            (Some(whole), Some(shorter)) if begin(&shorter) < begin(&whole) => shorter,
            (whole, shorter) => whole.or(shorter).unwrap_or_default(),
        };
        Ok(Match { regex: self.clone(), text: text.clone(), groups })
    }

    fn groups_at(&self, text: &str, start: usize) -> Option<Vec<Option<(usize, usize)>>> {
        if start > text.len() {
            return None;
        }
        let captures = self.0.engine.captures_at(text, start)?;
        let range = |place: usize| captures.get(place).map(|found| (found.start(), found.end()));
        Some(self.0.groups.iter().map(|group| range(group.place)).collect())
    }

    /// The text without its last line feed, where `$` may match before it.
    fn shorter<'a>(&self, text: &'a str) -> Option<&'a str> {
        text.strip_suffix('\n').filter(|_| self.0.before_last_line_feed)
    }
}

impl Match {
    /// `Success`
    #[must_use]
    pub fn success(&self) -> bool {
        !self.groups.is_empty()
    }

    /// `Value`; empty without success.
    #[must_use]
    pub fn value(&self) -> &str {
        self.part(0).unwrap_or("")
    }

    /// `Index`, in UTF-16 code units.
    #[must_use]
    pub fn index(&self) -> i32 {
        self.group(0).index
    }

    /// `Groups.Count`
    #[must_use]
    pub fn group_count(&self) -> usize {
        self.groups.len().max(1)
    }

    /// `Groups[number]`; a failed group for a number that there is not, as in .NET.
    #[must_use]
    pub fn group(&self, number: i32) -> Group {
        let range =
            usize::try_from(number).ok().and_then(|number| self.groups.get(number)).copied().flatten();
        let Some((start, end)) = range else {
            return Group { success: false, value: String::new(), index: 0 };
        };
        let value = self.text.get(start..end).unwrap_or("").to_owned();
        Group { success: true, value, index: length(self.text.get(..start).unwrap_or("")) }
    }

    /// `Groups[name]`; nameless groups have their number as name.
    #[must_use]
    pub fn group_named(&self, name: &str) -> Group {
        self.group(self.number_of(name))
    }

    /// The number of a group by its name; -1 if there is none.
    #[must_use]
    pub fn number_of(&self, name: &str) -> i32 {
        self.regex.group_number(name).and_then(|number| i32::try_from(number).ok()).unwrap_or(-1)
    }

    /// What the group with this number holds, without a look at where it stands; nothing without success.
    #[must_use]
    pub fn held(&self, number: i32) -> Option<&str> {
        self.part(usize::try_from(number).ok()?)
    }

    /// The name of a group: its number, where it has none.
    #[must_use]
    pub fn group_name(&self, number: usize) -> &str {
        self.regex.0.groups.get(number).map_or("", |group| &group.name)
    }

    /// `Result(replacement)`: the replacement with what the groups hold.
    ///
    /// # Errors
    ///
    /// `OutOfMemoryException`.
    pub fn result(&self, replacement: &str) -> Result<String, Exception> {
        let mut out = String::new();
        Replacement::parse(replacement, &self.regex).write(&mut out, &self.text, self)?;
        Ok(out)
    }

    /// `NextMatch()`; after an empty match, from the next character on.
    ///
    /// # Errors
    ///
    /// As [`Regex::first`].
    pub fn next_match(&self) -> Result<Match, Exception> {
        let next = match self.range() {
            None => return Ok(self.clone()),
            Some((start, end)) if start < end => end,
            Some((_, end)) => match self.text.get(end..).and_then(|rest| rest.chars().next()) {
                Some(passed) => end + passed.len_utf8(),
                None => return Ok(Match { groups: Vec::new(), ..self.clone() }),
            },
        };
        self.regex.match_at(&self.text, next)
    }

    /// The bytes of the whole match.
    pub(crate) fn range(&self) -> Option<(usize, usize)> {
        self.groups.first().copied().flatten()
    }

    /// What a group holds.
    pub(super) fn part(&self, number: usize) -> Option<&str> {
        let (start, end) = self.groups.get(number).copied().flatten()?;
        self.text.get(start..end)
    }
}

/// `Regex.Escape(text)`
#[must_use]
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{c}' => out.push_str("\\f"),
            ' ' | '#' | '$' | '(' | ')' | '*' | '+' | '.' | '?' | '[' | '\\' | '^' | '{' | '|' => {
                out.push('\\');
                out.push(character);
            }
            _ => out.push(character),
        }
    }
    out
}

/// `Regex.Unescape(text)`
///
/// # Errors
///
/// `ArgumentException` for a backslash that nothing known follows.
pub fn unescape(text: &str) -> Result<String, Exception> {
    let wrong = || Exception::argument("a backslash is followed by nothing that is known");
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        if character != '\\' {
            out.push(character);
            continue;
        }
        out.push(match rest.next().ok_or_else(wrong)? {
            'a' => '\u{7}',
            'e' => '\u{1b}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            digits @ ('x' | 'u') => {
                let count = if digits == 'x' { 2 } else { 4 };
                let number: String = rest.by_ref().take(count).collect();
                let unit = u16::from_str_radix(&number, 16).ok().filter(|_| number.len() == count);
                crate::dotnet::text::to_char(unit.ok_or_else(wrong)?)
            }
            letter if letter.is_alphanumeric() => return Err(wrong()),
            other => other,
        });
    }
    Ok(out)
}

/// Group 0, the nameless groups in the order of their brackets, then those with names.
fn numbered(names: &[Option<Arc<str>>]) -> Vec<GroupName> {
    let mut groups = vec![GroupName { name: "0".into(), place: 0 }];
    for (place, _) in names.iter().enumerate().filter(|(_, name)| name.is_none()) {
        groups.push(GroupName { name: groups.len().to_string().into(), place: place + 1 });
    }
    let named = names.iter().enumerate().filter_map(|(place, name)| Some((place, name.clone()?)));
    groups.extend(named.map(|(place, name)| GroupName { name, place: place + 1 }));
    groups
}

fn counted(count: i32) -> Result<usize, Exception> {
    usize::try_from(count).map_err(|_| Exception::range("the count is negative"))
}
