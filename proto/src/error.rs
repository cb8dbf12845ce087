//! The first word of an error reply, and what a client may do next. The sentence after the word is made where the
//! error arises.

/// The word that opens an error reply. Clients branch on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// Anything without a word of its own.
    Err,
    /// The key holds another type than the command is for.
    WrongType,
    /// The connection has to authenticate first.
    NoAuth,
    /// The user or the password is wrong.
    WrongPass,
    /// The protocol version asked for does not exist.
    NoProto,
    /// The memory limit is reached and the eviction policy allows no room to be made.
    Oom,
    /// The keys of one command lie in slots of several owners.
    CrossSlot,
    /// A transaction was discarded because a command could not be queued.
    ExecAbort,
    /// Nobody serves the keys at the moment.
    ClusterDown,
    /// The keys changed their owner while the request was under way.
    TryAgain,
    /// Another node serves the slot.
    Moved,
    /// The user may not do this.
    NoPerm,
}

/// What a client that got an error may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// The same request will fail again: change it.
    ChangeRequest,
    /// Authenticate, then repeat.
    Authenticate,
    /// Nothing was changed; the same request may succeed later.
    RetryLater,
    /// Nothing was changed; the same request belongs to the node that the error names.
    AskOther,
}

impl ErrorCode {
    /// All words, each once; a word's place is that of the variant.
    pub const ALL: [Self; 12] = [
        Self::Err,
        Self::WrongType,
        Self::NoAuth,
        Self::WrongPass,
        Self::NoProto,
        Self::Oom,
        Self::CrossSlot,
        Self::ExecAbort,
        Self::ClusterDown,
        Self::TryAgain,
        Self::Moved,
        Self::NoPerm,
    ];

    /// The word's place among all.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The word on the wire, without the leading dash.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Err => "ERR",
            Self::WrongType => "WRONGTYPE",
            Self::NoAuth => "NOAUTH",
            Self::WrongPass => "WRONGPASS",
            Self::NoProto => "NOPROTO",
            Self::Oom => "OOM",
            Self::CrossSlot => "CROSSSLOT",
            Self::ExecAbort => "EXECABORT",
            Self::ClusterDown => "CLUSTERDOWN",
            Self::TryAgain => "TRYAGAIN",
            Self::Moved => "MOVED",
            Self::NoPerm => "NOPERM",
        }
    }

    /// What the client may do next.
    #[must_use]
    pub const fn advice(self) -> Advice {
        match self {
            Self::NoAuth | Self::WrongPass | Self::NoPerm => Advice::Authenticate,
            Self::Oom | Self::ClusterDown | Self::TryAgain => Advice::RetryLater,
            Self::Moved => Advice::AskOther,
            Self::Err | Self::WrongType | Self::NoProto | Self::CrossSlot | Self::ExecAbort => {
                Advice::ChangeRequest
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ErrorCode;

    #[test]
    fn every_word_has_its_place() {
        for (place, code) in ErrorCode::ALL.into_iter().enumerate() {
            assert_eq!(code.index(), place);
        }
    }
}
