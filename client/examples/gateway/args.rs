//! The command line.

use std::path::PathBuf;

use clap::Parser;
use hyper::Uri;
use larder_client::CachingType;

/// An HTTP reverse proxy that caches what the backend answers.
#[derive(Debug, Parser)]
#[command(name = "gateway")]
pub(crate) struct Args {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "HOST:PORT")]
    pub(crate) listen: String,

    /// The backend; `GET /42` asks it for URL/42.
    #[arg(long, value_name = "URL", value_parser = backend_url)]
    pub(crate) backend: Uri,

    /// Nodes of the regional larder cluster, joined by commas; any of them will do.
    #[arg(long, default_value = "127.0.0.1:6379", value_name = "HOST:PORT,...")]
    pub(crate) internal: String,

    /// The region of this gateway.
    #[arg(long, default_value = "local", value_name = "NAME")]
    pub(crate) region: String,

    /// An external cache: the region it is used from, or Default, and its connection string.
    /// Repeatable. Example: "Southeast Asia=host:6380,password=...,ssl=True".
    #[arg(long, value_name = "REGION=CONNECTION_STRING", value_parser = external)]
    pub(crate) external: Vec<(String, String)>,

    /// A PEM file with root certificates to trust beside the platform's.
    #[arg(long, value_name = "FILE")]
    pub(crate) external_ca: Option<PathBuf>,

    /// Which cache is used: prefer-external, external or internal.
    #[arg(long, default_value_t, value_name = "TYPE")]
    pub(crate) caching_type: CachingType,

    /// How long a value is kept, in seconds.
    #[arg(long, default_value_t = 3600, value_name = "SECONDS")]
    pub(crate) duration: i64,
}

fn backend_url(text: &str) -> Result<Uri, String> {
    let uri: Uri = text.parse().map_err(|error| format!("{error}"))?;
    match (uri.scheme_str(), uri.authority(), uri.query()) {
        (Some("http"), Some(_), None) => Ok(uri),
        _ => Err("expected http://HOST:PORT or http://HOST:PORT/PATH".to_owned()),
    }
}

/// Splits at the first `=`: a region's name holds none, a connection string does.
fn external(text: &str) -> Result<(String, String), String> {
    let (region, string) = text.split_once('=').ok_or("expected REGION=CONNECTION_STRING")?;
    Ok((region.to_owned(), string.to_owned()))
}
