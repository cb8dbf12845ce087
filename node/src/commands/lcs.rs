//! LCS: the longest common subsequence of two strings, its length, or where it lies in both.

use larder_proto::resp::Out;

use super::args::Args;
use super::context::ReadCx;
use super::error::CommandError;
use super::spec::{Arity, Flags, Group, Keys, Outcome, Run, Spec, check};

/// The row.
pub(super) const ROWS: &[Spec] = &[Spec {
    name: "lcs",
    arity: Arity::AtLeast(3),
    keys: Keys::Pair { first: 1 },
    flags: Flags::NONE,
    group: Group::String,
    since: "7.0.0",
    summary: "Finds the longest common substring.",
    syntax: "key1 key2 [LEN] [IDX] [MINMATCHLEN min-match-len] [WITHMATCHLEN]",
    run: Run::Read(lcs),
}];
const _: () = check(ROWS);

/// Pairs of bytes that are compared at most: bounds the time, and the directions remembered to 8 MiB.
const PAIRS_MAX: usize = 1 << 26;

/// Bytes of each string at most: bounds the row of lengths to 16 MiB where the other string is short.
const STRING_BYTES_MAX: usize = 4 << 20;

#[derive(Default)]
struct Options {
    length_only: bool,
    places: bool,
    match_length_min: usize,
    with_match_length: bool,
}

/// Bytes that stand in both strings one after the other, by their first places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stretch {
    left: usize,
    right: usize,
    length: usize,
}

fn lcs(cx: &mut ReadCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let (left, right) = (args.key()?, args.key()?);
    let wrong_type = |_| CommandError::Plain("The specified keys must contain string values");
    let left = cx.keys.string(left).map_err(wrong_type)?.unwrap_or_default();
    let right = cx.keys.string(right).map_err(wrong_type)?.unwrap_or_default();
    let options = Options::read(args)?;
    allow_lengths(left.len(), right.len())?;
    if options.length_only {
        out.count(compare(left, right, |_| ()));
        return Ok(());
    }
    let runs = common_runs(left, right);
    if options.places {
        write_places(&runs, &options, out);
    } else {
        let text: Vec<u8> =
            runs.iter().rev().flat_map(|run| &left[run.left..run.left + run.length]).copied().collect();
        out.bulk(&text);
    }
    Ok(())
}

impl Options {
    fn read(mut args: Args<'_>) -> Result<Self, CommandError> {
        let mut options = Self::default();
        while !args.is_empty() {
            if args.option("idx") {
                options.places = true;
            } else if args.option("len") {
                options.length_only = true;
            } else if args.option("withmatchlen") {
                options.with_match_length = true;
            } else if args.option("minmatchlen") {
                options.match_length_min = usize::try_from(args.integer()?).unwrap_or(0);
            } else {
                return Err(CommandError::Syntax);
            }
        }
        if options.places && options.length_only {
            return Err(CommandError::Plain("If you want both the length and indexes, please just use IDX."));
        }
        Ok(options)
    }
}

fn allow_lengths(left: usize, right: usize) -> Result<(), CommandError> {
    if left.max(right) > STRING_BYTES_MAX {
        return Err(CommandError::Limit { what: "LCS takes strings of at most 4194304 bytes" });
    }
    // Both are small enough for the product to fit.
    if left * right > PAIRS_MAX {
        return Err(CommandError::Limit { what: "LCS compares at most 67108864 pairs of bytes" });
    }
    Ok(())
}

fn write_places(runs: &[Stretch], options: &Options, out: &mut Out<'_>) {
    let shown = || runs.iter().filter(|run| run.length >= options.match_length_min);
    out.map(2);
    out.bulk(b"matches");
    out.array(shown().count());
    for run in shown() {
        out.array(2 + usize::from(options.with_match_length));
        for first in [run.left, run.right] {
            out.array(2);
            out.count(first);
            out.count(first + run.length - 1);
        }
        if options.with_match_length {
            out.count(run.length);
        }
    }
    out.bulk(b"len");
    out.count(runs.iter().map(|run| run.length).sum());
}

/// The runs of a longest common subsequence, the last one first.
///
/// Of each pair of places it is enough to know which neighbour has the longer subsequence, one bit, since whether the
/// bytes are the same can be seen again on the way back.
fn common_runs(left: &[u8], right: &[u8]) -> Vec<Stretch> {
    let width = right.len();
    let mut upward = vec![0_u64; (left.len() * width).div_ceil(64)];
    compare(left, right, |pair| upward[pair / 64] |= 1 << (pair % 64));
    let mut runs: Vec<Stretch> = Vec::new();
    let (mut at_left, mut at_right) = (left.len(), width);
    while at_left > 0 && at_right > 0 {
        let pair = (at_left - 1) * width + at_right - 1;
        if left[at_left - 1] == right[at_right - 1] {
            match runs.last_mut() {
                Some(run) if run.left == at_left && run.right == at_right => {
                    *run = Stretch { left: at_left - 1, right: at_right - 1, length: run.length + 1 };
                }
                _ => runs.push(Stretch { left: at_left - 1, right: at_right - 1, length: 1 }),
            }
            (at_left, at_right) = (at_left - 1, at_right - 1);
        } else if upward[pair / 64] >> (pair % 64) & 1 == 1 {
            at_left -= 1;
        } else {
            at_right -= 1;
        }
    }
    runs
}

