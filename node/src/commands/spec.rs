//! What a command's row says. Lookup, refusals, routing, locking, COMMAND, COMMAND DOCS, ACL categories, metrics and the
//! reference page are read off rows; nothing compares command names.

use larder_proto::resp::Out;

use super::args::Args;
use super::context::{ReadCx, SessionCx, WalkCx, WriteCx};
use super::error::CommandError;
use super::number::parse_integer;

/// What a handler returns. An error takes the place of whatever was written to the reply.
pub type Outcome = Result<(), CommandError>;

/// One command, or one subcommand of a container such as CLIENT.
#[derive(Debug)]
pub struct Spec {
    /// The name in lower case; of a subcommand its own name alone.
    pub name: &'static str,
    /// Number of words, the name (and the container's) included.
    pub arity: Arity,
    /// Which words are keys.
    pub keys: Keys,
    /// What holds for it, beyond what `run` tells.
    pub flags: Flags,
    /// The family that the manual lists it under.
    pub group: Group,
    /// The version of Redis that had it first.
    pub since: &'static str,
    /// One line that says what it does.
    pub summary: &'static str,
    /// The arguments as the Redis manual writes them: `key [EX seconds | PX milliseconds] [FIELD field ...]`.
    pub syntax: &'static str,
    /// The handler, which tells whether the command reads, writes, walks or concerns the connection.
    pub run: Run,
}

/// A command's handler, and through its kind what dispatch prepares for it.
#[derive(Clone, Copy, Debug)]
pub enum Run {
    /// Reads the keys that the row names, which are locked for reading.
    Read(fn(&mut ReadCx<'_, '_>, Args<'_>, &mut Out<'_>) -> Outcome),
    /// Changes the keys that the row names, which are locked for writing.
    Write(fn(&mut WriteCx<'_, '_>, Args<'_>, &mut Out<'_>) -> Outcome),
    /// Walks the keys of the database, one partition locked at a time.
    Walk(fn(&mut WalkCx<'_, '_>, Args<'_>, &mut Out<'_>) -> Outcome),
    /// Concerns the connection or the node. Locks nothing.
    Session(fn(&mut SessionCx<'_>, Args<'_>, &mut Out<'_>) -> Outcome),
    /// Runs the queued commands of the transaction; the one command that dispatch itself carries out.
    Exec,
    /// Has subcommands, which are rows of their own.
    Container(&'static [Spec]),
}

/// How many words a command takes, its name included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arity {
    /// So many.
    Exactly(usize),
    /// So many or more.
    AtLeast(usize),
}

/// Which words of a command are keys. Positions count from the name at 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// None.
    None,
    /// The word at this position.
    At(usize),
    /// From `first` to the last word, every `step`-th.
    From {
        /// Position of the first key.
        first: usize,
        /// Distance between keys.
        step: usize,
    },
    /// The words at `first` and the next one.
    Pair {
        /// Position of the first key.
        first: usize,
    },
    /// As many words as the word at `count` says, right behind it; none if it says no number, or too large a one.
    Counted {
        /// Position of the number of keys.
        count: usize,
        /// The word before the number is a key too, which the command writes.
        target: bool,
    },
    /// Every key there is: all partitions are locked.
    Every,
}

/// How a command speaks for the keys of the whole cluster. Each node is asked for those that it serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whole {
    /// Each does it; all say the same.
    All,
    /// Arrays that follow one another.
    Chain,
    /// One of the keys replied, chosen in proportion to how many each node has.
    Pick,
    /// Node by node.
    Scan,
    /// The sum of the keys.
    Sum,
    /// A text of this node with the sums of the keys.
    Text,
}

/// The families of commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Any type of key.
    Generic,
    /// Strings.
    String,
    /// Hashes.
    Hash,
    /// Lists.
    List,
    /// Sets.
    Set,
    /// Sorted sets.
    SortedSet,
    /// The connection.
    Connection,
    /// The node.
    Server,
    /// Transactions.
    Transactions,
    /// The cluster.
    Cluster,
}

