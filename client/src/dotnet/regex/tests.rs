//! What `Regex` gives in .NET for the same patterns, and what is refused.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::dotnet::ExceptionKind;
use crate::dotnet::meter::Unmetered;

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern, Options::NONE).unwrap()
}

#[test]
fn patterns_match() {
    for (pattern, text, value) in [
        (r"\d+", "ab12c", Some("12")),
        (r"^[a-z-[aeiou]]+$", "xyz", Some("xyz")),
        (r"^[a-z-[aeiou]]+$", "xaz", None),
        (r"[^\w-]", "ab-!", Some("!")),
        (r"[]a]+", "]a", Some("]a")),
        (r"[a\]&&[]+", "&&[", Some("&&[")),
        (r"a{2}b{,3}", "aab{,3}", Some("aab{,3}")),
        (r"{x}", "{x}", Some("{x}")),
        (r"\x41\u0042\t\e\cA\0", "AB\t\u{1b}\u{1}\0", Some("AB\t\u{1b}\u{1}\0")),
        (r"(?i)STRASSE|x(?-i)Y", "strasse", Some("strasse")),
        (r"(?i:A)b", "aB", None),
        (r"(?x) a \  b # end", "a b", Some("a b")),
        (r"(?#note)a.c", "a\nc", None),
        (r"(?s)a.c", "a\nc", Some("a\nc")),
        (r"(?m)^b$", "a\nb\nc", Some("b")),
        (r"a+?", "aaa", Some("a")),
        (r"\p{Lu}\P{L}", "aÄ1", Some("Ä1")),
        (r"a|", "b", Some("")),
        // Rule: the end of the text lies before a last line feed, too.
        (r"abc$", "abc\n", Some("abc")),
        (r"abc\Z", "abc\n", Some("abc")),
        (r"abc\z", "abc\n", None),
        (r"abc$", "abc\n\n", None),
        (r".*$", "abc\n", Some("abc")),
    ] {
        let found = regex(pattern).first(&text.into()).unwrap();
        assert_eq!(found.success().then(|| found.value()), value, "{pattern}");
        assert_eq!(regex(pattern).is_match(text).unwrap(), value.is_some(), "{pattern}");
    }
    assert!(Regex::new("A b", Options(1 | 32)).unwrap().is_match("aB").unwrap());
}

#[test]
fn groups_have_dotnet_numbers() {
    // Rule: nameless groups are numbered first, then those with names.
    let found = regex(r"(?<year>\d+)-(\d+)(x)?").first(&"😀 2020-05".into()).unwrap();
    assert_eq!((found.index(), found.group_count()), (3, 4));
    assert_eq!(found.group(1).value, "05");
    assert_eq!((found.group(3).value.as_str(), found.group(3).index), ("2020", 3));
    assert_eq!(found.group_named("year"), found.group(3));
    assert!(!found.group(2).success && !found.group(9).success && !found.group_named("none").success);
    assert!(!regex("x").first(&"y".into()).unwrap().group(0).success);
    let explicit = Regex::new("(a)(?<n>b)", Options::EXPLICIT_CAPTURE).unwrap().first(&"ab".into()).unwrap();
    assert_eq!((explicit.group_count(), explicit.group(1).value.as_str()), (2, "b"));
}

#[test]
fn matches_follow_each_other() {
    let all = |pattern: &str, text: &str| -> Vec<String> {
        regex(pattern)
            .matches(&text.into(), &mut Unmetered)
            .unwrap()
            .iter()
            .map(|found| found.value().to_owned())
            .collect()
    };
    assert_eq!(all(r"\d", "1a2"), ["1", "2"]);
    // Rule: an empty match may follow a match at once.
    assert_eq!(all(r"\w*", "ab c"), ["ab", "", "c", ""]);
    let text: std::sync::Arc<str> = "x".repeat(100_001).into();
    assert_eq!(regex("x").matches(&text, &mut Unmetered).unwrap_err().kind, ExceptionKind::OutOfMemory);
}

