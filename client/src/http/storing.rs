//! What becomes of the response to a miss: whether it is stored, what the client sees of it, and the
//! store itself. Following the body to its end is the capture's part.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, StatusCode, header};
use http_body_util::BodyExt;
use tokio::runtime::Handle;

use super::body::{Watch, Watched};
use super::capture::{Capturing, Space};
use super::counters::ResponseEvent;
use super::date;
use super::directives::Directives;
use super::entry::{Entry, Head, Life, is_part, kept_headers};
use super::flight::{Lead, Next};
use super::key::ResponseKey;
use super::pending::{Pending, PendingParts};
use super::reason::{NotStored, SkipReason};
use super::reply::{Asking, Reply, Source};
use super::responses::Responses;
use super::rules::{StoreRules, Vary};
use super::settings::SetCookie;
use super::trace::Trace;
use crate::context::{Content, Response};
use crate::limits::{DURATION_SECONDS_MAX, RESPONSE_HEAD_BYTES_MAX};
use crate::{CachingType, StoreResult};

/// How to go on with a response.
pub(super) enum Begun {
    /// This one takes its place.
    StandIn(Reply),
    /// It goes to the client, watched.
    Go(Watch),
}

/// The status, reason and headers of a response that came from the backend.
pub(super) struct Came<'a> {
    pub(super) status: StatusCode,
    pub(super) reason: Option<Arc<str>>,
    pub(super) headers: &'a mut HeaderMap,
}

impl Responses {
    /// `cache-store`: has the response stored once its body has come to its end, and gives the client
    /// the body as it comes. The client-facing headers are written here.
    ///
    /// Where the backend failed (500, 502, 503, 504) and an entry may stand in, the result is that. Of
    /// another response than the backend's say so first: [`Pending::not_from_backend`].
    #[must_use]
    pub fn store(&self, pending: Pending, rules: StoreRules, response: Response) -> Response {
        self.go_on(pending, Some(rules), response)
    }

    /// The response of a miss for which no `cache-store` comes: it is not stored, and whoever waits for
    /// it goes on at once, unless it is [none of the backend's](Pending::not_from_backend).
    #[must_use]
    pub fn pass(&self, pending: Pending, response: Response) -> Response {
        self.go_on(pending, None, response)
    }

    /// The entry that stands in for a backend that could not be asked or did not answer in time, if
    /// there is one. The pending lookup is done with then.
    ///
    /// # Errors
    ///
    /// There is none: the lookup is given back.
    pub fn stand_in(&self, pending: Pending) -> Result<Response, Pending> {
        self.stand_in_for(pending).map(Reply::into_context)
    }

    /// Tells in the debug header of a response that its request was not looked up.
    pub fn explain(&self, skipped: SkipReason, is_traced: bool, headers: &mut HeaderMap) {
        if is_traced || self.settings().debug_headers {
            Trace { result: "skip", store: None, reason: Some(skipped.as_str()), key: None }.write(headers);
        }
    }

    fn go_on(&self, pending: Pending, rules: Option<StoreRules>, response: Response) -> Response {
        let Response { status, reason, mut headers, body } = response;
        let came = Came { status, reason: reason.clone(), headers: &mut headers };
        match self.begin(pending, rules, came) {
            Begun::StandIn(reply) => reply.into_context(),
            Begun::Go(watch) => Response { status, reason, headers, body: watch_content(body, watch) },
        }
    }

    pub(super) fn stand_in_for(&self, mut pending: Pending) -> Result<Reply, Pending> {
        let Some(entry) = pending.parts.stale.take() else { return Err(pending) };
        Ok(self.reply_stale(*pending.parts, &entry))
    }

    fn reply_stale(&self, pending: PendingParts, entry: &Arc<Entry>) -> Reply {
        let PendingParts { asked, lead, store, .. } = pending;
        if let Some(lead) = lead {
            lead.stands_in(entry);
        }
        let asking = Asking { is_head: false, conditions: None };
        self.reply(entry, &asked, &Source::StandIn("backend-failed", store), &asking)
    }

    /// Decides about a response whose body is still to come. Without rules it is not stored.
    pub(super) fn begin(&self, pending: Pending, rules: Option<StoreRules>, came: Came<'_>) -> Begun {
        let mut pending = *pending.parts;
        if BACKEND_FAILED.contains(&came.status)
            && let Some(entry) = pending.stale.take()
        {
            return Begun::StandIn(self.reply_stale(pending, &entry));
        }
        let expected = announced_length(came.headers);
        let vary = pending.asked.client.vary.clone();
        let decided = rules.map(|rules| self.decide(rules, &came, expected, &vary));
        let age = age_of(came.headers);
        let head = decided.map(|decided| decided.map(|fresh| self.head(&came, fresh, age)));
        if rules.is_some() {
            let life = |head: &Head| u64::from(head.life.fresh) + u64::from(age);
            let life = head.as_ref().and_then(|head| head.as_ref().ok()).map(life);
            pending.asked.client.write(came.headers, life);
        }
        let stays_out = match &head {
            Some(Err(reason)) => Some(reason.as_str()),
            Some(Ok(_)) => None,
            None => Some("no-cache-store"),
        };
        tell(&pending, stays_out, came.headers);
        let turn = pending.turn.take();
        let capturing = match head {
            Some(Ok(head)) => {
                let job = StoreJob::new(self, pending, head);
                Some(Capturing::new(job, expected, self.settings().body_bytes_max))
            }
            other => {
                self.stays_out(pending.lead, came.status, other.and_then(Result::err));
                None
            }
        };
        Begun::Go(Watch { capturing, turn })
    }

