//! What p-values mean: on fleets on which nothing is wrong, how often a bot's day shows one that is at most α, against α.
//!
//! Days are the unit, as pages are budgeted by the day: of the sessions that a bot closed on one of its local days the
//! smallest p-value counts. At 1 a p-value means what it says; above, it promises too much; below, it wastes. Only days
//! of bots that are old enough to be told of count, since nobody hears of the others. An excused dimension has no
//! p-value for its session; a day on which all were excused is none for that detector. In brackets stand the days, so
//! that nobody reads a figure out of three of them. Silences count on the day on which they end, unless others had the same
//! cause; levels on the day of the first event behind theirs, unless their rise was told in the four weeks before. First come
//! the cells with more days than 1.2 α and chance explain (Poisson, 5 % each), and which bots' days those
//! are.

use std::collections::BTreeMap;
use std::io::{Result, Write};

use statrs::distribution::{DiscreteCDF, Poisson};

use humdrum::detect::{Judged, Verdict};
use humdrum::event::Text;
use humdrum::registry::Registry;
use humdrum::time::{Timestamp, Zone, date};

use crate::fleet::{self, Keep, Run};
use crate::wish::Wish;

/// Levels that are asked for.
const ALPHAS: [f64; 4] = [1e-1, 1e-2, 1e-3, 1e-4];

/// Stems of the simulated names, by kind of bot.
const KINDS: [(&str, &[&str]); 8] = [
    ("daily", &["invoice-intake", "claims-entry", "rate-update", "mail-sorter", "dunning"]),
    ("hourly", &["stock-sync", "balance-poll", "case-sync", "limit-check", "feed-pull"]),
    ("queue", &["order-worker", "returns-worker", "ticket-worker", "doc-classifier", "mandate-worker"]),
    ("nightly", &["dwh-load", "position-load", "ledger-extract", "customer-snapshot", "risk-load"]),
    ("identity", &["joiner-leaver", "access-provisioner", "group-sync", "account-unlock"]),
    ("weekly", &["kpi-report", "access-review", "pipeline-report", "capacity-report"]),
    ("month end", &["close-accruals", "close-reconcile", "tax-filing", "consolidation"]),
    ("finance", &["payables-run", "vendor-payments", "refund-desk", "treasury-sweep", "expense-payer"]),
];

/// The smallest p-values of one bot's day.
struct Day {
    /// Weighted days of experience when it began.
    experience: f64,
    /// By detector, in the order of their names; none where all of its sessions were excused.
    least: Vec<Option<f64>>,
}

/// Columns behind those of a session's detectors.
const BEHIND: [&str; 3] = ["fused", "absence", "drift"];

/// How many days there were, and how many at or under each level.
#[derive(Clone, Copy, Default)]
struct Count {
    days: u32,
    under: [u32; ALPHAS.len()],
}

/// Counts by group and detector.
type Table = BTreeMap<(String, usize), Count>;

/// A bot's day and what a detector found least likely of it.
struct Odd {
    /// The bot's kind and its experience.
    groups: [&'static str; 2],
    detector: usize,
    p: f64,
    what: String,
}

/// The greatest of them, and how far a share may be above its level.
const HELD: f64 = 1e-1;
const TOLERANCE: f64 = 1.2;
/// Probability below which chance does not explain a count.
const CHANCE: f64 = 0.05;
/// Days that are listed of one cell.
const LISTED: usize = 40;

pub(crate) fn prove(wish: &Wish, out: &mut impl Write) -> Result<()> {
    let runs = fleet::simulated(&wish.specs(true), Keep { verdicts: true });
    let (mut names, mut odd) = (Vec::new(), Vec::new());
    let (mut all, mut kinds, mut experiences) = (Table::new(), Table::new(), Table::new());
    for run in &runs {
        if names.is_empty() {
            names = run.verdicts.iter().find(|verdict| verdict.judged == Judged::Session).map_or(Vec::new(), detectors);
        }
        for ((tenant, bot, day_of), day) in &days(run, names.len()) {
            for (detector, p) in day.least.iter().enumerate() {
                let Some(p) = *p else { continue };
                if p <= HELD {
                    let groups = [kind(bot), experience(day.experience)];
                    let what = format!("{} {tenant}/{bot} {}, {} days", run.name, date(i64::from(*day_of)), groups[1]);
                    odd.push(Odd { groups, detector, p, what });
                }
                all.entry(("all".to_owned(), detector)).or_default().add(p);
                kinds.entry((kind(bot).to_owned(), detector)).or_default().add(p);
                experiences.entry((experience(day.experience).to_owned(), detector)).or_default().add(p);
            }
        }
    }
    odd.sort_by(|a, b| a.p.total_cmp(&b.p));
    for table in [&kinds, &experiences] {
        beyond(table, &names, &odd, out)?;
    }
    writeln!(out)?;
    for (title, table) in [("fleet", &all), ("experience in days", &experiences), ("kind of bot", &kinds)] {
        print(title, table, &names, out)?;
    }
    Ok(())
}

/// Names of the detectors, in the order of their p-values; a dimension's second one is numbered.
fn detectors(verdict: &Verdict) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (dimension, _) in &verdict.p_values {
        let name = dimension.as_str();
        let before = names.iter().filter(|known| known.split(' ').next() == Some(name)).count();
        names.push(if before == 0 { name.to_owned() } else { format!("{name} {}", before + 1) });
    }
    names.extend(BEHIND.map(str::to_owned));
    names
}

