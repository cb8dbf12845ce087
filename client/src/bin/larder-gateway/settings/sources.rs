//! Where settings come from: defaults, then files, then the environment, then flags; the later wins. The command line is
//! made from the rows.

use std::collections::HashMap;
use std::env::VarError;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Command};

use super::file;
use super::rows::{Form, ROWS, Row};
use super::{Entries, Settings};
use crate::limits;

/// The command line.
pub(crate) fn command_line() -> Command {
    let check = "Check the policies and explain what they do; exit with 1 if one is wrong";
    let config = "TOML file with any of these settings, and routes; repeatable";
    let command = Command::new("larder-gateway")
        .about("A reverse proxy that runs caching policies, on Larder or on an external Redis")
        .version(env!("CARGO_PKG_VERSION"))
        .after_help(
            "Each setting can also be given by the environment, as LARDER_GATEWAY_REGION=west, or in the file. \
             Secrets belong there: others on the machine can read a command line.",
        )
        .arg(Arg::new(CHECK).long(CHECK).action(ArgAction::SetTrue).help(check))
        .arg(Arg::new(CONFIG).long(CONFIG).value_name("FILE").action(ArgAction::Append).help(config));
    ROWS.iter().fold(command, |command, row| command.arg(argument(row)))
}

/// The settings that a command line, the environment and files give.
///
/// # Errors
/// A setting is unknown or cannot be read. The message says where it came from, and repeats no value.
pub(crate) fn load(matches: &ArgMatches) -> Result<Settings, String> {
    let (mut in_files, entries) = read_files(matches)?;
    let mut settings = Settings::default();
    for row in ROWS {
        let given = match (flag(matches, row), variable(row)?) {
            (Some(flag), _) => flag,
            (None, Some(variable)) => variable,
            (None, None) => in_files.remove(row.name).unwrap_or_else(|| default(row)),
        };
        for (base, value) in given.values {
            settings.base = base;
            (row.parse)(&mut settings, &value).map_err(|error| format!("{}: {error}", given.from))?;
        }
    }
    settings.entries = entries;
    Ok(settings)
}

/// Variables of the environment that look like settings and are none, as misspelt ones do. No error: whoever runs the
/// program may have variables of this name for other purposes.
pub(crate) fn unknown_variables() -> Vec<String> {
    let known =
        |name: &str| ROWS.iter().map(|row| row.name).chain([CONFIG]).any(|row| variable_name(row) == name);
    let names = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
    let mut unknown: Vec<String> = names.filter(|name| name.starts_with(PREFIX) && !known(name)).collect();
    unknown.sort();
    unknown
}

/// The values of one setting.
struct Given {
    /// For messages.
    from: String,
    /// Each with the directory that files are looked for in.
    values: Vec<(PathBuf, String)>,
}

impl Given {
    fn new(from: String, values: impl IntoIterator<Item = String>) -> Self {
        Self { from, values: values.into_iter().map(|value| (PathBuf::new(), value)).collect() }
    }
}

type InFiles = HashMap<&'static str, Given>;

fn read_files(matches: &ArgMatches) -> Result<(InFiles, Entries), String> {
    let (mut given, mut entries) = (InFiles::new(), Entries::default());
    for path in files(matches)? {
        let read = file::read(Path::new(&path))?;
        entries.routes.extend(read.entries.routes);
        entries.subscriptions.extend(read.entries.subscriptions);
        entries.users.extend(read.entries.users);
        let base = Path::new(&path).parent().unwrap_or(Path::new(""));
        for (row, values) in read.values {
            let values = values.into_iter().map(|value| (base.to_path_buf(), value));
            let from = format!("{path}: {}", row.name);
            match given.get_mut(row.name) {
                Some(known) if row.form.is_repeatable() => known.values.extend(values),
                Some(known) => return Err(format!("{from} is given twice: see {}", known.from)),
                None => {
                    given.insert(row.name, Given { from, values: values.collect() });
                }
            }
        }
    }
    Ok((given, entries))
}

/// Whether the policies are to be checked and nothing more.
pub(crate) fn is_check(matches: &ArgMatches) -> bool {
    matches.get_flag(CHECK)
}

/// What clap says of a command line, unless it would repeat what may be a secret.
pub(crate) fn safe_error(error: &clap::Error) -> String {
    let is_value = |text: &str| !text.starts_with("error: unexpected argument '--");
    match error.kind() {
        ErrorKind::UnknownArgument if is_value(&error.to_string()) => {
            "error: a word that belongs to no flag; a value with blanks or ',' needs quotes\n".to_owned()
        }
        _ => error.to_string(),
    }
}

fn files(matches: &ArgMatches) -> Result<Vec<String>, String> {
    let mut files: Vec<String> = matches.get_many(CONFIG).into_iter().flatten().cloned().collect();
    if files.is_empty()
        && let Some(list) = environment(CONFIG)?
    {
        files = split(&list);
    }
    if files.len() > limits::FILES_MAX {
        return Err(format!("--config: at most {} files", limits::FILES_MAX));
    }
    Ok(files)
}

fn flag(matches: &ArgMatches, row: &Row) -> Option<Given> {
    let from = format!("--{}", row.name);
    match row.form {
        Form::Switch => matches.get_flag(row.name).then(|| Given::new(from, ["true".to_owned()])),
        Form::One | Form::Many | Form::Entries => {
            let values = matches.get_many::<String>(row.name)?;
            Some(Given::new(from, values.cloned()))
        }
    }
}

fn variable(row: &Row) -> Result<Option<Given>, String> {
    let Some(text) = environment(row.name)? else { return Ok(None) };
    let values = if row.form.is_repeatable() { split(&text) } else { vec![text] };
    Ok(Some(Given::new(variable_name(row.name), values)))
}

fn environment(name: &str) -> Result<Option<String>, String> {
    let name = variable_name(name);
    match std::env::var(&name) {
        Ok(text) => Ok(Some(text)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(format!("{name}: expected UTF-8")),
    }
}

fn split(list: &str) -> Vec<String> {
    list.split(['\n', ';']).map(str::trim).filter(|entry| !entry.is_empty()).map(str::to_owned).collect()
}

fn default(row: &Row) -> Given {
    let value = (!row.form.is_repeatable()).then(|| row.default.to_owned());
    Given::new(row.name.to_owned(), value)
}

/// The variable of a setting.
pub(super) fn variable_name(name: &str) -> String {
    format!("{PREFIX}{}", name.to_ascii_uppercase().replace('-', "_"))
}

fn argument(row: &'static Row) -> Arg {
    let argument = Arg::new(row.name).long(row.name);
    match row.form {
        Form::Switch => argument.action(ArgAction::SetTrue).help(row.help),
        Form::Many | Form::Entries => {
            argument.action(ArgAction::Append).value_name(row.value).help(format!("{}; repeatable", row.help))
        }
        Form::One if row.default.is_empty() => argument.value_name(row.value).help(row.help),
        Form::One => argument.value_name(row.value).help(format!("{} [default: {}]", row.help, row.default)),
    }
}

const PREFIX: &str = "LARDER_GATEWAY_";
const CHECK: &str = "check";
const CONFIG: &str = "config";
