//! What every request needs: the engine, the plan in force, and a few settings.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use hyper::header::HeaderName;
use larder_client::context::{Deployment, Url};
use larder_client::engine::Engine;
use larder_client::http::ReadAhead;
use larder_client::{Clock, Date, Guid, Random, SystemClock, SystemRandom, SystemWallClock, WallClock};

use crate::pace::PaceLimits;
use crate::plan::Plan;
use crate::settings::Settings;
use crate::upstream::{Backend, Pool};

/// The gateway.
pub(crate) struct Gateway {
    pub(super) engine: Engine,
    /// Replaced as a whole by whoever reloads; a request keeps the one it began with.
    plan: ArcSwap<Plan>,
    /// Asked for hosts that policies name; the backends of routes have limits of their own.
    pub(super) elsewhere: Backend,
    pub(super) deployment: Arc<Deployment>,
    pub(super) clock: Arc<SystemClock>,
    random: SystemRandom,
    pub(super) subscription_header: Option<HeaderName>,
    pub(super) subscription_parameter: String,
    pub(super) body_bytes_max: u64,
    /// Of clients that send a body.
    pub(super) pace: PaceLimits,
    /// Bodies of answers.
    pub(super) ahead: ReadAhead,
    pub(super) is_traced: bool,
}

impl Gateway {
    /// A gateway that answers by this plan.
    pub(crate) fn new(
        engine: Engine,
        plan: Plan,
        settings: &Settings,
        pool: &Pool,
        clock: Arc<SystemClock>,
    ) -> Self {
        let deployment = Deployment {
            gateway_id: "larder-gateway".into(),
            region: settings.region.as_str().into(),
            service_id: settings.service.as_str().into(),
            service_name: settings.service.as_str().into(),
        };
        Self {
            engine,
            plan: ArcSwap::from_pointee(plan),
            elsewhere: Backend::new(Url::of(&hyper::Uri::default(), "", "http"), pool),
            deployment: Arc::new(deployment),
            clock,
            random: SystemRandom::new(),
            subscription_header: settings.subscription_header.clone(),
            subscription_parameter: settings.subscription_parameter.clone(),
            body_bytes_max: settings.body_bytes_max,
            pace: PaceLimits::of_clients(settings),
            ahead: pool.ahead().clone(),
            is_traced: settings.trace,
        }
    }

    /// The plan in force.
    pub(crate) fn plan(&self) -> Arc<Plan> {
        self.plan.load_full()
    }

    /// Answers by another plan from now on.
    pub(crate) fn replace_plan(&self, plan: Plan) {
        self.plan.store(Arc::new(plan));
    }

    /// The engine that runs the policies.
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// A random number for a request (a version 4 UUID, in .NET's order of bytes or any other).
    pub(super) fn request_id(&self) -> Guid {
        let number = u128::from(self.random.next()) << 64 | u128::from(self.random.next());
        let mut bytes = number.to_be_bytes();
        bytes[6] = bytes[6] & 0x0F | 0x40;
        bytes[8] = bytes[8] & 0x3F | 0x80;
        Guid(bytes)
    }

    pub(super) fn now(&self) -> Duration {
        self.clock.now()
    }

    pub(super) fn date(&self) -> Date {
        SystemWallClock.date()
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("plan", &self.plan()).finish_non_exhaustive()
    }
}
