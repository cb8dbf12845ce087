//! Reads JSON text as Newtonsoft's reader does, within limits of depth and size.
//!
//! Taken beyond the standard, as there: single quotes, names without quotes, comments of both kinds,
//! a comma after the last member or element, line breaks within strings, `NaN`, `Infinity` and
//! `-Infinity`; of two properties of one name the last value, in the place of the first. Refused:
//! numbers that begin with a zero or a plus (octal and hexadecimal there), `undefined`, constructors,
//! elements left out (`[,1]`), and text behind the document.

use std::sync::Arc;

use indexmap::IndexMap;

use super::{JToken, JTokenKind, JValue};
use crate::dotnet::limits::{JSON_BYTES_MAX, JSON_DEPTH_MAX};
use crate::dotnet::{Exception, ExceptionKind};

/// `JToken.Parse(text)`
///
/// # Errors
///
/// `JsonReaderException` with line and column (both from 1) where the text is no JSON, is longer than
/// [`JSON_BYTES_MAX`] or has more levels than [`JSON_DEPTH_MAX`]; `NotSupportedException` for a whole
/// number beyond 64 bits.
pub fn parse(text: &str) -> Result<JToken, Exception> {
    if text.len() > JSON_BYTES_MAX {
        return Err(Exception::new(ExceptionKind::JsonReader, "the JSON text is longer than 16 MiB"));
    }
    let mut reader = Reader { text, at: text.len() - text.trim_start_matches('\u{feff}').len() };
    let token = reader.token(0)?;
    reader.blanks()?;
    match reader.peek() {
        None => Ok(token),
        Some(_) => Err(reader.wrong("the end of the JSON text")),
    }
}

/// `JObject.Parse(text)`
///
/// # Errors
///
/// Those of [`parse`], and `JsonReaderException` where the text is something else.
pub fn parse_object(text: &str) -> Result<JToken, Exception> {
    parse_kind(text, JTokenKind::Object)
}

/// `JArray.Parse(text)`
///
/// # Errors
///
/// Those of [`parse`], and `JsonReaderException` where the text is something else.
pub fn parse_array(text: &str) -> Result<JToken, Exception> {
    parse_kind(text, JTokenKind::Array)
}

