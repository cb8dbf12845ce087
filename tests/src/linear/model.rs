//! What each kind of object does with one operation at a time. Nothing here knows of clients or time.

use std::fmt::Debug;
use std::hash::Hash;
use std::marker::PhantomData;

/// A kind of object.
pub trait Model {
    /// What it holds. A new object holds the default.
    type State: Clone + Debug + Default + Eq + Hash;
    /// What it can be asked.
    type Call: Clone + Debug + PartialEq;
    /// What it answers.
    type Answer: Clone + Debug + PartialEq;

    /// What it holds after the call; none if it would not have given this answer. Without an answer every outcome will do.
    fn step(state: &Self::State, call: &Self::Call, answer: Option<&Self::Answer>) -> Option<Self::State>;

    /// Whether this call, of which nobody knows the outcome, may be left out because no answer shows a trace of it.
    fn leaves_no_trace<'a>(_call: &Self::Call, _answers: impl Iterator<Item = &'a Self::Answer>) -> bool
    where
        Self::Answer: 'a,
    {
        false
    }
}

/// A key that is set, read, swapped and deleted. Each value is written once in a history.
#[derive(Debug)]
pub enum Register {}

/// What a register can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegisterCall {
    /// GET.
    Read,
    /// SET.
    Write(u64),
    /// SET … GET: answered with what was there.
    Swap(u64),
    /// DEL, answered with nothing of note.
    Delete,
}

impl Model for Register {
    type State = Option<u64>;
    type Call = RegisterCall;
    /// The value that was seen, if the call shows one: always `None` for a write and a deletion.
    type Answer = Option<u64>;

    fn step(state: &Option<u64>, call: &RegisterCall, answer: Option<&Option<u64>>) -> Option<Option<u64>> {
        let seen = matches!(call, RegisterCall::Read | RegisterCall::Swap(_));
        if seen && answer.is_some_and(|answer| answer != state) {
            return None;
        }
        Some(match call {
            RegisterCall::Read => *state,
            RegisterCall::Write(value) | RegisterCall::Swap(value) => Some(*value),
            RegisterCall::Delete => None,
        })
    }

    /// A value that nobody saw was overwritten before anybody looked, or was never written: the history is the same without it.
    fn leaves_no_trace<'a>(call: &RegisterCall, mut answers: impl Iterator<Item = &'a Option<u64>>) -> bool {
        match call {
            RegisterCall::Read => true,
            RegisterCall::Write(value) | RegisterCall::Swap(value) => {
                answers.all(|seen| *seen != Some(*value))
            }
            RegisterCall::Delete => false,
        }
    }
}

/// A number that is incremented and read.
#[derive(Debug)]
pub enum Counter {}

/// What a counter can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CounterCall {
    /// GET.
    Read,
    /// INCR: answered with the number after it.
    Increment,
}

impl Model for Counter {
    type State = u64;
    type Call = CounterCall;
    type Answer = u64;

    fn step(state: &u64, call: &CounterCall, answer: Option<&u64>) -> Option<u64> {
        let after = state + u64::from(*call == CounterCall::Increment);
        answer.is_none_or(|answer| *answer == after).then_some(after)
    }

    fn leaves_no_trace<'a>(call: &CounterCall, _answers: impl Iterator<Item = &'a u64>) -> bool {
        *call == CounterCall::Read
    }
}

/// A list to whose end values are pushed. It shows order, twice and never better than any other.
#[derive(Debug)]
pub enum Log {}

/// What a log can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogCall {
    /// LRANGE of everything.
    Read,
    /// RPUSH: answered with the length after it.
    Push(u64),
}

/// What a log answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogAnswer {
    /// To a read.
    Values(Vec<u64>),
    /// To a push.
    Length(usize),
}

impl Model for Log {
    type State = Vec<u64>;
    type Call = LogCall;
    type Answer = LogAnswer;

    fn step(state: &Vec<u64>, call: &LogCall, answer: Option<&LogAnswer>) -> Option<Vec<u64>> {
        match (call, answer) {
            (LogCall::Read, Some(LogAnswer::Values(values))) if values != state => None,
            (LogCall::Read, Some(LogAnswer::Length(_))) => None,
            (LogCall::Push(_), Some(LogAnswer::Length(length))) if *length != state.len() + 1 => None,
            (LogCall::Push(_), Some(LogAnswer::Values(_))) => None,
            (LogCall::Read, _) => Some(state.clone()),
            (LogCall::Push(value), _) => Some([state.as_slice(), &[*value]].concat()),
        }
    }

    fn leaves_no_trace<'a>(call: &LogCall, _answers: impl Iterator<Item = &'a LogAnswer>) -> bool {
        *call == LogCall::Read
    }
}

/// Two numbers between which amounts are moved, in one transaction.
#[derive(Debug)]
pub enum Pair {}

/// What a pair can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PairCall {
    /// Both are read in one transaction.
    Read,
    /// This much goes from the second to the first; answered with both.
    Move(i64),
}

impl Model for Pair {
    type State = [i64; 2];
    type Call = PairCall;
    type Answer = [i64; 2];

    fn step(state: &[i64; 2], call: &PairCall, answer: Option<&[i64; 2]>) -> Option<[i64; 2]> {
        let after = match call {
            PairCall::Read => *state,
            PairCall::Move(amount) => [state[0] + amount, state[1] - amount],
        };
        answer.is_none_or(|answer| *answer == after).then_some(after)
    }

    fn leaves_no_trace<'a>(call: &PairCall, _answers: impl Iterator<Item = &'a [i64; 2]>) -> bool {
        *call == PairCall::Read
    }
}

/// Another kind of object, in a cache that may lose all its copies at once and then says so.
#[derive(Debug)]
pub struct Volatile<M>(PhantomData<M>);

/// What can happen to an object of a cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VolatileCall<C> {
    /// A client asked.
    Asked(C),
    /// No in-sync copy was left: it starts empty.
    Emptied,
}

impl<M: Model> Model for Volatile<M> {
    type State = M::State;
    type Call = VolatileCall<M::Call>;
    type Answer = M::Answer;

    fn step(state: &M::State, call: &Self::Call, answer: Option<&M::Answer>) -> Option<M::State> {
        match call {
            VolatileCall::Asked(call) => M::step(state, call, answer),
            VolatileCall::Emptied => Some(M::State::default()),
        }
    }

    fn leaves_no_trace<'a>(call: &Self::Call, answers: impl Iterator<Item = &'a M::Answer>) -> bool
    where
        M::Answer: 'a,
    {
        matches!(call, VolatileCall::Asked(call) if M::leaves_no_trace(call, answers))
    }
}
