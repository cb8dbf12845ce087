//! `System.Uri`, and the addresses of `System.Net`. Hosts are given in ASCII, as `IdnHost` has them.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use url::{Position, Url};

use super::object::Instance;
use super::{Exception, ExceptionKind};

/// Which addresses are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UriKind {
    /// Any.
    RelativeOrAbsolute,
    /// Those with a scheme.
    Absolute,
    /// Those without.
    Relative,
}

/// An address: with a scheme, or relative to another.
#[derive(Debug, Clone)]
pub struct Uri {
    original: Arc<str>,
    url: Option<Url>,
}

impl Uri {
    /// `new Uri(text, kind)`
    ///
    /// # Errors
    ///
    /// `UriFormatException` for a text that is none of this kind, or longer than [`BYTES_MAX`].
    pub fn parse(text: &str, kind: UriKind) -> Result<Self, Exception> {
        if text.len() > BYTES_MAX {
            return Err(wrong("the address is longer than 65,519 bytes"));
        }
        let url = absolute(text.trim());
        match (kind, &url) {
            (UriKind::Absolute, None) => Err(wrong("the text is no absolute address")),
            (UriKind::Relative, Some(_)) => Err(wrong("the text is no relative address")),
            _ => Ok(Self { original: text.into(), url }),
        }
    }

    /// `new Uri(base, relative)`
    ///
    /// # Errors
    ///
    /// `UriFormatException`; `ArgumentOutOfRangeException` for a base that is relative itself.
    pub fn join(&self, relative: &str) -> Result<Self, Exception> {
        let base = self.url.as_ref().ok_or_else(|| Exception::range("the base is no absolute address"))?;
        let joined = base.join(relative).map_err(|_| wrong("the text is no relative address"))?;
        Ok(Self { original: joined.as_str().into(), url: Some(joined) })
    }

    /// `IsAbsoluteUri`
    #[must_use]
    pub fn is_absolute(&self) -> bool {
        self.url.is_some()
    }

    /// `OriginalString`
    #[must_use]
    pub fn original(&self) -> &str {
        &self.original
    }

    /// `AbsoluteUri`
    ///
    /// # Errors
    ///
    /// `InvalidOperationException` for a relative address, as of all parts.
    pub fn text(&self) -> Result<&str, Exception> {
        self.url().map(Url::as_str)
    }

    /// `Scheme`
    ///
    /// # Errors
    ///
    /// As [`text`](Self::text).
    pub fn scheme(&self) -> Result<&str, Exception> {
        self.url().map(Url::scheme)
    }

    /// `Host`: that of IPv6 in brackets.
    ///
    /// # Errors
    ///
    /// As [`text`](Self::text).
    pub fn host(&self) -> Result<&str, Exception> {
        Ok(self.url()?.host_str().unwrap_or(""))
    }

    /// `Port`: the usual one of the scheme if none is given, -1 if there is none.
    ///
    /// # Errors
    ///
    /// As [`text`](Self::text).
    pub fn port(&self) -> Result<i32, Exception> {
        Ok(self.url()?.port_or_known_default().map_or(-1, i32::from))
    }

    /// `IsDefaultPort`
    ///
    /// # Errors
    ///
    /// As [`text`](Self::text).
    pub fn is_default_port(&self) -> Result<bool, Exception> {
        Ok(self.url()?.port().is_none())
    }

    /// `Authority`: the host, and the port if it is not the usual one.
    ///
    /// # Errors
    ///
    /// As [`text`](Self::text).
    pub fn authority(&self) -> Result<&str, Exception> {
        Ok(&self.url()?[Position::BeforeHost..Position::AfterPort])
    }

    /// `UserInfo`
    ///
    /// # Errors
    ///
    /// As [`text`](Self::text).
    pub fn user_info(&self) -> Result<&str, Exception> {
        Ok(&self.url()?[Position::BeforeUsername..Position::AfterPassword])
    }

    /// `AbsolutePath`
    ///
    /// # Errors
    ///
    /// As [`text`](Self::text).
    pub fn path(&self) -> Result<&str, Exception> {
        self.url().map(Url::path)
    }

    /// `PathAndQuery`
    ///
    /// # Errors
    ///
    /// As [`text`](Self::text).
    pub fn path_and_query(&self) -> Result<&str, Exception> {
        Ok(&self.url()?[Position::BeforePath..Position::AfterQuery])
    }

    /// `Query`, with its question mark.
    ///
    /// # Errors
    ///
    /// As [`text`](Self::text).
    pub fn query(&self) -> Result<&str, Exception> {
        let query = &self.url()?[Position::AfterPath..Position::AfterQuery];
        Ok(if query == "?" { "" } else { query })
    }

    /// `Fragment`, with its hash.
    ///
    /// # Errors
    ///
    /// As [`text`](Self::text).
    pub fn fragment(&self) -> Result<&str, Exception> {
        let fragment = &self.url()?[Position::AfterQuery..];
        Ok(if fragment == "#" { "" } else { fragment })
    }

    /// `Segments`: parts of the path, each with the slash behind it.
    ///
    /// # Errors
    ///
    /// As [`text`](Self::text).
    pub fn segments(&self) -> Result<Vec<&str>, Exception> {
        Ok(self.path()?.split_inclusive('/').collect())
    }

    /// `GetLeftPart(part)`: up to the scheme (0), the authority (1), the path (2) or the query (3).
    ///
    /// # Errors
    ///
    /// As [`text`](Self::text), and `ArgumentException` for another part.
    pub fn left_part(&self, part: i32) -> Result<&str, Exception> {
        let url = self.url()?;
        Ok(match part {
            0 => &url[..Position::BeforeUsername],
            1 => &url[..Position::BeforePath],
            2 => &url[..Position::AfterPath],
            3 => &url[..Position::AfterQuery],
            _ => return Err(Exception::argument("UriPartial has the values 0 to 3")),
        })
    }