fn parse_kind(text: &str, kind: JTokenKind) -> Result<JToken, Exception> {
    let token = parse(text)?;
    match token.kind() {
        found if found == kind => Ok(token),
        found => Err(Exception::new(
            ExceptionKind::JsonReader,
            format!("the JSON text is of type {} where {} is expected", found.name(), kind.name()),
        )),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.rest().starts_with(word);
        if found {
            self.at += word.len();
        }
        found
    }

    /// Passes blanks and comments.
    fn blanks(&mut self) -> Result<(), Exception> {
        loop {
            self.at = self.text.len() - self.rest().trim_start().len();
            if self.take("/*") {
                let end = self.rest().find("*/").ok_or_else(|| self.wrong("the end of the comment"))?;
                self.at += end + 2;
            } else if self.take("//") {
                self.at += self.rest().find(['\r', '\n']).unwrap_or(self.rest().len());
            } else {
                return Ok(());
            }
        }
    }

    fn token(&mut self, depth: usize) -> Result<JToken, Exception> {
        self.blanks()?;
        match self.peek() {
            Some('{' | '[') if depth == JSON_DEPTH_MAX => Err(self.wrong("no more than 64 levels")),
            Some('{') => self.object(depth + 1),
            Some('[') => self.array(depth + 1),
            Some('"' | '\'') => Ok(JToken::value(JValue::String(self.string()?.into()))),
            Some('-' | '0'..='9' | '.') if !self.rest().starts_with("-I") => self.number(),
            _ => self.word(),
        }
    }

    fn object(&mut self, depth: usize) -> Result<JToken, Exception> {
        self.bump();
        let mut members: IndexMap<Arc<str>, JToken> = IndexMap::new();
        loop {
            self.blanks()?;
            if self.take("}") {
                return Ok(JToken::from_members(members));
            }
            let name = self.name()?;
            self.blanks()?;
            if !self.take(":") {
                return Err(self.wrong("a colon after the name"));
            }
            members.insert(name, self.token(depth)?);
            self.blanks()?;
            if !self.take(",") && self.peek() != Some('}') {
                return Err(self.wrong("a comma or the end of the object"));
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<JToken, Exception> {
        self.bump();
        let mut items = Vec::new();
        loop {
            self.blanks()?;
            if self.take("]") {
                return Ok(JToken::from_items(items));
            }
            items.push(self.token(depth)?);
            self.blanks()?;
            if !self.take(",") && self.peek() != Some(']') {
                return Err(self.wrong("a comma or the end of the array"));
            }
        }
    }

    fn name(&mut self) -> Result<Arc<str>, Exception> {
        if matches!(self.peek(), Some('"' | '\'')) {
            return Ok(self.string()?.into());
        }
        let part_of_name = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
        let length = self.rest().find(|c| !part_of_name(c)).unwrap_or(self.rest().len());
        if length == 0 {
            return Err(self.wrong("a name or the end of the object"));
        }
        let name = &self.rest()[..length];
        self.at += length;
        Ok(name.into())
    }

    fn string(&mut self) -> Result<String, Exception> {
        let quote = self.bump();
        let mut out = String::new();
        loop {
            let plain = self.rest().find(['"', '\'', '\\']).unwrap_or(self.rest().len());
            out.push_str(&self.rest()[..plain]);
            self.at += plain;
            match self.bump() {
                None => return Err(self.wrong("the end of the string")),
                Some('\\') => out.push(self.escape()?),
                end if end == quote => return Ok(out),
                Some(other) => out.push(other),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Exception> {
        Ok(match self.peek() {
            Some('u') => return self.unicode(),
            Some('n') => self.escaped('\n'),
            Some('r') => self.escaped('\r'),
            Some('t') => self.escaped('\t'),
            Some('b') => self.escaped('\u{8}'),
            Some('f') => self.escaped('\u{c}'),
            Some(same @ ('"' | '\'' | '\\' | '/')) => self.escaped(same),
            _ => return Err(self.wrong("one of \" ' \\ / b f n r t u after the backslash")),
        })
    }

    fn escaped(&mut self, meaning: char) -> char {
        self.bump();
        meaning
    }

    /// `uXXXX`, and the second half of a pair if one follows.
    fn unicode(&mut self) -> Result<char, Exception> {
        let first = self.unit()?;
        if !(0xD800..0xDC00).contains(&first) || !self.rest().starts_with("\\u") {
            return Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let back = self.at;
        self.bump();
        let second = self.unit()?;
        if !(0xDC00..0xE000).contains(&second) {
            self.at = back;
            return Ok(char::REPLACEMENT_CHARACTER);
        }
        let both = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
        Ok(char::from_u32(both).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn unit(&mut self) -> Result<u32, Exception> {
        let digits = self.rest().get(1..5).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        let unit = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let unit = unit.ok_or_else(|| self.wrong("four hexadecimal digits after \\u"))?;
        self.at += 5;
        Ok(unit)
    }

    fn number(&mut self) -> Result<JToken, Exception> {
        let part_of_number = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
        let length = self.rest().find(|c| !part_of_number(c)).unwrap_or(self.rest().len());
        let text = &self.rest()[..length];
        let digits = text.strip_prefix('-').unwrap_or(text);
        let zero_first =
            digits.len() > 1 && digits.starts_with('0') && !digits[1..].starts_with(['.', 'e', 'E']);
        let of_a_number =
            |byte: u8| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E');
        if zero_first || !digits.bytes().all(of_a_number) {
            return Err(self.wrong("a decimal number"));
        }
        let whole = digits.bytes().all(|byte| byte.is_ascii_digit());
        let value = match text.parse::<i64>() {
            Ok(value) => JValue::Integer(value),
            Err(_) if whole && !digits.is_empty() => {
                return Err(Exception::unsupported("a whole number in the JSON text has more than 64 bits"));
            }
            Err(_) => JValue::Float(text.parse::<f64>().map_err(|_| self.wrong("a decimal number"))?),
        };
        self.at += length;
        Ok(JToken::value(value))
    }

    fn word(&mut self) -> Result<JToken, Exception> {
        let words = [
            ("true", JValue::Bool(true)),
            ("false", JValue::Bool(false)),
            ("null", JValue::Null),
            ("NaN", JValue::Float(f64::NAN)),
            ("Infinity", JValue::Float(f64::INFINITY)),
            ("-Infinity", JValue::Float(f64::NEG_INFINITY)),
        ];
        for (word, value) in words {
            let whole = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$');
            if self.rest().strip_prefix(word).is_some_and(whole) {
                self.at += word.len();
                return Ok(JToken::value(value));
            }
        }
        Err(self.wrong("a JSON value"))
    }

    fn wrong(&self, expected: &str) -> Exception {
        let before = &self.text[..self.at];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        let found = if self.rest().is_empty() { ", where the text ends" } else { "" };
        let text = format!("JSON text, line {line}, column {column}: expected {expected}{found}");
        Exception::new(ExceptionKind::JsonReader, text)
    }
}
