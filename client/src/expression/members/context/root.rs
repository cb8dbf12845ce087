//! `context` itself, and `LastError`.

use std::sync::Arc;

use super::super::{Call, Member, TypeRow, class, member};
use crate::context::{Context, LastError};
use crate::dotnet::date::Span;
use crate::dotnet::object::Part;
use crate::dotnet::{Datum, Exception};

pub(in super::super) static TYPES: &[TypeRow] =
    &[class("", "interface IContext", CONTEXT), class("", "interface ILastError", LAST_ERROR)];

static CONTEXT: &[Member] = &[
    member("IApi Api", |_| Ok(Datum::Part(Part::Api))),
    member("IDeployment Deployment", |_| Ok(Datum::Part(Part::Deployment))),
    member("TimeSpan Elapsed", |call| {
        let passed = call.moment().saturating_sub(call.context().started);
        let ticks = i64::try_from(passed.as_nanos() / 100).unwrap_or(i64::MAX);
        Ok(Datum::Span(Span::of_ticks(ticks)))
    }),
    member("ILastError LastError", |call| {
        part_if(call, Part::LastError, |context| context.last_error.is_some())
    }),
    member("IOperation Operation", |_| Ok(Datum::Part(Part::Operation))),
    member("IProduct Product", |call| part_if(call, Part::Product, |context| context.product.is_some())),
    member("IRequest Request", |_| Ok(Datum::Part(Part::Request))),
    member("Guid RequestId", |call| Ok(Datum::Guid(call.context().request_id))),
    member("IResponse Response", |call| part_if(call, Part::Response, |context| context.response.is_some())),
    member("ISubscription Subscription", |call| {
        part_if(call, Part::Subscription, |context| context.subscription.is_some())
    }),
    member("DateTime Timestamp", |call| Ok(Datum::Date(call.context().timestamp))),
    member("bool Tracing", |call| Ok(Datum::Bool(call.context().is_traced))),
    member("IUser User", |call| part_if(call, Part::User, |context| context.user.is_some())),
    member("IVariables Variables", |_| Ok(Datum::Part(Part::Variables))),
    // What is traced may hold secrets: it goes nowhere.
    member("void Trace(string message)", |_| Ok(Datum::Null)),
];

static LAST_ERROR: &[Member] = &[
    member("string Source", |call| error_part(call, |error| &error.source)),
    member("string Reason", |call| error_part(call, |error| &error.reason)),
    member("string Message", |call| error_part(call, |error| &error.message)),
    member("string Scope", |call| error_part(call, |error| &error.scope)),
    member("string Section", |call| error_part(call, |error| &error.section)),
    member("string Path", |call| error_part(call, |error| &error.path)),
    member("string PolicyId", |call| error_part(call, |error| &error.policy_id)),
];

/// A part of the context, or null where there is none.
fn part_if(call: &mut Call<'_, '_>, part: Part, is_there: fn(&Context) -> bool) -> Result<Datum, Exception> {
    Ok(if is_there(call.context()) { Datum::Part(part) } else { Datum::Null })
}

fn error_part(call: &mut Call<'_, '_>, part: fn(&LastError) -> &Arc<str>) -> Result<Datum, Exception> {
    let error = call.context().last_error.as_ref();
    Ok(error.map_or(Datum::Null, |error| Datum::String(part(error).clone())))
}
