//! The load that `larder-load` puts on a server: what is asked (`mix`), and who asks it (`client`).

mod client;
mod mix;

pub use client::{Total, fill, run};
pub use mix::{Load, Mix};