#[test]
fn replacements_and_parts() {
    for (pattern, text, replacement, result) in [
        (r"(\w+) (\w+)", "a b", "$2 $1", "b a"),
        (r"(?<x>\w)", "ab", "[${x}]", "[a][b]"),
        (r"(?<x>\w)", "a", "$1$$$9${y}$", "a$$9${y}$"),
        ("b", "abc", "<$`|$&|$'|$_>", "a<a|b|c|abc>c"),
        (r"(a)|(b)", "b", "[$+]", "[b]"),
        ("x*", "ab", "-", "-a-b-"),
    ] {
        assert_eq!(
            regex(pattern).replace(&text.into(), replacement, None, &mut Unmetered).unwrap(),
            result,
            "{pattern} {replacement}"
        );
    }
    assert_eq!(regex("a").replace(&"aaa".into(), "b", Some(2), &mut Unmetered).unwrap(), "bba");
    assert_eq!(regex("a").replace(&"aaa".into(), "b", Some(0), &mut Unmetered).unwrap(), "aaa");
    assert_eq!(
        regex("a").replace(&"a".into(), "b", Some(-2), &mut Unmetered).unwrap_err().kind,
        ExceptionKind::ArgumentOutOfRange
    );
    let long = "a".repeat(90_000);
    assert_eq!(
        regex("a").replace(&long.as_str().into(), &long, None, &mut Unmetered).unwrap_err().kind,
        ExceptionKind::OutOfMemory
    );
    assert_eq!(regex(r"\s*,\s*").split(&"a , b,c".into(), 0, &mut Unmetered).unwrap(), ["a", "b", "c"]);
    assert_eq!(regex("(,)").split(&"a,b,c".into(), 2, &mut Unmetered).unwrap(), ["a", ",", "b,c"]);
    assert_eq!(regex("").split(&"ab".into(), 0, &mut Unmetered).unwrap(), ["", "a", "b", ""]);
    assert_eq!(escape("a.b (c)#\t"), r"a\.b\ \(c\)\#\t");
    assert!(regex(&escape("a.b (c)#\t")).is_match("a.b (c)#\t").unwrap());
}

