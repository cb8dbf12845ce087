//! Conversions put into the tree; those of constants are carried out at once.

use super::binder::{Binder, Bound};
use super::conversion::{self, Way};
use crate::expression::members::Run;
use crate::expression::position::Span;
use crate::expression::run::{CallNode, Conversion, Node};
use crate::expression::types::{Type, info};

impl Binder {
    /// The value as one of this type, without a cast; an error if there is no such conversion.
    pub(super) fn convert(&mut self, value: Bound, to: &Type) -> Bound {
        match conversion::implicit(&value.of, to, value.constant()) {
            Some(way) => self.take_way(value, &way, to),
            None => {
                let cast = conversion::explicit(&value.of, to, value.constant()).is_some();
                let text = match (&value.of, cast) {
                    (Type::Null, _) => format!("{to} cannot be null"),
                    (Type::Void, _) => "a method without a result has no value".to_owned(),
                    (of, true) => format!("expected {to}, found {of}; a cast '({to})' converts it"),
                    (of, false) => format!("expected {to}, found {of}"),
                };
                self.error(value.at, text)
            }
        }
    }

    /// `(T)value`
    pub(super) fn cast(&mut self, value: Bound, to: &Type, at: Span) -> Bound {
        match conversion::explicit(&value.of, to, value.constant()) {
            Some(way) => {
                let mut cast = self.take_way(value, &way, to);
                cast.at = at;
                cast
            }
            None => self.error(at, format!("{} cannot be cast to {to}", value.of)),
        }
    }

    /// The value, converted in this way.
    pub(super) fn take_way(&mut self, value: Bound, way: &Way, to: &Type) -> Bound {
        let at = value.at;
        let node = match way {
            Way::Same => value.node,
            Way::By(conversion) => converted(conversion.clone(), value.node, at),
            Way::Member(before, member, after) => {
                #[cfg(test)]
                crate::expression::members::used(member);
                let takes = member.parameters.first().map_or(Type::Object, |parameter| parameter.of.clone());
                let value = self.take_way(value, before, &takes);
                let Run::Call(run) = member.run else {
                    let text = format!("{} converts nothing here", info(member.owner).name);
                    return self.error(at, text);
                };
                let call = CallNode {
                    run,
                    arguments: vec![value.node],
                    types: Vec::new(),
                    has_receiver: false,
                    outs: Vec::new(),
                    at: at.start,
                };
                let value = Bound::new(Node::Call(Box::new(call)), member.result.clone(), at);
                return self.take_way(value, after, to);
            }
        };
        let of = if value.of.is_unknown() { Type::Unknown } else { to.clone() };
        Bound::new(node, of, at)
    }
}

/// A conversion of a node, carried out if it is a constant and does not fail.
pub(super) fn converted(conversion: Conversion, node: Node, at: Span) -> Node {
    if let Node::Constant(value) = &node
        && let Ok(value) = conversion.apply(value.clone())
    {
        return Node::Constant(value);
    }
    Node::Convert(Box::new((conversion, node, at.start)))
}