fn days(run: &Run, detectors: usize) -> BTreeMap<(&Text, &Text, i32), Day> {
    let mut days = BTreeMap::new();
    for verdict in run.verdicts.iter().filter(|verdict| verdict.mature) {
        let day = local_day(&run.registry, verdict, verdict.ts);
        let day = days
            .entry((&verdict.tenant, &verdict.bot, day))
            .or_insert_with(|| Day { experience: verdict.days, least: vec![None; detectors] });
        let first = match verdict.judged {
            Judged::Session => 0,
            Judged::Silence => detectors - 2,
            Judged::Levels => detectors - 1,
        };
        let all = verdict.p_values.iter().map(|(_, p)| *p).chain(verdict.fused.map(Some));
        for (least, p) in day.least[first..].iter_mut().zip(all) {
            *least = [*least, p].into_iter().flatten().reduce(f64::min);
        }
    }
    days
}

fn local_day(registry: &Registry, verdict: &Verdict, ts: Timestamp) -> i32 {
    let record = registry.get(&verdict.tenant, &verdict.bot);
    let zone = record.and_then(|record| record.timezone.as_deref()).and_then(|name| Zone::named(name).ok());
    zone.unwrap_or_else(Zone::utc).local(ts).day
}

fn kind(bot: &str) -> &'static str {
    let stem = bot.rsplit_once('-').map_or(bot, |(stem, _)| stem);
    KINDS.iter().find(|(_, stems)| stems.contains(&stem)).map_or("other", |(kind, _)| kind)
}

fn experience(days: f64) -> &'static str {
    match days {
        days if days < 3.0 => "0 to 3",
        days if days < 8.0 => "3 to 8",
        _ => "8 and more",
    }
}

impl Count {
    fn add(&mut self, p: f64) {
        self.days += 1;
        for (under, alpha) in self.under.iter_mut().zip(ALPHAS) {
            *under += u32::from(p <= alpha);
        }
    }
}

/// The cells that promise too much, and their days.
fn beyond(table: &Table, names: &[String], odd: &[Odd], out: &mut impl Write) -> Result<()> {
    for ((group, detector), count) in table {
        for (under, alpha) in count.under.into_iter().zip(ALPHAS) {
            let expected = TOLERANCE * alpha * f64::from(count.days);
            let Some(chance) = at_least(under, expected).filter(|chance| *chance < CHANCE) else { continue };
            let name = names.get(*detector).map_or("?", String::as_str);
            writeln!(
                out,
                "{group} {name} at {alpha}: {under} days, at most {expected:.1} promised (chance {chance:.4})"
            )?;
            let of = |odd: &&Odd| odd.groups.contains(&group.as_str()) && odd.detector == *detector && odd.p <= alpha;
            let days = odd.iter().filter(of);
            for Odd { p, what, .. } in days.take(LISTED) {
                writeln!(out, "  {p:.6} {what}")?;
            }
        }
    }
    Ok(())
}

/// Probability of at least so many, of which so many are expected.
fn at_least(count: u32, expected: f64) -> Option<f64> {
    let before = u64::from(count.checked_sub(1)?);
    Some(Poisson::new(expected).ok()?.sf(before))
}

fn print(title: &str, table: &Table, names: &[String], out: &mut impl Write) -> Result<()> {
    writeln!(out, "| {title} | detector | bot-days | P(p ≤ 0.1) / 0.1 | at 0.01 | at 0.001 | at 0.0001 |")?;
    writeln!(out, "|---|---|---|---|---|---|---|")?;
    for ((group, detector), count) in table {
        let name = names.get(*detector).map_or("?", String::as_str);
        write!(out, "| {group} | {name} | {} |", count.days)?;
        for (under, alpha) in count.under.iter().zip(ALPHAS) {
            write!(out, " {:.2} ({under}) |", f64::from(*under) / (alpha * f64::from(count.days)))?;
        }
        writeln!(out)?;
    }
    writeln!(out)
}