#[test]
fn refusals_name_place_and_reason() {
    for (pattern, kind, text) in [
        ("a(?=b)", ExceptionKind::NotSupported, "character 4: lookahead"),
        ("(?<!b)", ExceptionKind::NotSupported, "lookbehind"),
        (r"(a)\1", ExceptionKind::NotSupported, "character 4: backreferences"),
        (r"(?<a>x)\k<a>", ExceptionKind::NotSupported, "backreferences"),
        ("(?>a)", ExceptionKind::NotSupported, "atomic"),
        ("(?(a)b|c)", ExceptionKind::NotSupported, "conditionals"),
        ("(?<a-b>x)", ExceptionKind::NotSupported, "balancing"),
        ("(?<1>x)", ExceptionKind::NotSupported, "numbers as names"),
        ("(?<a>x)(?<a>y)", ExceptionKind::NotSupported, "one name"),
        (r"\p{IsGreek}", ExceptionKind::NotSupported, "categories"),
        (r"\G", ExceptionKind::NotSupported, r"\G"),
        ("(a", ExceptionKind::RegexParse, "not closed"),
        ("a)", ExceptionKind::RegexParse, "character 2"),
        ("[a", ExceptionKind::RegexParse, "not closed"),
        ("[z-a]", ExceptionKind::RegexParse, "range"),
        ("*a", ExceptionKind::RegexParse, "quantifier"),
        ("a**", ExceptionKind::RegexParse, "quantifier"),
        ("a*+", ExceptionKind::RegexParse, "quantifier"),
        ("(|*)", ExceptionKind::RegexParse, "quantifier"),
        (r"\y", ExceptionKind::RegexParse, "escape"),
        (r"a\", ExceptionKind::RegexParse, "backslash"),
        ("(?P<a>x)", ExceptionKind::RegexParse, "not known"),
        ("a{3,2}", ExceptionKind::RegexParse, "not a regular expression"),
        ("((a{1,99}){1,99}){1,99}", ExceptionKind::OutOfMemory, "1 MiB"),
    ] {
        let error = Regex::new(pattern, Options::NONE).unwrap_err();
        assert_eq!(error.kind, kind, "{pattern}: {error}");
        assert!(error.text.contains(text), "{pattern}: {error}");
    }
    for options in [Options::RIGHT_TO_LEFT, Options::ECMA_SCRIPT] {
        assert_eq!(Regex::new("a", options).unwrap_err().kind, ExceptionKind::NotSupported);
    }
    let deep = "(".repeat(65);
    assert_eq!(Regex::new(&deep, Options::NONE).unwrap_err().kind, ExceptionKind::NotSupported);
    assert_eq!(Regex::new(&"a".repeat(9000), Options::NONE).unwrap_err().kind, ExceptionKind::OutOfMemory);
}

proptest! {
    #[test]
    fn escaped_text_matches_itself(text in ".{0,30}") {
        let found = regex(&escape(&text)).first(&text.as_str().into()).unwrap();
        prop_assert_eq!(found.value(), &text);
    }

    #[test]
    fn no_pattern_panics(pattern in r"[\\()\[\]{}?*+|^$.a-c0-2<>:,!=dwWpLZ\x{e9}-]{0,16}", text in "[a-c0-2\n\u{e9}]{0,12}", options in 0_i32..64) {
        if let Ok(regex) = Regex::new(&pattern, Options(options)) {
            let all = regex.matches(&text.as_str().into(), &mut Unmetered).unwrap();
            prop_assert!(all.len() <= text.len() + 1);
            let _ = (regex.split(&text.as_str().into(), 3, &mut Unmetered), regex.replace(&text.as_str().into(), &pattern, None, &mut Unmetered));
        }
    }
}

#[test]
fn a_search_that_may_take_too_long_is_refused_before_it_begins() {
    // Rule: the weight is that of the pattern with everything repeated written out.
    for (pattern, weight) in [
        ("abc", 3),
        ("é", 2),
        ("a|b", 3),
        (r"[a-z]\d.", 6),
        ("a{10}", 20),
        ("a{2,10}", 20),
        ("a{5,}", 10),
        ("(?:ab){3}", 15),
        ("(?:(?:a{10}){10}){10}", 2330),
        ("(a)(a)(a)(a)(a)(a)(a)(a)", 48),
    ] {
        assert_eq!(translate::translate(pattern, Options::NONE).unwrap().weight, weight, "{pattern}");
    }
    let pattern = regex("(?:[ab]{100}){10}c");
    let text: Arc<str> = "ab".repeat(100_000).into();
    let refused = [
        pattern.is_match(&text).map(|_| ()),
        pattern.first(&text).map(|_| ()),
        pattern.matches(&text, &mut Unmetered).map(|_| ()),
        pattern.replace(&text, "", Some(1), &mut Unmetered).map(|_| ()),
        pattern.split(&text, 0, &mut Unmetered).map(|_| ()),
    ];
    for refused in refused {
        let exception = refused.unwrap_err();
        assert_eq!(exception.kind, ExceptionKind::Timeout);
        assert!(exception.to_string().contains("at most 134217728"), "{exception}");
    }
    assert!(pattern.is_match("ab").is_ok());
    assert!(regex(r#""token"\s*:\s*"([^"]+)""#).is_match(&"x".repeat(4 << 20)).is_ok());
}

#[test]
fn classes_in_either_case_are_limited() {
    let classes = "[ -\u{ffff}]".repeat(20);
    assert!(Regex::new(&classes, Options::NONE).is_ok());
    for (pattern, options) in [
        (classes.clone(), Options::IGNORE_CASE),
        (format!("(?i){classes}"), Options::NONE),
        (format!("a(?i:b){classes}"), Options::NONE),
        (r"\w".repeat(101), Options::IGNORE_CASE),
    ] {
        let exception = Regex::new(&pattern, options).unwrap_err();
        assert_eq!(exception.kind, ExceptionKind::OutOfMemory, "{pattern}");
    }
    assert!(Regex::new(&r"[\w.-]+@".repeat(10), Options::IGNORE_CASE).is_ok());
}

#[test]
fn braces_that_are_no_quantifier_are_text() {
    for (pattern, text) in
        [("a{", "a{"), ("a{,2}", "a{,2}"), ("a{1,2,3}", "a{1,2,3}"), ("a{1b}", "a{1b}"), ("{{{{", "{{{{")]
    {
        assert!(regex(pattern).is_match(text).unwrap(), "{pattern}");
    }
    assert!(Regex::new("a{99999999999999999999}", Options::NONE).is_err());
    // Rule: time is linear in the pattern, whatever it holds.
    assert!(regex(&"{".repeat(8000)).is_match("").is_ok());
}
