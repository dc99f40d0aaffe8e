//! Where acts of administration meet the engine: how unusual they are for whoever did them, and what they say of what the
//! bot does next.
//!
//! An act that pages makes the bot suspect for a bounded time: what is odd about the bot then belongs to the same story,
//! and counts as that much rarer (`[operator] suspect_factor`), as Bayes' rule has it where an attack has become that
//! much more likely. A suspicious act announces nothing, whatever its ticket says.

use super::broken;
use super::change::Suspect;
use super::engine::Engine;
use super::hidden;
use super::operator::{Act, Facet, Reading, Second};
use super::policy::{self, Breach};
use super::profile::OperatorProfile;
use crate::alert::{Dimension, Reason, Severity};
use crate::event::{Event, Kind, Text, normalize};
use crate::time::Span;

/// An act and what is to be said of it.
#[derive(Debug)]
pub(super) struct Deed<'a> {
    act: Act<'a>,
    pub reading: Reading,
}

/// How unusual an event is for whoever did it; none where it is no act of administration, or names nobody.
pub(super) fn read<'a>(engine: &mut Engine, at: u32, event: &'a Event) -> Option<Deed<'a>> {
    let (by, action, factor) = match &event.kind {
        Kind::Control(control) => (control.by.as_deref()?, control.action.as_deref()?, control.mfa),
        Kind::Grant(grant) => (grant.by.as_deref()?, "grant", None),
        _ => return None,
    };
    let ticket = event.ticket().is_some();
    let act = Act {
        id: &event.id,
        by,
        bot: &event.bot,
        action,
        host: event.host.as_deref(),
        network: event.ip.map(normalize::network),
        // Operators have no zone of their own; the installation's is where most of them sit.
        local: engine.zones[0].1.local(event.ts),
        ticket,
        factor,
        bare: !ticket && policy::needs_ticket(event),
    };
    let tenant = engine.bots[at as usize].tenant.clone();
    let own = engine.tuned(at, event.ts);
    let mut reading = engine.operators.read(&tenant, &act, own.as_deref().unwrap_or(&engine.profile));
    if matches!(event.kind, Kind::Grant(_)) {
        // The contract has no second factor of a grant.
        reading.second = Second::Unknown;
    }
    if reading.shows(Facet::Newcomer) {
        let of_bot = engine.operators.of_bot(&tenant, &event.bot);
        if !of_bot.is_empty() {
            reading.usual = of_bot.into_iter().take(3).map(Text::from).collect();
        }
    }
    Some(Deed { act, reading })
}

/// What a suspicious act was, in words; none where it was not.
pub(super) fn suspicion(
    event: &Event,
    breaches: &[Breach],
    reading: Option<&Reading>,
    profile: &OperatorProfile,
) -> Option<Text> {
    if !matches!(event.kind, Kind::Control(_) | Kind::Grant(_)) {
        return None;
    }
    let breach = breaches.iter().find(|breach| is_of_act(breach) && breach.severity.pages())?;
    let usual = reading.is_some_and(|reading| reading.p >= profile.usual_p);
    if usual && breach.severity < Severity::High { None } else { breach.deed.clone() }
}

/// Learns an act. Where its operator reaches too many bots, what it broke becomes a part of that finding.
pub(super) fn learn(engine: &mut Engine, at: u32, event: &Event, deed: &Deed<'_>, breaches: &mut Vec<Breach>) {
    let (tenant, profile) = (engine.bots[at as usize].tenant.clone(), &engine.profile);
    // What goes on for days is the office's new way, as with bots.
    let odd = deed.reading.p <= profile.operator.raise_p && deed.reading.days < profile.learn.adopt_days;
    let trust = if odd { profile.operator.trust_odd } else { 1.0 };
    engine.stats.limited += engine.operators.learn(&tenant, &deed.act, trust, profile);
    if let Some(burst) = &deed.reading.burst {
        engine.operators.told(&tenant, deed.act.by, burst.bots);
        let of_act = breaches.iter().position(|breach| is_of_act(breach) && is_free(engine, at, event, breach));
        let alone = policy::burst(deed.act.by, burst, None);
        let of_act = of_act.filter(|_| is_free(engine, at, event, &alone)).map(|place| breaches.remove(place));
        let found = if of_act.is_some() { policy::burst(deed.act.by, burst, of_act) } else { alone };
        breaches.insert(0, found);
    }
}

/// Whether nothing was decided about a finding and nothing hides it: what holds for the number of bots must not decide
/// about the act, nor the other way round.
fn is_free(engine: &Engine, at: u32, event: &Event, breach: &Breach) -> bool {
    if !engine.hushes() {
        return true;
    }
    let reasons: Vec<Reason> = std::iter::once(&breach.reason).chain(&breach.also).cloned().collect();
    !engine.settings.rules.decides(&breach.reason.detector, hidden::whom(engine, at), event.ts)
        && hidden::until(engine, at, &reasons, event.host.as_slice(), &[broken::mark(event, breach)], event.ts)
            .is_none()
}

fn is_of_act(breach: &Breach) -> bool {
    matches!(breach.reason.dimension, Dimension::Control | Dimension::Entitlement)
}

/// Sees what the bot does next in the light of an act.
pub(super) fn suspect(engine: &mut Engine, at: u32, event: &Event, what: &str) {
    let bot = &engine.bots[at as usize];
    let incident = engine.book.incident(&bot.tenant, &bot.bot).unwrap_or_default();
    let act = Suspect {
        since: event.ts,
        until: event.ts + Span::from_hours(engine.profile.operator.suspect_hours),
        what: Text::from(what),
        incident: Text::from(incident),
    };
    engine.bots[at as usize].windows.suspect(act);
}
