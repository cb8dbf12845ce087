//! The table of classes: what the rows declare, read once, and looked up by name.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use super::Type;
use super::inherited::{Heritage, Inherited};
use super::signature::{self, Names, Wrong};
use super::type_of::CLASSES;
use crate::dotnet::Datum;
use crate::dotnet::object::EnumType;
use crate::expression::members::{self, Run, TypeRow};
use crate::expression::syntax::BinaryOperator;

/// A class of the table, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Class(u16);

/// What is known of a class.
#[derive(Debug)]
pub(in crate::expression) struct ClassInfo {
    pub(in crate::expression) name: Arc<str>,
    pub(in crate::expression) namespace: &'static str,
    /// How many type parameters it has, for the list of members.
    #[cfg(test)]
    pub(in crate::expression) parameters: usize,
    pub(in crate::expression) kind: ClassKind,
    /// What it derives from, with its own type parameters in them.
    pub(in crate::expression) bases: Vec<Type>,
    /// Those that it declares itself.
    pub(in crate::expression) members: HashMap<Arc<str>, Vec<Arc<MemberInfo>>>,
    /// With those of the classes that it derives from.
    heritage: Heritage,
    /// Why it cannot be used here.
    pub(in crate::expression) refused: Option<&'static str>,
}

/// The forms of a class.
#[derive(Debug)]
pub(in crate::expression) enum ClassKind {
    Class,
    Static,
    Interface,
    Struct,
    Enum(&'static EnumType),
    Delegate(Delegate),
}

/// What a lambda of a type takes and gives.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::expression) struct Delegate {
    pub(in crate::expression) parameters: Vec<Type>,
    pub(in crate::expression) result: Type,
}

/// A member, read from its row.
#[derive(Debug)]
pub(in crate::expression) struct MemberInfo {
    /// How the row declares it.
    #[cfg(test)]
    pub(in crate::expression) declaration: &'static str,
    pub(in crate::expression) owner: Class,
    pub(in crate::expression) name: Arc<str>,
    pub(in crate::expression) kind: MemberKind,
    pub(in crate::expression) is_static: bool,
    /// Whether its first parameter is `this`.
    pub(in crate::expression) is_extension: bool,
    /// Type parameters of its own; they are numbered after those of its class.
    pub(in crate::expression) generics: usize,
    /// Without the receiver of an instance member.
    pub(in crate::expression) parameters: Vec<ParameterInfo>,
    pub(in crate::expression) result: Type,
    pub(in crate::expression) run: Run,
}

/// The forms of a member. Operators have a name of their own, see [`MemberInfo::name`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::expression) enum MemberKind {
    Property,
    PropertySet,
    Method,
    Constructor,
    Indexer,
    IndexerSet,
    Operator(BinaryOperator),
    Implicit,
    Explicit,
}

/// A parameter of a member.
#[derive(Debug)]
pub(in crate::expression) struct ParameterInfo {
    pub(in crate::expression) name: Arc<str>,
    pub(in crate::expression) of: Type,
    pub(in crate::expression) mode: Mode,
    /// What is handed in if nothing is said.
    pub(in crate::expression) default: Option<Datum>,
}

/// How a parameter is handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::expression) enum Mode {
    Value,
    Out,
    /// `params T[]`
    Params,
}

/// All classes.
pub(in crate::expression) struct Table {
    pub(in crate::expression) classes: Vec<ClassInfo>,
    /// By name, at the place of the number of type parameters.
    names: HashMap<Arc<str>, Vec<Option<Class>>>,
    /// The classes of the types with a keyword, in the order of [`CLASSES`].
    keywords: Vec<Option<Class>>,
    array: Option<Class>,
    nullable: Option<Class>,
    /// Methods with `this`, by name.
    pub(in crate::expression) extensions: HashMap<Arc<str>, Vec<Arc<MemberInfo>>>,
    /// Rows that could not be read; a test wants none.
    pub(in crate::expression) wrong: Vec<Wrong>,
}

/// The table.
pub(in crate::expression) fn table() -> &'static Table {
    static TABLE: LazyLock<Table> = LazyLock::new(|| Table::of(members::TYPES));
    &TABLE
}

/// What is known of a class.
pub(in crate::expression) fn info(class: Class) -> &'static ClassInfo {
    &table().classes[usize::from(class.0)]
}

/// The class with this name and as many type parameters.
pub(in crate::expression) fn class_named(name: &str, parameters: usize) -> Option<Class> {
    table().named(name, parameters)
}

/// Whether a value whose type has this name is one of that type.
pub(in crate::expression) fn derives(name: &str, of: &Type) -> bool {
    let names = Names { classes: &class_named, parameters: &[] };
    match (signature::type_of(name, &names), of) {
        (Some(found), of) => found.derives_from(of),
        // Some values do not know their type arguments.
        (None, Type::Class(class, _)) => &*info(*class).name == name,
        _ => false,
    }
}

/// Whether the class of this name is that of the other, or derives from it.
pub(in crate::expression) fn class_derives(name: &str, base: &str) -> bool {
    match class_named(base, 0) {
        Some(base) => derives(name, &Type::class(base)),
        None => name == base,
    }
}

