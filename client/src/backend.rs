//! What a cache can be asked, whichever it is, and how it is asked in the Redis protocol. Where it
//! is, and how one connects to it, is the business of `external` and `internal`.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use larder_proto::window::Mode;
use redis::{Cmd, Value};

use crate::guard::Budget;
use crate::link::CallError;
use crate::nodes::Nodes;
use crate::outcome::Cause;
use crate::rate::{LimitAnswer, LimitQuestion, LimitScript};

/// The future of an answer.
pub(crate) type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Cause>> + Send + 'a>>;

/// The future of a wait.
pub(crate) type Wait<'a> = Pin<Box<dyn Future<Output = bool> + Send + 'a>>;

/// A store for values. Every operation may be repeated, and ends within its budget.
pub(crate) trait Backend: Send + Sync {
    /// The bytes that the key holds.
    fn get<'a>(&'a self, key: &'a str, budget: Budget) -> Answer<'a, Option<Bytes>>;
    /// Gives the key these bytes for so many seconds, at least one.
    fn set<'a>(&'a self, key: &'a str, value: &'a [u8], seconds: u32, budget: Budget) -> Answer<'a, ()>;
    /// Removes the key; false if it held nothing.
    fn remove<'a>(&'a self, key: &'a str, budget: Budget) -> Answer<'a, bool>;
    /// Takes from a rate limit in one atomic step.
    fn take<'a>(&'a self, question: LimitQuestion<'a>, budget: Budget) -> Answer<'a, LimitAnswer>;
    /// Waits until it can be asked; false if the budget was spent before.
    fn connected(&self, budget: Budget) -> Wait<'_>;
}

/// A cache that speaks the Redis protocol.
pub(crate) struct RedisBackend {
    pub(crate) nodes: Nodes,
    pub(crate) names: CommandNames,
    /// The limit of one operation, beside the call's budget.
    pub(crate) operation_timeout: Duration,
    /// The last connection whose server did not know `LARDER.LIMIT`; written by takes.
    pub(crate) without_limit: AtomicU64,
}

/// What the commands are called; none if one may not be sent.
#[derive(Debug, Clone)]
pub(crate) struct CommandNames {
    pub(crate) get: Option<String>,
    pub(crate) set: Option<String>,
    pub(crate) del: Option<String>,
}

impl RedisBackend {
    async fn call(&self, key: &str, command: Cmd, budget: Budget) -> Result<Value, Cause> {
        Ok(self.ask(key, &command, budget).await?)
    }

    /// As a call, with the server's own words if it refuses.
    async fn ask(&self, key: &str, command: &Cmd, budget: Budget) -> Result<Value, CallError> {
        self.nodes.call(key.as_bytes(), command, budget.at_most(self.operation_timeout)).await
    }

    /// Asks what concerns no key.
    pub(crate) async fn ask_any(&self, command: &Cmd, budget: Budget) -> Result<Value, CallError> {
        self.nodes.call_any(command, budget).await
    }

    /// As an ask, for a command that counts each time it is carried out.
    async fn ask_once(&self, key: &str, command: &Cmd, budget: Budget) -> Result<Value, CallError> {
        self.nodes.call_once(key.as_bytes(), command, budget.at_most(self.operation_timeout)).await
    }

    /// The cluster's own command first; a server that does not know it gets the script.
    async fn ask_limit(&self, question: LimitQuestion<'_>, budget: Budget) -> Result<Value, CallError> {
        let generation = self.nodes.generation();
        if generation == 0 || self.without_limit.load(Ordering::Relaxed) != generation {
            match self.ask_once(question.key, &limit_command(question), budget).await {
                Err(CallError::Refused(refusal)) if refusal.is_unknown_command() => {
                    self.without_limit.store(generation, Ordering::Relaxed);
                }
                answer => return answer,
            }
        }
        match self
            .ask_once(question.key, &limit_script("EVALSHA", LimitScript::sha(), question), budget)
            .await
        {
            Err(CallError::Refused(refusal)) if &*refusal.code == "NOSCRIPT" => {
                self.ask_once(question.key, &limit_script("EVAL", LimitScript::TEXT, question), budget).await
            }
            answer => answer,
        }
    }
}

