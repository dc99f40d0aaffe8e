//! Rows of NDJSON. Without a mapping each line is decoded as a message of the stream is, byte for byte the same way;
//! with one its values are looked up by their paths.

use std::io::{BufReader, Read};

use super::input::Rules;
use super::plan::{Plan, Slots};
use super::tree::Tree;
use super::{HistoryError, Record, at};
use crate::config::HistoryConfig;
use crate::event::cell::Cell;
use crate::event::decode::{Envelope, Limits, decode, nests_deeper};
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
    if nests_deeper(line.text, limits.depth_max) {
        return Err(Reject::new(RejectReason::TooDeep, format!("over {} levels", limits.depth_max)));
    }
    let object: Tree<'_> = serde_json::from_str(text).map_err(|error| Reject::new(RejectReason::NotJson, error))?;
    if !object.is_object() {
        return Err(Reject::new(RejectReason::WrongType, "no object"));
    }
    plan.event(Slots::MAX, |path| object.look_up(path).map_or(Ok(Cell::None), |value| value.cell(path)))
}

/// The columns of NDJSON are the paths of its first line; what other lines may have is found by its name. A constant
/// stands in line by line, wherever nothing is found.
fn plan(rules: &Rules, name: &str, head: &[u8]) -> Result<Plan<Vec<String>>, HistoryError> {
    let first: Tree<'_> = serde_json::from_slice(head).unwrap_or_default();
    let find = |field: Field, column: &str| {
        let path: Vec<String> = column.split('.').map(ToOwned::to_owned).collect();
        let needed = Field::REQUIRED.contains(&field) && !rules.config.constants.contains_key(&field);
        let there = !needed || !first.is_object() || first.look_up(&path).is_some();
        Ok(there.then_some(path))
    };
    Plan::new(rules, name, find, || first.paths())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of lines, with columns and constants as the settings give them.
    fn read(columns: &[(Field, &str)], constants: &[(Field, &str)], text: &str) -> Vec<String> {
        let owned = |pairs: &[(Field, &str)]| pairs.iter().map(|(field, text)| (*field, (*text).to_owned())).collect();
        let config = HistoryConfig {
            time_zone: "UTC".to_owned(),
            columns: owned(columns),
            constants: owned(constants),
            ..HistoryConfig::default()
        };
        let rules = Rules { config, limits: Limits { depth_max: 3, ..Limits::default() } };
        let source: Box<dyn Read + Send> = Box::new(std::io::Cursor::new(text.to_owned().into_bytes()));
        let mut rows = JsonRows::open(BufReader::new(source), "t.ndjson", 0, &rules).expect("opens");
        let mut found = Vec::new();
        while let Some(record) = rows.read().expect("memory can be read") {
            let told = |event: Event| format!("{} {}", event.bot, event.type_name());
            found.push(record.event.map_or_else(|reject| reject.to_string(), told));
        }
        found
    }

    #[test]
    fn a_constant_stands_in_line_by_line() {
        let text = r#"{"ts":"2026-05-04T12:00:00Z","who":"a"}
            {"ts":"2026-05-04T12:00:00Z","who":"b","type":"login"}
            {"ts":"2026-05-04T12:00:00Z","who":"c","type":""}"#;
        let columns = [(Field::Bot, "who")];
        assert_eq!(read(&columns, &[(Field::Type, "call")], text), ["a call", "b login", "c call"]);
    }

    #[test]
    fn a_mapped_line_is_refused_for_what_a_plain_one_is() {
        let line = |more: &str| format!(r#"{{"ts":"2026-05-04T12:00:00Z","bot":"a","type":"call"{more}}}"#);
        let text = [
            line(r#","bot":"b""#),
            line(r#","request":{"host":"h"},"request":{"host":"i"}"#),
            line(r#","note":1,"note":2"#),
            line(r#","note":[[[1]]]"#),
            "[]".to_owned(),
            line(""),
        ];
        let mapped = read(&[(Field::Host, "request.host")], &[], &text.join("\n"));
        let of: Vec<&str> = mapped.iter().map(|told| told.split(':').next().unwrap_or_default()).collect();
        assert_eq!(of, ["wrong_type", "wrong_type", "a call", "too_deep", "wrong_type", "a call"]);
        let plain = read(&[], &[], &text.join("\n"));
        let reasons = |told: &[String]| -> Vec<String> {
            told.iter().map(|told| told.split(':').next().unwrap_or_default().to_owned()).collect()
        };
        // Of the names that come twice only those count that are asked for.
        let except = |mut list: Vec<String>| {
            list.remove(1);
            list
        };
        assert_eq!(except(reasons(&plain)), except(reasons(&mapped)));
    }
}
