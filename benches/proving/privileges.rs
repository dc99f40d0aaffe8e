//! The report on least privilege against what the simulator granted and did: every bot of fleets whose attacks are on
//! identities, by the simulator's own tape and not by anything that the engine keeps.
//!
//! Held against each other are the roles that a bot was given (by a grant that stands, or in the registry), those that it
//! exercised and on which day last, and the work that it did in the window with the roles that did it. Wrong is a role
//! that the report calls unused and the tape does not, or the other way round; a role that it calls needed and that did
//! no work in the window, or whose work in it the other needed roles do as well; and work that no needed role does. Work
//! is what was not refused: what failed would be refused without its role. The window begins with a week of the calendar,
//! since that is what is kept of each piece of work.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Error, Result, Write};

use humdrum::detect::{Engine, Output, Settings};
use humdrum::event::{Event, Grant, Kind, Outcome};
use humdrum::registry::Registry;
use humdrum::report::Estate;
use humdrum::report::privileges::{BotPrivileges, UNUSED_DAYS, Window, privileges};
use humdrum::simulate::{EventStream, FleetSpec, Wrongs};

use crate::fleet;
use crate::wish::Wish;

/// What one bot was given and did.
#[derive(Default)]
struct Tape {
    granted: BTreeMap<String, bool>,
    used: BTreeMap<String, i64>,
    /// What was done, with the roles that did it and the last day of each.
    work: BTreeMap<String, BTreeMap<String, i64>>,
}

/// Figures of a fleet.
#[derive(Default)]
struct Count {
    bots: usize,
    given: usize,
    exercised: usize,
    needed: usize,
    ungiven: usize,
    unused: [usize; UNUSED_DAYS.len()],
    wrong: Vec<String>,
}

pub(crate) fn prove(wish: &Wish, out: &mut impl Write) -> Result<()> {
    let specs: Vec<FleetSpec> =
        wish.specs(false).into_iter().map(|spec| FleetSpec { wrongs: Wrongs::Standing, ..spec }).collect();
    let counts = fleet::by_twos(&specs, count);
    writeln!(
        out,
        "| seed | bots | given | exercised | unused 30, 60, 90 days | needed | of these never given | wrong |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|---|---|")?;
    let mut wrong = 0;
    for (spec, count) in specs.iter().zip(&counts) {
        let Count { bots, given, exercised, needed, ungiven, unused: [a, b, c], wrong: found } = count;
        writeln!(
            out,
            "| {} | {bots} | {given} | {exercised} | {a}, {b}, {c} | {needed} | {ungiven} | {} |",
            spec.seed,
            found.len()
        )?;
        wrong += found.len();
    }
    counts.iter().flat_map(|count| &count.wrong).try_for_each(|found| writeln!(out, "- {found}"))?;
    if wrong == 0 { Ok(()) } else { Err(Error::other(format!("{wrong} rows are wrong"))) }
}

fn count(spec: &FleetSpec) -> Count {
    let mut stream = EventStream::new(spec);
    let lines: Vec<String> =
        stream.registry().iter().map(|record| serde_json::to_string(record).expect("a record")).collect();
    let registry = Registry::from_ndjson(&lines.join("\n")).expect("a registry");
    let mut engine = Engine::new(Settings::default(), registry.clone());
    let (mut tapes, mut output): (BTreeMap<_, Tape>, _) = (BTreeMap::new(), Output::default());
    for event in stream.by_ref() {
        let tape = tapes.entry((event.tenant.to_string(), event.bot.to_string())).or_default();
        tape.note(&event);
        engine.observe(event, &mut output);
        output.alerts.clear();
    }
    let (facts, now) = (engine.facts(), engine.watermark().expect("events"));
    let estate = Estate { bots: &facts, registry: &registry, now };
    let (mut count, window) = (Count::default(), Window::default());
    for bot in privileges(&estate, window) {
        let tape = &tapes[&(bot.tenant.clone(), bot.bot.clone())];
        let known = registry.get(&bot.tenant, &bot.bot).map(|record| record.roles.clone()).unwrap_or_default();
        tape.hold_against(&bot, &known, now.day_utc(), window, &mut count);
    }
    count
}

