//! The TOML files that `--config` names: any setting by its name, and tables of routes, subscriptions and users.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use larder_client::external::{EntryText, Secret};
use serde::Deserialize;

use super::rows::{Form, ROWS, Row};
use crate::limits;

/// The tables of all files.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    pub(crate) routes: Vec<RouteEntry>,
    pub(crate) subscriptions: Vec<SubscriptionEntry>,
    pub(crate) users: Vec<UserEntry>,
}

/// `[[route]]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct RouteEntry {
    /// `/users/{id}`, or `/users/*` for everything under it.
    pub(crate) path: String,
    /// None are all.
    #[serde(default)]
    pub(crate) methods: Vec<String>,
    pub(crate) api: Option<String>,
    /// The beginning of the path that the backend does not see.
    pub(crate) api_path: Option<String>,
    pub(crate) operation: Option<String>,
    pub(crate) product: Option<String>,
    pub(crate) backend: Option<String>,
    /// The policies of the scopes, from the outermost to the innermost.
    pub(crate) global_policy: Option<PathBuf>,
    pub(crate) product_policy: Option<PathBuf>,
    pub(crate) api_policy: Option<PathBuf>,
    #[serde(alias = "operation-policy")]
    pub(crate) policy: Option<PathBuf>,
    pub(crate) subscription_required: Option<bool>,
}

/// `[[subscription]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct SubscriptionEntry {
    pub(crate) id: String,
    pub(crate) name: Option<String>,
    /// The first key, and the second one if there is one.
    pub(crate) key: Key,
    pub(crate) second_key: Option<Key>,
    /// The id of a user.
    pub(crate) user: Option<String>,
    /// Goes before the route's.
    pub(crate) product: Option<String>,
}

/// `[[user]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct UserEntry {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) first_name: String,
    #[serde(default)]
    pub(crate) last_name: String,
    #[serde(default)]
    pub(crate) email: String,
    #[serde(default)]
    pub(crate) groups: Vec<String>,
}

/// A subscription key.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "String")]
pub(crate) struct Key(pub(crate) Secret);

impl From<String> for Key {
    fn from(text: String) -> Self {
        Self(Secret::new(text))
    }
}

/// What one file holds.
pub(super) struct Loaded {
    /// Settings, in the order of their names.
    pub(super) values: Vec<(&'static Row, Vec<String>)>,
    pub(super) entries: Entries,
}

#[derive(Deserialize)]
struct Contents {
    #[serde(default)]
    route: Vec<RouteEntry>,
    #[serde(default)]
    subscription: Vec<SubscriptionEntry>,
    #[serde(default)]
    user: Vec<UserEntry>,
    #[serde(flatten)]
    settings: BTreeMap<String, toml::Value>,
}

/// Reads a file. The policies of its routes are looked for in its own directory.
pub(super) fn read(path: &Path) -> Result<Loaded, String> {
    let text = read_text(path)?;
    let directory = path.parent().unwrap_or(Path::new(""));
    let mut read = parse(&text, directory).map_err(|error| format!("{}: {error}", path.display()))?;
    for route in &mut read.entries.routes {
        let policies =
            [&mut route.global_policy, &mut route.product_policy, &mut route.api_policy, &mut route.policy];
        policies.into_iter().flatten().for_each(|policy| *policy = directory.join(&policy));
    }
    Ok(read)
}

/// Reads a text file up to the limit.
pub(crate) fn read_text(path: &Path) -> Result<String, String> {
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let mut text = String::new();
    let file = File::open(path).map_err(|error| told(&error))?;
    let read = file.take(limits::FILE_BYTES_MAX + 1).read_to_string(&mut text);
    match read {
        Ok(bytes) if bytes as u64 <= limits::FILE_BYTES_MAX => Ok(text),
        Ok(_) => Err(told(&format!("longer than {} bytes", limits::FILE_BYTES_MAX))),
        Err(error) => Err(told(&error)),
    }
}

fn parse(text: &str, directory: &Path) -> Result<Loaded, String> {
    // The parser's own rendering shows the line, which may hold a password: only the place is told.
    let contents: Contents = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(0, |span| text[..span.start].matches('\n').count() + 1);
        format!("line {line}: {}", first_line(error.message()))
    })?;
    let values = contents.settings.into_iter().map(|(key, value)| {
        let row = ROWS.iter().find(|row| row.name == key).ok_or_else(|| unknown(&key))?;
        Ok((row, texts(row, value, directory).map_err(|error| format!("'{key}': {error}"))?))
    });
    let values = values.collect::<Result<_, String>>()?;
    let entries =
        Entries { routes: contents.route, subscriptions: contents.subscription, users: contents.user };
    Ok(Loaded { values, entries })
}

