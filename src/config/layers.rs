//! Defaults, file, environment and flags laid over each other, setting by setting.
//!
//! Each layer is taken apart into single settings, and each of these is held against its type alone: that way serde
//! tells of every mistyped setting, where it would stop at the first one of a whole file.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use super::env;
use super::fault::{Fault, nearest};
use super::lists::Lists;
use super::raw::{self, Raw};

/// The text of `default.toml`: every setting, what it means and what it is when nobody sets it.
pub const DEFAULTS: &str = include_str!("default.toml");

/// Where settings come from, weakest first. The shell reads files and environment and hands them in.
#[derive(Clone, Debug, Default)]
pub struct Sources<'a> {
    /// Text of the settings file.
    pub file: Option<&'a str>,
    /// The environment; only names that begin with `HUMDRUM_` are looked at.
    pub environment: Vec<(String, String)>,
    /// Settings given on the command line.
    pub flags: Vec<Flag>,
}

/// One setting given on the command line.
#[derive(Clone, PartialEq, Eq)]
pub struct Flag {
    /// The flag as the person wrote it, for messages: `--nats`.
    pub name: String,
    /// The setting's path: `nats.url`.
    pub path: String,
    /// The value as text.
    pub value: String,
}

impl std::fmt::Debug for Flag {
    /// The value may be a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Flag").field("name", &self.name).field("path", &self.path).finish_non_exhaustive()
    }
}

/// All layers in one.
pub(super) struct Merged {
    pub(super) raw: Raw,
    pub(super) lists: Lists,
    /// The variable or flag that gave a setting, by path.
    pub(super) given_by: BTreeMap<String, String>,
    pub(super) faults: Vec<Fault>,
}

/// Lays the sources over each other.
pub(super) fn merge(sources: Sources<'_>) -> Merged {
    let mut layers = Layers { paths: raw::paths(), ..Layers::default() };
    layers.toml(DEFAULTS);
    if let Some(text) = sources.file {
        layers.toml(text);
    }
    let (variables, faults) = env::settings(sources.environment, &layers.paths);
    layers.faults.extend(faults);
    layers.words(variables);
    layers.words(sources.flags.into_iter().map(|flag| (flag.path, flag.name, flag.value)).collect());
    layers.finish()
}

#[derive(Default)]
struct Layers {
    paths: BTreeSet<String>,
    values: BTreeMap<String, Value>,
    given_by: BTreeMap<String, String>,
    lists: Lists,
    faults: Vec<Fault>,
}

impl Layers {
    fn toml(&mut self, text: &str) {
        let table = match text.parse::<Table>() {
            Ok(table) => table,
            Err(error) => {
                let line = 1 + text[..error.span().map_or(0, |s| s.start.min(text.len()))].matches('\n').count();
                self.fault(&format!("line {line}"), format!("not TOML: {}", error.message().replace('\n', " ")));
                return;
            }
        };
        let mut layer = BTreeSet::new();
        for (name, value) in table {
            if let Some(value) = self.lists.take(&name, value, &mut self.faults) {
                self.tree(&name, value, &mut layer);
            }
        }
        self.overrule_twins(&layer);
    }

    fn words(&mut self, words: Vec<(String, String, String)>) {
        let mut layer = BTreeSet::new();
        for (path, given_by, text) in words {
            if !self.paths.contains(&path) {
                let message = self.unknown(&path);
                self.faults.push(Fault { path, message, given_by: Some(given_by) });
                continue;
            }
            match word(&path, &text) {
                Ok(value) => {
                    self.values.insert(path.clone(), value);
                    self.given_by.insert(path.clone(), given_by);
                    layer.insert(path);
                }
                Err(message) => {
                    let message = self.discreet(&path, message);
                    self.faults.push(Fault { path, message, given_by: Some(given_by) });
                }
            }
        }
        self.overrule_twins(&layer);
    }

