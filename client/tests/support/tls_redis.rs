//! A Redis that speaks TLS, with a certificate of a CA that the test makes.

use std::time::Duration;

use larder_client::Cache;
use rcgen::{BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use super::{RedisServer, TempDir, free_port};

/// Who signs certificates, and a folder for them.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    dir: TempDir,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Self { issuer, dir: TempDir::new() }
    }

    /// Its own certificate.
    pub(crate) fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate for a name, and its key.
    pub(crate) fn certificate(&self, name: &str) -> (Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let mut certificate = CertificateParams::new(vec![name.to_owned()]).unwrap();
        // With the name of its issuer it would count as signed by itself.
        certificate.distinguished_name.push(DnType::CommonName, name);
        (certificate.signed_by(&key, &self.issuer).unwrap(), key)
    }

    /// The arguments of a Redis that speaks TLS on this port, under a name.
    pub(crate) fn arguments(&self, name: &str, port: u16) -> Vec<String> {
        let (certificate, key) = self.certificate(name);
        let write = |file: String, text: String| {
            let path = self.dir.path().join(file);
            std::fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let certificate = write(format!("{port}-cert.pem"), certificate.pem());
        let key = write(format!("{port}-key.pem"), key.serialize_pem());
        let authority = write("ca.pem".to_owned(), self.pem());
        let (port, no) = (port.to_string(), "no".to_owned());
        [
            ("--tls-port", port),
            ("--tls-cert-file", certificate),
            ("--tls-key-file", key),
            ("--tls-ca-cert-file", authority),
            ("--tls-auth-clients", no),
        ]
        .into_iter()
        .flat_map(|(name, value)| [name.to_owned(), value])
        .collect()
    }
}

/// A Redis that speaks TLS on one port, and without on another for the test to look inside.
pub(crate) struct TlsRedis {
    pub(crate) redis: RedisServer,
    pub(crate) port: u16,
    pub(crate) ca: String,
    _authority: Authority,
}

impl TlsRedis {
    pub(crate) async fn start(name: &str, more: &[&str]) -> Self {
        let authority = Authority::new();
        let port = free_port();
        let arguments = authority.arguments(name, port);
        let tls: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let redis = RedisServer::start_with(&[&tls[..], more].concat()).await;
        Self { redis, port, ca: authority.pem(), _authority: authority }
    }

    pub(crate) fn cache(&self, host: &str, options: &str) -> Cache {
        let string = format!("{host}:{},{options}", self.port);
        let builder =
            Cache::builder("local").external("Default", string).root_certificates_pem(self.ca.as_str());
        builder.time_budget(Duration::from_secs(10)).build().unwrap()
    }
}
