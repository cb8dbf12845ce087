//! What a route is called: the API, operation and product that policies and limits see.

use std::sync::Arc;

use larder_client::context::{Api, Operation, Product, Url};

use super::template::Template;
use crate::settings::RouteEntry;

/// The parts of a request's context that its route decides.
#[derive(Debug)]
pub(crate) struct Entities {
    pub(crate) api: Arc<Api>,
    pub(crate) operation: Arc<Operation>,
    pub(crate) product: Option<Arc<Product>>,
}

impl Entities {
    /// Names that a route does not give are made of its methods and path: they tell routes apart.
    pub(super) fn new(entry: &RouteEntry, template: &Template, backend: &Url) -> Self {
        let path = entry.api_path.as_deref().unwrap_or_default().trim_matches('/');
        let api = entry.api.as_deref().unwrap_or(if path.is_empty() { "default" } else { path });
        let method = if entry.methods.is_empty() { "*".to_owned() } else { entry.methods.join(",") };
        let operation = entry.operation.clone().unwrap_or_else(|| format!("{method} {template}"));
        Self {
            api: Arc::new(Api {
                id: api.into(),
                name: api.into(),
                path: path.into(),
                revision: "1".into(),
                is_current_revision: true,
                service_url: Some(backend.clone()),
                ..Api::default()
            }),
            operation: Arc::new(Operation {
                id: operation.as_str().into(),
                name: operation.as_str().into(),
                method: method.into(),
                url_template: template.to_string().into(),
            }),
            product: entry.product.as_deref().map(product).map(Arc::new),
        }
    }
}

/// A product of this name.
pub(crate) fn product(name: &str) -> Product {
    Product { id: name.into(), name: name.into(), state: "Published".into(), ..Product::default() }
}
