//! Backends behind TLS: the name that is asked for, whom the gateway trusts, and what is said of one that it does not.

use crate::backend::Backend;
use crate::process::{Gateway, NOTHING};
use crate::support::{Authority, eventually};

/// A gateway in front of `localhost`, with this line of settings.
async fn gateway(backend: &Backend, line: &str, ca: &str) -> Gateway {
    let config =
        format!("policy = \"p.xml\"\nbackend = \"https://localhost:{}/base\"\n{line}\n", backend.port);
    Gateway::configured(backend.port, &config, &[("p.xml", NOTHING), ("ca.pem", ca)]).await
}

const CA: &str = "backend-ca = \"ca.pem\"";

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_is_asked_over_tls() {
    let authority = Authority::new();
    let backend = Backend::with_tls(&authority, "localhost").await;
    let gateway = gateway(&backend, CA, &authority.pem()).await;
    for place in 0..3 {
        let answer = gateway.send("POST", &format!("/{place}?a=b"), &[], "body");
        assert_eq!((answer.status, answer.text()), (200, format!("POST /base/{place}?a=b body")));
    }
    assert_eq!(backend.server_name().as_deref(), Some("localhost"));
    assert_eq!(backend.header("host"), format!("localhost:{}", backend.port));
    assert_eq!(backend.header("x-forwarded-proto"), "http", "as the client asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_not_trusted_is_a_502_and_the_log_says_why() {
    let authority = Authority::new();
    for (name, line, why) in [("localhost", "", "UnknownIssuer"), ("other.example", CA, "not valid for name")]
    {
        let backend = Backend::with_tls(&authority, name).await;
        let gateway = gateway(&backend, line, &authority.pem()).await;
        let answer = gateway.get("/secret-path");
        assert_eq!(answer.status, 502, "{}", answer.text());
        assert!(!answer.text().contains("certificate"), "no internals: {}", answer.text());
        eventually("the log says why", async || gateway.log().contains(why)).await;
        let log = gateway.log();
        assert!(
            log.contains(&format!("localhost:{}", backend.port)) && !log.contains("secret-path"),
            "{log}"
        );
        assert!(backend.asked().is_empty(), "nothing was sent");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_speaks_no_tls_is_a_502() {
    let backend = Backend::start().await;
    let gateway = gateway(&backend, CA, &Authority::new().pem()).await;
    assert_eq!(gateway.get("/1").status, 502);
}
