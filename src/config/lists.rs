//! Lists of tables in the settings file: `[[webhooks]]`, `[[receivers]]`, `[[routes]]`, `[[silences]]`,
//! `[[rules]]`, `[[suppressions]]` and `[[calendar]]`.
//!
//! Each setting of each entry is held against its type alone, as single settings are, so that every mistyped one is told.

use std::collections::BTreeSet;

use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::fault::{Fault, nearest};
use super::layers::humane;
use super::raw::{RawReceiver, RawRoute, RawRule, RawSilence, RawStretch, RawSuppression, RawWebhook};

/// Entries of one list. More would make each alert cost more, and are a program's work that belongs elsewhere.
const ENTRIES_MAX: usize = 1000;

/// The lists of a settings file.
#[derive(Default)]
pub(super) struct Lists {
    pub(super) webhooks: Vec<RawWebhook>,
    pub(super) receivers: Vec<RawReceiver>,
    pub(super) routes: Vec<RawRoute>,
    pub(super) silences: Vec<RawSilence>,
    pub(super) rules: Vec<RawRule>,
    pub(super) suppressions: Vec<RawSuppression>,
    pub(super) calendar: Vec<RawStretch>,
}

impl Lists {
    /// Takes a list in; gives the value back where the name is none of a list.
    pub(super) fn take(&mut self, name: &str, value: Value, faults: &mut Vec<Fault>) -> Option<Value> {
        match name {
            "webhooks" => read(name, value, &mut self.webhooks, faults),
            "receivers" => read(name, value, &mut self.receivers, faults),
            "routes" => read(name, value, &mut self.routes, faults),
            "silences" => read(name, value, &mut self.silences, faults),
            "rules" => read(name, value, &mut self.rules, faults),
            "suppressions" => read(name, value, &mut self.suppressions, faults),
            "calendar" => read(name, value, &mut self.calendar, faults),
            _ => return Some(value),
        }
        None
    }
}

/// Names of the settings that an entry may have.
pub(super) fn names<T: Default + Serialize>() -> BTreeSet<String> {
    let tree = serde_json::to_value(T::default()).unwrap_or_default();
    tree.as_object().into_iter().flat_map(|table| table.keys().cloned()).collect()
}

fn read<T>(list: &str, value: Value, into: &mut Vec<T>, faults: &mut Vec<Fault>)
where
    T: Default + Serialize + DeserializeOwned,
{
    let mut fault = |path: &str, message: String| faults.push(Fault { path: path.to_owned(), message, given_by: None });
    let Value::Array(entries) = value else {
        let single = if list == "webhooks" { ", or `[webhook]` for only one" } else { "" };
        fault(list, format!("a list; write `[[{list}]]` above each{single}"));
        return;
    };
    if entries.len() > ENTRIES_MAX {
        fault(list, format!("{} entries, at most {ENTRIES_MAX}", entries.len()));
    }
    let names = names::<T>();
    for (index, entry) in entries.into_iter().enumerate() {
        let at = format!("{list}[{index}]");
        let Value::Table(table) = entry else {
            fault(&at, format!("a table of settings; write `[[{list}]]` above it"));
            continue;
        };
        let mut good = Table::new();
        for (name, value) in table {
            let value = plain(value);
            match fits::<T>(&names, &name, &value) {
                Ok(()) => drop(good.insert(name, value)),
                Err(message) => fault(&format!("{at}.{name}"), message),
            }
        }
        match good.try_into() {
            Ok(entry) => into.push(entry),
            Err(error) => fault(&at, humane(error.message())),
        }
    }
}

/// A day written without quotes is a text like any other.
fn plain(value: Value) -> Value {
    match value {
        Value::Datetime(day) => Value::String(day.to_string()),
        other => other,
    }
}

/// Whether an entry may have a setting, with that value. A message about a secret does not repeat it.
fn fits<T: DeserializeOwned>(names: &BTreeSet<String>, name: &str, value: &Value) -> Result<(), String> {
    if !names.contains(name) {
        return Err(match nearest(name, names.iter().map(String::as_str)) {
            Some(other) => format!("no such setting; did you mean `{other}`?"),
            None => "no such setting; `humdrum check --print-defaults` lists them".to_owned(),
        });
    }
    let single: Table = [(name.to_owned(), value.clone())].into_iter().collect();
    let typed = single.try_into::<T>().map(drop).map_err(|error| humane(error.message()));
    let secret = names.contains(&format!("{name}_file"));
    typed.map_err(|message| if secret { "must be a text in quotes".to_owned() } else { message })
}
