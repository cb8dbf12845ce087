//! What `System.String` gives for the same texts.

use std::cmp::Ordering;

use proptest::prelude::*;

use super::*;
use crate::dotnet::{Exception, ExceptionKind, number};
use Comparison::{Invariant, InvariantIgnoreCase, Ordinal, OrdinalIgnoreCase};

#[test]
fn units_are_those_of_utf16() {
    for (text, units) in [("", 0), ("abc", 3), ("äö", 2), ("😀", 2), ("a😀b", 4)] {
        assert_eq!(length(text), units, "{text}");
    }
    for (text, start, count, part) in [
        ("hello", 1, Some(3), "ell"),
        ("hello", 5, None, ""),
        ("hello", 2, None, "llo"),
        ("äöü", 1, Some(1), "ö"),
        ("a😀b", 1, Some(2), "😀"),
        ("a😀b", 3, None, "b"),
        // Rule of this module: half of a pair becomes U+FFFD.
        ("a😀b", 0, Some(2), "a\u{fffd}"),
        ("a😀b", 2, None, "\u{fffd}b"),
        ("😀", 1, Some(0), ""),
    ] {
        assert_eq!(substring(text, start, count).unwrap(), part, "{text} {start}");
    }
    for (start, count) in [(-1, None), (6, None), (3, Some(3)), (0, Some(-1)), (1, Some(i32::MAX))] {
        assert_eq!(substring("hello", start, count).unwrap_err().kind, ExceptionKind::ArgumentOutOfRange);
    }
    assert_eq!(unit_at("a😀", 2).unwrap(), 0xDE00);
    assert_eq!(to_char(0xDE00), '\u{fffd}');
    assert_eq!(unit_at("abc", 3).unwrap_err().kind, ExceptionKind::IndexOutOfRange);
}

#[test]
fn texts_are_found() {
    for (text, value, start, comparison, index) in [
        ("hello", "l", 0, Ordinal, 2),
        ("hello", "l", 3, Ordinal, 3),
        ("hello", "L", 0, Ordinal, -1),
        ("hello", "L", 0, OrdinalIgnoreCase, 2),
        ("😀ÄB", "äb", 0, OrdinalIgnoreCase, 2),
        ("😀b", "b", 1, Ordinal, 2),
        ("hello", "", 3, Ordinal, 3),
        ("hello", "x", 5, Ordinal, -1),
    ] {
        assert_eq!(index_of(text, value, start, comparison).unwrap(), index, "{text} {value}");
    }
    assert_eq!(index_of("a", "a", 2, Ordinal).unwrap_err().kind, ExceptionKind::ArgumentOutOfRange);
    assert_eq!(index_of_any("a,b;c", &[';', ','], 2).unwrap(), 3);
    assert_eq!((last_index_of("hello", "l", Ordinal), last_index_of("hello", "", Ordinal)), (3, 5));
    assert!(contains("Straße", "STRAß", InvariantIgnoreCase) && !contains("a", "A", Invariant));
    assert!(
        starts_with("Bearer x", "bearer ", OrdinalIgnoreCase)
            && ends_with("a.JSON", ".json", OrdinalIgnoreCase)
    );
}

#[test]
fn texts_are_changed() {
    assert_eq!(trim(" \u{a0}x\t", &[]), "x");
    assert_eq!(
        (trim("--x-", &['-']), trim_start("--x-", &['-']), trim_end("--x-", &['-'])),
        ("x", "x-", "--x")
    );
    assert_eq!(pad_left("7", 3, '0').unwrap(), "007");
    assert_eq!(pad_right("😀", 3, '.').unwrap(), "😀.");
    assert_eq!(pad_left("abc", 2, ' ').unwrap(), "abc");
    assert_eq!(pad_left("", -1, ' ').unwrap_err().kind, ExceptionKind::ArgumentOutOfRange);
    assert_eq!(pad_left("", i32::MAX, ' ').unwrap_err().kind, ExceptionKind::OutOfMemory);
    assert_eq!(repeat('x', 3).unwrap(), "xxx");
    // Rule: case changes one character for one.
    assert_eq!((to_upper("straße ı é"), to_lower("ÉİX")), ("STRAßE ı É".into(), "éİx".into()));
    assert_eq!(insert("ac", 1, "b").unwrap(), "abc");
    assert_eq!(remove("abcd", 1, Some(2)).unwrap(), "ad");
    assert_eq!(remove("abcd", 1, None).unwrap(), "a");
    assert_eq!(remove("abcd", 5, None).unwrap_err().kind, ExceptionKind::ArgumentOutOfRange);
    for (text, old, new, comparison, result) in [
        ("a-b-c", "-", "", Ordinal, "abc"),
        ("aaa", "aa", "b", Ordinal, "ba"),
        ("xÄxÄ", "ä", "y", OrdinalIgnoreCase, "xyxy"),
        ("ⱥA", "a", "b", OrdinalIgnoreCase, "ⱥb"),
    ] {
        assert_eq!(replace(text, old, new, comparison).unwrap(), result);
    }
    assert_eq!(replace("a", "", "b", Ordinal).unwrap_err().kind, ExceptionKind::Argument);
    let long = "a".repeat(1 << 20);
    assert_eq!(replace(&long, "a", &long, Ordinal).unwrap_err().kind, ExceptionKind::OutOfMemory);
    assert_eq!(join(", ", &["a", "", "b"]).unwrap(), "a, , b");
}

