//! Every member of `context` and its parts.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use larder_client::context::{
    Api, Content, Context, Deployment, Group, LastError, Operation, Product, Request, Response, Subscription,
    Url, User,
};
use larder_client::dotnet::Datum;
use larder_client::{Date, DateKind, Guid};

use crate::evaluation::{given, text_of, value_of};

/// A context with everything in it.
fn full() -> Context {
    let mut context = with_messages();
    let date = Date::new(638_000_000_000_000_000, DateKind::Utc).expect("a date");
    let text = |text: &str| -> Arc<str> { text.into() };
    let group = |name: &str| Group { id: text("g"), name: text(name) };
    let api = Api {
        id: text("api"),
        name: text("Orders"),
        path: text("orders"),
        revision: text("2"),
        version: text("v1"),
        is_current_revision: true,
        service_url: Url::parse("https://back.example:8443/x"),
    };
    context.api = Arc::new(api.clone());
    context.operation = Arc::new(Operation {
        id: text("get"),
        name: text("Get"),
        method: text("GET"),
        url_template: text("/orders/{id}"),
    });
    context.product = Some(Arc::new(Product {
        id: text("gold"),
        name: text("Gold"),
        state: text("Published"),
        approval_required: true,
        subscription_required: true,
        subscription_limit: Some(3),
        apis: vec![Arc::new(api)],
        groups: vec![group("Developers")],
    }));
    context.subscription = Some(Arc::new(Subscription {
        id: text("sub"),
        name: text("Sub"),
        key: text("k"),
        primary_key: text("k1"),
        secondary_key: text("k2"),
        created_date: Some(date),
        start_date: Some(date),
        end_date: None,
    }));
    context.user = Some(Arc::new(User {
        id: text("u"),
        email: text("ada@example.org"),
        first_name: text("Ada"),
        last_name: text("L"),
        note: text("n"),
        groups: vec![group("Admins"), group("Developers")],
        registration_date: Some(date),
    }));
    context
}

/// A request and a response with everything in them.
fn with_messages() -> Context {
    let mut context = given();
    let text = |text: &str| -> Arc<str> { text.into() };
    context.deployment = Arc::new(Deployment {
        gateway_id: text("managed"),
        region: text("West Europe"),
        service_id: text("svc"),
        service_name: text("contoso"),
    });
    context.last_error = Some(LastError {
        source: text("set-variable"),
        reason: text("ExpressionValueEvaluationFailure"),
        message: text("m"),
        scope: text("api"),
        section: text("inbound"),
        path: text("p"),
        policy_id: text("x"),
    });
    context.request_id = Guid([1; 16]);
    context.timestamp = Date::new(638_000_000_000_000_000, DateKind::Utc).expect("a date");
    context.started = Duration::from_secs(98);
    context.request.ip_address = Some(IpAddr::from([10, 0, 0, 1]));
    context.request.headers.append("x-a", "1".parse().expect("a header"));
    context.request.headers.append("x-a", "2".parse().expect("a header"));
    context.request.matched_parameters.insert("id".into(), "7".into());
    context.request.body = Content::Bytes(Bytes::from_static(b"{\"a\":[1,2]}"));
    let mut response = Response::new(http::StatusCode::NOT_FOUND);
    response.headers.append("etag", "\"e\"".parse().expect("a header"));
    response.body = Content::Bytes(Bytes::from_static(b"[true]"));
    context.response = Some(response);
    context
}

/// Evaluates the members that a name is part of.
fn check(name: &str) {
    let members = MEMBERS.iter().filter(|(expression, _)| expression.contains(name));
    let mut count = 0;
    for (expression, value) in members {
        let text =
            if expression.starts_with('@') { (*expression).to_owned() } else { format!("@({expression})") };
        assert_eq!(text_of(&text, &mut full()), Ok((*value).to_owned()), "{expression}");
        count += 1;
    }
    assert!(count >= 2, "{name} has {count} examples");
}

#[test]
fn table_7_2_context() {
    check("context.");
}

#[test]
fn table_7_2_api() {
    check("context.Api.");
}

#[test]
fn table_7_2_deployment() {
    check("context.Deployment.");
}

#[test]
fn table_7_2_last_error() {
    check("context.LastError.");
}

