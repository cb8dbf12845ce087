//! The window against a plain list of the moments at which calls were counted, and in its corners.

use proptest::prelude::*;

use super::*;

const NOW: u64 = 1_700_000_000_000;

/// A window, and what is asked of it.
struct Bench(Window);

impl Bench {
    fn new() -> Self {
        Self(Window::new(1, 0))
    }

    fn take(&mut self, (calls, period_ms): (u32, u64), (mode, cost): (Mode, u32), now_ms: u64) -> Taken {
        self.0.take(Ask { calls, period_ms, cost, mode }, now_ms)
    }

    /// Whether it fits, what is left, milliseconds until it fits.
    fn told(&mut self, limit: (u32, u64), what: (Mode, u32), now_ms: u64) -> (bool, u32, u64) {
        let taken = self.take(limit, what, now_ms);
        (taken.allowed, taken.remaining, taken.retry_after_ms)
    }
}

#[test]
fn the_layout_stays() {
    let mut bench = Bench::new();
    bench.take((5, 60_000), (Mode::Count, 3), 1_000_000);
    bench.take((5, 60_000), (Mode::Force, 258), 1_000_000 + 2 * part_ms(60_000));
    let stored = b"\xF5LW\x01\x60\xEA\0\0\0\0\0\0\x17\x02\0\0\0\0\0\0\x02\x01\0\0\0\0\0\0\x03\0\0\0";
    assert_eq!(bench.0.write(&mut [0; BYTES_MAX]), stored);
    assert_eq!(Window::read(stored), Some(bench.0));
    for wrong in [&stored[..20], &stored[..23], &[stored.as_slice(), &[0; 4 * 33]].concat(), b"", &[0; 40]] {
        assert_eq!(Window::read(wrong), None);
    }
}

#[test]
fn numbers_that_no_window_has_are_refused() {
    let stored = |period: u64, newest: u64, parts: usize| {
        [&MARK, period.to_le_bytes().as_slice(), &newest.to_le_bytes(), &vec![0; 4 * parts]].concat()
    };
    for (period, newest, parts) in [
        (1, 0, 1),
        (PERIOD_MS_MAX, MOMENT_MS_MAX / part_ms(PERIOD_MS_MAX), 33),
        (32, MOMENT_MS_MAX, 33),
        (9, 32, 33),
    ] {
        assert!(Window::read(&stored(period, newest, parts)).is_some(), "{period} {newest} {parts}");
    }
    for (period, newest, parts) in [
        (0, 9, 1),
        (PERIOD_MS_MAX + 1, 9, 1),
        (u64::MAX, 9, 1),
        (32, MOMENT_MS_MAX + 1, 1),
        (33, MOMENT_MS_MAX, 1),
        (32, u64::MAX, 1),
        // A part before 1970.
        (32, 1, 3),
        (32, 40, 34),
    ] {
        assert_eq!(Window::read(&stored(period, newest, parts)), None, "{period} {newest} {parts}");
    }
}

#[test]
fn a_part_is_counted_until_its_last_millisecond_has_left() {
    let mut bench = Bench::new();
    // Parts of 100 ms, and the first of them.
    assert_eq!(bench.told((1, 3_200), (Mode::Count, 1), 100_000), (true, 0, 0));
    assert_eq!(bench.told((1, 3_200), (Mode::Check, 1), 100_000), (false, 0, 3_299));
    assert_eq!(bench.0.over_at(), 103_299);
    assert_eq!(bench.told((1, 3_200), (Mode::Count, 1), 103_298), (false, 0, 1));
    assert_eq!(bench.told((1, 3_200), (Mode::Count, 1), 103_299), (true, 0, 0));
}

#[test]
fn a_clock_that_goes_back_lets_nothing_through() {
    let mut bench = Bench::new();
    assert!(bench.take((1, 3_200), (Mode::Count, 1), 100_000).allowed);
    // A little: time stands still.
    assert_eq!(bench.told((1, 3_200), (Mode::Count, 1), 90_000), (false, 0, 13_299));
    // By far: what was counted counts as called now, and no longer than for a period.
    let check = bench.take((1, 3_200), (Mode::Check, 1), 1_000);
    assert_eq!((check.allowed, check.retry_after_ms, check.has_changed), (false, 3_299, true));
    assert!(!bench.take((1, 3_200), (Mode::Check, 1), 1_000).has_changed, "that was noted");
    assert!(bench.take((1, 3_200), (Mode::Count, 1), 4_299).allowed);
}