#[test]
fn texts_are_split() {
    let none = SplitOptions::default();
    let remove = SplitOptions { remove_empty: true, trim: false };
    let both = SplitOptions { remove_empty: true, trim: true };
    type Case<'a> = (&'a str, &'a [&'a str], Option<i32>, SplitOptions, &'a [&'a str]);
    let cases: &[Case<'_>] = &[
        ("a,b,,c", &[","], None, none, &["a", "b", "", "c"]),
        ("a,b,,c", &[","], None, remove, &["a", "b", "c"]),
        ("", &[","], None, none, &[""]),
        ("", &[","], None, remove, &[]),
        // Rule: no separator means blanks.
        ("a b\tc", &[], None, none, &["a", "b", "c"]),
        ("a, b ;c ,", &[",", ";"], None, both, &["a", "b", "c"]),
        ("a,b,c", &[","], Some(2), none, &["a", "b,c"]),
        ("a,b,c", &[","], Some(1), none, &["a,b,c"]),
        ("a,b,c", &[","], Some(0), none, &[]),
        // Rule: dropped parts do not count, the last part begins with a kept one.
        (",a,,,b,c", &[","], Some(2), remove, &["a", "b,c"]),
        ("a||b|c", &["||", "|"], None, none, &["a", "b", "c"]),
        ("abc", &[""], None, none, &["abc"]),
    ];
    for (text, separators, count, options, parts) in cases {
        assert_eq!(split(text, separators, *count, *options).unwrap(), *parts, "{text} {count:?}");
    }
    assert_eq!(split("a", &[], Some(-1), none).unwrap_err().kind, ExceptionKind::ArgumentOutOfRange);
    assert_eq!(
        split(&",".repeat(1_000_001), &[","], None, none).unwrap_err().kind,
        ExceptionKind::OutOfMemory
    );
}

#[test]
fn texts_are_ordered() {
    for (left, right, comparison, order) in [
        ("a", "B", Ordinal, Ordering::Greater),
        ("a", "B", OrdinalIgnoreCase, Ordering::Less),
        ("a", "A", Invariant, Ordering::Less),
        ("a", "A", InvariantIgnoreCase, Ordering::Equal),
        ("A", "b", Invariant, Ordering::Less),
        ("_a", "0", Invariant, Ordering::Less),
        ("z", "10", Invariant, Ordering::Greater),
        // Rule: code units, so that a character of a pair (D8xx) goes before U+FFFD.
        ("😀", "\u{fffd}", Ordinal, Ordering::Less),
    ] {
        assert_eq!(compare(Some(left), Some(right), comparison), order, "{left} {right} {comparison:?}");
        assert_eq!(compare(Some(right), Some(left), comparison), order.reverse());
    }
    assert_eq!(compare(None, Some(""), Ordinal), Ordering::Less);
    assert!(equals(None, None, Ordinal) && !equals(None, Some(""), OrdinalIgnoreCase));
    assert!(
        is_null_or_empty(Some("")) && is_null_or_white_space(Some(" \t")) && !is_null_or_empty(Some(" "))
    );
}

struct Amount(f64);

impl Formattable for Amount {
    fn to_text(&self, format: &str) -> Result<String, Exception> {
        number::format(number::Number::Double(self.0), format)
    }
}

#[test]
fn texts_are_composed() {
    let values = [Amount(1.5), Amount(-2.0)];
    for (template, text) in [
        ("{0} and {1}", "1.5 and -2"),
        ("{0,6:F2}|{1,-4}|", "  1.50|-2  |"),
        ("{{{0}}}", "{1.5}"),
        ("{0 , 4 }", " 1.5"),
        ("none", "none"),
    ] {
        assert_eq!(format(template, &values).unwrap(), text, "{template}");
    }
    for template in ["{2}", "{", "}", "{x}", "{0", "{0:F", "{-1}", "{0,}", "{0:Q}", "{}"] {
        assert_eq!(format(template, &values).unwrap_err().kind, ExceptionKind::Format, "{template}");
    }
    assert_eq!(format(&"{0,999999}".repeat(99), &values).unwrap_err().kind, ExceptionKind::OutOfMemory);
}

proptest! {
    #[test]
    fn parts_make_the_text_again(text in ".*", cut in 0_i32..40) {
        let units = length(&text);
        if cut <= units {
            let (head, tail) = (substring(&text, 0, Some(cut)).unwrap(), substring(&text, cut, None).unwrap());
            prop_assert_eq!(length(&head) + length(&tail), units);
            let lossy: Vec<u16> = text.encode_utf16().take(cut as usize).collect();
            prop_assert_eq!(head, String::from_utf16_lossy(&lossy));
        }
    }

    #[test]
    fn nothing_panics(text in ".*", value in ".{0,3}", start: i32, count: i32) {
        let _ = (substring(&text, start % 20, Some(count % 20)), remove(&text, start % 20, Some(count % 20)));
        let _ = (index_of(&text, &value, start % 20, OrdinalIgnoreCase), insert(&text, start % 20, &value));
        let _ = replace(&text, &value, "x", OrdinalIgnoreCase);
        let _ = format(&text, &[Amount(1.0)]);
        let split = split(&text, &[&value], Some(count % 5), SplitOptions::default());
        prop_assert!(split.is_ok() || count % 5 < 0);
    }
}
