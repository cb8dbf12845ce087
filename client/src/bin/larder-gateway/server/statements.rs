//! Statements of the gateway itself: where a request goes. Those of caching and of the pipeline are the engine's.

use std::sync::Arc;

use hyper::Method;
use larder_client::context::{Api, Context, Request, Url};
use larder_client::engine::{Call, Decision, Handled, Handler, StatementError};
use larder_client::policy::Element;

/// One statement.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// What it does, for an explanation.
    pub(crate) summary: &'static str,
    run: for<'a> fn(Call<'a>) -> Handled<'a>,
}

/// All statements of the gateway. To add one, add a row and its function.
pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "rewrite-uri",
        summary: "the backend is asked for another path; {names} are those of the route's path, or of the query",
        run: |call| Box::pin(rewrite_uri(call)),
    },
    Row {
        name: "set-backend-service",
        summary: "another backend is asked",
        run: |call| Box::pin(set_backend_service(call)),
    },
    Row {
        name: "set-method",
        summary: "the backend is asked with another method",
        run: |call| Box::pin(set_method(call)),
    },
    Row {
        name: "set-query-parameter",
        summary: "a parameter of the query is changed",
        run: |call| Box::pin(set_query_parameter(call)),
    },
];

/// Runs the gateway's own statements.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Statements;

impl Statements {
    /// The statement of this name.
    pub(crate) fn find(name: &str) -> Option<&'static Row> {
        ROWS.iter().find(|row| row.name == name)
    }
}

impl Handler for Statements {
    fn knows(&self, name: &str) -> bool {
        Self::find(name).is_some()
    }

    fn run<'a>(&'a self, call: Call<'a>) -> Handled<'a> {
        match Self::find(&call.element().name) {
            Some(row) => (row.run)(call),
            None => Box::pin(async {
                Err(StatementError::new("UnknownStatement", "Nobody runs this statement."))
            }),
        }
    }
}

async fn rewrite_uri(mut call: Call<'_>) -> Result<Decision, StatementError> {
    let template = call.text("template").await?.ok_or_else(|| missing("template"))?;
    let copies =
        call.text("copy-unmatched-params").await?.is_none_or(|flag| !flag.eq_ignore_ascii_case("false"));
    let context = call.context();
    let base = base_path(context).to_owned();
    let request = &mut context.request;
    let (path, mut query, used) = fill(&template, request);
    if !path.starts_with('/') {
        return Err(StatementError::new("InvalidUrl", "The template does not begin with '/'."));
    }
    if copies {
        let kept = request.url.pairs().filter(|(_, name)| !used.contains(name)).map(|(pair, _)| pair);
        query = query.split('&').filter(|pair| !pair.is_empty()).chain(kept).collect::<Vec<_>>().join("&");
    }
    request.url.path = format!("{base}{path}").into();
    request.url.query = query.into();
    Ok(Decision::Continue)
}

async fn set_backend_service(mut call: Call<'_>) -> Result<Decision, StatementError> {
    let text = call.text("base-url").await?.ok_or_else(|| missing("base-url"))?;
    let url = Url::parse(&text).ok_or_else(|| StatementError::new("InvalidUrl", "base-url is no URL."))?;
    let context = call.context();
    let base = base_path(context);
    let path = context.request.url.path.strip_prefix(base).unwrap_or(&context.request.url.path);
    let path = format!("{}{path}", url.path.trim_end_matches('/'));
    let query = context.request.url.query.clone();
    context.request.url = Url { path: path.into(), query, ..url.clone() };
    context.api = Arc::new(Api { service_url: Some(url), ..Api::clone(&context.api) });
    Ok(Decision::Continue)
}

async fn set_method(mut call: Call<'_>) -> Result<Decision, StatementError> {
    let text = texts(&mut call, None).await?.into_iter().next().unwrap_or_default();
    let method = text
        .trim()
        .parse::<Method>()
        .ok()
        .filter(|method| !matches!(*method, Method::CONNECT | Method::TRACE));
    call.context().request.method =
        method.ok_or_else(|| StatementError::new("InvalidMethod", "This is no method that is passed on."))?;
    Ok(Decision::Continue)
}

async fn set_query_parameter(mut call: Call<'_>) -> Result<Decision, StatementError> {
    let name = call.text("name").await?.ok_or_else(|| missing("name"))?;
    let action = call.text("exists-action").await?;
    let action = action.as_deref().unwrap_or("override");
    let values = texts(&mut call, Some("value")).await?;
    let url = &mut call.context().request.url;
    let encoded = encode(&name);
    let is_own = |own: &str| own == &*name;
    let exists = url.pairs().any(|(_, own)| is_own(&own));
    let new = values.iter().map(|value| format!("{encoded}={}", encode(value)));
    let keeps = matches!(action, "append" | "skip");
    let old = url.pairs().filter(|(_, own)| keeps || !is_own(own)).map(|(pair, _)| pair.to_owned());
    let adds = match action {
        "delete" => false,
        "skip" => !exists,
        "append" | "override" => true,
        _ => {
            return Err(StatementError::new(
                "InvalidAction",
                "exists-action is override, skip, append or delete.",
            ));
        }
    };
    let query: Vec<String> = old.chain(new.filter(|_| adds)).collect();
    url.query = query.join("&").into();
    Ok(Decision::Continue)
}

/// The texts in the statement, or in its children of this name.
async fn texts(call: &mut Call<'_>, children: Option<&str>) -> Result<Vec<Arc<str>>, StatementError> {
    let element = call.element();
    let places: Vec<&Element> = match children {
        Some(name) => element.elements().filter(|child| child.name == name).collect(),
        None => vec![element],
    };
    let mut texts = Vec::new();
    for place in places {
        match place.text() {
            Some(value) => texts.extend(call.value_text(value).await?),
            None => texts.push("".into()),
        }
    }
    Ok(texts)
}

/// The path and the query of a template, and the query parameters that it took.
fn fill(template: &str, request: &Request) -> (String, String, Vec<String>) {
    let (mut filled, mut used, mut rest) = (String::with_capacity(template.len()), Vec::new(), template);
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let Some((name, after)) = after.split_once('}') else {
            filled.push('{');
            rest = after;
            continue;
        };
        let in_path = request.matched_parameters.get(name.trim_start_matches('*'));
        match in_path {
            Some(value) => filled.push_str(&encode(value)),
            None => {
                let value = request.url.parameters().find(|(known, _)| known == name);
                filled.push_str(&value.map_or_else(|| format!("{{{name}}}"), |(_, value)| encode(&value)));
                used.push(name.to_owned());
            }
        }
        rest = after;
    }
    filled.push_str(rest);
    match filled.split_once('?') {
        Some((path, query)) => (path.to_owned(), query.to_owned(), used),
        None => (filled, String::new(), used),
    }
}

/// The path of the backend's URL, which stands before that of every request.
fn base_path(context: &Context) -> &str {
    context.api.service_url.as_ref().map_or("", |url| url.path.trim_end_matches('/'))
}

/// A text within a path or a query: what is none of RFC 3986's unreserved characters is escaped.
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

fn missing(attribute: &str) -> StatementError {
    StatementError::new("MissingAttribute", format!("The attribute {attribute} is missing."))
}
