//! What a command can fail with: its word on the wire and its sentence, in one place. The sentences are those of Redis
//! 7.2 where Redis has the same case, since clients and people know them.

use std::fmt;

use larder_proto::error::ErrorCode;

use crate::store::{OutOfMemory, WrongType};

/// Why a command was refused or failed. Nothing was changed, unless a variant says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandError {
    /// There is no such command. Holds the name and the beginning of the words after it, made safe to show.
    UnknownCommand {
        /// The name as it was sent, shortened.
        name: String,
        /// The words as they were sent, quoted and shortened.
        arguments: String,
    },
    /// The container has no such subcommand.
    UnknownSubcommand {
        /// The subcommand as it was sent, shortened.
        name: String,
        /// The container in capitals.
        container: String,
    },
    /// The subcommand does not take these words.
    SubcommandSyntax {
        /// The subcommand as it was sent, shortened.
        name: String,
        /// The container in capitals.
        container: &'static str,
    },
    /// Too few or too many words.
    WrongArity {
        /// The command, `container|subcommand` for a subcommand.
        command: String,
    },
    /// A word that has no meaning where it stands, or contradicts another.
    Syntax,
    /// The key holds another type.
    WrongType,
    /// Not a 64-bit integer.
    NotInteger,
    /// Not a number.
    NotFloat,
    /// The field of a hash is not a 64-bit integer.
    HashNotInteger,
    /// The field of a hash is not a number.
    HashNotFloat,
    /// The sum does not fit 64 bits.
    Overflow,
    /// The sum is not a finite number.
    NanOrInfinity,
    /// The number is beyond what the command takes.
    OutOfRange,
    /// The number is beyond bounds that the command names.
    NotBetween {
        /// The lowest number allowed.
        min: i64,
        /// The highest number allowed.
        max: i64,
    },
    /// The number has to be zero or more.
    MustBePositive,
    /// The number, called so by its name, has to be zero or more.
    MustBePositiveNamed(&'static str),
    /// The string would be longer than `proto-max-bulk-len` allows.
    StringTooLong,
    /// The offset into a string is out of range.
    OffsetOutOfRange,
    /// The deadline is in the far future or before 1970.
    InvalidExpire {
        /// The command, in lower case.
        command: &'static str,
    },
    /// The key that the command needs is not there.
    NoSuchKey,
    /// There is no database of this number.
    DatabaseOutOfRange,
    /// The number of the database is none.
    InvalidDatabase {
        /// Which of two numbers: `first ` or `second `, or nothing.
        which: &'static str,
    },
    /// Source and destination are the same.
    SameObject,
    /// A scan's cursor is none.
    InvalidCursor,
    /// The connection has to authenticate.
    NoAuth,
    /// HELLO without AUTH on a connection that has to authenticate.
    NoAuthHello,
    /// User or password are wrong.
    WrongPass,
    /// AUTH without a password where none is configured.
    NoPasswordConfigured,
    /// HELLO with a version that does not exist.
    NoProto,
    /// The memory limit is reached.
    OutOfMemory,
    /// Nothing was changed yet, and so many bytes are needed: dispatch makes room and tries again, or refuses.
    NeedsMemory {
        /// Bytes beyond those of the request.
        bytes: usize,
    },
    /// The reply would be larger than a reply may be.
    ReplyTooBig,
    /// The keys are owned by several nodes.
    CrossSlot,
    /// Another node serves the slot: the client is sent there.
    Moved {
        /// The slot.
        slot: u16,
        /// The other node's host.
        host: String,
        /// Its port for cluster-aware clients.
        port: u16,
    },
    /// Nobody serves the keys: for how long, and what to do. Nothing was changed.
    ClusterDown(&'static str),
    /// The keys changed their owner while the request was under way. Nothing was changed.
    TryAgain,
    /// Whether anything was changed is not known.
    OutcomeUnknown,
    /// The request ran so long that this node lost the right to serve meanwhile. Whether anything was changed is not known.
    RanTooLong,
    /// EXEC after a command that could not be queued.
    ExecAborted,
    /// The command cannot be part of a transaction.
    NotInTransaction {
        /// The command in capitals.
        command: &'static str,
    },
    /// The command makes sense in a transaction only.
    WithoutMulti {
        /// The command in capitals.
        command: &'static str,
    },
    /// Left out of Larder on purpose.
    Refused {
        /// The command in capitals.
        command: &'static str,
        /// Why, and what to do instead.
        reason: &'static str,
    },
    /// The user may not do this: why, and what to do. Nothing was changed.
    NoPermission(&'static str),
    /// A limit of this node is reached.
    Limit {
        /// What is limited, and which setting does it.
        what: &'static str,
    },
    /// A sentence of one command alone.
    Plain(&'static str),
    /// A sentence of one command alone that names what was sent.
    Told(String),
}

impl CommandError {
    /// The word on the wire.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::WrongType => ErrorCode::WrongType,
            Self::NoAuth | Self::NoAuthHello => ErrorCode::NoAuth,
            Self::WrongPass => ErrorCode::WrongPass,
            Self::NoProto => ErrorCode::NoProto,
            Self::OutOfMemory | Self::NeedsMemory { .. } => ErrorCode::Oom,
            Self::CrossSlot => ErrorCode::CrossSlot,
            Self::Moved { .. } => ErrorCode::Moved,
            Self::ClusterDown(_) => ErrorCode::ClusterDown,
            Self::ExecAborted => ErrorCode::ExecAbort,
            Self::TryAgain => ErrorCode::TryAgain,
            Self::NoPermission(_) => ErrorCode::NoPerm,
            _ => ErrorCode::Err,
        }
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownCommand { name, arguments } => {
                write!(f, "unknown command '{name}', with args beginning with: {arguments}")
            }
            Self::UnknownSubcommand { name, container } => {
                write!(f, "unknown subcommand '{name}'. Try {container} HELP.")
            }
            Self::SubcommandSyntax { name, container } => write!(
                f,
                "unknown subcommand or wrong number of arguments for '{name}'. Try {container} HELP."
            ),
            Self::WrongArity { command } => write!(f, "wrong number of arguments for '{command}' command"),
            Self::NotBetween { min, max } => {
                write!(f, "value is out of range, value must between {min} and {max}")
            }
            Self::MustBePositiveNamed(what) => write!(f, "{what} must be positive"),
            Self::InvalidExpire { command } => write!(f, "invalid expire time in '{command}' command"),
            Self::InvalidDatabase { which } => write!(f, "invalid {which}DB index"),
            Self::NotInTransaction { command } => write!(f, "{command} inside MULTI is not allowed"),
            Self::WithoutMulti { command } => write!(f, "{command} without MULTI"),
            Self::Refused { command, reason } => write!(f, "{command} is not supported: {reason}"),
            Self::Limit { what } => write!(f, "limit reached: {what}"),
            Self::Moved { slot, host, port } => write!(f, "{slot} {host}:{port}"),
            Self::Told(sentence) => f.write_str(sentence),
            other => f.write_str(other.sentence()),
        }
    }
}

