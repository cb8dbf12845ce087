//! Runs processes, one at a time, in an order that the seed chooses, and lets the network's events happen in between. When
//! nobody has anything left to do, time goes on to the next thing that is due. What goes wrong, and when, is ordered from outside.
//!
//! A process is a set of tasks on this thread: dropping the set is `kill -9`, not polling it is SIGSTOP. Time is tokio's, paused, in
//! steps of a millisecond.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use fastrand::Rng;
use larder_node::cluster::raft::seed_thread;
use rustix::time::{ClockId, clock_gettime};
use tokio::task::LocalSet;
use tokio::time::{Instant, Sleep, sleep_until};

use super::clock::SimClock;
use super::network::Wires;
use super::telling;

/// Runs a simulation: the scenario is a process without a host. Ends when it does; whoever still runs is dropped.
///
/// # Panics
/// If no runtime can be made; if somebody works for ever without time going on.
pub fn run<T, F>(seed: u64, scenario: impl FnOnce(Orders) -> F) -> T
where
    F: Future<Output = T> + 'static,
    T: 'static,
{
    telling::begin();
    // Raft, and whoever else draws from the thread's generator.
    seed_thread(seed);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without threads");
    runtime.block_on(async {
        let orders = Orders::new(seed);
        let result = Rc::new(RefCell::new(None));
        let (future, out) = (scenario(orders.clone()), Rc::clone(&result));
        let local = LocalSet::new();
        local.spawn_local(async move { *out.borrow_mut() = Some(future.await) });
        let mut driver = Driver::new(orders, seed);
        driver.add(NOWHERE, Process::new(local, None));
        let mut sleep = pin!(sleep_until(driver.start));
        poll_fn(|cx| {
            driver.turn(cx, sleep.as_mut());
            result.borrow_mut().take().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    })
}

/// What can be ordered from inside the scenario. Cheap to clone.
#[derive(Clone)]
pub struct Orders {
    /// The network.
    pub wires: Arc<Wires>,
    real_ns: Arc<AtomicU64>,
    queue: Rc<RefCell<Vec<Order>>>,
    observer: Rc<RefCell<Option<Observer>>>,
    /// Nanoseconds of this thread's time that each process took, once somebody wants to know. Written by the driver.
    worked_ns: Rc<RefCell<Option<BTreeMap<IpAddr, u64>>>>,
    /// Until when each process stands still. Written by the driver.
    standing: Rc<RefCell<BTreeMap<IpAddr, u64>>>,
}

type Observer = Box<dyn FnMut(u64)>;

enum Order {
    Start(IpAddr, Process),
    Kill(IpAddr),
    Pause(IpAddr, u64),
}

impl Orders {
    fn new(seed: u64) -> Self {
        Self {
            wires: Arc::new(Wires::new(seed)),
            real_ns: Arc::default(),
            queue: Rc::default(),
            observer: Rc::default(),
            worked_ns: Rc::default(),
            standing: Rc::default(),
        }
    }

    /// Real nanoseconds since the simulation began.
    #[must_use]
    pub fn now_ns(&self) -> u64 {
        self.real_ns.load(Ordering::Relaxed)
    }

    /// Makes a clock for a host.
    #[must_use]
    pub fn clock(&self, host: IpAddr, random: &mut Rng) -> Arc<SimClock> {
        Arc::new(SimClock::new(Arc::clone(&self.wires), host, Arc::clone(&self.real_ns), random))
    }

    /// Starts a process on a host that runs none.
    pub fn start(&self, host: IpAddr, clock: Arc<SimClock>, main: impl Future<Output = ()> + 'static) {
        let local = LocalSet::new();
        local.spawn_local(main);
        self.queue.borrow_mut().push(Order::Start(host, Process::new(local, Some(clock))));
    }

    /// Kills the host's process: its connections are closed by the host.
    pub fn kill(&self, host: IpAddr) {
        self.queue.borrow_mut().push(Order::Kill(host));
    }

    /// Takes the power from a host: as [`Orders::kill`], but nobody is told.
    pub fn power_off(&self, host: IpAddr) {
        self.wires.power_off(host);
        self.kill(host);
    }

    /// Stops the host's process until this time.
    pub fn pause(&self, host: IpAddr, until_ns: u64) {
        self.queue.borrow_mut().push(Order::Pause(host, until_ns));
    }

    /// Whether the process of this host stands still at this time.
    #[must_use]
    pub fn stands_still(&self, host: IpAddr, now_ns: u64) -> bool {
        self.standing.borrow().get(&host).is_some_and(|until_ns| *until_ns > now_ns)
    }

    /// Counts from here on what time each process takes.
    pub fn measure_work(&self) {
        self.worked_ns.borrow_mut().get_or_insert_default();
    }

    /// Nanoseconds of this thread's time that each host's process has taken since it was asked to be counted. What the simulated network
    /// takes is in no process's but where the process itself calls it.
    #[must_use]
    pub fn worked_ns(&self) -> BTreeMap<IpAddr, u64> {
        self.worked_ns.borrow().clone().unwrap_or_default()
    }

    /// Calls this whenever nobody has anything left to do at some time.
    pub fn observe(&self, observer: impl FnMut(u64) + 'static) {
        *self.observer.borrow_mut() = Some(Box::new(observer));
    }
}

/// The tasks of one host.
pub struct Process {
    local: LocalSet,
    alarm: Arc<Alarm>,
    waker: Waker,
    clock: Option<Arc<SimClock>>,
    paused_until_ns: u64,
}

impl Process {
    fn new(local: LocalSet, clock: Option<Arc<SimClock>>) -> Self {
        let alarm = Arc::new(Alarm { is_ready: AtomicBool::new(true), driver: Mutex::new(None) });
        Self { local, waker: Waker::from(Arc::clone(&alarm)), alarm, clock, paused_until_ns: 0 }
    }

    fn is_ready(&self) -> bool {
        self.alarm.is_ready.load(Ordering::Relaxed)
    }

    /// Gives it its turn; whether it has ended.
    fn poll(&mut self) -> bool {
        self.alarm.is_ready.store(false, Ordering::Relaxed);
        if let Some(clock) = &self.clock {
            clock.set_turn(true);
        }
        let ended = Pin::new(&mut self.local).poll(&mut Context::from_waker(&self.waker)).is_ready();
        if let Some(clock) = &self.clock {
            clock.set_turn(false);
            self.paused_until_ns = self.paused_until_ns.max(clock.stalled_until_ns());
        }
        ended
    }
}

/// Rings when a task of a process can go on.
struct Alarm {
    is_ready: AtomicBool,
    driver: Mutex<Option<Waker>>,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_ready.store(true, Ordering::Relaxed);
        let driver = self.driver.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(driver) = driver {
            driver.wake();
        }
    }
}

/// Owns all processes. Polled as a part of the one future that the runtime runs.
pub struct Driver {
    orders: Orders,
    start: Instant,
    random: Rng,
    processes: BTreeMap<IpAddr, Process>,
    /// Turns since time went on.
    turns: u64,
}

impl Driver {
    fn new(orders: Orders, seed: u64) -> Self {
        let random = Rng::with_seed(seed ^ DRIVER_SEED);
        Self { orders, start: Instant::now(), random, processes: BTreeMap::new(), turns: 0 }
    }

    fn add(&mut self, host: IpAddr, process: Process) {
        let replaced = self.processes.insert(host, process);
        assert!(replaced.is_none(), "{host} runs a process already");
    }

    /// Does all there is to do now, and sees to being called again for the rest.
    fn turn(&mut self, cx: &mut Context<'_>, mut sleep: Pin<&mut Sleep>) {
        self.look_at_clock();
        loop {
            self.obey();
            let mut ready = self.ready();
            if ready.is_empty() {
                if self.orders.wires.step() {
                    continue;
                }
                break;
            }
            self.random.shuffle(&mut ready);
            ready.into_iter().for_each(|host| self.poll(host));
        }
        if let Some(observer) = self.orders.observer.borrow_mut().as_mut() {
            observer(self.orders.now_ns());
        }
        for process in self.processes.values() {
            *process.alarm.driver.lock().unwrap_or_else(PoisonError::into_inner) = Some(cx.waker().clone());
        }
        let next_ns = self.next_ns();
        sleep.as_mut().reset(self.start + Duration::from_nanos(next_ns));
        if sleep.poll(cx).is_ready() || !self.ready().is_empty() {
            cx.waker().wake_by_ref();
        }
    }

    fn look_at_clock(&mut self) {
        let now_ns = self.start.elapsed().as_nanos() as u64;
        if now_ns != self.orders.now_ns() {
            self.turns = 0;
            self.orders.real_ns.store(now_ns, Ordering::Relaxed);
            self.orders.wires.set_now(now_ns);
        }
    }

    fn obey(&mut self) {
        let orders = std::mem::take(&mut *self.orders.queue.borrow_mut());
        for order in orders {
            match order {
                Order::Start(host, process) => self.add(host, process),
                // Its tasks end here, in no order of theirs.
                Order::Kill(host) => {
                    self.orders.standing.borrow_mut().remove(&host);
                    drop(self.processes.remove(&host));
                }
                Order::Pause(host, until_ns) => {
                    if let Some(process) = self.processes.get_mut(&host) {
                        process.paused_until_ns = process.paused_until_ns.max(until_ns);
                        self.orders.standing.borrow_mut().insert(host, process.paused_until_ns);
                    }
                }
            }
        }
    }

    fn ready(&self) -> Vec<IpAddr> {
        let now_ns = self.orders.now_ns();
        let ready = |process: &Process| process.is_ready() && process.paused_until_ns <= now_ns;
        self.processes.iter().filter(|(_, process)| ready(process)).map(|(host, _)| *host).collect()
    }

    fn poll(&mut self, host: IpAddr) {
        self.turns += 1;
        assert!(self.turns < TURNS_MAX, "{host} works without end at {} ns", self.orders.now_ns());
        let Some(process) = self.processes.get_mut(&host) else { return };
        self.orders.wires.note(b'p', &[self.orders.now_ns()], host.to_string().as_bytes());
        telling::note_turn(self.orders.now_ns(), host);
        let begun_ns = self.orders.worked_ns.borrow().is_some().then(thread_time_ns);
        let ended = process.poll();
        if let (Some(begun_ns), Some(worked_ns)) = (begun_ns, self.orders.worked_ns.borrow_mut().as_mut()) {
            *worked_ns.entry(host).or_default() += thread_time_ns() - begun_ns;
        }
        if process.paused_until_ns > self.orders.now_ns() {
            self.orders.standing.borrow_mut().insert(host, process.paused_until_ns);
        }
        if ended {
            self.processes.remove(&host);
        }
    }

    /// When there is something to do again, as far as is known now.
    fn next_ns(&self) -> u64 {
        let paused = self.processes.values().filter(|process| process.is_ready());
        let resumed = paused.map(|process| process.paused_until_ns);
        let known = resumed.chain(self.orders.wires.next_ns()).min();
        known.unwrap_or_else(|| self.orders.now_ns() + IDLE_NS)
    }
}

/// Nanoseconds for which this thread has had a core.
#[must_use]
pub(super) fn thread_time_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// The host of the scenario.
const NOWHERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);

/// More turns than this without a millisecond going by are an endless loop.
const TURNS_MAX: u64 = 200_000;

/// How long to sleep when nothing is known to come.
const IDLE_NS: u64 = 1_000_000_000;

/// So that the driver and the network do not draw the same numbers.
const DRIVER_SEED: u64 = 0x9e37_79b9_7f4a_7c15;
