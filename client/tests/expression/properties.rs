//! What holds for every text: nothing panics, and what is read is what was written.

use larder_client::expression::{end_of, parse, syntax::Program};
use proptest::prelude::*;

use super::{printer, read, shapes::SHAPES, trees};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_tree_that_is_printed_is_read_as_the_same(program in trees::program()) {
        let text = printer::program(&program);
        match read(&text) {
            Ok(again) => prop_assert_eq!(placeless(&again), placeless(&program), "{}", text),
            Err(error) => prop_assert!(false, "{}\n{}", text, error),
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "(@[({])?.{0,120}") {
        harmless(&text)?;
    }

    #[test]
    fn any_mixture_of_words_is_read_or_refused(
        words in proptest::collection::vec(proptest::sample::select(WORDS), 0..40),
        form in proptest::bool::ANY,
    ) {
        let words = words.join(" ");
        harmless(&if form { format!("@({words})") } else { format!("@{{{words}}}") })?;
    }

    #[test]
    fn a_changed_expression_is_read_or_refused(
        shape in proptest::sample::select(SHAPES),
        at in any::<prop::sample::Index>(),
        length in 0..6usize,
        put in proptest::sample::select(WORDS),
    ) {
        let characters: Vec<char> = shape.chars().collect();
        let start = at.index(characters.len());
        let end = (start + length).min(characters.len());
        let (before, after) = (&characters[..start], &characters[end..]);
        let text: String = before.iter().copied().chain(put.chars()).chain(after.iter().copied()).collect();
        harmless(&text)?;
    }
}

/// Reads the text; if that succeeds, its end was found by the scanner, too, and it reads the same when
/// printed.
fn harmless(text: &str) -> Result<(), TestCaseError> {
    let start = larder_client::expression::Position { line: 3, column: 9 };
    match parse(text, start) {
        Ok(program) => {
            prop_assert_eq!(end_of(text), Ok(text.len()));
            let printed = printer::program(&program);
            let again =
                read(&printed).map_err(|error| TestCaseError::fail(format!("{text}\n{printed}\n{error}")))?;
            prop_assert_eq!(placeless(&again), placeless(&program), "{}\n{}", text, printed);
        }
        Err(error) => {
            prop_assert!(error.at >= start && error.at <= start.after_text(text), "{}: {}", text, error);
            prop_assert!(!error.to_string().is_empty());
        }
    }
    Ok(())
}

/// A tree as text without the numbers of lines and columns.
fn placeless(program: &Program) -> String {
    let without = |text: &str, label: &str| {
        let mut parts = text.split(label);
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |text, part| text + label + part.trim_start_matches(|c: char| c.is_ascii_digit()))
    };
    without(&without(&format!("{program:?}"), "line: "), "column: ")
}

const WORDS: &[&str] = &[
    "a",
    "b",
    "var",
    "int",
    "string",
    "x.y",
    "1",
    "2.5m",
    "'c'",
    "\"s\"",
    "@\"v\"",
    "$\"i{a:x}\"",
    "$\"{",
    "}\"",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "<",
    ">",
    ">>",
    ">=",
    ",",
    ".",
    "?",
    "?.",
    "??",
    ":",
    ";",
    "=",
    "=>",
    "+",
    "-",
    "*",
    "/",
    "!",
    "&&",
    "||",
    "==",
    "++",
    "is",
    "as",
    "new",
    "out",
    "if",
    "else",
    "return",
    "for",
    "foreach",
    "in",
    "while",
    "do",
    "switch",
    "case",
    "default",
    "try",
    "catch",
    "throw",
    "null",
    "true",
    "//",
    "/*",
    "*/",
    "\n",
    "@",
    "$",
    "\\",
    "#",
    "\"",
    "'",
    "from",
    "async",
    "await",
    "int?",
    "List<int>",
    "(int)",
    "x =>",
    "\u{20ac}",
    "0x",
    "1e",
    "_",
];