#[test]
fn table_7_2_operation() {
    check("context.Operation.");
}

#[test]
fn table_7_2_product() {
    check("context.Product.");
}

#[test]
fn table_7_2_request() {
    check("context.Request.");
}

#[test]
fn table_7_2_subscription() {
    check("context.Subscription.");
}

#[test]
fn table_7_2_user() {
    check("context.User.");
}

#[test]
fn table_7_2_url() {
    check("Url.");
}

#[test]
fn table_7_2_headers_and_query() {
    check(".Headers");
    check(".Query");
}

#[test]
fn table_7_2_variables() {
    check("context.Variables");
}

#[test]
fn table_9_9_a_variable_of_another_type_throws_and_a_missing_one_is_the_default() {
    let error = value_of("@(context.Variables.GetValueOrDefault<string>(\"count\", \"x\"))", &mut given())
        .unwrap_err();
    assert_eq!(error, "line 1, column 20: InvalidCastException: a value of type int is no string");
    assert_eq!(text_of("@(context.Variables[\"missing\"])", &mut given()), Ok(String::new()));
}

#[test]
fn table_7_2_body_is_used_up_unless_it_is_preserved() {
    let mut context = full();
    assert!(value_of("@(context.Request.Body.As<JObject>())", &mut context).is_ok());
    assert!(matches!(context.request.body, Content::Consumed));
    let again = value_of("@(context.Request.Body.As<string>())", &mut context).unwrap_err();
    assert!(again.contains("preserveContent"), "{again}");
    assert_eq!(text_of("@(context.Request.Body == null)", &mut given()), Ok("True".to_owned()));
}

#[test]
fn table_7_2_body_as_a_form_has_all_values_of_a_name() {
    let mut context = full();
    context.request.body = Content::Bytes(Bytes::from_static(b"a=1&b=x%20y&a=2"));
    let expression = "@{ var form = context.Request.Body.AsFormUrlEncodedContent(); return form[\"a\"][1] + form[\"b\"][0]; }";
    assert_eq!(text_of(expression, &mut context), Ok("2x y".to_owned()));
}

#[test]
fn table_7_2_response_is_kept_whole() {
    let mut context = full();
    let Datum::Response(kept) = value_of("@(context.Response)", &mut context).unwrap() else {
        panic!("no response");
    };
    assert_eq!((kept.status, kept.body.as_ref(), kept.headers[0].0.as_str()), (404, &b"[true]"[..], "etag"));
    context.variables.set("r", Datum::Response(kept));
    for (expression, value) in [
        ("@(((IResponse)context.Variables[\"r\"]).StatusCode)", "404"),
        ("@(((IResponse)context.Variables[\"r\"]).Headers.GetValueOrDefault(\"ETAG\", \"\"))", "\"e\""),
        ("@((bool)((IResponse)context.Variables[\"r\"]).Body.As<JArray>()[0])", "True"),
    ] {
        assert_eq!(text_of(expression, &mut context), Ok(value.to_owned()), "{expression}");
    }
}

#[test]
fn table_7_2_context_has_null_for_what_is_absent() {
    let mut context = Context::new(Request::new(http::Method::GET, Url::parse("http://h/").unwrap()));
    for name in ["Subscription", "User", "Product", "Response", "LastError"] {
        assert_eq!(
            text_of(&format!("@(context.{name} == null)"), &mut context),
            Ok("True".to_owned()),
            "{name}"
        );
    }
}

