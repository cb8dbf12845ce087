//! `--check`: what is wrong with policies, and what right ones do, in words.

use std::path::Path;

use crate::process::{command, run, write};
use crate::support::TempDir;

/// Checks files in a directory of their own; what is printed names them without it.
fn check(files: &[(&str, &str)], args: &[&str]) -> (i32, String) {
    let dir = TempDir::new();
    for (name, text) in files {
        write(&dir, name, text);
    }
    let mut command = command(&["--check"]);
    command.args(args).current_dir(dir.path());
    let (status, printed, complained) = run(command);
    assert_eq!(complained, "");
    (status, printed)
}

/// Compares with a file beside this one, or writes it.
fn agree(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gateway").join(name);
    if std::env::var("LARDER_REWRITE").is_ok_and(|value| value == "explained") {
        std::fs::write(&path, found).unwrap();
    }
    let wanted = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, wanted, "{name}; LARDER_REWRITE=explained writes it");
}

const EVERY_STATEMENT: &str = include_str!("every-statement.xml");
const EXAMPLE: &str = include_str!("../../examples/userprofile.xml");

#[test]
fn the_example_is_explained() {
    let args =
        ["--policy", "userprofile.xml", "--backend", "http://127.0.0.1:9000", "--region", "Southeast Asia"];
    let external = ["--external", "Southeast Asia=cache.example.net:6380,password=hunter2,ssl=True"];
    let (status, text) = check(&[("userprofile.xml", EXAMPLE)], &[&args[..], &external].concat());
    assert!(!text.contains("hunter2"), "{text}");
    agree("explained-example.txt", &text);
    assert_eq!(status, 0);
}

#[test]
fn every_statement_is_explained_and_named_values_are_not_shown() {
    let config = r#"
        policy = "every.xml"
        backend = "http://127.0.0.1:9000/api"
        service = "shop"
        region = "west"
        [named]
        tenant = "hunter2"
        calls = 25
        [fragment]
        shared = "shared.xml"
        [[route]]
        path = "/users/{id}"
        methods = ["GET", "HEAD"]
        [[route]]
        path = "/*"
    "#;
    let shared = "<fragment><cache-remove-value key=\"old\" caching-type=\"external\" /></fragment>";
    let files = [("every.xml", EVERY_STATEMENT), ("gateway.toml", config), ("shared.xml", shared)];
    let (status, text) = check(&files, &["--config", "gateway.toml"]);
    assert!(!text.contains("hunter2"), "{text}");
    agree("explained-statements.txt", &text);
    assert_eq!(status, 0);
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let one = "<policies>\n  <inbound>\n    <cache-lookup-value key=\"@(context.Nothing)\" />\n    \
               <rate-limit calls=\"0\" renewal-period=\"600\" />\n    <no-such-statement />\n  </inbound>\n\
               \x20 <outbound>\n    <cache-store duration=\"60\" />\n  </outbound>\n</policies>\n";
    let two = "<policies>\n  <inbound>\n    <set-variable name=\"a\" value=\"@(1 +)\" />\n  </inbound>\n</policies>\n";
    let config = r#"
        backend = "http://127.0.0.1:9000"
        [[route]]
        path = "/one"
        policy = "one.xml"
        [[route]]
        path = "two/{}"
        policy = "two.xml"
        [[route]]
        path = "/three"
        policy = "three.xml"
        [[subscription]]
        id = "s"
        key = "hunter2"
        user = "nobody"
    "#;
    let files = [("one.xml", one), ("two.xml", two), ("gateway.toml", config)];
    let (status, text) =
        check(&files, &["--config", "gateway.toml", "--external", "Default=host:1,pasword=hunter2"]);
    assert!(!text.contains("hunter2"), "{text}");
    agree("explained-errors.txt", &text);
    assert_eq!(status, 1);
}

#[test]
fn the_file_of_the_manual_is_right() {
    let manual = include_str!("../../../docs/larder-gateway.md");
    let config = manual.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let api = "<policies><inbound><base /><include-fragment fragment-id=\"shared\" /></inbound></policies>";
    let shared = "<fragment><rate-limit calls=\"{{calls}}\" renewal-period=\"60\" /></fragment>";
    let files =
        [("gateway.toml", config), ("userprofile.xml", EXAMPLE), ("api.xml", api), ("shared.xml", shared)];
    let (status, text) = check(&files, &["--config", "gateway.toml"]);
    assert_eq!(status, 0, "{text}");
    for part in [
        "caching-type prefer-external: external:Southeast Asia",
        "route /users/{id} (GET) -> http://127.0.0.1:9000/, policy userprofile.xml (operation), api.xml (api)",
        "route /shop/* (all methods) -> http://127.0.0.1:9001/v1, policy api.xml (operation)",
        "10 calls in any 60 s",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("secret") && !text.contains("the-key"), "{text}");
}

#[test]
fn failover_is_explained() {
    let args = ["--policy", "p.xml", "--backend", "http://127.0.0.1:9000", "--failover"];
    let file = [("p.xml", EXAMPLE)];
    let both = check(&file, &[&args[..], &["--external", "Default=cache.example.net"]].concat());
    assert!(both.1.contains("failover: while the external cache fails, prefer-external turns"), "{}", both.1);
    let one = check(&file, &args);
    assert!(one.1.contains("failover has no effect"), "{}", one.1);
    assert!(!check(&file, &args[..4]).1.contains("failover"));
}

#[test]
fn a_policy_alone_can_be_checked() {
    let (status, text) = check(&[("p.xml", EXAMPLE)], &["--policy", "p.xml"]);
    assert_eq!(status, 0, "{text}");
    assert!(text.starts_with("0 errors, 0 warnings\n"), "{text}");
    assert!(
        text.contains("route /* (all methods) -> no backend yet: to serve, give --backend, policy p.xml"),
        "{text}"
    );
    let (status, text) =
        check(&[("p.xml", "<policies><inbound><nothing /></inbound></policies>")], &["--policy", "p.xml"]);
    assert_eq!((status, text.contains("backend")), (1, false), "{text}");
}
