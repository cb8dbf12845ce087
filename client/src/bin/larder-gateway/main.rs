//! A small reverse proxy that runs caching policies: reads the settings, checks and explains the policies or serves,
//! reads them again on SIGHUP, and ends in order on SIGTERM.

mod admin;
mod app;
mod explain;
mod headers;
mod limits;
mod pace;
mod plan;
mod server;
mod settings;
mod upstream;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::ArgMatches;
use tracing_subscriber::EnvFilter;

use settings::Settings;

fn main() -> ExitCode {
    let matches = match settings::command_line().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => {
            let text = settings::safe_error(&error);
            let written = if error.use_stderr() {
                io::stderr().write_all(text.as_bytes())
            } else {
                io::stdout().write_all(text.as_bytes())
            };
            return if written.is_ok() && !error.use_stderr() {
                ExitCode::SUCCESS
            } else {
                ExitCode::from(2)
            };
        }
    };
    for name in settings::unknown_variables() {
        // Nothing is left to do where standard error is closed.
        let _ = writeln!(io::stderr(), "larder-gateway: warning: the variable {name} is no setting");
    }
    match settings::load(&matches) {
        Ok(settings) if settings::is_check(&matches) => check(&settings),
        Ok(settings) => match run(matches, settings) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&error),
        },
        Err(error) => fail(&error),
    }
}

/// Says what the policies do; 1 if one of them is wrong.
fn check(settings: &Settings) -> ExitCode {
    match explain::check(settings) {
        Ok(text) => shown(&text).map_or_else(|error| fail(&error), |()| ExitCode::SUCCESS),
        Err(text) => shown(&text).map_or_else(|error| fail(&error), |()| ExitCode::from(1)),
    }
}

fn run(matches: ArgMatches, settings: Settings) -> Result<(), String> {
    let filter =
        EnvFilter::try_new(&settings.log).map_err(|error| format!("log: this is no filter: {error}"))?;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(false).init();
    app::run(settings, move || settings::load(&matches))
}

fn shown(text: &str) -> Result<(), String> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(|error| error.to_string())
}

fn fail(message: &str) -> ExitCode {
    // Nothing is left to do where standard error is closed too.
    for line in message.lines() {
        let _ = writeln!(io::stderr(), "larder-gateway: {line}");
    }
    ExitCode::from(2)
}
