//! A window of a column, ready to be asked for single values: texts as they lie, all numbers in one of three types.

use std::borrow::Cow;

use polars_arrow::array::{Array, BinaryViewArray, BooleanArray, ListArray, PrimitiveArray, Utf8ViewArray};
use polars_arrow::bitmap::Bitmap;
use polars_arrow::bitmap::iterator::TrueIdxIter;
use polars_arrow::datatypes::{ArrowDataType, TimeUnit};
use polars_arrow::types::NativeType;

use super::super::plan::Slots;
use crate::event::cell::Cell;
use crate::event::moment::Unit;
use crate::event::{Reject, RejectReason};

/// Microseconds of a day.
const DAY_US: i64 = 24 * 3600 * 1_000_000;

/// Values of one column.
#[derive(Debug)]
pub(super) enum View {
    Nothing,
    Text(Utf8ViewArray),
    Bytes(BinaryViewArray),
    Truth(BooleanArray),
    Whole(Values<u64>),
    Signed(Values<i64>),
    Number(Values<f64>),
    Decimal(Values<i128>, usize),
    Time(Values<i64>),
    LocalTime(Values<i64>),
    Texts(Vec<Option<Vec<String>>>),
}

/// Numbers, and which of them are there.
#[derive(Debug)]
pub(super) struct Values<T> {
    values: Vec<T>,
    there: Option<Bitmap>,
}

impl<T: Copy> Values<T> {
    fn get(&self, row: usize) -> Option<T> {
        self.there.as_ref().is_none_or(|there| there.get_bit(row)).then(|| self.values[row])
    }
}

impl View {
    /// A view of an array, whose type some field takes.
    pub(super) fn new(array: &dyn Array) -> Result<Self, String> {
        use ArrowDataType as T;
        Ok(match array.dtype() {
            T::Null => Self::Nothing,
            T::Utf8View => Self::Text(down::<Utf8ViewArray>(array)?.clone()),
            T::BinaryView => Self::Bytes(down::<BinaryViewArray>(array)?.clone()),
            T::Boolean => Self::Truth(down::<BooleanArray>(array)?.clone()),
            T::Int8 => Self::Signed(values(array, |x: i8| x.into())?),
            T::Int16 => Self::Signed(values(array, |x: i16| x.into())?),
            T::Int32 => Self::Signed(values(array, |x: i32| x.into())?),
            T::Int64 => Self::Signed(values(array, |x: i64| x)?),
            T::UInt8 => Self::Whole(values(array, |x: u8| x.into())?),
            T::UInt16 => Self::Whole(values(array, |x: u16| x.into())?),
            T::UInt32 => Self::Whole(values(array, |x: u32| x.into())?),
            T::UInt64 => Self::Whole(values(array, |x: u64| x)?),
            T::Float32 => Self::Number(values(array, |x: f32| x.into())?),
            T::Float64 => Self::Number(values(array, |x: f64| x)?),
            T::Decimal(_, scale) => Self::Decimal(values(array, |x: i128| x)?, *scale),
            T::Date32 => Self::LocalTime(values(array, |x: i32| i64::from(x) * DAY_US)?),
            T::Timestamp(unit, zone) => {
                let unit = match unit {
                    TimeUnit::Second => Unit::Seconds,
                    TimeUnit::Millisecond => Unit::Millis,
                    TimeUnit::Microsecond => Unit::Micros,
                    TimeUnit::Nanosecond => Unit::Nanos,
                };
                let times = values(array, |x: i64| unit.micros(x))?;
                if zone.is_some() { Self::Time(times) } else { Self::LocalTime(times) }
            }
            T::LargeList(_) => Self::Texts(texts(down::<ListArray<i64>>(array)?.iter())?),
            T::List(_) => Self::Texts(texts(down::<ListArray<i32>>(array)?.iter())?),
            other => return Err(format!("values of type {other:?} are not read")),
        })
    }

    /// Sets a bit in each of the rows that have a value.
    pub(super) fn mark(&self, bit: Slots, rows: &mut [Slots]) {
        let there = match self {
            Self::Nothing => return,
            Self::Text(texts) => texts.validity(),
            Self::Bytes(texts) => texts.validity(),
            Self::Truth(truths) => truths.validity(),
            Self::Whole(values) => values.there.as_ref(),
            Self::Signed(values) | Self::Time(values) | Self::LocalTime(values) => values.there.as_ref(),
            Self::Number(values) => values.there.as_ref(),
            Self::Decimal(values, _) => values.there.as_ref(),
            // Those that are not there say so themselves.
            Self::Texts(_) => None,
        };
        match there {
            None => rows.iter_mut().for_each(|row| *row |= bit),
            Some(there) => TrueIdxIter::new(rows.len(), Some(there)).for_each(|row| rows[row] |= bit),
        }
    }

