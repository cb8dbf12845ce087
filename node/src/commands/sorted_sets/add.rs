//! ZADD and ZINCRBY: members get their scores.

use larder_proto::resp::Out;
use larder_proto::score::Score;

use crate::commands::args::Args;
use crate::commands::context::WriteCx;
use crate::commands::error::CommandError;
use crate::commands::number::parse_score;
use crate::commands::spec::{Arity, Flags, Group, Keys, Outcome, Run, Spec, check};

/// The rows.
pub(in crate::commands) const ROWS: &[Spec] = &[
    Spec {
        name: "zadd",
        arity: Arity::AtLeast(4),
        keys: Keys::At(1),
        flags: Flags::DENY_OOM.and(Flags::FAST),
        group: Group::SortedSet,
        since: "1.2.0",
        summary: "Adds one or more members to a sorted set, or updates their scores. Creates the key if it doesn't exist.",
        syntax: "key [NX | XX] [GT | LT] [CH] [INCR] score member [score member ...]",
        run: Run::Write(zadd),
    },
    Spec {
        name: "zincrby",
        arity: Arity::Exactly(4),
        keys: Keys::At(1),
        flags: Flags::DENY_OOM.and(Flags::FAST),
        group: Group::SortedSet,
        since: "1.2.0",
        summary: "Increments the score of a member in a sorted set by a floating point number.",
        syntax: "key increment member",
        run: Run::Write(zincrby),
    },
];
const _: () = check(ROWS);

fn zadd(cx: &mut WriteCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    add(cx, args, Options::default(), out)
}

/// As in Redis, ZADD with INCR: its options are read here, too.
fn zincrby(cx: &mut WriteCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    add(cx, args, Options { increment: true, ..Options::default() }, out)
}

/// The options of ZADD.
#[derive(Clone, Copy, Default)]
struct Options {
    only_new: bool,
    only_old: bool,
    only_greater: bool,
    only_less: bool,
    count_changed: bool,
    increment: bool,
}

fn add(cx: &mut WriteCx<'_, '_>, mut args: Args<'_>, options: Options, out: &mut Out<'_>) -> Outcome {
    let key = args.key()?;
    let options = options.read(&mut args);
    if args.is_empty() || args.len() % 2 == 1 {
        return Err(CommandError::Syntax);
    }
    options.agree(args.len() / 2)?;
    // Every score is read before the first one is set: a wrong one leaves nothing half done.
    for (score, _) in args.pairs("zadd")? {
        parse_score(score).ok_or(CommandError::NotFloat)?;
    }
    let (mut added, mut changed, mut last) = (0, 0, None);
    for (score, member) in args.pairs("zadd")? {
        let score = parse_score(score).ok_or(CommandError::NotFloat)?;
        let (old, new) = cx.keys.sorted_set_change(key, member, |old| options.decide(old, score))?;
        added += usize::from(old.is_none() && new.is_some());
        changed += usize::from(new.is_some() && old != new);
        last = new;
    }
    match last {
        Some(score) if options.increment => out.double(score.get()),
        None if options.increment => out.null(),
        _ => out.count(if options.count_changed { changed } else { added }),
    }
    Ok(())
}

impl Options {
    fn read(mut self, args: &mut Args<'_>) -> Self {
        loop {
            if args.option("nx") {
                self.only_new = true;
            } else if args.option("xx") {
                self.only_old = true;
            } else if args.option("gt") {
                self.only_greater = true;
            } else if args.option("lt") {
                self.only_less = true;
            } else if args.option("ch") {
                self.count_changed = true;
            } else if args.option("incr") {
                self.increment = true;
            } else {
                return self;
            }
        }
    }

    /// Refuses what contradicts itself, for so many members.
    fn agree(self, members: usize) -> Outcome {
        let sentence = if self.only_new && self.only_old {
            "XX and NX options at the same time are not compatible"
        } else if u8::from(self.only_new) + u8::from(self.only_greater) + u8::from(self.only_less) > 1 {
            "GT, LT, and/or NX options at the same time are not compatible"
        } else if self.increment && members > 1 {
            "INCR option supports a single increment-element pair"
        } else {
            return Ok(());
        };
        Err(CommandError::Plain(sentence))
    }

