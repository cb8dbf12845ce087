//! What is written or done without end, or beyond what types hold, ends soon: with an exception of .NET or a limit.

use std::time::Duration;

use larder_client::expression::{EvaluationLimits, Position, Surroundings, Wanted, compile};
use larder_client::{Clock, limits};

use crate::evaluation::{SURROUNDINGS, given};
use crate::limits::{Running, failure, small};

/// What C# can be written to do without end, or beyond what its types hold: each ends with an exception.
const BEYOND: &[(&str, &str)] = &[
    // Texts that grow.
    ("@{ var s = \"ab\"; while (true) { s = s.Replace(\"a\", \"aa\"); } }", "too many bytes"),
    ("@(\"a\".PadLeft(int.MaxValue))", "16 MiB"),
    ("@(\"a\".PadRight(-1))", "ArgumentOutOfRangeException"),
    ("@(new string('a', -1))", "ArgumentOutOfRangeException"),
    ("@(new string('a', int.MaxValue))", "16 MiB"),
    ("@(string.Join(new string('a', 900000), Enumerable.Range(0, 1000)))", "16 MiB"),
    ("@(string.Format(\"{0,2000000000}\", 1))", "16 MiB|FormatException"),
    ("@($\"{1,2000000000}\")", "16 MiB|FormatException"),
    ("@(1.ToString(\"D2000000000\"))", "FormatException"),
    ("@(new StringBuilder().Append('a', int.MaxValue))", "16 MiB"),
    // Lists that grow.
    ("@(Enumerable.Range(0, int.MaxValue).Count())", "too many"),
    ("@(Enumerable.Range(int.MaxValue, 2).Count())", "ArgumentOutOfRangeException"),
    ("@(Enumerable.Repeat(1, int.MaxValue).Sum())", "too many"),
    ("@(Enumerable.Repeat(1, -1).Count())", "ArgumentOutOfRangeException"),
    ("@(Enumerable.Range(0, 5000).SelectMany(x => Enumerable.Range(0, 5000)).Count())", "too many"),
    ("@(new int[-1])", "OverflowException"),
    ("@(new int[int.MaxValue])", "too many bytes"),
    ("@{ var a = new JArray(); while (true) { a.Add(new JArray(a)); } }", "too many"),
    // Numbers.
    ("@(decimal.MaxValue + 1m)", "OverflowException"),
    ("@(decimal.MaxValue * decimal.MaxValue)", "OverflowException"),
    ("@(1m / (decimal)0)", "DivideByZeroException"),
    ("@(Math.Abs(int.MinValue))", "OverflowException"),
    ("@((decimal)Math.Pow(10, 400))", "OverflowException"),
    ("@(Convert.ToInt32(Math.Pow(2, 31)))", "OverflowException"),
    ("@(Convert.ToInt32(\"7\", 7))", "ArgumentException"),
    ("@(Convert.ToInt32(\"fffffffff\", 16))", "OverflowException"),
    ("@(Convert.ToString(7, 3))", "ArgumentException"),
    ("@(int.Parse(new string('9', 500000)))", "OverflowException"),
    ("@(int.MinValue / ((int)context.Variables[\"count\"] - 8))", "OverflowException"),
    ("@(int.MinValue % ((int)context.Variables[\"count\"] - 8))", "OverflowException"),
    ("@(1 / ((int)context.Variables[\"count\"] - 7))", "DivideByZeroException"),
    // Dates.
    ("@(DateTime.MaxValue.AddTicks(1))", "ArgumentOutOfRangeException"),
    ("@(DateTime.MinValue.AddYears(-1))", "ArgumentOutOfRangeException"),
    ("@(DateTime.UtcNow.AddDays(1e300))", "ArgumentOutOfRangeException"),
    ("@(DateTime.UtcNow.AddMonths(int.MaxValue))", "ArgumentOutOfRangeException"),
    ("@(new DateTime(10000, 1, 1))", "ArgumentOutOfRangeException"),
    ("@(TimeSpan.MaxValue + TimeSpan.MaxValue)", "OverflowException"),
    ("@(TimeSpan.FromDays(double.MaxValue))", "OverflowException"),
    ("@(-TimeSpan.MinValue)", "OverflowException"),
    ("@(DateTime.MinValue - TimeSpan.FromTicks(1))", "ArgumentOutOfRangeException"),
    // Ranges.
    ("@(\"abc\".Substring(4))", "ArgumentOutOfRangeException"),
    ("@(\"abc\".Substring(1, 3))", "ArgumentOutOfRangeException"),
    ("@(\"abc\".Substring(-1))", "ArgumentOutOfRangeException"),
    ("@(\"abc\".Substring(int.MaxValue, int.MaxValue))", "ArgumentOutOfRangeException"),
    ("@(\"abc\".Remove(2, 2))", "ArgumentOutOfRangeException"),
    ("@(\"abc\".Insert(4, \"\"))", "ArgumentOutOfRangeException"),
    ("@(\"abc\"[3])", "IndexOutOfRangeException"),
    // JSON.
    ("@(JToken.Parse(new string('[', 100000)))", "JsonReaderException"),
    ("@{ var a = new JArray(); while (true) { a.Add(a); } }", "too many"),
    ("@{ var o = new JObject(); int i = 0; while (true) { o[\"a\" + i++] = o; } }", "too many"),
    ("@{ var o = new JObject(); int i = 0; while (true) { o.Add(\"a\" + i++, o); } }", "too many"),
    (
        "@{ var o = new JObject(); int i = 0; while (true) { o.Add(new JProperty(\"a\" + i++, o)); } }",
        "too many",
    ),
    ("@{ var a = new JArray(1, 2); while (true) { a.Insert(0, a); a[1].Replace(a); } }", "too many"),
    ("@{ var a = new JArray(1); while (true) { a = new JArray(a.DeepClone(), a); } }", "64 levels|too many"),
    // One object in many places.
    (
        "@{ object o = 1; for (int i = 0; i < 60; i++) { o = new { a = o, b = o }; } return o.ToString(); }",
        "16 MiB",
    ),
    (
        "@{ object o = 1; for (int i = 0; i < 60; i++) { o = Tuple.Create(o, o); } return \"\" + o; }",
        "16 MiB",
    ),
    (
        "@{ object o = 1; for (int i = 0; i < 60; i++) { o = new { a = o, b = o }; } return JToken.FromObject(o); }",
        "too many bytes",
    ),
    (
        "@{ object o = 1; for (int i = 0; i < 60; i++) { o = new object[] { o, o }; } return JsonConvert.SerializeObject(o); }",
        "too many bytes",
    ),
    (
        "@{ object o = 1; for (int i = 0; i < 60; i++) { o = new Dictionary<string, object> { { \"a\", o }, { \"b\", o } }; } return new JArray(o); }",
        "too many bytes",
    ),
    (
        "@{ object o = 1; object p = 1; for (int i = 0; i < 60; i++) { o = new { a = o, b = o }; p = new { a = p, b = p }; } return 1 / (o.Equals(p) ? 1 : 0); }",
        "DivideByZeroException",
    ),
    (
        "@{ object o = 1; for (int i = 0; i < 60; i++) { o = new { a = o, b = o }; } return 1 / (new HashSet<object> { o, o }.Count - 1); }",
        "DivideByZeroException",
    ),
    (
        "@{ object o = 1; for (int i = 0; i < 60; i++) { o = new { a = o, b = o }; } return Enumerable.Repeat(o, 5000).Distinct().Count(); }",
        "too many steps",
    ),
    // Patterns.
    ("@(Regex.IsMatch(\"a\", new string('(', 9000)))", "8 KiB"),
    ("@(Regex.IsMatch(\"a\", new string('(', 8000)))", "64 levels"),
    ("@(Regex.IsMatch(\"a\", \"((a{99}){99}){99}\"))", "1 MiB"),
    ("@(Regex.IsMatch(new string('a', 900000), \"(a{100}){10}\"))", "at most 134217728"),
];

