//! The command line of `larder cache`: external caches shown, set and removed, one by one or from a file.

use std::fmt;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use larder_proto::external::{CONNECTION_STRING, CONNECTION_STRING_FILE, DESCRIPTION, TABLE, USE_FROM};

use super::sources::ConfigError;

/// What is asked of the external caches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CacheOrder {
    /// Show them.
    List {
        /// As JSON.
        json: bool,
    },
    /// Set some.
    Set(CacheSettings),
    /// Set those that a file lists.
    Apply {
        /// What the file lists.
        caches: Vec<CacheSettings>,
        /// Whether all others are removed.
        prune: bool,
    },
    /// Remove one.
    Remove {
        /// `default`, or a region.
        use_from: String,
    },
}

/// An external cache as somebody wrote it down; the node says what is wrong with it.
#[derive(Clone, PartialEq, Eq)]
pub struct CacheSettings {
    /// `default`, or a region.
    pub use_from: String,
    /// How it is reached, secrets included.
    pub connection_string: String,
    /// What it is for.
    pub description: String,
}

impl fmt::Debug for CacheSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheSettings").field("use_from", &self.use_from).finish_non_exhaustive()
    }
}

/// The verb's part of the command line.
pub(super) fn cache_line() -> Command {
    let use_from = || {
        let help = "Region whose gateways use the cache, or 'default' for all that have none of their own";
        Arg::new(USE_FROM).long(USE_FROM).value_name("REGION").required(true).help(help)
    };
    let set = Command::new("set")
        .about("Set the external cache of a region; its connection string from an option, the variable or a file")
        .arg(use_from())
        .arg(
            Arg::new(CONNECTION_STRING)
                .long(CONNECTION_STRING)
                .value_name("STRING")
                .env(CONNECTION_VARIABLE)
                .hide_env(true)
                .hide_env_values(true)
                .allow_hyphen_values(true)
                .help(format!(
                    "How it is reached: HOST:PORT,password=...,ssl=True; better given by {CONNECTION_VARIABLE} or a file, since \
                     others on this machine can read the command line"
                )),
        )
        .arg(
            Arg::new(CONNECTION_STRING_FILE)
                .long(CONNECTION_STRING_FILE)
                .value_name("FILE")
                .help("A file that holds the connection string; a line end at its end is no part of it"),
        )
        .arg(
            Arg::new(DESCRIPTION)
                .long(DESCRIPTION)
                .value_name("TEXT")
                .default_value("")
                .hide_default_value(true)
                .allow_hyphen_values(true)
                .help("What it is for"),
        );
    let list = Command::new("list")
        .about("Show the external caches, secrets masked, and whether gateways use them")
        .arg(Arg::new(JSON).long(JSON).action(ArgAction::SetTrue).help("Show them as JSON"));
    let prune = "Remove the external caches that the file does not list";
    let apply = Command::new("apply")
        .about("Set the external caches that a file lists, and show what changed")
        .arg(Arg::new(FILE).value_name("FILE").required(true).help("TOML: an [[external]] for each"))
        .arg(Arg::new(PRUNE).long(PRUNE).action(ArgAction::SetTrue).help(prune))
        .after_help(format!("{FORM}\n\nInstead of connection-string there may be connection-string-file."));
    Command::new("cache")
        .about("Show or change the external caches that gateways use; asks the node at --port, only on its own machine")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(list)
        .subcommand(set)
        .subcommand(Command::new("remove").about("Remove the external cache of a region").arg(use_from()))
        .subcommand(apply)
}

/// Reads the verb's part of the command line, and the files that it names.
pub(super) fn read(matches: &ArgMatches) -> Result<CacheOrder, ConfigError> {
    let text = |matches: &ArgMatches, name| matches.get_one::<String>(name).cloned().unwrap_or_default();
    match matches.subcommand() {
        Some(("set", matches)) => Ok(CacheOrder::Set(CacheSettings {
            use_from: text(matches, USE_FROM),
            connection_string: connection_string(matches)?,
            description: text(matches, DESCRIPTION),
        })),
        Some(("remove", matches)) => Ok(CacheOrder::Remove { use_from: text(matches, USE_FROM) }),
        Some(("apply", matches)) => {
            let path = PathBuf::from(text(matches, FILE));
            let caches = read_file(&path).map_err(ConfigError)?;
            Ok(CacheOrder::Apply { caches, prune: matches.get_flag(PRUNE) })
        }
        Some((_, matches)) => Ok(CacheOrder::List { json: matches.get_flag(JSON) }),
        None => Ok(CacheOrder::List { json: false }),
    }
}

