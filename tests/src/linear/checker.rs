//! The search of Wing and Gong, with the memory of Lowe: an order of all operations that respects what came after what, and in
//! which every answer is right. What an object is, is left to its model.
//!
//! In words: keep a list of calls and answers by moment. Take any call that stands before the first answer of the list, for it
//! could be the next that happened; if the model would have answered so, take its call and answer out and go on with the rest. Where
//! the list begins with an answer nothing could have happened next: undo the last choice and take the next. What has been tried once, as a set of
//! operations done and a state, is not tried again.

use std::collections::HashSet;
use std::fmt;

use super::{Model, Operation};

/// Why a history is refused.
#[derive(Debug, PartialEq, Eq)]
pub enum Fault {
    /// No order explains it.
    Impossible {
        /// The longest order found that explains a part, as positions in the history.
        explained: Vec<usize>,
        /// What was answered and could not come next.
        stuck: Vec<usize>,
    },
    /// The search took too many steps. This says nothing about the history, and counts as a failure of the test.
    TooHard,
}

/// Looks for an order.
///
/// # Errors
/// There is none, or none was found within [`STEPS_MAX`].
pub fn check<M: Model>(history: &[Operation<M::Call, M::Answer>]) -> Result<(), Fault> {
    let kept: Vec<usize> = (0..history.len()).filter(|at| !is_needless::<M>(history, *at)).collect();
    let operations: Vec<_> = kept.iter().map(|at| &history[*at]).collect();
    Search::<M>::new(&operations).run().map_err(|fault| match fault {
        Fault::Impossible { explained, stuck } => {
            let name = |found: Vec<usize>| found.into_iter().map(|at| kept[at]).collect();
            Fault::Impossible { explained: name(explained), stuck: name(stuck) }
        }
        Fault::TooHard => Fault::TooHard,
    })
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Impossible { explained, stuck } => {
                write!(
                    f,
                    "no order explains more than {} operations; then none of {stuck:?} fits",
                    explained.len()
                )
            }
            Self::TooHard => write!(f, "no order was found in {STEPS_MAX} steps"),
        }
    }
}

fn is_needless<M: Model>(history: &[Operation<M::Call, M::Answer>], at: usize) -> bool {
    let answers = history.iter().filter_map(|operation| operation.answer());
    history[at].answer().is_none() && M::leaves_no_trace(&history[at].call, answers)
}

struct Search<'a, M: Model> {
    operations: &'a [&'a Operation<M::Call, M::Answer>],
    /// Calls and answers by moment, as a list from which they are taken out and put back.
    list: List,
    /// For each operation of unknown outcome the one before it that asked the same: there is no need to take the later first.
    twins: Vec<Option<usize>>,
    /// What has happened.
    done: Vec<u64>,
    state: M::State,
    /// What was chosen, and the state before it.
    chosen: Vec<(usize, M::State)>,
    tried: HashSet<(Vec<u64>, M::State)>,
    /// Answered operations that have not happened yet.
    left: usize,
    /// The longest that was chosen at once, and what stood in the way.
    best: (Vec<usize>, Vec<usize>),
}

impl<'a, M: Model> Search<'a, M> {
    fn new(operations: &'a [&'a Operation<M::Call, M::Answer>]) -> Self {
        Self {
            operations,
            list: List::new(operations.iter().map(|operation| (operation.called, operation.ended()))),
            twins: (0..operations.len()).map(|at| twin::<M>(operations, at)).collect(),
            done: vec![0; operations.len().div_ceil(64)],
            state: M::State::default(),
            chosen: Vec::new(),
            tried: HashSet::new(),
            left: operations.iter().filter(|operation| operation.answer().is_some()).count(),
            best: (Vec::new(), Vec::new()),
        }
    }

    fn run(mut self) -> Result<(), Fault> {
        let (mut entry, mut known) = (self.list.first(), true);
        for _ in 0..STEPS_MAX {
            if self.left == 0 {
                return Ok(());
            }
            match entry {
                Some(Entry::Call(at)) if self.is_answered(at) == known && self.take(at) => {
                    (entry, known) = (self.list.first(), true);
                }
                Some(Entry::Call(at)) => entry = self.list.after_call(at),
                // What nobody knows the outcome of is tried only where nothing else fits.
                Some(Entry::Answer) | None if known => (entry, known) = (self.list.first(), false),
                Some(Entry::Answer) | None => {
                    self.note_best();
                    let Some(at) = self.undo() else {
                        let (explained, stuck) = self.best;
                        return Err(Fault::Impossible { explained, stuck });
                    };
                    (entry, known) = (self.list.after_call(at), self.is_answered(at));
                }
            }
        }
        Err(Fault::TooHard)
    }

    fn is_answered(&self, at: usize) -> bool {
        self.operations[at].answer().is_some()
    }

    /// Lets an operation happen now, if it can and this leads to something new.
    fn take(&mut self, at: usize) -> bool {
        if self.twins[at].is_some_and(|twin| !self.is_done(twin)) {
            return false;
        }
        let operation = self.operations[at];
        let Some(after) = M::step(&self.state, &operation.call, operation.answer()) else { return false };
        self.done[at / 64] ^= 1 << (at % 64);
        if !self.tried.insert((self.done.clone(), after.clone())) {
            self.done[at / 64] ^= 1 << (at % 64);
            return false;
        }
        self.chosen.push((at, std::mem::replace(&mut self.state, after)));
        self.left -= usize::from(operation.answer().is_some());
        self.list.take(at);
        true
    }

    fn undo(&mut self) -> Option<usize> {
        let (at, before) = self.chosen.pop()?;
        self.state = before;
        self.done[at / 64] ^= 1 << (at % 64);
        self.left += usize::from(self.operations[at].answer().is_some());
        self.list.put_back(at);
        Some(at)
    }

    fn note_best(&mut self) {
        if self.best.1.is_empty() || self.chosen.len() > self.best.0.len() {
            let chosen = self.chosen.iter().map(|(at, _)| *at).collect();
            let first = (0..self.operations.len()).filter(|at| !self.is_done(*at));
            let deadline = first.clone().map(|at| self.operations[at].ended()).min().unwrap_or(u64::MAX);
            let stuck = first.filter(|at| self.operations[*at].called < deadline).collect();
            self.best = (chosen, stuck);
        }
    }

    fn is_done(&self, at: usize) -> bool {
        self.done[at / 64] & (1 << (at % 64)) != 0
    }
}

