//! How far one gets who teaches the baseline: a boiled frog, and a new host every day.
//!
//! One bot whose daily run is written by hand, so that nothing but the growth (or the hosts) is odd. Days are counted
//! from the first day of the attack. The frog's level is the run's volume against that of the first 28 days when the
//! first page comes; the aim is a page before it has doubled. A growth of nothing stands beside, for the pages that come
//! by themselves. With hosts, the attacker's session follows the run each day; the measure is on how many of the days it
//! pages, and since when no more.

use std::collections::BTreeSet;
use std::io::{Result, Write};
use std::net::IpAddr;

use humdrum::alert::{Alert, Severity};
use humdrum::detect::{Engine, Output, Settings};
use humdrum::event::{Event, Kind, Outcome, Phase, Run, Text};
use humdrum::registry::Registry;
use humdrum::time::{Span, Timestamp};
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::wish::Wish;

/// First day of the run, a Monday: 2026-02-23.
const FIRST_DAY: i64 = 20_507;
/// Days of peace, and days of the attack at most.
const DAYS_PEACE: i64 = 28;
const DAYS_FROG: i64 = 240;
const DAYS_HOSTS: i64 = 60;
/// Growth a day, in percent.
const GROWTHS: [f64; 6] = [0.0, 1.0, 2.0, 5.0, 8.0, 12.0];
/// Records of a call, and the share by which days and calls differ.
const RECORDS: f64 = 400.0;
const NOISE: f64 = 0.08;
const STEPS: [&str; 5] = ["GET /inbox", "GET /invoices", "POST /entries", "PUT /invoices/state", "POST /report"];

/// Whose sessions the attacker adds.
#[derive(Clone, Copy)]
enum Stranger {
    /// Another host every day.
    EachDayAnother,
    /// The same one.
    TheSame,
}

/// The bot's events, day by day.
struct Tape {
    rng: Xoshiro256PlusPlus,
    nth: u64,
}

pub(crate) fn prove(wish: &Wish, out: &mut impl Write) -> Result<()> {
    writeln!(out, "| growth a day | runs | paged before twice | level at the first page, each run | day |")?;
    writeln!(out, "|---|---|---|---|---|")?;
    for percent in GROWTHS {
        let pages: Vec<Option<i64>> = wish.seeds.iter().map(|&seed| frog(seed, 1.0 + percent / 100.0)).collect();
        let level = |day: i64| (1.0 + percent / 100.0).powi(day as i32 + 1);
        let before = pages.iter().flatten().filter(|day| level(**day) < 2.0).count();
        let levels: Vec<String> = pages
            .iter()
            .map(|day| day.map_or_else(|| "never".to_owned(), |day| format!("{:.2}", level(day))))
            .collect();
        let days: Vec<String> = pages.iter().map(|day| day.map_or_else(|| "-".to_owned(), |d| d.to_string())).collect();
        writeln!(out, "| {percent} % | {} | {before} | {} | {} |", pages.len(), levels.join(", "), days.join(", "))?;
    }
    writeln!(
        out,
        "\n| strange host | seed | days with a page | of days | last day with a page | pages without a gap |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|")?;
    for (name, stranger) in [("another each day", Stranger::EachDayAnother), ("the same", Stranger::TheSame)] {
        for &seed in &wish.seeds {
            let days = hosts(seed, stranger);
            let last = days.last().map_or_else(|| "-".to_owned(), ToString::to_string);
            let from_start = (0..DAYS_HOSTS).take_while(|day| days.contains(day)).count();
            writeln!(
                out,
                "| {name} | {seed} | {} | {DAYS_HOSTS} | {last} | the first {from_start} days |",
                days.len()
            )?;
        }
    }
    Ok(())
}

/// The day of the first page, while the records grow by a factor each day.
fn frog(seed: u64, factor: f64) -> Option<i64> {
    let mut tape = Tape::new(seed);
    let mut engine = Engine::new(Settings::default(), Registry::default());
    for day in -DAYS_PEACE..DAYS_FROG {
        let level = if day < 0 { 1.0 } else { factor.powi(day as i32 + 1) };
        let alerts = play(&mut engine, tape.run(day, 360, level, "rpa-17-01"));
        // What pages in the last hours of the peace is no page of the attack.
        if day > 0 && alerts.iter().any(pages) {
            return Some(day);
        }
    }
    None
}