    fn tree(&mut self, path: &str, value: Value, layer: &mut BTreeSet<String>) {
        if self.paths.contains(path) {
            match fits(path, &value) {
                Ok(()) => {
                    self.values.insert(path.to_owned(), value);
                    layer.insert(path.to_owned());
                }
                Err(message) => {
                    let message = self.discreet(path, message);
                    self.fault(path, message);
                }
            }
            return;
        }
        let within = format!("{path}.");
        match value {
            Value::Table(table) if self.paths.iter().any(|known| known.starts_with(&within)) => {
                for (name, value) in table {
                    self.tree(&format!("{within}{name}"), value, layer);
                }
            }
            _ if self.paths.iter().any(|known| known.starts_with(&within)) => {
                self.fault(path, format!("a table of settings; write `[{path}]` above them"));
            }
            _ => {
                let message = self.unknown(path);
                self.fault(path, message);
            }
        }
    }

    /// A secret that one layer gives outright replaces the `_file` of a weaker one, and the other way round.
    fn overrule_twins(&mut self, layer: &BTreeSet<String>) {
        for path in layer {
            let twin = path.strip_suffix("_file").map_or_else(|| format!("{path}_file"), ToOwned::to_owned);
            if !layer.contains(&twin) {
                self.values.remove(&twin);
            }
        }
    }

    fn finish(mut self) -> Merged {
        let mut table = Table::new();
        for (path, value) in std::mem::take(&mut self.values) {
            put(&mut table, &path, value);
        }
        let raw = table.try_into().unwrap_or_else(|error: toml::de::Error| {
            self.fault("settings", humane(error.message()));
            Raw::default()
        });
        Merged { raw, lists: self.lists, given_by: self.given_by, faults: self.faults }
    }

    fn fault(&mut self, path: &str, message: String) {
        self.faults.push(Fault { path: path.to_owned(), message, given_by: None });
    }

    fn unknown(&self, path: &str) -> String {
        match nearest(path, self.paths.iter().map(String::as_str)) {
            Some(other) => format!("no such setting; did you mean `{other}`?"),
            None => "no such setting; `humdrum check --print-defaults` lists them".to_owned(),
        }
    }

    /// A message about a secret does not repeat its value.
    fn discreet(&self, path: &str, message: String) -> String {
        if self.paths.contains(&format!("{path}_file")) { "must be a text in quotes".to_owned() } else { message }
    }
}

/// A value given as text: taken as text where the setting is one, else as a number or a truth value.
fn word(path: &str, text: &str) -> Result<Value, String> {
    let as_text = Value::String(text.to_owned());
    let first = match fits(path, &as_text) {
        Ok(()) => return Ok(as_text),
        Err(message) => message,
    };
    let whole = text.parse().map(Value::Integer).ok();
    let number = text.parse().map(Value::Float).ok();
    let truth = text.parse().map(Value::Boolean).ok();
    [whole, number, truth].into_iter().flatten().find(|value| fits(path, value).is_ok()).ok_or(first)
}

/// Whether a value has the type of its setting.
fn fits(path: &str, value: &Value) -> Result<(), String> {
    let mut table = Table::new();
    put(&mut table, path, value.clone());
    table.try_into::<Raw>().map(drop).map_err(|error| humane(error.message()))
}

fn put(table: &mut Table, path: &str, value: Value) {
    match path.split_once('.') {
        None => drop(table.insert(path.to_owned(), value)),
        Some((name, rest)) => {
            if let Value::Table(inner) = table.entry(name).or_insert_with(|| Value::Table(Table::new())) {
                put(inner, rest, value);
            }
        }
    }
}

/// Serde's words for types, in words for people.
pub(super) fn humane(message: &str) -> String {
    message
        .lines()
        .next()
        .unwrap_or_default()
        .replace("invalid type: ", "")
        .replace("string \"", "the text \"")
        .replace("integer `", "the number `")
        .replace("floating point `", "the number `")
        .replace("expected i64", "expected a whole number")
        .replace("expected f64", "expected a number")
        .replace("expected a boolean", "expected `true` or `false`")
        .replace("expected a string", "expected a text in quotes")
}
