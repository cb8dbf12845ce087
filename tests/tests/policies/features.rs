//! What the cases hold of what published policies hold: one row each, counted in the
//! text of the policies, and the table of `tests/policies/README.md` that is made of them.

use std::fmt::Write;

use crate::case::Case;
use crate::shapes;
use crate::uses::USES;

/// Something that published policies hold.
struct Feature {
    /// How the reference calls it.
    name: &'static str,
    /// What it is found by: any of these.
    marks: &'static [&'static str],
    /// In how many cases it must occur at least.
    least: usize,
}

/// What occurs in too few cases.
pub(crate) fn missing(cases: &[Case]) -> Vec<String> {
    let mut missing = Vec::new();
    let mut check = |name: &str, found: usize, least: usize| {
        if found < least {
            missing.push(format!("{name}: {found}, expected at least {least}"));
        }
    };
    for feature in TABLES.iter().flat_map(|(_, rows)| rows.iter()) {
        check(feature.name, feature.count(cases).1, feature.least);
    }
    for row in USES {
        check(row.name, cases.iter().filter(|case| case.uses.contains(&row)).count(), row.least);
    }
    missing
}

/// The page with its table written anew.
pub(crate) fn page(page: &str, cases: &[Case]) -> String {
    let head = page.split_once(BEGIN).map_or(page, |(head, _)| head);
    let rest = page.split_once(END).map_or("", |(_, rest)| rest);
    let mut text = format!("{head}{BEGIN}\n\n{} cases.\n", cases.len());
    for (title, rows) in TABLES {
        let _ = write!(text, "\n| {title} | times | cases |\n|---|---:|---:|\n");
        for row in *rows {
            let (times, of) = row.count(cases);
            let _ = writeln!(text, "| {} | {times} | {of} |", row.name);
        }
    }
    text.push_str(&shapes::tables(cases));
    let _ = write!(text, "\n| use | cases |\n|---|---:|\n");
    for row in USES {
        let count = cases.iter().filter(|case| case.uses.contains(&row)).count();
        let _ = writeln!(text, "| {} | {count} |", row.name);
    }
    format!("{text}\n{END}{rest}")
}

impl Feature {
    /// How often it occurs, and in how many cases.
    fn count(&self, cases: &[Case]) -> (usize, usize) {
        let in_case = |case: &Case| {
            let policies = case.policies.iter().map(|(_, block)| block);
            let blocks = policies.chain(case.fragments.iter().map(|(_, block)| block));
            let count = |text: &str| self.marks.iter().map(|mark| text.matches(mark).count()).sum::<usize>();
            blocks.map(|block| count(&block.text)).sum::<usize>()
        };
        let counts: Vec<usize> = cases.iter().map(in_case).collect();
        (counts.iter().sum(), counts.iter().filter(|count| **count > 0).count())
    }
}

