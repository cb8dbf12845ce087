//! CONFIG: reading and changing settings. Which there are and what they may be is known to the settings themselves.

use std::collections::HashSet;

use larder_proto::glob;
use larder_proto::resp::Out;

use super::args::Args;
use super::context::SessionCx;
use super::error::{CommandError, shown};
use super::help;
use super::spec::{Arity, Flags, Group, Keys, Outcome, Run, Spec, check};

/// The rows.
pub(super) const ROWS: &[Spec] = &[Spec {
    name: "config",
    arity: Arity::AtLeast(2),
    keys: Keys::None,
    flags: Flags::NONE,
    group: Group::Server,
    since: "2.0.0",
    summary: "A container for commands about settings.",
    syntax: "",
    run: Run::Container(SUBCOMMANDS),
}];
const _: () = check(ROWS);

const SUBCOMMANDS: &[Spec] = &[
    Spec {
        name: "get",
        arity: Arity::AtLeast(3),
        keys: Keys::None,
        flags: Flags::ADMIN.and(Flags::NO_SCRIPT),
        group: Group::Server,
        since: "2.0.0",
        summary: "Returns the settings whose names match one of the patterns.",
        syntax: "parameter [parameter ...]",
        run: Run::Session(get),
    },
    Spec {
        name: "set",
        arity: Arity::AtLeast(4),
        keys: Keys::None,
        // One of the settings is the password.
        flags: Flags::ADMIN.and(Flags::NO_SCRIPT).and(Flags::SECRET),
        group: Group::Server,
        since: "2.0.0",
        summary: "Changes settings, all of those named or none.",
        syntax: "parameter value [parameter value ...]",
        run: Run::Session(set),
    },
    Spec {
        name: "resetstat",
        arity: Arity::Exactly(2),
        keys: Keys::None,
        flags: Flags::ADMIN.and(Flags::NO_SCRIPT),
        group: Group::Server,
        since: "2.0.0",
        summary: "Sets the counters of INFO to zero.",
        syntax: "",
        run: Run::Session(resetstat),
    },
    Spec {
        name: "rewrite",
        arity: Arity::Exactly(2),
        keys: Keys::None,
        flags: Flags::ADMIN.and(Flags::NO_SCRIPT),
        group: Group::Server,
        since: "2.8.0",
        summary: "Refused: a node writes no files.",
        syntax: "",
        run: Run::Session(rewrite),
    },
    help::row(Group::Server, "5.0.0"),
];

fn get(cx: &mut SessionCx<'_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let mut found: Vec<(String, String)> = Vec::new();
    cx.node.settings().each(&mut |name, value| {
        let mut patterns = args.rest();
        if let Some(pattern) = patterns.find(|pattern| glob::matches_ignoring_case(pattern, name.as_bytes()))
        {
            found.push((name_as_asked(pattern, name), value.to_owned()));
        }
    });
    out.map(found.len());
    for (name, value) in &found {
        out.bulk(name.as_bytes());
        out.bulk(value.as_bytes());
    }
    Ok(())
}

fn set(cx: &mut SessionCx<'_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    if !args.len().is_multiple_of(2) {
        return Err(CommandError::Syntax);
    }
    let mut changes = Vec::with_capacity(args.len() / 2);
    while let (Some(name), Some(value)) = (args.optional(), args.optional()) {
        let Ok(value) = std::str::from_utf8(value) else {
            return Err(failed(name, "argument is not valid UTF-8"));
        };
        changes.push((String::from_utf8_lossy(name).to_ascii_lowercase(), value.to_owned()));
    }
    refuse_duplicates(cx, &changes)?;
    cx.node.settings().set(&changes).map_err(CommandError::Told)?;
    out.ok();
    Ok(())
}

fn resetstat(cx: &mut SessionCx<'_>, _: Args<'_>, out: &mut Out<'_>) -> Outcome {
    cx.node.statistics().reset();
    out.ok();
    Ok(())
}

fn rewrite(_: &mut SessionCx<'_>, _: Args<'_>, _: &mut Out<'_>) -> Outcome {
    Err(CommandError::Refused {
        command: "CONFIG REWRITE",
        reason: "a node writes no files; change its command line, environment or configuration file instead",
    })
}

/// Redis gives a name that was asked for without a glob back as it was spelled.
fn name_as_asked(pattern: &[u8], name: &str) -> String {
    let asked = String::from_utf8_lossy(pattern);
    if asked.eq_ignore_ascii_case(name) { asked.into_owned() } else { name.to_owned() }
}

/// A setting may be named once. A name that is no setting's is left to the settings to refuse, as Redis does.
fn refuse_duplicates(cx: &SessionCx<'_>, changes: &[(String, String)]) -> Result<(), CommandError> {
    let mut seen = HashSet::new();
    let Some((twice, _)) = changes.iter().find(|(name, _)| !seen.insert(name)) else { return Ok(()) };
    let mut known = false;
    cx.node.settings().each(&mut |name, _| known |= name == twice);
    if known { Err(failed(twice.as_bytes(), "duplicate parameter")) } else { Ok(()) }
}

fn failed(name: &[u8], why: &str) -> CommandError {
    let name = shown(name);
    CommandError::Told(format!("CONFIG SET failed (possibly related to argument '{name}') - {why}"))
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Bench;

    #[test]
    fn settings_are_read_by_globs() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("config get nosuch", "*0|"),
            ("config get MAXMEM* maxmemory", "*2|$9|maxmemory|$1|0|"),
            ("config get Timeout timeout", "*2|$7|Timeout|$1|0|"),
            ("config get m* t*", "*4|$9|maxmemory|$1|0|$7|timeout|$1|0|"),
        ]);
        bench.run("hello 3");
        bench.expect(&[("config get maxmemory", "%1|$9|maxmemory|$1|0|")]);
    }

    #[test]
    fn settings_are_changed_together() {
        Bench::new().expect(&[
            ("config set TIMEOUT 5 maxmemory 7", "+OK|"),
            ("config get *", "*4|$9|maxmemory|$1|7|$7|timeout|$1|5|"),
            ("config set timeout", "-ERR wrong number of arguments for 'config|set' command|"),
            ("config set timeout 1 maxmemory", "-ERR syntax error|"),
            ("config set a b", "-ERR Unknown option or number of arguments for CONFIG SET - 'a'|"),
            ("config set a b a c", "-ERR Unknown option or number of arguments for CONFIG SET - 'a'|"),
            (
                "config set timeout 1 Timeout 2",
                "-ERR CONFIG SET failed (possibly related to argument 'timeout') - duplicate parameter|",
            ),
            ("config resetstat", "+OK|"),
            (
                "config rewrite",
                "-ERR CONFIG REWRITE is not supported: a node writes no files; change its command line, environment \
                 or configuration file instead|",
            ),
        ]);
    }
}
