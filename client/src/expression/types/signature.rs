//! Reads the declarations of the rows: C# as it stands in .NET's reference, in one line each. See
//! [`members`](crate::expression::members) for the forms.

use std::fmt;
use std::sync::Arc;

use super::Type;
use super::table::{Class, ClassKind, Delegate, MemberInfo, MemberKind, Mode, ParameterInfo};
use crate::dotnet::Datum;
use crate::expression::members::{Member, TypeRow};
use crate::expression::syntax::BinaryOperator;

/// A row that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::expression) struct Wrong {
    declaration: String,
    reason: String,
}

impl Wrong {
    pub(super) fn of(declaration: &str, reason: &str) -> Self {
        Self { declaration: declaration.to_owned(), reason: reason.to_owned() }
    }
}

/// The name of a class, and those of its type parameters.
pub(super) struct Head {
    pub(super) name: Arc<str>,
    pub(super) parameters: Vec<Arc<str>>,
}

/// What names mean in a declaration.
pub(super) struct Names<'a> {
    pub(super) classes: &'a dyn Fn(&str, usize) -> Option<Class>,
    pub(super) parameters: &'a [Arc<str>],
}

/// The name in the declaration of a type.
pub(super) fn head(row: &'static TypeRow) -> Result<Head, Wrong> {
    if let Some(enumeration) = row.enumeration {
        return Ok(Head { name: enumeration.name.into(), parameters: Vec::new() });
    }
    let mut reader = Reader::new(row.declaration);
    if reader.take("delegate") {
        reader.skip_type()?;
    } else {
        reader.take("static");
        if !KINDS.iter().any(|kind| reader.take(kind)) {
            return Err(reader.wrong("expected class, struct, interface or delegate"));
        }
    }
    let name = reader.word()?;
    Ok(Head { name: name.into(), parameters: reader.generics()? })
}

/// What stands around the name in the declaration of a type.
pub(super) fn kind_and_bases(
    row: &'static TypeRow,
    head: &Head,
    names: &Names<'_>,
) -> Result<(ClassKind, Vec<Type>), Wrong> {
    if let Some(enumeration) = row.enumeration {
        return Ok((ClassKind::Enum(enumeration), Vec::new()));
    }
    let mut reader = Reader::new(row.declaration);
    if reader.take("delegate") {
        let result = reader.of(names, &[])?;
        reader.word()?;
        reader.generics()?;
        let parameters = reader.parameters(names, &[], "(", ")")?.1;
        let parameters = parameters.into_iter().map(|parameter| parameter.of).collect();
        return Ok((ClassKind::Delegate(Delegate { parameters, result }), Vec::new()));
    }
    let is_static = reader.take("static");
    let kind = match reader.word()? {
        "struct" => ClassKind::Struct,
        "interface" => ClassKind::Interface,
        _ if is_static => ClassKind::Static,
        _ => ClassKind::Class,
    };
    let keyword = reader.word()?;
    debug_assert_eq!(keyword, &*head.name);
    reader.generics()?;
    let mut bases = Vec::new();
    if reader.take(":") {
        bases.push(reader.of(names, &[])?);
        while reader.take(",") {
            bases.push(reader.of(names, &[])?);
        }
    }
    reader.end()?;
    Ok((kind, bases))
}

/// The type that is written so.
pub(super) fn type_of(text: &str, names: &Names<'_>) -> Option<Type> {
    let mut reader = Reader::new(text);
    reader.of(names, &[]).ok().filter(|_| reader.rest.is_empty())
}