/// The operation of unknown outcome just before this one, by moment, that asked the same.
fn twin<M: Model>(operations: &[&Operation<M::Call, M::Answer>], at: usize) -> Option<usize> {
    let own = operations[at];
    let same = |other: &&Operation<M::Call, M::Answer>| {
        own.answer().is_none()
            && other.answer().is_none()
            && other.call == own.call
            && other.called < own.called
    };
    let earlier = operations.iter().enumerate().filter(|(_, other)| same(other));
    earlier.max_by_key(|(_, other)| other.called).map(|(at, _)| at)
}

#[derive(Clone, Copy, Debug)]
enum Entry {
    Call(usize),
    Answer,
}

/// A doubly linked list over one array: node 0 is before the first, node `1 + 2 × i` the call of operation `i`, the next its answer.
struct List {
    next: Vec<usize>,
    previous: Vec<usize>,
}

impl List {
    fn new(operations: impl Iterator<Item = (u64, u64)>) -> Self {
        let mut entries: Vec<(u64, usize)> = Vec::new();
        for (at, (called, ended)) in operations.enumerate() {
            entries.push((called, 1 + 2 * at));
            entries.push((ended, 2 + 2 * at));
        }
        entries.sort_unstable();
        let mut list = Self { next: vec![0; entries.len() + 1], previous: vec![0; entries.len() + 1] };
        let mut last = 0;
        for (_, node) in entries {
            list.next[last] = node;
            list.previous[node] = last;
            last = node;
        }
        list.previous[0] = last;
        list
    }

    fn first(&self) -> Option<Entry> {
        entry(self.next[0])
    }

    fn after_call(&self, at: usize) -> Option<Entry> {
        entry(self.next[1 + 2 * at])
    }

    fn take(&mut self, at: usize) {
        for node in [1 + 2 * at, 2 + 2 * at] {
            let (next, previous) = (self.next[node], self.previous[node]);
            self.next[previous] = next;
            self.previous[next] = previous;
        }
    }

    /// Only what was taken last can be put back.
    fn put_back(&mut self, at: usize) {
        for node in [2 + 2 * at, 1 + 2 * at] {
            let (next, previous) = (self.next[node], self.previous[node]);
            self.next[previous] = node;
            self.previous[next] = node;
        }
    }
}

fn entry(node: usize) -> Option<Entry> {
    match node {
        0 => None,
        call if call % 2 == 1 => Some(Entry::Call(call / 2)),
        _ => Some(Entry::Answer),
    }
}

/// How many entries are looked at before the search gives up: some seconds.
pub const STEPS_MAX: usize = 1_000_000;

#[cfg(test)]
mod tests {
    use super::super::brute;
    use super::super::{Counter, Log, Outcome, Pair, Register};
    use super::super::{CounterCall, LogAnswer, LogCall, RegisterCall, Volatile, VolatileCall};
    use super::*;
    use RegisterCall::{Delete, Read, Swap, Write};

    fn answered<C, A>(called: u64, at: u64, call: C, answer: A) -> Operation<C, A> {
        Operation { called, call, outcome: Outcome::Answered { at, answer } }
    }

    fn unknown<C, A>(called: u64, call: C) -> Operation<C, A> {
        Operation { called, call, outcome: Outcome::Unknown }
    }

    #[test]
    fn what_one_register_could_have_said_passes() {
        assert_eq!(check::<Register>(&[]), Ok(()));
        let overlapping = [
            answered(1, 8, Write(1), None),
            answered(2, 3, Read, None),
            answered(4, 5, Read, Some(1)),
            answered(6, 7, Swap(2), Some(1)),
            answered(9, 10, Delete, None),
            answered(11, 12, Read, None),
        ];
        assert_eq!(check::<Register>(&overlapping), Ok(()));
    }