/// A command with room for its arguments, so that a large value is not moved about.
fn command(name: &Option<String>, arguments: usize, bytes: usize) -> Result<Cmd, Cause> {
    let name = name.as_deref().ok_or(Cause::CommandDisabled)?;
    let mut command = Cmd::with_capacity(1 + arguments, name.len() + bytes);
    command.arg(name);
    Ok(command)
}

fn limit_command(question: LimitQuestion<'_>) -> Cmd {
    let LimitQuestion { key, calls, period_ms, take } = question;
    let mut command = redis::cmd("LARDER.LIMIT");
    command.arg(key).arg(calls).arg(period_ms).arg(take.cost());
    match take.mode() {
        Mode::Count => {}
        mode => _ = command.arg(word(mode)),
    }
    command
}

fn limit_script(command: &str, script: &str, question: LimitQuestion<'_>) -> Cmd {
    let LimitQuestion { key, calls, period_ms, take } = question;
    let mut command = redis::cmd(command);
    command.arg(script).arg(1).arg(key).arg(calls).arg(period_ms).arg(take.cost()).arg(word(take.mode()));
    command
}

fn word(mode: Mode) -> &'static str {
    match mode {
        Mode::Count => "COUNT",
        Mode::Check => "CHECK",
        Mode::Force => "FORCE",
    }
}

fn limit_answer(value: Value) -> Result<LimitAnswer, Cause> {
    let Value::Array(fields) = value else { return Err(Cause::Protocol) };
    let [Value::Int(allowed @ 0..=1), Value::Int(remaining), Value::Int(retry_after_ms)] = fields[..] else {
        return Err(Cause::Protocol);
    };
    let remaining = u32::try_from(remaining).map_err(|_| Cause::Protocol)?;
    let retry_after_ms = u64::try_from(retry_after_ms).map_err(|_| Cause::Protocol)?;
    Ok(LimitAnswer { allowed: allowed == 1, remaining, retry_after: Duration::from_millis(retry_after_ms) })
}

impl Backend for RedisBackend {
    fn get<'a>(&'a self, key: &'a str, budget: Budget) -> Answer<'a, Option<Bytes>> {
        Box::pin(async move {
            let mut command = command(&self.names.get, 1, key.len())?;
            command.arg(key);
            let budget = budget.at_most(self.operation_timeout);
            match self.nodes.read(key.as_bytes(), &command, budget).await? {
                Value::BulkString(bytes) => Ok(Some(Bytes::from(bytes))),
                Value::Nil => Ok(None),
                _ => Err(Cause::Protocol),
            }
        })
    }

    fn set<'a>(&'a self, key: &'a str, value: &'a [u8], seconds: u32, budget: Budget) -> Answer<'a, ()> {
        Box::pin(async move {
            let mut command = command(&self.names.set, 4, key.len() + value.len() + EXPIRY_BYTES)?;
            command.arg(key).arg(value).arg("EX").arg(seconds);
            match self.call(key, command, budget).await? {
                Value::Okay => Ok(()),
                _ => Err(Cause::Protocol),
            }
        })
    }

    fn remove<'a>(&'a self, key: &'a str, budget: Budget) -> Answer<'a, bool> {
        Box::pin(async move {
            let mut command = command(&self.names.del, 1, key.len())?;
            command.arg(key);
            match self.call(key, command, budget).await? {
                Value::Int(removed) => Ok(removed > 0),
                _ => Err(Cause::Protocol),
            }
        })
    }

    fn take<'a>(&'a self, question: LimitQuestion<'a>, budget: Budget) -> Answer<'a, LimitAnswer> {
        Box::pin(async move { limit_answer(self.ask_limit(question, budget).await?) })
    }

    fn connected(&self, budget: Budget) -> Wait<'_> {
        Box::pin(self.nodes.connected(budget))
    }
}

/// `EX` and the digits of the longest duration.
const EXPIRY_BYTES: usize = 12;
