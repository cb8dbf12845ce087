//! A node's clock: it runs a little fast or slow, and began at some other number. Asking it may cost time: then the process was
//! stopped at that very moment.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use fastrand::Rng;
use larder_node::clock::Clock;
use larder_proto::time::Millis;

use super::network::Wires;

/// The clock of one host.
#[derive(Debug)]
pub struct SimClock {
    wires: Arc<Wires>,
    host: IpAddr,
    /// Real nanoseconds since the simulation began. Written by the driver.
    real_ns: Arc<AtomicU64>,
    /// How many parts in a million it runs fast.
    rate_ppm: i64,
    offset_ns: u64,
    /// The time of day at the beginning. Differs between hosts by what their time service leaves.
    day_ms: u64,
    /// Whether the host's process is at work, so that it is the one who asks. Written by the driver.
    is_turn: AtomicBool,
    /// Until when the process stands still, in real time: everything it does in this turn happens then.
    stalled_until_ns: AtomicU64,
    stalls: Mutex<Stalls>,
}

/// How often, and how long, the process is stopped where it asks for the time.
#[derive(Debug)]
struct Stalls {
    random: Rng,
    /// Once in so many times; 0 for never.
    one_in: u32,
    longest_ns: u64,
}

impl SimClock {
    /// A clock of a host.
    #[must_use]
    pub fn new(wires: Arc<Wires>, host: IpAddr, real_ns: Arc<AtomicU64>, random: &mut Rng) -> Self {
        Self {
            wires,
            host,
            real_ns,
            rate_ppm: random.i64(-RATE_PPM_MAX..=RATE_PPM_MAX),
            offset_ns: random.u64(1..1 << 50),
            day_ms: DAY_MS + random.u64(0..DAY_MS_DIFFERENCE),
            is_turn: AtomicBool::new(false),
            stalled_until_ns: AtomicU64::new(0),
            stalls: Mutex::new(Stalls { random: random.fork(), one_in: 0, longest_ns: 0 }),
        }
    }

    /// From now on the process is stopped once in so many times that it asks for the time, for at most so long; 0 for never.
    pub fn set_stalls(&self, one_in: u32, longest_ns: u64) {
        let mut stalls = self.stalls.lock().unwrap_or_else(PoisonError::into_inner);
        stalls.one_in = one_in;
        stalls.longest_ns = longest_ns;
    }

    /// Real time until which the process stands still.
    #[must_use]
    pub fn stalled_until_ns(&self) -> u64 {
        self.stalled_until_ns.load(Ordering::Relaxed)
    }

    /// The process's turn begins or ends.
    pub(crate) fn set_turn(&self, is_turn: bool) {
        self.is_turn.store(is_turn, Ordering::Relaxed);
    }

    /// The process's own moment in real time.
    fn moment_ns(&self) -> u64 {
        let real_ns = self.real_ns.load(Ordering::Relaxed);
        if !self.is_turn.load(Ordering::Relaxed) {
            return real_ns;
        }
        let now_ns = real_ns.max(self.stalled_until_ns());
        let mut stalls = self.stalls.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(stall_ns) = stalls.draw() else { return now_ns };
        drop(stalls);
        let until_ns = now_ns + stall_ns;
        self.stalled_until_ns.store(until_ns, Ordering::Relaxed);
        self.wires.stall(self.host, until_ns);
        until_ns
    }

    fn own_ns(&self, real_ns: u64) -> u64 {
        let gained_ns = i128::from(real_ns) * i128::from(self.rate_ppm) / 1_000_000;
        self.offset_ns + (i128::from(real_ns) + gained_ns) as u64
    }
}

impl Stalls {
    fn draw(&mut self) -> Option<u64> {
        let is_stopped = self.one_in > 0 && self.random.u32(0..self.one_in) == 0;
        is_stopped.then(|| self.random.u64(0..=self.longest_ns))
    }
}

impl Clock for SimClock {
    fn now(&self) -> Millis {
        Millis(self.day_ms + self.moment_ns() / 1_000_000)
    }

    fn monotonic_ns(&self) -> u64 {
        let moment_ns = self.moment_ns();
        self.own_ns(moment_ns)
    }

    fn look(&self) -> (Millis, u64) {
        let moment_ns = self.moment_ns();
        (Millis(self.day_ms + moment_ns / 1_000_000), self.own_ns(moment_ns))
    }
}

/// Two clocks may differ in rate by one percent, so each may be half of it off.
const RATE_PPM_MAX: i64 = 4_900;

/// Some day of 2026.
const DAY_MS: u64 = 1_790_000_000_000;
const DAY_MS_DIFFERENCE: u64 = 40;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::sleep;

    use super::*;
    use crate::simulation::run;

    #[test]
    fn two_clocks_drift_apart_by_no_more_than_one_percent() {
        run(1, |orders| async move {
            let mut random = Rng::with_seed(1);
            let host = |number| IpAddr::from([10, 0, 0, number]);
            let clocks: Vec<_> = (0..50).map(|number| orders.clock(host(number), &mut random)).collect();
            let begin: Vec<u64> = clocks.iter().map(|clock| clock.monotonic_ns()).collect();
            sleep(Duration::from_secs(100)).await;
            let passed = clocks.iter().zip(begin).map(|(clock, begin)| clock.monotonic_ns() - begin);
            let passed: Vec<u64> = passed.collect();
            let (least, most) = (*passed.iter().min().unwrap(), *passed.iter().max().unwrap());
            assert!(most > least + least / 200 && most <= least + least / 100, "{least} {most}");
        });
    }

    #[test]
    fn a_process_is_stopped_where_it_asks_for_the_time() {
        run(2, |orders| async move {
            let host = IpAddr::from([10, 0, 0, 1]);
            orders.wires.add_host(host);
            let clock = orders.clock(host, &mut Rng::with_seed(3));
            clock.set_stalls(4, 2_000_000_000);
            let own = Arc::clone(&clock);
            orders.start(host, Arc::clone(&clock), async move {
                let begin = tokio::time::Instant::now();
                let first_ns = own.monotonic_ns();
                let jumped =
                    (0..100).map(|_| own.monotonic_ns()).find(|now_ns| *now_ns > first_ns + 1_000_000);
                assert!(jumped.is_some(), "never stopped");
                assert!(begin.elapsed().is_zero(), "the others saw no time pass");
                tokio::task::yield_now().await;
                own.set_stalls(0, 0);
                assert!(begin.elapsed().is_zero(), "within one turn of the process");
                tokio::time::sleep(Duration::from_millis(1)).await;
                assert!(begin.elapsed() >= Duration::from_millis(900), "{:?}", begin.elapsed());
            });
            sleep(Duration::from_secs(1)).await;
            assert!(clock.stalled_until_ns() > 900_000_000);
        });
    }
}
