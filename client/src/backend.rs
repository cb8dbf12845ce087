//! What a cache can be asked, whichever it is, and how it is asked in the Redis protocol. Where it
//! is, and how one connects to it, is the business of `external` and `internal`.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use redis::{Cmd, Value};

use crate::guard::Budget;
use crate::link::Link;
use crate::outcome::Cause;

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
    /// Waits until it can be asked; false if the budget was spent before.
    fn connected(&self, budget: Budget) -> Wait<'_>;
}

/// A cache that speaks the Redis protocol.
pub(crate) struct RedisBackend {
    pub(crate) link: Link,
    pub(crate) names: CommandNames,
    /// The limit of one operation, beside the call's budget.
    pub(crate) operation_timeout: Duration,
}

/// What the commands are called; none if one may not be sent.
#[derive(Debug, Clone)]
pub(crate) struct CommandNames {
    pub(crate) get: Option<String>,
    pub(crate) set: Option<String>,
    pub(crate) del: Option<String>,
}

impl RedisBackend {
    async fn call(&self, command: Cmd, budget: Budget) -> Result<Value, Cause> {
        self.link.call(&command, budget.at_most(self.operation_timeout)).await
    }
}

/// A command with room for its arguments, so that a large value is not moved about.
fn command(name: &Option<String>, arguments: usize, bytes: usize) -> Result<Cmd, Cause> {
    let name = name.as_deref().ok_or(Cause::CommandDisabled)?;
    let mut command = Cmd::with_capacity(1 + arguments, name.len() + bytes);
    command.arg(name);
    Ok(command)
}

impl Backend for RedisBackend {
    fn get<'a>(&'a self, key: &'a str, budget: Budget) -> Answer<'a, Option<Bytes>> {
        Box::pin(async move {
            let mut command = command(&self.names.get, 1, key.len())?;
            command.arg(key);
            match self.call(command, budget).await? {
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
            match self.call(command, budget).await? {
                Value::Okay => Ok(()),
                _ => Err(Cause::Protocol),
            }
        })
    }

    fn remove<'a>(&'a self, key: &'a str, budget: Budget) -> Answer<'a, bool> {
        Box::pin(async move {
            let mut command = command(&self.names.del, 1, key.len())?;
            command.arg(key);
            match self.call(command, budget).await? {
                Value::Int(removed) => Ok(removed > 0),
                _ => Err(Cause::Protocol),
            }
        })
    }

    fn connected(&self, budget: Budget) -> Wait<'_> {
        Box::pin(self.link.connected(budget))
    }
}

/// `EX` and the digits of the longest duration.
const EXPIRY_BYTES: usize = 12;
