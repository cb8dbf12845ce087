//! Floor 3: the admin port. Health for orchestrators, metrics for Prometheus.

mod limited;
mod metrics;
mod routes;

pub use routes::serve;
