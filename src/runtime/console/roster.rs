//! All bots in short, for lists: kept beside the engine, and made anew a few hundred at a time.
//!
//! Lists sort and search over all bots, and a risk takes tens of microseconds to sum up. At a hundred thousand bots that is
//! no question for the engine's thread. So a task asks for a few hundred bots at a time, and puts the whole in place when it
//! is complete: lists say as of when they are. It rests when nobody has looked for a while.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::desk::Desk;
use super::rows::BotRow;
use crate::detect::{BotFacts, Engine};
use crate::report::privileges::{UNUSED_DAYS, Window};
use crate::report::{Estate, inventory, privileges};
use crate::runtime::clock;
use crate::runtime::inquiry::NoAnswer;
use crate::time::Timestamp;

/// Bots of one question: a few milliseconds of the engine's thread.
const BOTS_A_QUESTION: usize = 200;
/// The least and the longest pause between two sweeps, and how much longer than a sweep it is.
const PAUSE_MIN: Duration = Duration::from_secs(2);
const PAUSE_MAX: Duration = Duration::from_secs(300);
const PAUSE_SWEEPS: u32 = 20;
/// Time after which a roster that nobody looks at is not made anew.
const IDLE: Duration = Duration::from_secs(600);
/// Time that the first one to look after that waits for a new one: enough for a thousand bots, and so little that the slowest
/// list over many more stays below a tenth of a second.
const FIRST_LOOK: Duration = Duration::from_millis(30);

/// All bots as of an event time.
#[derive(Debug, Default)]
pub(super) struct Rolls {
    /// Event time; none while the first sweep goes on.
    pub at: Option<Timestamp>,
    /// In order of tenant and name.
    pub rows: Vec<BotRow>,
    /// Their places, those at most risk first.
    pub by_risk: Vec<u32>,
    /// Roles unused for 30, 60 and 90 days, and those that are not needed.
    pub unused: [usize; 3],
    pub droppable: usize,
}

/// The roster.
#[derive(Debug, Default)]
pub(super) struct Roster {
    rolls: RwLock<Arc<Rolls>>,
    progress: RwLock<(usize, usize)>,
    looked_at: RwLock<Option<Instant>>,
    look: Notify,
    counted: Notify,
}

impl Roster {
    /// The bots, counted anew if nobody has looked for a while and that can be done at once.
    pub(super) async fn rolls(&self) -> Arc<Rolls> {
        let counted = self.counted.notified();
        let mut counted = std::pin::pin!(counted);
        counted.as_mut().enable();
        let rested = !self.is_watched();
        let rolls = self.look();
        if rested && timeout(FIRST_LOOK, counted).await.is_ok() { self.look() } else { rolls }
    }

