//! A call of a member: its arguments as the types that the row declares, and what members may ask of the
//! evaluator.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use larder_proto::envelope::{Date, Decimal, Guid};

use crate::context::Context;
use crate::dotnet::collection::{Dictionary, List};
use crate::dotnet::date::{DateOffset, Span};
use crate::dotnet::json::JToken;
use crate::dotnet::limits::RECORD_PARTS_MAX;
use crate::dotnet::meter::Meter;
use crate::dotnet::number::Number;
use crate::dotnet::object::Instance;
use crate::dotnet::{Datum, Exception, ExceptionKind};
use crate::expression::run::Machine;
use crate::expression::types::Type;
use crate::limits;

/// A call of a member. The arguments have the declared types, so that a getter fails only where null stands;
/// its error is the `ArgumentNullException` that .NET gives.
pub(in crate::expression) struct Call<'c, 'm> {
    pub(in crate::expression) machine: &'c mut Machine<'m>,
    pub(in crate::expression) arguments: &'c mut [Datum],
    pub(in crate::expression) types: &'c [Type],
}

impl Call<'_, '_> {
    /// An argument.
    pub(super) fn get(&self, number: usize) -> &Datum {
        self.arguments.get(number).unwrap_or(&Datum::Null)
    }

    /// An argument that is not needed afterwards.
    pub(super) fn take(&mut self, number: usize) -> Datum {
        self.arguments.get_mut(number).map_or(Datum::Null, |datum| std::mem::replace(datum, Datum::Null))
    }

    /// A `string` that must not be null.
    pub(super) fn text(&self, number: usize) -> Result<&str, Exception> {
        self.text_or_null(number)?.ok_or_else(null)
    }

    /// A `string`.
    pub(super) fn text_or_null(&self, number: usize) -> Result<Option<&str>, Exception> {
        match self.get(number) {
            Datum::String(text) => Ok(Some(text)),
            Datum::Null => Ok(None),
            _ => Err(other()),
        }
    }

    /// A `bool`.
    pub(super) fn bool(&self, number: usize) -> Result<bool, Exception> {
        match self.get(number) {
            Datum::Bool(value) => Ok(*value),
            other => Err(wrong(other)),
        }
    }

    /// An `int`, or one of the shorter types.
    pub(super) fn int(&self, number: usize) -> Result<i32, Exception> {
        match self.get(number).number() {
            Some(Number::Int(value)) => Ok(value),
            _ => Err(wrong(self.get(number))),
        }
    }

    /// A `long`, or one of the shorter types.
    pub(super) fn long(&self, number: usize) -> Result<i64, Exception> {
        match self.get(number).number() {
            Some(Number::Int(value)) => Ok(value.into()),
            Some(Number::Long(value)) => Ok(value),
            _ => Err(wrong(self.get(number))),
        }
    }

    /// A `double` or `float`.
    pub(super) fn double(&self, number: usize) -> Result<f64, Exception> {
        match self.get(number).number() {
            Some(Number::Double(value)) => Ok(value),
            _ => Err(wrong(self.get(number))),
        }
    }

    /// A `decimal`.
    pub(super) fn decimal(&self, number: usize) -> Result<Decimal, Exception> {
        match self.get(number) {
            Datum::Decimal(value) => Ok(*value),
            other => Err(wrong(other)),
        }
    }

    /// A `char`, as a code unit.
    pub(super) fn unit(&self, number: usize) -> Result<u16, Exception> {
        match self.get(number) {
            Datum::Char(value) => Ok(*value),
            other => Err(wrong(other)),
        }
    }

    /// The number of a value of an enumeration.
    pub(super) fn enumeration(&self, number: usize) -> Result<i32, Exception> {
        match self.get(number) {
            Datum::Enum(value) => Ok(value.number),
            other => Err(wrong(other)),
        }
    }

    /// A `DateTime`.
    pub(super) fn date(&self, number: usize) -> Result<Date, Exception> {
        match self.get(number) {
            Datum::Date(value) => Ok(*value),
            other => Err(wrong(other)),
        }
    }

    /// A `DateTimeOffset`.
    pub(super) fn offset(&self, number: usize) -> Result<DateOffset, Exception> {
        match self.get(number) {
            Datum::DateOffset(value) => Ok(*value),
            other => Err(wrong(other)),
        }
    }

    /// A `TimeSpan`.
    pub(super) fn span(&self, number: usize) -> Result<Span, Exception> {
        match self.get(number) {
            Datum::Span(value) => Ok(*value),
            other => Err(wrong(other)),
        }
    }

    /// A `Guid`.
    pub(super) fn guid(&self, number: usize) -> Result<Guid, Exception> {
        match self.get(number) {
            Datum::Guid(value) => Ok(*value),
            other => Err(wrong(other)),
        }
    }

    /// A `byte[]`.
    pub(super) fn bytes(&self, number: usize) -> Result<&Bytes, Exception> {
        match self.get(number) {
            Datum::Bytes(value) => Ok(value),
            other => Err(wrong(other)),
        }
    }

    /// A `JToken`.
    pub(super) fn json(&self, number: usize) -> Result<&JToken, Exception> {
        match self.get(number) {
            Datum::Json(value) => Ok(value),
            other => Err(wrong(other)),
        }
    }

    /// A list or an array of other things than bytes.
    pub(super) fn list(&self, number: usize) -> Result<&Arc<List>, Exception> {
        match self.get(number) {
            Datum::List(value) => Ok(value),
            other => Err(wrong(other)),
        }
    }

    /// A dictionary.
    pub(super) fn dictionary(&self, number: usize) -> Result<&Arc<Dictionary>, Exception> {
        match self.get(number) {
            Datum::Dictionary(value) => Ok(value),
            other => Err(wrong(other)),
        }
    }

