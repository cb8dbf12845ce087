//! API, operation, product, subscription, user and the gateway itself.

use std::borrow::Cow;
use std::sync::Arc;

use larder_proto::envelope::Date;

use super::super::{Call, Member, TypeRow, class, member, refused};
use crate::context::{Api, Context, Group, Product, Subscription, User};
use crate::dotnet::collection::List;
use crate::dotnet::object::Instance;
use crate::dotnet::{Datum, Exception};
use crate::expression::members::crypto::NO_CERTIFICATES;

pub(in super::super) static TYPES: &[TypeRow] = &[
    class("", "interface IApi", API),
    class("", "interface IOperation", OPERATION),
    class("", "interface IProduct", PRODUCT),
    class("", "interface ISubscription", SUBSCRIPTION),
    class("", "interface IUser", USER),
    class("", "interface IGroup", GROUP),
    class("", "interface IUserIdentity", &[]),
    class("", "interface IDeployment", DEPLOYMENT),
];

static API: &[Member] = &[
    member("string Id", |call| api(call, |api| text(&api.id))),
    member("string Name", |call| api(call, |api| text(&api.name))),
    member("string Path", |call| api(call, |api| text(&api.path))),
    member("string Revision", |call| api(call, |api| text(&api.revision))),
    member("string Version", |call| api(call, |api| text(&api.version))),
    member("bool IsCurrentRevision", |call| api(call, |api| Datum::Bool(api.is_current_revision))),
    member("IUrl ServiceUrl", |call| {
        api(call, |api| api.service_url.clone().map_or(Datum::Null, Datum::object))
    }),
];

static OPERATION: &[Member] = &[
    member("string Id", |call| operation(call, |context| &context.operation.id)),
    member("string Method", |call| operation(call, |context| &context.operation.method)),
    member("string Name", |call| operation(call, |context| &context.operation.name)),
    member("string UrlTemplate", |call| operation(call, |context| &context.operation.url_template)),
];

static PRODUCT: &[Member] = &[
    member("IEnumerable<IApi> Apis", |call| {
        product(call, |product| {
            let apis = product.apis.iter().map(|api| -> Datum { Datum::Object(api.clone()) });
            Datum::List(List::of("IEnumerable<IApi>", apis.collect()))
        })
    }),
    member("bool ApprovalRequired", |call| product(call, |product| Datum::Bool(product.approval_required))),
    member("IEnumerable<IGroup> Groups", |call| product(call, |product| groups(&product.groups))),
    member("string Id", |call| product(call, |product| text(&product.id))),
    member("string Name", |call| product(call, |product| text(&product.name))),
    member("string State", |call| product(call, |product| text(&product.state))),
    member("int? SubscriptionLimit", |call| {
        product(call, |product| product.subscription_limit.map_or(Datum::Null, Datum::Int))
    }),
    member("bool SubscriptionRequired", |call| {
        product(call, |product| Datum::Bool(product.subscription_required))
    }),
];

static SUBSCRIPTION: &[Member] = &[
    member("DateTime CreatedDate", |call| subscription(call, |found| date_or_first(found.created_date))),
    member("DateTime? EndDate", |call| subscription(call, |found| date(found.end_date))),
    member("string Id", |call| subscription(call, |found| text(&found.id))),
    member("string Key", |call| subscription(call, |found| text(&found.key))),
    member("string Name", |call| subscription(call, |found| text(&found.name))),
    member("string PrimaryKey", |call| subscription(call, |found| text(&found.primary_key))),
    member("string SecondaryKey", |call| subscription(call, |found| text(&found.secondary_key))),
    member("DateTime? StartDate", |call| subscription(call, |found| date(found.start_date))),
];

static USER: &[Member] = &[
    member("string Email", |call| user(call, |user| text(&user.email))),
    member("string FirstName", |call| user(call, |user| text(&user.first_name))),
    member("IEnumerable<IGroup> Groups", |call| user(call, |user| groups(&user.groups))),
    member("string Id", |call| user(call, |user| text(&user.id))),
    refused("IEnumerable<IUserIdentity> Identities", "this gateway does not know the identities of users"),
    member("string LastName", |call| user(call, |user| text(&user.last_name))),
    member("string Note", |call| user(call, |user| text(&user.note))),
    member("DateTime RegistrationDate", |call| user(call, |user| date_or_first(user.registration_date))),
];

static GROUP: &[Member] = &[
    member("string Id", |call| Ok(text(&call.object::<Group>(0)?.id))),
    member("string Name", |call| Ok(text(&call.object::<Group>(0)?.name))),
];

static DEPLOYMENT: &[Member] = &[
    member("string GatewayId", |call| operation(call, |context| &context.deployment.gateway_id)),
    member("string Region", |call| operation(call, |context| &context.deployment.region)),
    member("string ServiceId", |call| operation(call, |context| &context.deployment.service_id)),
    member("string ServiceName", |call| operation(call, |context| &context.deployment.service_name)),
    refused("IReadOnlyDictionary<string, X509Certificate2> Certificates", NO_CERTIFICATES),
];

fn api(call: &mut Call<'_, '_>, part: fn(&Api) -> Datum) -> Result<Datum, Exception> {
    match call.get(0) {
        Datum::Part(_) => Ok(part(&call.context().api)),
        _ => Ok(part(call.object::<Api>(0)?)),
    }
}

fn operation(call: &mut Call<'_, '_>, part: fn(&Context) -> &Arc<str>) -> Result<Datum, Exception> {
    Ok(text(part(call.context())))
}

fn product(call: &mut Call<'_, '_>, part: fn(&Product) -> Datum) -> Result<Datum, Exception> {
    Ok(call.context().product.as_deref().map_or(Datum::Null, part))
}

fn subscription(call: &mut Call<'_, '_>, part: fn(&Subscription) -> Datum) -> Result<Datum, Exception> {
    Ok(call.context().subscription.as_deref().map_or(Datum::Null, part))
}

fn user(call: &mut Call<'_, '_>, part: fn(&User) -> Datum) -> Result<Datum, Exception> {
    Ok(call.context().user.as_deref().map_or(Datum::Null, part))
}

fn text(text: &Arc<str>) -> Datum {
    Datum::String(text.clone())
}

fn date(date: Option<Date>) -> Datum {
    date.map_or(Datum::Null, Datum::Date)
}

/// A date that is not known is the first one, as `default(DateTime)`.
fn date_or_first(date: Option<Date>) -> Datum {
    Datum::Date(date.unwrap_or(Date::START_UTC))
}

fn groups(groups: &[Group]) -> Datum {
    Datum::List(List::of("IEnumerable<IGroup>", groups.iter().cloned().map(Datum::object).collect()))
}

impl Instance for Api {
    fn type_name(&self) -> Cow<'_, str> {
        Cow::Borrowed("IApi")
    }
}

impl Instance for Group {
    fn type_name(&self) -> Cow<'_, str> {
        Cow::Borrowed("IGroup")
    }
}