    #[test]
    fn a_stale_read_is_found_and_named() {
        let history =
            [answered(1, 2, Write(1), None), answered(3, 4, Write(2), None), answered(5, 6, Read, Some(1))];
        let fault = Fault::Impossible { explained: vec![0, 1], stuck: vec![2] };
        assert_eq!(check::<Register>(&history), Err(fault));
    }

    #[test]
    fn a_read_that_goes_back_is_found() {
        let history =
            [answered(1, 20, Write(1), None), answered(2, 3, Read, Some(1)), answered(4, 5, Read, None)];
        assert!(check::<Register>(&history).is_err());
    }

    #[test]
    fn a_lost_write_is_found() {
        let history = [answered(1, 2, Write(1), None), answered(3, 4, Read, None)];
        assert!(check::<Register>(&history).is_err());
    }

    #[test]
    fn an_unknown_write_may_happen_late_or_never_but_not_twice() {
        let late = [
            unknown(1, Write(1)),
            answered(2, 3, Write(2), None),
            answered(4, 5, Read, Some(2)),
            answered(6, 7, Read, Some(1)),
        ];
        assert_eq!(check::<Register>(&late), Ok(()));
        assert_eq!(check::<Register>(&late[..3]), Ok(()));
        let mut twice = late.to_vec();
        twice.push(answered(8, 9, Write(3), None));
        twice.push(answered(10, 11, Read, Some(1)));
        assert!(check::<Register>(&twice).is_err());
    }

    #[test]
    fn an_increment_that_counted_twice_is_found() {
        use CounterCall::{Increment, Read};
        let once = [unknown(1, Increment), answered(2, 3, Increment, 2), answered(4, 5, Read, 2)];
        assert_eq!(check::<Counter>(&once), Ok(()));
        let twice = [unknown(1, Increment), answered(2, 3, Increment, 2), answered(4, 5, Read, 3)];
        assert!(check::<Counter>(&twice).is_err());
    }

    #[test]
    fn pushes_out_of_order_are_found() {
        let push = |at, value, length| answered(at, at + 1, LogCall::Push(value), LogAnswer::Length(length));
        let read =
            |at, values: &[u64]| answered(at, at + 1, LogCall::Read, LogAnswer::Values(values.to_vec()));
        assert_eq!(check::<Log>(&[push(1, 1, 1), push(3, 2, 2), read(5, &[1, 2])]), Ok(()));
        assert!(check::<Log>(&[push(1, 1, 1), push(3, 2, 2), read(5, &[2, 1])]).is_err());
        assert!(check::<Log>(&[push(1, 1, 1), push(3, 2, 2), read(5, &[1])]).is_err());
    }

    #[test]
    fn half_a_transaction_is_found() {
        use super::super::PairCall::{Move, Read};
        assert_eq!(check::<Pair>(&[answered(1, 2, Move(3), [3, -3]), answered(3, 4, Read, [3, -3])]), Ok(()));
        assert!(check::<Pair>(&[unknown(1, Move(3)), answered(3, 4, Read, [3, 0])]).is_err());
    }

    #[test]
    fn only_a_loss_that_was_told_excuses_an_empty_object() {
        let asked = VolatileCall::Asked;
        let mut history = vec![answered(1, 2, asked(Write(1)), None), answered(3, 4, asked(Read), None)];
        assert!(check::<Volatile<Register>>(&history).is_err());
        history.push(unknown(2, VolatileCall::Emptied));
        assert_eq!(check::<Volatile<Register>>(&history), Ok(()));
    }

    #[test]
    fn a_long_history_with_many_unknown_outcomes_is_no_burden() {
        let mut history = Vec::new();
        let (mut value, mut moment) = (0, 0);
        for turn in 0..600_u64 {
            if turn % 5 == 0 {
                history.push(unknown(moment, CounterCall::Increment));
                value += turn / 5 % 2;
            }
            value += 1;
            history.push(answered(moment + 1, moment + 2, CounterCall::Increment, value));
            moment += 3;
        }
        assert_eq!(check::<Counter>(&history), Ok(()));
        history.push(answered(moment, moment + 1, CounterCall::Read, value - 1));
        assert!(matches!(check::<Counter>(&history), Err(Fault::Impossible { .. })));
    }

    #[test]
    fn it_agrees_with_trying_every_order() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut verdicts = [[0; 2]; 3];
        for _ in 0..6_000 {
            let kind = random.usize(0..3);
            let passed = match kind {
                0 => brute::agrees::<Register>(&brute::registers(&mut random)),
                1 => brute::agrees::<Counter>(&brute::counters(&mut random)),
                _ => brute::agrees::<Log>(&brute::logs(&mut random)),
            };
            verdicts[kind][usize::from(passed)] += 1;
        }
        assert!(verdicts.iter().flatten().all(|count| *count > 100), "{verdicts:?}");
    }
}