const fn feature(name: &'static str, marks: &'static [&'static str], least: usize) -> Feature {
    Feature { name, marks, least }
}

const BEGIN: &str = "<!-- counted: begin -->";
const END: &str = "<!-- counted: end -->";

static TABLES: &[(&str, &[Feature])] =
    &[("statement", STATEMENTS), ("attribute or element", ATTRIBUTES), ("expression", EXPRESSIONS)];

static STATEMENTS: &[Feature] = &[
    feature("`cache-lookup-value`", &["<cache-lookup-value"], 70),
    feature("`cache-store-value`", &["<cache-store-value"], 70),
    feature("`cache-remove-value`", &["<cache-remove-value"], 15),
    feature("`cache-value`", &["<cache-value"], 5),
    feature("`cache-lookup`", &["<cache-lookup "], 10),
    feature("`cache-store`", &["<cache-store "], 10),
    feature("`rate-limit`", &["<rate-limit "], 2),
    feature("`rate-limit-by-key`", &["<rate-limit-by-key"], 3),
    feature("`choose`", &["<choose>"], 40),
    feature("`choose` in `choose`", &["<choose><!-- inner -->"], 2),
    feature("`set-variable`", &["<set-variable"], 20),
    feature("`return-response`", &["<return-response"], 20),
    feature("`include-fragment`", &["<include-fragment"], 3),
    feature("`base`", &["<base"], 5),
    feature("`on-error`", &["<on-error>"], 5),
];

static ATTRIBUTES: &[Feature] = &[
    feature("`caching-type` internal", &["caching-type=\"internal\""], 20),
    feature("`caching-type` external", &["caching-type=\"external\""], 12),
    feature("`caching-type` prefer-external", &["caching-type=\"prefer-external\""], 1),
    feature("`default-value` NONE", &["default-value=\"NONE\""], 4),
    feature("`default-value` empty", &["default-value=\"\""], 3),
    feature("`default-value` _", &["default-value=\"_\""], 1),
    feature("`fail-on-cache-removal-error`", &["fail-on-cache-removal-error="], 2),
    feature("`duration` from a named value", &["duration=\"{{"], 2),
    feature("`duration` from an expression", &["duration=\"@"], 5),
    feature("`duration` of the longest", &["duration=\"2147483647\""], 1),
    feature("`vary-by-developer` true", &["vary-by-developer=\"true\""], 1),
    feature("`vary-by-developer-groups` true", &["vary-by-developer-groups=\"true\""], 1),
    feature("`downstream-caching-type`", &["downstream-caching-type=\"p"], 2),
    feature("`must-revalidate`", &["must-revalidate="], 1),
    feature("`allow-private-response-caching`", &["allow-private-response-caching="], 1),
    feature("`vary-by-header`", &["<vary-by-header>"], 2),
    feature("`vary-by-query-parameter`", &["<vary-by-query-parameter>"], 2),
    feature("`cache-response`", &["cache-response="], 3),
    feature("`refresh-after`", &["refresh-after="], 2),
    feature("`{{named}}`", &["{{"], 5),
];

static EXPRESSIONS: &[Feature] = &[
    feature("`Variables[\"x\"]`", &["Variables[\""], 60),
    feature("`(string)` cast", &["(string)"], 50),
    feature("`+`", &["\" + ", " + \""], 30),
    feature("`$\"\"`", &["$\""], 15),
    feature("`@{}`", &["@{"], 10),
    feature("`(int)`", &["(int)"], 6),
    feature("`GetValueOrDefault<T>`", &["GetValueOrDefault<"], 6),
    feature("untyped `Variables.GetValueOrDefault`", &["Variables.GetValueOrDefault("], 3),
    feature("`Variables.ContainsKey`", &["Variables.ContainsKey("], 25),
    feature("`Variables[\"x\"] == null`", &["\"] == null", "\"] != null"], 2),
    feature("`Headers.GetValueOrDefault`", &["Headers.GetValueOrDefault("], 12),
    feature("`?.`", &["?."], 5),
    feature("`ToString`", &["ToString("], 8),
    feature("`AsJwt`", &["AsJwt()"], 3),
    feature("`Convert.*`", &["Convert."], 4),
    feature("`JObject.Parse`", &["JObject.Parse("], 3),
    feature("`DateTime`", &["DateTime."], 3),
    feature("`MatchedParameters`", &["MatchedParameters"], 2),
    feature("ternary", &[" ? "], 3),
    feature("`??`", &[" ?? "], 2),
    feature("`@(context.Response)`", &["@(context.Response)"], 2),
    feature("JObject or JArray cast", &["(JObject)", "(JArray)"], 3),
    feature("`int.Parse`", &["int.Parse("], 2),
    feature("`DateTimeOffset`", &["DateTimeOffset"], 2),
    feature("`Substring`", &[".Substring("], 2),
    feature("`Split`", &[".Split("], 2),
    feature("`Body.As`", &["Body.As<"], 5),
    feature("arithmetic", &[" - ", " * ", " / ", " % ", " + 1"], 5),
    feature("`new JObject`", &["new JObject"], 2),
    feature("Regex", &["Regex."], 1),
    feature("`Random`", &["Random"], 2),
    feature("escaped quotes", &["&quot;"], 2),
];
