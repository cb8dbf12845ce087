//! Commands made up from their rows: the name, then the words of the row's syntax, some left out, some repeated, each
//! placeholder filled with something that may or may not be right. Drawing the numbers is left to the test.

use larder_node::commands::spec::{Run, Spec};
use larder_node::commands::table::{Commands, Row};

/// A command to be said. Smaller numbers make simpler commands, so that shrinking leads to something readable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phrase {
    /// Which command, among those that can be said.
    pub command: usize,
    /// What is drawn on the way through the syntax, in turn; where it runs out, noughts.
    pub choices: Vec<u16>,
}

/// A command: the words of its name, and its row.
pub type Said = (Vec<String>, &'static Spec);

/// The commands and subcommands of the table that are said: full names, split into words.
#[must_use]
pub fn commands_that_can_be_said(table: &Commands) -> Vec<Said> {
    let sayable = |row: &&Row| !matches!(row.spec.run, Run::Container(_));
    // What a container does when it stands alone is a row whose own name is in brackets.
    let words = |name: &str| -> Vec<String> {
        name.split('|').filter(|word| !word.starts_with('(')).map(str::to_ascii_uppercase).collect()
    };
    table.rows().iter().filter(sayable).map(|row| (words(&row.full_name), row.spec)).collect()
}

impl Phrase {
    /// The words that are sent.
    #[must_use]
    pub fn words(&self, said: &[Said]) -> Vec<Vec<u8>> {
        let Some((name, spec)) = said.get(self.command % said.len().max(1)) else { return Vec::new() };
        let mut words: Vec<Vec<u8>> = name.iter().map(|word| word.clone().into_bytes()).collect();
        let mut choices = self.choices.iter().copied();
        let mut next = || choices.next().unwrap_or_default();
        for part in parts(spec.syntax) {
            say(&part, &mut next, &mut words);
        }
        // Beyond the syntax anything may follow, and seldom does.
        if next() % 16 == 15 {
            words.push(filled(None, next()));
        }
        words
    }
}

/// A part of a syntax: words that have to be there, or one of several that may be.
struct Part<'s> {
    optional: bool,
    ways: Vec<Vec<&'s str>>,
}

/// Cuts a syntax at its outermost brackets, and what is within them at the bars.
fn parts(syntax: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for (at, c) in syntax.char_indices() {
        if matches!(c, '[' | '<') {
            if depth == 0 {
                parts.push(part(false, &syntax[start..at]));
                start = at + 1;
            }
            depth += 1;
        }
        if matches!(c, ']' | '>') {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                parts.push(part(c == ']', &syntax[start..at]));
                start = at + 1;
            }
        }
    }
    parts.push(part(false, &syntax[start..]));
    parts.retain(|part| part.ways.iter().any(|way| !way.is_empty()));
    parts
}

fn part(optional: bool, text: &str) -> Part<'_> {
    let ways = text.split('|').map(|way| {
        way.split(|c: char| c.is_whitespace() || matches!(c, '[' | ']' | '<' | '>'))
            .filter(|word| !word.is_empty() && *word != "...")
            .collect()
    });
    Part { optional, ways: ways.collect() }
}

/// Says a part, most likely as it should be: what must be there is seldom left out, what may be there is said now and
/// then, both are seldom said twice.
fn say(part: &Part<'_>, next: &mut impl FnMut() -> u16, words: &mut Vec<Vec<u8>>) {
    let times = match (next() % 16, part.optional) {
        (15, _) => 2,
        (14, false) | (0..=9, true) => 0,
        _ => 1,
    };
    for _ in 0..times {
        let Some(way) = part.ways.get(usize::from(next()) % part.ways.len().max(1)) else { return };
        words.extend(way.iter().map(|word| filled(Some(word), next())));
    }
}

/// What stands for a word of a syntax: itself if it is a literal, one of the placeholder's pool if it is none.
fn filled(token: Option<&str>, choice: u16) -> Vec<u8> {
    let choice = usize::from(choice);
    let pool = match token {
        // Now and then a word that does not belong there.
        _ if choice % 16 == 15 => ANYTHING,
        Some(word) if word.chars().all(|c| c.is_ascii_uppercase() || c == '-') => return word.into(),
        Some("key" | "key1" | "key2" | "newkey" | "source" | "destination" | "src" | "dst") => KEYS,
        Some("field" | "member" | "value" | "message" | "element" | "pivot") => VALUES,
        Some("min" | "max") => BOUNDS,
        Some("pattern") => PATTERNS,
        Some(_) => NUMBERS,
        None => ANYTHING,
    };
    pool[choice / 16 % pool.len()].to_vec()
}

const KEYS: &[&[u8]] = &[b"k", b"h", b"{k}2", b"n", b"", b"\x00\xff\r\n"];

const VALUES: &[&[u8]] = &[
    b"v",
    b"f",
    b"1",
    b"g",
    b"",
    b"\r\n",
    b"a value that is longer than compact collections take",
    b"3.0e3",
    b"\xc3\x28",
];

const PATTERNS: &[&[u8]] = &[b"*", b"k", b"?[a-z]*", b"[", b"\\", b"[^-]*********************x", b""];

const BOUNDS: &[&[u8]] = &[b"-inf", b"+inf", b"(1", b"0", b"-", b"+", b"[f", b"(g", b"", b"nan", b"("];

const NUMBERS: &[&[u8]] = &[
    b"1",
    b"0",
    b"2",
    b"-1",
    b"100",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"9223372036854775808",
    b"1700000000001",
    b"1.5",
    b"-0.0",
    b"1e308",
    b"inf",
    b"nan",
    b"0x10",
    b" 1",
    b"01",
    b"700000",
    b"4294967296",
    b"15",
    b"16",
    b"",
];

const ANYTHING: &[&[u8]] = &[
    b"k",
    b"h",
    b"1",
    b"",
    b"GET",
    b"NX",
    b"COUNT",
    b"-1",
    b"DB",
    b"9223372036854775807",
    b"\x00",
    b"nan",
    b"*",
    b"a\r\nb",
    b"FIELDS",
    b"3",
    b"2",
    b"on",
    b"maxmemory",
    b"1500000",
    b"maxmemory-policy",
    b"noeviction",
    b"get",
    b"client|list",
];
