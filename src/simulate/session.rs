//! The events of one session: the workflow written out as cues, bent by whatever goes on that day, and performed.

use compact_str::format_compact;
use rand::{Rng as _, SeedableRng as _};

use super::chance::{Rng, between, count, happens, lognormal, pick, shuffle};
use super::money::Purse;
use super::plan::{Host, Plan};
use super::spec::seconds;
use super::story::{ChangeKind, Story};
use super::workflow::{Effect, Step};
use crate::event::{Event, Kind, Login, Outcome, Phase, Run, Secret, Text, Transaction};
use crate::time::{Span, Timestamp};

/// Whether an event belongs to one of its bot's labels or benign oddities, by their place in the bot's story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    None,
    Attack(usize),
    Benign(usize),
}

/// An event before it has an id and a place in its log.
#[derive(Debug)]
pub(crate) struct Raw {
    pub(crate) event: Box<Event>,
    pub(crate) mark: Mark,
}

/// A session to come.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    pub(crate) start: Timestamp,
    /// Local day that it belongs to.
    pub(crate) day: i32,
    pub(crate) seed: u64,
    pub(crate) load: f64,
    /// The first of its day's timetable.
    pub(crate) first: bool,
    pub(crate) trigger: &'static str,
    pub(crate) by: Option<Text>,
    pub(crate) act: Act,
    pub(crate) mark: Mark,
}

/// What is different about a session. The session's mark goes to the events that differ.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Nothing; with a mark, that the session takes place at all.
    None,
    /// All counts of records times so much.
    Volume(f64),
    /// So many times the usual number of items.
    Items(f64),
    /// These calls in the midst of the rest.
    Extra(Vec<Step>),
    /// All of it from another machine.
    From(Box<Host>),
    /// A few calls from another machine in the midst of the rest.
    Travel(Box<Host>),
    /// The same calls in another order.
    Disorder,
    /// Some of the calls under another role.
    Role(Text),
    /// A person works with the account, perhaps from a machine of their own.
    Person { host: Option<Box<Host>>, strange: Vec<Step> },
    /// These transactions in the midst of the rest, so many seconds apart.
    Money(Vec<Transaction>, f64),
    /// Most calls fail and are tried again.
    RetryStorm,
    /// These secrets are read, too.
    Secrets(Vec<(Text, Text)>),
}

/// One thing to do within a session.
struct Cue<'a> {
    what: What<'a>,
    wrong: bool,
    change: Mark,
    factor: f64,
    role: Option<&'a Text>,
    host: Option<&'a Host>,
    pause_secs: Option<f64>,
    denied: bool,
}

enum What<'a> {
    Call(&'a Step),
    Pay(Box<Transaction>),
    Read(&'a (Text, Text)),
}

impl<'a> Cue<'a> {
    fn new(what: What<'a>) -> Self {
        Self {
            what,
            wrong: false,
            change: Mark::None,
            factor: 1.0,
            role: None,
            host: None,
            pause_secs: None,
            denied: false,
        }
    }

    fn wrong(what: What<'a>) -> Self {
        Self { wrong: true, ..Self::new(what) }
    }

    fn counts(&self) -> bool {
        matches!(self.what, What::Call(step) if step.effect != Effect::None)
    }
}

/// The longest session in calls; more would be a bot that never ends.
const CUES_MAX: usize = 900;

/// Writes a session out, in order of event time.
pub(crate) fn render(plan: &Plan, story: &Story, seed: u64, planned: &Planned) -> Vec<Raw> {
    let mut rng = Rng::seed_from_u64(planned.seed);
    let mut host = plan.host(&mut rng, seed, planned.day);
    let mut all = match planned.act {
        Act::None | Act::From(_) => planned.mark,
        _ => Mark::None,
    };
    for change in story.changes.iter().filter(|change| change.from <= planned.start) {
        if let ChangeKind::HostMoved { from, to } = &change.what
            && *from == host.name
        {
            host = to.clone();
            if planned.start < change.marked_until && all == Mark::None {
                all = change.mark;
            }
        }
    }
    match &planned.act {
        Act::From(other) => host = (**other).clone(),
        Act::Person { host: other, strange } => {
            if let Some(other) = other {
                host = (**other).clone();
            }
            return Tape::new(plan, planned, host, rng, planned.mark).person(strange);
        }
        _ => {}
    }
    let cues = script(plan, story, planned, &mut rng);
    Tape::new(plan, planned, host, rng, all).perform(cues, planned)
}

fn script<'a>(plan: &'a Plan, story: &'a Story, planned: &'a Planned, rng: &mut Rng) -> Vec<Cue<'a>> {
    let flow = &plan.workflow;
    let root = planned.load.sqrt();
    let more = if let Act::Items(factor) = planned.act { factor } else { 1.0 };
    let usual = lognormal(rng, flow.items * root, flow.items_sigma).round().max(1.0);
    let items = (usual * more).round() as usize;
    let scaled = |step: &Step| if step.scales { root } else { 1.0 };
    let mut cues: Vec<Cue<'a>> = Vec::new();
    for step in &flow.opening {
        push(&mut cues, rng, step, scaled(step));
    }
    if let Some(purse) = &plan.purse {
        let approver = purse.approvers[0];
        for payee in purse.payees.iter().filter(|payee| planned.first && payee.created_day == planned.day) {
            let (name, account) = (payee.name.clone(), payee.account.clone());
            let created = Purse::payee_created(name, account, Text::from(plan.operator), Some(approver));
            cues.push(Cue::new(What::Pay(Box::new(created))));
        }
    }
    let body = cues.len();
    for nth in 0..items {
        if cues.len() > CUES_MAX {
            break;
        }
        let before = cues.len();
        for step in &flow.cycle {
            push(&mut cues, rng, step, scaled(step));
        }
        if let Some(purse) = &plan.purse {
            let paid = purse.ordinary(rng, planned.day, planned.start, &story.accounts);
            cues.extend(paid.map(|paid| Cue::new(What::Pay(Box::new(paid)))));
        }
        let beyond = more > 1.0 && nth as f64 >= usual;
        cues[before..].iter_mut().for_each(|cue| cue.wrong |= beyond);
    }
    let end = cues.len();
    for step in &flow.closing {
        push(&mut cues, rng, step, scaled(step));
    }
    for change in story.changes.iter().filter(|change| change.from <= planned.start) {
        let mark = if planned.start < change.marked_until { change.mark } else { Mark::None };
        apply(&change.what, mark, planned.start - change.from, end, &mut cues);
    }
    bend(&planned.act, body, rng, &mut cues);
    cues
}

