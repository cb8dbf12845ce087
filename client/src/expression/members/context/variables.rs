//! `context.Variables`: what is not set is null through the indexer, and absent for `ContainsKey`.

use super::super::{Call, Member, TypeRow, class, member};
use crate::dotnet::{Datum, Exception};
use crate::expression::compile::default_of;
use crate::expression::run::{Conversion, Test};

pub(in super::super) static TYPES: &[TypeRow] =
    &[class("", "interface IVariables : IEnumerable<KeyValuePair<string, object>>", VARIABLES)];

static VARIABLES: &[Member] = &[
    member("object this[string key]", |call| Ok(variable(call)?.cloned().unwrap_or(Datum::Null))),
    member("bool ContainsKey(string key)", |call| Ok(Datum::Bool(variable(call)?.is_some()))),
    member("T GetValueOrDefault<T>(string variableName, T defaultValue)", |call| or_default(call, 2)),
    member("T GetValueOrDefault<T>(string variableName)", |call| {
        let default = default_of(call.type_argument(0));
        match variable(call)?.cloned() {
            Some(value) => as_type(call, value),
            None => Ok(default),
        }
    }),
    member("object GetValueOrDefault(string variableName)", |call| {
        Ok(variable(call)?.cloned().unwrap_or(Datum::Null))
    }),
    member("bool TryGetValue(string key, out object value)", |call| {
        let found = variable(call)?.cloned();
        let is_there = found.is_some();
        call.set_out(2, found.unwrap_or(Datum::Null));
        Ok(Datum::Bool(is_there))
    }),
    member("int Count", |call| {
        Ok(Datum::Int(i32::try_from(call.context().variables.len()).unwrap_or(i32::MAX)))
    }),
    member("IEnumerable<string> Keys", |call| {
        let keys = call.context().variables.iter().map(|(name, _)| Datum::String(name.clone())).collect();
        call.made_list("IEnumerable<string>", keys)
    }),
];

fn variable<'c>(call: &'c mut Call<'_, '_>) -> Result<Option<&'c Datum>, Exception> {
    let Datum::String(name) = call.take(1) else { return Err(super::super::call::null()) };
    Ok(call.context().variables.get(&name))
}

/// A value of another type is an error, not the default.
fn or_default(call: &mut Call<'_, '_>, default: usize) -> Result<Datum, Exception> {
    match variable(call)?.cloned() {
        Some(value) => as_type(call, value),
        None => Ok(call.take(default)),
    }
}

fn as_type(call: &Call<'_, '_>, value: Datum) -> Result<Datum, Exception> {
    Conversion::Unbox(Test::of(call.type_argument(0))).apply(value)
}
