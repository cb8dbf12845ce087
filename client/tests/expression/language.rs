//! The language: operators, conversions, statements, lambdas.

use crate::evaluation::{given, text_of, value_of};

fn check(table: &[(&str, &str)]) {
    for (expression, value) in table {
        let text = match expression.starts_with('@') {
            true => (*expression).to_owned(),
            false => format!("@({expression})"),
        };
        assert_eq!(text_of(&text, &mut given()), Ok((*value).to_owned()), "{text}");
    }
}

/// Each throws what is named.
fn throws(table: &[(&str, &str)]) {
    for (expression, exception) in table {
        let text = match expression.starts_with('@') {
            true => (*expression).to_owned(),
            false => format!("@({expression})"),
        };
        let error =
            value_of(&text, &mut given()).map(|value| value.type_name().into_owned()).expect_err(&text);
        assert!(error.contains(exception), "{text}: {error}");
    }
}

#[test]
fn arithmetic_follows_the_types() {
    check(&[
        ("7 / 2", "3"),
        ("-7 / 2", "-3"),
        ("-7 % 3", "-1"),
        ("7 / 2.0", "3.5"),
        ("7 / 2m", "3.5"),
        ("1.10m + 1", "2.10"),
        ("2147483647 + 1L", "2147483648"),
        ("(int)context.Variables[\"count\"] + 2147483647", "-2147483642"),
        ("4000000000 + 1", "4000000001"),
        ("4294967295u + 1", "0"),
        ("1u - 2 + 0L", "4294967295"),
        ("5 * 3 - 2 + 8 / 3 % 2", "13"),
        ("1 << 33", "2"),
        ("1L << 33", "8589934592"),
        ("-8 >> 1", "-4"),
        ("6 & 3 | 8 ^ 1", "11"),
        ("~5", "-6"),
        ("-(5u)", "-5"),
        ("+'a'", "97"),
        ("'a' + 1", "98"),
        ("(char)('a' + 1)", "b"),
        ("0.1 + 0.2", "0.30000000000000004"),
        ("0.1f + 0.2f", "0.3"),
        ("1.0 / 0", "Infinity"),
        ("(byte)300", "44"),
        ("(int)3.99", "3"),
        ("(int)-3.99m", "-3"),
        ("(long)1e300", "9223372036854775807"),
        ("(short)70000", "4464"),
        ("(int)'x'", "120"),
        ("(double)1 / 3", "0.3333333333333333"),
        ("1 + 2 + \"3\" + 4 + 5", "3345"),
        ("\"a\" + null + true + 1.5m + 'c'", "aTrue1.5c"),
    ]);
    throws(&[
        ("1 / ((int)context.Variables[\"count\"] - 7)", "DivideByZeroException"),
        ("1m / ((int)context.Variables[\"count\"] - 7)", "DivideByZeroException"),
        ("(int)99999999999999999999m", "OverflowException"),
    ]);
}

#[test]
fn comparisons_and_equality_follow_the_types() {
    check(&[
        ("1 < 1.5", "True"),
        ("1 == 1.0", "True"),
        ("1 == 1L", "True"),
        ("'a' == 97", "True"),
        ("2u > -1", "True"),
        ("\"a\" == \"a\"", "True"),
        ("\"a\" + 1 == \"a1\"", "True"),
        ("(string)context.Variables[\"org\"] == \"acme\"", "True"),
        ("context.Variables[\"none\"] == null", "True"),
        ("context.Variables[\"org\"] != null", "True"),
        ("null == null", "True"),
        ("true ^ true", "False"),
        ("true & false | true", "True"),
        ("!true || true && false", "False"),
        ("StringComparison.Ordinal == StringComparison.Ordinal", "True"),
        ("(int)StringComparison.Ordinal", "4"),
        ("(StringComparison)5", "OrdinalIgnoreCase"),
        ("StringComparison.Ordinal + \"!\"", "Ordinal!"),
        ("JObject.Parse(\"{\\\"a\\\":1}\")[\"a\"] == null", "False"),
        ("JObject.Parse(\"{\\\"a\\\":1}\")[\"b\"] == null", "True"),
    ]);
}

#[test]
fn what_is_not_needed_is_not_evaluated() {
    check(&[
        ("false && 1 / ((int)context.Variables[\"count\"] - 7) == 0", "False"),
        ("true || 1 / ((int)context.Variables[\"count\"] - 7) == 0", "True"),
        ("(string)context.Variables[\"org\"] ?? ((string)null).Trim()", "acme"),
        ("true ? 1 : 1 / ((int)context.Variables[\"count\"] - 7)", "1"),
        ("((string)null)?.Trim().Length ?? -1", "-1"),
        ("((string)null)?.Substring(((string)null).Length)", ""),
    ]);
}

