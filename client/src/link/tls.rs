//! TLS by rustls: whom to trust, which versions to speak, which name to expect.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};

use crate::external::TlsVersion;

/// Root certificates to trust beside the platform's.
#[derive(Debug, Clone, Default)]
pub(crate) struct TlsSource {
    extra: Vec<CertificateDer<'static>>,
}

/// TLS as one link speaks it.
#[derive(Clone)]
pub(crate) struct TlsSettings {
    pub(crate) config: Arc<ClientConfig>,
    /// The name expected in the certificate; without one, the host that was connected to.
    pub(crate) name: Option<ServerName<'static>>,
}

/// Why TLS cannot be set up.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsError {
    /// The extra root certificates cannot be read.
    RootFile(String),
    /// They hold none, or one that is not a certificate.
    RootCertificate(String),
    /// Neither the platform nor the caller has given a root certificate.
    NoRoots,
    /// `sslHost` is neither a name nor an address.
    ServerName,
    /// rustls refuses the settings.
    Settings(String),
}

impl TlsSource {
    /// Adds the certificates of a PEM text.
    pub(crate) fn add_pem(&mut self, pem: &[u8]) -> Result<(), TlsError> {
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        let certificates = certificates.map_err(|error| TlsError::RootCertificate(error.to_string()))?;
        if certificates.is_empty() {
            return Err(TlsError::RootCertificate("there is none in the PEM text".to_owned()));
        }
        self.extra.extend(certificates);
        Ok(())
    }

    /// Adds the certificates of a PEM file.
    pub(crate) fn add_file(&mut self, path: &Path) -> Result<(), TlsError> {
        let pem = std::fs::read(path)
            .map_err(|error| TlsError::RootFile(format!("{}: {error}", path.display())))?;
        self.add_pem(&pem)
    }

    /// The settings of one link. Reads the platform's certificates from disk.
    pub(crate) fn settings(
        &self,
        versions: Option<&[TlsVersion]>,
        host: Option<&str>,
    ) -> Result<TlsSettings, TlsError> {
        let mut roots = RootCertStore::empty();
        for certificate in &self.extra {
            roots.add(certificate.clone()).map_err(|error| TlsError::RootCertificate(error.to_string()))?;
        }
        // Certificates of the platform that rustls cannot read are no reason not to start.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            return Err(TlsError::NoRoots);
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&protocol_versions(versions))
            .map_err(|error| TlsError::Settings(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = host.map(|host| ServerName::try_from(host.to_owned()).map_err(|_| TlsError::ServerName));
        Ok(TlsSettings { config: Arc::new(config), name: name.transpose()? })
    }
}

fn protocol_versions(wanted: Option<&[TlsVersion]>) -> Vec<&'static rustls::SupportedProtocolVersion> {
    let wants = |version| wanted.is_none_or(|wanted| wanted.contains(&version));
    let mut versions = Vec::new();
    if wants(TlsVersion::V1_3) {
        versions.push(&rustls::version::TLS13);
    }
    if wants(TlsVersion::V1_2) {
        versions.push(&rustls::version::TLS12);
    }
    versions
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RootFile(why) => write!(f, "cannot read the root certificates: {why}"),
            Self::RootCertificate(why) => write!(f, "cannot use the root certificates: {why}"),
            Self::NoRoots => f.write_str("no root certificate: the platform has none and none was handed in"),
            Self::ServerName => f.write_str("`sslHost` is neither a host name nor an address"),
            Self::Settings(why) => write!(f, "TLS settings are refused: {why}"),
        }
    }
}

impl std::error::Error for TlsError {}
