//! Evaluation is bounded, and nothing panics.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder_client::Clock;
use larder_client::expression::{EvaluationLimits, Position, Surroundings, Wanted, compile};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::evaluation::{SURROUNDINGS, Still, given};

pub(crate) fn failure(expression: &str, surroundings: &Surroundings<'_>) -> String {
    let compiled = compile(expression, Position::START, Wanted::Any).expect("it has a meaning");
    compiled.evaluate(&mut given(), surroundings).expect_err("it fails").to_string()
}

#[test]
fn steps_bytes_and_depth_are_limited_and_no_catch_sees_it() {
    for (expression, text) in [
        ("@{ while (true) { } }", "too many steps"),
        ("@{ for (;;) { try { while (true) { } } catch { } } }", "too many steps"),
        ("@{ var i = 0; do { i++; } while (i >= 0); return i; }", "too many steps"),
        ("@{ var s = \"x\"; while (true) { s += s; } }", "too many bytes"),
        ("@{ var l = new List<int>(); while (true) { l.Add(1); } }", "too many bytes"),
        ("@{ var b = new byte[2000000]; return b.Length; }", "too many bytes"),
        ("@{ var b = new string[2000000]; return b.Length; }", "too many bytes"),
        ("@{ Func<int, int> f = null; f = x => f(x + 1); return f(0); }", "too deep"),
        (
            "@{ Func<int, int> f = null; f = x => { try { return f(x); } catch { return 0; } finally { x = 1; } }; return f(0); }",
            "too deep",
        ),
    ] {
        let error = failure(expression, &SURROUNDINGS);
        assert!(error.contains(text), "{expression}: {error}");
    }
}

#[test]
fn what_is_nested_deep_is_freed_printed_and_compared() {
    let limits = EvaluationLimits { steps: 1_000_000, bytes: 1 << 28, ..SURROUNDINGS.limits };
    let surroundings = Surroundings { limits, ..SURROUNDINGS };
    for made in [
        "o = new object[] { o };",
        "o = new { o };",
        "o = new List<object> { o };",
        "o = new Dictionary<string, object> { { \"k\", o } };",
        "o = new KeyValuePair<string, object>(\"k\", o);",
        "o = new HashSet<object> { o };",
        "o = new Queue<object>(new[] { o });",
        "o = Tuple.Create(o);",
        "o = new[] { o }.OrderBy(x => 1);",
        "o = new[] { o }.GroupBy(x => 1).First();",
        "{ var p = f; f = () => p() + 1; }",
    ] {
        let text = format!(
            "@{{ object o = null; Func<int> f = () => 1; for (int i = 0; i < 20000; i++) {{ {made} }} return o == null; }}"
        );
        let compiled = compile(&text, Position::START, Wanted::Any).unwrap();
        compiled.evaluate(&mut given(), &surroundings).unwrap();
    }
    let deep =
        "@{ object o = null; for (int i = 0; i < 20000; i++) { o = new { o }; } return o.ToString(); }";
    assert!(failure(deep, &surroundings).contains("nested too deep"));
}

#[test]
fn long_texts_count_as_steps_of_the_members_that_read_them() {
    let limits = EvaluationLimits { steps: 10_000, bytes: 1 << 24, ..SURROUNDINGS.limits };
    let surroundings = Surroundings { limits, ..SURROUNDINGS };
    // 977 steps each time: ten times are too many.
    let text = "@{ var t = new string('a', 1000000); int n = 0; for (int i = 0; i < ROUNDS; i++) { n += t.IndexOf(\"b\"); } return n; }";
    let compiled = compile(&text.replace("ROUNDS", "9"), Position::START, Wanted::Any).unwrap();
    compiled.evaluate(&mut given(), &surroundings).unwrap();
    assert!(failure(&text.replace("ROUNDS", "11"), &surroundings).contains("too many steps"));
}