/// What holds for a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags(u32);

impl Flags {
    /// Nothing in particular.
    pub const NONE: Self = Self(0);
    /// Takes constant time, or logarithmic time of a small number.
    pub const FAST: Self = Self(1);
    /// May need more memory: refused at the limit where nothing can be evicted.
    pub const DENY_OOM: Self = Self(1 << 1);
    /// Concerns the node's operation.
    pub const ADMIN: Self = Self(1 << 2);
    /// Not for everyday use: slow on a large data set, or destructive.
    pub const DANGEROUS: Self = Self(1 << 3);
    /// Allowed before authentication.
    pub const NO_AUTH: Self = Self(1 << 4);
    /// Not allowed within a transaction.
    pub const NO_MULTI: Self = Self(1 << 5);
    /// Carried out at once within a transaction, where others are queued.
    pub const NOT_QUEUED: Self = Self(1 << 6);
    /// Not counted as a use of the key.
    pub const NO_TOUCH: Self = Self(1 << 7);
    /// Kept out of the slow log, since its arguments are secrets.
    pub const SECRET: Self = Self(1 << 8);
    /// Changes data without naming keys, so CLIENT PAUSE WRITE holds it back too.
    pub const MAY_WRITE: Self = Self(1 << 9);
    /// Carried out even while all commands are paused (CLIENT PAUSE).
    pub const UNPAUSED: Self = Self(1 << 10);
    /// Counts hits and misses although it writes: what it gives back is the value.
    pub const LOOKUP: Self = Self(1 << 12);
    /// Keys of several nodes: asked for part by part, and the elements of the replies are put in the order of the keys.
    pub const SPLIT_VALUES: Self = Self(1 << 13);
    /// Keys of several nodes: asked for part by part, and the numbers of the replies are added.
    pub const SPLIT_SUM: Self = Self(1 << 14);
    /// Keys of several nodes: asked for part by part, and all of them say OK.
    pub const SPLIT_ALL: Self = Self(1 << 15);
    /// Speaks for the keys of the whole cluster: the arrays that the nodes reply follow one another.
    pub const WHOLE_CHAIN: Self = Self(1 << 16);
    /// Speaks for the keys of the whole cluster: one of those that the nodes reply is chosen.
    pub const WHOLE_PICK: Self = Self(1 << 17);
    /// Walks through the keys of the whole cluster, node by node.
    pub const WHOLE_SCAN: Self = Self(1 << 18);
    /// Counts the keys of the whole cluster.
    pub const WHOLE_SUM: Self = Self(1 << 19);
    /// Tells of this node, but counts the keys of the whole cluster.
    pub const WHOLE_TEXT: Self = Self(1 << 20);
    /// Refused at the cluster endpoint, where there is one database.
    pub const NO_CLUSTER: Self = Self(1 << 21);
    /// Tells who serves what, so it waits while this node may not know it.
    pub const OWNERS: Self = Self(1 << 22);
    /// Not allowed from scripts.
    pub const NO_SCRIPT: Self = Self(1 << 11);

    /// Both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` hold.
    #[must_use]
    #[inline]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl Arity {
    /// Whether so many words are right.
    #[must_use]
    #[inline]
    pub const fn allows(self, words: usize) -> bool {
        match self {
            Self::Exactly(count) => words == count,
            Self::AtLeast(count) => words >= count,
        }
    }

    /// The number that COMMAND gives: negative where more are allowed.
    #[must_use]
    pub const fn number(self) -> i64 {
        match self {
            Self::Exactly(count) => count as i64,
            Self::AtLeast(count) => -(count as i64),
        }
    }
}