    /// The bots as they were counted last; that somebody looked is remembered.
    fn look(&self) -> Arc<Rolls> {
        *self.looked_at.write().unwrap_or_else(PoisonError::into_inner) = Some(clock::monotonic());
        self.look.notify_one();
        Arc::clone(&self.rolls.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Bots that the sweep has come to, of how many.
    pub(super) fn progress(&self) -> (usize, usize) {
        *self.progress.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_watched(&self) -> bool {
        let looked = *self.looked_at.read().unwrap_or_else(PoisonError::into_inner);
        looked.is_some_and(|at| clock::monotonic().saturating_duration_since(at) < IDLE)
    }

    fn put(&self, rolls: Rolls) {
        *self.rolls.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rolls);
        self.counted.notify_waiters();
    }

    fn advance(&self, done: usize, all: usize) {
        *self.progress.write().unwrap_or_else(PoisonError::into_inner) = (done, all);
    }
}

/// Keeps the roster until the stop.
pub(super) async fn keep(desk: Arc<Desk>, stopping: CancellationToken) {
    let work = async {
        loop {
            let began = clock::monotonic();
            match sweep(&desk).await {
                Ok(rolls) => desk.roster.put(rolls),
                Err(NoAnswer::Ended) => return,
                Err(NoAnswer::Busy) => tracing::debug!("the engine is busy; the roster stays as it is"),
            }
            let pause = (PAUSE_SWEEPS * (clock::monotonic() - began)).clamp(PAUSE_MIN, PAUSE_MAX);
            tokio::time::sleep(pause).await;
            while !desk.roster.is_watched() {
                // Ends with the next look.
                drop(timeout(PAUSE_MAX, desk.roster.look.notified()).await);
            }
        }
    };
    tokio::select! {
        () = stopping.cancelled() => {}
        () = work => {}
    }
}

async fn sweep(desk: &Desk) -> Result<Rolls, NoAnswer> {
    fill(desk).await?;
    let (at, count) = desk.inquiry.ask(|engine| (engine.watermark(), engine.bots_len())).await?;
    let mut rows = Vec::with_capacity(count);
    let mut from = 0;
    while from < count {
        desk.roster.advance(from, count);
        rows.extend(desk.inquiry.ask(move |engine| seen(engine, from..from + BOTS_A_QUESTION)).await?);
        from += BOTS_A_QUESTION;
    }
    let mut last = None;
    loop {
        let (some, end) = desk.inquiry.ask(move |engine| unseen(engine, last.as_ref())).await?;
        rows.extend(some);
        if end.is_none() {
            break;
        }
        last = end;
    }
    desk.roster.advance(count, count);
    Ok(rolls(at, rows))
}

/// Shows what is open: what was so before the process began may stand in no log.
async fn fill(desk: &Desk) -> Result<(), NoAnswer> {
    while !desk.archive.is_full() {
        let archive = desk.archive.clone();
        let missing = desk.inquiry.ask(move |engine| {
            let missing = engine.open_alerts().filter(|alert| !archive.has(&alert.id));
            missing.take(BOTS_A_QUESTION).cloned().map(Arc::new).collect::<Vec<_>>()
        });
        let missing = missing.await?;
        desk.archive.fill(&missing);
        if missing.len() < BOTS_A_QUESTION {
            break;
        }
    }
    Ok(())
}

/// Some of the bots that were seen.
fn seen(engine: &Engine, numbers: std::ops::Range<usize>) -> Vec<BotRow> {
    let facts = engine.facts_between(numbers);
    let now = engine.watermark().unwrap_or(Timestamp::MIN);
    let rows = inventory::seen(&Estate { bots: &facts, registry: engine.registry(), now });
    rows.into_iter().zip(&facts).map(|(row, facts)| short(row, Some(facts), engine, now)).collect()
}

/// The bots that only the registry names, of some of its records, and the last of these; none behind the end.
fn unseen(engine: &Engine, last: Option<&(String, String)>) -> (Vec<BotRow>, Option<(String, String)>) {
    let now = engine.watermark().unwrap_or(Timestamp::MIN);
    let records: Vec<_> = engine.registry().records_after(last).take(BOTS_A_QUESTION).collect();
    let unknown = records.iter().filter(|record| !engine.knows(&record.tenant, &record.bot));
    let rows = unknown.filter_map(|record| inventory::one(engine.registry(), now, None, Some(record)));
    let end = records.last().map(|record| (record.tenant.clone(), record.bot.clone()));
    (rows.map(|row| short(row, None, engine, now)).collect(), end)
}

fn short(row: inventory::InventoryRow, facts: Option<&BotFacts>, engine: &Engine, now: Timestamp) -> BotRow {
    let record = engine.record_of(&row.tenant, &row.bot);
    let held = facts.map(|facts| privileges::of(facts, record, now, Window::default()));
    BotRow::new(row, held.as_ref())
}

fn rolls(at: Option<Timestamp>, mut rows: Vec<BotRow>) -> Rolls {
    rows.sort_by(|a, b| (&a.tenant, &a.bot).cmp(&(&b.tenant, &b.bot)));
    let mut by_risk: Vec<u32> = (0..rows.len() as u32).collect();
    by_risk.sort_by(|&a, &b| rows[b as usize].risk.total_cmp(&rows[a as usize].risk).then(a.cmp(&b)));
    let idle = || rows.iter().flat_map(|row| &row.idle);
    Rolls {
        at,
        unused: UNUSED_DAYS.map(|days| idle().filter(|role| role.unused_days >= days).count()),
        droppable: idle().filter(|role| role.drop).count(),
        by_risk,
        rows,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_looks_after_a_rest_sees_the_bots_as_they_are_now() {
        let (roster, at) = (Arc::new(Roster::default()), Timestamp::from_micros(7));
        let old = Rolls { at: Some(Timestamp::from_micros(1)), ..Rolls::default() };
        roster.put(old);
        let looks = tokio::spawn({
            let roster = Arc::clone(&roster);
            async move { roster.rolls().await.at }
        });
        roster.look.notified().await;
        roster.put(Rolls { at: Some(at), ..Rolls::default() });
        assert_eq!(looks.await.expect("looks"), Some(at));
        let before = clock::monotonic();
        assert_eq!((roster.rolls().await.at, clock::monotonic()), (Some(at), before), "nobody waits for the next one");
    }
}
