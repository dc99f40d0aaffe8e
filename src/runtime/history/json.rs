//! Rows of NDJSON. Without a mapping each line is decoded as a message of the stream is, byte for byte the same way;
//! with one its values are looked up by their paths.

use std::io::{BufReader, Read};

use serde_json::Value;

use super::input::Rules;
use super::plan::Plan;
use super::{HistoryError, Record, at};
use crate::config::HistoryConfig;
use crate::event::cell::Cell;
use crate::event::decode::{Envelope, Limits, decode};
use crate::event::field::Field;
use crate::event::{Event, Reject, RejectReason};
use crate::runtime::lines::{Line, Lines};

/// The rows of one file.
#[derive(Debug)]
pub struct JsonRows {
    lines: Lines<BufReader<Box<dyn Read + Send>>>,
    name: String,
    file: u32,
    limits: Limits,
    /// None where the lines are the contract's own.
    plan: Option<Plan<Vec<String>>>,
}

impl JsonRows {
    /// Rows of a text.
    ///
    /// # Errors
    /// The first line lacks what every event needs.
    pub(super) fn open(
        mut text: BufReader<Box<dyn Read + Send>>,
        name: &str,
        file: u32,
        rules: &Rules,
    ) -> Result<Self, HistoryError> {
        let mapped = rules.config.columns.len() + rules.config.constants.len() + rules.config.values.len() > 0;
        let usual = HistoryConfig { time_zone: rules.config.time_zone.clone(), ..HistoryConfig::default() };
        let plan = if mapped || rules.config != usual {
            let head = super::input::first_line(&mut text).map_err(at(name))?;
            Some(plan(rules, name, &head)?)
        } else {
            None
        };
        let lines = Lines::new(text, rules.limits.payload_bytes_max);
        Ok(Self { lines, name: name.to_owned(), file, limits: rules.limits, plan })
    }

    /// The next row; none at the end.
    pub(super) fn read(&mut self) -> Result<Option<Record>, HistoryError> {
        let Some(line) = self.lines.next().map_err(at(&self.name))? else { return Ok(None) };
        let event = event(&line, &self.limits, self.plan.as_ref());
        Ok(Some(Record { file: self.file, row: line.number, event }))
    }

    /// Passes over the lines up to this number.
    pub(super) fn skip(&mut self, number: u64) -> Result<(), HistoryError> {
        while self.lines.number() < number {
            if self.lines.next().map_err(at(&self.name))?.is_none() {
                break;
            }
        }
        Ok(())
    }
}

fn event(line: &Line<'_>, limits: &Limits, plan: Option<&Plan<Vec<String>>>) -> Result<Event, Reject> {
    if line.bytes > limits.payload_bytes_max as u64 {
        let detail = format!("{} bytes, at most {}", line.bytes, limits.payload_bytes_max);
        return Err(Reject::new(RejectReason::TooLarge, detail));
    }
    let Some(plan) = plan else { return decode(line.text, &Envelope::default(), limits) };
    let text = std::str::from_utf8(line.text).map_err(|error| Reject::new(RejectReason::NotUtf8, error))?;
    let object: Value = serde_json::from_str(text).map_err(|error| Reject::new(RejectReason::NotJson, error))?;
    plan.event(|path| look_up(&object, path).map_or(Ok(Cell::None), cell))
}

/// The columns of NDJSON are the paths of its first line; what other lines may have is found by its name.
fn plan(rules: &Rules, name: &str, head: &[u8]) -> Result<Plan<Vec<String>>, HistoryError> {
    let first: Value = serde_json::from_slice(head).unwrap_or_default();
    let find = |field: Field, column: &str| {
        let path: Vec<String> = column.split('.').map(ToOwned::to_owned).collect();
        let needed = Field::REQUIRED.contains(&field) && first.is_object();
        Ok((!needed || look_up(&first, &path).is_some()).then_some(path))
    };
    Plan::new(rules, name, find, || {
        let mut names = Vec::new();
        paths("", &first, &mut names);
        names
    })
}

fn paths(prefix: &str, value: &Value, names: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                paths(&if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") }, value, names);
            }
        }
        _ if prefix.is_empty() => {}
        _ => names.push(prefix.to_owned()),
    }
}

/// A value by its path; a name with dots in it counts before the path that it could be.
fn look_up<'v>(object: &'v Value, path: &[String]) -> Option<&'v Value> {
    let map = object.as_object()?;
    match path {
        [] => None,
        [name] => map.get(name),
        [name, rest @ ..] => map.get(&path.join(".")).or_else(|| map.get(name).and_then(|inner| look_up(inner, rest))),
    }
}

fn cell(value: &Value) -> Result<Cell<'_>, Reject> {
    Ok(match value {
        Value::Null => Cell::None,
        Value::Bool(truth) => Cell::Truth(*truth),
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(whole), _) => Cell::Whole(whole),
            (None, Some(signed)) => Cell::Signed(signed),
            (None, None) => Cell::Number(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => Cell::Text(text.as_str().into()),
        Value::Array(list) => {
            let texts = list.iter().map(|item| item.as_str().map(Into::into)).collect::<Option<_>>();
            Cell::Texts(texts.ok_or_else(|| Reject::new(RejectReason::WrongType, "a list of other things than texts"))?)
        }
        Value::Object(_) => return Err(Reject::new(RejectReason::WrongType, "an object where a value is mapped")),
    })
}
