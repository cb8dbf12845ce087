//! The path of a route: `/users/{id}`, `/files/*`. Which of several routes is taken is left to the table.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use indexmap::IndexMap;
use percent_encoding::percent_decode_str;

use crate::limits;

/// Parameters that a template found in a path, decoded.
pub(crate) type Parameters = IndexMap<Arc<str>, Arc<str>>;

/// A path with names in braces, each for one segment. A `*` or `{*name}` at the end stands for all that
/// follows, nothing included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    text: Arc<str>,
    segments: Vec<Segment>,
    /// What a `*` at the end is called, if there is one.
    rest: Option<Arc<str>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Literal(Arc<str>),
    Parameter(Arc<str>),
}

impl Template {
    /// Reads a template; the error says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let inner = text.strip_prefix('/').ok_or("a path begins with '/'")?;
        let mut parts: Vec<&str> = inner.split('/').collect();
        let rest = match parts.last().copied() {
            Some("*") => Some("*"),
            Some(last) => last.strip_prefix("{*").and_then(|last| last.strip_suffix('}')),
            None => None,
        };
        if rest.is_some() {
            parts.pop();
        }
        if parts.len() > limits::SEGMENTS_MAX {
            return Err(format!("at most {} segments", limits::SEGMENTS_MAX));
        }
        let segments: Vec<Segment> = parts.into_iter().map(segment).collect::<Result<_, _>>()?;
        let template = Self { text: text.into(), segments, rest: rest.map(Arc::from) };
        let mut names: Vec<&str> = template.names().collect();
        names.sort_unstable();
        match names.windows(2).find(|two| two[0] == two[1]) {
            Some(two) => Err(format!("{{{}}} stands in it twice", two[0])),
            None if rest == Some("") => Err("a name is missing after '*'".to_owned()),
            None => Ok(template),
        }
    }

    /// The parameters, if the template is one of this path. An escaped character counts as itself, an escaped slash or a
    /// backslash as a slash, and several slashes as one: what a backend may take for the same path has the same route.
    pub(crate) fn matches(&self, path: &str) -> Option<Parameters> {
        let path = plain(path);
        let mut left = Some(path.strip_prefix('/')?);
        let mut found = Parameters::new();
        for segment in &self.segments {
            let text = left?;
            let (own, after) = text.split_once('/').map_or((text, None), |(own, after)| (own, Some(after)));
            left = after;
            match segment {
                Segment::Literal(literal) if **literal == *decode(own) => {}
                Segment::Parameter(name) if !own.is_empty() => {
                    found.insert(name.clone(), decode(own).into());
                }
                _ => return None,
            }
        }
        match (&self.rest, left) {
            (None, Some(_)) => return None,
            (Some(name), rest) if &**name != "*" => {
                found.insert(name.clone(), decode(rest.unwrap_or_default()).into());
            }
            _ => {}
        }
        Some(found)
    }

    /// Whether every path under this beginning, and no other, could be one of the template's.
    pub(crate) fn is_under(&self, prefix: &str) -> bool {
        let prefix = prefix.trim_end_matches('/');
        self.text.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        let parameters = self.segments.iter().filter_map(|segment| match segment {
            Segment::Parameter(name) => Some(&**name),
            Segment::Literal(_) => None,
        });
        parameters.chain(self.rest.as_deref())
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn segment(text: &str) -> Result<Segment, String> {
    match text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) {
        Some("") => Err("a name is missing in '{}'".to_owned()),
        Some(name) if name.contains(['{', '}', '*']) => Err(format!("'{{{name}}}' is no name in braces")),
        Some(name) => Ok(Segment::Parameter(name.into())),
        None if text.contains(['{', '}', '*', '?', '#']) => {
            Err(format!("'{text}' is neither text nor a name in braces; '*' may only stand at the end"))
        }
        None => Ok(Segment::Literal(decode(text).into())),
    }
}

/// A path whose segments are told apart by single slashes.
fn plain(path: &str) -> Cow<'_, str> {
    let is_plain = !path.contains(['%', '\\']) && !path.contains("//");
    if is_plain {
        return path.into();
    }
    let path = SLASHES.iter().fold(path.to_owned(), |path, slash| path.replace(slash, "/"));
    let mut merged = String::with_capacity(path.len());
    for character in path.chars() {
        if character != '/' || !merged.ends_with('/') {
            merged.push(character);
        }
    }
    merged.into()
}

/// A segment without its `%41`; what is none of these stays.
fn decode(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}

/// What backends may take for a slash.
const SLASHES: [&str; 5] = ["%2F", "%2f", "%5C", "%5c", "\\"];

#[cfg(test)]
mod tests {
    use super::*;

    fn found(template: &str, path: &str) -> Option<String> {
        let found = Template::parse(template).unwrap().matches(path)?;
        Some(found.iter().map(|(name, value)| format!("{name}={value};")).collect())
    }

    #[test]
    fn templates_match_by_segments() {
        for (template, path, wanted) in [
            ("/users/{id}", "/users/42", Some("id=42;")),
            ("/users/{id}", "/users/a%20b+d%zz", Some("id=a b+d%zz;")),
            ("/users/{id}", "/users/a%2Fb", None),
            ("/admin/*", "/%61dmin/x", Some("")),
            ("/admin/*", "//admin/x", Some("")),
            ("/admin/*", "/admin%2Fx", Some("")),
            ("/admin/*", "/%5cadmin%2fx", Some("")),
            ("/admin/*", "/admin\\x", Some("")),
            ("/a:b/*", "/a%3Ab/x", Some("")),
            ("/caf%C3%A9", "/caf%c3%a9", Some("")),
            ("/admin/*", "/%2561dmin/x", None),
            ("/users/{id}", "/users/", None),
            ("/users/{id}", "/users/42/", None),
            ("/users/{id}", "/Users/42", None),
            ("/users/{id}/orders/{order}", "/users/1/orders/2", Some("id=1;order=2;")),
            ("/users", "/users", Some("")),
            ("/users", "/users/", None),
            ("/users/", "/users/", Some("")),
            ("/", "/", Some("")),
            ("/", "/a", None),
            ("/*", "/", Some("")),
            ("/*", "/a/b", Some("")),
            ("/users/*", "/users", Some("")),
            ("/users/*", "/users/1/2", Some("")),
            ("/users/*", "/usersx", None),
            ("/files/{*path}", "/files/a/b.txt", Some("path=a/b.txt;")),
            ("/files/{*path}", "/files", Some("path=;")),
            ("/{a}/*", "/x/y/z", Some("a=x;")),
            ("/a", "*", None),
        ] {
            assert_eq!(found(template, path).as_deref(), wanted, "{template} {path}");
        }
    }

    #[test]
    fn what_is_no_template_is_told() {
        for (text, wanted) in [
            ("users", "begins with '/'"),
            ("/{}", "a name is missing"),
            ("/a/{*}", "a name is missing"),
            ("/*/a", "'*' may only stand at the end"),
            ("/a{b}", "neither text nor a name"),
            ("/{a}/{a}", "stands in it twice"),
            ("/{a}/{*a}", "stands in it twice"),
            ("/a?b=c", "neither text nor a name"),
        ] {
            let error = Template::parse(text).expect_err(text);
            assert!(error.contains(wanted), "{text}: {error}");
        }
        assert!(Template::parse(&"/a".repeat(limits::SEGMENTS_MAX + 1)).is_err());
        assert!(Template::parse("/users/{id}").unwrap().is_under("/users"));
        assert!(!Template::parse("/usersx/{id}").unwrap().is_under("/users"));
    }
}
