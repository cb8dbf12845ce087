//! What Newtonsoft's Linq shows for the same texts.

use proptest::prelude::*;

use super::*;
use crate::dotnet::ExceptionKind;

fn parsed(text: &str) -> JToken {
    parse(text).unwrap()
}

#[test]
fn prints_as_newtonsoft_does() {
    for (text, indented) in [
        ("{}", "{}"),
        ("[ ]", "[]"),
        // Rule: two blanks a level, a blank after the colon, empty containers stay on one line.
        (
            r#"{"a":1,"b":[1,{"c":[]}],"d":{}}"#,
            "{\n  \"a\": 1,\n  \"b\": [\n    1,\n    {\n      \"c\": []\n    }\n  ],\n  \"d\": {}\n}",
        ),
        // Rule: a bare value prints without quotes; null prints nothing.
        (r#""x\"y""#, "x\"y"),
        ("null", ""),
        ("true", "True"),
        ("1.0", "1"),
        ("1e20", "1E+20"),
    ] {
        assert_eq!(parsed(text).to_text(), indented, "{text}");
    }
    for (text, compact) in [
        ("{ 'a' : 'it''s'.x }", None),
        (
            "{ 'a' : 1.0, b: 2e1, $c_1: [true, null,], /* no */ d: -0.5, } // end",
            Some(r#"{"a":1.0,"b":20.0,"$c_1":[true,null],"d":-0.5}"#),
        ),
        // Rule: of equal names the last value stands in the first place.
        (r#"{"a":1,"b":2,"a":3}"#, Some(r#"{"a":3,"b":2}"#)),
        // Rule: controls and line separators are escaped; slashes, apostrophes and letters are not.
        (r#"["\u0001\b\f\n\r\t/'é\u2028\u0085"]"#, Some("[\"\\u0001\\b\\f\\n\\r\\t/'é\\u2028\\u0085\"]")),
        // Rule: what is no number in JSON is printed as a string.
        ("[NaN,-Infinity]", Some(r#"["NaN","-Infinity"]"#)),
        (r#"["\ud83d\ude00","\ud83d"]"#, Some("[\"😀\",\"\u{fffd}\"]")),
        (r#"["2020-01-01T00:00:00Z"]"#, Some(r#"["2020-01-01T00:00:00Z"]"#)),
    ] {
        assert_eq!(
            parse(text).ok().map(|token| token.to_json(Formatting::None)).as_deref(),
            compact,
            "{text}"
        );
    }
}

#[test]
fn refuses_with_place_and_reason() {
    for (text, reason) in [
        ("", "line 1, column 1: expected a JSON value, where the text ends"),
        ("{\n  \"a\" 1}", "line 2, column 7: expected a colon after the name"),
        ("[1 2]", "line 1, column 4: expected a comma or the end of the array"),
        ("[,1]", "line 1, column 2: expected a JSON value"),
        ("{} x", "line 1, column 4: expected the end of the JSON text"),
        ("010", "expected a decimal number"),
        ("0x10", "expected a decimal number"),
        ("undefined", "expected a JSON value"),
        ("nullx", "expected a JSON value"),
        ("\"abc", "expected the end of the string"),
        ("\"\\q\"", "after the backslash"),
        ("/* x", "expected the end of the comment"),
    ] {
        let error = parse(text).unwrap_err();
        assert_eq!(error.kind, ExceptionKind::JsonReader, "{text}");
        assert!(error.text.contains(reason), "{text}: {error}");
    }
    assert_eq!(parse("9223372036854775808").unwrap_err().kind, ExceptionKind::NotSupported);
    assert_eq!(parse_object("[]").unwrap_err().kind, ExceptionKind::JsonReader);
    assert_eq!(parse_array("{}").unwrap_err().kind, ExceptionKind::JsonReader);
}

#[test]
fn depth_is_bounded() {
    let nested = |levels: usize| "[".repeat(levels) + "1" + &"]".repeat(levels);
    let deepest = parsed(&nested(64));
    assert!(deepest.deep_equals(&deepest.deep_clone()));
    assert_eq!(parse(&nested(65)).unwrap_err().kind, ExceptionKind::JsonReader);
    assert_eq!(parse(&"[".repeat(100_000)).unwrap_err().kind, ExceptionKind::JsonReader);
    let outer = JToken::array();
    assert_eq!(outer.push(&deepest).unwrap_err().kind, ExceptionKind::InvalidOperation);
    assert_eq!(deepest.to_json(Formatting::None), nested(64));
}

#[test]
fn handles_share_one_tree() {
    let user = parsed(r#"{"address":{"city":"Cologne"}}"#);
    let address = user.get("address").unwrap().unwrap();
    address.set("city", &JToken::text("Bonn")).unwrap();
    address.set("zip", &JToken::value(JValue::Integer(53111))).unwrap();
    assert_eq!(user.to_json(Formatting::None), r#"{"address":{"city":"Bonn","zip":53111}}"#);
    // Rule: a token with a parent is copied into its second place.
    user.set("second", &address).unwrap();
    address.remove("zip");
    assert_eq!(
        user.to_json(Formatting::None),
        r#"{"address":{"city":"Bonn"},"second":{"city":"Bonn","zip":53111}}"#
    );
    // Rule: so is the tree itself, when it is put into itself.
    let tree = JToken::object();
    tree.set("me", &tree).unwrap();
    assert_eq!(tree.to_json(Formatting::None), r#"{"me":{}}"#);
    // One that was taken out may be put elsewhere as it is.
    user.remove("address");
    let array = JToken::array();
    array.push(&address).unwrap();
    assert!(array.at(0).unwrap().is(&address));
    assert!(address.parent().unwrap().is(&array));
}

#[test]
fn children_are_found_and_changed() {
    let array = parsed("[1,2,3]");
    array.set_at(1, &JToken::text("x")).unwrap();
    array.insert(0, &JToken::null()).unwrap();
    array.remove_at(1).unwrap();
    assert_eq!(array.to_json(Formatting::None), r#"[null,"x",3]"#);
    let object = parsed(r#"{"a":1}"#);
    object.add("b", &JToken::null()).unwrap();
    for (result, kind) in [
        (array.at(3).map(|_| ()), ExceptionKind::ArgumentOutOfRange),
        (array.at(-1).map(|_| ()), ExceptionKind::ArgumentOutOfRange),
        (array.get("a").map(|_| ()), ExceptionKind::Argument),
        (array.insert(9, &JToken::null()), ExceptionKind::ArgumentOutOfRange),
        (object.at(0).map(|_| ()), ExceptionKind::Argument),
        (object.add("b", &JToken::null()), ExceptionKind::Argument),
        (object.push(&JToken::null()), ExceptionKind::InvalidOperation),
        (JToken::text("x").get("a").map(|_| ()), ExceptionKind::InvalidOperation),
    ] {
        assert_eq!(result.unwrap_err().kind, kind);
    }
    assert!(object.get("missing").unwrap().is_none());
    assert_eq!((object.count(), array.count()), (2, 3));
}

#[test]
fn paths_lead_to_tokens() {
    let token = parsed(r#"{"a":{"b":[{"c":5}],"d e":6},"x.y":7}"#);
    for (path, found) in [
        ("a.b[0].c", Some("5")),
        ("$.a.b[0].c", Some("5")),
        ("a['d e']", Some("6")),
        ("['x.y']", Some("7")),
        ("$['a']['d e']", Some("6")),
        ("a.b[1]", None),
        ("a.nothing.c", None),
        ("x[0]", None),
    ] {
        let found_all = all_of(&token, path).unwrap();
        let shown = found_all.first().map(|token| token.to_text());
        assert_eq!(shown.as_deref(), found, "{path}");
    }
    assert!(all_of(&token, "$").unwrap()[0].is(&token));
    for (path, kind) in [
        ("a[?(@.b =~ /x/)]", ExceptionKind::NotSupported),
        ("a[(@.length)]", ExceptionKind::NotSupported),
        ("a[?(@.b]", ExceptionKind::Argument),
        ("a[0:1:0]", ExceptionKind::Argument),
        ("a['b]", ExceptionKind::Argument),
        ("a[0", ExceptionKind::Argument),
        ("a.", ExceptionKind::Argument),
        ("a[]", ExceptionKind::Argument),
    ] {
        assert_eq!(all_of(&token, path).unwrap_err().kind, kind, "{path}");
    }
}

fn all_of(token: &JToken, path: &str) -> Result<Vec<JToken>, crate::dotnet::Exception> {
    select_all(token, path, &mut |_| Ok(()))
}

#[test]
fn paths_lead_to_several_places() {
    let token = parsed(
        r#"{"store":{"book":[{"t":"A","p":8.95,"c":"x"},{"t":"B","p":12},{"t":"C","p":8}],"k":{"t":"D"}}}"#,
    );
    for (path, found) in [
        ("store.book[*].t", "A B C"),
        ("$..t", "A B C D"),
        ("store.book[0,2].t", "A C"),
        ("store.book[-1:].t", "C"),
        ("store.book[:2].t", "A B"),
        ("store.book[::-1].t", "C B A"),
        ("store.book[::2].t", "A C"),
        ("store.book[?(@.c)].t", "A"),
        ("store.book[?(@.p < 10)].t", "A C"),
        ("store.book[?(@.p < 10 && @.c == 'x')].t", "A"),
        ("store.book[?(@.t == 'B' || (@.p <= 8))].t", "B C"),
        ("store.book[?(@.t == $.store.k.t)].t", ""),
        ("store['book','k'].t", "D"),
        ("store.k.*", "D"),
        ("store.nothing", ""),
    ] {
        let texts: Vec<String> = all_of(&token, path).unwrap().iter().map(|token| token.to_text()).collect();
        assert_eq!(texts.join(" "), found, "{path}");
    }
    let nested = parsed(&("[".repeat(60) + &"]".repeat(60)));
    let error = all_of(&nested, "$..*..*..*..*..*..*..*..*").unwrap_err();
    assert_eq!(error.kind, ExceptionKind::OutOfMemory);
    let mut passed = 0;
    select_all(&token, "$..t", &mut |count| {
        passed += count;
        Ok(())
    })
    .unwrap();
    assert!((14..60).contains(&passed), "{passed}");
    let deep = &all_of(&token, "store.book[1].p").unwrap()[0];
    assert_eq!(path_of(deep), "store.book[1].p");
    assert_eq!(path_of(&token), "");
    let spaced = parsed(r#"{"a b":[1]}"#);
    assert_eq!(path_of(&all_of(&spaced, "['a b'][0]").unwrap()[0]), "['a b'][0]");
}

#[test]
fn trees_merge() {
    let target = parsed(r#"{"a":{"x":1,"y":2},"l":[1],"n":5}"#);
    merge(&target, &parsed(r#"{"a":{"y":3,"z":4},"l":[2],"n":null,"m":true}"#)).unwrap();
    let merged = r#"{"a":{"x":1,"y":3,"z":4},"l":[1,2],"n":5,"m":true}"#;
    assert_eq!(target.to_json(Formatting::None), merged);
    assert_eq!(merge(&target, &parsed("[]")).unwrap_err().kind, ExceptionKind::Argument);
}

#[test]
fn casts_convert() {
    // Rule: as Convert does, with rounding half to even.
    for (text, expected) in [("42", 42), ("\" 42 \"", 42), ("2.5", 2), ("3.5", 4), ("true", 1)] {
        assert_eq!(as_i32(&parsed(text)).unwrap(), expected, "{text}");
    }
    for (text, kind) in [
        ("null", ExceptionKind::Argument),
        ("{}", ExceptionKind::Argument),
        ("\"x\"", ExceptionKind::Format),
        ("3000000000", ExceptionKind::Overflow),
    ] {
        assert_eq!(as_i32(&parsed(text)).unwrap_err().kind, kind, "{text}");
    }
    assert_eq!(as_i64(&parsed("3000000000")).unwrap(), 3_000_000_000);
    for (text, expected) in [("1.50", "1.5"), ("true", "True"), ("\"x\"", "x"), ("7", "7")] {
        assert_eq!(as_text(&parsed(text)).unwrap().as_deref(), Some(expected));
    }
    assert_eq!(as_text(&parsed("null")).unwrap(), None);
    assert_eq!(as_text(&parsed("[]")).unwrap_err().kind, ExceptionKind::Argument);
    assert!(as_bool(&parsed("\"TRUE\"")).unwrap() && as_bool(&parsed("2")).unwrap());
    assert!((as_f64(&parsed("\"1e3\"")).unwrap() - 1000.0).abs() < f64::EPSILON);
    assert_eq!(crate::dotnet::decimal::text(as_decimal(&parsed("\"1.50\"")).unwrap()), "1.50");
}

#[test]
fn equality_ignores_the_order_of_properties() {
    for (left, right, equal) in [
        (r#"{"a":1,"b":[2]}"#, r#"{"b":[2],"a":1}"#, true),
        ("[1,2]", "[2,1]", false),
        // Rule: values of different types are different.
        ("1", "1.0", false),
        (r#"{"a":null}"#, "{}", false),
    ] {
        assert_eq!(parsed(left).deep_equals(&parsed(right)), equal, "{left} {right}");
    }
}

fn any_token() -> impl Strategy<Value = JToken> {
    let leaf = prop_oneof![
        Just(JValue::Null),
        any::<bool>().prop_map(JValue::Bool),
        any::<i64>().prop_map(JValue::Integer),
        (-1e300..1e300).prop_map(JValue::Float),
        ".*".prop_map(|text: String| JValue::String(text.into())),
    ]
    .prop_map(JToken::value);
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(|items| {
                let array = JToken::array();
                items.iter().for_each(|item| array.push(item).unwrap());
                array
            }),
            prop::collection::vec((".{0,8}", inner), 0..6).prop_map(|members| {
                let object = JToken::object();
                members.iter().for_each(|(name, value)| object.set(name, value).unwrap());
                object
            }),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_printed_is_read_again(token in any_token()) {
        for formatting in [Formatting::None, Formatting::Indented] {
            prop_assert!(parsed(&token.to_json(formatting)).deep_equals(&token));
        }
    }

    #[test]
    fn no_text_panics(text in ".*", jsonish in r#"[\[\]{}",:'\\/*u0-9a-f.eE+ \n-]{0,40}"#) {
        let _ = parse(&text);
        let _ = parse(&jsonish);
        let _ = all_of(&parsed(r#"{"a":[1]}"#), &jsonish);
    }
}
