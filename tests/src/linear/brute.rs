//! What the checker is checked against: every order of every choice of operations, tried. And small histories to try it on.

use fastrand::Rng;

use super::{
    Counter, CounterCall, Log, LogAnswer, LogCall, Model, Operation, Outcome, Register, RegisterCall,
};

/// Asserts that the checker says what trying everything says; whether the history passes.
pub(super) fn agrees<M: Model>(history: &[Operation<M::Call, M::Answer>]) -> bool {
    let wanted = has_order::<M>(history, &mut vec![false; history.len()], &M::State::default());
    let found = super::check::<M>(history);
    assert_eq!(found.is_ok(), wanted, "{found:?} {history:#?}");
    wanted
}

/// Whether what is not done yet can be done in some order, leaving out what nobody knows of at will.
fn has_order<M: Model>(
    history: &[Operation<M::Call, M::Answer>],
    done: &mut [bool],
    state: &M::State,
) -> bool {
    let left = || history.iter().zip(done.iter()).filter(|(_, done)| !**done).map(|(operation, _)| operation);
    if left().all(|operation| operation.answer().is_none()) {
        return true;
    }
    let ended_first = left().map(Operation::ended).min().unwrap_or(u64::MAX);
    for at in 0..history.len() {
        let operation = &history[at];
        if done[at] || operation.called > ended_first {
            continue;
        }
        let Some(after) = M::step(state, &operation.call, operation.answer()) else { continue };
        done[at] = true;
        let found = has_order::<M>(history, done, &after);
        done[at] = false;
        if found {
            return true;
        }
    }
    false
}

pub(super) fn registers(random: &mut Rng) -> Vec<Operation<RegisterCall, Option<u64>>> {
    let mut written = 0;
    let call = |random: &mut Rng| {
        written += 1;
        match random.u8(0..8) {
            0..=3 => RegisterCall::Read,
            4..=5 => RegisterCall::Write(written),
            6 => RegisterCall::Swap(written),
            _ => RegisterCall::Delete,
        }
    };
    history::<Register>(random, call, |random, call, state| {
        let seen = matches!(call, RegisterCall::Read | RegisterCall::Swap(_));
        let wrong = random.u8(0..8) == 0;
        if seen && wrong { Some(random.u64(1..=4)) } else { state.filter(|_| seen) }
    })
}

pub(super) fn counters(random: &mut Rng) -> Vec<Operation<CounterCall, u64>> {
    let call = |random: &mut Rng| if random.bool() { CounterCall::Read } else { CounterCall::Increment };
    history::<Counter>(random, call, |random, call, state| {
        let right = state + u64::from(*call == CounterCall::Increment);
        if random.u8(0..8) == 0 { random.u64(0..=4) } else { right }
    })
}

pub(super) fn logs(random: &mut Rng) -> Vec<Operation<LogCall, LogAnswer>> {
    let mut pushed = 0;
    let call = |random: &mut Rng| {
        pushed += 1;
        if random.bool() { LogCall::Read } else { LogCall::Push(pushed) }
    };
    history::<Log>(random, call, |random, call, state| {
        let wrong = random.u8(0..8) == 0;
        let mut values = state.clone();
        if wrong {
            random.shuffle(&mut values);
            values.truncate(random.usize(0..=values.len()));
        }
        match call {
            LogCall::Read => LogAnswer::Values(values),
            LogCall::Push(_) => LogAnswer::Length(values.len() + 1),
        }
    })
}

/// Up to seven operations that happen one by one, each at a moment of its own between its call and its answer; some answers are
/// made wrong, some are lost, and of those some did not happen.
fn history<M: Model>(
    random: &mut Rng,
    mut call: impl FnMut(&mut Rng) -> M::Call,
    answer: impl Fn(&mut Rng, &M::Call, &M::State) -> M::Answer,
) -> Vec<Operation<M::Call, M::Answer>> {
    let mut state = M::State::default();
    let mut history = Vec::new();
    for happened in 1..=random.u64(1..=7) {
        let call = call(random);
        // Three numbers for each place in the order, so that no two moments are the same.
        let called = (happened * 100).saturating_sub(random.u64(1..=250)) * 8 + happened;
        let at = (happened * 100 + random.u64(1..=250)) * 8 + happened;
        let answer = answer(random, &call, &state);
        let lost = random.u8(0..4) == 0;
        if !lost || random.bool() {
            state = M::step(&state, &call, None).unwrap_or_default();
        }
        let outcome = if lost { Outcome::Unknown } else { Outcome::Answered { at, answer } };
        history.push(Operation { called, call, outcome });
    }
    random.shuffle(&mut history);
    history
}
