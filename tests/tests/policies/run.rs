//! Runs a case: its policies in an engine in this process, its stores real servers, its backend what the case says.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use larder_client::context::{Content, Response};
use larder_client::engine::{Engine, Policies};
use larder_client::policy::{Fragments, NamedValues, Problem};
use larder_client::{Cache, CachingType};
use larder_tests::clock;
use tokio::task::JoinSet;

use crate::backend::{BODY_BYTES_MAX, Backend};
use crate::case::{Act, Case, Exchange, Gateway, Health, Holds, StoreName};
use crate::clock::StillClock;
use crate::compare::{self, Failure, Seen};
use crate::context::{self, Caller};
use crate::pattern::{Names, Pattern};
use crate::stores::Store;

/// What a case may take; it waits for nothing but the servers.
const CASE_TIME_MAX: Duration = Duration::from_secs(60);
const CONNECT_TIME_MAX: Duration = Duration::from_secs(20);
/// A policy's own budget is no matter of these cases: a busy machine must not make a miss of a hit.
const CALL_TIME_MAX: Duration = Duration::from_secs(10);
/// Port 1 is nobody's: a connection is refused at once.
const DEAD: &str = "127.0.0.1:1";

/// The stores of a case.
#[derive(Clone)]
pub(crate) struct Stores {
    /// Which server is which, for the report.
    pub(crate) layout: &'static str,
    pub(crate) internal: Store,
    pub(crate) external: Store,
}

impl Stores {
    /// The store of this name.
    pub(crate) fn of(&mut self, name: StoreName) -> &mut Store {
        match name {
            StoreName::Internal => &mut self.internal,
            StoreName::External => &mut self.external,
        }
    }
}

/// What went wrong in a case.
pub(crate) struct Report {
    case: String,
    layout: &'static str,
    failures: Vec<Failure>,
}

impl Report {
    pub(crate) fn new(case: &str, layout: &'static str, failures: Vec<Failure>) -> Self {
        Self { case: case.to_owned(), layout, failures }
    }

    /// Where in the case something went wrong.
    pub(crate) fn lines(&self) -> Vec<usize> {
        let mut lines: Vec<usize> = self.failures.iter().map(|failure| failure.line).collect();
        lines.sort_unstable();
        lines.dedup();
        lines
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { case, layout, failures } = self;
        for Failure { line, expected, found } in failures {
            writeln!(f, "{case}.case:{line} ({layout})\n  expected {expected}\n  found    {found}")?;
        }
        Ok(())
    }
}

/// Runs a case to its end, or to where it cannot go on.
pub(crate) async fn run(case: &Case, stores: Stores) -> Report {
    let layout = stores.layout;
    let mut run = Run {
        case,
        stores,
        clock: Arc::new(StillClock::new()),
        backend: Backend::default(),
        started: clock::now(),
        caller: Caller::new(),
        gateway: None,
        judged: Vec::new(),
        last_line: 0,
        is_broken: false,
        failures: Vec::new(),
    };
    if tokio::time::timeout(CASE_TIME_MAX, run.acts()).await.is_err() {
        run.failures.push(Failure::new(run.last_line, "an end", "none in time"));
    }
    Report::new(&case.name, layout, run.failures)
}

struct Run<'c> {
    case: &'c Case,
    stores: Stores,
    clock: Arc<StillClock>,
    backend: Backend,
    started: Instant,
    caller: Caller,
    gateway: Option<Running>,
    /// The stores that have been compared since the last act that might have changed them.
    judged: Vec<StoreName>,
    /// Where in the case it is.
    last_line: usize,
    /// Its policies are not taken.
    is_broken: bool,
    failures: Vec<Failure>,
}

/// A gateway that is up.
struct Running {
    settings: Gateway,
    engine: Engine,
    policies: Policies,
}

