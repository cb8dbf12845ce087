//! Reserved words and symbols.

/// The reserved word that is spelled like this. Words that are reserved in some places only, as `var` and
/// `when`, are names here.
pub(super) fn keyword(name: &str) -> Option<&'static str> {
    of_first(KEYWORDS, &KEYWORD_PLACES, name)?.iter().find(|word| **word == name).copied()
}

/// The longest symbol at the start of a text.
pub(super) fn symbol(text: &str) -> Option<&'static str> {
    of_first(SYMBOLS, &SYMBOL_PLACES, text)?.iter().find(|symbol| text.starts_with(**symbol)).copied()
}

/// The words that begin as a text does.
fn of_first(words: &'static [&'static str], places: &Places, text: &str) -> Option<&'static [&'static str]> {
    let (start, end) = *places.get(usize::from(*text.as_bytes().first()?))?;
    words.get(usize::from(start)..usize::from(end))
}

/// For each first byte, where the words that begin with it start in their list, and where they end.
type Places = [(u8, u8); 128];

static KEYWORD_PLACES: Places = places(KEYWORDS);
static SYMBOL_PLACES: Places = places(SYMBOLS);

/// Words that begin alike stand together.
const fn places(words: &[&str]) -> Places {
    let mut places = [(0, 0); 128];
    let mut number = 0;
    while number < words.len() {
        let first = words[number].as_bytes()[0] as usize;
        let (start, end) = places[first];
        let is_new = start == end;
        assert!(is_new || end as usize == number, "words that begin alike stand apart");
        places[first] = (if is_new { number as u8 } else { start }, number as u8 + 1);
        number += 1;
    }
    places
}

/// In the order of their letters.
const KEYWORDS: &[&str] = &[
    "abstract",
    "as",
    "base",
    "bool",
    "break",
    "byte",
    "case",
    "catch",
    "char",
    "checked",
    "class",
    "const",
    "continue",
    "decimal",
    "default",
    "delegate",
    "do",
    "double",
    "else",
    "enum",
    "event",
    "explicit",
    "extern",
    "finally",
    "fixed",
    "float",
    "for",
    "foreach",
    "goto",
    "if",
    "implicit",
    "in",
    "int",
    "interface",
    "internal",
    "is",
    "lock",
    "long",
    "namespace",
    "new",
    "object",
    "operator",
    "out",
    "override",
    "params",
    "private",
    "protected",
    "public",
    "readonly",
    "ref",
    "return",
    "sbyte",
    "sealed",
    "short",
    "sizeof",
    "stackalloc",
    "static",
    "string",
    "struct",
    "switch",
    "this",
    "throw",
    "try",
    "typeof",
    "uint",
    "ulong",
    "unchecked",
    "unsafe",
    "ushort",
    "using",
    "virtual",
    "void",
    "volatile",
    "while",
];

/// By their first characters; of those that begin alike, longer ones first. `>>` and `>>=` are left out, see
/// `TokenKind::Symbol`.
const SYMBOLS: &[&str] = &[
    "??=", "??", "?", "<<=", "<<", "<=", "<", "=>", "==", "=", "!=", "!", ">=", ">", "&&", "&=", "&", "||",
    "|=", "|", "++", "+=", "+", "--", "-=", "->", "-", "*=", "*", "/=", "/", "%=", "%", "^=", "^", "::", ":",
    "(", ")", "[", "]", "{", "}", ".", ",", ";", "~",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_keyword_is_found() {
        assert!(KEYWORDS.is_sorted());
        for word in KEYWORDS {
            assert_eq!(keyword(word), Some(*word));
        }
        assert_eq!(keyword("var"), None);
    }

    #[test]
    fn no_symbol_hides_a_longer_one() {
        for (place, symbol) in SYMBOLS.iter().enumerate() {
            assert!(!SYMBOLS[place + 1..].iter().any(|later| later.starts_with(symbol)), "{symbol}");
        }
    }
}
