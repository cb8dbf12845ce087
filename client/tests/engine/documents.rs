//! Expressions are compiled when a document is read: what is wrong with them is among its errors.

use larder_client::engine::Policy;
use larder_client::policy::{Fragments, NamedValues, ProblemKind, Problems};

fn read(text: &str, values: &NamedValues) -> Result<Policy, Problems> {
    Policy::read(text, values, &Fragments::new(), |_| false)
}

fn errors(text: &str) -> Vec<String> {
    let problems = read(text, &NamedValues::new()).unwrap_err();
    problems.errors().iter().map(ToString::to_string).collect()
}

#[test]
fn errors_say_line_column_statement_and_attribute() {
    let text = "<policies>\n  <inbound>\n    <cache-lookup-value key=\"@(\"a\" +\n      nothing)\" \
                variable-name=\"v\" />\n    <set-body>@(context.Requets)</set-body>\n    <cache-store-value \
                key=\"k\" value=\"@(1 * \"a\")\" duration=\"@(1L)\" />\n  </inbound>\n</policies>";
    let errors = errors(text);
    assert_eq!(errors.len(), 4, "{errors:#?}");
    for (error, start) in errors.iter().zip([
        "error: line 4, column 7, inbound, cache-lookup-value, attribute key: ",
        "error: line 5, column 25, inbound, set-body: ",
        "error: line 6, column 41, inbound, cache-store-value, attribute value: ",
        "error: line 6, column 63, inbound, cache-store-value, attribute duration: ",
    ]) {
        assert!(error.starts_with(start), "{error}\n{start}");
    }
}

/// The types of attributes are C#'s: 2.2 names `uint` as refused when the policy is saved.
#[test]
fn an_expression_of_another_type_is_an_error() {
    for (attribute, value) in [
        ("duration", "@(1L)"),
        ("duration", "@((uint)1)"),
        ("duration", "@(\"1\")"),
        ("cache-response", "@(1)"),
        ("cache-response", "@(\"true\")"),
        ("cache-response", "@(context.Variables[\"x\"])"),
    ] {
        let duration = if attribute == "duration" { "" } else { "duration=\"1\"" };
        let text = format!(
            "<policies><inbound><cache-lookup /></inbound><outbound><cache-store {duration} {attribute}=\"{value}\" \
             /></outbound></policies>"
        );
        let problems = read(&text, &NamedValues::new()).unwrap_err();
        let error = &problems.errors()[0];
        assert_eq!(
            (error.kind, error.attribute.as_deref()),
            (ProblemKind::Expression, Some(attribute)),
            "{value}"
        );
    }
}

/// A named value may be a secret: an error shows its name.
#[test]
fn no_error_of_an_expression_shows_a_named_value() {
    let values = NamedValues::new().with("secret", "s3cr3tName").with("fine", "1 + 1");
    let text = "<policies><inbound><set-variable name=\"x\" value=\"@({{secret}} + nothing)\" /><set-variable \
                name=\"y\" value=\"@({{fine}} + nothing)\" /></inbound></policies>";
    let problems = read(text, &values).unwrap_err();
    assert!(problems.errors().len() >= 3, "{problems}");
    assert!(!format!("{problems:#} {problems:?}").contains("s3cr3t"), "{problems:#}");
    assert!(problems.to_string().contains("nothing"), "{problems}");
}

#[test]
fn what_cannot_be_run_is_told() {
    for (statement, expected) in [
        ("<set-body template=\"liquid\">{{body.x}}</set-body>", "found liquid"),
        ("<return-response><set-body template=\"liquid\">x</set-body></return-response>", "found liquid"),
        ("<cache-lookup><vary-by-header>a b</vary-by-header></cache-lookup>", "is not the name of a header"),
    ] {
        let errors = errors(&format!("<policies><inbound>{statement}</inbound></policies>"));
        assert!(errors[0].contains(expected), "{errors:?}");
    }
}
