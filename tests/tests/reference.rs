//! Every row of the caching reference's tables has a test, named after it. The rows are listed in `reference/rows.txt`;
//! `reference/README.md` says which tests show each, and is made from both.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// `LARDER_REWRITE=docs cargo test -p larder-tests --test reference` writes the page anew.
#[test]
fn every_row_has_a_test_and_every_such_test_a_row() {
    let rows = rows();
    let (tests, mut faults) = (tests(), Vec::new());
    let mut shown: BTreeMap<&str, Vec<String>> =
        rows.iter().map(|(id, _)| (id.as_str(), Vec::new())).collect();
    for (name, file) in &tests {
        // The longest one: `table_9_1` begins like `table_9_10`.
        let row =
            rows.iter().map(|(id, _)| id.as_str()).filter(|id| shows(name, id)).max_by_key(|id| id.len());
        match row.and_then(|row| shown.get_mut(row)) {
            Some(list) => list.push(format!("[`{name}`](../../{file})")),
            None => faults.push(format!("{file}: {name} shows no row of the list")),
        }
    }
    faults.extend(
        shown.iter().filter(|(_, list)| list.is_empty()).map(|(row, _)| format!("{row} has no test")),
    );
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));

    let page = root().join("tests/reference/README.md");
    let text = page_of(&rows, &shown);
    if std::env::var("LARDER_REWRITE").is_ok_and(|what| what == "docs") {
        fs::write(&page, &text).expect("the page can be written");
    }
    let found = fs::read_to_string(&page).expect("the page");
    assert!(found == text, "tests/reference/README.md is out of date: LARDER_REWRITE=docs writes it anew");
}

#[test]
fn a_name_shows_the_row_it_begins_with() {
    assert!(shows("table_9_1", "table_9_1"));
    assert!(shows("table_9_1_a_miss_leaves_it", "table_9_1"));
    assert!(!shows("table_9_10", "table_9_1"));
    let source = "#[test]\nfn table_1_x() {}\nfn table_1_y() {}\n    #[tokio::test(start_paused = true)]\n    async fn table_2() {}\n";
    assert_eq!(tests_in(source), ["table_1_x", "table_2"]);
}

/// Names with the rows they stand for.
fn rows() -> Vec<(String, String)> {
    let text = fs::read_to_string(root().join("tests/reference/rows.txt")).expect("the list of rows");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let rows = lines.map(|line| {
        let (id, words) = line.split_once(' ').unwrap_or_else(|| panic!("no words: {line}"));
        (id.to_owned(), words.trim().to_owned())
    });
    let rows: Vec<_> = rows.collect();
    assert!(rows.len() > 100, "the list has been cut");
    rows
}

/// All tests whose names begin with `table_`, and their files.
fn tests() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for directory in ["client/src", "client/tests", "node/src", "proto/src", "tests/src", "tests/tests"] {
        sources(&root().join(directory), &mut |path| {
            let text = fs::read_to_string(path).expect("a source");
            let file = path.strip_prefix(root()).expect("it lies in the repository").display().to_string();
            found.extend(tests_in(&text).into_iter().map(|name| (name, file.clone())));
        });
    }
    found.sort();
    found
}

fn tests_in(text: &str) -> Vec<String> {
    let (mut found, mut is_test) = (Vec::new(), false);
    for line in text.lines().map(str::trim) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if let Some(rest) = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ") {
            let name = rest.split('(').next().unwrap_or(rest);
            if std::mem::take(&mut is_test) && name.starts_with("table_") {
                found.push(name.to_owned());
            }
        }
    }
    found
}

fn sources(directory: &Path, found: &mut impl FnMut(&Path)) {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry").path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found(&path);
        }
    }
}

fn shows(name: &str, row: &str) -> bool {
    name.strip_prefix(row).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
}

fn page_of(rows: &[(String, String)], shown: &BTreeMap<&str, Vec<String>>) -> String {
    let mut text = "# Rows of the caching reference, and the tests that show them\n\n\
                    Made from `rows.txt` and the names of the tests; a row without a test fails `tests/run`.\n\n\
                    | row | what it says | tests |\n|---|---|---|\n"
        .to_owned();
    for (id, words) in rows {
        let tests = shown.get(id.as_str()).map(|list| list.join(", ")).unwrap_or_default();
        // Writing to a string does not fail.
        let _ = writeln!(text, "| `{id}` | {words} | {tests} |");
    }
    text
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}
