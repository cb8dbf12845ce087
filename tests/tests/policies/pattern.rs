//! Text in which some words stand for what is not known before. `<any>` is any text, `<10..20>` a whole number within
//! these bounds; any other `<name>` is text that is the same wherever the name stands in a case, and different for
//! different names.

use std::collections::BTreeMap;
use std::fmt;

/// Expected text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    written: String,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Any,
    Number(i64, i64),
    Name(String),
}

/// What the names of a case stand for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    texts: BTreeMap<String, String>,
}

impl Pattern {
    /// Reads a pattern. What looks like none of the words is itself.
    pub(crate) fn new(written: &str) -> Self {
        let (mut pieces, mut literal, mut rest) = (Vec::new(), String::new(), written);
        while let Some(at) = rest.find('<') {
            literal.push_str(&rest[..at]);
            rest = &rest[at..];
            let word = rest.find('>').and_then(|end| Some((word(&rest[1..end])?, end)));
            match word {
                Some((piece, end)) => {
                    pieces
                        .extend((!literal.is_empty()).then(|| Piece::Literal(std::mem::take(&mut literal))));
                    pieces.push(piece);
                    rest = &rest[end + 1..];
                }
                None => {
                    literal.push('<');
                    rest = &rest[1..];
                }
            }
        }
        literal.push_str(rest);
        pieces.extend((!literal.is_empty()).then_some(Piece::Literal(literal)));
        Self { written: written.to_owned(), pieces }
    }

    /// Whether the text is as expected; if it is, its names are learned.
    pub(crate) fn matches(&self, text: &str, names: &mut Names) -> bool {
        let mut learned = names.clone();
        let found = fits(&self.pieces, text, &mut learned);
        if found {
            *names = learned;
        }
        found
    }

    /// The text with what its names stand for; a name that nothing is known of stays.
    pub(crate) fn filled(written: &str, names: &Names) -> String {
        let fill = |piece: &Piece| match piece {
            Piece::Literal(text) => text.clone(),
            Piece::Any => "<any>".to_owned(),
            Piece::Number(least, most) => format!("<{least}..{most}>"),
            Piece::Name(name) => names.texts.get(name).cloned().unwrap_or_else(|| format!("<{name}>")),
        };
        Self::new(written).pieces.iter().map(fill).collect()
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

/// Tries every place where what follows could begin; texts and patterns are short.
fn fits(pieces: &[Piece], text: &str, names: &mut Names) -> bool {
    let Some((piece, rest)) = pieces.split_first() else { return text.is_empty() };
    if let Piece::Literal(literal) = piece {
        return text.strip_prefix(literal.as_str()).is_some_and(|text| fits(rest, text, names));
    }
    let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    ends.into_iter().any(|end| {
        let mut tried = names.clone();
        let found = stands_for(piece, &text[..end], &mut tried) && fits(rest, &text[end..], &mut tried);
        if found {
            *names = tried;
        }
        found
    })
}

fn stands_for(piece: &Piece, text: &str, names: &mut Names) -> bool {
    match piece {
        Piece::Literal(literal) => literal == text,
        Piece::Any => true,
        Piece::Number(least, most) => {
            text.parse::<i64>().is_ok_and(|number| (*least..=*most).contains(&number))
        }
        Piece::Name(name) => match names.texts.get(name) {
            Some(known) => known == text,
            None => {
                let is_new = !text.is_empty() && names.texts.values().all(|other| other != text);
                is_new && names.texts.insert(name.clone(), text.to_owned()).is_none()
            }
        },
    }
}

fn word(inside: &str) -> Option<Piece> {
    if inside == "any" {
        return Some(Piece::Any);
    }
    if let Some((least, most)) = inside.split_once("..") {
        return Some(Piece::Number(least.parse().ok()?, most.parse().ok()?));
    }
    let is_name = inside.starts_with(|first: char| first.is_ascii_lowercase())
        && inside.chars().all(|next| next.is_ascii_lowercase() || next.is_ascii_digit() || next == '-');
    is_name.then(|| Piece::Name(inside.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str, names: &mut Names) -> bool {
        Pattern::new(pattern).matches(text, names)
    }

    #[test]
    fn words_stand_for_text() {
        let mut names = Names::default();
        assert!(matches("a<any>b", "a--b", &mut names));
        assert!(!matches("a<any>b", "a--", &mut names));
        assert!(matches("<1..20>.<any>", "17.", &mut names));
        assert!(!matches("<1..20>", "21", &mut names));
        assert!(matches("x < 3 <B> <>", "x < 3 <B> <>", &mut names));
        assert!(!matches("", "x", &mut names));
    }

    #[test]
    fn a_name_is_one_text_and_two_names_are_two() {
        let mut names = Names::default();
        assert!(matches("id <first>;", "id 17;", &mut names));
        assert!(matches("<first>-<first>", "17-17", &mut names));
        assert!(!matches("<first>", "18", &mut names));
        assert!(!matches("<second>", "17", &mut names), "another name is another text");
        assert!(!matches("<third>", "", &mut names));
        assert!(matches("<second>", "18", &mut names));
        assert_eq!(Pattern::filled("/x/<first>?<other>", &names), "/x/17?<other>");
    }

    #[test]
    fn what_did_not_match_teaches_nothing() {
        let mut names = Names::default();
        assert!(!matches("<a> and <b>!", "1 and 2?", &mut names));
        assert!(matches("<b>", "1", &mut names));
    }
}
