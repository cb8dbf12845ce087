//! Policy documents in published shapes, right and wrong: what is read of them, and every problem told.

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;

use larder_client::CachingType;
use larder_client::policy::statement::{CacheLookupValue, DownstreamCaching, ExistsAction};
use larder_client::policy::{Document, Form, Fragments, NamedValues, Section, Setting, Statement, rows};

/// Every file of `policies` is read; what is told of it stands in `expected.txt`.
/// `LARDER_REWRITE=policies cargo test -p larder-client --test policies` writes that anew.
#[test]
fn every_document_is_read_as_expected() {
    let mut text = String::new();
    for name in documents() {
        text.push_str(&format!("== {name}\n{}\n", told(&read(&name))));
    }
    let path = folder().join("expected.txt");
    if std::env::var("LARDER_REWRITE").is_ok_and(|what| what == "policies") {
        fs::write(&path, &text).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap();
    for (found, expected) in text.split("== ").zip(expected.split("== ")) {
        assert_eq!(found, expected);
    }
    assert_eq!(text.len(), expected.len());
    assert!(documents().len() >= 40);
}

/// The values of the test's named values that are secret stand in no problem, however printed.
#[test]
fn no_problem_shows_a_named_value() {
    for name in documents() {
        let text = told(&read(&name)).replace(&name, "");
        for secret in ["s3cr3t-client", "internal.example", "7331"] {
            assert!(!text.contains(secret), "{name}: {text}");
        }
    }
}

#[test]
fn every_statement_stands_in_a_document() {
    let mut met = HashSet::new();
    for name in documents() {
        if let Ok(document) = read(&name) {
            for section in Section::ALL {
                names(document.section(section), &mut met);
            }
        }
    }
    for row in rows::ROWS {
        assert!(met.contains(row.element.name), "{}", row.element.name);
    }
}

/// For each row: without its required attributes, with an unknown one, where it may not stand.
#[test]
fn every_row_is_checked() {
    for row in rows::ROWS {
        let name = row.element.name;
        let text = format!("<policies><inbound><{name} no-such=\"1\" /></inbound></policies>");
        let problems = Document::read(&text, &NamedValues::new(), &Fragments::new()).unwrap_err().to_string();
        assert!(problems.contains("attribute no-such"), "{name}: {problems}");
        for attribute in row.element.attributes {
            let is_required = matches!(attribute.presence, larder_client::policy::row::Presence::Required);
            let is_told = problems.contains(&format!("{name}, attribute {}: found nothing", attribute.name));
            let is_warned = matches!(attribute.presence, larder_client::policy::row::Presence::Expected(_));
            assert_eq!(is_told, is_required || is_warned, "{name} {}: {problems}", attribute.name);
            if !attribute.expression {
                let text =
                    format!("<policies><inbound><{name} {}=\"@(x)\" /></inbound></policies>", attribute.name);
                let problems = Document::read(&text, &NamedValues::new(), &Fragments::new()).unwrap_err();
                assert!(problems.to_string().contains("; no expression"), "{name}: {problems}");
            }
        }
        for section in Section::ALL {
            let text = format!("<policies><{section}><{name} /></{section}></policies>");
            let read = Document::read(&text, &NamedValues::new(), &Fragments::new());
            let is_wrong =
                read.is_err_and(|problems| problems.to_string().contains("found it here, expected it in"));
            assert_eq!(is_wrong, !row.sections.contains(section), "{name} {section}");
        }
    }
}

#[test]
fn settings_are_typed_and_defaults_filled_in() {
    let document = read("response-caching.xml").unwrap();
    let Statement::CacheLookup(lookup) = &document.section(Section::Inbound)[1].statement else { panic!() };
    assert_eq!(lookup.vary_by_developer, Setting::Literal(false));
    assert_eq!(&*lookup.vary_by_developer_groups.expression().unwrap().text, "@(true)");
    assert_eq!(lookup.downstream_caching_type, Setting::Literal(DownstreamCaching::Private));
    assert_eq!(lookup.must_revalidate, Setting::Literal(true));
    assert_eq!(lookup.vary_by_headers.join(","), "Accept,Accept-Charset");
    assert_eq!(lookup.vary_by_query_parameters.join(","), "page,size");
    let document = read("response-caching-short.xml").unwrap();
    let Statement::CacheLookup(lookup) = &document.section(Section::Inbound)[0].statement else { panic!() };
    assert_eq!(lookup.vary_by_developer_groups, Setting::Literal(false));
    assert_eq!(lookup.must_revalidate, Setting::Literal(true));
    let Statement::CacheStore(store) = &document.section(Section::Outbound)[0].statement else { panic!() };
    assert_eq!(store.duration, Setting::Literal(60));
    assert_eq!(store.cache_response, Some(Setting::Literal(true)));
}

#[test]
fn the_manual_s_example_is_read() {
    let text = r#"<policies><inbound>
        <cache-lookup-value key="@("userprofile-" + context.Variables["enduserid"])" variable-name="userprofile" />
        <rate-limit calls="10" renewal-period="60" />
    </inbound></policies>"#;
    let document = Document::read(text, &NamedValues::new(), &Fragments::new()).unwrap();
    let Statement::CacheLookupValue(lookup) = &document.section(Section::Inbound)[0].statement else {
        panic!()
    };
    let CacheLookupValue { key, variable_name, default_value, caching_type } = lookup;
    assert_eq!(&*key.expression().unwrap().text, r#"@("userprofile-" + context.Variables["enduserid"])"#);
    assert_eq!(
        (&**variable_name, default_value, *caching_type),
        ("userprofile", &None, CachingType::PreferExternal)
    );
    assert!(document.warnings().is_empty());
}

#[test]
fn expressions_are_unescaped_and_keep_their_lines() {
    let document = read("escaped-expressions.xml").unwrap();
    let texts: Vec<String> = document.section(Section::Inbound).iter().map(variable).collect();
    assert_eq!(texts[0], r#"@(context.Variables.ContainsKey("x") && 1 < 2 ? ")" : null)"#);
    assert_eq!(texts[1], r#"@("it" + '"' + "'")"#);
    assert_eq!(texts[2], r#"@(a && "raw" == b && 3 > 2)"#);
    let document = read("response-caching.xml").unwrap();
    let Statement::CacheStore(store) = &document.section(Section::Outbound)[1].statement else { panic!() };
    assert_eq!(store.duration.expression().unwrap().text.lines().count(), 5);
}

#[test]
fn bodies_are_taken_as_written() {
    let text = r#"<policies><inbound>
        <set-body> {"a": 1} </set-body>
        <set-body><!-- c -->
            @(1 < 2 ? "</set-body>" : "&amp;") </set-body>
        <set-body template="liquid"><a><b x="1">{{body.id}}</b> &lt;</a></set-body>
        <set-body><![CDATA[ @("&lt;") ]]></set-body>
        <set-body />
    </inbound></policies>"#;
    let document = Document::read(text, &NamedValues::new(), &Fragments::new()).unwrap();
    let bodies: Vec<String> = document
        .section(Section::Inbound)
        .iter()
        .map(|step| match &step.statement {
            Statement::SetBody(body) => match &body.body {
                Setting::Literal(text) => format!("literal {text}"),
                Setting::Expression(expression) => format!("expression {}", expression.text),
            },
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        bodies,
        [
            "literal  {\"a\": 1} ",
            "expression @(1 < 2 ? \"</set-body>\" : \"&\")",
            "literal <a><b x=\"1\">{{body.id}}</b> &lt;</a>",
            "expression @(\"&lt;\")",
            "literal ",
        ]
    );
}

#[test]
fn opaque_statements_keep_all_that_stands_in_them() {
    let document = read("opaque.xml").unwrap();
    let steps = document.section(Section::Inbound);
    let Statement::Opaque(element) = &steps[0].statement else { panic!() };
    assert_eq!((&*steps[0].name, element.attributes.len()), ("validate-jwt", 2));
    let config = element.elements().next().unwrap();
    assert_eq!(config.attribute("url").unwrap().text, "https://internal.example/x");
    let claim = element.elements().nth(1).unwrap().elements().next().unwrap();
    let value = claim.elements().next().unwrap().text().unwrap();
    assert_eq!((value.form, value.text.as_str()), (Form::Expression, "@(\"a\" + \"<b>\")"));
    assert_eq!(value.location.to_string(), "line 2, column 176");
}

#[test]
fn fragments_are_read_once_and_stand_where_they_are_included() {
    let document = read("fragments.xml").unwrap();
    let Statement::IncludeFragment(token) = &document.section(Section::Inbound)[0].statement else {
        panic!()
    };
    assert_eq!((&*token.fragment.id, token.fragment.steps.len()), ("token", 3));
    assert_eq!(token.fragment.steps[0].location.to_string(), "fragment token, line 2, column 3");
    let Statement::IncludeFragment(header) = &token.fragment.steps[1].statement else { panic!() };
    let Statement::SetHeader(set) = &header.fragment.steps[0].statement else { panic!() };
    assert_eq!(set.exists_action, Setting::Literal(ExistsAction::Override));
    let Statement::Choose(choose) = &document.section(Section::OnError)[0].statement else { panic!() };
    let Statement::IncludeFragment(again) = &choose.branches[0].steps[0].statement else { panic!() };
    assert!(std::sync::Arc::ptr_eq(&again.fragment, &token.fragment));
}

#[test]
fn fragments_within_fragments_are_bounded() {
    let chain = |length: usize| {
        (0..length).fold(Fragments::new(), |fragments, place| {
            let next = format!("<include-fragment fragment-id=\"f{}\" />", place + 1);
            let inner = if place + 1 == length { "<base2 />".to_owned() } else { next };
            fragments.with(format!("f{place}"), format!("<fragment>{inner}</fragment>"))
        })
    };
    let text = "<policies><inbound><include-fragment fragment-id=\"f0\" /></inbound></policies>";
    assert!(Document::read(text, &NamedValues::new(), &chain(16)).is_ok());
    let problems = Document::read(text, &NamedValues::new(), &chain(17)).unwrap_err();
    assert!(problems.to_string().contains("fragment f15, line 1, column 11"), "{problems}");
    // Each includes the next many times: without reading each once this would not end.
    let wide = (0..15).fold(Fragments::new(), |fragments, place| {
        let inner = format!("<include-fragment fragment-id=\"f{}\" />", place + 1).repeat(50);
        fragments.with(format!("f{place}"), format!("<fragment>{inner}</fragment>"))
    });
    let wide = wide.with("f15", "<fragment><base2 /></fragment>");
    assert!(Document::read(text, &NamedValues::new(), &wide).is_ok());
}

#[test]
fn limits_are_told() {
    for (text, expected) in [
        ("<a>".repeat(65), "expected at most 64"),
        (format!("<policies>{}</policies>", "<a/>".repeat(10_000)), "expected at most 10000"),
        (
            format!("<policies {}/>", (0..101).map(|n| format!("a{n}=\"\" ")).collect::<String>()),
            "at most 100",
        ),
        (" ".repeat(1024 * 1024 + 1), "expected at most 1048576 bytes"),
        (format!("<policies><inbound>{}", "<base x=\"\"/>".repeat(200)), "and more"),
    ] {
        let problems = Document::read(&text, &NamedValues::new(), &Fragments::new()).unwrap_err();
        assert!(problems.to_string().contains(expected), "{:.200}", problems.to_string());
        assert!(problems.errors().len() <= 100);
    }
}

#[test]
fn a_problem_shows_its_line_with_a_caret() {
    let text = "<policies>\n  <outbound>\n    <cache-store duration=\"soon\" />\n  </outbound>\n</policies>";
    let problems = Document::read(text, &NamedValues::new(), &Fragments::new()).unwrap_err();
    assert_eq!(
        format!("{:#}", problems.errors()[0]),
        "error: line 3, column 28, outbound, cache-store, attribute duration: found \"soon\", expected a whole \
         number of seconds, 0 to 2147483647 or an expression\n        <cache-store duration=\"soon\" />\n    \
         \x20                          ^"
    );
}

fn variable(step: &larder_client::policy::Step) -> String {
    let Statement::SetVariable(set) = &step.statement else { panic!() };
    set.value.expression().expect("an expression").text.to_string()
}

fn names(steps: &[larder_client::policy::Step], met: &mut HashSet<String>) {
    for step in steps {
        met.insert(step.name.to_string());
        step.statement.blocks().into_iter().for_each(|block| names(block, met));
    }
}

fn told(read: &Result<Document, larder_client::policy::Problems>) -> String {
    match read {
        Ok(document) => {
            let count: usize = Section::ALL.iter().map(|section| document.section(*section).len()).sum();
            let lines = document.warnings().iter().map(|problem| format!("\n{:?} {problem}", problem.kind));
            format!("{count} statements{}", lines.collect::<String>())
        }
        Err(problems) => {
            let all = problems.errors().iter().chain(problems.warnings());
            let lines: Vec<String> = all.map(|problem| format!("{:?} {problem}", problem.kind)).collect();
            lines.join("\n")
        }
    }
}

fn read(name: &str) -> Result<Document, larder_client::policy::Problems> {
    let text = fs::read_to_string(folder().join(name)).expect("a text");
    Document::read(&text, &values(), &fragments())
}

fn values() -> NamedValues {
    NamedValues::new().with("host", "internal.example").with("client", "s3cr3t-client").with("ttl", "7331")
}

fn fragments() -> Fragments {
    Fragments::new()
        .with(
            "token",
            "<fragment>\n  <cache-lookup-value key=\"t\" variable-name=\"t\" />\n  <include-fragment \
             fragment-id=\"header\" />\n  <trace source=\"t\">x</trace>\n</fragment>",
        )
        .with("header", "<fragment><set-header name=\"X\"><value>{{client}}</value></set-header></fragment>")
        .with("cycle-a", "<fragment><include-fragment fragment-id=\"cycle-b\" /></fragment>")
        .with("cycle-b", "<fragment><include-fragment fragment-id=\"cycle-a\" /></fragment>")
        .with("broken", "<fragment>\n<base />\n<set-status code=\"{{client}}\" />\n<set-status</fragment>")
        .with("limits", "<fragment><rate-limit calls=\"1\" renewal-period=\"1\" /></fragment>")
}

fn documents() -> Vec<String> {
    let files = fs::read_dir(folder())
        .expect("the folder")
        .map(|file| file.expect("a file").file_name().into_string().expect("a name"));
    let mut names: Vec<String> = files.filter(|name| name.ends_with(".xml")).collect();
    names.sort();
    names
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/policies")
}