/// The values of a key as the command line would give them.
fn texts(row: &Row, value: toml::Value, directory: &Path) -> Result<Vec<String>, String> {
    if row.form == Form::Entries {
        return entries(value, directory);
    }
    let texts: Option<Vec<String>> = match (row.form, value) {
        (Form::Many, toml::Value::Array(values)) => values.into_iter().map(text).collect(),
        (Form::Many, toml::Value::Table(values)) => {
            values.into_iter().map(|(name, value)| Some(format!("{name}={}", text(value)?))).collect()
        }
        (Form::Many, _) => None,
        (_, value) => text(value).map(|text| vec![text]),
    };
    texts.ok_or_else(|| expected(row).to_owned())
}

/// External caches as the command line would give them; their descriptions are for people.
fn entries(value: toml::Value, directory: &Path) -> Result<Vec<String>, String> {
    // What the reader of TOML says may quote a value.
    let read: Vec<EntryText> = value.try_into().map_err(|_| format!("expected {}", EntryText::FORM))?;
    let text = |entry: EntryText| {
        let entry = entry.read(directory)?;
        match entry.use_from.contains('=') {
            true => Err("a region's name has no '='".to_owned()),
            false => Ok(format!("{}={}", entry.use_from, entry.connection_string)),
        }
    };
    read.into_iter().map(text).collect()
}

fn text(value: toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(flag) => Some(flag.to_string()),
        _ => None,
    }
}

fn expected(row: &Row) -> &'static str {
    match row.form {
        Form::Many => "expected a table of strings, or an array of them",
        _ => "expected a string, a whole number, true or false",
    }
}

fn unknown(key: &str) -> String {
    let names: Vec<&str> = ROWS.iter().map(|row| row.name).chain(["route", "subscription", "user"]).collect();
    format!("there is no setting '{key}'; there are {}", names.join(", "))
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// The tables of a file with this text.
#[cfg(test)]
pub(crate) fn entries_of(text: &str) -> Entries {
    parse(text, Path::new("")).unwrap_or_else(|error| panic!("{error}")).entries
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        parse(text, Path::new("")).err().expect("an error")
    }

    #[test]
    fn settings_and_tables_are_told_apart() {
        let text = "region = \"West Europe\"\ntrace = true\nbackend-connect-ms = 7\n\
                    [named]\nhost = \"h\"\ncalls = 5\n[[route]]\npath = \"/a/{id}\"\nmethods = [\"GET\"]\n\
                    [[subscription]]\nid = \"s\"\nkey = \"hunter2\"\n";
        let read = parse(text, Path::new("")).unwrap();
        let values: Vec<_> = read.values.iter().map(|(row, values)| (row.name, values.join(" "))).collect();
        let wanted = [
            ("backend-connect-ms", "7"),
            ("named", "calls=5 host=h"),
            ("region", "West Europe"),
            ("trace", "true"),
        ];
        assert_eq!(values, wanted.map(|(name, text)| (name, text.to_owned())));
        assert_eq!(read.entries.routes[0].path, "/a/{id}");
        assert!(!format!("{:?}", read.entries).contains("hunter2"));
    }

    #[test]
    fn mistakes_are_told_without_values() {
        assert!(error("regoin = \"x\"").starts_with("there is no setting 'regoin'; there are policy,"));
        assert!(error("named = \"x\"").contains("a table of strings"));
        for wrong in
            ["external = \"hunter2\"", "[external]\nWest = \"hunter2\"", "[[external]]\nWest = \"hunter2\""]
        {
            let error = error(wrong);
            assert!(
                error.starts_with("'external': expected [[external]] with use-from")
                    && !error.contains("hunter2")
            );
        }
        let entry = "[[external]]\nuse-from = \"a\"\nconnection-string";
        let twice = error(&format!("{entry} = \"hunter2\"\nconnection-string-file = \"f\""));
        assert!(twice.contains("give connection-string or") && !twice.contains("hunter2"), "{twice}");
        assert!(
            error(&format!("{entry}-file = \"/nowhere/hunter2\""))
                .contains("entry 'a': connection-string-file: ")
        );
        assert!(error("listen = [1]").contains("expected a string"));
        assert!(error("[[route]]\npath = \"/\"\npolcy = \"x\"").contains("line 3: unknown field `polcy`"));
        let broken = error("region = \"x\"\ninternal = \"hunter2\n");
        assert!(broken.starts_with("line 2: ") && !broken.contains("hunter2"), "{broken}");
        let wrong = error("[[subscription]]\nid = \"s\"\nkey = [\"hunter2\"]\n");
        assert!(wrong.starts_with("line 3: ") && !wrong.contains("hunter2"), "{wrong}");
    }
}
