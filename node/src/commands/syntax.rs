//! Reads the arguments of a command off its row's `syntax`, for COMMAND DOCS. What is done with them is `docs`'s.
//!
//! ```text
//!   sequence     = item …            item = WORD | TOKEN item… | [ alternatives ] | < alternatives >
//!   alternatives = sequence | sequence …
//! ```
//!
//! A word in capitals is a token, which belongs to the items right after it; any other word is a value. `[…]` is
//! optional, `<…>` is a choice that has to be made. `x [x ...]` is x once or more, `[x ...]` any number of times, and
//! `[...]` lets the group that it ends be repeated.
//!
//! The type of a value follows from its name: those of [`INTEGERS`] are integers, `unix-time…` are times, `pattern` is a
//! pattern, a `score` or `weight` is a double, as is an `increment` where the summary speaks of floating point; words
//! at the row's key positions are keys; the rest are strings.

use super::spec::{Keys, Spec};
use super::syntax_pieces::{Piece, pieces};

/// One argument of a command.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Argument {
    /// Its name; of a token, the token in lower case; of a group, those of its members joined.
    pub(super) name: String,
    /// What it is.
    pub(super) kind: Kind,
    /// The word in capitals before it.
    pub(super) token: Option<&'static str>,
    /// It may be left out.
    pub(super) optional: bool,
    /// It may stand more than once.
    pub(super) multiple: bool,
    /// Its token is repeated with it.
    pub(super) multiple_token: bool,
    /// Which key specification of the command it belongs to.
    pub(super) key_spec: Option<usize>,
    /// The members of a group.
    pub(super) members: Vec<Argument>,
}

/// What an argument is.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Any bytes.
    #[default]
    Text,
    /// An integer.
    Integer,
    /// A number.
    Double,
    /// A key.
    Key,
    /// A glob.
    Pattern,
    /// A moment in seconds or milliseconds since 1970.
    UnixTime,
    /// A word that stands for itself.
    PureToken,
    /// One of its members.
    OneOf,
    /// All its members in order.
    Block,
}

/// The arguments of a row, of which `name_words` words are its name.
///
/// # Errors
/// What is wrong with the syntax. A test reads all rows, so it is a wrong row that nobody ran the tests with.
pub(super) fn arguments(spec: &Spec, name_words: usize) -> Result<Vec<Argument>, &'static str> {
    let pieces = pieces(spec.syntax)?;
    let floating = spec.summary.contains("floating point");
    let mut parser = Parser { pieces: &pieces, at: 0, floating };
    let mut arguments = if pieces.is_empty() { Vec::new() } else { parser.sequence()?.0 };
    if parser.at != pieces.len() {
        return Err("a bracket or a bar too many");
    }
    let mut at = name_words;
    arguments.iter_mut().for_each(|argument| mark_keys(argument, spec.keys, &mut at));
    Ok(arguments)
}

impl Kind {
    /// The word for it in COMMAND DOCS.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Integer => "integer",
            Self::Double => "double",
            Self::Key => "key",
            Self::Pattern => "pattern",
            Self::UnixTime => "unix-time",
            Self::PureToken => "pure-token",
            Self::OneOf => "oneof",
            Self::Block => "block",
        }
    }

    fn of_value(name: &str, floating: bool) -> Self {
        match name {
            "pattern" => Self::Pattern,
            "score" | "weight" => Self::Double,
            "increment" if floating => Self::Double,
            _ if name.starts_with("unix-time") => Self::UnixTime,
            _ if INTEGERS.contains(&name) => Self::Integer,
            _ => Self::Text,
        }
    }
}

/// Names of values that are integers.
const INTEGERS: &[&str] = &[
    "calls",
    "client-id",
    "cost",
    "count",
    "cursor",
    "db",
    "decrement",
    "destination-db",
    "end",
    "increment",
    "index",
    "index1",
    "index2",
    "len",
    "milliseconds",
    "min-match-len",
    "num-matches",
    "numfields",
    "numkeys",
    "offset",
    "period-ms",
    "protover",
    "rank",
    "seconds",
    "start",
    "stop",
    "timeout",
    "version",
];

