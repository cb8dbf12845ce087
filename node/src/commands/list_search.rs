//! LPOS: where in a list an element is.

use larder_proto::effect::Side;
use larder_proto::resp::Out;

use super::args::Args;
use super::context::ReadCx;
use super::error::CommandError;
use super::lists::list;
use super::number::parse_integer;
use super::spec::{Arity, Flags, Group, Keys, Outcome, Run, Spec, check};
use crate::store::List;

/// The row.
pub(super) const ROWS: &[Spec] = &[Spec {
    name: "lpos",
    arity: Arity::AtLeast(3),
    keys: Keys::At(1),
    flags: Flags::NONE,
    group: Group::List,
    since: "6.0.6",
    summary: "Returns the index of matching elements in a list.",
    syntax: "key element [RANK rank] [COUNT num-matches] [MAXLEN len]",
    run: Run::Read(lpos),
}];
const _: () = check(ROWS);

fn lpos(cx: &mut ReadCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let (key, element) = (args.key()?, args.bytes()?);
    let options = Options::read(args)?;
    let list = list(cx.keys, key)?;
    let found = list.map(|list| options.find(list, element)).unwrap_or_default();
    if options.count.is_none() {
        match found.first() {
            Some(index) => out.count(*index),
            None => out.null(),
        }
        return Ok(());
    }
    out.array(found.len());
    found.iter().for_each(|index| out.count(*index));
    Ok(())
}

struct Options {
    /// From which end is searched.
    side: Side,
    /// Matches that are passed over.
    skipped: usize,
    /// Matches wanted; `None` for the first one alone.
    count: Option<usize>,
    /// Elements looked at.
    elements_max: usize,
}

impl Options {
    fn read(mut args: Args<'_>) -> Result<Self, CommandError> {
        let mut options = Self { side: Side::Left, skipped: 0, count: None, elements_max: usize::MAX };
        while !args.is_empty() {
            if args.len() > 1 && args.option("rank") {
                options.set_rank(args.integer_between(-i64::MAX, i64::MAX)?)?;
            } else if args.len() > 1 && args.option("count") {
                options.count = Some(number_or_all(args.bytes()?, "COUNT can't be negative")?);
            } else if args.len() > 1 && args.option("maxlen") {
                options.elements_max = number_or_all(args.bytes()?, "MAXLEN can't be negative")?;
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(options)
    }

    fn set_rank(&mut self, rank: i64) -> Result<(), CommandError> {
        self.side = if rank < 0 { Side::Right } else { Side::Left };
        let before = rank.unsigned_abs().checked_sub(1).ok_or(CommandError::Plain(RANK_ZERO))?;
        self.skipped = usize::try_from(before).unwrap_or(usize::MAX);
        Ok(())
    }

    fn find(&self, list: &List, element: &[u8]) -> Vec<usize> {
        let elements = list.iter_from_end(self.side).take(self.elements_max).enumerate();
        let matches =
            elements.filter(|(_, candidate)| *candidate == element).map(|(number, _)| match self.side {
                Side::Left => number,
                Side::Right => list.len() - 1 - number,
            });
        matches.skip(self.skipped).take(self.count.unwrap_or(1)).collect()
    }
}

/// A number that is not negative; 0 stands for all.
fn number_or_all(word: &[u8], otherwise: &'static str) -> Result<usize, CommandError> {
    let number = parse_integer(word).and_then(|number| usize::try_from(number).ok());
    number.map(|number| if number == 0 { usize::MAX } else { number }).ok_or(CommandError::Plain(otherwise))
}

const RANK_ZERO: &str = "RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use \
                         negative to start from the end of the list";

#[cfg(test)]
mod tests {
    use crate::commands::testing::Bench;

    #[test]
    fn matches_are_counted_from_either_end() {
        Bench::new().expect(&[
            ("rpush l a b c d 1 2 3 4 3 3 3", ":11|"),
            ("lpos l 3", ":6|"),
            ("lpos l 3 rank 2", ":8|"),
            ("lpos l 3 rank -1", ":10|"),
            ("lpos l 3 rank 5", "$-1|"),
            ("lpos l 3 COUNT 2", "*2|:6|:8|"),
            ("lpos l 3 count 0", "*4|:6|:8|:9|:10|"),
            ("lpos l 3 rank -2 count 2", "*2|:9|:8|"),
            ("lpos l 3 maxlen 6", "$-1|"),
            ("lpos l 3 maxlen 7", ":6|"),
            ("lpos l 3 count 0 maxlen 9", "*2|:6|:8|"),
            ("lpos l 3 rank -1 count 0 maxlen 2", "*2|:10|:9|"),
            ("lpos l x count 1", "*0|"),
            ("lpos none x count 1", "*0|"),
            ("lpos none x", "$-1|"),
        ]);
    }

    #[test]
    fn options_are_checked() {
        Bench::new().expect(&[
            ("lpos l x rank", "-ERR syntax error|"),
            ("lpos l x first 1", "-ERR syntax error|"),
            ("lpos l x count -1", "-ERR COUNT can't be negative|"),
            ("lpos l x count y", "-ERR COUNT can't be negative|"),
            ("lpos l x maxlen -1", "-ERR MAXLEN can't be negative|"),
            ("lpos l x rank y", "-ERR value is not an integer or out of range|"),
            (
                "lpos l x rank 0",
                "-ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative \
                 to start from the end of the list|",
            ),
            (
                "lpos l x rank -9223372036854775808",
                "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807|",
            ),
        ]);
    }
}
