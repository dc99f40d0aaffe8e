//! Bytes with a shape, read as a type that is not the one that wrote them.

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};

use super::Shape;
use super::zero::Zero;

/// Bytes that are not of their shape, or of a shape that the type cannot take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ShapeError(pub(super) String);

impl de::Error for ShapeError {
    fn custom<T: std::fmt::Display>(text: T) -> Self {
        Self(text.to_string())
    }
}

/// Takes a value of a shape from the beginning of some bytes; what follows on it.
///
/// # Errors
/// The bytes are not of this shape, or the type does not take it.
pub fn take<'de, T: Deserialize<'de>>(shape: &Shape, bytes: &'de [u8]) -> Result<(T, &'de [u8]), ShapeError> {
    let mut input = Input(bytes);
    let value = T::deserialize(Shaped { shape, input: &mut input })?;
    Ok((value, input.0))
}

/// What is left to read.
struct Input<'de>(&'de [u8]);

/// A value that is next.
struct Shaped<'a, 'de> {
    shape: &'a Shape,
    input: &'a mut Input<'de>,
}

impl<'de> Input<'de> {
    fn bytes(&mut self, count: usize) -> Result<&'de [u8], ShapeError> {
        let (bytes, rest) = self.0.split_at_checked(count).ok_or_else(|| ShapeError("it ends early".to_owned()))?;
        self.0 = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ShapeError> {
        let mut array = [0; N];
        array.copy_from_slice(self.bytes(N)?);
        Ok(array)
    }

    fn varint(&mut self) -> Result<u128, ShapeError> {
        let mut value = 0_u128;
        for shift in (0..128).step_by(7) {
            let [byte] = self.array()?;
            value |= u128::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(ShapeError("a number does not end".to_owned()))
    }

    fn unsigned<T: TryFrom<u128>>(&mut self) -> Result<T, ShapeError> {
        T::try_from(self.varint()?).map_err(|_| ShapeError("a number is too large".to_owned()))
    }

    fn signed<T: TryFrom<i128>>(&mut self) -> Result<T, ShapeError> {
        let folded = self.varint()?;
        let value = (folded >> 1) as i128 ^ -((folded & 1) as i128);
        T::try_from(value).map_err(|_| ShapeError("a number is too large".to_owned()))
    }

    fn text(&mut self) -> Result<&'de str, ShapeError> {
        let count = self.unsigned()?;
        std::str::from_utf8(self.bytes(count)?).map_err(|_| ShapeError("a text is none".to_owned()))
    }

    fn flag(&mut self) -> Result<bool, ShapeError> {
        match self.array()? {
            [0] => Ok(false),
            [1] => Ok(true),
            [other] => Err(ShapeError(format!("{other} is neither yes nor no"))),
        }
    }
}

