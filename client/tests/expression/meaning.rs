//! What has the right form and no meaning is refused when an expression is compiled: where, and in which words.

use larder_client::expression::{Position, Wanted, compile};

fn errors(expression: &str, wanted: Wanted) -> Vec<String> {
    match compile(expression, Position::START, wanted) {
        Ok(compiled) => panic!("{expression} is {}", compiled.result()),
        Err(errors) => errors.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn errors_say_where_and_what() {
    for (expression, error) in WRONG {
        assert_eq!(errors(expression, Wanted::Any), [*error], "{expression}");
    }
}

#[test]
fn the_wanted_type_decides_what_fits() {
    for (expression, wanted, error) in [
        ("@(5)", Wanted::Text, "line 1, column 3: expected string, found int"),
        (
            r#"@(context.Variables["x"])"#,
            Wanted::Text,
            "line 1, column 3: expected string, found object; a cast '(string)' converts it",
        ),
        (
            r#"@(JObject.Parse("{}")["a"])"#,
            Wanted::Text,
            "line 1, column 3: expected string, found JToken; a cast '(string)' converts it",
        ),
        ("@(5L)", Wanted::Int, "line 1, column 3: expected int, found long; a cast '(int)' converts it"),
        (
            "@(5u * 4000000000u)",
            Wanted::Int,
            "line 1, column 3: expected int, found uint; a cast '(int)' converts it",
        ),
        (r#"@("true")"#, Wanted::Bool, "line 1, column 3: expected bool, found string"),
        (
            r#"@{ if (context.Variables == null) { return true; } return "x"; }"#,
            Wanted::Bool,
            "line 1, column 59: expected bool, found string",
        ),
    ] {
        assert_eq!(errors(expression, wanted), [error], "{expression}");
    }
    for (expression, wanted) in [
        ("@(null)", Wanted::Text),
        ("@('a')", Wanted::Int),
        ("@((short)5)", Wanted::Int),
        ("@(1 > 2)", Wanted::Bool),
        (r#"@((string)context.Variables["x"] ?? "y")"#, Wanted::Text),
        ("@{ return 5; }", Wanted::Int),
        ("@{ throw new Exception(); }", Wanted::Int),
    ] {
        assert!(compile(expression, Position::START, wanted).is_ok(), "{expression}");
    }
}

#[test]
fn all_errors_are_told_at_once_and_not_more_than_their_limit() {
    let all = errors("@{ int a = \"x\"; var b = foo.Bar(c); return a.Foo + b + \"\".Lenght; }", Wanted::Any);
    let places: Vec<&str> = all.iter().map(|error| error.split(": ").next().unwrap()).collect();
    assert_eq!(
        places,
        [
            "line 1, column 12",
            "line 1, column 25",
            "line 1, column 33",
            "line 1, column 46",
            "line 1, column 59"
        ]
    );
    let many = format!("@{{ {} return 1; }}", "a1 = 1; ".repeat(100));
    assert_eq!(errors(&many, Wanted::Any).len(), larder_client::limits::EXPRESSION_ERRORS_MAX);
}

#[test]
fn needs_say_which_bodies_are_read() {
    for (expression, request, response) in [
        ("@(context.Request.Method)", false, false),
        ("@(context.Request.Body.As<string>())", true, false),
        ("@(context.Response.StatusCode == 200)", false, false),
        ("@(context.Response.Body.As<JObject>(true)[\"a\"])", false, true),
        ("@(context.Response)", false, true),
        ("@(context.Response != null)", false, false),
        ("@{ return context.Response; }", false, true),
    ] {
        let compiled = compile(expression, Position::START, Wanted::Any).unwrap();
        let needs = compiled.needs();
        assert_eq!((needs.request_body, needs.response_body), (request, response), "{expression}");
    }
}

#[test]
fn constants_are_calculated_when_they_are_compiled() {
    for (expression, is_constant) in [
        (r#"@("a" + 1 + 2 * 3)"#, true),
        (r#"@($"x{1 + 1}y")"#, true),
        ("@(!(1 < 2) ? \"a\" : \"b\")", true),
        ("@((long)5 << 3)", true),
        ("@(context.Request.Method)", false),
    ] {
        let compiled = compile(expression, Position::START, Wanted::Any).unwrap();
        assert_eq!(compiled.constant().is_some(), is_constant, "{expression}");
    }
}

const WRONG: &[(&str, &str)] = &[
    (
        r#"@(context.Request.Method.Lenght)"#,
        "line 1, column 26: string has no member 'Lenght'; did you mean 'Length'?",
    ),
    (
        r#"@(contxt.Request)"#,
        "line 1, column 3: there is no variable or type 'contxt'; did you mean 'context'?",
    ),
    (
        r#"@(context.Requests)"#,
        "line 1, column 11: IContext has no member 'Requests'; did you mean 'Request'?",
    ),
    (r#"@(Convert.ToInt(1))"#, "line 1, column 11: Convert has no static member 'ToInt'"),
    (r#"@(1 + true)"#, "line 1, column 3: '+' does not apply to int and bool"),
    (r#"@("a" - 1)"#, "line 1, column 3: '-' does not apply to string and int"),
    (r#"@(context.Variables["x"] + 1)"#, "line 1, column 3: '+' does not apply to object and int"),
    (r#"@(context.Variables["x"] == 1)"#, "line 1, column 3: '==' does not apply to object and int"),
    (
        r#"@("a".Substring("b"))"#,
        "line 1, column 6: Substring does not take (string); it takes (int startIndex), (int startIndex, int length)",
    ),
    (
        r#"@("a".Substring())"#,
        "line 1, column 6: Substring does not take (); it takes (int startIndex), (int startIndex, int length)",
    ),
    (r#"@("a".Substring)"#, "line 1, column 7: 'Substring' is a method: it is called with parentheses"),
    (r#"@("a".Length())"#, "line 1, column 7: string has no member 'Length'; it is one of another kind"),
    (r#"@((int)"5")"#, "line 1, column 3: string cannot be cast to int"),
    (r#"@(new Foo())"#, "line 1, column 7: there is no type 'Foo'"),
    (
        r#"@((Jobject)context.Variables["x"])"#,
        "line 1, column 4: there is no type 'Jobject'; did you mean 'JObject'?",
    ),
    (r#"@(Convert)"#, "line 1, column 3: Convert is a type, a value was expected"),
    (r#"@(5?.ToString())"#, "line 1, column 4: int is never null: '?' has no meaning here"),
    (r#"@(5 ?? 6)"#, "line 1, column 3: int is never null: '??' has no meaning here"),
    (
        r#"@(true ? 1 : "a")"#,
        "line 1, column 3: both values of '? :' need one type, found int and string; a cast gives them one",
    ),
    (r#"@(1 ? 2 : 3)"#, "line 1, column 3: expected bool, found int"),
    (r#"@(5 is string)"#, "line 1, column 3: int is never string"),
    (r#"@("a" as int)"#, "line 1, column 3: int cannot be null: 'as' needs a type that can"),
    (
        r#"@(x => x)"#,
        "line 1, column 3: a lambda needs a type: declare the variable as Func<…>, or hand it to a method",
    ),
    (r#"@{ var a = null; return a; }"#, "line 1, column 12: 'var' needs a value with a type, found null"),
    (r#"@{ int a; return a; }"#, "line 1, column 18: the variable 'a' is used before it has a value"),
    (
        r#"@{ int a; if (true) { a = 1; } return a; }"#,
        "line 1, column 39: the variable 'a' is used before it has a value",
    ),
    (r#"@{ int a = "x"; return a; }"#, "line 1, column 12: expected int, found string"),
    (
        r#"@{ int a = 5L; return a; }"#,
        "line 1, column 12: expected int, found long; a cast '(int)' converts it",
    ),
    (
        r#"@{ byte a = 256; return a; }"#,
        "line 1, column 13: expected byte, found int; a cast '(byte)' converts it",
    ),
    (r#"@{ int a = null; return a; }"#, "line 1, column 12: int cannot be null"),
    (r#"@{ var a = 1; var a = 2; return a; }"#, "line 1, column 19: a variable called 'a' is there already"),
    (r#"@{ { var a = 1; } return a; }"#, "line 1, column 26: there is no variable or type 'a'"),
    (
        r#"@{ const int a = 1; a = 2; return a; }"#,
        "line 1, column 21: 'a' cannot be changed: it is a constant",
    ),
    (
        r#"@{ foreach (var c in "x") { c = 'a'; } return 1; }"#,
        "line 1, column 29: 'c' cannot be changed: it is the variable of a 'foreach'",
    ),
    (r#"@{ foreach (var c in 5) { } return 1; }"#, "line 1, column 22: int cannot be walked through"),
    (r#"@{ throw 5; }"#, "line 1, column 10: expected Exception, found int"),
    (
        r#"@{ using (var a = 1) { } return 1; }"#,
        "line 1, column 15: int has no Dispose(): it needs no 'using'",
    ),
    (r#"@{ using ("a") { } return 1; }"#, "line 1, column 11: string has no Dispose(): it needs no 'using'"),
    (
        r#"@{ using (var a = SHA1.Create()) { a = null; } return 1; }"#,
        "line 1, column 36: 'a' cannot be changed: it is the variable of a 'using'",
    ),
    (
        r#"@{ using (var a = SHA1.Create()) { } return a; }"#,
        "line 1, column 45: there is no variable or type 'a'",
    ),
    (r#"@{ try { } catch (string) { } return 1; }"#, "line 1, column 19: string is no exception"),
    (r#"@{ switch (1) { case 1: case 1: break; } return 1; }"#, "line 1, column 30: this label stands twice"),
    (
        r#"@{ context.Request.Method = "x"; return 1; }"#,
        "line 1, column 20: IRequest.Method cannot be changed",
    ),
    (
        r#"@{ context.Variables["x"] = 1; return 1; }"#,
        "line 1, column 4: IVariables has no indexer that can be assigned to",
    ),
    (
        r#"@(context.Request.Certificate)"#,
        "line 1, column 18: IRequest.Certificate cannot be used here: this gateway has no certificates",
    ),
    (r#"@(context.Request.Body.As<Foo>())"#, "line 1, column 27: there is no type 'Foo'"),
    (r#"@(5 / 0)"#, "line 1, column 3: a whole number is divided by the constant 0"),
    (r#"@(JObject.Parse("{}")["a"] == 5)"#, "line 1, column 3: '==' does not apply to JToken and int"),
    (r#"@(1ul + (-1))"#, "line 1, column 3: '+' does not apply to ulong and int"),
    (r#"@(1m + 1.0)"#, "line 1, column 3: '+' does not apply to decimal and double"),
    (r#"@(context.Trace("x"))"#, "line 1, column 3: a method without a result has no value"),
    (
        r#"@{ Func<int, int> f = () => 1; return f(1); }"#,
        "line 1, column 23: Func<int, int> takes 1 parameters, the lambda has 0",
    ),
    (
        r#"@{ Func<int, string> f = x => x + 1; return f(1); }"#,
        "line 1, column 31: expected string, found int",
    ),
    (
        r#"@{ Func<int, int> f = x => { if (x > 1) { return 1; } }; return f(1); }"#,
        "line 1, column 55: not every path returns a value",
    ),
    (
        r#"@{ Func<int, int> f = x => f(x); return f(1); }"#,
        "line 1, column 28: the variable 'f' is used before it has a value",
    ),
    (r#"@(new { a = 1 }.b)"#, "line 1, column 17: the anonymous object has no member 'b'"),
    (
        r#"@(StringComparison.Ordnal)"#,
        "line 1, column 20: StringComparison has no value 'Ordnal'; did you mean 'Ordinal'?",
    ),
    (r#"@(nameof(1 + 2))"#, "line 1, column 3: nameof takes one name"),
];
