//! The context itself.

use std::sync::Arc;
use std::time::Duration;

use larder_proto::envelope::{Date, Guid};

use super::{
    Api, Deployment, LastError, Operation, Product, Request, Response, Subscription, User, Variables,
};

/// What is known of a request while its policies run.
#[derive(Debug)]
pub struct Context {
    /// The request as it stands: policies may have changed it.
    pub request: Request,
    /// The response, once there is one.
    pub response: Option<Response>,
    /// What policies have set.
    pub variables: Variables,
    /// What went wrong, in `on-error`.
    pub last_error: Option<LastError>,
    /// A number for this request, for logs.
    pub request_id: Guid,
    /// When the request came, in UTC.
    pub timestamp: Date,
    /// When the request came, on the engine's monotonic clock: `Elapsed` counts from here.
    pub started: Duration,
    /// Whether somebody traces this request.
    pub is_traced: bool,
    /// The API that was called.
    pub api: Arc<Api>,
    /// The operation that was called.
    pub operation: Arc<Operation>,
    /// The product that it was called through.
    pub product: Option<Arc<Product>>,
    /// The subscription whose key the request bore.
    pub subscription: Option<Arc<Subscription>>,
    /// The account that owns the subscription.
    pub user: Option<Arc<User>>,
    /// The gateway itself.
    pub deployment: Arc<Deployment>,
}

impl Context {
    /// A context for this request with nothing else known: no response, variables, user or product,
    /// an unnamed API, operation and gateway, the id of zeros, the beginning of time.
    #[must_use]
    pub fn new(request: Request) -> Self {
        Self {
            request,
            response: None,
            variables: Variables::default(),
            last_error: None,
            request_id: Guid([0; 16]),
            timestamp: Date::START_UTC,
            started: Duration::ZERO,
            is_traced: false,
            api: Arc::default(),
            operation: Arc::default(),
            product: None,
            subscription: None,
            user: None,
            deployment: Arc::default(),
        }
    }
}