    fn stays_out(&self, lead: Option<Lead>, status: StatusCode, reason: Option<NotStored>) {
        if let Some(reason) = reason {
            self.count(ResponseEvent::NotStored(reason));
        }
        if let Some(lead) = lead {
            match status {
                // It will pass.
                _ if status.is_server_error() => lead.go_on(Next::MayBeStored),
                _ if is_for_its_caller(status) => lead.for_one(),
                _ => lead.go_on(Next::NotStored),
            }
        }
    }

    /// The backend could not be asked: whoever waits tries for himself.
    pub(super) fn give_up(&self, pending: Pending) {
        if let Some(lead) = pending.parts.lead {
            lead.go_on(Next::MayBeStored);
        }
    }

    /// For how many seconds the response is stored, or why not, as far as its head tells.
    fn decide(
        &self,
        rules: StoreRules,
        came: &Came<'_>,
        length: Option<u64>,
        vary: &Vary,
    ) -> Result<u32, NotStored> {
        let settings = self.settings();
        let says = Directives::of(came.headers);
        let limit = settings.body_bytes_max as u64;
        match rules.cache_response {
            Some(false) => return Err(NotStored::Declined),
            None if came.status != StatusCode::OK => return Err(NotStored::Status),
            _ if is_part(came.status) => return Err(NotStored::Partial),
            _ => {}
        }
        let fresh = u32::try_from(rules.duration.min(DURATION_SECONDS_MAX)).ok().filter(|fresh| *fresh > 0);
        match fresh {
            None => Err(NotStored::Duration),
            _ if settings.set_cookie == SetCookie::Skip && came.headers.contains_key(header::SET_COOKIE) => {
                Err(NotStored::SetCookie)
            }
            _ if settings.honours_backend && (says.no_store || says.private) => {
                Err(NotStored::BackendForbids)
            }
            _ if settings.honours_backend && varies_by_more(came.headers, vary) => Err(NotStored::Varies),
            _ if is_event_stream(came.headers) => Err(NotStored::EventStream),
            _ if length.is_some_and(|length| length > limit) => Err(NotStored::TooLarge),
            _ if head_bytes(came) > RESPONSE_HEAD_BYTES_MAX => Err(NotStored::HeadersTooLarge),
            Some(fresh) => Ok(fresh),
        }
    }

    fn head(&self, came: &Came<'_>, fresh: u32, age: u32) -> Head {
        let now = self.now();
        let longest = u32::try_from(DURATION_SECONDS_MAX).unwrap_or(u32::MAX);
        let stale = self.settings().stale_seconds.min(longest - fresh);
        Head {
            status: came.status,
            reason: came.reason.clone(),
            headers: kept_headers(came.headers, date::header_value(now.as_secs())),
            life: Life { stored: now, fresh, stale, age },
        }
    }
}

/// A store that waits for its body.
pub(super) struct StoreJob {
    pub(super) responses: Responses,
    head: Head,
    key: ResponseKey,
    caching_type: CachingType,
    /// Others wait for the entry.
    lead: Option<Lead>,
    /// Where the store runs: a body may be dropped anywhere.
    runtime: Option<Handle>,
}

impl StoreJob {
    fn new(responses: &Responses, pending: PendingParts, head: Head) -> Self {
        let PendingParts { asked, lead, .. } = pending;
        Self {
            responses: responses.clone(),
            head,
            key: asked.key,
            caching_type: asked.caching_type,
            lead,
            runtime: Handle::try_current().ok(),
        }
    }

