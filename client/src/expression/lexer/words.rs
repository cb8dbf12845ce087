//! Reserved words and symbols.

/// The reserved word that is spelled like this. Words that are reserved in some places only, as `var` and
/// `when`, are names here.
pub(super) fn keyword(name: &str) -> Option<&'static str> {
    KEYWORDS.binary_search(&name).ok().map(|place| KEYWORDS[place])
}

/// The longest symbol at the start of a text.
pub(super) fn symbol(text: &str) -> Option<&'static str> {
    let first = text.as_bytes().first();
    let fits = |symbol: &&&str| symbol.as_bytes().first() == first && text.starts_with(**symbol);
    SYMBOLS.iter().find(fits).copied()
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

/// Longer ones first. `>>` and `>>=` are left out, see `TokenKind::Symbol`.
const SYMBOLS: &[&str] = &[
    "??=", "<<=", "=>", "==", "!=", "<=", ">=", "&&", "||", "??", "++", "--", "+=", "-=", "*=", "/=", "%=",
    "&=", "|=", "^=", "<<", "->", "::", "(", ")", "[", "]", "{", "}", ".", ",", ";", ":", "?", "=", "<", ">",
    "+", "-", "*", "/", "%", "&", "|", "^", "!", "~",
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
