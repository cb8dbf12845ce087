//! What follows from an endpoint lying in one of Azure's Redis services.

use super::Endpoint;

/// Azure Cache for Redis: TLS unless said otherwise when a port is 6380.
const CACHE_DOMAINS: &[&str] =
    &[".redis.cache.windows.net", ".redis.cache.chinacloudapi.cn", ".redis.cache.usgovcloudapi.net"];

/// Azure Managed Redis and Azure Cache for Redis Enterprise: TLS unless said otherwise, RESP3.
const MANAGED_DOMAINS: &[&str] = &[
    ".redis.azure.net",
    ".redis.chinacloudapi.cn",
    ".redis.usgovcloudapi.net",
    ".redis.sovcloud-api.de",
    ".redis.sovcloud-api.fr",
    ".redisenterprise.cache.azure.net",
];

/// The sovereign clouds' Azure Cache for Redis.
const SOVEREIGN_CACHE_DOMAINS: &[&str] = &[".redis.cache.sovcloud-api.de", ".redis.cache.sovcloud-api.fr"];

/// Which of Azure's services an endpoint belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    Cache,
    Managed,
}

pub(super) fn service_of(endpoint: &Endpoint) -> Option<Service> {
    let host = endpoint.host()?.to_ascii_lowercase();
    let within = |domains: &[&str]| domains.iter().any(|domain| host.ends_with(domain));
    if within(CACHE_DOMAINS) || within(SOVEREIGN_CACHE_DOMAINS) {
        Some(Service::Cache)
    } else if within(MANAGED_DOMAINS) {
        Some(Service::Managed)
    } else {
        None
    }
}

/// Whether TLS is on when the string does not say.
pub(super) fn default_tls(endpoints: &[Endpoint]) -> bool {
    let tls_port = |endpoint: &Endpoint| matches!(endpoint, Endpoint::Tcp { port: Some(6380), .. });
    endpoints.iter().any(|endpoint| match service_of(endpoint) {
        Some(Service::Managed) => true,
        Some(Service::Cache) => endpoints.iter().any(tls_port),
        None => false,
    })
}

/// Whether RESP3 is spoken when the string does not say.
pub(super) fn default_resp3(endpoints: &[Endpoint]) -> bool {
    endpoints.iter().any(|endpoint| service_of(endpoint) == Some(Service::Managed))
}
