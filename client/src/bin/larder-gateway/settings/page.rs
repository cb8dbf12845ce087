//! The table of the settings in `docs/larder-gateway.md`, made of the rows: a test holds that it is current, and
//! `LARDER_REWRITE=docs cargo test -p larder-client --features gateway --bin larder-gateway page` writes it anew.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::Settings;
use super::rows::{Form, ROWS, Row};
use super::sources::variable_name;

#[test]
fn the_page_of_settings_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/larder-gateway.md");
    let page = fs::read_to_string(&path).unwrap();
    let (before, _) = page.split_once(HEADING).expect("a section for the settings");
    let wanted = format!("{before}{HEADING}{}", table());
    if std::env::var("LARDER_REWRITE").is_ok_and(|what| what == "docs") {
        fs::write(&path, &wanted).unwrap();
        return;
    }
    assert!(page == wanted, "docs/larder-gateway.md is out of date: LARDER_REWRITE=docs writes it anew");
}

fn table() -> String {
    let mut text = "\nMade of the rows in `client/src/bin/larder-gateway/settings/rows.rs`. The key in a file is the flag without \
                    its dashes; the variable is `LARDER_GATEWAY_` and the flag in capitals, with `_` for `-`.\n\n\
                    | flag | variable | value | default | what it does |\n|---|---|---|---|---|\n"
        .to_owned();
    for row in ROWS {
        let default = if row.default.is_empty() { String::new() } else { format!("`{}`", row.default) };
        let _ = writeln!(
            text,
            "| `--{}` | `{}` | {} | {default} | {} |",
            row.name,
            variable_name(row.name),
            values(row),
            row.help.replace('|', "\\|")
        );
    }
    text
}

/// What may be given: a row says it when it is given something else.
fn values(row: &Row) -> String {
    let said = (row.parse)(&mut Settings::default(), "\u{1}").err();
    let said = said.as_deref().and_then(|said| said.strip_prefix("expected "));
    let bounds = said.and_then(|said| said.strip_prefix("a whole number, "));
    let value = match (bounds, row.form) {
        (Some(bounds), _) => format!("{} {bounds}", row.value),
        (None, Form::Switch) => "true or false".to_owned(),
        (None, _) => format!("`{}`", row.value.replace('|', "\\|")),
    };
    if row.form == Form::Many { format!("{value}, repeatable") } else { value }
}

const HEADING: &str = "## Settings\n";