#[test]
fn more_than_the_limit_never_fits_and_force_counts_all_the_same() {
    let mut bench = Bench::new();
    assert_eq!(bench.told((3, 1_000), (Mode::Count, 4), 4_992), (false, 3, 1_031));
    assert_eq!(bench.told((3, 1_000), (Mode::Force, 4), 4_992), (false, 0, 1_031));
    assert_eq!(bench.told((3, 1_000), (Mode::Count, 0), 4_992), (false, 0, 1_031));
    assert_eq!(bench.told((4, 1_000), (Mode::Count, 0), 4_992), (true, 0, 0));
    assert_eq!(bench.told((0, 1_000), (Mode::Check, 1), 9_984), (false, 0, 1_031));
    let mut full = Bench::new();
    for _ in 0..3 {
        full.take((u32::MAX, 1), (Mode::Force, u32::MAX), NOW);
    }
    assert_eq!(full.told((u32::MAX, 1), (Mode::Check, 1), NOW), (false, 0, 1));
}

#[test]
fn the_ends_of_the_ranges_are_survived() {
    for (period, now) in [(0, 0), (u64::MAX, u64::MAX), (1, u64::MAX), (u64::MAX, 0)] {
        let mut bench = Bench::new();
        assert!(bench.take((1, period), (Mode::Count, 1), now).allowed);
        assert!(!bench.take((1, period), (Mode::Count, 1), now).allowed);
        assert_eq!(Window::read(bench.0.write(&mut [0; BYTES_MAX])), Some(bench.0));
    }
}

/// The plain version in words: the moment of each call that was counted.
#[derive(Default)]
struct Log(Vec<u64>);

impl Log {
    fn in_window(&self, period: u64, now: u64) -> usize {
        self.0.iter().filter(|at| **at + period > now).count()
    }

    /// Those too that have left the window though their part has not, as a whole.
    fn in_parts(&self, period: u64, now: u64) -> usize {
        let part = part_ms(period);
        self.0.iter().filter(|at| (**at / part + 1) * part - 1 + period > now).count()
    }
}

proptest! {
    #[test]
    fn it_is_the_list_of_calls(
        calls in 0..12_u32, period in 1..500_u64,
        steps in proptest::collection::vec((0..60_u64, 0..4_u32, 0..8_u8), 1..300)
    ) {
        let (mut bench, mut log, mut now) = (Bench::new(), Log::default(), NOW);
        for (pause, cost, kind) in steps {
            now += pause;
            let mode = match kind { 0 => Mode::Check, 1 => Mode::Force, _ => Mode::Count };
            let fits = log.in_parts(period, now) + cost as usize <= calls as usize;
            let taken = bench.take((calls, period), (mode, cost), now);
            prop_assert_eq!(taken.allowed, fits);
            let is_counted = cost > 0 && (mode == Mode::Force || (mode == Mode::Count && fits));
            prop_assert_eq!(taken.has_changed, is_counted);
            if is_counted {
                log.0.extend(std::iter::repeat_n(now, cost as usize));
            }
            prop_assert_eq!(taken.remaining as usize, (calls as usize).saturating_sub(log.in_parts(period, now)));
            prop_assert_eq!(taken.retry_after_ms == 0, fits);
            prop_assert_eq!(log.in_parts(period, bench.0.over_at()), 0);
            if !fits && cost <= calls {
                let later = now + taken.retry_after_ms;
                prop_assert!(log.in_parts(period, later) + cost as usize <= calls as usize);
                prop_assert!(log.in_parts(period, later - 1) + cost as usize > calls as usize, "no later than it must");
            }
        }
    }

    #[test]
    fn no_window_of_the_period_ever_holds_more(
        calls in 1..20_u32, period in 1..2_000_u64, pauses in proptest::collection::vec(0..80_u64, 1..400)
    ) {
        let (mut bench, mut log, mut now) = (Bench::new(), Log::default(), 0);
        for pause in pauses {
            now += pause;
            if bench.take((calls, period), (Mode::Count, 1), now).allowed {
                log.0.push(now);
            }
            // Every window that ends with a call; no other can hold more.
            prop_assert!(log.in_window(period, now) <= calls as usize);
        }
    }

    #[test]
    fn any_stored_bytes_are_survived(
        bytes in proptest::collection::vec(any::<u8>(), 0..140), head in prop::bool::ANY,
        period in 1..PERIOD_MS_MAX, newest in prop_oneof![any::<u64>(), 0..100_000_000_000_u64],
        ask_period: u64, now: u64,
    ) {
        let head_bytes = [&MARK, period.to_le_bytes().as_slice(), &newest.to_le_bytes()].concat();
        let bytes = if head { [head_bytes, bytes[..bytes.len() & !3].to_vec()].concat() } else { bytes };
        if let Some(mut window) = Window::read(&bytes) {
            window.take(Ask { calls: 5, period_ms: ask_period, cost: 1, mode: Mode::Force }, now);
            prop_assert_eq!(Window::read(window.write(&mut [0; BYTES_MAX])), Some(window));
        }
    }
}
