//! What is wrong, and where: the place, what was found, what was expected; and C# that is refused by name.

use larder_client::expression::{Position, Problem, parse};
use larder_client::limits;

use super::read;

#[test]
fn an_error_says_where_what_and_what_instead() {
    for (text, expected) in WRONG {
        let error = read(text).expect_err(text);
        assert_eq!(error.to_string(), *expected, "{text}");
    }
}

#[test]
fn what_is_left_out_is_named() {
    for (text, feature) in UNSUPPORTED {
        let error = read(text).expect_err(text);
        assert_eq!(error.problem, Problem::Unsupported { feature }, "{text}: {error}");
    }
}

#[test]
fn places_count_from_where_the_expression_begins_in_its_document() {
    let start = Position { line: 7, column: 30 };
    let at = |text: &str| parse(text, start).unwrap_err().at;
    assert_eq!(at("@(a b)"), Position { line: 7, column: 34 });
    assert_eq!(at("@(\u{20ac}\u{20ac}\n \u{e4} b)"), Position { line: 7, column: 32 });
    assert_eq!(at("@(\u{e4} +\r\n \u{e4} b)"), Position { line: 8, column: 4 });
}

#[test]
fn what_stands_in_a_string_is_not_told() {
    for text in [
        "@(\"hunter2\" \"hunter2\")",
        "@(a \"hunter2\")",
        "@($\"hunter2\" $\"hunter2\")",
        "@{ \"hunter2\"; }",
    ] {
        let said = read(text).unwrap_err().to_string();
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn every_path_of_a_block_returns() {
    for text in RETURNS {
        assert!(read(text).is_ok(), "{text}: {:?}", read(text));
    }
    for text in RUNS_OUT {
        assert_eq!(read(text).unwrap_err().problem, Problem::NoReturn, "{text}");
    }
    assert_eq!(
        read("@{ if (a) return 1; }").unwrap_err().to_string(),
        "line 1, column 21: found the end of the statements, expected 'return' on every path"
    );
}

#[test]
fn sizes_are_limited() {
    let problem = |text: String| read(&text).map(drop).map_err(|error| error.problem);
    let nested =
        |open: &str, depth: usize, close: &str| format!("@({}a{})", open.repeat(depth), close.repeat(depth));
    let fits = limits::EXPRESSION_DEPTH_MAX - 1;
    for (open, close) in [
        ("(", ")"),
        ("f(", ")"),
        ("a[", "]"),
        ("x => ", ""),
        ("$\"{", "}\""),
        ("new[] { ", " }"),
        ("a = ", ""),
    ] {
        assert_eq!(problem(nested(open, fits, close)), Ok(()), "{open}");
        assert_eq!(problem(nested(open, fits + 1, close)), Err(Problem::TooDeep), "{open}");
    }
    for (open, close) in
        [("!", ""), ("(int)", ""), ("a ?? ", ""), ("a ? b : ", ""), ("F<", ">"), ("a is B is ", "")]
    {
        let text = nested(open, 10 * fits, close);
        assert!(problem(text).is_err(), "{open}");
    }
    let long = |terms: usize| format!("@(a{})", "+a".repeat(terms));
    assert_eq!(problem(long(limits::EXPRESSION_NODES_MAX / 2 - 2)), Ok(()));
    assert_eq!(problem(long(limits::EXPRESSION_NODES_MAX)), Err(Problem::TooManyNodes));
    let path = format!("@(a{})", ".b?[0].c()".repeat(1000));
    assert_eq!(problem(path), Ok(()));
    let blocks = format!("@{{{} return 1; {}}}", "{".repeat(fits), "}".repeat(fits));
    assert_eq!(problem(blocks), Err(Problem::TooDeep));
}

/// Three quarters of the stack that a thread has by default, for the parser and for who reads the tree; without
/// optimisation.
#[test]
fn the_deepest_trees_need_little_stack() {
    let right =
        ["a+", "a||b&&c|d^", "a||b&&c|d^e&f==g<h<<i+j*"].map(|open| (format!("{open}("), ")".to_owned()));
    let left = [")+a", ")*b+c<<d<e==f&g^h|i&&j||k"].map(|close| ("(".to_owned(), close.to_owned()));
    let mixed =
        [("f($\"{", "}\",1)"), ("x=>{return (int)a[", "];}"), ("c?b+(", "):d"), ("(a is B)&&(", ") is B")]
            .map(|(open, close)| (open.to_owned(), close.to_owned()));
    let shapes: Vec<_> = right.into_iter().chain(left).chain(mixed).collect();
    let read_all = move || {
        for (open, close) in &shapes {
            let text = |depth| format!("@({}a{})", open.repeat(depth), close.repeat(depth));
            let deepest = (1..limits::EXPRESSION_DEPTH_MAX).rev().find_map(|depth| read(&text(depth)).ok());
            let program = deepest.expect("one level is always read");
            assert_eq!(program.clone(), program);
            assert_eq!(read(&text(80)).unwrap_err().problem, Problem::TooDeep);
        }
    };
    std::thread::Builder::new().stack_size(1536 * 1024).spawn(read_all).unwrap().join().unwrap();
}

const WRONG: &[(&str, &str)] = &[
    ("", "line 1, column 1: expected '@(' or '@{'"),
    ("@()", "line 1, column 3: found ')', expected an expression"),
    ("@(1 + )", "line 1, column 7: found ')', expected an expression"),
    ("@(\n\n                )", "line 3, column 17: found ')', expected an expression"),
    ("@(a b)", "line 1, column 5: found the name 'b', expected ')'"),
    ("@(a) b", "line 1, column 5: found text after the closing bracket, expected the end"),
    ("@(a 5)", "line 1, column 5: found a number, expected ')'"),
    ("@(a[0)", "line 1, column 6: found ')', expected ']'"),
    ("@(a[])", "line 1, column 5: found ']', expected an expression"),
    ("@(a.)", "line 1, column 5: found ')', expected the name of a member"),
    ("@(a.5)", "line 1, column 4: found a number, expected ')'"),
    ("@(f(a b))", "line 1, column 7: found the name 'b', expected ',' or ')'"),
    ("@(f(a,))", "line 1, column 7: found ')', expected an expression"),
    ("@(a ? b)", "line 1, column 8: found ')', expected ':'"),
    ("@(\"a)", "line 1, column 3: a string has no end, expected '\"' on the same line"),
    (
        "@($\"{a ? b : c}\")",
        "line 1, column 12: found the ':' of a format (a '? :' stands in parentheses here), expected ':'",
    ),
    ("@($\"{}\")", "line 1, column 6: found '}', expected an expression"),
    ("@($\"}\")", "line 1, column 5: found a single '}' in an interpolated string, expected '}}'"),
    ("@($\"{a,b}\")", "line 1, column 8: found the name 'b', expected a width as a whole number"),
    ("@($\"{a b}\")", "line 1, column 8: found the name 'b', expected ',', ':' or '}'"),
    ("@($\"{a:}\")", "line 1, column 7: found no format after ':', expected one"),
    ("@('')", "line 1, column 3: found nothing between ' and ', expected a character"),
    (
        "@('ab')",
        "line 1, column 3: found more than one character after ', expected '; text stands in double quotes",
    ),
    ("@('\u{1F600}')", "line 1, column 3: found a character of two units, expected a string"),
    ("@(\"\\uD83D\")", "line 1, column 3: found half of a surrogate pair, expected a whole character"),
    (
        "@(\"\\u12\")",
        "line 1, column 4: found too few hexadecimal digits after '\\u', '\\U' or '\\x', expected 4, 8 or 1",
    ),
    ("@(12ab)", "line 1, column 3: found a number with letters it cannot have"),
    ("@(1_)", "line 1, column 3: found a number that ends with '_', expected a digit"),
    ("@(1ll)", "line 1, column 3: found a number with an unknown suffix, expected one of U L UL F D M"),
    ("@(99999999999999999999)", "line 1, column 3: found a number that is too large for its type"),
    ("@(1e999)", "line 1, column 3: found a number that is too large for its type"),
    ("@(1e29m)", "line 1, column 3: found a number that is too large for its type"),
    (
        "@(a \u{a7} b)",
        "line 1, column 5: found the character '\u{a7}', expected a name, a value or an operator",
    ),
    ("@(@ a)", "line 1, column 3: found '@', expected a name or a string after it"),
    ("@(string)", "line 1, column 9: found ')', expected '.' and a member of the type"),
    (
        "@(1 = a)",
        "line 1, column 3: found a value on the left of an assignment, expected a variable, a member or an index",
    ),
    (
        "@(a?.b = c)",
        "line 1, column 3: found a value on the left of an assignment, expected a variable, a member or an index",
    ),
    (
        "@(f()++)",
        "line 1, column 3: found a value on the left of an assignment, expected a variable, a member or an index",
    ),
    ("@(new A)", "line 1, column 8: found ')', expected '(', '[' or '{'"),
    ("@(new int[])", "line 1, column 12: found ')', expected '{'"),
    ("@(new { 1 })", "line 1, column 9: found a value without a name, expected 'name = value'"),
    ("@(throw a)", "line 1, column 3: found 'throw', expected an expression"),
    ("@(a is)", "line 1, column 7: found ')', expected a type"),
    ("@{ return; }", "line 1, column 10: found ';', expected an expression"),
    ("@{ return 1 }", "line 1, column 13: found '}', expected ';'"),
    ("@{ var a; return 1; }", "line 1, column 9: found ';', expected '='"),
    (
        "@{ a + b; return 1; }",
        "line 1, column 4: found a value that is not used, expected a call, an assignment or 'return'",
    ),
    ("@{ if a return 1; }", "line 1, column 7: found the name 'a', expected '('"),
    (
        "@{ if (a) var b = 1; return 1; }",
        "line 1, column 11: found a declaration without braces around it, expected '{'",
    ),
    ("@{ foreach (var a of b) {} return 1; }", "line 1, column 19: found the name 'of', expected 'in'"),
    ("@{ break; }", "line 1, column 4: found 'break', expected it only in a loop or a switch"),
    (
        "@{ switch (a) { default: continue; } return 1; }",
        "line 1, column 26: found 'continue', expected it only in a loop",
    ),
    (
        "@{ switch (a) { case 1: f(); case 2: return 1; } return 1; }",
        "line 1, column 17: found a case that runs into the next, expected 'break', 'return' or 'throw' at its end",
    ),
    ("@{ try { return 1; } return 2; }", "line 1, column 22: found 'return', expected 'catch' or 'finally'"),
    ("@{ using (A a) { } return 1; }", "line 1, column 14: found ')', expected '='"),
    ("@{ using () { } return 1; }", "line 1, column 11: found ')', expected an expression"),
    ("@{ throw; }", "line 1, column 9: found ';', expected an expression"),
    ("@{ else return 1; }", "line 1, column 4: found 'else', expected an expression"),
];

const UNSUPPORTED: &[(&str, &str)] = &[
    ("@(from x in y select x)", "LINQ query syntax (methods as 'Where' and 'Select' do the same)"),
    ("@(from int x in y select x)", "LINQ query syntax (methods as 'Where' and 'Select' do the same)"),
    ("@(f(async x => x))", "'async'"),
    ("@(f(async () => x))", "'async'"),
    ("@(await f())", "'await'"),
    ("@{ await f(); return 1; }", "'await'"),
    ("@{ yield return 1; }", "'yield'"),
    ("@{ goto a; }", "'goto'"),
    ("@{ a: return 1; }", "a label"),
    ("@{ unsafe { } return 1; }", "'unsafe'"),
    ("@{ lock (a) { } return 1; }", "'lock'"),
    ("@{ using var a = b; return 1; }", "'using' without parentheses (C# 8)"),
    ("@{ int f(int a) { return a; } return f(1); }", "a local function"),
    ("@{ void f() { } return 1; }", "a local function"),
    ("@{ static int f() => 1; return 1; }", "a local function"),
    ("@(f(ref a))", "'ref'"),
    ("@(f(out a.b))", "an 'out' argument that is no variable"),
    ("@(typeof(int))", "'typeof'"),
    ("@(sizeof(int))", "'sizeof'"),
    ("@(this.a)", "'this'"),
    ("@(checked(a + b))", "'checked'"),
    ("@(delegate { return 1; })", "an anonymous method (a lambda does the same)"),
    ("@((a, b))", "a tuple"),
    ("@(new int[2, 3])", "an array of several dimensions"),
    ("@(new[] { { 1 } })", "an array of several dimensions"),
    ("@((int[,])a)", "an array of several dimensions"),
    ("@(new A { B = { 1 } })", "braces within the braces of an object"),
    ("@(new(1))", "'new' without a type (C# 9)"),
    ("@(a!.b)", "the null-forgiving '!' (C# 8)"),
    ("@(a switch { _ => 1 })", "a switch expression (C# 8)"),
    ("@(a ??= b)", "'??=' (C# 8)"),
    ("@(a[^1])", "an index from the end (C# 8)"),
    ("@(a is not null)", "'is not' (C# 9)"),
    ("@(a is int or long)", "'and' and 'or' in a pattern (C# 9)"),
    ("@(a is { B: 1 })", "a pattern newer than C# 7"),
    ("@([1, 2])", "a collection in brackets (C# 12)"),
    ("@(\"\"\"a\"\"\")", "a raw string (C# 11)"),
    ("@{ switch (a) { case string s: return 1; } return 2; }", "a pattern after 'case'"),
    ("@{ switch (a) { case 1 when b: return 1; } return 2; }", "'when' after 'case'"),
    ("@{ #if A\n return 1; }", "a preprocessor directive"),
    ("@(global::System.Guid)", "'::'"),
];

const RETURNS: &[&str] = &[
    "@{ return 1; }",
    "@{ throw a; }",
    "@{ { return 1; } }",
    "@{ if (a) return 1; else return 2; }",
    "@{ if (a) return 1; else if (b) throw c; else { return 2; } }",
    "@{ if (true) return 1; }",
    "@{ if (false) f(); else return 1; }",
    "@{ while (true) { } }",
    "@{ while (true) { while (a) break; } }",
    "@{ for (;;) { if (a) return 1; } }",
    "@{ do { return 1; } while (a); }",
    "@{ do { f(); } while (true); }",
    "@{ try { return 1; } catch { return 2; } }",
    "@{ using (var a = b) { return 1; } }",
    "@{ while (true) { using (a) { continue; } } }",
    "@{ try { return 1; } catch { throw; } finally { f(); } }",
    "@{ try { f(); } finally { return 1; } }",
    "@{ switch (a) { case 1: return 1; default: throw b; } }",
    "@{ return 1; f(); }",
];

const RUNS_OUT: &[&str] = &[
    "@{ }",
    "@{ f(); }",
    "@{ if (a) return 1; }",
    "@{ if (a) return 1; else f(); }",
    "@{ if (a) return 1; else if (b) return 2; }",
    "@{ while (a) return 1; }",
    "@{ while (true) { if (a) break; } }",
    "@{ for (;a;) return 1; }",
    "@{ do { if (a) continue; return 1; } while (b); }",
    "@{ foreach (var a in b) return a; }",
    "@{ try { return 1; } catch { } }",
    "@{ using (a) { if (b) return 1; } }",
    "@{ while (true) { using (a) break; } }",
    "@{ switch (a) { case 1: return 1; } }",
    "@{ switch (a) { case 1: break; default: return 1; } }",
    "@{ Func<int> f = () => { return 1; }; }",
];