/// From the option, else from the file, else from the variable.
fn connection_string(matches: &ArgMatches) -> Result<String, ConfigError> {
    let given = matches.get_one::<String>(CONNECTION_STRING);
    let is_option = matches.value_source(CONNECTION_STRING) == Some(ValueSource::CommandLine);
    match (matches.get_one::<String>(CONNECTION_STRING_FILE), given) {
        (Some(_), Some(_)) if is_option => Err(ConfigError(format!(
            "--{CONNECTION_STRING} and --{CONNECTION_STRING_FILE} are both given: give one"
        ))),
        (Some(path), _) => secret_of(Path::new(path)).map_err(ConfigError),
        (None, Some(text)) => Ok(text.clone()),
        (None, None) => Err(ConfigError(format!(
            "no connection string: set {CONNECTION_VARIABLE}, or give --{CONNECTION_STRING_FILE} or --{CONNECTION_STRING}"
        ))),
    }
}

fn secret_of(path: &Path) -> Result<String, String> {
    let text =
        std::fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

fn read_file(path: &Path) -> Result<Vec<CacheSettings>, String> {
    let text =
        std::fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let directory = path.parent().unwrap_or(Path::new(""));
    parse(&text, directory).map_err(|error| format!("{}: {error}", path.display()))
}

/// What a file of this directory lists. Errors show nothing of a value: it may be a secret.
fn parse(text: &str, directory: &Path) -> Result<Vec<CacheSettings>, String> {
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(0, |span| text[..span.start].matches('\n').count() + 1);
        format!("line {line} is not TOML; {FORM}")
    })?;
    if let Some(other) = table.keys().find(|key| *key != TABLE) {
        return Err(format!("there is '{}', which is no [[{TABLE}]]; {FORM}", other.escape_debug()));
    }
    let caches = match table.get(TABLE) {
        None => return Ok(Vec::new()),
        Some(toml::Value::Array(caches)) => caches,
        Some(_) => return Err(format!("write [[{TABLE}]] with two brackets; {FORM}")),
    };
    let read = |(place, cache): (usize, &toml::Value)| {
        settings(cache, directory).map_err(|error| format!("entry {}: {error}; {FORM}", place + 1))
    };
    caches.iter().enumerate().map(read).collect()
}

