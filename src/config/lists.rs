//! Lists of tables, such as `[[suppressions]]`: each entry is held against its type setting by setting, so that a fault
//! has the place of its own setting.

use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::fault::{Fault, nearest};
use super::layers::humane;
use super::raw::names;

/// Entries of one list. More would make each finding cost more, and are a program's work that belongs elsewhere.
const ENTRIES_MAX: usize = 1000;

/// The entries of a list with their numbers; what is wrong with them is added to the faults.
pub(super) fn entries<T>(list: &str, value: Value, faults: &mut Vec<Fault>) -> Vec<(usize, T)>
where
    T: Default + Serialize + DeserializeOwned,
{
    let mut fault = |path: String, message: String| faults.push(Fault { path, message, given_by: None });
    let Value::Array(values) = value else {
        fault(list.to_owned(), format!("a list; write `[[{list}]]` above each entry"));
        return Vec::new();
    };
    if values.len() > ENTRIES_MAX {
        fault(list.to_owned(), format!("{} entries, at most {ENTRIES_MAX}", values.len()));
    }
    let known = names(&T::default());
    let mut entries = Vec::new();
    for (number, value) in values.into_iter().enumerate() {
        let at = format!("{list}[{number}]");
        let Value::Table(table) = value else {
            fault(at, format!("a table of settings; write `[[{list}]]` above it"));
            continue;
        };
        let mut good = Table::new();
        for (name, value) in table {
            let value = plain(value);
            let verdict = if known.contains(&name) {
                Table::from_iter([(name.clone(), value.clone())])
                    .try_into::<T>()
                    .map(drop)
                    .map_err(|error| humane(error.message()))
            } else {
                Err(match nearest(&name, known.iter().map(String::as_str)) {
                    Some(other) => format!("no such setting; did you mean `{other}`?"),
                    None => "no such setting; `humdrum check --print-defaults` lists them".to_owned(),
                })
            };
            match verdict {
                Ok(()) => drop(good.insert(name, value)),
                Err(message) => fault(format!("{at}.{name}"), message),
            }
        }
        match good.try_into() {
            Ok(entry) => entries.push((number, entry)),
            Err(error) => fault(at, humane(error.message())),
        }
    }
    entries
}

/// A day written without quotes is a text like any other.
fn plain(value: Value) -> Value {
    match value {
        Value::Datetime(day) => Value::String(day.to_string()),
        other => other,
    }
}
