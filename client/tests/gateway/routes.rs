//! Routes, and who calls: which requests go where, under which names, and with whose key.

use crate::backend::Backend;
use crate::process::Gateway;

/// Says what the gateway knows of a request, without asking a backend.
const NAMES: &str = r#"<policies><inbound><return-response><set-body>@(
    context.Api.Id + "|" + context.Operation.Id + "|" + context.Product?.Id + "|" + context.Subscription?.Name
    + "|" + context.User?.FirstName + "|" + context.Request.MatchedParameters.GetValueOrDefault("id", "-")
)</set-body></return-response></inbound></policies>"#;

const NOTHING: &str = "<policies><inbound><base /></inbound></policies>";

#[tokio::test(flavor = "multi_thread")]
async fn the_first_route_that_takes_a_request_has_it() {
    let backend = Backend::start().await;
    let config = r#"
        backend = "BACKEND"
        policy = "names.xml"
        [[route]]
        path = "/users/{id}"
        methods = ["GET"]
        api = "users"
        operation = "get-user"
        product = "starter"
        [[route]]
        path = "/users/{id}"
        methods = ["PUT", "DELETE"]
        [[route]]
        path = "/files/{*id}"
        api-path = "/files"
    "#;
    let gateway = Gateway::configured(backend.port, config, &[("names.xml", NAMES)]).await;
    for (method, path, wanted) in [
        ("GET", "/users/42", "users|get-user|starter|||42"),
        ("GET", "/users/a%20b", "users|get-user|starter|||a b"),
        ("PUT", "/users/42", "default|PUT,DELETE /users/{id}||||42"),
        ("POST", "/files/a/b.txt", "files|* /files/{*id}||||a/b.txt"),
    ] {
        let answer = gateway.send(method, path, &[], "");
        assert_eq!((answer.status, answer.text().as_str()), (200, wanted), "{method} {path}");
    }
    let other = gateway.send("POST", "/users/42", &[], "");
    assert_eq!((other.status, other.header("allow")), (405, "DELETE, GET, PUT"));
    for path in ["/users", "/users/", "/users/1/2", "/"] {
        assert_eq!(gateway.get(path).status, 404, "{path}");
    }
    assert!(backend.asked().is_empty());
    let report = gateway.report();
    assert!(report.contains("route /users/{id} (GET) -> http://127.0.0.1:"), "{report}");
    assert_eq!(report.lines().filter(|line| line.starts_with("route ")).count(), 3, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_backend_sees_its_own_part_of_the_path() {
    let backend = Backend::start().await;
    let config = r#"
        policy = "nothing.xml"
        [[route]]
        path = "/shop/*"
        api-path = "/shop"
        backend = "BACKEND/v1/"
        [[route]]
        path = "/*"
        backend = "BACKEND"
    "#;
    let gateway = Gateway::configured(backend.port, config, &[("nothing.xml", NOTHING)]).await;
    for (path, wanted) in [
        ("/shop/items/1?x=1", "GET /v1/items/1?x=1 "),
        ("/shop", "GET /v1/ "),
        ("/shop/", "GET /v1/ "),
        ("/shopping", "GET /shopping "),
    ] {
        assert_eq!(gateway.get(path).text(), wanted, "{path}");
    }
}

const CALLERS: &str = r#"
    backend = "BACKEND"
    policy = "names.xml"
    [[subscription]]
    id = "sub-1"
    name = "Ada's"
    key = "first-key"
    second-key = "second-key"
    user = "ada"
    product = "gold"
    [[user]]
    id = "ada"
    first-name = "Ada"
    groups = ["developers"]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_key_says_who_calls() {
    let backend = Backend::start().await;
    let gateway = Gateway::configured(backend.port, CALLERS, &[("names.xml", NAMES)]).await;
    let ada = "default|default|gold|Ada's|Ada|-";
    for (path, headers, wanted) in [
        ("/42", &["Ocp-Apim-Subscription-Key: first-key"][..], ada),
        ("/42", &["ocp-apim-subscription-key: second-key"], ada),
        ("/42?a=1&subscription-key=second-key", &[], ada),
        ("/42", &["Ocp-Apim-Subscription-Key: other"], "default|default||||-"),
        ("/42?subscription-key=", &[], "default|default||||-"),
        ("/42", &[], "default|default||||-"),
    ] {
        let answer = gateway.send("GET", path, headers, "");
        assert_eq!((answer.status, answer.text().as_str()), (200, wanted), "{path} {headers:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_known_key_a_request_may_be_refused() {
    let backend = Backend::start().await;
    let config = format!("subscription-required = true\n{CALLERS}");
    let gateway = Gateway::configured(backend.port, &config, &[("names.xml", NOTHING)]).await;
    let missing = gateway.get("/42");
    assert_eq!((missing.status, missing.text().contains("is missing")), (401, true));
    let unknown = gateway.send("GET", "/42", &["Ocp-Apim-Subscription-Key: other"], "");
    assert_eq!((unknown.status, unknown.text().contains("is not known")), (401, true));
    assert!(backend.asked().is_empty());
    // The key is for this gateway alone.
    let known = gateway.send("GET", "/42?a=1", &["Ocp-Apim-Subscription-Key: first-key"], "");
    assert_eq!((known.status, backend.header("ocp-apim-subscription-key").as_str()), (200, ""));
    assert_eq!(gateway.get("/42?a=1&subscription-key=first-key&b=2").text(), "GET /42?a=1&b=2 ");
    let escaped = gateway.get("/42?a=%31&subscription%2Dkey=first-key&%73ubscription-key=second-key&b+c=2");
    assert_eq!(escaped.text(), "GET /42?a=%31&b+c=2 ");
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_of_all_scopes_run_from_the_outside_in() {
    let backend = Backend::start().await;
    let layer = |name: &str| {
        format!(
            r#"<policies><inbound><base /><set-header name="X-Way" exists-action="append"><value>{name}</value></set-header></inbound></policies>"#
        )
    };
    let config = r#"
        backend = "BACKEND"
        [[route]]
        path = "/*"
        global-policy = "global.xml"
        product-policy = "product.xml"
        api-policy = "api.xml"
        policy = "operation.xml"
    "#;
    let texts = ["global", "product", "api", "operation"].map(|name| (format!("{name}.xml"), layer(name)));
    let files: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let gateway = Gateway::configured(backend.port, config, &files).await;
    let way = r#"<policies><inbound><base /><return-response><set-body>@(context.Request.Headers.GetValueOrDefault("X-Way", ""))</set-body></return-response></inbound></policies>"#;
    gateway.write("operation.xml", way);
    gateway.signal("HUP");
    let wanted = "global,product,api";
    crate::support::eventually("the new policy is in force", async || gateway.get("/").text() == wanted)
        .await;
}

/// Answers with what the URL and the headers say of the host.
const HOSTS: &str = r#"<policies><inbound><return-response><set-body>@(
    context.Request.OriginalUrl.Scheme + " " + context.Request.OriginalUrl.Host + " " + context.Request.OriginalUrl.Port
    + " " + context.Request.OriginalUrl.Path + " " + context.Request.Headers.GetValueOrDefault("Host", "-")
)</set-body></return-response></inbound></policies>"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_request_has_one_host_or_is_refused() {
    let backend = Backend::start().await;
    let gateway = Gateway::start(backend.port, HOSTS, &[]).await;
    let ask = |target: &str, host: &str| {
        let text = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close, host\r\n\r\n");
        crate::client::send(&gateway.address, &text)
    };
    for (target, host, wanted) in [
        ("/1", "api.example", "http api.example 80 /1 api.example"),
        ("/1", "API.Example:80", "http api.example 80 /1 api.example"),
        ("/1", "api.example:81", "http api.example 81 /1 api.example:81"),
        ("http://api.EXAMPLE:80/1", "api.example", "http api.example 80 /1 api.example"),
        ("http://api.example", "api.example", "http api.example 80 / api.example"),
    ] {
        assert_eq!(ask(target, host).text(), wanted, "{target} {host}");
    }
    for (target, host) in [
        ("http://evil.example/1", "api.example"),
        ("http://api.example/1", ""),
        ("http://api.example:81/1", "api.example"),
        ("http://evil@api.example/1", "api.example"),
        ("https://api.example/1", "api.example"),
        ("/1", "evil@api.example"),
        ("/1", "api.example:99999"),
        ("/1", "api.example/x"),
    ] {
        assert_eq!(ask(target, host).status, 400, "{target} {host}");
    }
    let old = crate::client::send(&gateway.address, "GET http://api.example/1 HTTP/1.0\r\n\r\n");
    assert_eq!(old.text(), "http api.example 80 /1 api.example");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_spelling_passes_by_a_stricter_route() {
    let backend = Backend::start().await;
    let config = r#"
        backend = "BACKEND"
        policy = "nothing.xml"
        [[route]]
        path = "/admin/*"
        subscription-required = true
        [[route]]
        path = "/shop/*"
        api-path = "/shop"
        [[route]]
        path = "/*"
        [[subscription]]
        id = "s"
        key = "the-key"
    "#;
    let gateway = Gateway::configured(backend.port, config, &[("nothing.xml", NOTHING)]).await;
    for path in [
        "/%61dmin/x",
        "//admin/x",
        "/admin%2Fx",
        "/admin%2fx",
        "/admin%5Cx",
        "/%5Cadmin/x",
        "/%2Fadmin",
        "/admin//x",
    ] {
        assert_eq!(gateway.get(path).status, 401, "{path}");
    }
    // What is taken away from a path must stand there as it is taken away.
    for path in ["//shop/x", "/shop%2Fx"] {
        assert_eq!(gateway.get(path).status, 400, "{path}");
    }
    assert!(backend.asked().is_empty());
    for (path, wanted) in
        [("/%75sers/a%2Fb//%7e?a=%61", "GET /users/a%2Fb//~?a=%61 "), ("/%73hop/x%20", "GET /x%20 ")]
    {
        assert_eq!(gateway.get(path).text(), wanted, "{path}");
    }
}
