//! The script for a plain Redis against the window that it says in Lua: every answer, every stored byte and every
//! lifetime, over random calls, limits, periods and clocks.

use std::cell::RefCell;

use larder_proto::window::{Ask, BYTES_MAX, COUNT_MAX, Mode, PERIOD_MS_MAX, Window, part_ms};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use redis::{Cmd, Connection, RedisError};

use crate::support::RedisServer;

const TEXT: &str = include_str!("../../src/rate/limit.lua");
const CASES: u32 = 1_000;
const CASES_OF_STATES: u32 = 3_000;

/// The script, told its time, and then what it has stored and for how long. Keys do not expire within a script, so
/// that even a lifetime of a millisecond is seen; afterwards the key stays.
fn load(connection: &mut Connection) -> String {
    let clock = "redis.call('TIME')";
    assert_eq!(TEXT.matches(clock).count(), 1);
    let script = TEXT.replace(clock, "{ARGV[5], ARGV[6]}");
    let told = format!(
        "local function step()\n{script}\nend\n
        local answer = step()
        if answer.err then return answer end
        local state, life = redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1])
        redis.call('PERSIST', KEYS[1])
        return {{answer, state, life}}"
    );
    redis::cmd("SCRIPT").arg("LOAD").arg(told).query(connection).unwrap()
}

#[derive(Clone, Debug)]
struct Step {
    ask: Ask,
    now_ms: u64,
}

/// How the clock goes on.
#[derive(Clone, Debug)]
enum Pause {
    Milliseconds(i64),
    /// So many 64ths of the period: halves of a part.
    Halves(i64),
    /// So many of a period's parts, and a millisecond or less beside.
    Parts(u64, i64),
}

fn pauses() -> impl Strategy<Value = Pause> {
    prop_oneof![
        3 => Just(Pause::Milliseconds(0)),
        4 => (0..40_i64).prop_map(Pause::Milliseconds),
        4 => (-40..=80_i64).prop_map(Pause::Halves),
        4 => (0..34_u64, -1..=1_i64).prop_map(|(parts, beside)| Pause::Parts(parts, beside)),
        1 => (-12_000..12_000_i64).prop_map(Pause::Milliseconds),
        1 => (-300..300_i64).prop_map(Pause::Halves),
        1 => prop_oneof![Just(-10_001_i64), Just(-10_000), Just(-9_999)].prop_map(Pause::Milliseconds),
    ]
}

fn periods() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => prop::sample::select(vec![1, 2, 31, 32, 33, 320, 1_000, 60_000, 300_000, PERIOD_MS_MAX]),
        2 => 1..2_000_u64,
        1 => 1..=PERIOD_MS_MAX,
    ]
}

fn asks() -> impl Strategy<Value = (u32, u32, Mode)> {
    let calls = prop_oneof![8 => 1..12_u32, 1 => Just(COUNT_MAX)];
    let cost = prop_oneof![12 => 0..4_u32, 1 => 4..14_u32, 1 => Just(COUNT_MAX)];
    let modes = vec![Mode::Count, Mode::Count, Mode::Count, Mode::Count, Mode::Check, Mode::Force];
    (calls, cost, prop::sample::select(modes))
}

/// A conversation about one key: limit and period change now and then.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let begin = prop_oneof![Just(0_u64), 0..100_000_u64, 1_700_000_000_000..1_900_000_000_000_u64];
    let again = prop::option::weighted(0.1, periods());
    let step = (asks(), again, prop::bool::weighted(0.1), pauses());
    (begin, periods(), asks(), prop::collection::vec(step, 1..60)).prop_map(
        |(mut now_ms, mut period_ms, (mut calls, ..), steps)| {
            let next = |((other_calls, cost, mode), again, is_other_limit, pause)| {
                period_ms = Option::unwrap_or(again, period_ms);
                calls = if is_other_limit { other_calls } else { calls };
                now_ms = after(now_ms, &pause, period_ms);
                Step { ask: Ask { calls, period_ms, cost, mode }, now_ms }
            };
            steps.into_iter().map(next).collect()
        },
    )
}

fn after(now_ms: u64, pause: &Pause, period_ms: u64) -> u64 {
    let period = i64::try_from(period_ms).unwrap();
    match *pause {
        Pause::Milliseconds(ms) => now_ms.saturating_add_signed(ms),
        Pause::Halves(halves) => now_ms.saturating_add_signed(period * halves / 64),
        Pause::Parts(parts, beside) => {
            let part = part_ms(period_ms);
            ((now_ms / part + parts) * part).saturating_add_signed(beside).max(now_ms)
        }
    }
}