/// Ways to nest what has a meaning: what opens, what is innermost, what closes.
const NESTED: &[(&str, &str, &str)] = &[
    ("(1+", "1", ")"),
    ("!(", "true", ")"),
    ("(true||false&&", "true", ")"),
    ("Convert.ToString(", "1", ")"),
    ("$\"{", "1", "}\""),
    ("(true?", "1", ":2)"),
    ("(int)(long)(", "1", ")"),
    ("new{a=", "1", "}"),
    ("new[]{", "1", "}"),
    ("((object)", "1", " is int ? (object)1 : 2)"),
    ("(context.Variables[\"org\"] as string ?? ", "\"a\"", ")"),
    ("((Func<int,int>)(x=>x+", "1", "))(1)"),
];

const NESTED_STATEMENTS: &[(&str, &str, &str)] = &[
    ("if(context!=null){", "return 1;", "}"),
    ("foreach(var c in \"a\"){", "return 1;", "}"),
    ("try{", "return 1;", "}finally{}"),
    ("while(context!=null){", "return 1;", "}"),
    ("switch(1){case 1:", "return 1;", "break;}"),
    ("{", "return 1;", "}"),
];

#[test]
fn the_deepest_expression_is_compiled_and_run_in_little_stack() {
    let all = || {
        let texts = |(open, inner, close): &(&str, &str, &str), depth: usize, is_block: bool| {
            let nested = format!("{}{inner}{}", open.repeat(depth), close.repeat(depth));
            if is_block { format!("@{{ {nested} return 0; }}") } else { format!("@({nested})") }
        };
        let shapes = NESTED.iter().map(|shape| (shape, false));
        for (shape, is_block) in shapes.chain(NESTED_STATEMENTS.iter().map(|shape| (shape, true))) {
            let deepest = (1..64)
                .rev()
                .map(|depth| texts(shape, depth, is_block))
                .find(|text| larder_client::expression::parse(text, Position::START).is_ok());
            let text = deepest.expect("one level is always read");
            match compile(&text, Position::START, Wanted::Any) {
                Ok(compiled) => drop(compiled.evaluate(&mut given(), &SURROUNDINGS)),
                Err(errors) => assert!(!errors.is_empty(), "{text}"),
            }
        }
    };
    std::thread::Builder::new().stack_size(1 << 21).spawn(all).unwrap().join().unwrap();
}

/// A clock that goes on with every look at it.
#[derive(Debug)]
struct Ticking(AtomicU64);

