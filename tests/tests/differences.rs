//! The page that lists every difference from Redis is made of the transcripts and says what they say.
//! `LARDER_REWRITE=redis` (or any value) writes it anew.

use std::fs;
use std::path::Path;

use larder_tests::transcript::{Exchange, Replies, Script};

#[test]
fn the_page_lists_what_the_transcripts_list() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("DIFFERENCES.md");
    let wanted = page();
    if std::env::var_os("LARDER_REWRITE").is_some() {
        fs::write(&path, &wanted).expect("the page can be written");
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == wanted,
        "tests/DIFFERENCES.md is out of date: LARDER_REWRITE=page cargo test -p larder-tests --test differences"
    );
}

fn page() -> String {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
    let mut paths: Vec<_> = fs::read_dir(directory)
        .expect("the scripts are there")
        .map(|entry| entry.expect("the directory can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    paths.sort();
    let mut text = HEAD.to_owned();
    for path in paths {
        let script = Script::load(&path).unwrap_or_else(|error| panic!("{error}"));
        let rows: Vec<String> = script.exchanges().filter_map(row).collect();
        if !rows.is_empty() {
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            text.push_str(&format!("\n## {name}\n\n{TABLE}{}", rows.concat()));
        }
    }
    text
}

fn row(exchange: &Exchange) -> Option<String> {
    let Replies::Differ(difference) = &exchange.replies else { return None };
    let sent = exchange.sent().trim_start_matches("> ");
    let lines = |answer: &Option<_>| answer.iter().flat_map(lines).collect::<Vec<_>>().join(" ");
    let (redis, larder) = (lines(&difference.redis), lines(&difference.larder));
    Some(format!("| {} | {} | {} | {} |\n", cell(sent), cell(&redis), cell(&larder), difference.reason))
}

fn lines(answer: &larder_tests::transcript::Answer) -> Vec<String> {
    answer.lines.clone()
}

/// Code in a table cell, cut where it is long.
fn cell(text: &str) -> String {
    let mut short: String = text.chars().take(CELL_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("`{}`", short.replace('|', "\\|").replace('`', "'"))
}

const CELL_MAX: usize = 100;
const HEAD: &str = "# Where Larder answers differently from Redis

Written by `cargo test -p larder-tests --test differences` with `LARDER_REWRITE` set, from the exchanges under
`scripts/` that are marked `!differs`. Everything else there is answered with the same bytes.
";
const TABLE: &str = "| sent | Redis 7.0 | Larder | reason |\n|---|---|---|---|\n";
