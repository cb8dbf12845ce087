//! An object of any kind, so that one history type serves all.

use super::{Counter, CounterCall, Log, LogAnswer, LogCall, Model, Pair, PairCall, Register, RegisterCall};

/// An object whose kind is that of the first call.
#[derive(Debug)]
pub enum Mixed {}

/// What it can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MixedCall {
    /// As a register.
    Register(RegisterCall),
    /// As a counter.
    Counter(CounterCall),
    /// As a log.
    Log(LogCall),
    /// As a pair.
    Pair(PairCall),
}

/// What it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MixedAnswer {
    /// As a register.
    Register(Option<u64>),
    /// As a counter.
    Counter(u64),
    /// As a log.
    Log(LogAnswer),
    /// As a pair.
    Pair([i64; 2]),
}

/// What it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum MixedState {
    /// Nothing yet, of no kind yet.
    #[default]
    New,
    /// A register.
    Register(Option<u64>),
    /// A counter.
    Counter(u64),
    /// A log.
    Log(Vec<u64>),
    /// A pair.
    Pair([i64; 2]),
}

/// One arm for each kind: the state and the answer must be of it too.
macro_rules! step {
    ($state:ident, $call:ident, $answer:ident, $($kind:ident),*) => {
        match $call {
            $(MixedCall::$kind(call) => {
                let state = match $state {
                    MixedState::New => Default::default(),
                    MixedState::$kind(state) => state.clone(),
                    _ => return None,
                };
                let answer = match $answer {
                    None => None,
                    Some(MixedAnswer::$kind(answer)) => Some(answer),
                    Some(_) => return None,
                };
                $kind::step(&state, call, answer).map(MixedState::$kind)
            })*
        }
    };
}

macro_rules! leaves_no_trace {
    ($call:ident, $answers:ident, $($kind:ident),*) => {
        match $call {
            $(MixedCall::$kind(call) => {
                let own = $answers.filter_map(|answer| match answer {
                    MixedAnswer::$kind(answer) => Some(answer),
                    _ => None,
                });
                $kind::leaves_no_trace(call, own)
            })*
        }
    };
}

impl Model for Mixed {
    type State = MixedState;
    type Call = MixedCall;
    type Answer = MixedAnswer;

    fn step(state: &MixedState, call: &MixedCall, answer: Option<&MixedAnswer>) -> Option<MixedState> {
        step!(state, call, answer, Register, Counter, Log, Pair)
    }

    fn leaves_no_trace<'a>(call: &MixedCall, answers: impl Iterator<Item = &'a MixedAnswer>) -> bool {
        leaves_no_trace!(call, answers, Register, Counter, Log, Pair)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Operation, Outcome, Volatile, VolatileCall, check};
    use super::*;

    #[test]
    fn each_kind_is_what_it_is_alone() {
        let history = |answers: [u64; 2]| {
            let calls = [CounterCall::Increment, CounterCall::Read];
            let operations = calls.into_iter().zip(answers).enumerate().map(|(at, (call, answer))| {
                let (called, at) = (at as u64 * 2, at as u64 * 2 + 1);
                let call = VolatileCall::Asked(MixedCall::Counter(call));
                Operation {
                    called,
                    call,
                    outcome: Outcome::Answered { at, answer: MixedAnswer::Counter(answer) },
                }
            });
            check::<Volatile<Mixed>>(&operations.collect::<Vec<_>>()).is_ok()
        };
        assert!(history([1, 1]));
        assert!(!history([1, 2]));
        assert!(!history([2, 2]));
    }
}
