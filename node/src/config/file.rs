//! The TOML file that `--config` names: one key for each setting, none nested.

use std::path::Path;

use super::rows::{ROWS, Row};

/// The values of a file, in the order of its keys, each with its row.
pub(super) fn read(path: &Path) -> Result<Vec<(&'static Row, String)>, String> {
    let text =
        std::fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    parse(&text).map_err(|error| format!("{}: {error}", path.display()))
}

fn parse(text: &str) -> Result<Vec<(&'static Row, String)>, String> {
    // The parser's message shows the line, which may hold the password: only the place is told.
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(0, |span| text[..span.start].matches('\n').count() + 1);
        format!("line {line} is not TOML: {}", error.message())
    })?;
    let mut values = Vec::new();
    for (key, value) in table {
        let row = ROWS.iter().find(|row| row.name == key).ok_or_else(|| unknown(&key))?;
        let text = match value {
            toml::Value::String(text) => text,
            toml::Value::Integer(number) => number.to_string(),
            _ => return Err(format!("'{key}' has to be a string or a whole number")),
        };
        values.push((row, text));
    }
    Ok(values)
}

fn unknown(key: &str) -> String {
    let names: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
    format!("there is no setting '{key}'; there are {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        parse(text).err().expect("an error")
    }

    #[test]
    fn keys_are_settings() {
        let values = parse("port = 7000\nmax-memory = \"64mb\"\n").unwrap();
        let shown: Vec<_> = values.iter().map(|(row, text)| (row.name, text.as_str())).collect();
        assert_eq!(shown, [("max-memory", "64mb"), ("port", "7000")]);
        assert!(error("ports = 1").starts_with("there is no setting 'ports'"));
        assert!(error("port = [1]").contains("has to be a string or a whole number"));
    }

    #[test]
    fn a_broken_line_is_told_without_its_secret() {
        let message = error("port = 1\nrequire-password = \"hunter2\n");
        assert!(message.starts_with("line 2 is not TOML"), "{message}");
        assert!(!message.contains("hunter2"));
    }
}