struct Parser<'p> {
    pieces: &'p [Piece],
    at: usize,
    floating: bool,
}

impl Parser<'_> {
    fn peek(&self) -> Option<Piece> {
        self.pieces.get(self.at).copied()
    }

    /// Items until a bar or the end of the group; and whether the group may be repeated.
    fn sequence(&mut self) -> Result<(Vec<Argument>, bool), &'static str> {
        let mut items = Vec::new();
        let mut again = false;
        loop {
            match self.peek() {
                None | Some(Piece::Bar | Piece::Close | Piece::ChoiceClose | Piece::ManyClose) => break,
                Some(Piece::Again) => {
                    self.at += 1;
                    again = true;
                }
                Some(Piece::Word(word)) if is_token(word) => {
                    self.at += 1;
                    let operands = self.operands()?;
                    items.push(tokened(word, operands));
                }
                Some(_) => items.push(self.item()?),
            }
        }
        if items.is_empty() { Err("an empty group") } else { Ok((items, again)) }
    }

    /// What belongs to a token: the values and choices right after it.
    fn operands(&mut self) -> Result<Vec<Argument>, &'static str> {
        let mut operands = Vec::new();
        loop {
            match self.peek() {
                Some(Piece::Word(word)) if !is_token(word) => operands.push(self.item()?),
                Some(Piece::ChoiceOpen | Piece::ManyOpen) => operands.push(self.item()?),
                _ => return Ok(operands),
            }
        }
    }

    fn item(&mut self) -> Result<Argument, &'static str> {
        let piece = self.peek();
        self.at += 1;
        match piece {
            Some(Piece::Word(word)) => Ok(Argument {
                name: word.to_owned(),
                kind: Kind::of_value(word, self.floating),
                ..Argument::default()
            }),
            Some(Piece::Open) => {
                let group = self.group(Piece::Close)?;
                Ok(Argument { optional: true, ..group })
            }
            Some(Piece::ChoiceOpen) => self.group(Piece::ChoiceClose),
            Some(Piece::ManyOpen) => {
                let group = self.group(Piece::ManyClose)?;
                Ok(Argument { multiple: true, multiple_token: group.token.is_some(), ..group })
            }
            _ => Err("dots out of place"),
        }
    }

    fn group(&mut self, close: Piece) -> Result<Argument, &'static str> {
        let (first, mut again) = self.sequence()?;
        let mut alternatives = vec![together(first)];
        while self.peek() == Some(Piece::Bar) {
            self.at += 1;
            let (next, repeated) = self.sequence()?;
            again |= repeated;
            alternatives.push(together(next));
        }
        if self.peek() != Some(close) {
            return Err("a bracket is not closed");
        }
        self.at += 1;
        let mut group = match alternatives.len() {
            1 => alternatives.remove(0),
            _ => group(Kind::OneOf, alternatives),
        };
        group.multiple |= again;
        Ok(group)
    }
}

/// A word in capitals, such as `NX` or `LIB-NAME`.
fn is_token(word: &str) -> bool {
    word.chars().any(|c| c.is_ascii_uppercase()) && !word.chars().any(|c| c.is_ascii_lowercase())
}

fn tokened(token: &'static str, mut operands: Vec<Argument>) -> Argument {
    match operands.len() {
        0 => Argument {
            name: token.to_ascii_lowercase(),
            kind: Kind::PureToken,
            token: Some(token),
            ..Argument::default()
        },
        1 if operands[0].token.is_none() => {
            let operand = operands.remove(0);
            // A choice has no name of its own, so the token names it.
            let name = if operand.members.is_empty() { operand.name } else { token.to_ascii_lowercase() };
            Argument { name, token: Some(token), ..operand }
        }
        _ => {
            Argument { name: token.to_ascii_lowercase(), token: Some(token), ..group(Kind::Block, operands) }
        }
    }
}