#[test]
fn table_7_2_string_helpers_read_credentials() {
    // {"alg":"none","typ":"JWT"} . {"sub":"ada","iss":"i","aud":["a","b"],"exp":1700000000,"roles":["r1","r2"],"n":5}
    let token = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJzdWIiOiJhZGEiLCJpc3MiOiJpIiwiYXVkIjpbImEiLCJiIl0sImV4cCI6MTcwMDAwMDAwMCwicm9sZXMiOlsicjEiLCJyMiJdLCJuIjo1fQ.sig";
    let mut context = given();
    context.request.headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
    context.variables.set("t", Datum::text(token));
    context.variables.set("b", Datum::text("Basic YWRhOnNlY3JldA=="));
    for (expression, value) in [
        (
            "context.Request.Headers.GetValueOrDefault(\"Authorization\",\"\").AsJwt()?.Claims.GetValueOrDefault(\"sub\",\"anon\")",
            "ada",
        ),
        (
            "context.Request.Headers.GetValueOrDefault(\"None\",\"\").AsJwt()?.Claims.GetValueOrDefault(\"sub\",\"anon\")",
            "",
        ),
        ("((string)context.Variables[\"t\"]).AsJwt().Subject", "ada"),
        ("((string)context.Variables[\"t\"]).AsJwt().Issuer", "i"),
        ("((string)context.Variables[\"t\"]).AsJwt().Algorithm", "none"),
        ("((string)context.Variables[\"t\"]).AsJwt().Type", "JWT"),
        ("((string)context.Variables[\"t\"]).AsJwt().ExpirationTime", "11/14/2023 22:13:20"),
        ("((string)context.Variables[\"t\"]).AsJwt().NotBefore == null", "True"),
        ("((string)context.Variables[\"t\"]).AsJwt().Claims[\"roles\"][1]", "r2"),
        ("((string)context.Variables[\"t\"]).AsJwt().Claims.GetValueOrDefault(\"n\", \"\")", "5"),
        (
            "@{ foreach (var a in ((string)context.Variables[\"t\"]).AsJwt().Audiences) return a; return \"\"; }",
            "a",
        ),
        (
            "@{ Jwt jwt; return ((string)context.Variables[\"t\"]).TryParseJwt(out jwt) ? jwt.Subject : \"none\"; }",
            "ada",
        ),
        ("@{ return \"x.y.z\".TryParseJwt(out var jwt); }", "False"),
        ("((string)context.Variables[\"b\"]).AsBasic().UserId", "ada"),
        ("((string)context.Variables[\"b\"]).AsBasic().Password", "secret"),
        ("@{ return \"??\".TryParseBasic(out BasicAuthCredentials c) || c != null; }", "False"),
    ] {
        let text =
            if expression.starts_with('@') { expression.to_owned() } else { format!("@({expression})") };
        assert_eq!(text_of(&text, &mut context), Ok(value.to_owned()), "{expression}");
    }
}

