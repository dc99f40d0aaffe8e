//! The shape of what was written down without names, so that a later version can read it.
//!
//! Snapshots hold values one after the other: whoever reads them has to know which, and in which order. The types of
//! this version know it for what this version writes. For what an earlier one wrote its shape says it, which was written
//! down as well; values then get their names back, and a type takes those that it knows: a field that is new has its
//! default, one that is gone is passed over, and the order does not matter. Where an array has grown, zeros follow.

mod read;
#[cfg(test)]
mod trace;
mod zero;

use serde::{Deserialize, Serialize};

pub use read::{ShapeError, take};
#[cfg(test)]
pub(crate) use trace::shape_of;

/// What stands where in bytes of postcard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// Nobody knows.
    #[default]
    Unknown,
    /// Nothing at all.
    Unit,
    /// A truth value.
    Bool,
    /// Eight bits without a sign.
    U8,
    /// Sixteen.
    U16,
    /// Thirty-two.
    U32,
    /// Sixty-four.
    U64,
    /// A hundred and twenty-eight.
    U128,
    /// Eight bits with a sign.
    I8,
    /// Sixteen.
    I16,
    /// Thirty-two.
    I32,
    /// Sixty-four.
    I64,
    /// A hundred and twenty-eight.
    I128,
    /// A number of single precision.
    F32,
    /// A number of double precision.
    F64,
    /// A character.
    Char,
    /// A text.
    Str,
    /// Bytes.
    Bytes,
    /// A value that may be absent.
    Option(Box<Self>),
    /// Any number of values of one shape.
    Seq(Box<Self>),
    /// A fixed number of values of one shape.
    Array(usize, Box<Self>),
    /// Values of different shapes.
    Tuple(Vec<Self>),
    /// Keys with their values.
    Map(Box<(Self, Self)>),
    /// Values with names.
    Struct(Vec<(String, Self)>),
    /// One of several.
    Enum(Vec<(String, Self)>),
}
