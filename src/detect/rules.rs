//! Where the rules meet the engine: what each of them is shown, and when.
//!
//! The rules themselves know neither the engine nor each other; here stands the order in which they speak.

use super::engine::{Engine, Output};
use super::feature::Session;
use super::hidden::Word;
use super::policy::{self, Arrival, Breach, LogNews, Read, Signing};
use super::{acts, broken, tenure};
use crate::event::{Event, Kind, Outcome, Secret};
use crate::time::Timestamp;

/// Holds an event against the rules about bots, and notes what it announces; whether it broke one.
pub(super) fn event(engine: &mut Engine, at: u32, event: &Event, output: &mut Output) -> bool {
    if policy::is_plain(event, engine.record(at)) {
        return false;
    }
    let deed = acts::read(engine, at, event);
    let own = engine.tuned(at, event.ts);
    let profile = own.as_deref().unwrap_or(&engine.profile);
    let (bot, off) = (&engine.bots[at as usize], engine.off(at, event.ts));
    let reading = deed.as_ref().map(|deed| &deed.reading);
    let mut breaches = policy::check(event, engine.record(at), &bot.windows, reading, profile, &off);
    let suspicion = acts::suspicion(event, &breaches, reading, &engine.profile.operator);
    if let Some(deed) = deed {
        acts::learn(engine, at, event, &deed, &mut breaches);
    }
    let mut broke = false;
    let found =
        if matches!(event.kind, Kind::Login(_)) { sign_in(engine, at, event) } else { secret(engine, at, event, &off) };
    for breach in breaches.into_iter().chain(found) {
        broke |= broken::rule(engine, at, event, breach, output) != Word::Off;
    }
    if let Some(what) = suspicion {
        acts::suspect(engine, at, event, &what);
    } else {
        let change = &own.as_deref().unwrap_or(&engine.profile).change;
        engine.bots[at as usize].windows.note(event, change);
    }
    if matches!(event.kind, Kind::Grant(_)) {
        tenure::grant(engine, at, event, output);
    }
    if let Kind::Transaction(transaction) = &event.kind {
        broke |= broken::transaction(engine, at, event, transaction, output);
    }
    broke
}

/// Holds a sign-in against those before.
fn sign_in(engine: &mut Engine, at: u32, event: &Event) -> Option<Breach> {
    let own = engine.tuned(at, event.ts);
    let adopt_days = own.as_deref().unwrap_or(&engine.profile).change.method_days;
    let bot = &mut engine.bots[at as usize];
    let signing = Signing {
        today: bot.baseline.today,
        mature_days: engine.settings.mature_days,
        adopt_days,
        announced: bot.windows.new_secrets(event.ts),
    };
    bot.methods.sign_in(event, signing)
}

/// Holds the read of a secret against those that the bot reads.
fn secret(engine: &mut Engine, at: u32, event: &Event, off: &[&str]) -> Option<Breach> {
    let name = policy::secret_name(event)?;
    let tenant = &engine.bots[at as usize].tenant;
    let owner = engine.fleet.other_reader(tenant, &name, at).map(|owner| engine.bots[owner as usize].bot.clone());
    let mature = engine.mature(&engine.bots[at as usize].baseline);
    let own = engine.tuned(at, event.ts);
    let profile = own.as_deref().unwrap_or(&engine.profile);
    let bot = &mut engine.bots[at as usize];
    let read = Read {
        event,
        secret: &name,
        owner: owner.as_deref().filter(|_| !off.contains(&"foreign_secret")),
        off,
        today: bot.baseline.today,
        days: f64::from(bot.baseline.days),
        window_days: bot.baseline.window(engine.settings.baseline_days, 0) as u32,
        mature_days: engine.settings.mature_days,
        mature,
        announced: bot.windows.new_secrets(event.ts),
    };
    let secrets = bot.secrets.get_or_insert_default();
    let found = secrets.read(&read, profile);
    if secrets.owns(&name, profile.secret.owner_days) {
        engine.fleet.learn_secret(&bot.tenant, &name, at, event.ts.day_utc());
    }
    found
}

/// A session is over: whether it read a secret and did nothing with it, where the bot always does.
pub(super) fn session_over(engine: &mut Engine, at: u32, session: &Session, output: &mut Output) -> bool {
    let Some(name) = &session.secret else { return false };
    let mature = engine.mature(&engine.bots[at as usize].baseline);
    let own = engine.tuned(at, session.newest);
    let profile = own.as_deref().unwrap_or(&engine.profile);
    let bot = &mut engine.bots[at as usize];
    let announced = bot.windows.new_secrets(session.newest);
    let Some(secrets) = &mut bot.secrets else { return false };
    let Some(used) = secrets.used(session.worked, profile) else { return false };
    if !mature || announced {
        return false;
    }
    let event = Event {
        id: session.evidence.first().cloned().unwrap_or_default(),
        ts: session.newest,
        tenant: bot.tenant.clone(),
        bot: bot.bot.clone(),
        session: session.id.clone(),
        host: session.hosts.first().cloned(),
        ip: None,
        device: None,
        geo: None,
        system: None,
        operation: None,
        outcome: Outcome::Ok,
        role: None,
        records_read: None,
        records_written: None,
        bytes: None,
        producer: session.producer.clone(),
        seq: None,
        kind: Kind::Secret(Secret { name: Some(name.clone()), vault: None }),
    };
    let breach = policy::secret_unused(name, used);
    broken::rule(engine, at, &event, breach, output) != Word::Off
}

/// Counts an event in the log that it comes from, which mostly is that of its bot's last one.
pub(super) fn log(engine: &mut Engine, at: Option<u32>, event: &Event, arrival: Arrival, output: &mut Output) {
    if event.seq.is_none() {
        return;
    }
    let watermark = engine.frontier.watermark().unwrap_or(event.ts);
    let own = engine.tuned_of(&event.tenant, event.ts);
    let profile = &own.as_deref().unwrap_or(&engine.profile).integrity;
    let mut likely = at.map_or(0, |at| u32::from(engine.bots[at as usize].log));
    let (found, limited) = engine.logs.note(event, arrival, watermark, profile, &mut likely);
    if let Some(at) = at {
        engine.bots[at as usize].log = likely as u16;
    }
    engine.stats.limited += u64::from(limited);
    for news in found {
        match news {
            LogNews::Breach(found) => broken::log(engine, *found, output),
            LogNews::Over { tenant, producer, detector, how } => {
                output.alerts.extend(engine.book.over(&tenant, &producer, detector, &how));
            }
        }
    }
}

/// Tells of the gaps whose time is up.
pub(super) fn logs_due(engine: &mut Engine, watermark: Timestamp, output: &mut Output) {
    if !engine.logs.are_due(watermark) {
        return;
    }
    let mut logs = std::mem::take(&mut engine.logs);
    let common = engine.profile.integrity.clone();
    let of_tenant = |tenant: &str, ts| engine.tuned_of(tenant, ts).map(|own| own.integrity.clone());
    let due = logs.due(watermark, &common, of_tenant);
    engine.logs = logs;
    for found in due {
        broken::log(engine, found, output);
    }
}