fn push<'a>(cues: &mut Vec<Cue<'a>>, rng: &mut Rng, step: &'a Step, factor: f64) {
    if step.skip <= 0.0 || !happens(rng, step.skip) {
        cues.push(Cue { factor, ..Cue::new(What::Call(step)) });
    }
}

/// Lets a lasting change of the bot take hold.
fn apply<'a>(what: &'a ChangeKind, mark: Mark, since: Span, end: usize, cues: &mut Vec<Cue<'a>>) {
    match what {
        ChangeKind::Step(step) => {
            let cue = Cue { change: mark, ..Cue::new(What::Call(step)) };
            cues.insert(end.min(cues.len()), cue);
        }
        ChangeKind::Creep(rate) => {
            let factor = (1.0 + rate).powf(since.as_days_f64().floor() + 1.0);
            for cue in cues.iter_mut().filter(|cue| cue.counts()) {
                cue.factor *= factor;
                cue.change = mark;
            }
        }
        ChangeKind::Role { instead_of, role } => {
            for cue in cues.iter_mut() {
                if matches!(cue.what, What::Call(step) if step.role == *instead_of) {
                    (cue.role, cue.change) = (Some(role), mark);
                }
            }
        }
        ChangeKind::HostMoved { .. } | ChangeKind::Shift(_) => {}
    }
}

/// Lets the session's own peculiarity take hold.
fn bend<'a>(act: &'a Act, body: usize, rng: &mut Rng, cues: &mut Vec<Cue<'a>>) {
    match act {
        Act::None | Act::Items(_) | Act::From(_) | Act::Person { .. } | Act::RetryStorm => {}
        Act::Volume(factor) => {
            for cue in cues.iter_mut().filter(|cue| cue.counts()) {
                cue.factor *= factor * between(rng, 0.85, 1.2);
                cue.wrong = true;
            }
        }
        Act::Extra(steps) => {
            let at = rng.gen_range(body..=cues.len());
            let denied = happens(rng, 0.25);
            let extra: Vec<_> = steps.iter().map(|step| Cue { denied, ..Cue::wrong(What::Call(step)) }).collect();
            cues.splice(at..at, extra);
        }
        Act::Travel(host) => {
            let n = cues.len();
            let from = rng.gen_range(0..=n / 2);
            for cue in cues.iter_mut().skip(from).take((n / 3).max(2)) {
                (cue.host, cue.wrong) = (Some(&**host), true);
            }
        }
        Act::Disorder => {
            for cue in cues.iter_mut() {
                cue.wrong = true;
            }
            if happens(rng, 0.5) {
                cues.reverse();
            } else {
                shuffle(rng, cues);
            }
        }
        Act::Role(role) => {
            let n = cues.len();
            for cue in cues.iter_mut().filter(|cue| matches!(cue.what, What::Call(_))).take((n / 3).clamp(1, 6)) {
                (cue.role, cue.wrong) = (Some(role), true);
            }
        }
        Act::Money(moves, apart_secs) => {
            let at = rng.gen_range(body..=cues.len());
            let wrong = |paid: &Transaction| Cue {
                pause_secs: Some(*apart_secs),
                ..Cue::wrong(What::Pay(Box::new(paid.clone())))
            };
            let moves: Vec<_> = moves.iter().map(wrong).collect();
            cues.splice(at..at, moves);
        }
        Act::Secrets(secrets) => {
            let at = rng.gen_range(0..=cues.len());
            let reads: Vec<_> = secrets.iter().map(|name| Cue::wrong(What::Read(name))).collect();
            cues.splice(at..at, reads);
        }
    }
}

/// A session being performed.
struct Tape<'a> {
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
    fn new(plan: &'a Plan, planned: &'a Planned, host: Host, rng: Rng, all: Mark) -> Self {
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

    fn perform(mut self, cues: Vec<Cue<'_>>, planned: &Planned) -> Vec<Raw> {
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

    /// Somebody signs in with the bot's account and looks around at the speed of a person.
    fn person(mut self, strange: &[Step]) -> Vec<Raw> {
        let login = Login { method: Some("password".into()), interactive: Some(true), mfa: Some(false) };
        let event = self.event(Kind::Login(login));
        self.push(event, Mark::None, 12.0);
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
