//! LARDER.LIMIT in command words, and against a plain list of the moments at which calls were counted.

use larder_proto::time::Millis;
use larder_proto::window::part_ms;
use proptest::prelude::*;

use crate::commands::testing::{Bench, Replica};

#[test]
fn calls_are_counted_up_to_the_limit_and_again_after_the_period() {
    let mut bench = Bench::new();
    bench.expect(&[
        ("larder.limit k 2 32000 1", "*3|:1|:1|:0|"),
        ("larder.limit k 2 32000 1 check", "*3|:1|:1|:0|"),
        ("larder.limit k 2 32000 2 check", "*3|:0|:1|:32999|"),
        ("larder.limit k 2 32000 1", "*3|:1|:0|:0|"),
        ("larder.limit k 2 32000 1", "*3|:0|:0|:32999|"),
        ("larder.limit k 2 32000 0", "*3|:1|:0|:0|"),
        ("larder.limit k 2 32000 1 FORCE", "*3|:0|:0|:32999|"),
        ("larder.limit k 2 32000 0 CHECK", "*3|:0|:0|:32999|"),
        ("larder.limit other 2 32000 3", "*3|:0|:2|:32999|"),
        ("exists other", ":0|"),
        ("larder.limit other 2 32000 2", "*3|:1|:0|:0|"),
        ("type k", "+string|"),
        ("pttl k", ":32999|"),
    ]);
    bench.now = Millis(bench.now.0 + 32_998);
    bench.expect(&[("larder.limit k 2 32000 1", "*3|:0|:0|:1|")]);
    bench.now = Millis(bench.now.0 + 1);
    bench.expect(&[("larder.limit k 2 32000 1", "*3|:1|:1|:0|")]);
    bench.now = Millis(bench.now.0 + 33_000);
    bench.expect(&[("exists k", ":0|")]);
}

#[test]
fn words_that_are_wrong_are_refused_by_name() {
    let (calls, cost) = ("-ERR calls must be a number from 1 to 2147483647|", "-ERR cost must be");
    let mut bench = Bench::new();
    bench.expect(&[
        ("larder.limit k 0 1000 1", calls),
        ("larder.limit k -1 1000 1", calls),
        ("larder.limit k 2147483648 1000 1", calls),
        ("larder.limit k many 1000 1", calls),
        ("larder.limit k 2147483647 31622400000 2147483647", "*3|:1|:0|:0|"),
        ("larder.limit k 1 1 1 now", "-ERR syntax error|"),
        ("larder.limit k 1 1 1 check force", "-ERR syntax error|"),
        ("larder.limit k 1 1 1 check check", "-ERR syntax error|"),
        ("larder.limit k 1 1", "-ERR wrong number of arguments for 'larder.limit' command|"),
    ]);
    for line in ["larder.limit k 1 0 1", "larder.limit k 1 31622400001 1", "larder.limit k 1 x 1"] {
        assert!(bench.run(line).starts_with("-ERR period-ms must be a number of milliseconds"), "{line}");
    }
    for line in ["larder.limit k 1 1 -1", "larder.limit k 1 1 2147483648", "larder.limit k 1 1 1.5"] {
        assert!(bench.run(line).starts_with(cost), "{line}");
    }
}

#[test]
fn other_values_are_left_as_they_are() {
    let mut bench = Bench::new();
    let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value|";
    bench.expect(&[
        ("set s 12", "+OK|"),
        ("larder.limit s 5 1000 1", wrong),
        ("get s", "$2|12|"),
        ("set s \"\"", "+OK|"),
        ("larder.limit s 5 1000 1 force", wrong),
        ("rpush l a", ":1|"),
        ("larder.limit l 5 1000 1 check", wrong),
        ("larder.limit k 5 1000 1", "*3|:1|:4|:0|"),
        ("append k x", ":25|"),
        ("larder.limit k 5 1000 1", wrong),
    ]);
}

#[test]
fn a_copy_goes_on_where_the_owner_stopped() {
    let mut bench = Bench::new();
    bench.effects.1 = Some(Replica::new(bench.now));
    bench.expect(&[
        ("larder.limit k 3 1000 2", "*3|:1|:1|:0|"),
        ("larder.limit k 3 1000 2", "*3|:0|:1|:1031|"),
    ]);
    assert_eq!(bench.effects.0.len(), 1, "what counts nothing changes nothing: {:?}", bench.effects.0);
    let copied = bench.copy().store.contents(bench.now);
    assert_eq!(copied, bench.store.contents(bench.now));
}

#[test]
fn a_clock_that_lies_behind_lets_nothing_through() {
    let mut bench = Bench::new();
    let start = bench.now.0;
    bench.expect(&[("larder.limit k 2 1000 2", "*3|:1|:0|:0|")]);
    // A little: the window stands still until the clock has come as far.
    bench.now = Millis(start - 5_000);
    bench.expect(&[("larder.limit k 2 1000 1", "*3|:0|:0|:6031|")]);
    bench.now = Millis(start + 1_031);
    bench.expect(&[("larder.limit k 2 1000 2", "*3|:1|:0|:0|")]);
    // By far: what was counted is counted for one period more, and no longer.
    bench.now = Millis(start - 800_000);
    bench.expect(&[("larder.limit k 2 1000 1 check", "*3|:0|:0|:1031|")]);
    bench.now = Millis(start - 800_000 + 1_031);
    bench.expect(&[("larder.limit k 2 1000 2", "*3|:1|:0|:0|")]);
}