    /// An object of a type that its members keep to themselves.
    pub(super) fn object<T: Instance>(&self, number: usize) -> Result<&T, Exception> {
        self.get(number).instance().ok_or_else(|| wrong(self.get(number)))
    }

    /// The elements of anything that can be walked through: also texts, JSON, the context's headers.
    pub(super) fn items(&mut self, number: usize) -> Result<Vec<Datum>, Exception> {
        let collection = self.get(number).clone();
        if collection.is_null() {
            return Err(null());
        }
        self.machine.items(&collection)
    }

    /// A type argument of the member itself.
    pub(super) fn type_argument(&self, number: usize) -> &Type {
        self.types.get(number).unwrap_or(&Type::Object)
    }

    /// Hands back the value of an `out` parameter.
    pub(super) fn set_out(&mut self, number: usize, value: Datum) {
        if let Some(place) = self.arguments.get_mut(number) {
            *place = value;
        }
    }

    /// A text that this call has made.
    pub(super) fn made(&mut self, text: impl AsRef<str> + Into<Arc<str>>) -> Result<Datum, Exception> {
        self.charge(text.as_ref().len())?;
        Ok(Datum::String(text.into()))
    }

    /// Bytes that this call has made.
    pub(super) fn made_bytes(&mut self, bytes: impl Into<Bytes>) -> Result<Datum, Exception> {
        let bytes = bytes.into();
        self.charge(bytes.len())?;
        Ok(Datum::Bytes(bytes))
    }

    /// A list or array of the type with this name, as `List<string>`, `string[]` or `IEnumerable<int>`.
    pub(super) fn made_list(
        &mut self,
        type_name: impl Into<Arc<str>>,
        items: Vec<Datum>,
    ) -> Result<Datum, Exception> {
        self.charge(items.len().saturating_mul(size_of::<Datum>()))?;
        Ok(Datum::List(List::of(type_name, items)))
    }

    /// Counts memory that was made otherwise, in bytes.
    pub(super) fn charge(&mut self, bytes: usize) -> Result<(), Exception> {
        self.machine.charge(bytes)
    }

    /// Counts steps of a loop of this call's own.
    pub(super) fn steps(&mut self, count: usize) -> Result<(), Exception> {
        self.machine.count(count)
    }

    /// Counts steps for elements each of which is compared so many times: a long text, or a record of them, takes its
    /// length each time, however often the same one stands there.
    pub(super) fn comparisons(&mut self, items: &[Datum], times: usize) -> Result<(), Exception> {
        let mut bytes: usize = 0;
        for item in items {
            let mut left = RECORD_PARTS_MAX;
            bytes = bytes.saturating_add(compared_bytes(item, COMPARED_DEPTH, &mut left));
            self.steps((RECORD_PARTS_MAX - left) / COMPARED_PER_STEP)?;
        }
        let steps = items.len().saturating_add(bytes / limits::EVALUATION_BYTES_PER_STEP);
        self.steps(steps.saturating_mul(times))
    }

    /// Calls a lambda that was handed in.
    pub(super) fn invoke(&mut self, number: usize, arguments: &[Datum]) -> Result<Datum, Exception> {
        let function = self.get(number).clone();
        if function.is_null() {
            return Err(null());
        }
        self.machine.invoke(&function, arguments)
    }

    /// The request's context.
    pub(super) fn context(&mut self) -> &mut Context {
        self.machine.context
    }

    /// What the date is, in UTC.
    pub(super) fn now(&self) -> Date {
        self.machine.surroundings.wall_clock.date()
    }

    /// The monotonic clock.
    pub(super) fn moment(&self) -> Duration {
        self.machine.surroundings.clock.now()
    }

    /// A number by chance.
    pub(super) fn random(&self) -> u64 {
        self.machine.surroundings.random.next()
    }
}

impl Meter for Call<'_, '_> {
    fn walk(&mut self, bytes: usize) -> Result<(), Exception> {
        self.steps(1 + bytes / limits::EVALUATION_BYTES_PER_STEP)?;
        self.machine.look_at_clock()
    }

    fn make(&mut self, bytes: usize) -> Result<(), Exception> {
        self.charge(bytes)
    }
}

/// What a comparison of a value looks at, about; `left` are the members that may still be looked at.
fn compared_bytes(value: &Datum, levels: usize, left: &mut usize) -> usize {
    match value {
        Datum::String(text) => text.len(),
        Datum::Record(record) if levels > 0 => {
            let mut bytes = size_of::<Datum>();
            for (_, member) in record.members.iter().take(*left) {
                *left = left.saturating_sub(1);
                bytes = bytes.saturating_add(compared_bytes(member, levels - 1, left));
            }
            bytes
        }
        Datum::Record(_) => DEEP_STEPS * limits::EVALUATION_BYTES_PER_STEP,
        _ => 0,
    }
}

/// Members that are looked at in one step.
const COMPARED_PER_STEP: usize = 64;

/// Steps for what stands deeper, whatever it is.
const DEEP_STEPS: usize = 64;

/// Records within one another that [`Call::comparisons`] looks into.
const COMPARED_DEPTH: usize = 4;

fn wrong(found: &Datum) -> Exception {
    if found.is_null() { null() } else { other() }
}

pub(super) fn null() -> Exception {
    Exception::new(ExceptionKind::ArgumentNull, "an argument is null")
}

/// The static type of an argument says otherwise: a value from outside has another form than its name.
fn other() -> Exception {
    Exception::new(ExceptionKind::InvalidCast, "an argument has another type than its declaration says")
}
