//! How operators bind, and what looks alike and is not: casts and parentheses, type arguments and comparisons,
//! `?` of types and of conditions.

use super::printed;

#[test]
fn operators_bind_as_in_csharp() {
    for (text, expected) in [
        ("a + b * c", "(a + (b * c))"),
        ("a * b + c", "((a * b) + c)"),
        ("a - b - c + d", "(a - b - c + d)"),
        ("a - (b - c)", "(a - (b - c))"),
        ("(a - b) - c", "((a - b) - c)"),
        ("a / b % c * d", "(a / b % c * d)"),
        (
            "a || b && c | d ^ e & f == g < h << i + j * k",
            "(a || (b && (c | (d ^ (e & (f == (g < (h << (i + (j * k))))))))))",
        ),
        (
            "a * b + c << d < e == f & g ^ h | i && j || k",
            "((((((((((a * b) + c) << d) < e) == f) & g) ^ h) | i) && j) || k)",
        ),
        ("a == b != c", "(a == b != c)"),
        ("!a && b", "((! a) && b)"),
        ("-a.b + c", "((- a.b) + c)"),
        ("- -a", "(- (- a))"),
        ("a = b = c", "(a = (b = c))"),
        ("a += b ? c : d", "(a += (b ? c : d))"),
        ("a >>= b >> c", "(a >>= (b >> c))"),
        ("a ?? b ?? c", "(a ?? (b ?? c))"),
        ("a ?? b || c", "(a ?? (b || c))"),
        ("a ?? b ? c : d", "((a ?? b) ? c : d)"),
        ("a ? b : c ? d : e", "(a ? b : (c ? d : e))"),
        ("a ? b ? c : d : e", "(a ? (b ? c : d) : e)"),
        ("x => y => x + y", "((x) => ((y) => (x + y)))"),
        ("x => x ? a : b", "((x) => (x ? a : b))"),
        ("a is B && c", "((a is B) && c)"),
        ("a is B == c", "((a is B) == c)"),
        ("a < b is bool", "((a < b) is bool)"),
        ("a + b as C", "((a + b) as C)"),
        ("a as B ?? c", "((a as B) ?? c)"),
        ("a ?? throw b", "(a ?? throw b)"),
        ("a.b++ + c", "((a.b++) + c)"),
        ("-x++", "(- (x++))"),
        ("-2147483648", "(-2147483648)"),
        ("- 2147483648", "(-2147483648)"),
        ("-(2147483648)", "(- 2147483648u)"),
        ("-2147483648u", "(- 2147483648u)"),
        ("-0x80000000", "(- 2147483648u)"),
        ("-0X80000000", "(- 2147483648u)"),
        ("a - 2147483648", "(a - 2147483648u)"),
        ("(a?.b).c", "(a?.b).c"),
        ("a?.b.c?[d]", "a?.b.c?[d]"),
    ] {
        assert_eq!(printed(text), expected, "{text}");
    }
}

#[test]
fn parentheses_are_a_cast_where_the_specification_says_so() {
    for (text, expected) in [
        ("(string)x", "((string)x)"),
        ("(int)-x", "((int)(- x))"),
        ("(int)(x)", "((int)x)"),
        ("(x)y", "((x)y)"),
        ("(x)(y)", "((x)y)"),
        ("(x)-y", "(x - y)"),
        ("(x)+ y", "(x + y)"),
        ("(x)!y", "((x)(! y))"),
        ("(x)~y", "((x)(~ y))"),
        ("(x) is y", "(x is y)"),
        ("(x) as y", "(x as y)"),
        ("(x)\"a\"", "((x)\"a\")"),
        ("(x)$\"a\"", "((x)$\"a\")"),
        ("(x)new Y()", "((x)new Y())"),
        ("(x)null", "((x)null)"),
        ("(x)string.Empty", "((x)string.Empty)"),
        ("(x.y<z>)a", "((x.y<z>)a)"),
        ("(x?)-y", "((x?)(- y))"),
        ("(x[])-y", "((x[])(- y))"),
        ("(x[0])-y", "(x[0] - y)"),
        ("(x).y", "x.y"),
        ("(x)[y]", "x[y]"),
        ("(string)a.b[c]", "((string)a.b[c])"),
        ("((string)a).b", "((string)a).b"),
        ("(int)a + b", "(((int)a) + b)"),
        ("(long)(int)a", "((long)((int)a))"),
        ("(IDictionary<string, List<int?>[]>)a", "((IDictionary<string, List<int?>[]>)a)"),
    ] {
        assert_eq!(printed(text), expected, "{text}");
    }
}