fn settings(cache: &toml::Value, directory: &Path) -> Result<CacheSettings, String> {
    let table = cache.as_table().ok_or("it is no table")?;
    let known = [USE_FROM, CONNECTION_STRING, CONNECTION_STRING_FILE, DESCRIPTION];
    if let Some(other) = table.keys().find(|key| !known.contains(&key.as_str())) {
        return Err(format!("there is no '{}' in an entry", other.escape_debug()));
    }
    let text = |name: &str| match table.get(name) {
        None => Ok(None),
        Some(toml::Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(format!("{name} has to be a string")),
    };
    let connection_string = match (text(CONNECTION_STRING)?, text(CONNECTION_STRING_FILE)?) {
        (Some(text), None) => text,
        (None, Some(path)) => secret_of(&directory.join(path))?,
        (None, None) => return Err(format!("{CONNECTION_STRING} is missing")),
        (Some(_), Some(_)) => {
            return Err(format!("{CONNECTION_STRING} and {CONNECTION_STRING_FILE} are both there"));
        }
    };
    let use_from = text(USE_FROM)?.ok_or_else(|| format!("{USE_FROM} is missing"))?;
    Ok(CacheSettings { use_from, connection_string, description: text(DESCRIPTION)?.unwrap_or_default() })
}

/// The variable that may hold the connection string of `larder cache set`.
pub(super) const CONNECTION_VARIABLE: &str = "LARDER_CONNECTION_STRING";

const FILE: &str = "file";
const PRUNE: &str = "prune";
const JSON: &str = "json";

const FORM: &str = "an entry is:\n[[external]]\nuse-from = \"default\"\nconnection-string = \"HOST:PORT,password=...\"\n\
                    description = \"what it is for\"";

#[cfg(test)]
mod tests {
    use super::*;

    fn order(words: &[&str]) -> Result<CacheOrder, String> {
        let matches = cache_line().try_get_matches_from(words).map_err(|error| error.to_string())?;
        read(&matches).map_err(|error| error.to_string())
    }

    fn cache(use_from: &str, connection_string: &str, description: &str) -> CacheSettings {
        let [use_from, connection_string, description] =
            [use_from, connection_string, description].map(str::to_owned);
        CacheSettings { use_from, connection_string, description }
    }

    #[test]
    fn orders_are_read() {
        assert_eq!(order(&["cache", "list", "--json"]), Ok(CacheOrder::List { json: true }));
        let set = ["cache", "set", "--use-from", "West", "--connection-string", "h:1", "--description", "d"];
        assert_eq!(order(&set), Ok(CacheOrder::Set(cache("West", "h:1", "d"))));
        assert_eq!(
            order(&["cache", "remove", "--use-from", "West"]),
            Ok(CacheOrder::Remove { use_from: "West".to_owned() })
        );
        assert!(order(&["cache", "set", "--connection-string", "h:1"]).is_err());
        assert!(order(&["cache"]).is_err());
        let missing = order(&["cache", "set", "--use-from", "West"]).unwrap_err();
        assert!(missing.contains("LARDER_CONNECTION_STRING"), "{missing}");
    }

    #[test]
    fn a_file_may_hold_the_secret() {
        let path = std::env::temp_dir().join(format!("larder-cache-line-{}", std::process::id()));
        std::fs::write(&path, "h:1,password=hunter2\r\n").unwrap();
        let name = path.to_str().unwrap();
        let words = ["cache", "set", "--use-from", "West", "--connection-string-file", name];
        let by_option = order(&words);
        let both = order(&[&words[..], &["--connection-string", "x"]].concat());
        let beside = path.file_name().unwrap();
        let list = format!("[[external]]\nuse-from = \"a\"\nconnection-string-file = {beside:?}\n");
        let by_list = parse(&list, path.parent().unwrap());
        std::fs::remove_file(&path).unwrap();
        assert_eq!(by_option, Ok(CacheOrder::Set(cache("West", "h:1,password=hunter2", ""))));
        assert_eq!(by_list, Ok(vec![cache("a", "h:1,password=hunter2", "")]));
        assert!(both.unwrap_err().contains("both given"));
        assert!(order(&words).unwrap_err().contains("cannot read"));
    }

    #[test]
    fn a_list_is_read_and_its_faults_are_told_without_secrets() {
        let here = Path::new("");
        let list = "[[external]]\nuse-from = \"default\"\nconnection-string = \"h:1,password=hunter2\"\n\n\
                    [[external]]\nuse-from = \"West\"\nconnection-string = \"w\"\ndescription = \"d\"\n";
        let right = vec![cache("default", "h:1,password=hunter2", ""), cache("West", "w", "d")];
        assert_eq!(parse(list, here), Ok(right));
        assert_eq!(parse("", here), Ok(Vec::new()));
        for (wrong, why) in [
            ("external = \"hunter2\"", "two brackets"),
            ("[external]\nuse-from = \"hunter2\"", "two brackets"),
            ("[[cache]]\nuse-from = \"hunter2\"", "'cache', which is no [[external]]"),
            ("[[external]]\nconnection-string = \"hunter2", "line 2 is not TOML"),
            ("[[external]]\nconnection-string = hunter2", "line 2 is not TOML"),
            ("[[external]]\nconnection-string = \"hunter2\"", "entry 1: use-from is missing"),
            ("[[external]]\nuse-from = \"a\"", "connection-string is missing"),
            ("[[external]]\nuse-from = 1\nconnection-string = \"hunter2\"", "use-from has to be a string"),
            ("[[external]]\nuse-from = \"a\"\nconnection_string = \"hunter2\"", "no 'connection_string'"),
            (
                "[[external]]\nuse-from = \"a\"\nconnection-string = \"hunter2\"\nconnection-string-file = \"f\"",
                "both there",
            ),
        ] {
            let error = parse(wrong, here).unwrap_err();
            assert!(error.contains(why), "{wrong}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        assert!(!format!("{:?}", cache("a", "hunter2", "")).contains("hunter2"));
    }
}
