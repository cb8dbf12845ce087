//! What expressions give.

use std::sync::Arc;

use larder_client::dotnet::{Datum, json};

use crate::evaluation::{given, text_of};

#[test]
fn the_usual_shapes_give_texts() {
    for (expression, value) in [
        (r#"@("a")"#, "a"),
        (r#"@("a" + 1 + 2 + 'c')"#, "a12c"),
        (r#"@(1 + 2 + "a")"#, "3a"),
        (r#"@("tok:" + context.Subscription?.Id)"#, "tok:"),
        (r#"@((string)context.Variables["org"] + "-" + context.Variables["count"])"#, "acme-7"),
        (r#"@($"{(string)context.Variables["org"]}-{context.Variables["count"],4:D2}")"#, "acme-  07"),
        (r#"@(((string)context.Variables["org"]).Substring(1, 2).ToUpper())"#, "CM"),
        (r#"@(context.Request.Headers.GetValueOrDefault("X-Key", "none"))"#, "none"),
        (r#"@(Convert.ToInt32("41") + 1)"#, "42"),
        (r#"@(System.Convert.ToString(5))"#, "5"),
        (r#"@((int)context.Variables["count"] / 2)"#, "3"),
        (r#"@(context.Variables["none"] == null ? "absent" : "there")"#, "absent"),
        (r#"@(context.Variables.ContainsKey("org") && !context.Variables.ContainsKey("none"))"#, "True"),
        (r#"@("Ab".StartsWith("aB", StringComparison.OrdinalIgnoreCase))"#, "True"),
    ] {
        assert_eq!(text_of(expression, &mut given()), Ok(value.to_owned()), "{expression}");
    }
}

/// Published shapes, as policies hold them in their cache attributes.
#[test]
fn published_shapes_give_their_values() {
    let mut context = given();
    let token = "e30.eyJzdWIiOiJhZGEifQ.s";
    context.request.headers.insert("x-key", "k-1".parse().unwrap());
    context.request.headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
    let body = bytes::Bytes::from_static(b"{\"id\":\"r-7\"}");
    let kept = larder_client::Response { status: 200, reason: String::new(), headers: Vec::new(), body };
    for (name, value) in [
        ("acct", Datum::text("a1")),
        ("kind", Datum::text("user")),
        ("enduserid", Datum::text("u9")),
        ("ttl", Datum::Int(120)),
        ("t", Datum::Json(json::parse("{\"expires_in\":\"3600\",\"access_token\":\"abc\"}").unwrap())),
        ("r", Datum::Response(Arc::new(kept))),
        ("list", Datum::Json(json::parse("[1,2]").unwrap())),
        ("count", Datum::Long(4)),
        ("down", Datum::Bool(true)),
    ] {
        context.variables.set(name, value);
    }
    for (expression, value) in [
        (r#"@("literal")"#, "literal"),
        (r#"@("ip-" + (string)context.Variables["acct"])"#, "ip-a1"),
        (r#"@($"{(string)context.Variables["org"]}-{context.Variables["kind"]}")"#, "acme-user"),
        (r#"@("userprofile-" + context.Variables["enduserid"])"#, "userprofile-u9"),
        (r#"@(context.Request.Headers.GetValueOrDefault("X-Key",""))"#, "k-1"),
        (r#"@(Convert.ToInt32(((JObject)context.Variables["t"])["expires_in"]) - 60)"#, "3540"),
        (
            r#"@(((IResponse)context.Variables["r"]).Body.As<JObject>(preserveContent: true)["id"].ToString())"#,
            "r-7",
        ),
        (
            r#"@(context.Request.Headers.GetValueOrDefault("Authorization","").AsJwt()?.Claims.GetValueOrDefault("sub","anon"))"#,
            "ada",
        ),
        (r#"@((int)context.Variables["ttl"])"#, "120"),
        (r#"@(!context.Variables.ContainsKey("missing"))"#, "True"),
        (r#"@((string)context.Variables["acct"] == "a1")"#, "True"),
        (r#"@((bool)context.Variables["down"] ? "down" : "up")"#, "down"),
        (r#"@((long)context.Variables["count"] + 1)"#, "5"),
        (r#"@(context.Variables.GetValueOrDefault<string>("missing", "NONE"))"#, "NONE"),
        (r#"@(context.Variables.GetValueOrDefault("missing", ""))"#, ""),
        (r#"@((string)((JObject)context.Variables["t"])["access_token"])"#, "abc"),
        (r#"@(((JArray)context.Variables["list"]).Count)"#, "2"),
        (r#"@(context.Variables["missing"] == null)"#, "True"),
        (r#"@((string)context.Variables["missing"] ?? "default")"#, "default"),
        (r#"@("tok:" + context.Subscription?.Id)"#, "tok:"),
        (
            r#"@{ var o = new JObject(); o["user"] = (string)context.Variables["acct"]; o["n"] = (long)context.Variables["count"]; return o["user"] + ":" + o["n"]; }"#,
            "a1:4",
        ),
        (
            r#"@{
                // how long the token may be kept
                var token = (JObject)context.Variables["t"];
                if (token["expires_in"] == null) { return 60; }
                return Convert.ToInt32((string)token["expires_in"]) / 2;
            }"#,
            "1800",
        ),
    ] {
        assert_eq!(text_of(expression, &mut context), Ok(value.to_owned()), "{expression}");
    }
}
