//! Clients that do deeds, in pipelines, through whatever node they are connected to, until they are told to stop.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use fastrand::Rng;
use tokio::time::{sleep, timeout};

use super::client::Client;
use crate::history::{Deed, Kind, Object, Recorder, a, b, error_of, had_no_effect, words};
use crate::linear::{MixedAnswer, MixedCall, PairCall};
use crate::reply::Node;

/// The histories, shared by all clients of a run.
pub type Histories = Rc<RefCell<Recorder>>;

/// Does deeds until `stop` is set.
///
/// # Errors
/// A reply was none that the request can get.
pub async fn work(
    mut client: Client,
    mut random: Rng,
    histories: Histories,
    stop: Rc<Cell<bool>>,
) -> Result<(), String> {
    let pause_ms = random.u64(1..=PAUSE_MS_MAX);
    while !stop.get() {
        sleep(Duration::from_millis(random.u64(0..=pause_ms))).await;
        if random.u8(..32) == 0 {
            client.move_on();
        }
        if !client.connect().await {
            continue;
        }
        if random.u8(..16) == 0 {
            watched_move(&mut client, &mut random, &histories).await?;
        } else {
            let count = if random.u8(..4) == 0 { random.usize(2..=PIPELINE_MAX) } else { 1 };
            let deeds = (0..count).map(|_| Deed::draw(&mut histories.borrow_mut(), &mut random)).collect();
            ask(&mut client, deeds, &histories).await?;
        }
    }
    Ok(())
}

/// Reads every object, each until it was answered.
///
/// # Errors
/// One was not answered in time.
pub async fn look_at_all(mut client: Client, histories: Histories, time: Duration) -> Result<(), String> {
    let objects: Vec<Object> = histories.borrow().objects.clone();
    for (number, object) in objects.iter().enumerate() {
        let looked = timeout(time, async {
            loop {
                let before = histories.borrow().answered;
                if client.connect().await {
                    ask(&mut client, vec![Deed::look(number, object)], &histories).await?;
                }
                if histories.borrow().answered > before {
                    return Ok::<(), String>(());
                }
                client.move_on();
                sleep(Duration::from_millis(LOOK_AGAIN_MS)).await;
            }
        });
        match looked.await {
            Ok(looked) => looked?,
            Err(_) => {
                let errors = &histories.borrow().errors;
                return Err(format!(
                    "{:?} {} is not served after the faults; {errors:?}",
                    object.kind, object.key
                ));
            }
        }
    }
    Ok(())
}

async fn ask(client: &mut Client, mut deeds: Vec<Deed>, histories: &Histories) -> Result<(), String> {
    let requests: Vec<_> = deeds.iter().flat_map(|deed| deed.requests.clone()).collect();
    // For each request the deed that its reply ends.
    let ends: Vec<Option<usize>> = deeds
        .iter()
        .enumerate()
        .flat_map(|(number, deed)| {
            let last = deed.requests.len() - 1;
            (0..=last).map(move |at| (at == last).then_some(number))
        })
        .collect();
    deeds.iter_mut().for_each(|deed| deed.begin(&mut histories.borrow_mut()));
    let mut outcome = Ok(());
    client
        .ask(&requests, |at, reply| {
            if let Some(number) = ends[at] {
                let ended = deeds[number].end(&reply, &mut histories.borrow_mut());
                outcome = std::mem::replace(&mut outcome, Ok(())).and(ended);
            }
        })
        .await;
    outcome
}

/// Moves an amount by reading both, watching them, and setting both if nobody changed them meanwhile.
async fn watched_move(client: &mut Client, random: &mut Rng, histories: &Histories) -> Result<(), String> {
    let pairs: Vec<(usize, String)> = {
        let recorder = histories.borrow();
        let pairs = recorder.objects.iter().enumerate().filter(|(_, object)| object.kind == Kind::Pair);
        pairs.map(|(number, object)| (number, object.key.clone())).collect()
    };
    let Some((object, key)) = pairs.get(random.usize(0..pairs.len().max(1))) else { return Ok(()) };
    let (first, second) = (a(key), b(key));
    let looking = [words(&["WATCH", &first, &second]), words(&["MGET", &first, &second])];
    let mut seen = None;
    let answered =
        client.ask(&looking, |at, reply| if at == 1 { seen = both(&reply) } else { note(&reply, histories) });
    if !answered.await {
        return Ok(());
    }
    let Some([have, owe]) = seen else {
        client.move_on();
        return Ok(());
    };
    let amount = random.i64(1..100);
    let requests = [
        words(&["MULTI"]),
        words(&["SET", &first, &(have + amount).to_string()]),
        words(&["SET", &second, &(owe - amount).to_string()]),
        words(&["EXEC"]),
    ];
    let begun = histories.borrow_mut().begin(*object, MixedCall::Pair(PairCall::Move(amount)));
    let moved = [have + amount, owe - amount];
    client
        .ask(&requests, |at, reply| {
            let mut recorder = histories.borrow_mut();
            match (at, error_of(&reply)) {
                (3, None) if matches!(reply, Node::Aggregate(..)) => {
                    recorder.end(begun, MixedAnswer::Pair(moved))
                }
                // Somebody changed them: nothing was done.
                (3, None) => recorder.cancel(begun),
                (3, Some(text)) => {
                    recorder.error(&text);
                    if had_no_effect(&text) {
                        recorder.cancel(begun);
                    }
                }
                (_, Some(text)) => recorder.error(&text),
                _ => {}
            }
        })
        .await;
    Ok(())
}

fn note(reply: &Node, histories: &Histories) {
    if let Some(text) = error_of(reply) {
        histories.borrow_mut().error(&text);
    }
}

fn both(reply: &Node) -> Option<[i64; 2]> {
    let Node::Aggregate(b'*', items) = reply else { return None };
    let amount = |node: &Node| {
        if node.text() == "-1" && matches!(node, Node::Line(b'$', _)) {
            Some(0)
        } else {
            node.text().parse().ok()
        }
    };
    Some([amount(items.first()?)?, amount(items.get(1)?)?])
}

/// The most deeds that are sent at once.
const PIPELINE_MAX: usize = 6;

/// The longest that a client rests between two pipelines.
const PAUSE_MS_MAX: u64 = 60;

const LOOK_AGAIN_MS: u64 = 50;