/// The length of the longest common subsequence. Calls `upward` with each pair of places, counted row by row, whose
/// bytes differ and of which the pair above has the longer subsequence than the one before.
fn compare(left: &[u8], right: &[u8], mut upward: impl FnMut(usize)) -> usize {
    let mut row = vec![0_u32; right.len()];
    for (line, byte) in left.iter().enumerate() {
        let (mut before, mut diagonal) = (0, 0);
        for (column, (above, other)) in row.iter_mut().zip(right).enumerate() {
            let longest = if byte == other {
                diagonal + 1
            } else if *above > before {
                upward(line * right.len() + column);
                *above
            } else {
                before
            };
            diagonal = *above;
            *above = longest;
            before = longest;
        }
    }
    row.last().map_or(0, |&length| length as usize)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{allow_lengths, common_runs, compare};
    use crate::commands::testing::Bench;

    #[test]
    fn text_length_and_places() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("mset a ohmytext b mynewtext", "+OK|"),
            ("lcs a b", "$6|mytext|"),
            ("lcs a b len", ":6|"),
            ("lcs a b idx", "*4|$7|matches|*2|*2|*2|:4|:7|*2|:5|:8|*2|*2|:2|:3|*2|:0|:1|$3|len|:6|"),
            ("lcs a b idx withmatchlen minmatchlen 4", "*4|$7|matches|*1|*3|*2|:4|:7|*2|:5|:8|:4|$3|len|:6|"),
            ("lcs a none", "$0||"),
            ("lcs none none2 len", ":0|"),
            ("lcs none none2 idx", "*4|$7|matches|*0|$3|len|:0|"),
            ("lcs a b len idx", "-ERR If you want both the length and indexes, please just use IDX.|"),
            ("lcs a b minmatchlen", "-ERR syntax error|"),
            ("lcs a b idx minmatchlen x", "-ERR value is not an integer or out of range|"),
            ("lcs a b what", "-ERR syntax error|"),
            ("hset h f v", ":1|"),
            ("lcs a h what", "-ERR The specified keys must contain string values|"),
            ("setrange big 8192 x", ":8193|"),
            ("lcs big big", "-ERR limit reached: LCS compares at most 67108864 pairs of bytes|"),
        ]);
        bench.session.version = larder_proto::resp::Version::Resp3;
        bench.expect(&[("lcs a none idx", "%2|$7|matches|*0|$3|len|:0|")]);
    }

    #[test]
    fn lengths_are_bounded() {
        assert!(allow_lengths(8_192, 8_192).is_ok());
        assert!(allow_lengths(8_193, 8_192).is_err());
        assert!(allow_lengths(1, 4 << 20).is_ok());
        assert!(allow_lengths((4 << 20) + 1, 0).is_err());
        assert!(allow_lengths(usize::MAX, usize::MAX).is_err());
    }

    /// The rule read plainly.
    fn naive(left: &[u8], right: &[u8]) -> usize {
        let mut lengths = vec![vec![0; right.len() + 1]; left.len() + 1];
        for (i, byte) in left.iter().enumerate() {
            for (j, other) in right.iter().enumerate() {
                lengths[i + 1][j + 1] =
                    if byte == other { lengths[i][j] + 1 } else { lengths[i][j + 1].max(lengths[i + 1][j]) };
            }
        }
        lengths[left.len()][right.len()]
    }

    proptest! {
        #[test]
        fn runs_are_common_and_as_long_as_can_be(left in "[abc]{0,24}", right in "[abc]{0,24}") {
            let (left, right) = (left.as_bytes(), right.as_bytes());
            let runs = common_runs(left, right);
            prop_assert_eq!(runs.iter().map(|run| run.length).sum::<usize>(), naive(left, right));
            prop_assert_eq!(compare(left, right, |_| ()), naive(left, right));
            for run in &runs {
                prop_assert_eq!(&left[run.left..run.left + run.length], &right[run.right..run.right + run.length]);
            }
            for pair in runs.windows(2) {
                prop_assert!(pair[1].left + pair[1].length <= pair[0].left);
                prop_assert!(pair[1].right + pair[1].length <= pair[0].right);
            }
        }
    }
}
