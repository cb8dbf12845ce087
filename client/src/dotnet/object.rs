//! Objects of types that few expressions use, values of enumerations, and handles of the context's parts.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::{Datum, Exception};

/// An object whose type has no place of its own among the values: its members know what it is.
pub trait Instance: Any + fmt::Debug + Send + Sync {
    /// The name of its type in C#, as `StringBuilder` or `HashSet<int>`.
    fn type_name(&self) -> Cow<'_, str>;

    /// `ToString()`
    fn to_text(&self) -> String {
        self.type_name().into_owned()
    }

    /// Its elements, if it can be walked through.
    fn items(&self) -> Option<Vec<Datum>> {
        None
    }

    /// Its elements, taken out of it: it is about to be freed, and they may hold others, thousands deep. A
    /// type that holds values also frees them by [`dismantle`](super::collection::dismantle) when it is dropped.
    fn take_items(&mut self) -> Vec<Datum> {
        Vec::new()
    }

    /// Something that objects which are equal have in common; nothing if only the same object is equal.
    fn equality(&self) -> Option<Cow<'_, str>> {
        None
    }

    /// Whether it is equal to another object that is not the same one. One that may be has an
    /// [`equality`](Self::equality).
    fn equals(&self, other: &dyn Instance) -> bool {
        let _ = other;
        false
    }
}

/// An exception is an object where an expression has caught it.
impl Instance for Exception {
    fn type_name(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.kind.name())
    }

    fn to_text(&self) -> String {
        self.to_string()
    }
}

/// An enumeration of .NET.
#[derive(Debug)]
pub struct EnumType {
    /// Its name.
    pub name: &'static str,
    /// Whether its values can be joined by `|`.
    pub flags: bool,
    /// The names of its values, and their numbers.
    pub values: &'static [(&'static str, i32)],
}

impl EnumType {
    /// The value with this name.
    #[must_use]
    pub fn value(&'static self, name: &str) -> Option<EnumValue> {
        self.values.iter().find(|(known, _)| *known == name).map(|(_, number)| self.number(*number))
    }

    /// The value with this number, which need not have a name.
    #[must_use]
    pub fn number(&'static self, number: i32) -> EnumValue {
        EnumValue { kind: self, number }
    }
}

/// A value of an enumeration.
#[derive(Debug, Clone, Copy)]
pub struct EnumValue {
    kind: &'static EnumType,
    /// Its number.
    pub number: i32,
}

impl EnumValue {
    /// Its enumeration.
    #[must_use]
    pub fn kind(self) -> &'static EnumType {
        self.kind
    }

    /// `ToString(format)`: the name, names joined by commas, or the number; `D` and `X` always give the
    /// number.
    pub(super) fn to_text(self, format: &str) -> Result<String, Exception> {
        match format {
            "D" | "d" => return Ok(self.number.to_string()),
            "X" | "x" => return Ok(format!("{:08X}", self.number)),
            "" | "G" | "g" | "F" | "f" => {}
            _ => return Err(Exception::format("an enumeration has the formats G, F, D and X")),
        }
        if let Some((name, _)) = self.kind.values.iter().find(|(_, number)| *number == self.number) {
            return Ok((*name).to_owned());
        }
        let parts: Vec<_> =
            self.kind.values.iter().filter(|(_, bits)| *bits != 0 && self.number & bits == *bits).collect();
        let all = parts.iter().fold(0, |all, (_, bits)| all | bits);
        if self.kind.flags && all == self.number && !parts.is_empty() {
            return Ok(parts.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", "));
        }
        Ok(self.number.to_string())
    }
}

impl PartialEq for EnumValue {
    fn eq(&self, other: &Self) -> bool {
        self.kind.name == other.kind.name && self.number == other.number
    }
}

impl Eq for EnumValue {}

/// A handle of a part of the request's context: what it shows is how the context stands when it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// `context`
    Context,
    /// `context.Request`
    Request,
    /// `context.Request.Headers`
    RequestHeaders,
    /// `context.Request.Body`
    RequestBody,
    /// `context.Request.Url`
    Url,
    /// `context.Request.Url.Query`
    Query,
    /// `context.Request.OriginalUrl`
    OriginalUrl,
    /// `context.Request.OriginalUrl.Query`
    OriginalQuery,
    /// `context.Request.MatchedParameters`
    MatchedParameters,
    /// `context.Response`
    Response,
    /// `context.Response.Headers`
    ResponseHeaders,
    /// `context.Response.Body`
    ResponseBody,
    /// `context.Variables`
    Variables,
    /// `context.LastError`
    LastError,
    /// `context.Api`
    Api,
    /// `context.Operation`
    Operation,
    /// `context.Product`
    Product,
    /// `context.Subscription`
    Subscription,
    /// `context.User`
    User,
    /// `context.Deployment`
    Deployment,
}

impl Part {
    /// The name of its type in C#.
    #[must_use]
    pub fn type_name(self) -> &'static str {
        match self {
            Self::Context => "IContext",
            Self::Request => "IRequest",
            Self::RequestHeaders | Self::ResponseHeaders => "IHeaders",
            Self::RequestBody | Self::ResponseBody => "IMessageBody",
            Self::Url | Self::OriginalUrl => "IUrl",
            Self::Query | Self::OriginalQuery => "IQuery",
            Self::MatchedParameters => "IMatchedParameters",
            Self::Response => "IResponse",
            Self::Variables => "IVariables",
            Self::LastError => "ILastError",
            Self::Api => "IApi",
            Self::Operation => "IOperation",
            Self::Product => "IProduct",
            Self::Subscription => "ISubscription",
            Self::User => "IUser",
            Self::Deployment => "IDeployment",
        }
    }
}

impl From<Exception> for Datum {
    fn from(exception: Exception) -> Self {
        Self::Object(Arc::new(exception))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static COLOURS: EnumType =
        EnumType { name: "Colours", flags: true, values: &[("None", 0), ("Red", 1), ("Green", 2)] };

    #[test]
    fn an_enumeration_prints_its_names() {
        for (number, format, text) in [
            (0, "", "None"),
            (2, "", "Green"),
            (3, "", "Red, Green"),
            (5, "", "5"),
            (2, "D", "2"),
            (2, "x", "00000002"),
        ] {
            assert_eq!(COLOURS.number(number).to_text(format).unwrap(), text);
        }
        assert!(COLOURS.number(0).to_text("q").is_err());
        assert_eq!(COLOURS.value("Red"), Some(COLOURS.number(1)));
    }
}
