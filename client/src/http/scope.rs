//! What a response belongs to beside its URL: the API, the product, the caller. How it becomes a part
//! of the key is told by the key.

use std::sync::Arc;

use crate::context::{Context, User};

/// What a request was for, and who made it.
#[derive(Debug, Clone, Default)]
pub struct KeyScope {
    /// The API's id, or any name for what is behind the gateway: entries of different names never meet.
    pub api: Arc<str>,
    /// The API's revision; empty if there is but one.
    pub revision: Arc<str>,
    /// The operation's id; empty if there is but one.
    pub operation: Arc<str>,
    /// The product's id.
    pub product: Option<Arc<str>>,
    /// The developer: the account that owns the subscription, with its groups.
    pub developer: Option<Arc<User>>,
    /// The generation that the gateway's configuration sets: another number is another set of
    /// entries. No edit of a policy changes it by itself.
    pub generation: u64,
    /// Whether this response tells how it came about, in its `X-Larder-Cache` headers, even if others
    /// do not.
    pub is_traced: bool,
}

impl KeyScope {
    /// A scope of this name with nothing else known.
    #[must_use]
    pub fn new(api: impl Into<Arc<str>>) -> Self {
        Self { api: api.into(), ..Self::default() }
    }

    /// The scope of a request under way, of generation 0. The developer is the context's user if the
    /// request has a subscription.
    #[must_use]
    pub fn of(context: &Context) -> Self {
        Self {
            api: context.api.id.clone(),
            revision: context.api.revision.clone(),
            operation: context.operation.id.clone(),
            product: context.product.as_ref().map(|product| product.id.clone()),
            developer: context.subscription.as_ref().and(context.user.clone()),
            generation: 0,
            is_traced: context.is_traced,
        }
    }
}
