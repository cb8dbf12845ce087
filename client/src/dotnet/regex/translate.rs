//! Rewrites a .NET pattern as one of the `regex` crate, or says where and why that cannot be done.
//! Groups become nameless ones; their .NET numbers and names are kept beside.

use std::sync::Arc;

use super::Options;
use super::weight::Weight;
use crate::dotnet::limits::{REGEX_FOLDED_MAX, REGEX_FOLDED_SET, REGEX_PATTERN_BYTES_MAX};
use crate::dotnet::{Exception, ExceptionKind};

/// What .NET calls a word character.
const WORD: &str = r"\p{L}\p{Mn}\p{Nd}\p{Pc}";
/// Levels of brackets.
const DEPTH_MAX: usize = 64;
/// The weight of a class.
const CLASS: u64 = 2;
/// The general categories of Unicode, which both sides name alike.
const CATEGORIES: &str = " L Lu Ll Lt Lm Lo M Mn Mc Me N Nd Nl No P Pc Pd Ps Pe Pi Pf Po \
                          S Sm Sc Sk So Z Zs Zl Zp C Cc Cf Co Cn ";

/// A pattern in the other dialect.
#[derive(Debug)]
pub(super) struct Translated {
    pub(super) pattern: String,
    /// For each group but 0, in the order of their brackets, its name.
    pub(super) names: Vec<Option<Arc<str>>>,
    /// Whether `$` or `\Z` may match before a last line feed.
    pub(super) before_last_line_feed: bool,
    /// See [`REGEX_WORK_MAX`](crate::dotnet::limits::REGEX_WORK_MAX).
    pub(super) weight: u64,
}

pub(super) fn translate(pattern: &str, options: Options) -> Result<Translated, Exception> {
    if pattern.len() > REGEX_PATTERN_BYTES_MAX {
        return Err(Exception::memory("the pattern is longer than 8 KiB"));
    }
    if options.has(Options::RIGHT_TO_LEFT) || options.has(Options::ECMA_SCRIPT) {
        return Err(Exception::unsupported("the options RightToLeft and ECMAScript are not supported"));
    }
    let flags = Flags {
        multiline: options.has(Options::MULTILINE),
        single_line: options.has(Options::SINGLELINE),
        explicit: options.has(Options::EXPLICIT_CAPTURE),
        blanks: options.has(Options::IGNORE_PATTERN_WHITESPACE),
    };
    let mut translator = Translator {
        chars: pattern.chars().collect(),
        at: 0,
        flags,
        open: Vec::new(),
        quantifiable: false,
        folds: options.has(Options::IGNORE_CASE),
        folded: 0,
        weight: Weight::default(),
        done: Translated {
            pattern: String::new(),
            names: Vec::new(),
            before_last_line_feed: false,
            weight: 0,
        },
    };
    if translator.folds {
        translator.done.pattern.push_str("(?i)");
    }
    translator.run()?;
    if translator.folds && translator.folded > REGEX_FOLDED_MAX {
        let text = "the classes of the pattern hold more than 1,000,000 characters, which is too many in either case";
        return Err(Exception::memory(text));
    }
    translator.done.weight = translator.weight.of(translator.done.names.len());
    Ok(translator.done)
}

#[derive(Debug, Clone, Copy)]
struct Flags {
    multiline: bool,
    single_line: bool,
    explicit: bool,
    blanks: bool,
}

struct Translator {
    chars: Vec<char>,
    at: usize,
    flags: Flags,
    /// The flags to go back to at the end of each group that is open.
    open: Vec<Flags>,
    /// Whether there is something before that a quantifier can repeat.
    quantifiable: bool,
    /// Whether letters match in either case, in any part of the pattern.
    folds: bool,
    /// The characters of its classes.
    folded: u32,
    weight: Weight,
    done: Translated,
}

impl Translator {
    fn run(&mut self) -> Result<(), Exception> {
        while let Some(character) = self.next() {
            match character {
                '\\' => self.escape()?,
                '[' => {
                    let class = self.class(0)?;
                    self.atom(&class, CLASS);
                }
                '(' => self.group()?,
                ')' => self.close()?,
                '|' => {
                    self.out("|");
                    self.weight.add(1);
                    self.quantifiable = false;
                }
                '.' => self.atom(if self.flags.single_line { "(?s:.)" } else { r"[^\n]" }, CLASS),
                '^' => self.atom(if self.flags.multiline { "(?m:^)" } else { r"\A" }, 1),
                '$' => self.end_of_text(),
                '*' | '+' | '?' => self.quantifier(&character.to_string(), 1)?,
                '{' => self.braces()?,
                '#' if self.flags.blanks => while self.next().is_some_and(|c| c != '\n') {},
                blank if self.flags.blanks && blank.is_whitespace() => {}
                literal => self.literal(literal),
            }
        }
        if self.open.is_empty() { Ok(()) } else { Err(self.wrong("a bracket is not closed")) }
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek(0)?;
        self.at += 1;
        Some(next)
    }

