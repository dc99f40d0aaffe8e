//! The shape of a type: what it asks for when it is read, found by reading it from nothing.
//!
//! Each reading takes one way through every choice; readings go on until each way was taken once.

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error as _, MapAccess, SeqAccess, VariantAccess, Visitor};
use serde::{Deserialize, de};

use super::Shape;

type Fault = de::value::Error;

/// The shape of a type.
pub(crate) fn shape_of<T: for<'de> Deserialize<'de>>() -> Result<Shape, String> {
    let mut shape = Shape::Unknown;
    loop {
        let before = shape.clone();
        T::deserialize(Tracer(&mut shape)).map_err(|error| error.to_string())?;
        if !has_unknown(&shape) {
            return Ok(folded(shape));
        }
        if shape == before {
            return Err(format!("no reading finds out more than {shape:?}"));
        }
    }
}

fn has_unknown(shape: &Shape) -> bool {
    match shape {
        Shape::Unknown => true,
        Shape::Option(inner) | Shape::Seq(inner) | Shape::Array(_, inner) => has_unknown(inner),
        Shape::Tuple(shapes) => shapes.iter().any(has_unknown),
        Shape::Map(inner) => has_unknown(&inner.0) || has_unknown(&inner.1),
        Shape::Struct(named) | Shape::Enum(named) => named.iter().any(|(_, shape)| has_unknown(shape)),
        _ => false,
    }
}

/// Rows of equal shapes are arrays.
fn folded(shape: Shape) -> Shape {
    let boxed = |inner: Box<Shape>| Box::new(folded(*inner));
    let named = |named: Vec<(String, Shape)>| named.into_iter().map(|(name, shape)| (name, folded(shape))).collect();
    match shape {
        Shape::Option(inner) => Shape::Option(boxed(inner)),
        Shape::Seq(inner) => Shape::Seq(boxed(inner)),
        Shape::Map(inner) => Shape::Map(Box::new((folded(inner.0), folded(inner.1)))),
        Shape::Struct(fields) => Shape::Struct(named(fields)),
        Shape::Enum(variants) => Shape::Enum(named(variants)),
        Shape::Tuple(shapes) => {
            let shapes: Vec<Shape> = shapes.into_iter().map(folded).collect();
            match shapes.split_first() {
                Some((first, rest)) if !rest.is_empty() && rest.iter().all(|shape| shape == first) => {
                    Shape::Array(shapes.len(), Box::new(first.clone()))
                }
                _ => Shape::Tuple(shapes),
            }
        }
        other => other,
    }
}

struct Tracer<'a>(&'a mut Shape);

macro_rules! plain {
    ($($method:ident $visit:ident $shape:ident $value:expr;)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            *self.0 = Shape::$shape;
            visitor.$visit($value)
        })*
    };
}

impl<'de> Deserializer<'de> for Tracer<'_> {
    type Error = Fault;

    plain! {
        deserialize_bool visit_bool Bool false;
        deserialize_u8 visit_u8 U8 0;
        deserialize_u16 visit_u16 U16 0;
        deserialize_u32 visit_u32 U32 0;
        deserialize_u64 visit_u64 U64 0;
        deserialize_u128 visit_u128 U128 0;
        deserialize_i8 visit_i8 I8 0;
        deserialize_i16 visit_i16 I16 0;
        deserialize_i32 visit_i32 I32 0;
        deserialize_i64 visit_i64 I64 0;
        deserialize_i128 visit_i128 I128 0;
        deserialize_f32 visit_f32 F32 0.0;
        deserialize_f64 visit_f64 F64 0.0;
        deserialize_char visit_char Char 'a';
        deserialize_str visit_borrowed_str Str "";
        deserialize_string visit_borrowed_str Str "";
        deserialize_bytes visit_borrowed_bytes Bytes b"";
        deserialize_byte_buf visit_borrowed_bytes Bytes b"";
    }

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Fault> {
        Err(Fault::custom("a type that asks for anything has no shape"))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_any(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_any(visitor)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        *self.0 = Shape::Unit;
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if *self.0 == Shape::Unknown {
            *self.0 = Shape::Option(Box::default());
        }
        let Shape::Option(inner) = self.0 else { return Err(Fault::custom("an option is something else")) };
        // Nothing is left to find out, and whatever contains itself comes to an end.
        if has_unknown(inner) { visitor.visit_some(Tracer(inner)) } else { visitor.visit_none() }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if *self.0 == Shape::Unknown {
            *self.0 = Shape::Seq(Box::default());
        }
        let Shape::Seq(inner) = self.0 else { return Err(Fault::custom("a sequence is something else")) };
        let shapes = if has_unknown(inner) { std::slice::from_mut(&mut **inner) } else { &mut [] };
        visitor.visit_seq(Row(shapes.iter_mut()))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Fault> {
        if *self.0 == Shape::Unknown {
            *self.0 = Shape::Tuple(vec![Shape::Unknown; len]);
        }
        let Shape::Tuple(shapes) = self.0 else { return Err(Fault::custom("a tuple is something else")) };
        visitor.visit_seq(Row(shapes.iter_mut()))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if *self.0 == Shape::Unknown {
            *self.0 = Shape::Map(Box::default());
        }
        let Shape::Map(inner) = self.0 else { return Err(Fault::custom("a map is something else")) };
        let (key, value) = &mut **inner;
        let more = has_unknown(key) || has_unknown(value);
        visitor.visit_map(Entry { key: more.then_some(key), value: Some(value) })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if *self.0 == Shape::Unknown {
            *self.0 = Shape::Struct(named(fields));
        }
        let Shape::Struct(fields) = self.0 else { return Err(Fault::custom("a structure is something else")) };
        visitor.visit_seq(Row(fields.iter_mut().map(|(_, shape)| shape)))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if *self.0 == Shape::Unknown {
            *self.0 = Shape::Enum(named(variants));
        }
        let Shape::Enum(variants) = self.0 else { return Err(Fault::custom("a choice is something else")) };
        let next = variants.iter().position(|(_, shape)| has_unknown(shape)).unwrap_or_default();
        let (name, shape) = variants.get_mut(next).ok_or_else(|| Fault::custom("there is nothing to choose"))?;
        visitor.visit_enum(Variant { name, tracer: Tracer(shape) })
    }
}

fn named(names: &[&str]) -> Vec<(String, Shape)> {
    names.iter().map(|name| ((*name).to_owned(), Shape::Unknown)).collect()
}

/// Values one after the other.
struct Row<I>(I);

impl<'de, 'a, I: Iterator<Item = &'a mut Shape>> SeqAccess<'de> for Row<I> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        self.0.next().map(|shape| seed.deserialize(Tracer(shape))).transpose()
    }
}

/// One entry of a map, or none.
struct Entry<'a> {
    key: Option<&'a mut Shape>,
    value: Option<&'a mut Shape>,
}

impl<'de> MapAccess<'de> for Entry<'_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        self.key.take().map(|shape| seed.deserialize(Tracer(shape))).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let shape = self.value.take().ok_or_else(|| Fault::custom("a value without a key"))?;
        seed.deserialize(Tracer(shape))
    }
}

struct Variant<'a> {
    name: &'a str,
    tracer: Tracer<'a>,
}

impl<'de, 'a> EnumAccess<'de> for Variant<'a> {
    type Error = Fault;
    type Variant = Tracer<'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Tracer<'a>), Fault> {
        Ok((seed.deserialize(StrDeserializer::new(self.name))?, self.tracer))
    }
}

impl<'de> VariantAccess<'de> for Tracer<'_> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        *self.0 = Shape::Unit;
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_struct("", fields, visitor)
    }
}
