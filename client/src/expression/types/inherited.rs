//! What classes have from those that they derive from, worked out once for all lookups of the compiler. Which
//! of several members a call means is left to it.

use std::collections::HashMap;
use std::sync::Arc;

use super::Type;
use super::signature::CONVERSION;
use super::table::{Class, MemberInfo, Table};

/// A member of a class, its own or of one that it derives from.
#[derive(Debug)]
pub(in crate::expression) struct Inherited {
    pub(in crate::expression) member: Arc<MemberInfo>,
    owner: Owner,
}

/// The type arguments of the class that declares a member.
#[derive(Debug, Clone)]
enum Owner {
    /// Those of the class itself.
    Same,
    /// The same for all.
    Fixed(Arc<[Type]>),
    /// With the type parameters of the class in them.
    Open(Arc<[Type]>),
}

/// All that a class has.
#[derive(Debug, Default)]
pub(super) struct Heritage {
    /// All that it derives from, the nearest first, with its own type parameters in them.
    pub(super) ancestors: Vec<Type>,
    /// By name: its own members first, then of what it derives from, then of `object`.
    pub(super) members: HashMap<Arc<str>, Vec<Inherited>>,
    /// The conversions among them, without those of `object`.
    pub(super) conversions: Vec<Inherited>,
}

impl Inherited {
    /// The type arguments of the class that declares it, on a class with these.
    pub(in crate::expression) fn owner(&self, arguments: &Arc<[Type]>) -> Arc<[Type]> {
        match &self.owner {
            Owner::Same => arguments.clone(),
            Owner::Fixed(types) => types.clone(),
            Owner::Open(types) => types.iter().map(|of| of.with(arguments)).collect(),
        }
    }
}

impl Heritage {
    /// That of a class in a table whose rows have all been read.
    pub(super) fn of(class: Class, table: &Table) -> Self {
        let ancestors = ancestors(class, table);
        let mut members: HashMap<Arc<str>, Vec<Inherited>> = HashMap::new();
        let mut add = |declarer: Class, owner: &Owner| {
            for (name, own) in &table.class(declarer).members {
                let inherited = own.iter().map(|member| Inherited::of(member, owner));
                members.entry(name.clone()).or_default().extend(inherited);
            }
        };
        add(class, &Owner::Same);
        for base in &ancestors {
            let Some((declarer, owner)) = table.class_of(base) else { continue };
            let is_open = owner.iter().any(Type::is_open);
            add(declarer, &if is_open { Owner::Open(owner) } else { Owner::Fixed(owner) });
        }
        if let Some((object, owner)) = table.class_of(&Type::Object)
            && object != class
        {
            add(object, &Owner::Fixed(owner));
        }
        let conversions = members.get(CONVERSION).map(Vec::as_slice).unwrap_or_default();
        let conversions = conversions.iter().map(|one| Inherited::of(&one.member, &one.owner)).collect();
        Self { ancestors, members, conversions }
    }
}

impl Inherited {
    fn of(member: &Arc<MemberInfo>, owner: &Owner) -> Self {
        Self { member: member.clone(), owner: owner.clone() }
    }
}

/// All that a class derives from.
fn ancestors(class: Class, table: &Table) -> Vec<Type> {
    let mut found: Vec<Type> = Vec::new();
    let mut next = table.class(class).bases.clone();
    while let Some(base) = next.pop() {
        if found.contains(&base) {
            continue;
        }
        if let Some((class, arguments)) = table.class_of(&base) {
            next.extend(table.class(class).bases.iter().map(|of| of.with(&arguments)));
        }
        found.push(base);
    }
    found
}