impl Keys {
    /// The positions of the keys in a command of so many words, of which `word` gives one.
    #[inline]
    pub fn positions<'w>(
        self,
        words: usize,
        word: impl FnOnce(usize) -> Option<&'w [u8]>,
    ) -> impl Iterator<Item = usize> {
        let target = match self {
            Self::Counted { count, target: true } => count.checked_sub(1),
            _ => None,
        };
        let (first, end, step) = match self {
            Self::None | Self::Every => (0, 0, 1),
            Self::At(position) => (position, position + 1, 1),
            Self::From { first, step } => (first, words, step),
            Self::Pair { first } => (first, first + 2, 1),
            Self::Counted { count: at, .. } => {
                let count = word(at).and_then(parse_integer).and_then(|count| usize::try_from(count).ok());
                let count = count.filter(|count| *count < words - at.min(words)).unwrap_or(0);
                (at + 1, at + 1 + count, 1)
            }
        };
        target.into_iter().chain((first..end.min(words)).step_by(step))
    }

    /// First position, last position (negative from the end) and step, as COMMAND gives them.
    #[must_use]
    pub const fn triple(self) -> (i64, i64, i64) {
        match self {
            Self::None | Self::Every => (0, 0, 0),
            Self::At(position) => (position as i64, position as i64, 1),
            Self::From { first, step } => (first as i64, -1, step as i64),
            Self::Pair { first } => (first as i64, first as i64 + 1, 1),
            Self::Counted { count, target: true } => (count as i64 - 1, count as i64 - 1, 1),
            Self::Counted { target: false, .. } => (0, 0, 0),
        }
    }
}

impl Spec {
    /// Whether it changes data.
    #[must_use]
    #[inline]
    pub const fn writes(&self) -> bool {
        matches!(self.run, Run::Write(_))
    }

    /// Whether it reads data and changes none.
    #[must_use]
    pub const fn reads(&self) -> bool {
        matches!(self.run, Run::Read(_) | Run::Walk(_))
    }

    /// How it speaks for the keys of the whole cluster, if it does.
    #[must_use]
    pub const fn whole(&self) -> Option<Whole> {
        if matches!(self.keys, Keys::Every) {
            Some(Whole::All)
        } else if self.flags.has(Flags::WHOLE_CHAIN) {
            Some(Whole::Chain)
        } else if self.flags.has(Flags::WHOLE_PICK) {
            Some(Whole::Pick)
        } else if self.flags.has(Flags::WHOLE_SCAN) {
            Some(Whole::Scan)
        } else if self.flags.has(Flags::WHOLE_SUM) {
            Some(Whole::Sum)
        } else if self.flags.has(Flags::WHOLE_TEXT) {
            Some(Whole::Text)
        } else {
            None
        }
    }

    /// The subcommands, if it is a container.
    #[must_use]
    pub const fn subcommands(&self) -> &'static [Spec] {
        match self.run {
            Run::Container(rows) => rows,
            _ => &[],
        }
    }
}

/// Stops the build at a row that cannot be right.
pub const fn check(rows: &[Spec]) {
    let mut row = 0;
    while row < rows.len() {
        let spec = &rows[row];
        assert!(!spec.name.is_empty() && !spec.summary.is_empty(), "a row without name or summary");
        let name = spec.name.as_bytes();
        let mut at = 0;
        while at < name.len() {
            assert!(!name[at].is_ascii_uppercase(), "names are lower case");
            at += 1;
        }
        let words = match spec.arity {
            Arity::Exactly(count) | Arity::AtLeast(count) => count,
        };
        assert!(words >= 1, "a command has at least its name");
        match spec.keys {
            Keys::At(position) => assert!(position < words, "the key lies beyond the words"),
            Keys::From { first, step } => {
                assert!(first < words && step > 0, "the first key lies beyond the words")
            }
            Keys::Pair { first } => assert!(first + 1 < words, "the second key lies beyond the words"),
            Keys::Counted { count, .. } => assert!(count + 1 < words, "the first key lies beyond the words"),
            Keys::None | Keys::Every => {}
        }
        if let Run::Read(_) | Run::Write(_) = spec.run {
            assert!(!matches!(spec.keys, Keys::None), "a command on keys that names none");
        }
        check(spec.subcommands());
        row += 1;
    }
}