impl CommandError {
    const fn sentence(&self) -> &'static str {
        match self {
            Self::Syntax => "syntax error",
            Self::WrongType => "Operation against a key holding the wrong kind of value",
            Self::NotInteger => "value is not an integer or out of range",
            Self::NotFloat => "value is not a valid float",
            Self::HashNotInteger => "hash value is not an integer",
            Self::HashNotFloat => "hash value is not a float",
            Self::Overflow => "increment or decrement would overflow",
            Self::NanOrInfinity => "increment would produce NaN or Infinity",
            Self::OutOfRange => "value is out of range",
            Self::MustBePositive => "value is out of range, must be positive",
            Self::StringTooLong => "string exceeds maximum allowed size (proto-max-bulk-len)",
            Self::OffsetOutOfRange => "offset is out of range",
            Self::NoSuchKey => "no such key",
            Self::DatabaseOutOfRange => "DB index is out of range",
            Self::SameObject => "source and destination objects are the same",
            Self::InvalidCursor => "invalid cursor",
            Self::NoAuth => "Authentication required.",
            Self::NoAuthHello => {
                "HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> \
                 option can be used to authenticate the client and select the RESP protocol version at the same time"
            }
            Self::WrongPass => "invalid username-password pair or user is disabled.",
            Self::NoPasswordConfigured => {
                "AUTH <password> called without any password configured for the default user. \
                 Are you sure your configuration is correct?"
            }
            Self::NoProto => "unsupported protocol version",
            Self::ReplyTooBig => "the reply would be larger than max-reply allows: ask for less at once",
            Self::OutOfMemory | Self::NeedsMemory { .. } => {
                "command not allowed when used memory > 'maxmemory'."
            }
            Self::CrossSlot => "Keys in request don't hash to the same slot",
            Self::TryAgain => {
                "the keys of the request were handed to another node while it was under way: nothing was changed, send it \
                 again"
            }
            Self::OutcomeUnknown => {
                "outcome unknown: the node that served the keys was lost before its copies had confirmed the request; look \
                 at the keys before you send it again"
            }
            Self::RanTooLong => {
                "outcome unknown: the request ran so long that other nodes may have taken over its keys meanwhile, and is \
                 not carried out again; look at the keys, and ask for less at once"
            }
            Self::ExecAborted => "Transaction discarded because of previous errors.",
            Self::Plain(sentence) | Self::ClusterDown(sentence) | Self::NoPermission(sentence) => sentence,
            _ => "",
        }
    }
}

/// A word as an error shows it: shortened, and made text.
#[must_use]
pub fn shown(word: &[u8]) -> String {
    String::from_utf8_lossy(&word[..word.len().min(SHOWN_BYTES_MAX)]).into_owned()
}

/// Bytes of a word that an error shows.
const SHOWN_BYTES_MAX: usize = 128;

impl From<WrongType> for CommandError {
    fn from(_: WrongType) -> Self {
        Self::WrongType
    }
}

impl From<OutOfMemory> for CommandError {
    fn from(_: OutOfMemory) -> Self {
        Self::OutOfMemory
    }
}
