//! LOLWUT: a small picture, and the version. The shelves of a larder, stocked anew each second.

use fastrand::Rng;
use larder_proto::resp::Out;

use super::args::Args;
use super::context::SessionCx;
use super::spec::{Arity, Flags, Group, Keys, Outcome, Run, Spec};
use super::version::LARDER_VERSION;

/// The row.
pub(super) const ROW: Spec = Spec {
    name: "lolwut",
    arity: Arity::AtLeast(1),
    keys: Keys::None,
    flags: Flags::FAST,
    group: Group::Server,
    since: "5.0.0",
    summary: "Draws a picture and tells the version.",
    syntax: "[VERSION version]",
    run: Run::Session(lolwut),
};

fn lolwut(cx: &mut SessionCx<'_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    // There is one picture. Whatever else is asked for is let pass, as in Redis.
    if args.len() >= 2 && args.option("VERSION") {
        args.integer()?;
    }
    let mut picture = draw(&mut Rng::with_seed(cx.now.seconds()));
    picture.push_str(&format!("\nLarder ver. {LARDER_VERSION}\n"));
    out.verbatim(&picture);
    Ok(())
}

/// Shelves of jars; each jar is as full as chance will have it.
fn draw(random: &mut Rng) -> String {
    let mut picture = String::new();
    for _ in 0..SHELVES {
        let jars: Vec<usize> = (0..JARS).map(|_| random.usize(0..=JAR_LINES)).collect();
        line(&mut picture, &jars, |_| "╭──╮");
        for height in (0..JAR_LINES).rev() {
            line(&mut picture, &jars, |full| if full > height { "│▒▒│" } else { "│  │" });
        }
        line(&mut picture, &jars, |_| "╰──╯");
        picture.push_str(&"═".repeat(JARS * 5 + 1));
        picture.push('\n');
    }
    picture
}

fn line(picture: &mut String, jars: &[usize], part: impl Fn(usize) -> &'static str) {
    for jar in jars {
        picture.push(' ');
        picture.push_str(part(*jar));
    }
    picture.push('\n');
}

const SHELVES: usize = 3;
const JARS: usize = 8;
const JAR_LINES: usize = 3;

#[cfg(test)]
mod tests {
    use super::{JARS, LARDER_VERSION};
    use crate::commands::testing::Bench;

    #[test]
    fn the_picture_ends_with_the_version() {
        let mut bench = Bench::new();
        let picture = bench.run("lolwut");
        assert!(picture.ends_with(&format!("\nLarder ver. {LARDER_VERSION}\n|")), "{picture}");
        let shelf = "═".repeat(JARS * 5 + 1);
        assert_eq!(picture.matches(&shelf).count(), 3);
        assert_eq!(picture, bench.run("lolwut version 5 40 3"));
        bench.now.0 += 1_000;
        assert_ne!(picture, bench.run("lolwut"));
        bench.expect(&[("lolwut version a", "-ERR value is not an integer or out of range|")]);
    }
}
