//! Explores how the threads of a node may come between one another in the store: lookups, writes, expiry, cleaning,
//! eviction, flushes, watches. The store's own sources are compiled here with other locks and counters, whose every use
//! is a moment at which another thread may go on. `larder-races [SCHEDULES]`; a failure prints the schedule.

mod scenes;
#[path = "../../../node/src/store/mod.rs"]
#[allow(dead_code, unused_imports, unreachable_pub)]
mod store;
mod sync;

use std::process::ExitCode;

use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, Runner};

fn main() -> ExitCode {
    let schedules = match std::env::args().nth(1).map(|word| word.parse()) {
        None => SCHEDULES,
        Some(Ok(number)) => number,
        Some(Err(_)) => {
            eprintln!("larder-races [SCHEDULES]");
            return ExitCode::from(2);
        }
    };
    let config = || {
        let mut config = Config::new();
        // It takes all orderings for the strictest; what the store counts needs none.
        config.silence_warnings = true;
        config
    };
    for (name, scene) in scenes::SCENES {
        Runner::new(RandomScheduler::new(schedules / 2), config()).run(scene);
        Runner::new(PctScheduler::new(DEPTH, schedules / 2), config()).run(scene);
        println!("{name}: {schedules} schedules");
    }
    ExitCode::SUCCESS
}

/// Schedules of each scene, unless told otherwise.
const SCHEDULES: usize = 2_000;

/// Moments at which a thread of higher priority steps aside, at most.
const DEPTH: usize = 3;