    /// The score that a member gets; none if it is to stay as it is.
    fn decide(self, old: Option<Score>, given: Score) -> Result<Option<Score>, CommandError> {
        let Some(old) = old else { return Ok((!self.only_old).then_some(given)) };
        if self.only_new {
            return Ok(None);
        }
        let new = match self.increment {
            true => Score::new(old.get() + given.get()).ok_or(NOT_A_NUMBER)?,
            false => given,
        };
        let is_wanted = (!self.only_greater || new > old) && (!self.only_less || new < old);
        Ok(is_wanted.then_some(new))
    }
}

const NOT_A_NUMBER: CommandError = CommandError::Plain("resulting score is not a number (NaN)");

#[cfg(test)]
mod tests {
    use larder_proto::resp::Version;

    use crate::commands::testing::Bench;

    #[test]
    fn members_get_scores() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("zadd z 1 a 2 b 3 a", ":2|"),
            ("zscore z a", "$1|3|"),
            ("zadd z nx 9 a 9 c", ":1|"),
            ("zadd z xx 4 a 4 d", ":0|"),
            ("zadd z xx ch 5 a 5 d", ":1|"),
            ("zadd z gt ch 4 a 10 c 7 e", ":2|"),
            ("zadd z lt ch 4 a 10 c", ":1|"),
            ("zadd z ch 4 a", ":0|"),
            ("zadd z incr 0.5 a", "$3|4.5|"),
            ("zadd z nx incr 1 a", "$-1|"),
            ("zadd z xx incr 1 nobody", "$-1|"),
            ("zadd z gt incr -1 a", "$-1|"),
            ("zadd none xx 1 a", ":0|"),
            ("exists none", ":0|"),
            ("zincrby z 2 a", "$3|6.5|"),
            ("zincrby new -2 a", "$2|-2|"),
            ("zadd z inf i", ":1|"),
            ("zincrby z -inf i", "-ERR resulting score is not a number (NaN)|"),
            ("zscore z i", "$3|inf|"),
            ("zrange z 0 -1 withscores", "*10|$1|b|$1|2|$1|a|$3|6.5|$1|e|$1|7|$1|c|$2|10|$1|i|$3|inf|"),
        ]);
    }

    #[test]
    fn wrong_words_change_nothing() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("zadd z 1", "-ERR wrong number of arguments for 'zadd' command|"),
            ("zadd z nx xx", "-ERR syntax error|"),
            ("zadd z 1 a 2", "-ERR syntax error|"),
            ("zadd z nx xx 1 a", "-ERR XX and NX options at the same time are not compatible|"),
            ("zadd z gt lt 1 a", "-ERR GT, LT, and/or NX options at the same time are not compatible|"),
            ("zadd z gt nx 1 a", "-ERR GT, LT, and/or NX options at the same time are not compatible|"),
            ("zadd z incr 1 a 2 b", "-ERR INCR option supports a single increment-element pair|"),
            ("zadd z 1 a x b", "-ERR value is not a valid float|"),
            ("zadd z nan a", "-ERR value is not a valid float|"),
            ("zincrby z x a", "-ERR value is not a valid float|"),
            ("zincrby z nx a", "-ERR syntax error|"),
            ("exists z", ":0|"),
        ]);
        assert!(bench.effects.0.is_empty());
    }

    #[test]
    fn the_newer_protocol_has_doubles() {
        let mut bench = Bench::new();
        bench.session.version = Version::Resp3;
        bench.expect(&[
            ("zadd z incr 0.1 a", ",0.1|"),
            ("zincrby z inf a", ",inf|"),
            ("zadd z nx incr 1 a", "_|"),
            ("zadd z -0 b", ":1|"),
            ("zscore z b", ",0|"),
        ]);
    }

    #[test]
    fn effects_tell_what_changed_alone() {
        let mut bench = Bench::new();
        bench.run("zadd z 1 a 1 a");
        bench.run("zadd z -0 b");
        bench.run("zadd z 0 b");
        bench.run("zrem z a nobody");
        assert_eq!(bench.effects.0.len(), 3, "{:?}", bench.effects.0);
        assert!(bench.effects.0[0].contains("created: true"));
        assert!(bench.effects.0[1].contains("created: false"));
    }
}
