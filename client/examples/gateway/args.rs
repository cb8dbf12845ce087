//! The command line, and the environment for what should not stand in it.
//!
//! What may hold a password is taken apart here and not by clap, which would print it when it is wrong.

use std::env::VarError;
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
    #[arg(long, value_name = "URL")]
    pub(crate) backend: String,

    /// How long the backend may be silent, before it answers or within a body, in seconds.
    #[arg(long, default_value_t = 30, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub(crate) backend_timeout: u32,

    /// Nodes of the regional larder cluster, joined by commas; any of them will do.
    #[arg(
        long,
        env = "GATEWAY_INTERNAL",
        hide_env_values = true,
        default_value = "127.0.0.1:6379",
        value_name = "HOST:PORT,..."
    )]
    pub(crate) internal: String,

    /// The region of this gateway.
    #[arg(long, default_value = "local", value_name = "NAME")]
    pub(crate) region: String,

    /// An external cache: the region it is used from, or Default, and its connection string.
    /// Repeatable. Example: "Southeast Asia=host:6380,password=...,ssl=True". Without the flag, from
    /// the environment: GATEWAY_EXTERNAL, with entries separated by a newline or `;`.
    #[arg(long, value_name = "REGION=CONNECTION_STRING")]
    pub(crate) external: Vec<String>,

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

impl Args {
    /// The URL of the backend; the error does not repeat it.
    pub(crate) fn backend_url(&self) -> Result<Uri, String> {
        let uri: Uri = self.backend.parse().map_err(|error| format!("--backend: {error}"))?;
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err("--backend: a user name or password in the URL is not supported".to_owned());
        }
        match (uri.scheme_str(), uri.authority(), uri.query()) {
            (Some("http"), Some(_), None) => Ok(uri),
            _ => Err("--backend: expected http://HOST:PORT or http://HOST:PORT/PATH".to_owned()),
        }
    }

    /// Pairs of a region and a connection string; the error does not repeat them.
    pub(crate) fn externals(&self) -> Result<Vec<(String, String)>, String> {
        if !self.external.is_empty() {
            return self.external.iter().map(|entry| external("--external", entry)).collect();
        }
        match std::env::var(EXTERNAL) {
            Ok(text) => {
                let entries = text.split(['\n', ';']).map(str::trim).filter(|entry| !entry.is_empty());
                entries.map(|entry| external(EXTERNAL, entry)).collect()
            }
            Err(VarError::NotPresent) => Ok(Vec::new()),
            Err(VarError::NotUnicode(_)) => Err(format!("{EXTERNAL}: expected UTF-8")),
        }
    }
}

/// Splits at the first `=`: a region's name holds none, a connection string does.
fn external(source: &str, text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('=').ok_or_else(|| format!("{source}: expected REGION=CONNECTION_STRING"))?;
    Ok((parts.0.to_owned(), parts.1.to_owned()))
}

const EXTERNAL: &str = "GATEWAY_EXTERNAL";
