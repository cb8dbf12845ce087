//! What ZUNION, ZINTER, ZDIFF and their kin read: keys with weights, and the members that the keys hold.

use larder_proto::score::Score;

use crate::commands::args::Args;
use crate::commands::error::CommandError;
use crate::commands::number::parse_score;
use crate::store::{Entry, Keyspace, Member, Set, SortedSet, Value, ValueRef};

/// The members of one input.
#[derive(Clone, Copy)]
pub(super) enum Members<'k> {
    /// The key is not there.
    None,
    /// Those of a plain set, each with the score 1.
    Set(&'k Set),
    /// Those of a sorted set, with their scores.
    SortedSet(&'k SortedSet),
}

/// A member of an input or of a result. That of a set of integers lies nowhere as bytes: it is carried along.
#[derive(Clone, Copy)]
pub(super) struct Scored<'k> {
    pub(super) score: Score,
    pub(super) member: Member<'k>,
}

/// One input, whose scores count as many times as its weight says.
#[derive(Clone, Copy)]
pub(super) struct Input<'k> {
    pub(super) members: Members<'k>,
    pub(super) weight: f64,
}

/// How the scores that a member has in several inputs become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Aggregate {
    /// Their sum.
    #[default]
    Sum,
    /// The lowest.
    Min,
    /// The highest.
    Max,
}

/// Which options a command takes after its keys.
#[derive(Clone, Copy)]
pub(super) enum Taken {
    /// WEIGHTS and AGGREGATE, and WITHSCORES unless the result is stored.
    Combining {
        /// The result is stored.
        stored: bool,
    },
    /// WITHSCORES alone, unless the result is stored.
    Subtracting {
        /// The result is stored.
        stored: bool,
    },
    /// LIMIT alone.
    Counting,
}

/// The words of a command, read.
pub(super) struct Request<'k> {
    pub(super) inputs: Vec<Input<'k>>,
    pub(super) aggregate: Aggregate,
    pub(super) with_scores: bool,
    /// Members to count at most; 0 for all.
    pub(super) limit: usize,
}

/// The members of a value, if it is of a type that has such.
fn members_of(value: ValueRef<'_>) -> Option<Members<'_>> {
    match value {
        ValueRef::Collection(Value::Set(set)) => Some(Members::Set(set)),
        ValueRef::Collection(Value::SortedSet(set)) => Some(Members::SortedSet(set)),
        _ => None,
    }
}

impl<'k> Members<'k> {
    pub(super) fn len(self) -> usize {
        match self {
            Self::None => 0,
            Self::Set(set) => set.len(),
            Self::SortedSet(set) => set.len(),
        }
    }

    /// The score of a member; of a member of a plain set, 1.
    pub(super) fn score(self, member: &[u8]) -> Option<f64> {
        match self {
            Self::None => None,
            Self::Set(set) => set.contains(member).then_some(1.0),
            Self::SortedSet(set) => set.score(member).map(|score| score.get()),
        }
    }

    pub(super) fn iter(self) -> Box<dyn Iterator<Item = Scored<'k>> + 'k> {
        match self {
            Self::None => Box::new(std::iter::empty()),
            Self::Set(set) => Box::new(set.iter().map(|member| Scored { score: Score::of(1), member })),
            Self::SortedSet(set) => Box::new(set.iter().map(Scored::from)),
        }
    }
}

impl<'k> From<Entry<'k>> for Scored<'k> {
    fn from(entry: Entry<'k>) -> Self {
        Self { score: entry.score, member: Member::Bytes(entry.member) }
    }
}

impl Scored<'_> {
    /// The same as an entry of a sorted set.
    pub(super) fn entry(&self) -> Entry<'_> {
        Entry { score: self.score, member: &self.member }
    }

    /// Brings members into the order of a sorted set.
    pub(super) fn sort(all: &mut [Self]) {
        all.sort_unstable_by(|one, other| (one.score, &*one.member).cmp(&(other.score, &*other.member)));
    }
}

impl<'k> Request<'k> {
    /// Reads the number of keys, the keys, and the options after them.
    ///
    /// # Errors
    /// A key holds another type, or a word is not as it should be.
    pub(super) fn read(
        keys: &'k Keyspace<'_>,
        mut args: Args<'_>,
        taken: Taken,
        command: &'static str,
    ) -> Result<Self, CommandError> {
        let count = args.integer()?;
        let Some(count) = usize::try_from(count).ok().filter(|&count| count > 0) else {
            return Err(CommandError::Told(format!(
                "at least 1 input key is needed for '{command}' command"
            )));
        };
        if count > args.len() {
            return Err(CommandError::Syntax);
        }
        let inputs = args.rest().take(count).map(|key| Input::of(keys, key)).collect::<Result<_, _>>()?;
        let mut request = Self { inputs, aggregate: Aggregate::Sum, with_scores: false, limit: 0 };
        request.options(args.skip(count), taken)?;
        Ok(request)
    }

    fn options(&mut self, mut args: Args<'_>, taken: Taken) -> Result<(), CommandError> {
        let combines = matches!(taken, Taken::Combining { .. });
        let replies =
            matches!(taken, Taken::Combining { stored: false } | Taken::Subtracting { stored: false });
        while !args.is_empty() {
            if combines && args.len() > self.inputs.len() && args.option("weights") {
                for input in &mut self.inputs {
                    let weight = parse_score(args.bytes()?).ok_or(NOT_A_WEIGHT)?;
                    input.weight = weight.get();
                }
            } else if combines && args.len() > 1 && args.option("aggregate") {
                self.aggregate = Aggregate::read(&mut args)?;
            } else if replies && args.option("withscores") {
                self.with_scores = true;
            } else if matches!(taken, Taken::Counting) && args.len() > 1 && args.option("limit") {
                self.limit = args
                    .integer()
                    .ok()
                    .and_then(|limit| usize::try_from(limit).ok())
                    .ok_or(NEGATIVE_LIMIT)?;
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(())
    }
}

impl<'k> Input<'k> {
    fn of(keys: &'k Keyspace<'_>, key: &[u8]) -> Result<Self, CommandError> {
        let members = match keys.get(key) {
            Some(item) => members_of(item.value).ok_or(CommandError::WrongType)?,
            None => Members::None,
        };
        Ok(Self { members, weight: 1.0 })
    }

    /// A score of this input as it counts.
    pub(super) fn weighed(self, score: f64) -> f64 {
        self.weight * score
    }
}

impl Aggregate {
    fn read(args: &mut Args<'_>) -> Result<Self, CommandError> {
        let known = [("sum", Self::Sum), ("min", Self::Min), ("max", Self::Max)];
        known
            .iter()
            .find(|(name, _)| args.option(name))
            .map(|(_, aggregate)| *aggregate)
            .ok_or(CommandError::Syntax)
    }

    /// Two scores as one. Infinities that cancel each other give 0, as in Redis.
    pub(super) fn join(self, one: f64, other: f64) -> f64 {
        match self {
            Self::Sum => or_zero(one + other),
            Self::Min if other < one => other,
            Self::Max if other > one => other,
            Self::Min | Self::Max => one,
        }
    }
}

/// The number, or 0 where there is none.
pub(super) fn or_zero(number: f64) -> f64 {
    if number.is_nan() { 0.0 } else { number }
}

const NOT_A_WEIGHT: CommandError = CommandError::Plain("weight value is not a float");
const NEGATIVE_LIMIT: CommandError = CommandError::Plain("LIMIT can't be negative");