#[test]
fn null_spreads_through_nullable_operators() {
    check(&[
        ("@{ int? a = null; int? b = 2; return a + b; }", ""),
        ("@{ int? a = 1; int? b = 2; return a + b; }", "3"),
        ("@{ int? a = null; return a < 1; }", "False"),
        ("@{ int? a = null; return a == null; }", "True"),
        ("@{ int? a = 5; return a != null && a.HasValue && a.Value == 5; }", "True"),
        ("@{ int? a = null; return a ?? 7; }", "7"),
        ("@{ int? a = null; long b = a ?? 7L; return b; }", "7"),
        ("@{ int? a = null; return a.GetValueOrDefault(3); }", "3"),
        ("@{ bool? a = null; return !a == null; }", "True"),
        ("@{ double? d = 5; return d / 2; }", "2.5"),
        ("context.Subscription?.Id?.Length == null", "True"),
    ]);
    throws(&[
        ("@{ int? a = null; return a.Value; }", "InvalidOperationException"),
        ("@{ int? a = null; return (int)a; }", "InvalidOperationException"),
    ]);
}

#[test]
fn casts_unbox_exactly_and_convert_tokens() {
    check(&[
        ("(int)context.Variables[\"count\"]", "7"),
        ("(object)5 is int", "True"),
        ("(object)5 is long", "False"),
        ("context.Variables[\"org\"] is string s ? s.Length : -1", "4"),
        ("context.Variables[\"org\"] as string", "acme"),
        ("(context.Variables[\"count\"] as string) ?? \"no\"", "no"),
        ("context.Variables[\"count\"] as int? ?? 0", "7"),
        ("context.Variables[\"none\"] is null", "True"),
        ("context.Variables[\"count\"] is 7", "True"),
        ("(string)JToken.Parse(\"12\") + (int)JToken.Parse(\"\\\"34\\\"\")", "1234"),
        ("(int?)JToken.Parse(\"null\") == null", "True"),
        ("(string)(object)null == null", "True"),
        ("((JObject)JToken.Parse(\"{}\")).Count", "0"),
        ("(string)JObject.Parse(\"{\\\"a\\\":{\\\"b\\\":[1,\\\"x\\\"]}}\")[\"a\"][\"b\"][1]", "x"),
    ]);
    throws(&[
        ("(long)context.Variables[\"count\"]", "InvalidCastException: a value of type int is no long"),
        ("(string)context.Variables[\"count\"]", "InvalidCastException"),
        ("(int)context.Variables[\"none\"]", "NullReferenceException"),
        ("(JArray)JToken.Parse(\"{}\")", "InvalidCastException"),
        ("((string)context.Variables[\"none\"]).Length", "NullReferenceException"),
    ]);
}

