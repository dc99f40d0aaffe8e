//! How somebody's table of history is read: which column is which field, what stands for what is missing, and how
//! times are written.

use super::HistoryConfig;
use super::check::Check;
use super::raw::RawHistory;
use crate::event::cell::Cell;
use crate::event::decode::Limits;
use crate::event::field::{Field, Shape};
use crate::event::moment::TimeFormat;
use crate::event::row::{Clock, Row};
use crate::time::Zone;

pub(super) fn history(check: &mut Check<'_>, raw: RawHistory) -> HistoryConfig {
    let format = check.given("history.time_format", raw.time_format);
    let time_format = TimeFormat::named(&format).unwrap_or_else(|message| {
        check.fault("history.time_format", message);
        TimeFormat::default()
    });
    let time_zone = check.given("history.time_zone", raw.time_zone);
    if Zone::named(&time_zone).is_err() {
        let message = format!("`{time_zone}` is no time zone; write an IANA name such as `Europe/Berlin`");
        check.fault("history.time_zone", message);
    }
    let mut config = HistoryConfig { time_format, time_zone, ..HistoryConfig::default() };
    for (field, column) in raw.columns.set() {
        if column.trim().is_empty() {
            check.fault(&format!("history.columns.{}", field.path()), "an empty name; leave the setting out instead");
        }
        config.columns.insert(field, column);
    }
    for (field, value) in raw.constants.set() {
        constant(check, field, &value, &config);
        config.constants.insert(field, value);
    }
    for (field, text) in raw.values.set() {
        let pairs = values(check, field, &text);
        config.values.insert(field, pairs);
    }
    config
}

/// A constant that every row would be refused for is a slip.
fn constant(check: &mut Check<'_>, field: Field, value: &str, config: &HistoryConfig) {
    let zone = Zone::named(&config.time_zone).unwrap_or_else(|_| Zone::utc());
    let clock = Clock { format: config.time_format.clone(), zone };
    let mut row = Row::new();
    let text = |text: &'static str| Cell::Text(text.into());
    let set = row
        .set(Field::Ts, Cell::Time(0), &clock)
        .and_then(|()| row.set(Field::Bot, text("bot"), &clock))
        .and_then(|()| row.set(Field::Type, text("call"), &clock))
        .and_then(|()| row.set(field, Cell::Text(value.to_owned().into()), &clock));
    let decoded = set.and_then(|()| row.decode(&Limits::default()));
    if let Err(reject) = decoded {
        check.fault(&format!("history.constants.{}", field.path()), reject.to_string());
    }
}

/// `theirs=ours`, with commas between.
fn values(check: &mut Check<'_>, field: Field, text: &str) -> Vec<(String, String)> {
    let path = format!("history.values.{}", field.path());
    if field.shape() != Shape::Text {
        check.fault(&path, "only texts can be translated");
    }
    let mut pairs = Vec::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        match part.split_once('=') {
            Some((theirs, ours)) => pairs.push((theirs.trim().to_owned(), ours.trim().to_owned())),
            None => check.fault(&path, format!("`{part}`: write `theirs=ours`, with commas between several")),
        }
    }
    pairs
}