/// A member.
pub(super) fn member(owner: Class, row: &'static Member, names: &Names<'_>) -> Result<MemberInfo, Wrong> {
    let mut reader = Reader::new(row.declaration);
    let sets = reader.take("set");
    let is_static = reader.take("static");
    let mut member = MemberInfo {
        #[cfg(test)]
        declaration: row.declaration,
        owner,
        name: CONSTRUCTOR.into(),
        kind: MemberKind::Property,
        is_static,
        is_extension: false,
        generics: 0,
        parameters: Vec::new(),
        result: Type::Void,
        run: row.run,
    };
    if reader.take("new") {
        (member.kind, member.is_static) = (MemberKind::Constructor, true);
        member.parameters = reader.parameters(names, &[], "(", ")")?.1;
        reader.end()?;
        return Ok(member);
    }
    let conversion = [("implicit", MemberKind::Implicit), ("explicit", MemberKind::Explicit)];
    if let Some((_, kind)) = conversion.into_iter().find(|(word, _)| reader.take(word)) {
        reader.expect("operator")?;
        (member.kind, member.name) = (kind, CONVERSION.into());
        member.result = reader.of(names, &[])?;
        member.parameters = reader.parameters(names, &[], "(", ")")?.1;
        reader.end()?;
        return Ok(member);
    }
    // The result may be of a type parameter that is declared behind it.
    let own = reader.own_generics()?;
    member.generics = own.len();
    member.result = reader.of(names, &own)?;
    reader.rest(&mut member, names, &own, sets)?;
    reader.end()?;
    Ok(member)
}

/// The name of constructors in the table.
pub(in crate::expression) const CONSTRUCTOR: &str = "new";
/// The name of conversions in the table.
pub(super) const CONVERSION: &str = "operator";
/// The name of indexers in the table.
pub(in crate::expression) const INDEXER: &str = "this[]";

