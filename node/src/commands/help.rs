//! The HELP subcommand, which every container has: its lines are read off the container's rows.

use larder_proto::resp::Out;

use super::args::Args;
use super::context::SessionCx;
use super::error::CommandError;
use super::spec::{Arity, Flags, Group, Keys, Outcome, Run, Spec};
use super::table::ALONE;

/// The row of a container's HELP.
pub(super) const fn row(group: Group, since: &'static str) -> Spec {
    Spec {
        name: "help",
        arity: Arity::Exactly(2),
        keys: Keys::None,
        flags: Flags::NONE,
        group,
        since,
        summary: "Print this help.",
        syntax: "",
        run: Run::Session(help),
    }
}

fn help(cx: &mut SessionCx<'_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let commands = cx.node.commands();
    let container = args.word(0).and_then(|name| commands.find(name)).ok_or(CommandError::Syntax)?;
    let rows = commands.subcommands(container);
    out.array(1 + 2 * rows.len());
    let name = container.spec.name.to_ascii_uppercase();
    out.simple(&format!("{name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
    for row in rows {
        let heading = match row.spec.name {
            ALONE => "(no subcommand)".to_owned(),
            name => format!("{} {}", name.to_ascii_uppercase(), row.spec.syntax),
        };
        out.simple(heading.trim_end());
        out.simple(&format!("    {}", row.spec.summary));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands;
    use crate::commands::testing::Bench;

    #[test]
    fn every_container_has_help_as_its_last_row() {
        let table = commands::table();
        let mut bench = Bench::new();
        let containers = table.top().iter().filter(|row| !row.spec.subcommands().is_empty());
        for container in containers {
            let rows = container.spec.subcommands();
            assert_eq!(rows.last().map(|row| row.name), Some("help"), "{}", container.full_name);
            let reply = bench.run(&format!("{} help", container.full_name));
            let name = container.full_name.to_ascii_uppercase();
            let head = format!("*{}|+{name} <subcommand> [<arg> [value] [opt] ...]", 1 + 2 * rows.len());
            assert!(reply.starts_with(&head), "{reply}");
            assert!(reply.ends_with("|+HELP|+    Print this help.|"), "{reply}");
        }
    }
}
