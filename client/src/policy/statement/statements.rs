//! All statements as one type.

use std::sync::Arc;

use super::{
    CacheLookup, CacheLookupValue, CacheRemoveValue, CacheStore, CacheStoreValue, CacheValue, Choose,
    ForwardRequest, IncludeFragment, RateLimit, RateLimitByKey, ReturnResponse, SetBody, SetHeader,
    SetStatus, SetVariable,
};
use crate::policy::element::Step;
use crate::policy::tree::Element;

/// One statement of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Statement {
    /// `base`: the statements of the scope around this one.
    Base,
    /// `cache-lookup`
    CacheLookup(CacheLookup),
    /// `cache-lookup-value`
    CacheLookupValue(CacheLookupValue),
    /// `cache-remove-value`
    CacheRemoveValue(CacheRemoveValue),
    /// `cache-store`
    CacheStore(CacheStore),
    /// `cache-store-value`
    CacheStoreValue(CacheStoreValue),
    /// `cache-value`
    CacheValue(CacheValue),
    /// `choose`
    Choose(Choose),
    /// `forward-request`
    ForwardRequest(ForwardRequest),
    /// `include-fragment`
    IncludeFragment(IncludeFragment),
    /// `rate-limit`
    RateLimit(RateLimit),
    /// `rate-limit-by-key`
    RateLimitByKey(RateLimitByKey),
    /// `return-response`
    ReturnResponse(ReturnResponse),
    /// `set-body`
    SetBody(SetBody),
    /// `set-header`
    SetHeader(SetHeader),
    /// `set-status`
    SetStatus(SetStatus),
    /// `set-variable`
    SetVariable(SetVariable),
    /// A statement of others, with all that stands in it, for the gateway's own handler.
    Opaque(Arc<Element>),
}

impl Statement {
    /// The lists of statements in this one. Those of a fragment are its own.
    #[must_use]
    pub fn blocks(&self) -> Vec<&[Step]> {
        match self {
            Self::Choose(choose) => {
                let branches = choose.branches.iter().map(|branch| branch.steps.as_slice());
                branches.chain([choose.otherwise.as_slice()]).collect()
            }
            Self::CacheValue(value) => vec![&value.steps],
            _ => Vec::new(),
        }
    }

    pub(in crate::policy) fn blocks_mut(&mut self) -> Vec<&mut [Step]> {
        match self {
            Self::Choose(choose) => {
                let branches = choose.branches.iter_mut().map(|branch| branch.steps.as_mut_slice());
                branches.chain([choose.otherwise.as_mut_slice()]).collect()
            }
            Self::CacheValue(value) => vec![&mut value.steps],
            _ => Vec::new(),
        }
    }
}
