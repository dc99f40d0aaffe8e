//! The engine's side of a backfill: rows in, a state out, places kept on the way.

use std::io::Write;

use anyhow::Context;
use indicatif::ProgressBar;

use crate::detect::{Engine, Output};
use crate::event::Reject;
use crate::report::history::{Counts, Example};
use crate::runtime::geo::GeoDatabase;
use crate::runtime::history::read::{Batch, Feed, Reader};
use crate::runtime::store::Store;
use crate::runtime::store::format::{Checkpoint, HistoryPlace};

/// An engine that learns a history.
pub(super) struct Learner {
    pub(super) engine: Engine,
    pub(super) counts: Counts,
    /// Events that were too late before this run.
    late_before: u64,
    geo: Option<GeoDatabase>,
    output: Output,
    names: Vec<String>,
    alerts: Option<Box<dyn Write>>,
}

impl Learner {
    /// A learner of files with these names.
    pub(super) fn new(
        engine: Engine,
        geo: Option<GeoDatabase>,
        names: Vec<String>,
        alerts: Option<Box<dyn Write>>,
    ) -> Self {
        let mut counts = Counts::default();
        counts.stands(engine.watermark());
        let late_before = engine.stats().late;
        Self { engine, counts, late_before, geo, output: Output::default(), names, alerts }
    }

    /// Events of this run that were too late.
    pub(super) fn late(&self) -> u64 {
        self.engine.stats().late.saturating_sub(self.late_before)
    }

    /// Learns to the end; whether it was that of the history, and not that of our patience.
    pub(super) fn learn(
        &mut self,
        mut reader: Reader,
        mut store: Option<&mut Store>,
        bar: &ProgressBar,
    ) -> anyhow::Result<bool> {
        let mut done = false;
        while let Some(feed) = reader.receive()? {
            match feed {
                Feed::Batch(mut batch) => {
                    self.batch(&mut batch, bar)?;
                    reader.give_back(batch);
                }
                Feed::Place(place) => self.keep(place, store.as_deref_mut())?,
                Feed::End(place) => {
                    done = place.done;
                    let certain = done || self.names.iter().all(|name| name != "-");
                    self.keep(place, store.as_deref_mut().filter(|_| certain))?;
                }
            }
        }
        if let Some(out) = &mut self.alerts {
            out.flush().context("alerts cannot be written")?;
        }
        Ok(done)
    }

    fn batch(&mut self, batch: &mut Batch, bar: &ProgressBar) -> anyhow::Result<()> {
        for (file, row, reject) in &batch.refused {
            self.counts.row();
            let name = self.names.get(*file as usize).cloned();
            let example = || Example { file: name, row: Some(*row), detail: reject.detail.clone() };
            self.counts.refused(reject.reason.as_str(), example);
        }
        for event in &mut batch.events {
            self.counts.row();
            if let Some(geo) = &mut self.geo {
                geo.locate(event);
            }
            self.engine.observe_ref(event, &mut self.output);
            self.counts.stands(self.engine.watermark());
            if !(self.output.alerts.is_empty() && self.output.rejected.is_empty()) {
                self.drain()?;
            }
        }
        bar.set_position(batch.bytes);
        bar.set_message(format!("{} rows", self.counts.rows()));
        Ok(())
    }

    fn drain(&mut self) -> anyhow::Result<()> {
        for (_, Reject { reason, detail }) in self.output.rejected.drain(..) {
            self.counts.refused(reason.as_str(), || Example { file: None, row: None, detail });
        }
        for alert in self.output.alerts.drain(..) {
            self.counts.alert(&alert);
            if let Some(out) = &mut self.alerts {
                let line = serde_json::to_string(&alert).context("an alert cannot be written as JSON")?;
                writeln!(out, "{line}").context("alerts cannot be written")?;
            }
        }
        Ok(())
    }

    fn keep(&self, place: HistoryPlace, store: Option<&mut Store>) -> anyhow::Result<()> {
        let Some(store) = store else { return Ok(()) };
        let checkpoint = Checkpoint {
            event_time: self.engine.watermark(),
            engine: self.engine.snapshot(),
            history: Some(place),
            ..Checkpoint::default()
        };
        store.save(&checkpoint).context("the state cannot be kept")?;
        Ok(())
    }
}