#[test]
fn another_period_takes_over_what_is_counted() {
    let mut bench = Bench::new();
    bench.expect(&[("larder.limit k 10 1000 4", "*3|:1|:6|:0|")]);
    bench.now = Millis(bench.now.0 + 500);
    bench.expect(&[
        ("larder.limit k 10 60000 4", "*3|:1|:2|:0|"),
        // All of it lies in the newest part of so long a period, so it may have been now.
        ("larder.limit k 10 100 2", "*3|:1|:0|:0|"),
        ("larder.limit k 10 1 1", "*3|:0|:0|:1|"),
    ]);
}

/// What happens to a key.
#[derive(Clone, Debug)]
struct Step {
    wait_ms: u64,
    back_ms: u64,
    cost: u64,
    is_forced: bool,
}

fn steps(back_ms_max: u64) -> impl Strategy<Value = Vec<Step>> {
    let wait = prop_oneof![3 => Just(0), 3 => 0..5_u64, 3 => 0..80_u64, 1 => 0..2_000_u64];
    let step = (wait, 0..=back_ms_max, 0..4_u64, prop::bool::weighted(0.1))
        .prop_map(|(wait_ms, back_ms, cost, is_forced)| Step { wait_ms, back_ms, cost, is_forced });
    proptest::collection::vec(step, 1..150)
}

fn periods() -> impl Strategy<Value = u64> {
    prop_oneof![1..100_u64, 100..2_000_u64, Just(1_000_u64), Just(320_u64)]
}

/// Whether it fits, what is left, milliseconds until it fits.
fn take(bench: &mut Bench, calls: u64, period_ms: u64, cost: u64, word: &str) -> (bool, u64, u64) {
    let reply = bench.run(&format!("larder.limit k {calls} {period_ms} {cost} {word}"));
    let numbers: Vec<u64> =
        reply.split('|').filter_map(|line| line.strip_prefix(':')?.parse().ok()).collect();
    assert_eq!(numbers.len(), 3, "{reply}");
    (numbers[0] == 1, numbers[1], numbers[2])
}

/// The plain version in words: every call that was counted, with its moment.
#[derive(Default)]
struct Log(Vec<(u64, u64)>);

impl Log {
    fn used(&self, window_ms: u64, now: u64) -> u64 {
        self.0.iter().filter(|(at, _)| at + window_ms > now && *at <= now).map(|(_, cost)| cost).sum()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_window_lets_through_what_the_log_lets_through_but_for_one_part(
        steps in steps(0), calls in 1..12_u64, period_ms in periods(),
    ) {
        let (mut bench, mut log) = (Bench::new(), Log::default());
        let part = part_ms(period_ms);
        for step in steps {
            bench.now = Millis(bench.now.0 + step.wait_ms);
            let now = bench.now.0;
            let fits_exactly = log.used(period_ms, now) + step.cost <= calls;
            let fits_for_long = log.used(period_ms + part, now) + step.cost <= calls;
            let (checked, _, _) = take(&mut bench, calls, period_ms, step.cost, "check");
            let word = if step.is_forced { "force" } else { "" };
            let (fits, left, wait_ms) = take(&mut bench, calls, period_ms, step.cost, word);
            prop_assert_eq!(checked, fits, "asking and taking agree");
            prop_assert!(!fits || fits_exactly, "too many within a period");
            prop_assert!(fits || !fits_for_long, "refused though there is room");
            if fits || step.is_forced {
                log.0.push((now, step.cost));
            }
            prop_assert!(left <= calls.saturating_sub(log.used(period_ms, now)));
            if fits {
                prop_assert_eq!(wait_ms, 0);
                continue;
            }
            prop_assert!(wait_ms >= 1);
            bench.now = Millis(now + wait_ms - 1);
            prop_assert!(!take(&mut bench, calls, period_ms, step.cost, "check").0, "too early");
            bench.now = Millis(now + wait_ms);
            let fits_then = take(&mut bench, calls, period_ms, step.cost, "check").0;
            prop_assert_eq!(fits_then, step.cost <= calls, "not then either");
            if wait_ms >= part && step.cost <= calls {
                let used = log.used(period_ms, now + wait_ms - part);
                prop_assert!(used + step.cost > calls, "more than a part too late");
            }
            bench.now = Millis(now);
        }
    }

    #[test]
    fn no_period_has_too_many_while_workers_clocks_differ(
        steps in steps(30), calls in 1..12_u64, period_ms in periods(),
    ) {
        let (mut bench, mut log) = (Bench::new(), Log::default());
        let (mut latest, mut counted) = (bench.now.0, 0);
        for step in steps {
            latest += step.wait_ms;
            bench.now = Millis(latest - step.back_ms);
            if take(&mut bench, calls, period_ms, step.cost, "").0 && step.cost > 0 {
                // A clock that lies behind that of the call before is late: nobody counts before somebody else has.
                counted = bench.now.0.max(counted);
                log.0.push((counted, step.cost));
            }
        }
        for (end, _) in &log.0 {
            prop_assert!(log.used(period_ms, *end) <= calls, "{:?}", log.0);
        }
    }
}
