//! Feedback within a replay: each record at the place of the input where it was applied, or when its time has come.

#![expect(clippy::disallowed_methods, reason = "reads the file of feedback that the command line names")]

use std::path::Path;

use anyhow::Context;

use crate::alert::{Agenda, Placed};
use crate::detect::{Engine, Output};
use crate::runtime::cli::failure::Failure;

/// The records that still wait.
#[derive(Debug, Default)]
pub(super) struct Decided {
    agenda: Agenda,
}

impl Decided {
    /// Reads a file of records, one a line.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let name = path.display();
        let text = std::fs::read_to_string(path).with_context(|| format!("{name} cannot be read"))?;
        let mut records: Vec<Placed> = Vec::new();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let wrong = || format!("line {} of {name} is no record of feedback", number + 1);
            records.push(serde_json::from_str(line).with_context(wrong)?);
        }
        for placed in &mut records {
            if placed.record.tenant.is_empty() {
                "default".clone_into(&mut placed.record.tenant);
            }
        }
        Ok(Self { agenda: Agenda::new(records) })
    }

    /// Applies what is due before the next event.
    pub(super) fn due(&mut self, engine: &mut Engine, output: &mut Output) {
        if self.agenda.is_empty() {
            return;
        }
        while let Some(record) = self.agenda.due(engine.observed(), engine.watermark()) {
            if let Err(error) = engine.feedback(&record, output) {
                tracing::warn!(id = record.id, reason = error.reason(), %error, "feedback does not apply");
            }
        }
    }

    /// Says what was left over.
    pub(super) fn warn(&self) {
        if !self.agenda.is_empty() {
            tracing::warn!(records = self.agenda.len(), "feedback lies behind the end of the events");
        }
    }
}