    /// The value of a row.
    pub(super) fn cell(&self, row: usize) -> Result<Cell<'_>, Reject> {
        let found = match self {
            Self::Nothing => None,
            Self::Text(texts) => texts.get(row).map(|text| Cell::Text(text.into())),
            Self::Bytes(texts) => match texts.get(row).map(std::str::from_utf8) {
                Some(Err(error)) => return Err(Reject::new(RejectReason::NotUtf8, error)),
                Some(Ok(text)) => Some(Cell::Text(text.into())),
                None => None,
            },
            Self::Truth(truths) => truths.get(row).map(Cell::Truth),
            Self::Whole(values) => values.get(row).map(Cell::Whole),
            Self::Signed(values) => values.get(row).map(Cell::Signed),
            Self::Number(values) => values.get(row).map(Cell::Number),
            Self::Decimal(values, scale) => values.get(row).map(|value| decimal(value, *scale)),
            Self::Time(values) => values.get(row).map(Cell::Time),
            Self::LocalTime(values) => values.get(row).map(Cell::LocalTime),
            Self::Texts(lists) => {
                lists[row].as_ref().map(|list| Cell::Texts(list.iter().map(|text| text.as_str().into()).collect()))
            }
        };
        Ok(found.unwrap_or(Cell::None))
    }
}

/// A decimal number with all its digits: identifiers are held in such columns as well, and no float has 38 of them.
fn decimal(value: i128, scale: usize) -> Cell<'static> {
    let one = u32::try_from(scale).ok().and_then(|scale| 10_i128.checked_pow(scale));
    if let Some(whole) = one.filter(|one| value % one == 0).map(|one| value / one) {
        return match (u64::try_from(whole), i64::try_from(whole)) {
            (Ok(whole), _) => Cell::Whole(whole),
            (_, Ok(signed)) => Cell::Signed(signed),
            _ => Cell::Text(whole.to_string().into()),
        };
    }
    let digits = format!("{:0>width$}", value.unsigned_abs(), width = scale + 1);
    let (whole, rest) = digits.split_at(digits.len() - scale);
    let sign = if value < 0 { "-" } else { "" };
    Cell::Text(format!("{sign}{whole}.{}", rest.trim_end_matches('0')).into())
}

fn down<A: 'static>(array: &dyn Array) -> Result<&A, String> {
    array.as_any().downcast_ref().ok_or_else(|| format!("values of type {:?} in another array", array.dtype()))
}

fn values<T: NativeType, U>(array: &dyn Array, to: impl Fn(T) -> U) -> Result<Values<U>, String> {
    let array = down::<PrimitiveArray<T>>(array)?;
    let there = array.validity().filter(|there| there.unset_bits() > 0).cloned();
    Ok(Values { values: array.values().iter().map(|&value| to(value)).collect(), there })
}

/// Lists are rare, and are copied.
fn texts(lists: impl Iterator<Item = Option<Box<dyn Array>>>) -> Result<Vec<Option<Vec<String>>>, String> {
    let of = |list: Option<Box<dyn Array>>| {
        let Some(list) = list else { return Ok(None) };
        if let Some(texts) = list.as_any().downcast_ref::<Utf8ViewArray>() {
            return Ok(Some(texts.iter().flatten().map(ToOwned::to_owned).collect()));
        }
        let bytes = down::<BinaryViewArray>(list.as_ref())?;
        let texts = bytes.iter().flatten().map(String::from_utf8_lossy).map(Cow::into_owned);
        Ok(Some(texts.collect()))
    };
    lists.map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_keeps_every_digit() {
        let text = |text: &'static str| Cell::Text(text.into());
        for (value, scale, expected) in [
            (9_007_199_254_740_993, 0, Cell::Whole(9_007_199_254_740_993)),
            (900_719_925_474_099_300, 2, Cell::Whole(9_007_199_254_740_993)),
            (-5, 0, Cell::Signed(-5)),
            (340_282_366_920_938_463_463, 0, text("340282366920938463463")),
            (1_234_500, 4, text("123.45")),
            (-7, 3, text("-0.007")),
            (0, 9, Cell::Whole(0)),
            (1, 39, text("0.000000000000000000000000000000000000001")),
        ] {
            assert_eq!(decimal(value, scale), expected, "{value} {scale}");
        }
    }
}
