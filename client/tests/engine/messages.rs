//! `set-header`, `set-status`, `set-body`: what they change, in which section.

use crate::gateway::{Backend, Gateway, get, response};

async fn gateway() -> Gateway {
    Gateway::before(Backend::new(|_| {
        let mut response = response(200, "from the backend");
        response.headers.append("x-a", "1".parse().unwrap());
        response.headers.append("x-a", "2".parse().unwrap());
        response.headers.insert("content-length", "16".parse().unwrap());
        response.headers.insert("content-encoding", "br".parse().unwrap());
        Ok(response)
    }))
    .await
}

fn outbound(statements: &str) -> String {
    format!("<policies><outbound>{statements}</outbound></policies>")
}

#[tokio::test]
async fn exists_action_decides_about_a_header_that_is_there() {
    let gateway = gateway().await;
    for (action, there, absent) in [
        ("", Some("3,4"), Some("3,4")),
        ("exists-action=\"override\"", Some("3,4"), Some("3,4")),
        ("exists-action=\"skip\"", Some("1,2"), Some("3,4")),
        ("exists-action=\"append\"", Some("1,2,3,4"), Some("3,4")),
        ("exists-action=\"delete\"", None, None),
        ("exists-action=\"@(\"app\" + \"end\")\"", Some("1,2,3,4"), Some("3,4")),
    ] {
        for (name, expected) in [("X-A", there), ("X-B", absent)] {
            let text = format!(
                "<set-header name=\"{name}\" {action}><value>3</value><value>@(\"\" + 4)</value></set-header>"
            );
            let ran = gateway.get(&outbound(&text)).await;
            assert_eq!(ran.header(name).as_deref(), expected, "{action} {name}");
        }
    }
}

#[tokio::test]
async fn headers_and_bodies_are_those_of_the_request_before_the_response_is_there() {
    let gateway = gateway().await;
    let set = "<set-header name=\"X-B\"><value>set</value></set-header><set-body>new</set-body>";
    for section in ["inbound", "backend"] {
        let forward = if section == "backend" { "<forward-request />" } else { "" };
        let text = format!("<policies><{section}>{set}{forward}</{section}></policies>");
        let mut context = get("/");
        context.request.headers.insert("content-length", "99".parse().unwrap());
        let mut ran = gateway.run(&text, context).await;
        assert_eq!(gateway.backend.header("x-b").as_deref(), Some("set"), "{section}");
        assert_eq!(gateway.backend.body.lock().unwrap().as_deref(), Some(b"new".as_slice()), "{section}");
        assert_eq!(gateway.backend.header("content-length"), None, "it would be another body's");
        assert_eq!((ran.header("x-b"), ran.body().await.as_str()), (None, "from the backend"));
    }
}

#[tokio::test]
async fn headers_and_bodies_are_those_of_the_response_afterwards() {
    let gateway = gateway().await;
    let set =
        "<set-header name=\"X-B\"><value>set</value></set-header><set-body>@(\"n\" + \"ew\")</set-body>";
    let mut ran = gateway.get(&outbound(set)).await;
    assert_eq!((ran.header("X-B").as_deref(), gateway.backend.header("X-B")), (Some("set"), None));
    assert_eq!((ran.header("content-length"), ran.header("content-encoding")), (None, None));
    assert_eq!(ran.body().await, "new");
}

#[tokio::test]
async fn the_status_is_that_of_the_response() {
    let gateway = gateway().await;
    let ran = gateway.get(&outbound("<set-status code=\"@(200 + 6)\" reason=\"Part\" />")).await;
    assert_eq!((ran.status(), ran.answer.response.reason_phrase()), (206, "Part"));
    // Without a reason it is the usual one.
    let ran = gateway.get(&outbound("<set-status code=\"404\" />")).await;
    assert_eq!(ran.answer.response.reason_phrase(), "Not Found");
    let ran = gateway.get(&outbound("<set-status code=\"@(99)\" />")).await;
    assert_eq!(ran.error().as_deref(), Some("ExpressionValueEvaluationFailure outbound set-status[1]"));
    let ran = gateway.inbound("<set-status code=\"404\" />").await;
    assert_eq!(
        (ran.status(), ran.events()[0].as_str()),
        (200, "set-status: no effect: there is no response yet")
    );
}

#[tokio::test]
async fn a_value_that_no_header_can_have_is_an_error() {
    let gateway = gateway().await;
    for (text, is_error) in [
        ("<set-header name=\"X\"><value>@(\"a\\r\\nSet-Cookie: b\")</value></set-header>", true),
        ("<set-header name=\"@(\"X Y\")\"><value>a</value></set-header>", true),
        ("<set-header name=\"X\"><value>@((string)null)</value></set-header>", false),
    ] {
        let ran = gateway.get(&outbound(text)).await;
        let error = is_error.then_some("InvalidHeader outbound set-header[1]");
        assert_eq!((ran.error().as_deref(), ran.header("x")), (error, None), "{text}");
    }
}

#[tokio::test]
async fn a_body_is_text_bytes_or_nothing() {
    let gateway = gateway().await;
    for (body, expected) in [
        ("plain", "plain"),
        ("<a>\n  <b/></a>", "<a>\n  <b/></a>"),
        ("@(1 + 2)", "3"),
        ("@((string)null)", ""),
        ("", ""),
    ] {
        let mut ran = gateway.get(&outbound(&format!("<set-body>{body}</set-body>"))).await;
        assert_eq!((ran.error(), ran.body().await.as_str()), (None, expected), "{body}");
    }
}