#[test]
fn statements_run() {
    check(&[
        ("@{ var a = 1; a += 2; a *= 3; a -= 1; a /= 2; a %= 3; a <<= 4; a |= 1; return a; }", "17"),
        ("@{ var a = 5; var b = a++ + ++a; return a + \":\" + b--; }", "7:12"),
        ("@{ byte b = 255; b++; b += 2; return b; }", "2"),
        ("@{ string s = \"a\"; s += 1; s += 'c'; return s; }", "a1c"),
        (
            "@{ int sum = 0; for (int i = 0, j = 10; i < j; i++, j--) { if (i == 3) continue; sum += i; } return sum; }",
            "7",
        ),
        ("@{ int i = 0; while (true) { if (++i > 4) break; } return i; }", "5"),
        ("@{ int i = 10; do { i++; } while (i < 5); return i; }", "11"),
        ("@{ var r = \"\"; foreach (var c in \"abc\") { r = c + r; } return r; }", "cba"),
        ("@{ var n = 0; foreach (int x in new[] { 1, 2, 3 }) n += x; return n; }", "6"),
        (
            "@{ foreach (var x in new List<string> { \"a\", \"b\" }) { if (x == \"b\") return x; } return \"none\"; }",
            "b",
        ),
        (
            "@{ switch (\"b\") { case \"a\": return 1; case \"b\": case \"c\": return 2; default: return 3; } }",
            "2",
        ),
        ("@{ int r; switch (7) { case 1: r = 1; break; default: r = 9; break; } return r; }", "9"),
        ("@{ try { return Convert.ToInt32(\"x\"); } catch (FormatException e) { return -1; } }", "-1"),
        ("@{ try { throw new Exception(\"why\"); } catch (Exception e) { return e.Message; } }", "why"),
        (
            "@{ var r = \"\"; try { r += 1; throw new ArgumentException(\"q\"); } catch (FormatException) { r += 2; } catch (ArgumentException e) when (e.Message == \"q\") { r += 3; } finally { r += 4; } return r; }",
            "134",
        ),
        (
            "@{ try { try { throw new Exception(\"in\"); } catch { throw; } } catch (Exception e) { return e.Message; } }",
            "in",
        ),
        ("@{ const int K = 3; return K * K; }", "9"),
        ("@{ int x; if (true) { x = 1; } else { x = 2; } return x; }", "1"),
        ("@{ if (context.Variables.TryGetValue(\"count\", out var n)) { return n; } return 0; }", "7"),
        ("@{ var o = new { a = 1, b = \"x\" }; return o.a + o.b; }", "1x"),
        ("@{ int[] a = new int[] { 1, 2, 3 }; a[1] = 9; a[1]++; return a[1] + a.Length; }", "13"),
        (
            "@{ var d = new Dictionary<string, int> { { \"a\", 1 }, [\"b\"] = 2 }; d[\"a\"] += 5; return d[\"a\"] + d[\"b\"] + d.Count; }",
            "10",
        ),
        (
            "@{ var o = new JObject(); o[\"x\"] = 1; o[\"y\"] = \"z\"; return o[\"x\"].ToString() + o[\"y\"]; }",
            "1z",
        ),
        ("@{ var o = new JObject { [\"x\"] = 1, { \"y\", true } }; return o.Count; }", "2"),
        (
            "@{ var o = new JObject(new JProperty(\"x\", 1)); var r = \"\"; foreach (var p in o) r += p.Key + p.Value; foreach (var p in o.Properties()) r += p.Name; return r; }",
            "x1x",
        ),
        (
            "@{ var a = new JArray { 1, \"b\" }; var r = \"\"; foreach (var x in a) r += x; foreach (string s in a) r += s; return r; }",
            "1b1b",
        ),
    ]);
    throws(&[
        ("@{ throw new InvalidOperationException(\"no\"); }", "InvalidOperationException: no"),
        ("@{ var a = new int[] { 1 }; return a[1]; }", "OutOfRange"),
    ]);
}

#[test]
fn using_is_a_block_with_variables_of_its_own() {
    check(&[
        (
            "@{ using (var h = new HMACSHA256(Encoding.UTF8.GetBytes(\"k\"))) { return h.ComputeHash(new byte[0]).Length; } }",
            "32",
        ),
        (
            "@{ var n = 0; using (SHA256 a = SHA256.Create(), b = SHA256.Create()) n = a.HashSize + b.HashSize; using (MD5.Create()) { n++; } return n; }",
            "513",
        ),
        (
            "@{ Func<int> f; foreach (var i in new[] { 1, 2 }) { using (var h = SHA1.Create()) { f = () => h.HashSize; if (i == 1) continue; return f() + i; } } return 0; }",
            "162",
        ),
        (
            "@{ try { using (var h = SHA1.Create()) { throw new Exception(\"in\"); } } catch (Exception e) { return e.Message; } }",
            "in",
        ),
        ("@{ using (null) { return 1; } }", "1"),
    ]);
}

#[test]
fn lambdas_close_over_variables() {
    check(&[
        ("@{ Func<int, int> twice = x => x * 2; return twice(4); }", "8"),
        ("@{ var n = 1; Func<int> next = () => n++; next(); next(); return n; }", "3"),
        ("@{ Func<int, int> f = null; f = x => x < 2 ? 1 : x * f(x - 1); return f(6); }", "720"),
        (
            "@{ var all = new List<Func<int>>(); foreach (var i in new[] { 1, 2, 3 }) { all.Add(() => i); } return all[0]() + all[2](); }",
            "4",
        ),
        ("@{ Func<int, Func<int, int>> add = a => b => a + b; return add(1)(2); }", "3"),
        (
            "@{ Func<string, string> f = s => { if (s == null) { return \"none\"; } return s.Trim(); }; return f(\" x \") + f(null); }",
            "xnone",
        ),
        ("@{ Action<int> a = x => { }; a(1); return 1; }", "1"),
    ]);
}

#[test]
fn texts_are_interpolated() {
    check(&[
        ("$\"{1}{\"a\"}-{null}\"", "1a-"),
        ("$\"{1,3}|{2,-3}|{3.14159:F2}|{255:X4}\"", "  1|2  |3.14|00FF"),
        ("$@\"{\"x\"}\\{{}}\"\"\"", "x\\{}\""),
        ("$\"{(true ? 1 : 2)}\"", "1"),
        ("nameof(context.Request) + nameof(context)", "Requestcontext"),
        ("default(int) + default(string) + default(bool)", "0False"),
    ]);
}