/// The days on which the attacker's session pages.
fn hosts(seed: u64, stranger: Stranger) -> BTreeSet<i64> {
    let mut tape = Tape::new(seed);
    let mut engine = Engine::new(Settings::default(), Registry::default());
    let mut days = BTreeSet::new();
    for day in -DAYS_PEACE..DAYS_HOSTS {
        let mut events = tape.run(day, 360, 1.0, "rpa-17-01");
        if day >= 0 {
            let host = match stranger {
                Stranger::EachDayAnother => format!("laptop-{day:03}"),
                Stranger::TheSame => "laptop-000".to_owned(),
            };
            events.extend(tape.run(day, 420, 1.0, &host));
        }
        let start = midnight(day);
        let paged = play(&mut engine, events).iter().any(|alert| pages(alert) && alert.ts >= start);
        if paged && day >= 0 {
            days.insert(day);
        }
    }
    days
}

/// A day's events through the engine, and its silence until the next morning.
fn play(engine: &mut Engine, events: Vec<Event>) -> Vec<Alert> {
    let mut output = Output::default();
    for event in events {
        engine.observe(event, &mut output);
    }
    engine.idle(Span::from_hours(12), &mut output);
    output.alerts
}

fn pages(alert: &Alert) -> bool {
    alert.severity >= Severity::Medium && alert.status == humdrum::alert::Status::Firing
}

fn midnight(day: i64) -> Timestamp {
    Timestamp::MIN + Span::from_days(FIRST_DAY + DAYS_PEACE + day)
}

impl Tape {
    fn new(seed: u64) -> Self {
        Self { rng: Xoshiro256PlusPlus::seed_from_u64(seed), nth: 0 }
    }

    /// A run that begins about a minute of a day.
    fn run(&mut self, day: i64, minute: i64, level: f64, host: &str) -> Vec<Event> {
        let session = Text::from(format!("s{day}-{minute}"));
        let mut ts = midnight(day) + Span::from_mins(minute) + Span::from_secs(self.rng.gen_range(2..40));
        let today = self.noise();
        let mut events = vec![self.event(ts, &session, host, start_or_end(Phase::Start))];
        for step in STEPS {
            ts = ts + Span::from_secs(self.rng.gen_range(4..9));
            let mut call = self.event(ts, &session, host, Kind::Call);
            call.system = Some(Text::from("claims-hub"));
            call.operation = Some(Text::from(step));
            call.role = Some(Text::from("svc_claims"));
            call.records_read = Some((RECORDS * level * today * self.noise()).round() as u64);
            events.push(call);
        }
        events.push(self.event(ts + Span::from_secs(3), &session, host, start_or_end(Phase::End)));
        events
    }

    /// A factor about one: the sum of four uniform draws is near enough to a bell.
    fn noise(&mut self) -> f64 {
        let sum: f64 = (0..4).map(|_| self.rng.gen_range(-1.0..1.0)).sum();
        // The sum has a variance of four thirds.
        (NOISE * sum * 0.75_f64.sqrt()).exp()
    }

    fn event(&mut self, ts: Timestamp, session: &Text, host: &str, kind: Kind) -> Event {
        self.nth += 1;
        Event {
            id: Text::from(format!("e{}", self.nth)),
            ts,
            tenant: Text::from("northbank"),
            bot: Text::from("claims-entry-001"),
            session: Some(session.clone()),
            host: Some(Text::from(host)),
            ip: Some(IpAddr::from([10, 40, 17, 11])),
            device: None,
            geo: None,
            system: None,
            operation: None,
            outcome: Outcome::Ok,
            role: None,
            records_read: None,
            records_written: None,
            bytes: None,
            producer: None,
            seq: None,
            kind,
        }
    }
}

fn start_or_end(phase: Phase) -> Kind {
    Kind::Run(Run { phase: Some(phase), trigger: Some(Text::from("schedule")), by: None })
}
