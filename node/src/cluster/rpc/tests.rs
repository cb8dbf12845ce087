//! Calls over connections in memory: answers, limits, time, and what a lost connection does.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

use larder_proto::topology::NodeId;
use tokio::runtime::LocalRuntime;
use tokio::time::{Instant, sleep};

use super::testing::Hub;
use super::{CallError, Handler, Handling, Peers, Refusal};
use crate::limits::{CONTROL_CALLS_MAX, CONTROL_PAUSE_MAX};
use crate::link::Introduction;

/// Kinds: 20 echoes, 21 never answers, 22 refuses, 23 answers late and then the bytes' number as milliseconds.
#[derive(Default)]
struct Echo {
    seen: RefCell<Vec<(u64, u8)>>,
    given_up: Rc<Cell<usize>>,
}

struct CountDrop(Rc<Cell<usize>>);

impl Drop for CountDrop {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

impl Handler for Echo {
    fn handle(&self, from: &Rc<Introduction>, kind: u8, body: Vec<u8>) -> Handling {
        self.seen.borrow_mut().push((from.node.unwrap().0, kind));
        let dropped = CountDrop(Rc::clone(&self.given_up));
        Box::pin(async move {
            let _dropped = dropped;
            match kind {
                20 => Ok(body),
                21 => pending().await,
                22 => Err(Refusal::new(77, "not today")),
                _ => {
                    sleep(Duration::from_millis(u64::from(body[0]))).await;
                    Ok(body)
                }
            }
        })
    }
}

fn run(test: impl Future<Output = ()>) {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime: LocalRuntime =
        builder.enable_time().start_paused(true).build_local(Default::default()).unwrap();
    runtime.block_on(test);
}

fn peers(hub: &Hub, own: u64, others: &[u64]) -> Peers {
    let peers = Peers::new(hub.parts(own));
    for other in others {
        peers.learn(NodeId(*other), "host", *other as u16);
    }
    peers
}

const SECOND: Duration = Duration::from_secs(1);
const TWO: NodeId = NodeId(2);

#[test]
fn a_call_is_answered_over_one_connection() {
    run(async {
        let hub = Hub::default();
        let echo = Rc::new(Echo::default());
        hub.answer(2, Rc::clone(&echo) as Rc<dyn Handler>);
        let peers = peers(&hub, 1, &[2]);
        for size in [0, 1, 300, 500_000] {
            let body = vec![7; size];
            assert_eq!(peers.call(TWO, 20, body.clone(), SECOND).await, Ok(body));
        }
        let refused = peers.call(TWO, 22, vec![], SECOND).await;
        assert_eq!(refused, Err(CallError::Refused(Refusal::new(77, "not today"))));
        assert_eq!((hub.opened(), echo.seen.borrow().len()), (1, 5));
        assert_eq!(echo.seen.borrow()[0], (1, 20));
    });
}

#[test]
fn answers_come_as_they_are_ready() {
    run(async {
        let hub = Hub::default();
        hub.answer(2, Rc::new(Echo::default()));
        let peers = peers(&hub, 1, &[2]);
        let began = Instant::now();
        let ask = async |millis: u8| {
            assert_eq!(peers.call(TWO, 23, vec![millis], SECOND).await, Ok(vec![millis]));
            began.elapsed().as_millis()
        };
        let (slow, fast, middle) = tokio::join!(ask(200), ask(10), ask(90));
        assert!(fast < 20 && middle < 100 && (200..220).contains(&slow), "{slow} {fast} {middle}");
    });
}

#[test]
fn time_is_bounded_and_the_connection_goes_on() {
    run(async {
        let hub = Hub::default();
        hub.answer(2, Rc::new(Echo::default()));
        let peers = peers(&hub, 1, &[2]);
        let began = Instant::now();
        let late = Duration::from_millis(80);
        assert_eq!(peers.call(TWO, 21, vec![], late).await, Err(CallError::Late));
        assert!((80..90).contains(&began.elapsed().as_millis()));
        assert_eq!(peers.call(TWO, 20, vec![1], SECOND).await, Ok(vec![1]));
        assert_eq!(hub.opened(), 1);
    });
}

#[test]
fn waiting_calls_are_bounded() {
    run(async {
        let hub = Hub::default();
        hub.answer(2, Rc::new(Echo::default()));
        let peers = peers(&hub, 1, &[2]);
        let calls: Vec<_> = (0..CONTROL_CALLS_MAX)
            .map(|_| {
                let peers = peers.clone();
                tokio::task::spawn_local(async move { peers.call(TWO, 21, vec![], SECOND / 4).await })
            })
            .collect();
        sleep(Duration::from_millis(10)).await;
        assert_eq!(peers.call(TWO, 20, vec![], SECOND).await, Err(CallError::Busy));
        for call in calls {
            assert_eq!(call.await.unwrap(), Err(CallError::Late));
        }
        // They are at work there still, so many as may be: nothing more is taken in.
        assert_eq!(peers.call(TWO, 20, vec![], SECOND / 4).await, Err(CallError::Late));
    });
}

#[test]
fn nobody_there_is_told_at_once_and_found_later() {
    run(async {
        let hub = Hub::default();
        let peers = peers(&hub, 1, &[2]);
        assert_eq!(peers.call(NodeId(9), 20, vec![], SECOND).await, Err(CallError::Unknown));
        let error = peers.call(TWO, 20, vec![], SECOND).await.unwrap_err();
        assert!(matches!(error, CallError::Unreachable(_)) && error.is_unsent(), "{error}");
        hub.answer(2, Rc::new(Echo::default()));
        let began = Instant::now();
        assert_eq!(peers.call(TWO, 20, vec![3], SECOND).await, Ok(vec![3]));
        assert!(began.elapsed() <= CONTROL_PAUSE_MAX);
    });
}

#[test]
fn a_lost_connection_fails_its_calls_and_is_replaced() {
    run(async {
        let hub = Hub::default();
        let echo = Rc::new(Echo::default());
        let serving = hub.answer(2, Rc::clone(&echo) as Rc<dyn Handler>);
        let peers = peers(&hub, 1, &[2]);
        let asked = peers.clone();
        let lost = tokio::task::spawn_local(async move { asked.call(TWO, 21, vec![], SECOND).await });
        sleep(Duration::from_millis(10)).await;
        hub.remove(2);
        let error = lost.await.unwrap().unwrap_err();
        assert!(matches!(error, CallError::Broken(_)) && !error.is_unsent(), "{error}");
        serving.abort();
        hub.answer(2, Rc::clone(&echo) as Rc<dyn Handler>);
        assert_eq!(peers.call(TWO, 20, vec![4], SECOND).await, Ok(vec![4]));
        assert_eq!(hub.opened(), 2);
        // What was at work on the lost connection was given up.
        assert_eq!(echo.given_up.get(), 2);
    });
}

#[test]
fn a_silent_connection_is_replaced() {
    run(async {
        let hub = Hub::default();
        hub.answer(2, Rc::new(Echo::default()));
        let peers = peers(&hub, 1, &[2]);
        // Nothing comes for longer than silence may last, twice.
        for _ in 0..2 {
            assert_eq!(peers.call(TWO, 21, vec![], SECOND).await, Err(CallError::Late));
        }
        assert_eq!(peers.call(TWO, 20, vec![5], SECOND).await, Ok(vec![5]));
        assert_eq!(hub.opened(), 3);
    });
}

#[test]
fn who_answers_has_to_be_who_was_called() {
    run(async {
        let hub = Hub::default();
        hub.answer(2, Rc::new(Echo::default()));
        let peers = peers(&hub, 1, &[]);
        peers.learn(NodeId(3), "host", 2);
        let error = peers.call(NodeId(3), 20, vec![], SECOND).await.unwrap_err();
        assert!(error.to_string().contains("node 2 answered"), "{error}");
        // Without a number, whoever is there answers.
        assert_eq!(peers.call_at(("host", 2), 20, vec![6], SECOND).await, Ok(vec![6]));
    });
}

#[test]
fn a_call_that_is_given_up_leaves_nothing_behind() {
    run(async {
        let hub = Hub::default();
        hub.separate(&[1], &[2]);
        let peers = peers(&hub, 1, &[2]);
        for _ in 0..3 * CONTROL_CALLS_MAX {
            let late = Duration::from_millis(1);
            let error = peers.call(TWO, 20, vec![], late).await.unwrap_err();
            assert!(matches!(error, CallError::Late | CallError::Unreachable(_)), "{error}");
        }
        hub.join();
        let echo = Rc::new(Echo::default());
        hub.answer(2, Rc::clone(&echo) as Rc<dyn Handler>);
        // The attempt that is under way comes to nothing; the next one finds the way open.
        let error = peers.call(TWO, 20, vec![7], 2 * SECOND).await.unwrap_err();
        assert!(matches!(error, CallError::Unreachable(_)), "{error}");
        assert_eq!(peers.call(TWO, 20, vec![8], SECOND).await, Ok(vec![8]));
        assert_eq!(echo.seen.borrow().len(), 1, "what nobody waits for was not sent");
    });
}