#[test]
fn angle_brackets_are_type_arguments_where_the_specification_says_so() {
    for (text, expected) in [
        ("a.F<string>(\"x\")", "a.F<string>(\"x\")"),
        ("F<A, B>(7)", "F<A, B>(7)"),
        ("f(g<a, b>(7))", "f(g<a, b>(7))"),
        ("f(g<a, b>7)", "f((g < a), (b > 7))"),
        ("f(g<a, b>>7)", "f((g < a), (b >> 7))"),
        ("f(a < b, c > d)", "f((a < b), (c > d))"),
        ("a < b", "(a < b)"),
        ("a < b > c", "(a < b > c)"),
        ("a < b && c > d", "((a < b) && (c > d))"),
        ("F<List<int>>(x)", "F<List<int>>(x)"),
        ("F<List<List<int>>>(x)", "F<List<List<int>>>(x)"),
        ("F<int[]>.G", "F<int[]>.G"),
        ("x >> y", "(x >> y)"),
        ("x > y", "(x > y)"),
        ("$\"{F<int>}\"", "$\"{F<int>}\""),
    ] {
        assert_eq!(printed(text), expected, "{text}");
    }
}

#[test]
fn a_question_mark_belongs_to_a_type_only_where_no_condition_can_stand() {
    for (text, expected) in [
        ("x is int ? a : b", "((x is int) ? a : b)"),
        ("x is int? && y", "((x is int?) && y)"),
        ("x as int? ?? y", "((x as int?) ?? y)"),
        ("x as int ? a : b", "((x as int) ? a : b)"),
        ("x is string s ? s : y", "((x is string s) ? s : y)"),
        ("x is null ? a : b", "((x is null) ? a : b)"),
        ("x is -1", "(x is - 1)"),
        ("x is var y", "(x is var y)"),
        ("a?.5:1", "(a ? 0.5d : 1)"),
        ("a ?b:c", "(a ? b : c)"),
        ("a?[b]", "a?[b]"),
        ("new int?[3]", "new int?[3]"),
        ("new string[2][]", "new string[2][]"),
        ("new int[2][] ? a : b", "(new int[2][] ? a : b)"),
        (
            "f(name: a ? b : c, out var d, out int e, out g)",
            "f(name: (a ? b : c), out var d, out int e, out g)",
        ),
        ("default(int) + default", "(default(int) + default)"),
        ("new { a.b, c, d = e }", "new { b = a.b, c = c, d = e }"),
        ("new A { B = 1, }", "new A() { B = 1 }"),
        ("$\"{(a ? b : c):x}{d,-3}\"", "$\"{(a ? b : c):x}{d,-3}\""),
        ("$\"{x:}}}\"", "$\"{x:}}}\""),
        ("$\"{x:f}}}\"", "$\"{x:f}}}\""),
        ("$\"{x:f}\\u007D\"", "$\"{x:f}\\u007D\""),
        ("$@\"{a}\"\"{{\\n\"", "$\"{a}\\u0022{{\\u005Cn\""),
    ] {
        assert_eq!(printed(text), expected, "{text}");
    }
}

#[test]
fn literals_have_the_type_and_value_of_csharp() {
    for (text, expected) in [
        ("2147483647", "2147483647"),
        ("2147483648", "2147483648u"),
        ("4294967296", "4294967296L"),
        ("9223372036854775808", "9223372036854775808uL"),
        ("1L", "1L"),
        ("1lu", "1uL"),
        ("5000000000u", "5000000000uL"),
        ("0x7fff_ffff", "2147483647"),
        ("0b101", "5"),
        ("1_000", "1000"),
        ("1e3", "1000.0d"),
        ("1.5E-2f", "0.015f"),
        ("3d", "3.0d"),
        ("1.50m", "1.50m"),
        ("1e3m", "1000m"),
        ("0.000m", "0.000m"),
        ("79228162514264337593543950335m", "79228162514264337593543950335m"),
        ("7.9228162514264337593543950336m", "7.922816251426433759354395034m"),
        ("0.00000000000000000000000000005m", "0.0000000000000000000000000000m"),
        ("0.00000000000000000000000000015m", "0.0000000000000000000000000002m"),
        ("1.ToString()", "1.ToString()"),
        ("'\\n'", "'\\u000A'"),
        ("\"\\a\\b\\f\\v\\r\"", "\"\\u0007\\u0008\\u000C\\u000B\\u000D\""),
        ("\"\\x41BCDE\"", "\"\\u41BCDE\""),
        ("\"\\U0001F600\"", "\"\\uD83D\\uDE00\""),
        ("@\"\\n\"", "\"\\u005Cn\""),
    ] {
        assert_eq!(printed(text), expected, "{text}");
    }
}
