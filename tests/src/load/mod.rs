//! The load that `larder-load` puts on a server: what is asked (`mix`), and who asks it (`client`); and that of
//! `larder-http-load` (`http`).

mod client;
mod http;
mod mix;

pub use client::{Total, fill, run};
pub use http::{HttpLoad, HttpTotal, run_http};
pub use mix::{Load, Mix};
