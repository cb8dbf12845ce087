//! A whole expression: compiled once, evaluated for many requests.

use std::sync::Arc;

use bytes::Bytes;
use larder_proto::envelope::Response;

use super::binder::Binder;
use crate::context::{Content, Context};
use crate::dotnet::object::Part;
use crate::dotnet::{Datum, Exception, ExceptionKind};
use crate::expression::error::ExpressionError;
use crate::expression::parser::parse;
use crate::expression::position::Position;
use crate::expression::run::{Code, Function, Machine, Node, UNPLACED};
use crate::expression::surroundings::{Failure, Surroundings};
use crate::expression::syntax::Body;
use crate::expression::types::Type;
use crate::limits;

/// An expression that is ready to be evaluated. Clones share it.
#[derive(Debug, Clone)]
pub struct Compiled(Arc<Program>);

#[derive(Debug)]
struct Program {
    function: Function,
    result: Type,
    needs: Needs,
    at: Position,
}

/// What the caller takes: C#'s implicit conversions decide whether an expression gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wanted {
    /// A value of any type.
    Any,
    /// `string`
    Text,
    /// `bool`
    Bool,
    /// `int`: neither `uint` nor `long`.
    Int,
}

/// What must have been read before an expression is evaluated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Needs {
    /// The body of the request.
    pub request_body: bool,
    /// The body of the response.
    pub response_body: bool,
}

/// Compiles a policy expression. `text` begins with `@(` or `@{` and ends with the bracket that closes it;
/// `start` is where it begins in its document.
///
/// # Errors
///
/// What the parser does not read, or else everything that has no meaning, in the order of the text: at most
/// [`limits::EXPRESSION_ERRORS_MAX`].
pub fn compile(text: &str, start: Position, wanted: Wanted) -> Result<Compiled, Vec<ExpressionError>> {
    let syntax = parse(text, start).map_err(|error| vec![error])?;
    let mut binder = Binder::new();
    let wanted = match wanted {
        Wanted::Any => None,
        Wanted::Text => Some(Type::String),
        Wanted::Bool => Some(Type::Bool),
        Wanted::Int => Some(Type::Int),
    };
    let (body, result) = match &syntax.body {
        Body::Expression(expression) => {
            let value = match &wanted {
                Some(wanted) => binder.expression_as(expression, wanted),
                None => binder.expression(expression),
            };
            if value.of == Type::Void {
                binder.tell(expression.span.start, "a method without a result has no value");
            }
            binder.note_result(&value);
            (Code::Return(Some(value.node)), value.of)
        }
        Body::Block(block) => binder.function_body(block, wanted.as_ref()),
    };
    let mut errors = binder.errors;
    if !errors.is_empty() {
        errors.sort_by_key(|error| error.at);
        errors.dedup();
        errors.truncate(limits::EXPRESSION_ERRORS_MAX);
        return Err(errors);
    }
    let scope = binder.functions.pop().unwrap_or_default();
    let (slots, captured) = (scope.slots, scope.captured);
    let function = Function { slots, captured, body, type_name: "Func".into() };
    Ok(Compiled(Arc::new(Program { function, result, needs: binder.needs, at: start })))
}

impl Compiled {
    /// What must have been read before it is evaluated.
    #[must_use]
    pub fn needs(&self) -> Needs {
        self.0.needs
    }

    /// The type of its value.
    #[must_use]
    pub fn result(&self) -> &Type {
        &self.0.result
    }

    /// The value, if it is the same for every request.
    #[must_use]
    pub fn constant(&self) -> Option<&Datum> {
        match &self.0.function.body {
            Code::Return(Some(Node::Constant(value))) if !matches!(value, Datum::Part(_)) => Some(value),
            _ => None,
        }
    }

    /// Its value for a request. `context.Response` as a value is the response as it stands.
    ///
    /// # Errors
    ///
    /// What it throws and does not catch, and limits that it exceeds.
    pub fn evaluate(&self, context: &mut Context, surroundings: &Surroundings<'_>) -> Result<Datum, Failure> {
        if let Some(value) = self.constant() {
            return Ok(value.clone());
        }
        let run = Machine::new(context, surroundings).run(&self.0.function);
        let placed = |failure: Failure| match failure.at == UNPLACED {
            true => Failure { at: self.0.at, ..failure },
            false => failure,
        };
        match run.map_err(placed)? {
            Datum::Part(Part::Response) => {
                kept(context).map_err(|exception| Failure { at: self.0.at, exception })
            }
            value => Ok(value),
        }
    }
}

/// The response of the context as a value of its own.
fn kept(context: &Context) -> Result<Datum, Exception> {
    let Some(response) = &context.response else { return Ok(Datum::Null) };
    let body = match &response.body {
        Content::Bytes(bytes) => bytes.clone(),
        Content::Absent => Bytes::new(),
        Content::Stream(_) | Content::Consumed => {
            let text = "the body of the response has been used up, or not been read yet";
            return Err(Exception::new(ExceptionKind::InvalidOperation, text));
        }
    };
    let headers = response.headers.iter();
    let headers =
        headers.map(|(name, value)| (name.as_str().to_owned(), Bytes::copy_from_slice(value.as_bytes())));
    Ok(Datum::Response(Arc::new(Response {
        status: response.status.as_u16(),
        reason: response.reason.as_deref().unwrap_or_default().to_owned(),
        headers: headers.collect(),
        body,
    })))
}