#[test]
fn what_goes_beyond_is_an_exception_of_dotnet_or_a_limit() {
    // Without a limit of time, so that the others must do.
    let limits = EvaluationLimits { time: Duration::MAX, ..EvaluationLimits::default() };
    let mut wrong = Vec::new();
    for (expression, texts) in BEYOND {
        let bytes = if texts.contains("16 MiB") { limits.bytes } else { 1 << 20 };
        let limits = EvaluationLimits { bytes, ..limits };
        let clock = Running::begin();
        let error = failure(expression, &Surroundings { clock: &clock, limits, ..SURROUNDINGS });
        if !texts.split('|').any(|text| error.contains(text)) || clock.now() > SOON {
            wrong.push(format!("{expression}: {error} ({:?})", clock.now()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a machine that does other things as well needs for what takes milliseconds.
const SOON: Duration = Duration::from_secs(20);

/// Ways to write without end: what opens, what is innermost, what closes.
const ENDLESS: &[(&str, &str, &str)] = &[
    ("(", "1", ")"),
    ("-", "1", ""),
    ("!", "true", ""),
    ("~", "1", ""),
    ("(int)", "1", ""),
    ("true?1:", "1", ""),
    ("true?", "1", ":1"),
    ("null??", "1", ""),
    ("x=>", "1", ""),
    ("((Func<int>)(()=>", "1", "))()"),
    ("$\"{", "1", "}\""),
    ("$\"{\"+$\"{", "1", "}\"+\"}\""),
    ("new[]{", "1", "}"),
    ("new{a=", "1", "}"),
    ("new object[]{", "1", "}"),
    ("context.Variables[", "\"a\"", "]"),
    ("a.", "a", ""),
    ("a?.", "a", ""),
    ("a<", "a", ""),
    ("List<", "int", ">"),
    ("new List<", "int", ">()"),
    ("1+", "1", ""),
    ("1is ", "int", ""),
    ("1 as ", "int", ""),
    ("a=", "1", ""),
    ("a,", "1", ""),
    ("\"\"+", "1", ""),
    ("a+", "a", ""),
    ("(a)", "1", ""),
    ("int?", "1", ""),
    ("a[", "1", ""),
    ("f(out var x,", "1", ")"),
];

/// The same with statements.
const ENDLESS_STATEMENTS: &[(&str, &str, &str)] = &[
    ("{", "", "}"),
    ("if(true)", ";", ""),
    ("if(true){}else ", ";", ""),
    ("while(true)", ";", ""),
    ("for(;;)", ";", ""),
    ("try{", "", "}finally{}"),
    ("switch(1){case 1:", "break;", "}"),
    ("int a=1;", "", ""),
    ("a=1;", "", ""),
    ("var a=a;", "", ""),
    ("Func<int,int>f=x=>{", "return 1;", "};"),
    (";", "", ""),
    ("case 1:", "", ""),
];

#[test]
fn what_is_written_without_end_is_read_or_refused_soon_in_little_stack() {
    let all = || {
        let shapes = ENDLESS.iter().map(|shape| (shape, "@(", ")"));
        let statements = ENDLESS_STATEMENTS.iter().map(|shape| (shape, "@{", "return 0;}"));
        for ((open, inner, close), begin, end) in shapes.chain(statements) {
            for depth in [40, 100, 1000, usize::MAX] {
                let most = (limits::EXPRESSION_BYTES_MAX - 100) / (open.len() + close.len());
                let depth = depth.min(most);
                let text = format!("{begin}{}{inner}{}{end}", open.repeat(depth), close.repeat(depth));
                let clock = Running::begin();
                let surroundings = Surroundings { clock: &clock, ..small() };
                match compile(&text, Position::START, Wanted::Any) {
                    Ok(compiled) => drop(compiled.evaluate(&mut given(), &surroundings)),
                    Err(errors) => assert!(!errors.is_empty(), "{open} {depth}"),
                }
                assert!(clock.now() < SOON, "{open} {depth}: {:?}", clock.now());
            }
        }
    };
    std::thread::Builder::new().stack_size(1 << 21).spawn(all).unwrap().join().unwrap();
}