/// Words and signs of a declaration, from left to right.
struct Reader<'a> {
    declaration: &'a str,
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn new(declaration: &'a str) -> Self {
        Self { declaration, rest: declaration.trim_start() }
    }

    fn wrong(&self, reason: impl Into<String>) -> Wrong {
        Wrong {
            declaration: self.declaration.to_owned(),
            reason: format!("{} at '{}'", reason.into(), self.rest),
        }
    }

    /// The word or sign here; empty at the end.
    fn peek(&self) -> &'a str {
        let end = self.rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(self.rest.len());
        match end {
            0 => {
                let length = self.rest.chars().next().map_or(0, char::len_utf8);
                &self.rest[..length]
            }
            _ => &self.rest[..end],
        }
    }

    fn next(&mut self) -> &'a str {
        let next = self.peek();
        self.rest = self.rest[next.len()..].trim_start();
        next
    }

    fn take(&mut self, wanted: &str) -> bool {
        let found = self.peek() == wanted;
        if found {
            self.next();
        }
        found
    }

    fn expect(&mut self, wanted: &str) -> Result<(), Wrong> {
        if self.take(wanted) { Ok(()) } else { Err(self.wrong(format!("expected '{wanted}'"))) }
    }

    fn end(&self) -> Result<(), Wrong> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.wrong("expected the end")) }
    }

    fn word(&mut self) -> Result<&'a str, Wrong> {
        match self.peek().chars().next() {
            Some(first) if first.is_alphabetic() || first == '_' => Ok(self.next()),
            _ => Err(self.wrong("expected a name")),
        }
    }

    /// `<T, U>`, or nothing.
    fn generics(&mut self) -> Result<Vec<Arc<str>>, Wrong> {
        let mut found = Vec::new();
        if self.take("<") {
            found.push(self.word()?.into());
            while self.take(",") {
                found.push(self.word()?.into());
            }
            self.expect(">")?;
        }
        Ok(found)
    }

    /// The type parameters that a method declares, while its result has not been read.
    fn own_generics(&self) -> Result<Vec<Arc<str>>, Wrong> {
        let mut ahead = Self { declaration: self.declaration, rest: self.rest };
        ahead.skip_type()?;
        if ahead.peek() == "this" || ahead.peek() == "operator" {
            return Ok(Vec::new());
        }
        ahead.word()?;
        ahead.generics()
    }

    fn skip_type(&mut self) -> Result<(), Wrong> {
        self.word()?;
        if self.take("<") {
            self.skip_type()?;
            while self.take(",") {
                self.skip_type()?;
            }
            self.expect(">")?;
        }
        loop {
            if self.take("[") {
                self.expect("]")?;
            } else if !self.take("?") {
                return Ok(());
            }
        }
    }

    /// A type.
    fn of(&mut self, names: &Names<'_>, own: &[Arc<str>]) -> Result<Type, Wrong> {
        let word = self.word()?;
        let mut arguments = Vec::new();
        if self.take("<") {
            arguments.push(self.of(names, own)?);
            while self.take(",") {
                arguments.push(self.of(names, own)?);
            }
            self.expect(">")?;
        }
        let parameters = || names.parameters.iter().chain(own);
        let mut found = if let Some(keyword) = Type::of_keyword(word) {
            keyword
        } else if let Some(number) = parameters().position(|parameter| &**parameter == word) {
            Type::Parameter(u8::try_from(number).unwrap_or(u8::MAX))
        } else if let Some(class) = (names.classes)(word, arguments.len()) {
            Type::Class(class, arguments.into())
        } else {
            return Err(
                self.wrong(format!("no type row declares {word} with {} parameters", arguments.len()))
            );
        };
        loop {
            if self.take("[") {
                self.expect("]")?;
                found = Type::array(found);
            } else if self.take("?") {
                found = Type::nullable(found);
            } else {
                return Ok(found);
            }
        }
    }

    /// What follows the result of a member: `Name`, `Name(…)`, `this[…]`, `operator +(…)`.
    fn rest(
        &mut self,
        member: &mut MemberInfo,
        names: &Names<'_>,
        own: &[Arc<str>],
        sets: bool,
    ) -> Result<(), Wrong> {
        if self.take("this") {
            member.name = INDEXER.into();
            member.kind = if sets { MemberKind::IndexerSet } else { MemberKind::Indexer };
            member.parameters = self.parameters(names, own, "[", "]")?.1;
        } else if self.take("operator") {
            let symbol: String = self.rest.chars().take_while(|c| *c != '(').collect();
            self.rest = &self.rest[symbol.len()..];
            let operator = OPERATORS.iter().find(|operator| operator.symbol() == symbol.trim());
            let operator = *operator.ok_or_else(|| self.wrong("no operator that a row can declare"))?;
            (member.kind, member.name) = (MemberKind::Operator(operator), operator.symbol().into());
            member.parameters = self.parameters(names, own, "(", ")")?.1;
        } else {
            member.name = self.word()?.into();
            self.generics()?;
            if self.peek() == "(" {
                member.kind = MemberKind::Method;
                (member.is_extension, member.parameters) = self.parameters(names, own, "(", ")")?;
            } else {
                member.kind = if sets { MemberKind::PropertySet } else { MemberKind::Property };
            }
        }
        Ok(())
    }

    /// `(this T a, params U[] b, out V c, int d = 1)`, and whether `this` is there.
    fn parameters(
        &mut self,
        names: &Names<'_>,
        own: &[Arc<str>],
        open: &str,
        close: &str,
    ) -> Result<(bool, Vec<ParameterInfo>), Wrong> {
        self.expect(open)?;
        let extension = self.take("this");
        let mut found = Vec::new();
        while !self.take(close) {
            if !found.is_empty() {
                self.expect(",")?;
            }
            let mode = if self.take("params") {
                Mode::Params
            } else if self.take("out") {
                Mode::Out
            } else {
                Mode::Value
            };
            let of = self.of(names, own)?;
            let name = self.word()?.into();
            let default = if self.take("=") { Some(self.default()?) } else { None };
            found.push(ParameterInfo { name, of, mode, default });
        }
        Ok((extension, found))
    }

    fn default(&mut self) -> Result<Datum, Wrong> {
        let negative = self.take("-");
        let word = self.next();
        match word {
            "null" => Ok(Datum::Null),
            "true" | "false" => Ok(Datum::Bool(word == "true")),
            "\"" => {
                let (text, rest) = self.rest.split_once('"').ok_or_else(|| self.wrong("no closing quote"))?;
                self.rest = rest.trim_start();
                Ok(Datum::text(text))
            }
            number => {
                let number: i32 = number.parse().map_err(|_| self.wrong("no default value"))?;
                Ok(Datum::Int(if negative { -number } else { number }))
            }
        }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.declaration, self.reason)
    }
}

const KINDS: [&str; 3] = ["class", "struct", "interface"];

const OPERATORS: [BinaryOperator; 11] = [
    BinaryOperator::Equal,
    BinaryOperator::NotEqual,
    BinaryOperator::Less,
    BinaryOperator::Greater,
    BinaryOperator::LessOrEqual,
    BinaryOperator::GreaterOrEqual,
    BinaryOperator::Add,
    BinaryOperator::Subtract,
    BinaryOperator::Multiply,
    BinaryOperator::Divide,
    BinaryOperator::Remainder,
];
