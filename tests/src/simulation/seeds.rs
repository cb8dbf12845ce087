//! Many seeds on all cores, or the one that somebody wants to see again.

use std::env;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Runs seeds until one fails: `LARDER_SEED` alone if it is set, else `LARDER_SEEDS` many from `LARDER_SEED_FIRST`, else `usual`.
/// Returns how many held.
///
/// # Errors
/// The first seed that failed, how, and the command that runs it again.
pub fn each_seed(
    test: &str,
    usual: u64,
    run: impl Fn(u64) -> Result<(), String> + Sync,
) -> Result<u64, String> {
    if let Some(seed) = number("LARDER_SEED") {
        return attempt(seed, &run).map(|()| 1).map_err(|fault| explain(test, seed, &fault));
    }
    let first = number("LARDER_SEED_FIRST").unwrap_or(0);
    let count = number("LARDER_SEEDS").unwrap_or(usual);
    let next = AtomicU64::new(first);
    let failed: Mutex<Option<(u64, String)>> = Mutex::new(None);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count {
                        break;
                    }
                    let done = seed - first;
                    if done > 0 && done.is_multiple_of(TOLD_EVERY) {
                        // Not a log: whoever runs so many looks at a terminal.
                        let _ = writeln!(std::io::stderr(), "{test}: {done} of {count} seeds");
                    }
                    if let Err(fault) = attempt(seed, &run) {
                        next.store(u64::MAX / 2, Ordering::Relaxed);
                        let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                        failed.get_or_insert((seed, fault));
                    }
                }
            });
        }
    });
    match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        None => Ok(count),
        Some((seed, fault)) => Err(explain(test, seed, &fault)),
    }
}

fn attempt(seed: u64, run: &impl Fn(u64) -> Result<(), String>) -> Result<(), String> {
    catch_unwind(AssertUnwindSafe(|| run(seed))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(format!("a panic: {}", text.unwrap_or("without words")))
    })
}

fn explain(test: &str, seed: u64, fault: &str) -> String {
    let command = if cfg!(feature = "few-partitions") {
        "tests/simulate --test".to_owned()
    } else {
        "cargo test -p larder-tests --test simulation".to_owned()
    };
    format!("seed {seed}: {fault}\nto see it again: LARDER_SEED={seed} {command} {test} -- --nocapture")
}

fn number(name: &str) -> Option<u64> {
    env::var(name).ok()?.parse().ok()
}

/// Who runs very many is told how far they are.
const TOLD_EVERY: u64 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_that_fails_is_named_with_the_command_for_it() {
        // The variables are not set where this test runs, or it is not the one that is meant.
        if env::vars().any(|(name, _)| name.starts_with("LARDER_SEED")) {
            return;
        }
        assert_eq!(each_seed("t", 20, |_| Ok(())), Ok(20));
        let fault = each_seed("t", 100, |seed| if seed == 7 { Err("odd".to_owned()) } else { Ok(()) });
        let fault = fault.unwrap_err();
        assert!(fault.starts_with("seed 7: odd\n") && fault.contains("LARDER_SEED=7 "), "{fault}");
        let fault = each_seed("t", 3, |seed| {
            assert!(seed < 2, "too many");
            Ok(())
        })
        .unwrap_err();
        assert!(fault.contains("seed 2: a panic: too many"), "{fault}");
    }
}
