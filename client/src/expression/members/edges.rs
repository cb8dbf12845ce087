//! Calls every member with values at the ends of their types: none may panic, whatever it gives.

use super::tests::run;
use crate::expression::types::{ClassInfo, ClassKind, MemberInfo, MemberKind, Mode, Type, info, table};

/// Values of a type at the ends of what it has.
fn pool(of: &Type) -> Option<Vec<String>> {
    let text = of.to_string();
    let values: &[&str] = match text.as_str() {
        "bool" => &["true", "false"],
        "char" => &["'a'", "'\\0'", "'\\ud83d'", "'\\uffff'"],
        "string" => &[
            "\"ab,c\"",
            "(string)null",
            "\"\"",
            "\"😀ä\\n\"",
            "\"-12.5e3\"",
            "\"{0:X}(\\\\[\"",
            "new string('x', 5000)",
        ],
        "sbyte" | "byte" | "short" | "ushort" | "uint" | "ulong" => {
            &["(TYPE)0", "TYPE.MaxValue", "TYPE.MinValue", "(TYPE)7"]
        }
        "int" | "long" => &["0", "-1", "1", "TYPE.MaxValue", "TYPE.MinValue", "7"],
        "float" | "double" => {
            &["(TYPE)0.5", "TYPE.NaN", "TYPE.MaxValue", "TYPE.NegativeInfinity", "(TYPE)-1e9", "(TYPE)3"]
        }
        "decimal" => {
            &["0m", "-1.50m", "decimal.MaxValue", "decimal.MinValue", "0.0000000000000000000000000001m"]
        }
        "object" => &[
            "(object)1",
            "(object)\"a\"",
            "(object)null",
            "(object)1.5m",
            "(object)new List<int> { 1 }",
            "(object)DateTime.MaxValue",
        ],
        "byte[]" => &["new byte[0]", "new byte[] { 1, 2, 255 }", "(byte[])null"],
        "char[]" => &["new char[0]", "new[] { 'a', ',' }"],
        "string[]" => &["new string[0]", "new[] { \"a\", \",\", null }"],
        "object[]" => &["new object[] { 1, null, \"a\" }"],
        "DateTime" => &["DateTime.MinValue", "DateTime.MaxValue", "DateTime.UtcNow"],
        "DateTimeOffset" => &["DateTimeOffset.MinValue", "DateTimeOffset.UtcNow", "DateTimeOffset.UnixEpoch"],
        "TimeSpan" => &["TimeSpan.Zero", "TimeSpan.MaxValue", "TimeSpan.MinValue", "TimeSpan.FromHours(1)"],
        "Guid" => &["Guid.Empty", "Guid.NewGuid()"],
        "Uri" => &["new Uri(\"https://h:1/a/b?c#d\")", "new Uri(\"a\", UriKind.Relative)"],
        "IPAddress" => &["IPAddress.Parse(\"::1\")", "IPAddress.Parse(\"1.2.3.4\")"],
        "IFormatProvider" => &["null", "CultureInfo.InvariantCulture"],
        "JToken" => &[
            "JToken.Parse(\"{\\\"a\\\":[1,null]}\")",
            "JToken.Parse(\"[]\")",
            "JToken.Parse(\"1\")",
            "(JToken)null",
        ],
        "JObject" => &["JObject.Parse(\"{\\\"a\\\":[1,null]}\")", "new JObject()"],
        "JArray" => &["JArray.Parse(\"[1,{\\\"a\\\":2}]\")", "new JArray()"],
        "JValue" => &["new JValue(1)", "new JValue((object)null)", "new JValue(\"a\")"],
        "JContainer" => &["(JContainer)new JArray(1)", "(JContainer)new JObject()"],
        "Regex" => &["new Regex(\"(a)|b*\")", "new Regex(\"$\")"],
        "Match" | "Group" | "Capture" => &["Regex.Match(\"ab\", \"(a)(c)?\")", "Regex.Match(\"\", \"x\")"],
        "GroupCollection" => &["Regex.Match(\"ab\", \"(a)(c)?\").Groups"],
        "StringBuilder" => &["new StringBuilder(\"aä😀\")", "new StringBuilder()"],
        "Random" => &["new Random()", "new Random(int.MinValue)"],
        "Encoding" => &["Encoding.UTF8", "Encoding.Unicode", "Encoding.ASCII"],
        "HashAlgorithm" => &["MD5.Create()"],
        "StringComparer" => &["StringComparer.Ordinal", "StringComparer.CurrentCultureIgnoreCase"],
        "IEnumerable<int>" => &["new[] { 3, 1, 2 }", "new int[0]"],
        "IEnumerable<string>" => &["new[] { \"b\", null, \"A\" }", "new string[0]"],
        "IEnumerable<JToken>" => &["new JArray(1, \"a\")"],
        _ => return enumeration_pool(of),
    };
    Some(values.iter().map(|value| value.replace("TYPE", &text)).collect())
}

fn enumeration_pool(of: &Type) -> Option<Vec<String>> {
    let Type::Class(class, _) = of else { return None };
    let ClassKind::Enum(values) = info(*class).kind else { return None };
    let numbers = values.values.iter().map(|(_, number)| *number).chain([-1, 77]);
    Some(numbers.map(|number| format!("({})({number})", values.name)).collect())
}

/// An expression that uses a member with the values of this number, if values of its types are known.
fn call_of(class: &ClassInfo, member: &MemberInfo, round: usize) -> Option<String> {
    let mut seed = round;
    let mut pick = |of: &Type| {
        let values = pool(of)?;
        let value = values[seed % values.len()].clone();
        seed = seed / values.len() + seed.wrapping_mul(7) % 5;
        Some(value)
    };
    let owner = Type::of_class(&class.name).unwrap_or_else(|| Type::named(&class.name, &[]));
    let receiver = match member.is_static {
        true => owner.to_string(),
        false => format!("({})", pick(&owner)?),
    };
    let mut arguments = Vec::new();
    for parameter in &member.parameters {
        arguments.push(match parameter.mode {
            Mode::Out => "out var _".to_owned(),
            _ => pick(&parameter.of)?,
        });
    }
    let list = arguments.join(", ");
    Some(match member.kind {
        MemberKind::Property => format!("{receiver}.{}", member.name),
        MemberKind::Method if member.is_extension => {
            let (this, rest) = arguments.split_first()?;
            format!("({this}).{}({})", member.name, rest.join(", "))
        }
        MemberKind::Method => format!("{receiver}.{}({list})", member.name),
        MemberKind::Constructor => format!("new {owner}({list})"),
        MemberKind::Indexer => format!("{receiver}[{list}]"),
        MemberKind::Operator(operator) => {
            format!("({}) {} ({})", arguments[0], operator.symbol(), arguments[1])
        }
        _ => return None,
    })
}

/// Nothing panics; what it gives is anything, or an exception.
#[test]
fn every_member_takes_values_at_the_ends_of_their_types() {
    let (mut called, mut gave) = (0, 0);
    for class in table().classes.iter().filter(|class| !class.namespace.is_empty() && class.parameters == 0) {
        for member in class.members.values().flatten() {
            for round in 0..ROUNDS {
                let Some(expression) = call_of(class, member, round) else { break };
                let (result, _) = run(&expression);
                called += 1;
                gave += usize::from(!result.starts_with('!') && !result.starts_with("error"));
            }
        }
    }
    assert!(called > 10_000 && gave > 5_000, "{called} calls, {gave} values");
}

/// Calls of each member.
const ROUNDS: usize = 24;
