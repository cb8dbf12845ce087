//! Who called what, through which gateway: the parts of the context that outlive a request.

use std::sync::Arc;

use larder_proto::envelope::Date;

/// `context.Api`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Api {
    /// Its id.
    pub id: Arc<str>,
    /// Its name for people.
    pub name: Arc<str>,
    /// The first part of its URLs.
    pub path: Arc<str>,
    /// Its revision.
    pub revision: Arc<str>,
    /// Its version.
    pub version: Arc<str>,
    /// Whether this is the current revision.
    pub is_current_revision: bool,
    /// The URL of its backend.
    pub service_url: Option<super::Url>,
}

/// `context.Operation`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Operation {
    /// Its id.
    pub id: Arc<str>,
    /// Its name for people.
    pub name: Arc<str>,
    /// Its method.
    pub method: Arc<str>,
    /// Its URL, with names in braces.
    pub url_template: Arc<str>,
}

/// `context.Product`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Product {
    /// Its id.
    pub id: Arc<str>,
    /// Its name for people.
    pub name: Arc<str>,
    /// `NotPublished` or `Published`.
    pub state: Arc<str>,
    /// Whether subscriptions must be approved.
    pub approval_required: bool,
    /// Whether calls need a subscription.
    pub subscription_required: bool,
    /// How many subscriptions a user may have.
    pub subscription_limit: Option<i32>,
    /// Its APIs.
    pub apis: Vec<Arc<Api>>,
    /// The groups that see it.
    pub groups: Vec<Group>,
}

/// `IGroup`: a group of users.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    /// Its id.
    pub id: Arc<str>,
    /// Its name for people.
    pub name: Arc<str>,
}

/// `context.Subscription`. Its `Debug` does not show the keys.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Subscription {
    /// Its id.
    pub id: Arc<str>,
    /// Its name for people.
    pub name: Arc<str>,
    /// The key that the request bore.
    pub key: Arc<str>,
    /// The first key.
    pub primary_key: Arc<str>,
    /// The second key.
    pub secondary_key: Arc<str>,
    /// When it was made.
    pub created_date: Option<Date>,
    /// When it begins.
    pub start_date: Option<Date>,
    /// When it ends.
    pub end_date: Option<Date>,
}

/// `context.User`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct User {
    /// Its id.
    pub id: Arc<str>,
    /// The e-mail address.
    pub email: Arc<str>,
    /// The first name.
    pub first_name: Arc<str>,
    /// The last name.
    pub last_name: Arc<str>,
    /// What administrators noted.
    pub note: Arc<str>,
    /// The groups it belongs to.
    pub groups: Vec<Group>,
    /// When it registered.
    pub registration_date: Option<Date>,
}

/// `context.Deployment`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deployment {
    /// The gateway's id; `managed` in the cloud.
    pub gateway_id: Arc<str>,
    /// The region, as the gateway's operator wrote it.
    pub region: Arc<str>,
    /// The service's id.
    pub service_id: Arc<str>,
    /// The service's name.
    pub service_name: Arc<str>,
}

impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subscription").field("id", &self.id).field("name", &self.name).finish_non_exhaustive()
    }
}
