//! A line of JSON as a tree in which values are looked up by their paths, and which knows what of it came twice.
//!
//! A name that stands twice in an object is read as the first or as the last by different programs, so that what one of
//! them judged is not what another one did; the stream refuses it, and so does a value that is reached through such a
//! name here. Texts are borrowed from the line. Bound: the line, and the depth that was checked before.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::event::cell::Cell;
use crate::event::{Reject, RejectReason};

/// A value.
#[derive(Debug)]
pub(super) enum Tree<'a> {
    /// One that can be a field's.
    Cell(Cell<'a>),
    /// A list of other things than texts.
    List,
    /// More below it.
    Object(BTreeMap<Cow<'a, str>, Tree<'a>>),
    /// Its name came twice.
    Twice,
}

impl Default for Tree<'_> {
    fn default() -> Self {
        Self::Cell(Cell::None)
    }
}

impl<'a> Tree<'a> {
    pub(super) fn is_object(&self) -> bool {
        matches!(self, Self::Object(_))
    }

    /// A value by its path; a name with dots in it counts before the path that it could be.
    pub(super) fn look_up(&self, path: &[String]) -> Option<&Tree<'a>> {
        let map = match self {
            Self::Object(map) => map,
            Self::Twice => return Some(self),
            _ => return None,
        };
        match path {
            [] => None,
            [name] => map.get(name.as_str()),
            [name, rest @ ..] => {
                let whole = map.get(path.join(".").as_str());
                whole.or_else(|| map.get(name.as_str()).and_then(|inner| inner.look_up(rest)))
            }
        }
    }

    /// The value, where a field may have it.
    ///
    /// # Errors
    /// It is of no type that a field has, or came twice.
    pub(super) fn cell(&self, path: &[String]) -> Result<Cell<'_>, Reject> {
        let wrong = |what: &str| Err(Reject::new(RejectReason::WrongType, format!("{}: {what}", path.join("."))));
        Ok(match self {
            Self::Cell(Cell::Text(text)) => Cell::Text(text.as_ref().into()),
            Self::Cell(Cell::Texts(texts)) => Cell::Texts(texts.iter().map(|text| text.as_ref().into()).collect()),
            Self::Cell(cell) => cell.clone(),
            Self::List => return wrong("a list of other things than texts"),
            Self::Object(_) => return wrong("an object where a value is mapped"),
            Self::Twice => return wrong("its name comes twice"),
        })
    }

    /// Paths of all values.
    pub(super) fn paths(&self) -> Vec<String> {
        let mut names = Vec::new();
        if let Self::Object(map) = self {
            for (name, value) in map {
                value.paths_below(name.clone().into_owned(), &mut names);
            }
        }
        names
    }

    fn paths_below(&self, path: String, names: &mut Vec<String>) {
        match self {
            Self::Object(map) => {
                for (name, value) in map {
                    value.paths_below(format!("{path}.{name}"), names);
                }
            }
            _ => names.push(path),
        }
    }
}

impl<'de> Deserialize<'de> for Tree<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Grow)
    }
}

/// A name within an object, borrowed where it has no escapes.
#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

struct Grow;

impl<'de> Visitor<'de> for Grow {
    type Value = Tree<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of JSON")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Tree::default())
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Self::Value, E> {
        Ok(Tree::Cell(Cell::Truth(truth)))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Tree::Cell(Cell::Whole(number)))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Tree::Cell(u64::try_from(number).map_or(Cell::Signed(number), Cell::Whole)))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Tree::Cell(Cell::Number(number)))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Tree::Cell(Cell::Text(text.into())))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Tree::Cell(Cell::Text(text.to_owned().into())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut texts = Some(Vec::new());
        while let Some(item) = list.next_element::<Tree<'de>>()? {
            texts = match (texts, item) {
                (Some(mut texts), Tree::Cell(Cell::Text(text))) => {
                    texts.push(text);
                    Some(texts)
                }
                _ => None,
            };
        }
        Ok(texts.map_or(Tree::List, |texts| Tree::Cell(Cell::Texts(texts))))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
        let mut map = BTreeMap::new();
        while let Some((Key(name), value)) = object.next_entry::<Key<'de>, Tree<'de>>()? {
            match map.entry(name) {
                Entry::Vacant(vacant) => drop(vacant.insert(value)),
                Entry::Occupied(mut there) => drop(there.insert(Tree::Twice)),
            }
        }
        Ok(Tree::Object(map))
    }
}
