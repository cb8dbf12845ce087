//! A miss on its way to the backend and back: what the lookup hands to the store.

use std::sync::Arc;

use http::HeaderMap;

use super::downstream::ClientSide;
use super::entry::Entry;
use super::flight::Lead;
use super::key::ResponseKey;
use super::origin;
use super::responses::Missed;
use crate::{CachingType, StoreUsed};

/// A request that the cache could not answer. Whoever holds it holds the duty to get the entry for
/// others that wait for it, and a place at the backend: when it is dropped (the client left, say), one
/// of the others takes over.
#[derive(Debug)]
#[must_use = "give it to `Responses::store` or `Responses::pass` with the response"]
pub struct Pending {
    pub(super) parts: Box<PendingParts>,
}

#[derive(Debug)]
pub(super) struct PendingParts {
    pub(super) asked: Asked,
    pub(super) lead: Option<Lead>,
    pub(super) stale: Option<Arc<Entry>>,
    pub(super) turn: Option<origin::Turn>,
    pub(super) reason: &'static str,
    pub(super) store: StoreUsed,
    removed: HeaderMap,
}

/// What a lookup asked for.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) key: ResponseKey,
    /// The store that did not tell the generation: no entry may be used then.
    pub(super) unasked: Option<StoreUsed>,
    pub(super) caching_type: CachingType,
    pub(super) client: ClientSide,
    pub(super) is_traced: bool,
}

impl Pending {
    pub(super) fn new(asked: Asked, missed: Missed, turn: Option<origin::Turn>, removed: HeaderMap) -> Self {
        let Missed { lead, stale, reason, store } = missed;
        Self { parts: Box::new(PendingParts { asked, lead, stale, turn, reason, store, removed }) }
    }

    /// The key under which the response would be stored.
    #[must_use]
    pub fn key(&self) -> &ResponseKey {
        &self.parts.asked.key
    }

    /// The headers that were taken from the request, as the client sent them.
    #[must_use]
    pub fn removed_headers(&self) -> &HeaderMap {
        &self.parts.removed
    }

    /// Says that the response is not the backend's: the gateway made it, of this request alone perhaps. No
    /// entry stands in for it, whatever its status is. If it is not stored, nothing follows from that for
    /// those who wait: one of them asks the backend.
    pub fn not_from_backend(mut self) -> Self {
        self.parts.stale = None;
        if let Some(lead) = &mut self.parts.lead {
            lead.mute();
        }
        self
    }

    /// Whether there is an entry that can stand in for a failing backend: see
    /// [`Responses::stand_in`](super::Responses::stand_in).
    #[must_use]
    pub fn has_stand_in(&self) -> bool {
        self.parts.stale.is_some()
    }
}