impl Run<'_> {
    async fn acts(&mut self) {
        for act in &self.case.acts {
            // Without its policies a case has nothing more to say.
            if self.is_broken {
                return;
            }
            match act {
                Act::Gateway(gateway) => self.start(gateway).await,
                Act::Caller(caller) => self.caller.clone_from(caller),
                Act::Exchange(exchange) => self.exchange(exchange).await,
                Act::Pass(span) => {
                    self.judged.clear();
                    self.clock.pass(*span);
                    self.stores.internal.pass(*span).await.expect("the store answers");
                    self.stores.external.pass(*span).await.expect("the store answers");
                }
                Act::Given(given) => {
                    self.judged.clear();
                    self.stores.of(given.store).give(given).await.expect("the store answers");
                }
                Act::Holds(holds) => self.holds(holds.store, Some(holds)).await,
                Act::Refused(wanted) => self.refused(wanted).await,
                Act::Warned(wanted) => self.warned(wanted).await,
            }
        }
        if self.is_broken {
            return;
        }
        for store in [StoreName::Internal, StoreName::External] {
            if !self.judged.contains(&store) {
                self.holds(store, None).await;
            }
        }
    }

    async fn start(&mut self, settings: &Gateway) {
        self.last_line = self.last_line.max(settings.line);
        if let Some(time) = settings.time {
            self.clock.set(u64::try_from(time).expect("a time after 1970"));
        }
        let engine = self.engine(settings).await;
        match read(&engine, self.case) {
            Ok((policies, _)) => {
                self.gateway = Some(Running { settings: settings.clone(), engine, policies });
            }
            Err(problems) => {
                let line = self.case.policies.first().map_or(0, |(_, block)| block.line);
                self.failures.push(Failure::new(line, "a policy that is taken", problems.join("\n")));
                self.is_broken = true;
            }
        }
    }

    async fn engine(&self, settings: &Gateway) -> Engine {
        let Stores { internal, external, .. } = &self.stores;
        let mut builder =
            Cache::builder(&settings.region).service(&internal.service).time_budget(CALL_TIME_MAX);
        if let Some(health) = settings.internal {
            builder = builder.internal(address(internal, health));
        }
        for (place, health) in &settings.external {
            builder = builder.external(place, address(external, *health));
        }
        let cache = builder.build().expect("the settings make sense");
        for (health, caching_type) in
            [(settings.internal, CachingType::Internal), (settings.used_external(), CachingType::External)]
        {
            if health == Some(Health::Up) {
                assert!(cache.connected(caching_type, CONNECT_TIME_MAX).await, "a store is not reached");
            }
        }
        let engine = Engine::builder(cache).clock(self.clock.clone()).wall_clock(self.clock.clone());
        engine.handler(self.backend.clone()).build()
    }

    async fn exchange(&mut self, exchange: &Exchange) {
        self.last_line = exchange.line;
        self.judged.clear();
        if self.gateway.is_none() {
            self.start(&Gateway::default()).await;
        }
        let Some(Running { settings, engine, policies }) = &self.gateway else { return };
        self.backend.expect(exchange);
        let mut running = JoinSet::new();
        for _ in 0..exchange.at_once {
            let (caller, clock) = (&self.caller, &self.clock);
            let context = |names: &mut Names| context::context(exchange, caller, settings, clock, names);
            let mut context = self.backend.with_names(context);
            let (engine, policies, backend) = (engine.clone(), policies.clone(), self.backend.clone());
            running.spawn(async move {
                let response = engine.run(&policies, &mut context, &backend).await;
                (seen(response).await, context.last_error)
            });
        }
        let answers = running.join_all().await;
        // What is stored behind the client's back is there before the case goes on.
        assert!(engine.responses().flush(CONNECT_TIME_MAX).await, "a store does not end");
        self.failures.extend(self.backend.finish());
        for (seen, error) in answers {
            let failures = self.backend.with_names(|names| compare::message(&exchange.answer, &seen, names));
            if let (false, Some(error)) = (failures.is_empty(), error) {
                self.failures.push(Failure::new(exchange.line, "another answer", format!("{error:?}")));
            }
            self.failures.extend(failures);
        }
    }

    async fn holds(&mut self, store: StoreName, holds: Option<&Holds>) {
        self.judged.push(store);
        let (line, elapsed) = (self.last_line, clock::now() - self.started);
        let mut names = self.backend.with_names(|names| names.clone());
        let compared = self.stores.of(store).compare(holds, line, elapsed, &mut names).await;
        self.failures.extend(compared.expect("the store answers"));
        self.backend.with_names(|known| *known = names);
    }

    async fn refused(&mut self, wanted: &[(usize, Pattern)]) {
        let engine = self.engine(&Gateway::default()).await;
        let found = match read(&engine, self.case) {
            Ok(_) => Vec::new(),
            Err(problems) => problems,
        };
        self.judge(wanted, found);
    }

    /// Warnings of every kind may come; those that the case tells must.
    async fn warned(&mut self, wanted: &[(usize, Pattern)]) {
        let engine = self.engine(&Gateway::default()).await;
        match read(&engine, self.case) {
            Ok((_, warnings)) => {
                let said =
                    |text: &String| wanted.iter().any(|(_, one)| one.matches(text, &mut Names::default()));
                let found = warnings.into_iter().filter(said).collect();
                self.judge(wanted, found);
            }
            Err(problems) => self.judge(wanted, problems),
        }
    }

    fn judge(&mut self, wanted: &[(usize, Pattern)], mut found: Vec<String>) {
        for (line, one) in wanted {
            match found.iter().position(|text| one.matches(text, &mut Names::default())) {
                Some(place) => drop(found.remove(place)),
                None => self.failures.push(Failure::new(*line, one.to_string(), found.join("\n           "))),
            }
        }
        let line = wanted.first().map_or(0, |(line, _)| *line);
        self.failures.extend(found.into_iter().map(|text| Failure::new(line, "nothing else", text)));
    }
}

/// The policies of a case and what is doubtful of them, or what is wrong with them.
fn read(engine: &Engine, case: &Case) -> Result<(Policies, Vec<String>), Vec<String>> {
    let values = case.named.iter().fold(NamedValues::new(), |all, (name, value)| all.with(name, value));
    let fragments = case.fragments.iter();
    let fragments = fragments.fold(Fragments::new(), |all, (id, block)| all.with(id, &block.text));
    let told = |problems: &[Problem]| problems.iter().map(ToString::to_string).collect::<Vec<_>>();
    let (mut policies, mut warnings, mut errors) = (Policies::none(), Vec::new(), Vec::new());
    for (scope, block) in &case.policies {
        match engine.read(&block.text, &values, &fragments) {
            Ok(policy) => {
                warnings.extend(told(policy.document().warnings()));
                policies = policies.within(scope.name(), &policy);
            }
            Err(problems) => errors.extend(told(problems.errors())),
        }
    }
    if errors.is_empty() { Ok((policies, warnings)) } else { Err(errors) }
}

fn address(store: &Store, health: Health) -> String {
    match health {
        Health::Up => store.address.clone(),
        Health::Down => DEAD.to_owned(),
    }
}

async fn seen(response: Response) -> Seen {
    let start = format!("{} {}", response.status.as_u16(), response.reason_phrase());
    let Response { headers, mut body, .. } = response;
    let read = body.buffer(BODY_BYTES_MAX).await;
    let body = match (read, body) {
        (Ok(()), Content::Bytes(bytes)) => bytes,
        (Ok(()), _) => Default::default(),
        (Err(error), _) => format!("a body that cannot be read: {error}").into(),
    };
    Seen { start, headers, body }
}
