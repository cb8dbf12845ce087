//! From settings to values: bodies are read before an expression that looks at them runs, and what it
//! gives is checked against what its attribute takes.

use std::sync::Arc;

use super::failure::StatementError;
use super::handle::Shared;
use super::run::Run;
use crate::context::{BodyError, Content, Context};
use crate::dotnet::Datum;
use crate::dotnet::text::Formattable;
use crate::expression::{Compiled, Surroundings};
use crate::policy::row::Kind;
use crate::policy::{Expression, Setting};

impl Run<'_> {
    /// The value of a text that may have any type.
    pub(super) async fn any(&mut self, setting: &Setting<Arc<str>>) -> Result<Datum, StatementError> {
        match setting {
            Setting::Literal(text) => Ok(Datum::String(text.clone())),
            Setting::Expression(expression) => self.evaluated(expression).await,
        }
    }

    /// Any value as text; none if it is null.
    pub(super) async fn optional_text(
        &mut self,
        setting: &Setting<Arc<str>>,
    ) -> Result<Option<Arc<str>>, StatementError> {
        match setting {
            Setting::Literal(text) => Ok(Some(text.clone())),
            Setting::Expression(expression) => into_text(self.evaluated(expression).await?),
        }
    }

    /// Text that is not empty: a key, a name.
    pub(super) async fn text(&mut self, setting: &Setting<Arc<str>>) -> Result<Arc<str>, StatementError> {
        match self.optional_text(setting).await? {
            Some(text) if !text.is_empty() => Ok(text),
            _ => Err(wrong(Kind::Text)),
        }
    }

    pub(super) async fn flag(&mut self, setting: &Setting<bool>) -> Result<bool, StatementError> {
        match setting {
            Setting::Literal(flag) => Ok(*flag),
            Setting::Expression(expression) => match self.evaluated(expression).await? {
                Datum::Bool(flag) => Ok(flag),
                _ => Err(wrong(Kind::Bool)),
            },
        }
    }

    pub(super) async fn flag_or(
        &mut self,
        setting: &Option<Setting<bool>>,
        default: bool,
    ) -> Result<bool, StatementError> {
        match setting {
            Some(setting) => self.flag(setting).await,
            None => Ok(default),
        }
    }

    /// A number of a kind, which is checked again: only literals were when the document was read.
    pub(super) async fn number(&mut self, setting: &Setting<u32>, kind: Kind) -> Result<u32, StatementError> {
        match setting {
            Setting::Literal(number) => Ok(*number),
            Setting::Expression(expression) => match self.evaluated(expression).await? {
                // A lifetime less a part of it may come out below zero: it is over, which is no failure.
                Datum::Int(..0) if matches!(kind, Kind::Seconds(_)) => Ok(0),
                Datum::Int(number) => kind.number(i64::from(number)).ok_or_else(|| wrong(kind)),
                _ => Err(wrong(kind)),
            },
        }
    }

    /// A word of a list.
    pub(super) async fn word<T: Copy>(
        &mut self,
        setting: &Setting<T>,
        find: fn(&str) -> Option<T>,
    ) -> Result<T, StatementError> {
        match setting {
            Setting::Literal(word) => Ok(*word),
            Setting::Expression(expression) => {
                let text = into_text(self.evaluated(expression).await?)?;
                text.and_then(|text| find(&text)).ok_or_else(|| {
                    StatementError::expression(
                        "Expression evaluation failed. It gave none of the known words.",
                    )
                })
            }
        }
    }

    pub(super) async fn evaluated(&mut self, expression: &Expression) -> Result<Datum, StatementError> {
        match &expression.code.0 {
            Some(code) => {
                prepare(code, self.context, self.engine.body_bytes_max).await?;
                evaluate(code, self.context, self.engine)
            }
            // Only documents that were read to be run come here: see `Policy::read`.
            None => Err(StatementError::expression("The expression was not compiled.")),
        }
    }
}

/// Reads the bodies that an expression looks at.
pub(super) async fn prepare(
    code: &Compiled,
    context: &mut Context,
    body_bytes_max: usize,
) -> Result<(), StatementError> {
    let needs = code.needs();
    if needs.request_body {
        buffer(&mut context.request.body, "request", body_bytes_max).await?;
    }
    if needs.response_body
        && let Some(response) = &mut context.response
    {
        buffer(&mut response.body, "response", body_bytes_max).await?;
    }
    Ok(())
}

/// Evaluates an expression whose bodies have been read.
pub(super) fn evaluate(
    code: &Compiled,
    context: &mut Context,
    engine: &Shared,
) -> Result<Datum, StatementError> {
    let surroundings = Surroundings {
        clock: &*engine.clock,
        wall_clock: &*engine.wall_clock,
        random: &*engine.random,
        limits: engine.limits,
    };
    code.evaluate(context, &surroundings).map_err(|failure| {
        let text = format!("Expression evaluation failed. {} ({})", failure.exception, failure.at);
        StatementError::expression(text)
    })
}

async fn buffer(body: &mut Content, whose: &str, limit: usize) -> Result<(), StatementError> {
    match body {
        Content::Stream(_) => body.buffer(limit).await.map_err(|error| {
            let what = match error {
                BodyError::TooLong { limit } => format!("is longer than {limit} bytes"),
                BodyError::Broken(_) => "ended too early".to_owned(),
            };
            StatementError::expression(format!(
                "Expression evaluation failed. The body of the {whose} {what}."
            ))
        }),
        _ => Ok(()),
    }
}

/// Any value as `ToString()` prints it; none is null.
pub(super) fn into_text(datum: Datum) -> Result<Option<Arc<str>>, StatementError> {
    match datum {
        Datum::String(text) => Ok(Some(text)),
        Datum::Null => Ok(None),
        other => match other.to_text("") {
            Ok(text) => Ok(Some(text.into())),
            Err(exception) => {
                Err(StatementError::expression(format!("Expression evaluation failed. {exception}")))
            }
        },
    }
}

fn wrong(kind: Kind) -> StatementError {
    StatementError::expression(format!("Expression evaluation failed. It must give {}.", kind.expected()))
}