    fn take(&mut self, text: &str) -> bool {
        let found = text.chars().enumerate().all(|(ahead, c)| self.peek(ahead) == Some(c));
        if found {
            self.at += text.chars().count();
        }
        found
    }

    fn out(&mut self, text: &str) {
        self.done.pattern.push_str(text);
    }

    fn atom(&mut self, text: &str, weight: u64) {
        self.out(text);
        self.weight.place(weight);
        self.quantifiable = true;
    }

    fn literal(&mut self, character: char) {
        self.atom(&escaped(character), character.len_utf8() as u64);
    }

    fn end_of_text(&mut self) {
        if self.flags.multiline {
            return self.atom("(?m:$)", 1);
        }
        self.done.before_last_line_feed = true;
        self.atom(r"\z", 1);
    }

    fn escape(&mut self) -> Result<(), Exception> {
        let start = self.at;
        match self.peek(0) {
            Some('A' | 'z' | 'b' | 'B') => {
                let text: String = self.chars[start - 1..=start].iter().collect();
                self.at += 1;
                self.atom(&text, 1);
            }
            Some('Z') => {
                self.at += 1;
                self.done.before_last_line_feed = true;
                self.atom(r"\z", 1);
            }
            Some('G') => return Err(self.unsupported(r"\G is not supported")),
            Some('1'..='9' | 'k') => return Err(self.unsupported("backreferences are not supported")),
            _ => {
                let element = self.element()?;
                match element {
                    Element::One(character) => self.literal(character),
                    Element::Set(set) => self.atom(&format!("[{set}]"), CLASS),
                }
            }
        }
        Ok(())
    }

    /// What stands behind a backslash, outside of a class or within.
    fn element(&mut self) -> Result<Element, Exception> {
        let Some(character) = self.next() else {
            return Err(self.wrong("a backslash ends the pattern"));
        };
        if matches!(character, 'd' | 'D' | 's' | 'S' | 'w' | 'W' | 'p' | 'P') {
            self.folded = self.folded.saturating_add(REGEX_FOLDED_SET);
        }
        Ok(match character {
            'd' | 'D' | 's' | 'S' => Element::Set(format!("\\{character}")),
            'w' => Element::Set(WORD.to_owned()),
            'W' => Element::Set(format!("[^{WORD}]")),
            'p' | 'P' => Element::Set(self.category(character)?),
            'a' => Element::One('\u{7}'),
            'b' => Element::One('\u{8}'),
            'e' => Element::One('\u{1b}'),
            'f' => Element::One('\u{c}'),
            'n' => Element::One('\n'),
            'r' => Element::One('\r'),
            't' => Element::One('\t'),
            'v' => Element::One('\u{b}'),
            'x' => Element::One(self.code(2)?),
            'u' => Element::One(self.code(4)?),
            'c' => Element::One(self.control()?),
            '0' => Element::One(self.octal()),
            other if other.is_alphanumeric() || other == '_' => {
                return Err(self.wrong("the escape is not known"));
            }
            other => Element::One(other),
        })
    }

    fn category(&mut self, letter: char) -> Result<String, Exception> {
        let name: String = self.chars.iter().skip(self.at + 1).take_while(|c| **c != '}').collect();
        if self.peek(0) != Some('{') || self.at + 1 + name.chars().count() >= self.chars.len() {
            return Err(self.wrong("a category stands in braces"));
        }
        if name.is_empty() || name.contains(' ') || !CATEGORIES.contains(&format!(" {name} ")) {
            return Err(self.unsupported("only the general categories of Unicode are supported"));
        }
        self.at += name.chars().count() + 2;
        Ok(format!("\\{letter}{{{name}}}"))
    }