const MEMBERS: &[(&str, &str)] = &[
    ("context.Api.Id", "api"),
    ("context.Api.Name", "Orders"),
    ("context.Api.Path", "orders"),
    ("context.Api.Revision", "2"),
    ("context.Api.Version", "v1"),
    ("context.Api.IsCurrentRevision", "True"),
    ("context.Api.ServiceUrl.Host + context.Api.ServiceUrl.Port", "back.example8443"),
    ("context.Deployment.GatewayId", "managed"),
    ("context.Deployment.Region", "West Europe"),
    ("context.Deployment.ServiceId", "svc"),
    ("context.Deployment.ServiceName", "contoso"),
    ("context.Elapsed", "00:00:02"),
    ("context.LastError.Source", "set-variable"),
    ("context.LastError.Reason", "ExpressionValueEvaluationFailure"),
    ("context.LastError.Message", "m"),
    ("context.LastError.Scope", "api"),
    ("context.LastError.Section", "inbound"),
    ("context.LastError.Path", "p"),
    ("context.LastError.PolicyId", "x"),
    ("context.Operation.Id", "get"),
    ("context.Operation.Method", "GET"),
    ("context.Operation.Name", "Get"),
    ("context.Operation.UrlTemplate", "/orders/{id}"),
    ("context.Product.Id", "gold"),
    ("context.Product.Name", "Gold"),
    ("context.Product.State", "Published"),
    ("context.Product.ApprovalRequired", "True"),
    ("context.Product.SubscriptionRequired", "True"),
    ("context.Product.SubscriptionLimit", "3"),
    ("context.Product?.SubscriptionLimit ?? 0", "3"),
    ("@{ foreach (var api in context.Product.Apis) return api.Name; return \"\"; }", "Orders"),
    ("@{ foreach (var group in context.Product.Groups) return group.Id; return \"\"; }", "g"),
    ("context.RequestId", "01010101-0101-0101-0101-010101010101"),
    ("context.Timestamp", "09/28/2022 22:13:20"),
    ("context.Tracing", "False"),
    ("context.Subscription.Id", "sub"),
    ("context.Subscription.Name", "Sub"),
    ("context.Subscription.Key", "k"),
    ("context.Subscription.PrimaryKey", "k1"),
    ("context.Subscription.SecondaryKey", "k2"),
    ("context.Subscription.CreatedDate", "09/28/2022 22:13:20"),
    ("context.Subscription.StartDate", "09/28/2022 22:13:20"),
    ("context.Subscription.EndDate == null", "True"),
    ("context.User.Id", "u"),
    ("context.User.Email", "ada@example.org"),
    ("context.User.FirstName", "Ada"),
    ("context.User.LastName", "L"),
    ("context.User.Note", "n"),
    ("context.User.RegistrationDate", "09/28/2022 22:13:20"),
    (
        "@{ var r = \"\"; foreach (var group in context.User.Groups) r += group.Name; return r; }",
        "AdminsDevelopers",
    ),
    ("context.Request.Method", "GET"),
    ("context.Request.IpAddress", "10.0.0.1"),
    ("context.Request.MatchedParameters[\"id\"]", "7"),
    ("context.Request.MatchedParameters.GetValueOrDefault(\"no\", \"none\")", "none"),
    ("context.Request.MatchedParameters.ContainsKey(\"id\")", "True"),
    ("context.Request.Headers.GetValueOrDefault(\"X-A\", \"\")", "1,2"),
    ("context.Request.Headers.GetValueOrDefault(headerName: \"X-B\", defaultValue: \"none\")", "none"),
    ("context.Request.Headers[\"X-A\"][1]", "2"),
    ("context.Request.Headers.ContainsKey(\"x-a\")", "True"),
    ("context.Request.Headers.Count", "1"),
    (
        "@{ var r = \"\"; foreach (var h in context.Request.Headers) r += h.Key + h.Value.Length; return r; }",
        "x-a2",
    ),
    ("context.Request.Url.Host", "api.example"),
    ("context.Request.Url.Path", "/orders/7"),
    ("context.Request.Url.Port", "443"),
    ("context.Request.Url.Scheme", "https"),
    ("context.Request.Url.QueryString", "?page=2&tag=a&tag=b"),
    ("context.Request.Url.Query.GetValueOrDefault(\"tag\", \"\")", "a,b"),
    ("context.Request.Url.Query.GetValueOrDefault(queryParameterName: \"no\", defaultValue: \"d\")", "d"),
    ("context.Request.Url.Query[\"page\"][0]", "2"),
    ("context.Request.OriginalUrl.Query.ContainsKey(\"page\")", "True"),
    ("context.Request.OriginalUrl.ToString()", "https://api.example/orders/7?page=2&tag=a&tag=b"),
    ("context.Request.Body.As<string>()", "{\"a\":[1,2]}"),
    ("(int)context.Request.Body.As<JObject>()[\"a\"][1]", "2"),
    ("context.Request.Body.As<byte[]>(preserveContent: true).Length", "11"),
    (
        "context.Request.Body.As<string>(true) + context.Request.Body.As<string>()",
        "{\"a\":[1,2]}{\"a\":[1,2]}",
    ),
    ("context.Response.Body.As<JArray>(preserveContent: true).Count", "1"),
    ("context.Response.Headers.GetValueOrDefault(\"ETag\", \"\")", "\"e\""),
    ("context.Response.StatusCode", "404"),
    ("context.Response.StatusReason", "Not Found"),
    ("context.Variables[\"org\"]", "acme"),
    ("context.Variables.ContainsKey(\"none\")", "False"),
    ("context.Variables.GetValueOrDefault<string>(\"org\", \"x\")", "acme"),
    ("context.Variables.GetValueOrDefault<int>(\"none\", 5)", "5"),
    ("context.Variables.GetValueOrDefault<int>(\"none\")", "0"),
    ("context.Variables.GetValueOrDefault(\"none\", \"y\")", "y"),
    ("context.Variables.GetValueOrDefault<string>(variableName: \"org\", defaultValue: null)", "acme"),
    ("context.Variables.GetValueOrDefault(\"org\")", "acme"),
    ("@{ context.Trace(\"message\"); return 1; }", "1"),
];
