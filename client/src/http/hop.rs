//! The header fields that belong to one connection, known by name. Those that `Connection` lists besides are found by
//! whoever reads a message.

use http::{HeaderName, header};

/// Fields that belong to one connection (RFC 9110, section 7.6.1): no proxy passes them on, and no entry keeps them.
pub const HOP_BY_HOP: [HeaderName; 10] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-authentication-info"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];
