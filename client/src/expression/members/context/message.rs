//! `IRequest` and `IResponse`: the messages of the context, and responses that a cache or a policy has kept.

use std::borrow::Cow;
use std::sync::Arc;

use larder_proto::envelope::Response;

use super::super::{Member, TypeRow, class, member, refused, refused_type};
use crate::context::Content;
use crate::dotnet::Datum;
use crate::dotnet::object::{Instance, Part};
use crate::expression::members::crypto::NO_CERTIFICATES;

pub(in super::super) static TYPES: &[TypeRow] = &[
    class("", "interface IRequest", REQUEST),
    class("", "interface IResponse", RESPONSE),
    class("", "interface IPrivateEndpointConnection", &[]),
    refused_type("System.Security.Cryptography.X509Certificates", "class X509Certificate2", NO_CERTIFICATES),
];

static REQUEST: &[Member] = &[
    member("IMessageBody Body", |call| {
        let is_absent = matches!(call.context().request.body, Content::Absent);
        Ok(if is_absent { Datum::Null } else { Datum::Part(Part::RequestBody) })
    }),
    refused("X509Certificate2 Certificate", NO_CERTIFICATES),
    member("IHeaders Headers", |_| Ok(Datum::Part(Part::RequestHeaders))),
    member("string IpAddress", |call| match call.context().request.ip_address {
        Some(address) => call.made(address.to_string()),
        None => Ok(Datum::Null),
    }),
    member("IMatchedParameters MatchedParameters", |_| Ok(Datum::Part(Part::MatchedParameters))),
    member("string Method", |call| Ok(Datum::text(call.context().request.method.as_str()))),
    member("IUrl OriginalUrl", |_| Ok(Datum::Part(Part::OriginalUrl))),
    member("IUrl Url", |_| Ok(Datum::Part(Part::Url))),
    refused("IPrivateEndpointConnection PrivateEndpointConnection", "this gateway has no private endpoints"),
];

static RESPONSE: &[Member] = &[
    member("IMessageBody Body", |call| {
        if let Datum::Response(response) = call.get(0) {
            return Ok(Datum::object(KeptBody(response.clone())));
        }
        let body = call.context().response.as_ref().map(|response| &response.body);
        let is_absent = matches!(body, None | Some(Content::Absent));
        Ok(if is_absent { Datum::Null } else { Datum::Part(Part::ResponseBody) })
    }),
    member("IHeaders Headers", |call| match call.get(0) {
        Datum::Response(response) => Ok(Datum::object(KeptHeaders(response.clone()))),
        _ => Ok(Datum::Part(Part::ResponseHeaders)),
    }),
    member("int StatusCode", |call| {
        if let Datum::Response(response) = call.get(0) {
            return Ok(Datum::Int(response.status.into()));
        }
        let status = call.context().response.as_ref().map_or(0, |response| response.status.as_u16());
        Ok(Datum::Int(status.into()))
    }),
    member("string StatusReason", |call| {
        if let Datum::Response(response) = call.get(0) {
            return Ok(Datum::text(&response.reason));
        }
        let reason = call.context().response.as_ref().map(|response| Datum::text(response.reason_phrase()));
        Ok(reason.unwrap_or(Datum::Null))
    }),
];

/// The headers of a response that was kept.
#[derive(Debug)]
pub(super) struct KeptHeaders(pub(super) Arc<Response>);

/// The body of a response that was kept: reading it does not use it up.
#[derive(Debug)]
pub(super) struct KeptBody(pub(super) Arc<Response>);

impl Instance for KeptHeaders {
    fn type_name(&self) -> Cow<'_, str> {
        Cow::Borrowed("IHeaders")
    }

    fn items(&self) -> Option<Vec<Datum>> {
        Some(super::names::kept_entries(&self.0))
    }
}

impl Instance for KeptBody {
    fn type_name(&self) -> Cow<'_, str> {
        Cow::Borrowed("IMessageBody")
    }
}
