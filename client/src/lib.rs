//! The client library for gateways.