    fn url(&self) -> Result<&Url, Exception> {
        let relative =
            || Exception::new(ExceptionKind::InvalidOperation, "a relative address does not have this part");
        self.url.as_ref().ok_or_else(relative)
    }
}

/// The longest address, in bytes: that of .NET.
const BYTES_MAX: usize = 65_519;

/// The schemes of the web need two slashes.
fn absolute(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let rest = text.get(url.scheme().len()..)?;
    let complete =
        !matches!(url.scheme(), "http" | "https" | "ws" | "wss" | "ftp") || rest.starts_with("://");
    complete.then_some(url)
}

impl Instance for Uri {
    fn type_name(&self) -> Cow<'_, str> {
        Cow::Borrowed("Uri")
    }

    /// As written, but with a complete host and path.
    fn to_text(&self) -> String {
        match &self.url {
            Some(url) => super::encoding::unescape_data(url.as_str()),
            None => self.original.as_ref().to_owned(),
        }
    }

    fn equality(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(match &self.url {
            Some(url) => &url[..Position::AfterQuery],
            None => &self.original,
        }))
    }

    fn equals(&self, other: &dyn Instance) -> bool {
        let other = (other as &dyn std::any::Any).downcast_ref::<Self>();
        other.is_some_and(|other| match (&self.url, &other.url) {
            (Some(left), Some(right)) => left[..Position::AfterQuery] == right[..Position::AfterQuery],
            (None, None) => self.original == other.original,
            _ => false,
        })
    }
}

/// `IPAddress`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address(pub IpAddr);

impl Address {
    /// `IPAddress.Parse(text)`: four numbers with points, or IPv6, its brackets and zone left out.
    ///
    /// # Errors
    ///
    /// `FormatException`
    pub fn parse(text: &str) -> Result<Self, Exception> {
        let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        let inner = inner.split_once('%').map_or(inner, |(address, _)| address);
        inner.parse().map(Self).map_err(|_| Exception::format("the text is no address of IPv4 or IPv6"))
    }

    /// `GetAddressBytes()`
    #[must_use]
    pub fn bytes(self) -> Vec<u8> {
        match self.0 {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        }
    }
}

impl Instance for Address {
    fn type_name(&self) -> Cow<'_, str> {
        Cow::Borrowed("IPAddress")
    }

    fn to_text(&self) -> String {
        self.0.to_string()
    }

    fn equality(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Owned(self.to_text()))
    }

    fn equals(&self, other: &dyn Instance) -> bool {
        (other as &dyn std::any::Any).downcast_ref::<Self>() == Some(self)
    }
}

fn wrong(text: &'static str) -> Exception {
    Exception::new(ExceptionKind::UriFormat, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri {
        Uri::parse(text, UriKind::Absolute).unwrap()
    }

    #[test]
    fn an_address_has_parts() {
        let found = uri("HTTPS://user:pw@Example.COM:8443/a/../b/c%20d/?q=1&r=2#top");
        assert_eq!(found.text().unwrap(), "https://user:pw@example.com:8443/b/c%20d/?q=1&r=2#top");
        for (part, wanted) in [
            (found.scheme(), "https"),
            (found.host(), "example.com"),
            (found.authority(), "example.com:8443"),
            (found.user_info(), "user:pw"),
            (found.path(), "/b/c%20d/"),
            (found.path_and_query(), "/b/c%20d/?q=1&r=2"),
            (found.query(), "?q=1&r=2"),
            (found.fragment(), "#top"),
            (found.left_part(1), "https://user:pw@example.com:8443"),
        ] {
            assert_eq!(part.unwrap(), wanted);
        }
        assert_eq!(found.segments().unwrap(), ["/", "b/", "c%20d/"]);
        assert_eq!((found.port().unwrap(), uri("http://h").port().unwrap()), (8443, 80));
        assert_eq!(uri("http://h").to_text(), "http://h/");
        assert!(uri("http://h").is_default_port().unwrap() && !found.is_default_port().unwrap());
        assert_eq!((uri("http://h/?").query().unwrap(), uri("urn:x:y").port().unwrap()), ("", -1));
    }

    #[test]
    fn addresses_are_relative_or_not() {
        let relative = Uri::parse("a/b?c", UriKind::RelativeOrAbsolute).unwrap();
        assert!(!relative.is_absolute());
        assert_eq!(relative.host().unwrap_err().kind, ExceptionKind::InvalidOperation);
        for text in ["", "a/b", "//host/a", "http:foo", "http://", "http://h:99999/", "1:2"] {
            let error = Uri::parse(text, UriKind::Absolute).unwrap_err();
            assert_eq!(error.kind, ExceptionKind::UriFormat, "{text}");
        }
        assert!(Uri::parse("http://h", UriKind::Relative).is_err());
        assert_eq!(uri("http://h/a/b").join("../c?d").unwrap().text().unwrap(), "http://h/c?d");
        assert!(relative.join("x").is_err());
        assert!(uri("http://H/a#x").equals(&uri("http://h/a")) && !uri("http://h/a").equals(&relative));
    }

    #[test]
    fn ip_addresses() {
        assert_eq!(Address::parse("10.1.2.3").unwrap().bytes(), [10, 1, 2, 3]);
        assert_eq!(Address::parse("[2001:DB8::1%eth0]").unwrap().to_text(), "2001:db8::1");
        for text in ["", "10.1.2", "10.1.2.256", "host"] {
            assert_eq!(Address::parse(text).unwrap_err().kind, ExceptionKind::Format, "{text}");
        }
    }
}