    /// The body is whole: gives the entry to whoever waits, and stores it in the background.
    pub(super) fn done(self, body: Bytes, space: Space) {
        let permits = self.responses.shared.store_permits.clone();
        let (Some(runtime), Ok(permit)) = (self.runtime.clone(), permits.try_acquire_owned()) else {
            return self.failed(NotStored::Overloaded);
        };
        let Self { responses, head, key, caching_type, lead, .. } = self;
        let entry = Arc::new(Entry { head, body });
        if let Some(lead) = &lead {
            lead.found(&entry);
        }
        let shared = responses.shared.clone();
        let storing = async move {
            let seconds = entry.head.life.seconds();
            let stored = responses
                .shared
                .cache
                .store_value(key.as_str(), &entry.to_value(), seconds, caching_type)
                .await;
            responses.count(match stored.result {
                StoreResult::Stored | StoreResult::Queued => ResponseEvent::Stored,
                StoreResult::Skipped(_) => ResponseEvent::NotStored(NotStored::TooLarge),
                StoreResult::Unavailable(_) => ResponseEvent::NotStored(NotStored::Unavailable),
                StoreResult::NotConfigured => ResponseEvent::NotStored(NotStored::NotConfigured),
            });
            // Who comes while the store is under way takes part in the flight: so it ends now.
            drop((lead, permit, space));
        };
        shared.background.spawn_on(storing, &runtime);
    }

    /// There will be no entry.
    pub(super) fn failed(self, reason: NotStored) {
        self.responses.count(ResponseEvent::NotStored(reason));
        tracing::debug!(reason = reason.as_str(), "a response was not stored");
        match self.lead {
            // The next one may have more luck: it leads when the lead is dropped.
            Some(lead) if reason == NotStored::Incomplete => drop(lead),
            Some(lead) if reason == NotStored::Overloaded => lead.go_on(Next::MayBeStored),
            Some(lead) => lead.go_on(Next::NotStored),
            None => {}
        }
    }
}

fn watch_content(body: Content, mut watch: Watch) -> Content {
    match body {
        Content::Stream(stream) => Content::Stream(Watched::new(stream, watch).boxed_unsync()),
        Content::Bytes(bytes) => {
            watch.whole(&bytes);
            Content::Bytes(bytes)
        }
        Content::Absent => {
            watch.whole(&Bytes::new());
            Content::Absent
        }
        // What was read and not kept is not the response.
        Content::Consumed => Content::Consumed,
    }
}

/// Tells how a miss came about.
fn tell(pending: &PendingParts, stays_out: Option<&str>, headers: &mut HeaderMap) {
    if pending.asked.is_traced {
        let store = Some(&pending.store);
        let reason = match stays_out {
            Some(reason) => format!("{}, {reason}", pending.reason),
            None => pending.reason.to_owned(),
        };
        let key = Some(&pending.asked.key);
        Trace { result: "miss", store, reason: Some(&reason), key }.write(headers);
    }
}

/// The length that the headers announce.
fn announced_length(headers: &HeaderMap) -> Option<u64> {
    let mut lines = headers.get_all(header::CONTENT_LENGTH).iter();
    let length = lines.next()?.to_str().ok()?.parse().ok()?;
    lines.next().is_none().then_some(length)
}

/// Whether `Vary` names a header, or `*`, by which the key does not vary.
fn varies_by_more(headers: &HeaderMap, vary: &Vary) -> bool {
    let lines = headers.get_all(header::VARY).iter();
    let mut names =
        lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
    names.any(|name| {
        let is_listed = |listed: &HeaderName| listed.as_str().as_bytes().eq_ignore_ascii_case(name);
        !name.is_empty() && !vary.headers().iter().any(is_listed)
    })
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    let media = headers.get(header::CONTENT_TYPE).map(|value| value.as_bytes());
    let media = media.and_then(|value| value.split(|byte| *byte == b';').next());
    media.is_some_and(|media| media.trim_ascii().eq_ignore_ascii_case(b"text/event-stream"))
}

/// The age that a cache behind the gateway tells.
fn age_of(headers: &HeaderMap) -> u32 {
    let age = headers.get(header::AGE).and_then(|age| age.to_str().ok()?.trim().parse().ok());
    age.unwrap_or(0)
}

fn head_bytes(came: &Came<'_>) -> usize {
    let fields = came.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + FIELD_BYTES);
    came.reason.as_deref().map_or(0, str::len) + ENTRY_BYTES + fields.sum::<usize>()
}

/// Whether a status speaks of who asked, or of what else the request said, and not of what was asked for: of the errors of
/// clients all but those.
fn is_for_its_caller(status: StatusCode) -> bool {
    let is_of_the_target = matches!(
        status,
        StatusCode::NOT_FOUND
            | StatusCode::METHOD_NOT_ALLOWED
            | StatusCode::GONE
            | StatusCode::URI_TOO_LONG
            | StatusCode::UNAVAILABLE_FOR_LEGAL_REASONS
    );
    status.is_client_error() && !is_of_the_target
}

/// What a backend that fails answers.
const BACKEND_FAILED: [StatusCode; 4] = [
    StatusCode::INTERNAL_SERVER_ERROR,
    StatusCode::BAD_GATEWAY,
    StatusCode::SERVICE_UNAVAILABLE,
    StatusCode::GATEWAY_TIMEOUT,
];

/// What the envelope adds to a field.
const FIELD_BYTES: usize = 6;

/// The envelope's header, the status and counts, the life and a date: at most.
const ENTRY_BYTES: usize = 256;
