//! `StringBuilder`, `StringReader` and `StringWriter`.

use std::borrow::Cow;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Call, Member, TypeRow, class, member};
use crate::dotnet::limits::TEXT_BYTES_MAX;
use crate::dotnet::object::Instance;
use crate::dotnet::text::{self, Comparison, Formattable};
use crate::dotnet::{Datum, Exception};

pub(super) static TYPES: &[TypeRow] = &[
    class("System.Text", "class StringBuilder", STRING_BUILDER),
    class("System.IO", "class StringReader", STRING_READER),
    class("System.IO", "class StringWriter", STRING_WRITER),
];

static STRING_BUILDER: &[Member] = &[
    member("new()", |_| Ok(Builder::of("StringBuilder", String::new()))),
    member("new(int capacity)", |_| Ok(Builder::of("StringBuilder", String::new()))),
    member("new(string value)", |call| {
        let text = call.text_or_null(0)?.unwrap_or("").to_owned();
        call.charge(text.len())?;
        Ok(Builder::of("StringBuilder", text))
    }),
    member("int Length", |call| Ok(Datum::Int(text::length(&builder(call)?)))),
    member("char this[int index]", |call| Ok(Datum::Char(text::unit_at(&builder(call)?, call.int(1)?)?))),
    member("StringBuilder Append(string value)", append),
    member("StringBuilder Append(char value)", append),
    member("StringBuilder Append(object value)", append),
    member("StringBuilder Append(char value, int repeatCount)", |call| {
        let text = text::repeat(text::to_char(call.unit(1)?), call.int(2)?)?;
        put(call, &text)
    }),
    member("StringBuilder AppendLine()", |call| put(call, "\n")),
    member("StringBuilder AppendLine(string value)", |call| {
        let text = format!("{}\n", call.text_or_null(1)?.unwrap_or(""));
        put(call, &text)
    }),
    member("StringBuilder AppendFormat(string format, params object[] args)", |call| {
        let values = call.items(2)?;
        let text = text::format(call.text(1)?, &values)?;
        put(call, &text)
    }),
    member("StringBuilder AppendJoin<T>(string separator, IEnumerable<T> values)", |call| {
        let mut parts = Vec::new();
        for item in call.items(2)? {
            parts.push(item.to_text("")?);
        }
        let text = text::join(call.text_or_null(1)?.unwrap_or(""), &parts)?;
        put(call, &text)
    }),
    member("StringBuilder Insert(int index, object value)", |call| {
        let value = call.get(2).to_text("")?;
        changed(call, |text, call| text::insert(text, call.int(1)?, &value))
    }),
    member("StringBuilder Remove(int startIndex, int length)", |call| {
        changed(call, |text, call| text::remove(text, call.int(1)?, Some(call.int(2)?)))
    }),
    member("StringBuilder Replace(string oldValue, string newValue)", |call| {
        changed(call, |text, call| {
            let new = call.text_or_null(2)?.unwrap_or("");
            text::replace(text, call.text(1)?, new, Comparison::Ordinal)
        })
    }),
    member("StringBuilder Replace(char oldChar, char newChar)", |call| {
        changed(call, |text, call| {
            let [old, new] = [call.unit(1)?, call.unit(2)?].map(|unit| text::to_char(unit).to_string());
            text::replace(text, &old, &new, Comparison::Ordinal)
        })
    }),
    member("StringBuilder Clear()", |call| {
        builder(call)?.clear();
        Ok(call.take(0))
    }),
    member("string ToString(int startIndex, int length)", |call| {
        let part = text::substring(&builder(call)?, call.int(1)?, Some(call.int(2)?))?;
        call.made(part)
    }),
];

static STRING_WRITER: &[Member] = &[
    member("new()", |_| Ok(Builder::of("StringWriter", String::new()))),
    member("void Write(object value)", |call| {
        append(call)?;
        Ok(Datum::Null)
    }),
    member("void WriteLine()", |call| {
        put(call, "\n")?;
        Ok(Datum::Null)
    }),
    member("void WriteLine(object value)", |call| {
        let text = format!("{}\n", call.get(1).to_text("")?);
        put(call, &text)?;
        Ok(Datum::Null)
    }),
];

static STRING_READER: &[Member] = &[
    member("new(string s)", |call| {
        let text = call.text(0)?.to_owned();
        call.charge(text.len())?;
        Ok(Builder::of("StringReader", text))
    }),
    member("string ReadLine()", |call| {
        let line = {
            let mut rest = builder(call)?;
            if rest.is_empty() {
                return Ok(Datum::Null);
            }
            let end = rest.find('\n').unwrap_or(rest.len());
            let line = rest[..end].trim_end_matches('\r').to_owned();
            let next = (end + 1).min(rest.len());
            rest.drain(..next);
            line
        };
        call.made(line)
    }),
    member("string ReadToEnd()", |call| {
        let rest = std::mem::take(&mut *builder(call)?);
        call.made(rest)
    }),
];

/// A text that grows, or one of which is left what has not been read.
#[derive(Debug)]
struct Builder {
    type_name: &'static str,
    text: Mutex<String>,
}

impl Builder {
    fn of(type_name: &'static str, text: String) -> Datum {
        Datum::object(Self { type_name, text: Mutex::new(text) })
    }

    fn text(&self) -> MutexGuard<'_, String> {
        self.text.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Instance for Builder {
    fn type_name(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.type_name)
    }

    fn to_text(&self) -> String {
        match self.type_name {
            "StringReader" => self.type_name.to_owned(),
            _ => self.text().clone(),
        }
    }
}

fn builder<'c>(call: &'c Call<'_, '_>) -> Result<MutexGuard<'c, String>, Exception> {
    Ok(call.object::<Builder>(0)?.text())
}

fn append(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    let text = call.get(1).to_text("")?;
    put(call, &text)
}

/// Appends, and gives the builder.
fn put(call: &mut Call<'_, '_>, text: &str) -> Result<Datum, Exception> {
    call.charge(text.len())?;
    {
        let mut whole = builder(call)?;
        if whole.len().saturating_add(text.len()) > TEXT_BYTES_MAX {
            return Err(Exception::memory("the text would be longer than 16 MiB"));
        }
        whole.push_str(text);
    }
    Ok(call.take(0))
}

fn changed(
    call: &mut Call<'_, '_>,
    change: impl FnOnce(&str, &Call<'_, '_>) -> Result<String, Exception>,
) -> Result<Datum, Exception> {
    let old = builder(call)?.clone();
    let new = change(&old, call)?;
    call.charge(new.len())?;
    *builder(call)? = new;
    Ok(call.take(0))
}