/// Stored bytes that are a window, or nearly one.
fn states() -> impl Strategy<Value = Vec<u8>> {
    let number =
        || prop_oneof![any::<u64>(), Just(0), 0..100_u64, 1_u64 << 40..1 << 54, Just(1 << 52), periods()];
    let counts = prop::collection::vec(prop_oneof![Just(0), 0..5_u32, any::<u32>()], 0..36);
    let window = (number(), number(), counts).prop_map(|(period, newest, counts)| {
        let mut bytes = b"\xF5LW\x01".to_vec();
        bytes.extend([period, newest].into_iter().flat_map(u64::to_le_bytes));
        bytes.extend(counts.into_iter().flat_map(u32::to_le_bytes));
        bytes
    });
    let cut = (window, 0..8_usize, 0..6_usize).prop_map(|(mut bytes, place, what)| {
        match what {
            0 => bytes.truncate(bytes.len() - place),
            1 => bytes[place] ^= 1,
            _ => {}
        }
        bytes
    });
    prop_oneof![8 => cut, 1 => prop::collection::vec(any::<u8>(), 0..40)]
}

type Told = ((i64, i64, i64), Option<Vec<u8>>, i64);

fn command(script: &str, step: &Step) -> Cmd {
    let Step { ask, now_ms } = step;
    let word = match ask.mode {
        Mode::Count => "COUNT",
        Mode::Check => "CHECK",
        Mode::Force => "FORCE",
    };
    let (seconds, micros) = (now_ms / 1_000, now_ms % 1_000 * 1_000 + now_ms % 7 * 100);
    let mut command = redis::cmd("EVALSHA");
    command.arg(script).arg(1).arg("k");
    command.arg(ask.calls).arg(ask.period_ms).arg(ask.cost).arg(word).arg(seconds).arg(micros);
    command
}

/// What the script has told is what the window says.
fn compare(step: &Step, window: &mut Option<Window>, told: &Told) -> Result<(), TestCaseError> {
    let mut now_in_it = window.clone().unwrap_or(Window::new(step.ask.period_ms, step.now_ms));
    let taken = now_in_it.take(step.ask, step.now_ms);
    let retry = i64::try_from(taken.retry_after_ms).unwrap();
    let wanted = (i64::from(taken.allowed), i64::from(taken.remaining), retry);
    prop_assert_eq!(told.0, wanted, "{:?} of {:?}", step, window);
    if taken.has_changed {
        let life = i64::try_from(now_in_it.over_at() - step.now_ms).unwrap();
        // The server's clock may have gone on since the key was set.
        prop_assert!((life - 2_000..=life).contains(&told.2) && told.2 >= 0, "{} of {life}", told.2);
        *window = Some(now_in_it);
    } else {
        prop_assert!(told.2 < 0, "nothing was set: {}", told.2);
    }
    let stored = window.as_ref().map(|window| window.write(&mut [0; BYTES_MAX]).to_vec());
    prop_assert_eq!(&told.1, &stored);
    Ok(())
}

fn connection(redis: &RedisServer) -> Connection {
    redis::Client::open(format!("redis://{}", redis.address())).unwrap().get_connection().unwrap()
}

fn run<S: Strategy>(cases: u32, strategy: S, check: impl FnMut(S::Value) -> Result<(), TestCaseError>) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let check = RefCell::new(check);
    let outcome = TestRunner::new(config).run(&strategy, |value| check.borrow_mut()(value));
    assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
}

#[tokio::test]
async fn the_script_answers_as_the_window_does() {
    let redis = RedisServer::start().await;
    let mut connection = connection(&redis);
    let script = load(&mut connection);
    run(CASES, steps(), |steps| {
        let mut pipeline = redis::pipe();
        pipeline.cmd("DEL").arg("k").ignore();
        for step in &steps {
            pipeline.add_command(command(&script, step));
        }
        let told: Vec<Told> = pipeline.query(&mut connection).unwrap();
        let mut window = None;
        prop_assert_eq!(told.len(), steps.len());
        steps.iter().zip(&told).try_for_each(|(step, told)| compare(step, &mut window, told))
    });
}

#[tokio::test]
async fn the_script_takes_a_stored_window_and_nothing_else() {
    let redis = RedisServer::start().await;
    let mut connection = connection(&redis);
    let script = load(&mut connection);
    let (mut taken, mut refused) = (0, 0);
    run(CASES_OF_STATES, (states(), steps()), |(state, steps)| {
        let step = &steps[0];
        redis::cmd("SET").arg("k").arg(&state).query::<()>(&mut connection).unwrap();
        let told: Result<Told, RedisError> = command(&script, step).query(&mut connection);
        let mut window = Window::read(&state);
        let Some(known) = window.clone() else {
            refused += 1;
            prop_assert!(told.is_err_and(|error| error.code() == Some("WRONGTYPE")));
            return Ok(());
        };
        taken += 1;
        if known.write(&mut [0; BYTES_MAX]) != state {
            // It ends with parts that count nothing; nobody writes it so.
            return Ok(());
        }
        compare(step, &mut window, &told.unwrap())
    });
    assert!(taken > CASES_OF_STATES / 20 && refused > CASES_OF_STATES / 20, "{taken} and {refused}");
}
