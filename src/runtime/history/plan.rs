//! Which column of a table is which field, decided once a file.

use super::HistoryError;
use super::input::Rules;
use crate::event::cell::Cell;
use crate::event::decode::Limits;
use crate::event::field::Field;
use crate::event::row::{Clock, Row};
use crate::event::{Event, Reject};
use crate::time::Zone;

/// Columns that a message about a missing one names.
const SHOWN_MAX: usize = 40;

/// Some of a plan's slots, a bit each: the lowest is the first.
pub type Slots = u64;

const _: () = assert!(Field::COUNT <= Slots::BITS as usize, "each field needs its bit");

/// How the rows of one file become events. `C` is how the file's kind finds a column.
#[derive(Debug)]
pub struct Plan<C> {
    slots: Vec<Slot<C>>,
    /// The slots with a constant, which have a value where their column has none.
    constant: Slots,
    clock: Clock,
    limits: Limits,
}

#[derive(Debug)]
struct Slot<C> {
    field: Field,
    column: Option<C>,
    constant: Option<String>,
    values: Vec<(String, String)>,
}

impl<C> Plan<C> {
    /// Finds the columns. `find` looks one up by its name, `there` lists what there is.
    ///
    /// # Errors
    /// A column that the settings name is not there, or a field that every event needs has neither column nor constant.
    pub fn new(
        rules: &Rules,
        file: &str,
        mut find: impl FnMut(Field, &str) -> Result<Option<C>, HistoryError>,
        there: impl Fn() -> Vec<String>,
    ) -> Result<Self, HistoryError> {
        let config = &rules.config;
        let fault = |wanted: String| {
            let mut names = there();
            let more = names.len().saturating_sub(SHOWN_MAX);
            names.truncate(SHOWN_MAX);
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            HistoryError::Column { path: file.to_owned(), wanted, there: names.join(", ") + &more }
        };
        let mut slots = Vec::new();
        for field in Field::all() {
            let given = config.columns.get(&field);
            let name = given.map_or(field.path(), String::as_str);
            let column = find(field, name)?;
            let constant = config.constants.get(&field).cloned();
            if let (Some(name), None) = (given, &column) {
                return Err(fault(format!(
                    "there is no column `{name}`, which `history.columns.{}` names",
                    field.path()
                )));
            }
            if column.is_none() && constant.is_none() {
                if Field::REQUIRED.contains(&field) {
                    let path = field.path();
                    let advice =
                        format!("name one by `history.columns.{path}`, or a constant by `history.constants.{path}`");
                    return Err(fault(format!("there is no column `{path}`, which every event needs; {advice}")));
                }
                continue;
            }
            let values = config.values.get(&field).cloned().unwrap_or_default();
            slots.push(Slot { field, column, constant, values });
        }
        let zone = Zone::named(&config.time_zone).unwrap_or_else(|_| Zone::utc());
        let clock = Clock { format: config.time_format.clone(), zone };
        let constants = slots.iter().enumerate().filter(|(_, slot)| slot.constant.is_some());
        let constant = constants.fold(0, |constant, (nth, _)| constant | 1 << nth);
        Ok(Self { slots, constant, clock, limits: rules.limits })
    }

    /// How times are written.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The column of a field, where it has one.
    #[must_use]
    pub fn column(&self, field: Field) -> Option<&C> {
        self.slots.iter().find(|slot| slot.field == field)?.column.as_ref()
    }

    /// The slots that have a column, each by its bit.
    pub fn columns(&self) -> impl Iterator<Item = (Slots, &C)> {
        self.slots.iter().enumerate().filter_map(|(nth, slot)| Some((1 << nth, slot.column.as_ref()?)))
    }

    /// One row as an event; `cell` gives the values of its columns. Only those of the slots in `there` are asked, where
    /// it is known that all others have none: most fields belong to one type of event, and most of a row is empty.
    ///
    /// # Errors
    /// The row is no event.
    pub fn event<'a>(
        &'a self,
        there: Slots,
        mut cell: impl FnMut(&'a C) -> Result<Cell<'a>, Reject>,
    ) -> Result<Event, Reject> {
        let mut row = Row::new();
        let mut left = there | self.constant;
        while let Some(slot) = self.slots.get(left.trailing_zeros() as usize) {
            left &= left - 1;
            let mut value = match &slot.column {
                Some(column) => cell(column)?,
                None => Cell::None,
            };
            if !slot.values.is_empty() {
                value = slot.translated(value);
            }
            if is_empty(&value) {
                let Some(constant) = &slot.constant else { continue };
                value = Cell::Text(constant.as_str().into());
            }
            row.set(slot.field, value, &self.clock)?;
        }
        row.decode(&self.limits)
    }
}

impl<C> Slot<C> {
    fn translated<'a>(&'a self, value: Cell<'a>) -> Cell<'a> {
        let theirs: std::borrow::Cow<'_, str> = match &value {
            Cell::Text(text) => text.as_ref().into(),
            Cell::Whole(number) => number.to_string().into(),
            Cell::Signed(number) => number.to_string().into(),
            Cell::Truth(truth) => truth.to_string().into(),
            _ => return value,
        };
        let known = self.values.iter().find(|(from, _)| *from == theirs);
        let other = || self.values.iter().find(|(from, _)| from == "*" && !theirs.is_empty());
        match known.or_else(other) {
            Some((_, ours)) => Cell::Text(ours.as_str().into()),
            None => value,
        }
    }
}

fn is_empty(value: &Cell<'_>) -> bool {
    match value {
        Cell::None => true,
        Cell::Text(text) => text.is_empty(),
        _ => false,
    }
}