    fn code(&mut self, digits: usize) -> Result<char, Exception> {
        let text: String = self.chars.iter().skip(self.at).take(digits).collect();
        let plain = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let code = u32::from_str_radix(&text, 16).ok().filter(|_| plain);
        let code = code.ok_or_else(|| self.wrong("hexadecimal digits are missing"))?;
        self.at += digits;
        char::from_u32(code).ok_or_else(|| self.unsupported("half of a surrogate pair is not supported"))
    }

    fn control(&mut self) -> Result<char, Exception> {
        match self.next() {
            Some(letter @ ('@'..='_' | 'a'..='z')) => Ok(char::from(letter.to_ascii_uppercase() as u8 ^ 64)),
            _ => Err(self.wrong("a control character has a letter")),
        }
    }

    /// Up to two more digits behind the zero.
    fn octal(&mut self) -> char {
        let mut code = 0_u8;
        for _ in 0..2 {
            let Some(digit) = self.peek(0).and_then(|c| c.to_digit(8)) else {
                break;
            };
            code = code * 8 + digit as u8;
            self.at += 1;
        }
        char::from(code)
    }

    /// A class, behind its opening bracket.
    fn class(&mut self, depth: usize) -> Result<String, Exception> {
        if depth == DEPTH_MAX {
            return Err(self.unsupported("more than 64 levels of classes are not supported"));
        }
        let mut base = String::from(if self.take("^") { "[^" } else { "[" });
        let mut first = true;
        loop {
            let Some(character) = self.next() else {
                return Err(self.wrong("a class is not closed"));
            };
            match character {
                ']' if !first => return Ok(base + "]"),
                '-' if !first && self.peek(0) == Some('[') => {
                    self.at += 1;
                    let less = self.class(depth + 1)?;
                    if !self.take("]") {
                        return Err(self.wrong("a subtraction is the last thing in a class"));
                    }
                    return Ok(format!("[{base}]--{less}]"));
                }
                _ => base.push_str(&self.range(character)?),
            }
            first = false;
        }
    }

    /// One element of a class, or a range of them.
    fn range(&mut self, character: char) -> Result<String, Exception> {
        let low = match self.class_element(character)? {
            Element::One(low) => low,
            Element::Set(set) => return Ok(set),
        };
        let ranged = self.peek(0) == Some('-') && !matches!(self.peek(1), None | Some(']' | '['));
        if !ranged {
            return Ok(escaped(low));
        }
        self.at += 1;
        let Some(next) = self.next() else {
            return Err(self.wrong("a class is not closed"));
        };
        match self.class_element(next)? {
            Element::One(high) if low <= high => {
                self.folded = self.folded.saturating_add(u32::from(high) - u32::from(low));
                Ok(format!("{}-{}", escaped(low), escaped(high)))
            }
            Element::One(_) => Err(self.wrong("a range ends before it begins")),
            Element::Set(_) => Err(self.wrong("a range ends with a class")),
        }
    }

    fn class_element(&mut self, character: char) -> Result<Element, Exception> {
        match character {
            '\\' => match self.peek(0) {
                Some('1'..='9') => Err(self.unsupported("octal codes begin with a zero here")),
                _ => self.element(),
            },
            other => Ok(Element::One(other)),
        }
    }

    /// A group, behind its opening bracket.
    fn group(&mut self) -> Result<(), Exception> {
        if self.open.len() == DEPTH_MAX {
            return Err(self.unsupported("more than 64 levels of brackets are not supported"));
        }
        if !self.take("?") {
            let name = if self.flags.explicit { Kind::Plain } else { Kind::Capture(None) };
            return self.begin(name);
        }
        match self.next() {
            Some(':') => self.begin(Kind::Plain),
            Some('#') => {
                while self.next().ok_or_else(|| self.wrong("a comment is not closed"))? != ')' {}
                Ok(())
            }
            Some('=' | '!') => Err(self.unsupported("lookahead is not supported")),
            Some('>') => Err(self.unsupported("atomic groups are not supported")),
            Some('(') => Err(self.unsupported("conditionals are not supported")),
            Some('<') if matches!(self.peek(0), Some('=' | '!')) => {
                Err(self.unsupported("lookbehind is not supported"))
            }
            Some('<') => self.named('>'),
            Some('\'') => self.named('\''),
            Some('i' | 'm' | 's' | 'n' | 'x' | '-' | '+') => {
                self.at -= 1;
                self.inline_flags()
            }
            _ => Err(self.wrong("the bracket with a question mark is not known")),
        }
    }

