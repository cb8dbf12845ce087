//! One round: clients at work, harm done meanwhile, one look at everything afterwards, and the verdict.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use fastrand::Rng;

use super::client::{Shared, Speech, Targets, insist, work};
use crate::clock::Deadline;
use crate::history::{Deed, Kind, Object, Recorder};

/// How a round is run.
#[derive(Clone, Debug)]
pub struct RoundSettings {
    /// A name that no other round has: its objects begin with it.
    pub name: String,
    /// The clients.
    pub clients: Vec<Speech>,
    /// What they draw their deeds from.
    pub seed: u64,
}

/// What came of it.
#[derive(Debug)]
pub struct Round {
    /// What the clients saw.
    pub recorder: Recorder,
    /// What could not have been, in words; none if all could.
    pub fault: Option<String>,
}

impl Round {
    /// Runs it. `harm` does the harm, undoes it, and returns when the servers should be well again.
    ///
    /// # Errors
    /// What `harm` could not do, or an object that nobody serves afterwards.
    pub fn run(
        settings: &RoundSettings,
        targets: &Targets,
        harm: impl FnOnce() -> Result<(), String>,
    ) -> Result<Self, String> {
        let recorder = Mutex::new(Recorder::new(objects(&settings.name)));
        let (stop, wrong) = (AtomicBool::new(false), Mutex::new(None));
        let shared = Shared { targets, recorder: &recorder, stop: &stop, wrong: &wrong };
        let harmed = thread::scope(|scope| {
            let mut random = Rng::with_seed(settings.seed);
            for speech in &settings.clients {
                let (shared, random) = (&shared, random.fork());
                scope.spawn(move || work(shared, *speech, random));
            }
            let harmed = harm();
            stop.store(true, Ordering::Relaxed);
            harmed
        });
        harmed?;
        look_at_all(&shared)?;
        let wrong = wrong.into_inner().unwrap_or_else(PoisonError::into_inner);
        let recorder = recorder.into_inner().unwrap_or_else(PoisonError::into_inner);
        let fault = wrong.or_else(|| recorder.check().err());
        Ok(Self { recorder, fault })
    }
}

fn look_at_all(shared: &Shared<'_>) -> Result<(), String> {
    let objects = shared.recorder().objects.clone();
    for (number, object) in objects.iter().enumerate() {
        if !insist(shared, Speech::Plain, || Deed::look(number, object), Deadline::after(LOOK_TIME_MAX)) {
            return Err(format!(
                "{:?} {} is not served; {:?}",
                object.kind,
                object.key,
                shared.recorder().errors
            ));
        }
    }
    Ok(())
}

fn objects(name: &str) -> Vec<Object> {
    let kinds = [(Kind::Register, 6), (Kind::Counter, 3), (Kind::Log, 1), (Kind::Pair, 2)];
    let named = kinds.iter().flat_map(|(kind, count)| (0..*count).map(move |number| (*kind, number)));
    named.map(|(kind, number)| Object::new(kind, format!("{name}-{kind:?}-{number}"))).collect()
}

/// How long an object is asked for before it counts as not served.
const LOOK_TIME_MAX: Duration = Duration::from_secs(20);