fn together(mut items: Vec<Argument>) -> Argument {
    if items.len() == 1 { items.remove(0) } else { group(Kind::Block, items) }
}

fn group(kind: Kind, members: Vec<Argument>) -> Argument {
    let names: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
    Argument { name: names.join("_"), kind, members, ..Argument::default() }
}

/// Makes keys of the values that stand where the row has keys. `at` is the position of the argument's first word.
fn mark_keys(argument: &mut Argument, keys: Keys, at: &mut usize) {
    if argument.token.is_some() {
        *at += 1;
    }
    match argument.kind {
        Kind::PureToken => {}
        Kind::OneOf | Kind::Block => {
            argument.members.iter_mut().for_each(|member| mark_keys(member, keys, at));
        }
        _ => {
            argument.key_spec = match keys {
                Keys::At(first) | Keys::From { first, .. } if *at == first => Some(0),
                Keys::Pair { first } => at.checked_sub(first).filter(|number| *number < 2),
                Keys::Counted { count, target } if *at == count + 1 => Some(usize::from(target)),
                Keys::Counted { count, target: true } if *at + 1 == count => Some(0),
                _ => None,
            };
            if argument.key_spec.is_some() {
                argument.kind = Kind::Key;
            }
            *at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands;
    use crate::commands::spec::Arity;
    use crate::commands::table::ALONE;

    /// How many words an argument takes at least, and whether it takes no more.
    fn words(argument: &Argument) -> (usize, bool) {
        let members: Vec<(usize, bool)> = argument.members.iter().map(words).collect();
        let all_exact = members.iter().all(|(_, exact)| *exact);
        let (inner, exact) = match argument.kind {
            Kind::PureToken => (0, true),
            Kind::Block => (members.iter().map(|(count, _)| count).sum(), all_exact),
            Kind::OneOf => {
                let least = members.iter().map(|(count, _)| *count).min().unwrap();
                (least, all_exact && members.iter().all(|(count, _)| *count == least))
            }
            _ => (1, true),
        };
        let least = inner + usize::from(argument.token.is_some());
        if argument.optional { (0, false) } else { (least, exact && !argument.multiple) }
    }

    #[test]
    fn every_row_takes_the_words_that_its_syntax_shows() {
        for row in commands::table().rows() {
            if row.spec.name == ALONE || !row.spec.subcommands().is_empty() {
                continue;
            }
            let name_words = row.name_words();
            let arguments = arguments(row.spec, name_words)
                .unwrap_or_else(|problem| panic!("{}: {problem}: {}", row.full_name, row.spec.syntax));
            let counts: Vec<(usize, bool)> = arguments.iter().map(words).collect();
            let least = name_words + counts.iter().map(|(count, _)| count).sum::<usize>();
            let exact = counts.iter().all(|(_, exact)| *exact);
            match row.spec.arity {
                Arity::Exactly(count) => assert!(exact && least == count, "{}: {least} words", row.full_name),
                Arity::AtLeast(count) => assert_eq!(least, count, "{}", row.full_name),
            }
        }
    }

    /// An argument on one line: `name:type=TOKEN` with `?` for optional, `*` for multiple, `**` for the token too.
    fn sketch(argument: &Argument) -> String {
        let members: Vec<String> = argument.members.iter().map(sketch).collect();
        let members = if members.is_empty() { String::new() } else { format!("({})", members.join(" ")) };
        let token = argument.token.map_or(String::new(), |token| format!("={token}"));
        let optional = if argument.optional { "?" } else { "" };
        let multiple = match (argument.multiple, argument.multiple_token) {
            (_, true) => "**",
            (true, false) => "*",
            _ => "",
        };
        format!("{}:{}{token}{members}{optional}{multiple}", argument.name, argument.kind.name())
    }

    fn sketches(syntax: &'static str, keys: Keys) -> Vec<String> {
        let spec = Spec { syntax, keys, ..*commands::table().find(b"get").unwrap().spec };
        arguments(&spec, 1).unwrap().iter().map(sketch).collect()
    }

    #[test]
    fn options_are_choices_of_tokens() {
        let syntax = "key value [NX | XX] [GET] [EX seconds | PX milliseconds | EXAT unix-time-seconds | \
                      PXAT unix-time-milliseconds | KEEPTTL]";
        assert_eq!(
            sketches(syntax, Keys::At(1)),
            [
                "key:key",
                "value:string",
                "nx_xx:oneof(nx:pure-token=NX xx:pure-token=XX)?",
                "get:pure-token=GET?",
                "seconds_milliseconds_unix-time-seconds_unix-time-milliseconds_keepttl:oneof(seconds:integer=EX \
             milliseconds:integer=PX unix-time-seconds:unix-time=EXAT unix-time-milliseconds:unix-time=PXAT \
             keepttl:pure-token=KEEPTTL)?",
            ]
        );
        assert_eq!(
            sketches("cursor [MATCH pattern] [COUNT count] [TYPE type]", Keys::None),
            ["cursor:integer", "pattern:pattern=MATCH?", "count:integer=COUNT?", "type:string=TYPE?"]
        );
    }

    #[test]
    fn repetition_is_seen_in_all_its_forms() {
        let pairs = "key field value [field value ...]";
        assert_eq!(
            sketches(pairs, Keys::At(1)),
            ["key:key", "field_value:block(field:string value:string)*"]
        );
        assert_eq!(sketches("key [key ...]", Keys::From { first: 1, step: 1 }), ["key:key*"]);
        assert_eq!(
            sketches("key value [key value ...]", Keys::From { first: 1, step: 2 }),
            ["key_value:block(key:key value:string)*"]
        );
        assert_eq!(sketches("[section [section ...]]", Keys::None), ["section:string?*"]);
        assert_eq!(sketches("[argument ...]", Keys::None), ["argument:string?*"]);
        assert_eq!(
            sketches("key [GET pattern [GET pattern ...]] [LIMIT offset count]", Keys::At(1)),
            ["key:key", "pattern:pattern=GET?**", "limit:block=LIMIT(offset:integer count:integer)?"]
        );
        assert_eq!(
            sketches("key FIELDS numfields field [field ...]", Keys::At(1)),
            ["key:key", "fields:block=FIELDS(numfields:integer field:string*)"]
        );
    }

    #[test]
    fn choices_may_lie_within_each_other() {
        assert_eq!(
            sketches("[FILTERBY <MODULE module-name | PATTERN pattern>]", Keys::None),
            ["filterby:oneof=FILTERBY(module-name:string=MODULE pattern:pattern=PATTERN)?"]
        );
        assert_eq!(
            sketches("<ip:port | <ID client-id | SKIPME <YES | NO> [...]>>", Keys::None),
            ["ip:port_client-id_skipme:oneof(ip:port:string client-id_skipme:oneof(client-id:integer=ID \
              skipme:oneof=SKIPME(yes:pure-token=YES no:pure-token=NO))*)"]
        );
        assert_eq!(
            sketches("source destination [DB destination-db] [REPLACE]", Keys::Pair { first: 1 })[..2],
            ["source:key", "destination:key"]
        );
    }

    #[test]
    fn a_wrong_syntax_is_an_error() {
        for syntax in ["[a", "a]", "a |", "[]", "...", "<a", "a [b | ]"] {
            let spec = Spec { syntax, ..*commands::table().find(b"get").unwrap().spec };
            assert!(arguments(&spec, 1).is_err(), "{syntax}");
        }
    }
}