impl<'de> Deserializer<'de> for Shaped<'_, 'de> {
    type Error = ShapeError;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ShapeError> {
        let Self { shape, input } = self;
        match shape {
            Shape::Unknown => Err(ShapeError("its shape is not known".to_owned())),
            Shape::Unit => visitor.visit_unit(),
            Shape::Bool => visitor.visit_bool(input.flag()?),
            Shape::U8 => visitor.visit_u8(input.array::<1>()?[0]),
            Shape::U16 => visitor.visit_u16(input.unsigned()?),
            Shape::U32 => visitor.visit_u32(input.unsigned()?),
            Shape::U64 => visitor.visit_u64(input.unsigned()?),
            Shape::U128 => visitor.visit_u128(input.varint()?),
            Shape::I8 => visitor.visit_i8(i8::from_le_bytes(input.array()?)),
            Shape::I16 => visitor.visit_i16(input.signed()?),
            Shape::I32 => visitor.visit_i32(input.signed()?),
            Shape::I64 => visitor.visit_i64(input.signed()?),
            Shape::I128 => visitor.visit_i128(input.signed()?),
            Shape::F32 => visitor.visit_f32(f32::from_le_bytes(input.array()?)),
            Shape::F64 => visitor.visit_f64(f64::from_le_bytes(input.array()?)),
            Shape::Char | Shape::Str => visitor.visit_borrowed_str(input.text()?),
            Shape::Bytes => {
                let count = input.unsigned()?;
                visitor.visit_borrowed_bytes(input.bytes(count)?)
            }
            Shape::Option(inner) => {
                if input.flag()? {
                    visitor.visit_some(Shaped { shape: inner, input })
                } else {
                    visitor.visit_none()
                }
            }
            Shape::Seq(inner) => {
                let left = input.unsigned()?;
                visitor.visit_seq(Alike { shape: inner, left, input })
            }
            Shape::Array(left, inner) => visitor.visit_seq(Alike { shape: inner, left: *left, input }),
            Shape::Tuple(shapes) => visitor.visit_seq(Row { shapes, input }),
            Shape::Map(inner) => {
                let left = input.unsigned()?;
                visitor.visit_map(Entries { shapes: inner, left, input })
            }
            Shape::Struct(left) => visitor.visit_map(Fields { left, value: None, input }),
            Shape::Enum(variants) => visitor.visit_enum(Variants { variants, input }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ShapeError> {
        match self.shape {
            Shape::Option(_) => self.deserialize_any(visitor),
            // What had to be there may be absent now.
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, ShapeError> {
        let Self { shape: Shape::Array(count, inner), input } = self else { return self.deserialize_any(visitor) };
        let left = (*count).min(len);
        // Where there is room for more by now, nothing is in it yet.
        let known = Alike { shape: inner, left, input: &mut *input };
        let value = visitor.visit_seq(Padded { known, zeros: len - left })?;
        for _ in left..*count {
            de::IgnoredAny::deserialize(Shaped { shape: inner, input: &mut *input })?;
        }
        Ok(value)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, ShapeError> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq
        tuple_struct map struct enum identifier ignored_any
    }
}

/// Values of one shape.
struct Alike<'a, 'de> {
    shape: &'a Shape,
    left: usize,
    input: &'a mut Input<'de>,
}

impl<'de> SeqAccess<'de> for Alike<'_, 'de> {
    type Error = ShapeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, ShapeError> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        seed.deserialize(Shaped { shape: self.shape, input: self.input }).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        // A count is only believed as far as there are bytes.
        Some(self.left.min(self.input.0.len()))
    }
}

/// Values of one shape, and behind them as many more as are missing.
struct Padded<'a, 'de> {
    known: Alike<'a, 'de>,
    zeros: usize,
}

impl<'de> SeqAccess<'de> for Padded<'_, 'de> {
    type Error = ShapeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, ShapeError> {
        if self.known.left > 0 {
            return self.known.next_element_seed(seed);
        }
        let Some(zeros) = self.zeros.checked_sub(1) else { return Ok(None) };
        self.zeros = zeros;
        seed.deserialize(Zero).map(Some)
    }
}

/// Values of different shapes.
struct Row<'a, 'de> {
    shapes: &'a [Shape],
    input: &'a mut Input<'de>,
}

impl<'de> SeqAccess<'de> for Row<'_, 'de> {
    type Error = ShapeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, ShapeError> {
        let Some((shape, rest)) = self.shapes.split_first() else { return Ok(None) };
        self.shapes = rest;
        seed.deserialize(Shaped { shape, input: self.input }).map(Some)
    }
}

/// Keys with their values.
struct Entries<'a, 'de> {
    shapes: &'a (Shape, Shape),
    left: usize,
    input: &'a mut Input<'de>,
}

impl<'de> MapAccess<'de> for Entries<'_, 'de> {
    type Error = ShapeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, ShapeError> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        seed.deserialize(Shaped { shape: &self.shapes.0, input: self.input }).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ShapeError> {
        seed.deserialize(Shaped { shape: &self.shapes.1, input: self.input })
    }
}

/// Values with names.
struct Fields<'a, 'de> {
    left: &'a [(String, Shape)],
    value: Option<&'a Shape>,
    input: &'a mut Input<'de>,
}

impl<'de> MapAccess<'de> for Fields<'_, 'de> {
    type Error = ShapeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, ShapeError> {
        let Some(((name, shape), rest)) = self.left.split_first() else { return Ok(None) };
        (self.left, self.value) = (rest, Some(shape));
        seed.deserialize(StrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ShapeError> {
        let shape = self.value.take().unwrap_or(&Shape::Unknown);
        seed.deserialize(Shaped { shape, input: self.input })
    }
}

/// One of several.
struct Variants<'a, 'de> {
    variants: &'a [(String, Shape)],
    input: &'a mut Input<'de>,
}

impl<'a, 'de> EnumAccess<'de> for Variants<'a, 'de> {
    type Error = ShapeError;
    type Variant = Shaped<'a, 'de>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Shaped<'a, 'de>), ShapeError> {
        let number: usize = self.input.unsigned()?;
        let (name, shape) =
            self.variants.get(number).ok_or_else(|| ShapeError(format!("there is no case {number}")))?;
        Ok((seed.deserialize(StrDeserializer::new(name))?, Shaped { shape, input: self.input }))
    }
}

impl<'de> VariantAccess<'de> for Shaped<'_, 'de> {
    type Error = ShapeError;

    fn unit_variant(self) -> Result<(), ShapeError> {
        de::IgnoredAny::deserialize(self).map(drop)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, ShapeError> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, ShapeError> {
        self.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, ShapeError> {
        self.deserialize_any(visitor)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::IpAddr;

    use proptest::prelude::*;
    use serde::Serialize;

    use super::*;
    use crate::shape::shape_of;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    enum Case {
        Nothing,
        One(u16),
        Two(bool, i64),
        Named { text: String, deep: Option<Box<(u8, f64)>> },
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Old {
        gone: Vec<Case>,
        number: u32,
        name: String,
        cases: Vec<Case>,
        table: BTreeMap<String, i32>,
        small: [u8; 4],
        at: (char, IpAddr),
        half: f32,
    }

    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
    #[serde(default)]
    struct New {
        name: Option<String>,
        added: Vec<u8>,
        table: BTreeMap<String, i64>,
        number: u64,
    }

    #[test]
    fn an_array_may_have_grown_or_shrunk() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Pair {
            share: f32,
            name: String,
        }
        let bytes = postcard::to_stdvec(&([3_u8, 4, 5], 6_u8)).expect("encodes");
        let shape = shape_of::<([u8; 3], u8)>().expect("has a shape");
        assert_eq!(take::<([u16; 5], u8)>(&shape, &bytes), Ok((([3, 4, 5, 0, 0], 6), &[][..])));
        assert_eq!(take::<([u8; 2], u8)>(&shape, &bytes), Ok((([3, 4], 6), &[][..])));
        let one = [Pair { share: 0.5, name: "a".to_owned() }];
        let (shape, bytes) = (shape_of::<[Pair; 2]>(), postcard::to_stdvec(&(&one[0], &one[0])));
        let grown = take::<[Pair; 3]>(&shape.expect("has a shape"), &bytes.expect("encodes")).map(|(pairs, _)| pairs);
        assert_eq!(grown.map(|[.., last]| last), Ok(Pair { share: 0.0, name: String::new() }));
    }

    fn case() -> impl Strategy<Value = Case> {
        prop_oneof![
            Just(Case::Nothing),
            any::<u16>().prop_map(Case::One),
            any::<(bool, i64)>().prop_map(|(a, b)| Case::Two(a, b)),
            ("\\PC{0,9}", proptest::option::of((any::<u8>(), -1e9..1e9)))
                .prop_map(|(text, deep)| Case::Named { text, deep: deep.map(Box::new) }),
        ]
    }

    fn old() -> impl Strategy<Value = Old> {
        let cases = || proptest::collection::vec(case(), 0..5);
        let table = proptest::collection::btree_map("[a-z]{1,3}", any::<i32>(), 0..4);
        (cases(), any::<u32>(), "\\PC{0,9}", cases(), table, any::<[u8; 4]>(), any::<(char, IpAddr)>(), -1e9_f32..1e9)
            .prop_map(|(gone, number, name, cases, table, small, at, half)| Old {
                gone,
                number,
                name,
                cases,
                table,
                small,
                at,
                half,
            })
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_by_its_shape(old in old()) {
            let mut bytes = postcard::to_stdvec(&old).expect("encodes");
            bytes.push(77);
            let shape = shape_of::<Old>().expect("has a shape");
            prop_assert_eq!(take::<Old>(&shape, &bytes), Ok((old.clone(), &[77][..])));
            let (new, rest) = take::<New>(&shape, &bytes).expect("is read");
            let table = old.table.iter().map(|(key, value)| (key.clone(), i64::from(*value))).collect();
            let wanted = New { name: Some(old.name), added: Vec::new(), table, number: u64::from(old.number) };
            prop_assert_eq!((new, rest), (wanted, &[77][..]));
        }

        #[test]
        fn no_bytes_break_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let shape = shape_of::<Old>().expect("has a shape");
            let read = take::<Old>(&shape, &bytes).map(|(old, _)| old).map_err(drop);
            let wanted = postcard::take_from_bytes::<Old>(&bytes).map(|(old, _)| old).map_err(drop);
            if let Ok(wanted) = wanted {
                prop_assert_eq!(format!("{read:?}"), format!("{:?}", Ok::<_, ()>(wanted)));
            }
        }
    }
}
