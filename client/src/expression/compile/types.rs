//! Types as they are written, resolved.

use super::binder::Binder;
use super::near;
use crate::expression::position::Span;
use crate::expression::syntax::{self, NamePart, TypeKind};
use crate::expression::types::{Type, class_named, info, table};

impl Binder {
    /// The type that is written.
    pub(super) fn resolve(&mut self, written: &syntax::Type) -> Type {
        match &written.kind {
            TypeKind::Predefined(predefined) => (*predefined).into(),
            TypeKind::Array(element) => Type::array(self.resolve(element)),
            TypeKind::Nullable(inner) => {
                let inner = self.resolve(inner);
                if !inner.is_value() && !inner.is_unknown() {
                    let text = format!("{inner} takes null already; '?' is for value types");
                    self.tell(written.span.start, text);
                }
                Type::nullable(inner)
            }
            TypeKind::Named(parts) => self.resolve_name(parts, written.span),
        }
    }

    fn resolve_name(&mut self, parts: &[NamePart], at: Span) -> Type {
        let Some((last, namespace)) = parts.split_last() else { return Type::Unknown };
        let arguments: Vec<Type> =
            last.type_arguments.iter().map(|argument| self.resolve(argument)).collect();
        let namespace: Vec<&str> = namespace.iter().map(|part| &*part.name.name).collect();
        match type_named(&namespace.join("."), &last.name.name, &arguments) {
            Some(found) => {
                self.must_be_usable(&found, at);
                found
            }
            None => {
                let hint = near::hint(&last.name.name, type_names());
                self.error(at, format!("there is no type '{}'{hint}", last.name.name)).of
            }
        }
    }

    /// An error for a type that is documented and cannot be here.
    pub(super) fn must_be_usable(&mut self, found: &Type, at: Span) {
        if let Type::Class(class, _) = found
            && let Some(reason) = info(*class).refused
        {
            self.tell(at.start, format!("{found} cannot be used here: {reason}"));
        }
    }
}

/// The type with this name, its namespace written or not.
pub(super) fn type_named(namespace: &str, name: &str, arguments: &[Type]) -> Option<Type> {
    let class = class_named(name, arguments.len())?;
    let info = info(class);
    if !namespace.is_empty() && namespace != info.namespace || is_hidden(name) {
        return None;
    }
    if arguments.is_empty()
        && let Some(keyword) = Type::of_class(name)
    {
        return Some(keyword);
    }
    if name == "Nullable"
        && let [inner] = arguments
    {
        return Some(Type::nullable(inner.clone()));
    }
    Some(if arguments.is_empty() { Type::class(class) } else { Type::Class(class, arguments.into()) })
}

/// Whether names may begin with this, as `System.Text`.
pub(super) fn is_namespace(name: &str) -> bool {
    table().classes.iter().any(|class| {
        class.namespace.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

pub(super) fn type_names() -> impl Iterator<Item = &'static str> {
    table().classes.iter().map(|class| &*class.name).filter(|name| !is_hidden(name))
}

/// Rows that carry members of types which have no name in C#.
fn is_hidden(name: &str) -> bool {
    matches!(name, "IHeaders" | "IQuery" | "IVariables" | "IMatchedParameters")
}