impl ClassInfo {
    /// Members with this name: its own first, then of what it derives from, then of `object`.
    pub(in crate::expression) fn named(&self, name: &str) -> &[Inherited] {
        self.heritage.members.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// The conversions that it declares, or what it derives from.
    pub(in crate::expression) fn conversions(&self) -> &[Inherited] {
        &self.heritage.conversions
    }

    /// All that it derives from, with its own type parameters in them.
    pub(in crate::expression) fn ancestors(&self) -> &[Type] {
        &self.heritage.ancestors
    }
}

impl ClassKind {
    pub(in crate::expression) fn is_value(&self) -> bool {
        matches!(self, Self::Struct | Self::Enum(_))
    }
}

impl Table {
    fn of(files: &[&'static [TypeRow]]) -> Self {
        let rows: Vec<&'static TypeRow> = files.iter().flat_map(|file| file.iter()).collect();
        let mut table = Self {
            classes: Vec::new(),
            names: HashMap::new(),
            keywords: Vec::new(),
            array: None,
            nullable: None,
            extensions: HashMap::new(),
            wrong: Vec::new(),
        };
        let (mut heads, mut added) = (Vec::new(), Vec::new());
        for row in rows {
            match signature::head(row) {
                Ok(head) if row.adds => added.push((row, head)),
                Ok(head) => {
                    let Ok(number) = u16::try_from(table.classes.len()) else { break };
                    table.name(&head, Class(number));
                    table.classes.push(ClassInfo {
                        name: head.name.clone(),
                        namespace: row.namespace,
                        #[cfg(test)]
                        parameters: head.parameters.len(),
                        kind: ClassKind::Class,
                        bases: Vec::new(),
                        members: HashMap::new(),
                        heritage: Heritage::default(),
                        refused: row.refused,
                    });
                    heads.push((Class(number), row, head));
                }
                Err(wrong) => table.wrong.push(wrong),
            }
        }
        for (row, head) in added {
            match table.named(&head.name, head.parameters.len()) {
                Some(class) => heads.push((class, row, head)),
                None => table.wrong.push(Wrong::of(row.declaration, "no row declares this type")),
            }
        }
        for (class, row, head) in heads {
            table.fill(class, row, &head);
        }
        table.inherit();
        table
    }

    /// The class with this name and as many type parameters.
    fn named(&self, name: &str, parameters: usize) -> Option<Class> {
        self.names.get(name)?.get(parameters).copied().flatten()
    }

    fn name(&mut self, head: &signature::Head, class: Class) {
        let places = self.names.entry(head.name.clone()).or_default();
        places.resize(places.len().max(head.parameters.len() + 1), None);
        places[head.parameters.len()] = Some(class);
    }

    /// What is known of a class.
    pub(super) fn class(&self, class: Class) -> &ClassInfo {
        &self.classes[usize::from(class.0)]
    }

    /// The class whose members a type has, and its type arguments.
    pub(super) fn class_of(&self, of: &Type) -> Option<(Class, Arc<[Type]>)> {
        match of {
            Type::Class(class, arguments) => Some((*class, arguments.clone())),
            Type::Array(element) => Some((self.array?, Arc::new([(**element).clone()]))),
            Type::Nullable(inner) => Some((self.nullable?, Arc::new([(**inner).clone()]))),
            of => {
                let keyword = CLASSES.iter().position(|(known, _)| known == of)?;
                Some((self.keywords.get(keyword).copied().flatten()?, Arc::default()))
            }
        }
    }

    /// The third round: what each class has from those that it derives from.
    fn inherit(&mut self) {
        self.keywords = CLASSES.iter().map(|(_, name)| self.named(name, 0)).collect();
        (self.array, self.nullable) = (self.named("Array", 1), self.named("Nullable", 1));
        for number in 0..self.classes.len() {
            let class = Class(u16::try_from(number).unwrap_or(u16::MAX));
            self.classes[number].heritage = Heritage::of(class, self);
        }
    }

    /// The second round: bases and members, which may name any class.
    fn fill(&mut self, class: Class, row: &'static TypeRow, head: &signature::Head) {
        let names = |name: &str, count: usize| self.named(name, count);
        let names = Names { classes: &names, parameters: &head.parameters };
        let mut wrong = Vec::new();
        let (kind, bases) = signature::kind_and_bases(row, head, &names).unwrap_or_else(|error| {
            wrong.push(error);
            (ClassKind::Class, Vec::new())
        });
        let mut found: Vec<Arc<MemberInfo>> = Vec::new();
        for member in row.members {
            match signature::member(class, member, &names) {
                Ok(member) => found.push(Arc::new(member)),
                Err(error) => wrong.push(error),
            }
        }
        self.wrong.extend(wrong);
        for member in &found {
            if member.is_extension {
                self.extensions.entry(member.name.clone()).or_default().push(member.clone());
            }
        }
        let info = &mut self.classes[usize::from(class.0)];
        if !row.adds {
            info.kind = kind;
        }
        info.bases.extend(bases);
        for member in found {
            info.members.entry(member.name.clone()).or_default().push(member);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_can_be_read_and_none_stands_twice() {
        let table = table();
        assert!(table.wrong.is_empty(), "{:?}", table.wrong);
        let named = table.names.values().flatten().flatten().count();
        assert_eq!(named, table.classes.len(), "a type stands twice");
        for class in &table.classes {
            for members in class.members.values() {
                for (at, member) in members.iter().enumerate() {
                    let same = |other: &&Arc<MemberInfo>| {
                        other.kind == member.kind
                            && other.generics == member.generics
                            && other.result == member.result
                            && other.parameters.len() == member.parameters.len()
                            && other.parameters.iter().zip(&member.parameters).all(|(a, b)| a.of == b.of)
                    };
                    assert!(
                        !members[..at].iter().any(|other| same(&other)),
                        "{}.{} stands twice",
                        class.name,
                        member.name
                    );
                }
            }
        }
    }
}