    fn named(&mut self, end: char) -> Result<(), Exception> {
        let name: String = self.chars.iter().skip(self.at).take_while(|c| **c != end).collect();
        self.at += name.chars().count() + 1;
        if name.contains('-') {
            return Err(self.unsupported("balancing groups are not supported"));
        }
        if self.at > self.chars.len() || name.is_empty() || !name.chars().all(is_word) {
            return Err(self.wrong("the name of a group has letters, digits and underscores"));
        }
        if name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(self.unsupported("numbers as names of groups are not supported"));
        }
        if self.done.names.iter().flatten().any(|known| **known == *name) {
            return Err(self.unsupported("one name for several groups is not supported"));
        }
        self.begin(Kind::Capture(Some(name.into())))
    }

    fn begin(&mut self, kind: Kind) -> Result<(), Exception> {
        match kind {
            Kind::Plain => self.out("(?:"),
            Kind::Capture(name) => {
                self.done.names.push(name);
                self.out("(");
            }
        }
        self.open.push(self.flags);
        self.weight.open();
        self.quantifiable = false;
        Ok(())
    }

    fn close(&mut self) -> Result<(), Exception> {
        self.flags = self.open.pop().ok_or_else(|| self.wrong("a bracket closes what is not open"))?;
        self.out(")");
        self.weight.close();
        self.quantifiable = true;
        Ok(())
    }

    /// `(?i-m)` up to the end of the group around, or `(?i-m:…)`.
    fn inline_flags(&mut self) -> Result<(), Exception> {
        let (before, mut on, mut case) = (self.flags, true, None);
        loop {
            match self.next() {
                Some('-') => on = false,
                Some('+') => on = true,
                Some('i') => {
                    self.folds |= on;
                    case = Some(on);
                }
                Some('m') => self.flags.multiline = on,
                Some('s') => self.flags.single_line = on,
                Some('n') => self.flags.explicit = on,
                Some('x') => self.flags.blanks = on,
                Some(end @ (')' | ':')) => {
                    let case = case.map_or("", |on| if on { "i" } else { "-i" });
                    if end == ':' {
                        self.begin(Kind::Plain)?;
                        self.open.pop();
                        self.open.push(before);
                    }
                    if !case.is_empty() {
                        self.out(&format!("(?{case})"));
                    }
                    self.quantifiable = false;
                    return Ok(());
                }
                _ => return Err(self.wrong("an option in brackets is one of i, m, n, s and x")),
            }
        }
    }

    /// `{2}`, `{2,}` or `{2,5}`; everything else in braces is text.
    fn braces(&mut self) -> Result<(), Exception> {
        let is_inner = |c: &&char| c.is_ascii_digit() || **c == ',';
        let inner: String = self.chars.iter().skip(self.at).take_while(is_inner).collect();
        let (low, high) = inner.split_once(',').unwrap_or((&inner, ""));
        let is_quantifier = !low.is_empty() && !high.contains(',') && self.peek(inner.len()) == Some('}');
        if !is_quantifier {
            self.literal('{');
            return Ok(());
        }
        self.at += inner.len() + 1;
        let most = if high.is_empty() { low } else { high };
        // More digits than there are numbers: the engine refuses it.
        self.quantifier(&format!("{{{inner}}}"), most.parse().unwrap_or(u64::MAX))
    }

    /// What stands before it comes at most so many times; without an end, it comes so many times and loops.
    fn quantifier(&mut self, text: &str, most: u64) -> Result<(), Exception> {
        if !self.quantifiable {
            return Err(self.wrong("a quantifier has nothing before it that it can repeat"));
        }
        self.out(text);
        self.weight.repeat(most);
        if self.take("?") {
            self.out("?");
        }
        self.quantifiable = false;
        Ok(())
    }

    fn wrong(&self, reason: &str) -> Exception {
        Exception::new(ExceptionKind::RegexParse, format!("pattern, character {}: {reason}", self.at))
    }

    fn unsupported(&self, reason: &str) -> Exception {
        Exception::new(ExceptionKind::NotSupported, format!("pattern, character {}: {reason}", self.at))
    }
}

enum Element {
    One(char),
    /// What can stand within the brackets of a class.
    Set(String),
}

enum Kind {
    Plain,
    Capture(Option<Arc<str>>),
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// A character that stands for itself everywhere, in a class too.
fn escaped(character: char) -> String {
    match character {
        _ if character.is_alphanumeric() => character.to_string(),
        _ => format!("\\x{{{:x}}}", u32::from(character)),
    }
}
