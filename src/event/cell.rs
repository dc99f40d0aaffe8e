//! One value of a row, and what it says as the value of a field.
//!
//! Tables are less strict than the contract's JSON, and so is this: a number may be the text of an identifier, and a
//! text may be a number. What remains without sense is refused in the contract's own words.

use std::borrow::Cow;

use super::wire::Str;
use super::{Reject, RejectReason};

/// Largest number up to which each whole one has its own `f64`.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// A value as a table holds it.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell<'a> {
    /// Nothing.
    None,
    /// A text.
    Text(Cow<'a, str>),
    /// A whole number that is not negative.
    Whole(u64),
    /// A whole number.
    Signed(i64),
    /// A number.
    Number(f64),
    /// True or false.
    Truth(bool),
    /// A time, in microseconds since 1970 in UTC.
    Time(i64),
    /// What a wall clock showed, in microseconds since its 1970.
    LocalTime(i64),
    /// A list of texts.
    Texts(Vec<Cow<'a, str>>),
}

impl<'a> Cell<'a> {
    /// As a text.
    pub(super) fn text(self, name: &str) -> Result<Option<Str<'a>>, Reject> {
        Ok(match self {
            Self::None => None,
            Self::Text(text) => Some(Str(text)),
            Self::Whole(number) => Some(Str(number.to_string().into())),
            Self::Signed(number) => Some(Str(number.to_string().into())),
            Self::Number(number) if number.is_nan() => None,
            // An identifier that went through a column of floats is still the whole number that it was.
            Self::Number(number) if number.fract() == 0.0 && number.abs() < WHOLE_MAX => {
                Some(Str((number as i64).to_string().into()))
            }
            Self::Number(number) => Some(Str(number.to_string().into())),
            Self::Truth(truth) => Some(Str(if truth { "true" } else { "false" }.into())),
            Self::Time(_) | Self::LocalTime(_) | Self::Texts(_) => return Err(wrong(name, "no text")),
        })
    }

    /// As a whole number that is not negative.
    pub(super) fn whole(self, name: &str) -> Result<Option<u64>, Reject> {
        match self {
            Self::None => Ok(None),
            Self::Whole(number) => Ok(Some(number)),
            Self::Signed(number) => number.try_into().map(Some).map_err(|_| wrong(name, number)),
            Self::Number(number) => whole(name, number),
            Self::Text(text) if text.is_empty() => Ok(None),
            Self::Text(text) => match text.parse::<u64>() {
                Ok(number) => Ok(Some(number)),
                Err(_) => whole(name, text.parse::<f64>().map_err(|_| wrong(name, &text))?),
            },
            _ => Err(wrong(name, "no whole number")),
        }
    }

    /// As a number; finite.
    pub(super) fn number(self, name: &str) -> Result<Option<f64>, Reject> {
        let number = match self {
            Self::None => return Ok(None),
            Self::Whole(number) => number as f64,
            Self::Signed(number) => number as f64,
            Self::Number(number) => number,
            Self::Text(text) if text.is_empty() => return Ok(None),
            Self::Text(text) => text.parse::<f64>().map_err(|_| wrong(name, &text))?,
            _ => return Err(wrong(name, "no number")),
        };
        match number {
            number if number.is_finite() => Ok(Some(number)),
            number if number.is_nan() => Ok(None),
            number => Err(wrong(name, number)),
        }
    }

    /// As true or false.
    pub(super) fn truth(self, name: &str) -> Result<Option<bool>, Reject> {
        match self {
            Self::None => Ok(None),
            Self::Truth(truth) => Ok(Some(truth)),
            Self::Whole(0) | Self::Signed(0) => Ok(Some(false)),
            Self::Whole(1) | Self::Signed(1) => Ok(Some(true)),
            Self::Text(text) => match text.to_ascii_lowercase().as_str() {
                "" => Ok(None),
                "true" | "t" | "yes" | "1" => Ok(Some(true)),
                "false" | "f" | "no" | "0" => Ok(Some(false)),
                _ => Err(wrong(name, &text)),
            },
            _ => Err(wrong(name, "neither true nor false")),
        }
    }

    /// As a list of texts; a text is split at its semicolons.
    pub(super) fn texts(self, name: &str) -> Result<Option<Vec<Str<'a>>>, Reject> {
        Ok(match self {
            Self::None => None,
            Self::Texts(texts) => Some(texts.into_iter().map(Str).collect()),
            Self::Text(Cow::Borrowed(text)) => Some(split(text).map(|part| Str(part.into())).collect()),
            Self::Text(Cow::Owned(text)) => Some(split(&text).map(|part| Str(part.to_owned().into())).collect()),
            _ => return Err(wrong(name, "no list of texts")),
        })
    }
}

fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(';').map(str::trim).filter(|part| !part.is_empty())
}

fn whole(name: &str, number: f64) -> Result<Option<u64>, Reject> {
    match number {
        number if number.is_nan() => Ok(None),
        number if (0.0..WHOLE_MAX).contains(&number) && number.fract() == 0.0 => Ok(Some(number as u64)),
        number => Err(wrong(name, number)),
    }
}

fn wrong(name: &str, what: impl std::fmt::Display) -> Reject {
    Reject::new(RejectReason::WrongType, format!("{name}: {what}"))
}
