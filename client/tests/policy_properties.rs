//! Policies that nobody wrote: the reader ends without a panic, tells every error, and its places are
//! places of the text.

use std::fs;

use larder_client::expression::end_of;
use larder_client::policy::{Document, Fragments, NamedValues, Problems};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        check(&text);
    }

    #[test]
    fn any_text_of_pieces_is_read_or_refused(pieces in vec(select(PIECES), 0..60)) {
        check(&pieces.concat());
    }

    #[test]
    fn a_changed_document_is_read_or_refused(
        which in any::<Index>(),
        changes in vec((any::<Index>(), any::<Index>(), select(PIECES)), 1..6),
    ) {
        let mut text: Vec<char> = which.get(&documents()).chars().collect();
        for (start, length, piece) in changes {
            let start = start.index(text.len() + 1);
            let end = (start + length.index(8)).min(text.len());
            text.splice(start..end, piece.chars());
        }
        check(&text.into_iter().collect::<String>());
    }

    /// Each statement that cannot be read or is wrong is told, on its own line.
    #[test]
    fn every_wrong_statement_is_told(statements in vec(select(STATEMENTS), 1..30)) {
        let lines: Vec<&str> = statements.iter().map(|(line, _)| *line).collect();
        let text = format!("<policies><inbound>\n{}\n</inbound></policies>", lines.join("\n"));
        let wrong: Vec<u32> = (2..).zip(&statements).filter(|(_, (_, wrong))| *wrong).map(|(line, _)| line).collect();
        let told = match Document::read(&text, &NamedValues::new(), &Fragments::new()) {
            Ok(_) => Vec::new(),
            Err(problems) => problems.errors().iter().map(|problem| problem.location.position.line).collect(),
        };
        prop_assert_eq!(told, wrong, "{}", text);
    }

    /// The end is found whatever follows, and does not depend on it.
    #[test]
    fn the_end_of_an_expression_is_its_own(pieces in vec(select(PIECES), 0..20), after in any::<String>()) {
        let text = format!("@({})", pieces.concat());
        if let Ok(end) = end_of(&text) {
            prop_assert!(text.is_char_boundary(end) && end <= text.len());
            prop_assert_eq!(end_of(&format!("{}{after}", &text[..end])), Ok(end));
        }
    }

    /// A value stands where its name stood: nothing after it moves.
    #[test]
    fn places_are_those_of_the_text_as_written(value in "[a-z\n]{0,40}", names in 0..5_usize) {
        let text = format!(
            "<policies><inbound>\n<set-variable name=\"{}\" value=\"1\" wrong=\"\" />\n</inbound></policies>",
            "{{n}}".repeat(names) + "x"
        );
        let problems = Document::read(&text, &NamedValues::new().with("n", value), &Fragments::new()).unwrap_err();
        let column = u32::try_from("<set-variable name=\"\" value=\"1\" ".len() + 5 * names + 2).unwrap();
        let place = problems.errors()[0].location.position;
        prop_assert_eq!((place.line, place.column), (2, column));
    }
}

fn check(text: &str) {
    let values = NamedValues::new().with("host", "S3CRET<").with("ttl", "\"S3CRET");
    let fragments = Fragments::new().with("f", text);
    match Document::read(text, &values, &fragments) {
        Ok(document) => document.warnings().iter().for_each(|problem| place(text, problem)),
        Err(problems) => {
            places(text, &problems);
            assert!(!format!("{problems:#}").contains("S3CRET"), "{problems:#}");
        }
    }
}

fn places(text: &str, problems: &Problems) {
    assert!(!problems.errors().is_empty());
    problems.errors().iter().chain(problems.warnings()).for_each(|problem| place(text, problem));
}

/// The place is in the text, or just behind a line of it.
fn place(text: &str, problem: &larder_client::policy::Problem) {
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let position = problem.location.position;
    let line = text.split('\n').nth(position.line as usize - 1).expect("a line of the text");
    assert!((1..=line.chars().count() + 1).contains(&(position.column as usize)), "{problem}");
}

fn documents() -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/policies");
    let mut paths: Vec<_> =
        fs::read_dir(folder).expect("the folder").map(|file| file.expect("a file").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "xml"));
    paths.sort();
    paths.iter().map(|path| fs::read_to_string(path).expect("a text")).collect()
}

const PIECES: &[&str] = &[
    "<policies>",
    "</policies>",
    "<inbound>",
    "</inbound>",
    "<outbound/>",
    "<choose>",
    "</choose>",
    "<when condition=\"",
    "<set-variable name=\"a\" value=\"",
    "<cache-store duration='",
    "\" />",
    "' />",
    "\">",
    "/>",
    ">",
    "<",
    "</",
    "\"",
    "'",
    "@(",
    "@{",
    ")",
    "}",
    "{",
    "(",
    "[",
    "]",
    "$\"",
    "@\"",
    "$@\"",
    "\\",
    "//",
    "/*",
    "*/",
    ":",
    "&",
    "&quot;",
    "&lt;",
    "&#x22;",
    "&#10;",
    "&nope;",
    "{{host}}",
    "{{ttl}}",
    "{{none}}",
    "{{",
    "}}",
    "<!--",
    "-->",
    "<![CDATA[",
    "]]>",
    "<?xml",
    "?>",
    "<!DOCTYPE x [",
    "]>",
    " ",
    "\n",
    "\r\n",
    "\t",
    "é",
    "😀",
    "\u{FEFF}",
    "=",
    "a",
    "id=\"x\" ",
    "<include-fragment fragment-id=\"f\" />",
    "<base />",
    "<set-body template=\"liquid\">",
    "</set-body>",
];

/// Statements on a line each, and whether they are wrong.
const STATEMENTS: &[(&str, bool)] = &[
    ("<base />", false),
    ("<set-variable name=\"a\" value=\"@(\"<\" + ')' + $\"{a[\"x\"]}\")\" />", false),
    ("<choose><when condition=\"@(a < b && c > d)\"><base /></when></choose>", false),
    ("<set-body>@{ return \"</set-body>\"; }</set-body>", false),
    ("<trace source=\"x\">a</trace>", false),
    ("<set-variable name=\"a\" value=\"@(b[1)\" />", true),
    ("<set-variable name=\"a\" value=\"@('x)\" />", true),
    ("<set-variable name=\"a\" value=\"open />", true),
    ("<set-variable name=a value=\"1\" />", true),
    ("<set-body>@(x[)</set-body>", true),
    ("<set-variable name=\"a\" />", true),
    ("<cache-store duration=\"1\" />", true),
    ("<rate-limit calls=\"x\" renewal-period=\"1\" />", true),
    ("<choose />", true),
];
