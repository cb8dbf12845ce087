//! What one statement does: to the request, to the cache, and when the cache holds nothing or cannot be reached.

use larder_client::CachingType;
use larder_client::policy::statement::{
    CacheLookup, CacheLookupValue, CacheRemoveValue, CacheStore, CacheStoreValue, CacheValue,
    DownstreamCaching, ExistsAction, ForwardRequest, RateLimit, RateLimitByKey, RateLimitReport,
    ReturnResponse, SetHeader,
};
use larder_client::policy::{Setting, Statement};

use super::steps::Scene;
use super::words::{duration, store};
use crate::server::Statements;

/// A statement in words.
pub(super) struct Told {
    pub(super) title: String,
    pub(super) facts: Vec<(&'static str, String)>,
}

/// Says what a statement does; blocks in it are left to the caller.
pub(super) fn tell(statement: &Statement, name: &str, scene: &Scene<'_>) -> Told {
    let mask = scene.mask;
    match statement {
        Statement::CacheLookup(lookup) => cache_lookup(lookup, scene),
        Statement::CacheStore(store) => cache_store(store, scene),
        Statement::CacheLookupValue(lookup) => lookup_value(lookup, scene),
        Statement::CacheStoreValue(store) => store_value(store, scene),
        Statement::CacheRemoveValue(remove) => remove_value(remove, scene),
        Statement::CacheValue(value) => cache_value(value, scene),
        Statement::RateLimit(limit) => rate_limit(limit, scene),
        Statement::RateLimitByKey(limit) => rate_limit_by_key(limit, scene),
        Statement::SetVariable(variable) => Told::new(
            format!("set-variable {}", variable.name),
            vec![("value", mask.quoted(&variable.value))],
        ),
        Statement::SetHeader(header) => set_header(header, scene),
        Statement::SetStatus(status) => {
            Told::new(format!("set-status {}", mask.setting(&status.code)), Vec::new())
        }
        Statement::SetBody(body) => Told::new("set-body".to_owned(), vec![("body", mask.quoted(&body.body))]),
        Statement::ReturnResponse(response) => return_response(response, scene),
        Statement::ForwardRequest(forward) => forward_request(forward, scene),
        Statement::Opaque(element) => {
            let summary = Statements::find(&element.name).map_or("run by nobody", |row| row.summary);
            let text = |attribute: &larder_client::policy::Attribute| {
                format!("{}={:?}", attribute.name, mask.text(&attribute.value.text))
            };
            let attributes: Vec<String> = element.attributes.iter().map(text).collect();
            Told::new(
                element.name.clone(),
                vec![("does", summary.to_owned()), ("with", attributes.join(" "))],
            )
        }
        _ => Told::new(name.to_owned(), Vec::new()),
    }
}

impl Told {
    /// Facts without a text are left out.
    fn new(title: String, facts: Vec<(&'static str, String)>) -> Self {
        Self { title, facts: facts.into_iter().filter(|(_, text)| !text.is_empty()).collect() }
    }
}

fn lookup_value(lookup: &CacheLookupValue, scene: &Scene<'_>) -> Told {
    let variable = &lookup.variable_name;
    let miss = match &lookup.default_value {
        Some(default) => format!("{variable} gets the default {}", scene.mask.quoted(default)),
        None => format!("{variable} stays as it is: not set, unless it was before"),
    };
    let facts = vec![
        ("key", scene.mask.key(&lookup.key)),
        ("store", store(lookup.caching_type, scene.report)),
        ("hit", format!("{variable} gets the value, with its type")),
        ("miss", miss),
        ("unreachable", as_a_miss(lookup.caching_type, scene)),
    ];
    Told::new(format!("cache-lookup-value into {variable}"), facts)
}

fn store_value(value: &CacheStoreValue, scene: &Scene<'_>) -> Told {
    let facts = vec![
        ("key", scene.mask.key(&value.key)),
        ("value", scene.mask.quoted(&value.value)),
        ("for", scene.mask.seconds(&value.duration)),
        ("store", store(value.caching_type, scene.report)),
        ("unreachable", goes_on(value.caching_type, "nothing is stored, the request goes on", scene)),
    ];
    Told::new("cache-store-value".to_owned(), facts)
}

fn remove_value(remove: &CacheRemoveValue, scene: &Scene<'_>) -> Told {
    let unreachable = match &remove.fail_on_cache_removal_error {
        Setting::Literal(false) => "the request goes on".to_owned(),
        Setting::Literal(true) => "the request fails and goes to on-error".to_owned(),
        Setting::Expression(_) => {
            format!("the request fails if {}", scene.mask.setting(&remove.fail_on_cache_removal_error))
        }
    };
    let facts = vec![
        ("key", scene.mask.key(&remove.key)),
        ("store", store(remove.caching_type, scene.report)),
        ("absent", "nothing happens".to_owned()),
        ("unreachable", goes_on(remove.caching_type, &unreachable, scene)),
    ];
    Told::new("cache-remove-value".to_owned(), facts)
}

fn cache_value(value: &CacheValue, scene: &Scene<'_>) -> Told {
    let variable = &value.variable_name;
    let refresh = value.refresh_after.as_ref().map(|refresh| scene.mask.seconds(refresh)).unwrap_or_default();
    let default = value.default_value.as_ref().map(|default| scene.mask.quoted(default)).unwrap_or_default();
    let facts = vec![
        ("key", scene.mask.key(&value.key)),
        ("for", scene.mask.seconds(&value.expires_after)),
        ("fresh for", refresh),
        ("default", default),
        ("store", store(value.caching_type, scene.report)),
        ("hit", format!("{variable} gets the value; once it is no longer fresh, one request makes it anew")),
        ("miss", "one request makes the value, others of this gateway wait for it".to_owned()),
        ("unreachable", as_a_miss(value.caching_type, scene)),
    ];
    Told::new(format!("cache-value into {variable}"), facts)
}

fn cache_lookup(lookup: &CacheLookup, scene: &Scene<'_>) -> Told {
    let mask = scene.mask;
    let list = |names: &[std::sync::Arc<str>]| names.join(", ");
    let mut vary = Vec::new();
    for (setting, what) in [
        (&lookup.vary_by_developer, "developer"),
        (&lookup.vary_by_developer_groups, "groups of the developer"),
    ] {
        match setting {
            Setting::Literal(true) => vary.push(what.to_owned()),
            Setting::Literal(false) => {}
            Setting::Expression(_) => vary.push(format!("{what} if {}", mask.setting(setting))),
        }
    }
    if !lookup.vary_by_headers.is_empty() {
        vary.push(format!("headers {}", list(&lookup.vary_by_headers)));
    }
    if !lookup.vary_by_query_parameters.is_empty() {
        vary.push(format!("query parameters {}", list(&lookup.vary_by_query_parameters)));
    }
    let private = match &lookup.allow_private_response_caching {
        Setting::Literal(true) => "requests with Authorization take part, too".to_owned(),
        Setting::Literal(false) => "requests with Authorization take no part".to_owned(),
        setting @ Setting::Expression(_) => {
            format!("requests with Authorization take part if {}", mask.setting(setting))
        }
    };
    let downstream = match &lookup.downstream_caching_type {
        Setting::Literal(DownstreamCaching::None) => "the client may not cache".to_owned(),
        Setting::Literal(DownstreamCaching::Private) => "the client may cache".to_owned(),
        Setting::Literal(DownstreamCaching::Public) => "the client and caches before it may cache".to_owned(),
        Setting::Expression(expression) => {
            format!("the client may cache as {} says", mask.text(&expression.text))
        }
    };
    let facts = vec![
        (
            "key",
            "API, operation, product, the host that was called, the backend's URL without its query"
                .to_owned(),
        ),
        ("varies by", if vary.is_empty() { "nothing else".to_owned() } else { vary.join("; ") }),
        ("for", "GET only".to_owned()),
        ("private", private),
        ("downstream", downstream),
        ("store", store(lookup.caching_type, scene.report)),
        ("hit", "answered from the cache; the backend is not asked, outbound runs".to_owned()),
        ("miss", "the request goes on, without conditions, so that the backend answers in full".to_owned()),
        ("unreachable", as_a_miss(lookup.caching_type, scene)),
    ];
    Told::new("cache-lookup".to_owned(), facts)
}

fn cache_store(store: &CacheStore, scene: &Scene<'_>) -> Told {
    let which = match &store.cache_response {
        None => "a 200".to_owned(),
        Some(Setting::Literal(true)) => "any status".to_owned(),
        Some(Setting::Literal(false)) => "none".to_owned(),
        Some(setting) => format!("any status if {}, else none", scene.mask.setting(setting)),
    };
    let facts = vec![
        ("stores", which),
        ("for", scene.mask.seconds(&store.duration)),
        ("store", "that of the cache-lookup of the same request; without one nothing is stored".to_owned()),
        ("unreachable", "nothing is stored, the client gets its answer".to_owned()),
    ];
    Told::new("cache-store".to_owned(), facts)
}

fn rate_limit(limit: &RateLimit, scene: &Scene<'_>) -> Told {
    let mut facts = vec![
        ("limit", format!("{} calls in any {}", limit.calls, duration(limit.renewal_period))),
        ("counted by", "subscription; without one by API".to_owned()),
    ];
    for part in &limit.parts {
        let name = part.id.as_deref().or(part.name.as_deref()).unwrap_or_default();
        facts.push((
            "besides",
            format!("API {name}: {} calls in any {}", part.calls, duration(part.renewal_period)),
        ));
        for operation in &part.operations {
            let name = operation.id.as_deref().or(operation.name.as_deref()).unwrap_or_default();
            let (calls, period) = (operation.calls, duration(operation.renewal_period));
            facts.push(("besides", format!("operation {name}: {calls} calls in any {period}")));
        }
    }
    facts.extend(above(&limit.report, scene));
    Told::new("rate-limit".to_owned(), facts)
}

fn rate_limit_by_key(limit: &RateLimitByKey, scene: &Scene<'_>) -> Told {
    let mask = scene.mask;
    let condition = match &limit.increment_condition {
        Setting::Literal(true) => String::new(),
        setting => format!("only if {}", mask.setting(setting)),
    };
    let mut facts = vec![
        (
            "limit",
            format!("{} calls in any {}", mask.setting(&limit.calls), mask.seconds(&limit.renewal_period)),
        ),
        ("counted by", mask.key(&limit.counter_key)),
        ("counts", condition),
    ];
    facts.extend(above(&limit.report, scene));
    Told::new("rate-limit-by-key".to_owned(), facts)
}

fn above(report: &RateLimitReport, scene: &Scene<'_>) -> Vec<(&'static str, String)> {
    let stores = [CachingType::Internal, CachingType::External].map(|kind| scene.report.store_for(kind));
    let counts = match stores.iter().find(|store| store.kind() != "none") {
        Some(store) => format!("{store}, in one atomic step for all gateways"),
        None => "this process alone: there is no cache".to_owned(),
    };
    vec![
        ("above", format!("429 with {}; the backend is not asked", report.retry_after_header)),
        ("counted in", counts),
        ("unreachable", "counted in this process alone".to_owned()),
    ]
}

fn set_header(header: &SetHeader, scene: &Scene<'_>) -> Told {
    let action = match &header.exists_action {
        Setting::Literal(ExistsAction::Override) => "in place of what is there",
        Setting::Literal(ExistsAction::Skip) => "unless it is there",
        Setting::Literal(ExistsAction::Append) => "besides what is there",
        Setting::Literal(ExistsAction::Delete) => "taken away",
        Setting::Expression(_) => "as an expression says",
    };
    let mut facts = vec![("how", action.to_owned())];
    facts.extend(header.values.iter().map(|value| ("value", scene.mask.quoted(value))));
    Told::new(format!("set-header {}", scene.mask.setting(&header.name)), facts)
}

fn return_response(response: &ReturnResponse, scene: &Scene<'_>) -> Told {
    let status = match &response.status {
        Some(status) => scene.mask.setting(&status.code),
        None if response.response_variable.is_some() => "that of the variable".to_owned(),
        None => "200".to_owned(),
    };
    let body = response.body.as_ref().map(|body| scene.mask.quoted(&body.body)).unwrap_or_default();
    let from = response.response_variable.as_ref().map(|name| format!("the response in {name}"));
    let facts = vec![
        ("from", from.unwrap_or_default()),
        ("status", status),
        ("body", body),
        ("then", "the answer is sent; no further statement runs".to_owned()),
    ];
    Told::new("return-response".to_owned(), facts)
}

fn forward_request(forward: &ForwardRequest, scene: &Scene<'_>) -> Told {
    let timeout = match (&forward.timeout_ms, &forward.timeout) {
        (Some(millis), _) => format!("{} ms", scene.mask.setting(millis)),
        (None, Some(seconds)) => scene.mask.seconds(seconds),
        (None, None) => String::new(),
    };
    let follows = !matches!(forward.follow_redirects, None | Some(Setting::Literal(false)));
    let ignored = [(follows, "follow-redirects"), (forward.http_version.is_some(), "http-version")];
    let ignored: Vec<&str> = ignored.iter().filter(|(is_set, _)| *is_set).map(|(_, name)| *name).collect();
    let facts = vec![("within", timeout), ("no effect", ignored.join(", "))];
    Told::new("forward-request: the backend is asked".to_owned(), facts)
}

/// What a lookup does when the cache cannot be asked; nothing to say where there is none.
fn as_a_miss(caching_type: CachingType, scene: &Scene<'_>) -> String {
    let millis = scene.settings.time_budget.as_millis();
    goes_on(caching_type, &format!("as a miss, after {millis} ms at most"), scene)
}

fn goes_on(caching_type: CachingType, text: &str, scene: &Scene<'_>) -> String {
    match scene.report.store_for(caching_type).kind() {
        "none" => String::new(),
        _ => text.to_owned(),
    }
}
