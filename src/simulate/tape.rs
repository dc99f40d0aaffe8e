//! A session as it is performed: cues become events, with the pauses, failures and retries that come with doing things.

use compact_str::format_compact;

use super::chance::{Rng, count, happens, lognormal, pick};
use super::plan::{Host, Plan};
use super::session::{Act, Cue, Mark, Planned, Raw, What};
use super::spec::seconds;
use super::workflow::{Effect, Step};
use crate::event::{Event, Kind, Login, Outcome, Phase, Run, Secret, Text};
use crate::time::Timestamp;

/// A session being performed.
pub(crate) struct Tape<'a> {
    plan: &'a Plan,
    planned: &'a Planned,
    host: Host,
    session: Text,
    now: Timestamp,
    rng: Rng,
    /// Mark of every event that has none of its own.
    all: Mark,
    out: Vec<Raw>,
}

impl<'a> Tape<'a> {
    pub(crate) fn new(plan: &'a Plan, planned: &'a Planned, host: Host, rng: Rng, all: Mark) -> Self {
        let session = format_compact!("{:012x}", planned.seed & 0xffff_ffff_ffff);
        Self { plan, planned, host, session, now: planned.start, rng, all, out: Vec::new() }
    }

    fn push(&mut self, mut event: Event, mark: Mark, pause_secs: f64) {
        event.ts = self.now;
        let mark = if mark == Mark::None { self.all } else { mark };
        self.out.push(Raw { event: Box::new(event), mark });
        let pause = lognormal(&mut self.rng, pause_secs.max(0.02), 0.5);
        self.now = self.now + seconds(pause.clamp(0.003, 3_600.0));
    }

    fn event(&self, kind: Kind) -> Event {
        Event { session: Some(self.session.clone()), ..blank(self.plan, self.now, Some(&self.host), kind) }
    }

    fn run(&mut self, phase: Phase) {
        let (trigger, by) = (Some(Text::const_new(self.planned.trigger)), self.planned.by.clone());
        let run = Run { phase: Some(phase), trigger, by };
        let event = self.event(Kind::Run(run));
        self.push(event, Mark::None, 0.4);
    }

    pub(crate) fn perform(mut self, cues: Vec<Cue<'_>>, planned: &Planned) -> Vec<Raw> {
        self.run(Phase::Start);
        if happens(&mut self.rng, self.plan.secret_share) {
            let event = self.secret(&self.plan.secret, &self.plan.vault);
            self.push(event, Mark::None, 0.3);
        }
        if happens(&mut self.rng, self.plan.login_share) {
            let method = Some(Text::const_new(self.plan.login_method));
            let login = Login { method, interactive: Some(false), mfa: Some(false) };
            let event = self.event(Kind::Login(login));
            self.push(event, Mark::None, 0.5);
        }
        for cue in cues {
            let mark = if cue.wrong { planned.mark } else { cue.change };
            match cue.what {
                What::Call(step) => self.call(step, &cue, mark),
                What::Pay(ref paid) => {
                    let mut event = self.event(Kind::Transaction(paid.clone()));
                    event.system = self.plan.workflow.cycle.first().map(|step| step.system.clone());
                    let pause = cue.pause_secs.unwrap_or(self.plan.pace_secs);
                    self.push(event, mark, pause);
                }
                What::Read((name, vault)) => {
                    let event = self.secret(name, vault);
                    self.push(event, mark, 1.5);
                }
            }
        }
        self.run(Phase::End);
        self.out
    }

    /// A session that reads the bot's secret and ends.
    pub(crate) fn read_only(mut self) -> Vec<Raw> {
        self.run(Phase::Start);
        let event = self.secret(&self.plan.secret, &self.plan.vault);
        self.push(event, Mark::None, 2.0);
        self.run(Phase::End);
        self.out
    }

    fn secret(&self, name: &Text, vault: &Text) -> Event {
        self.event(Kind::Secret(Secret { name: Some(name.clone()), vault: Some(vault.clone()) }))
    }

    fn call(&mut self, step: &Step, cue: &Cue<'_>, mark: Mark) {
        let storm = matches!(self.planned.act, Act::RetryStorm);
        let (error, tries) = if storm { (0.45, 5) } else { (step.error, 2) };
        for _ in 0..tries {
            if !happens(&mut self.rng, error) {
                break;
            }
            let mut event = self.describe(step, cue);
            event.outcome = Outcome::Error;
            let mark = if storm { self.planned.mark } else { mark };
            self.push(event, mark, step.pause_secs * 2.5);
        }
        let mut event = self.describe(step, cue);
        if cue.denied {
            event.outcome = Outcome::Denied;
        } else if step.effect != Effect::None {
            let records = lognormal(&mut self.rng, step.records * cue.factor, step.sigma).round().max(0.0);
            let bytes = lognormal(&mut self.rng, (records + 0.5) * step.bytes_per_record, 0.08);
            let counted = Some(records as u64);
            if step.effect == Effect::Read {
                event.records_read = counted;
            } else {
                event.records_written = counted;
            }
            event.bytes = Some(bytes as u64);
        }
        self.push(event, mark, cue.pause_secs.unwrap_or(step.pause_secs));
    }

    fn describe(&self, step: &Step, cue: &Cue<'_>) -> Event {
        let mut event = self.event(Kind::Call);
        event.system = Some(step.system.clone());
        event.operation = Some(step.operation.clone());
        event.role = Some(cue.role.unwrap_or(&step.role).clone());
        if let Some(host) = cue.host {
            (event.host, event.ip, event.geo) = (Some(host.name.clone()), Some(host.ip), host.geo.clone());
        }
        event
    }

    /// Somebody signs in with the bot's account, or has its token, and looks around at the speed of a person.
    pub(crate) fn person(mut self, strange: &[Step], token: bool) -> Vec<Raw> {
        if !token {
            let login = Login { method: Some("password".into()), interactive: Some(true), mfa: Some(false) };
            let event = self.event(Kind::Login(login));
            self.push(event, Mark::None, 12.0);
        }
        let known: Vec<&Step> = self.plan.workflow.steps().collect();
        for _ in 0..count(&mut self.rng, 8, 30) {
            let foreign = !strange.is_empty() && happens(&mut self.rng, 0.3);
            let step = if foreign { pick(&mut self.rng, strange) } else { *pick(&mut self.rng, &known) };
            let pause = lognormal(&mut self.rng, 22.0, 0.9).clamp(2.0, 600.0);
            let cue = Cue { factor: 0.3, pause_secs: Some(pause), ..Cue::new(What::Call(step)) };
            self.call(step, &cue, Mark::None);
        }
        self.out
    }
}

/// An event of a bot that says nothing yet but who, when, where and in which log.
pub(crate) fn blank(plan: &Plan, ts: Timestamp, host: Option<&Host>, kind: Kind) -> Event {
    Event {
        id: Text::const_new(""),
        ts,
        tenant: plan.tenant.clone(),
        bot: plan.name.clone(),
        session: None,
        host: host.map(|host| host.name.clone()),
        ip: host.map(|host| host.ip),
        device: None,
        geo: host.and_then(|host| host.geo.clone()),
        system: None,
        operation: None,
        outcome: Outcome::Ok,
        role: None,
        records_read: None,
        records_written: None,
        bytes: None,
        producer: Some(plan.producer.clone()),
        seq: None,
        kind,
    }
}