impl Clock for Ticking {
    fn now(&self) -> Duration {
        Duration::from_millis(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

#[test]
fn time_is_limited() {
    let clock = Ticking(AtomicU64::new(0));
    let limits =
        EvaluationLimits { steps: u64::MAX, time: Duration::from_millis(20), ..EvaluationLimits::default() };
    let surroundings = Surroundings { clock: &clock, wall_clock: &Still, random: &Still, limits };
    assert!(failure("@{ while (true) { } }", &surroundings).contains("too long"));
    assert!(clock.0.load(Ordering::Relaxed) < 100, "the clock is asked now and then");
}

/// The time of the machine.
#[derive(Debug)]
pub(crate) struct Running(std::time::Instant);

impl Running {
    #[expect(clippy::disallowed_methods, reason = "a test measures real time")]
    pub(crate) fn begin() -> Self {
        Self(std::time::Instant::now())
    }
}

impl Clock for Running {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

#[test]
fn the_default_time_holds_within_one_member() {
    let long = "var t = new string('a', 1000000);";
    for expression in [
        // Every search looks through the whole rest, for a match of one character.
        "return Regex.Replace(t, \"[a-z]+[0-9]|[a-z]\", \"x\");",
        "return Regex.Replace(t, \"[a-z]+[0-9]|[a-z]\", m => \"x\");",
        "return new Regex(\"[a-z]+[0-9]|[a-z]\").Replace(t, \"x\", 90000);",
        "return Regex.Matches(t, \"[a-z]+[0-9]|[a-z]\").Count;",
        "return Regex.Split(t, \"[a-z]+[0-9]|[a-z]\").Length;",
        "var m = Regex.Match(t, \"[a-z]+[0-9]|[a-z]\"); while (m.Success) { m = m.NextMatch(); } return 1;",
        // Every place is counted from the beginning.
        "int n = 0; foreach (Match m in Regex.Matches(t, \"a{20}\")) { n = n ^ m.Index; } return n;",
        "for (int i = 0; i < 100000; i++) { Regex.IsMatch(\"a\", \"(a{200}){10}\" + i); } return 1;",
        // Every separator is looked for at every place.
        "return t.Split(new string('x', 5000).ToCharArray()).Length;",
        "return t.Trim(new string('x', 5000).ToCharArray()).Length + t.IndexOfAny(new string('x', 5000).ToCharArray());",
        // The same long text, hashed and compared many times.
        "return Enumerable.Repeat(t, 100000).Distinct().Count();",
        "return Enumerable.Repeat(t, 100000).GroupBy(x => x).Count();",
        "return Enumerable.Repeat(t, 10000).OrderBy(x => x).Count();",
        "return Enumerable.Repeat(t, 100000).Contains(t + \"b\");",
    ] {
        let clock = Running::begin();
        let limits = EvaluationLimits::default();
        let surroundings = Surroundings { clock: &clock, wall_clock: &Still, random: &Still, limits };
        let error = failure(&format!("@{{ {long} {expression} }}"), &surroundings);
        let is_limit = error.contains("takes too long") || error.contains("too many steps");
        assert!(is_limit, "{expression}: {error}");
        // Twice the limit, and what a machine that does other things as well takes away.
        assert!(clock.now() < 4 * limits.time, "{expression}: {:?}", clock.now());
    }
}

#[test]
fn many_matches_in_a_long_text_are_no_reason_to_stop() {
    let limits = EvaluationLimits { time: Duration::MAX, ..EvaluationLimits::default() };
    let surroundings = Surroundings { limits, ..SURROUNDINGS };
    let text = "@{ var t = Regex.Replace(new string(' ', 90000), \" \", \"12345678, \"); int n = 0; \
                foreach (Match m in Regex.Matches(t, \"([0-9]+), \")) { n += m.Groups[1].Value.Length; } return n; }";
    let compiled = compile(text, Position::START, Wanted::Any).unwrap();
    let counted = compiled.evaluate(&mut given(), &surroundings).unwrap();
    assert!(matches!(counted, larder_client::dotnet::Datum::Int(720_000)), "{counted:?}");
}

#[test]
fn a_replacement_is_bounded_while_it_is_written() {
    let limits = EvaluationLimits { time: Duration::MAX, ..EvaluationLimits::default() };
    let surroundings = Surroundings { limits, ..SURROUNDINGS };
    let text = "@{ var t = new string('a', 1000000); return Regex.Replace(t, \"^a\", string.Join(\"\", Enumerable.Repeat(\"$_\", 100000))).Length; }";
    assert!(failure(text, &surroundings).contains("16 MiB"));
    let match_result = "@{ return Regex.Match(new string('a', 1000000), \"a\").Result(string.Join(\"\", Enumerable.Repeat(\"$_\", 100000))).Length; }";
    assert!(failure(match_result, &surroundings).contains("16 MiB"));
}

#[test]
fn a_list_is_paid_for_before_it_is_made() {
    for expression in [
        "@(Enumerable.Count(new byte[900000]))",
        "@(new string('a', 900000).First())",
        "@(new byte[900000].First())",
    ] {
        let limits = EvaluationLimits { bytes: 1_000_000, ..SURROUNDINGS.limits };
        let error = failure(expression, &Surroundings { limits, ..SURROUNDINGS });
        assert!(error.contains("too many bytes"), "{expression}: {error}");
    }
}

#[test]
fn the_deepest_evaluation_needs_little_stack() {
    let thread = std::thread::Builder::new().stack_size(1 << 21);
    let run = thread.spawn(|| {
        let limits = EvaluationLimits { depth: u32::MAX, ..SURROUNDINGS.limits };
        let deep = "@{ Func<int, int> f = null; f = x => { foreach (var c in \"a\") { if (x > 0) { return 1 + f(x + 1); } } return 0; }; return f(1); }";
        failure(deep, &Surroundings { limits, ..SURROUNDINGS })
    });
    assert!(run.unwrap().join().unwrap().contains("too deep"));
}

const TOKENS: &[&str] = &[
    "context",
    ".",
    "Variables",
    "[",
    "]",
    "(",
    ")",
    "\"org\"",
    "\"count\"",
    "1",
    "0",
    "2147483647",
    "1.5",
    "2m",
    "7L",
    "'c'",
    "null",
    "true",
    "+",
    "-",
    "*",
    "/",
    "%",
    "==",
    "!=",
    "<",
    ">",
    "&&",
    "||",
    "!",
    "?",
    ":",
    "??",
    "?.",
    "=",
    "+=",
    "++",
    "=>",
    "x",
    "y",
    "var",
    "int",
    "string",
    "object",
    "(string)",
    "(int)",
    "(long)",
    "is",
    "as",
    "new",
    "{",
    "}",
    ";",
    ",",
    "return",
    "if",
    "else",
    "while",
    "foreach",
    "in",
    "for",
    "try",
    "catch",
    "throw",
    "Request",
    "Headers",
    "GetValueOrDefault",
    "Substring",
    "Length",
    "Convert",
    "ToInt32",
    "JObject",
    "Parse",
    "List",
    "<int>",
    "Func",
    "<int, int>",
    "Add",
    "$\"{x}\"",
    "switch",
    "case",
    "default",
    "break",
    "Math",
    "DateTime",
    "Now",
    "out",
];

const STATEMENTS: &[&str] = &[
    "var x = 1;",
    "int y = 2;",
    "x++;",
    "y += x;",
    "if (x > y) { x = y; }",
    "else { y = 3; }",
    "while (x < 9) { x++; }",
    "foreach (var c in \"ab\") { y++; }",
    "try { x = x / (y - y); } catch (Exception e) { x = 5; } finally { y = 1; }",
    "Func<int, int> f = a => a + x;",
    "y = f(x);",
    "var o = new JObject { [\"a\"] = x };",
    "o[\"b\"] = y;",
    "return x;",
    "return o;",
    "return f;",
    "var l = new List<string> { \"q\" };",
    "l.Add(x.ToString());",
    "return l[y];",
    "break;",
    "switch (x) { case 1: y = 2; break; default: return 4; }",
    "throw new Exception(\"e\");",
    "{ var z = x; y = z; }",
    "string s = (string)context.Variables[\"org\"];",
    "s += y;",
    "return s.Substring(x);",
    "int? n = null;",
    "y = n ?? x;",
    "var a = new[] { x, y };",
    "a[x] = y;",
    "return a;",
    "for (int i = 0; i < x; i++) { y -= i; }",
];

pub(crate) fn small() -> Surroundings<'static> {
    let limits = EvaluationLimits { steps: 2000, depth: 100, bytes: 100_000, time: Duration::from_secs(1) };
    Surroundings { limits, ..SURROUNDINGS }
}

fn run(text: &str) {
    if let Ok(compiled) = compile(text, Position::START, Wanted::Any) {
        let _ = compiled.evaluate(&mut given(), &small());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_mixture_of_words_panics(tokens in vec(select(TOKENS), 1..25), block in any::<bool>()) {
        let inner = tokens.join(" ");
        run(&if block { format!("@{{ {inner} }}") } else { format!("@({inner})") });
    }

    #[test]
    fn no_mixture_of_statements_panics(statements in vec(select(STATEMENTS), 1..12)) {
        run(&format!("@{{ {} return 0; }}", statements.join(" ")));
    }
}