impl Tape {
    fn note(&mut self, event: &Event) {
        if let Kind::Grant(Grant { role: Some(role), change, .. }) = &event.kind {
            self.granted.insert(role.to_string(), change.as_deref() != Some("removed"));
            return;
        }
        let Some(role) = event.role.as_ref().filter(|_| event.outcome != Outcome::Denied) else { return };
        let day = event.ts.day_utc();
        let later = |known: &mut i64| *known = day.max(*known);
        later(self.used.entry(role.to_string()).or_default());
        let work = match (&event.system, &event.operation) {
            (Some(system), Some(operation)) => format!("{operation} on {system}"),
            _ => event.type_name().to_owned(),
        };
        later(self.work.entry(work).or_default().entry(role.to_string()).or_default());
    }

    fn hold_against(&self, bot: &BotPrivileges, registered: &[String], today: i64, window: Window, count: &mut Count) {
        let held = self.granted.iter().filter(|(_, held)| **held).map(|(role, _)| role);
        let given: BTreeSet<&String> = held.chain(registered).collect();
        let needed: BTreeSet<&String> = bot.minimal.iter().collect();
        count.bots += 1;
        count.given += given.len();
        count.exercised += self.used.len();
        count.needed += needed.len();
        count.ungiven += needed.difference(&given).count();
        let mut wrong = |what: String| count.wrong.push(format!("{} of {}: {what}", bot.bot, bot.tenant));
        for (days, unused) in UNUSED_DAYS.into_iter().zip(&mut count.unused) {
            let idle = |role: &&String| self.used.get(*role).is_some_and(|last| today - last >= days);
            let used_before: BTreeSet<&String> = self.used.keys().filter(idle).collect();
            let never: BTreeSet<&String> =
                given.iter().copied().filter(|role| !self.used.contains_key(*role)).collect();
            let told: BTreeSet<&String> = bot.unused(days).map(|row| &row.role).collect();
            *unused += told.len();
            let rows = |used: bool| bot.roles.iter().filter(move |row| row.exercised == used).map(|row| &row.role);
            let (told_before, told_never): (BTreeSet<_>, BTreeSet<_>) = (rows(true).collect(), rows(false).collect());
            let told_used: BTreeSet<&String> = told.intersection(&told_before).copied().collect();
            if told_never != never {
                wrong(format!("never used are {never:?} and not {told_never:?}"));
            }
            let lost = |role: &&&String| self.granted.get(**role) == Some(&false);
            let used_before: BTreeSet<&String> = used_before.iter().filter(|role| !lost(role)).copied().collect();
            if told_used != used_before {
                wrong(format!("unused for {days} days are {used_before:?} and not {told_used:?}"));
            }
        }
        // The Monday of the week in which the window begins.
        let since = (today - window.work_days + 3).div_euclid(7) * 7 - 3;
        let recent = |roles: &BTreeMap<String, i64>| -> BTreeSet<String> {
            roles.iter().filter(|(_, last)| **last >= since).map(|(role, _)| role.clone()).collect()
        };
        let work: Vec<BTreeSet<String>> = self.work.values().map(recent).filter(|roles| !roles.is_empty()).collect();
        let open = |needed: &BTreeSet<&String>| {
            work.iter().filter(|roles| !roles.iter().any(|role| needed.contains(role))).count()
        };
        if open(&needed) > 0 {
            wrong(format!("{} operations of the window have no role in {needed:?}", open(&needed)));
        }
        // What a role that was given does needs no other.
        let of_given: BTreeSet<&String> = needed.intersection(&given).copied().collect();
        for role in &needed {
            if self.used.get(*role).is_none_or(|last| *last < since) {
                wrong(format!("`{role}` is called needed and did nothing in the window"));
            }
            let others = if given.contains(*role) { &of_given } else { &needed };
            let fewer: BTreeSet<&String> = others.iter().copied().filter(|other| other != role).collect();
            if open(&fewer) == open(others) {
                wrong(format!("`{role}` is called needed, and the others do its work"));
            }
        }
    }
}
