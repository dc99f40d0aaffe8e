//! Bytes to [`Event`]: limits first, then JSON, then meaning.
//!
//! The payload is refused by size before anything is read, by nesting before anything recurses, and by the length of
//! each text after. A key that stands twice in one object is an error and not "the last one wins": a producer and a
//! detector that disagree on which one counts are a way around the detector.

use std::net::IpAddr;

use serde_json::error::Category;

use super::subject::SubjectIdentity;
use super::wire::{Str, WireEvent, WireTransaction};
use super::{
    Control, Event, Geo, Grant, Kind, Login, Outcome, Phase, Reject, RejectReason, Run, Secret, Text, Transaction,
    quick, wire,
};
use crate::time::Timestamp;

/// Bounds on what one event may hold. Larger ones let a producer spend our memory; smaller ones refuse real events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the payload.
    pub payload_bytes_max: usize,
    /// Nested objects and lists.
    pub depth_max: usize,
    /// Bytes of a text.
    pub text_bytes_max: usize,
    /// Bytes of an event id.
    pub id_bytes_max: usize,
    /// Approvers of a transaction.
    pub approvers_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { payload_bytes_max: 64 * 1024, depth_max: 32, text_bytes_max: 1024, id_bytes_max: 128, approvers_max: 32 }
    }
}

/// What the transport knows about a payload.
#[derive(Clone, Debug, Default)]
pub struct Envelope<'a> {
    /// Whom the subject speaks for, where it does.
    pub identity: Option<SubjectIdentity<'a>>,
    /// The transport's own message id, used where the event has none.
    pub message_id: Option<&'a str>,
}

/// Decodes one payload.
///
/// # Errors
/// The payload breaks a limit, is no JSON object, or a field is missing, mistyped or out of range. The reason is
/// exact; the detail is for a person.
pub fn decode(payload: &[u8], envelope: &Envelope<'_>, limits: &Limits) -> Result<Event, Reject> {
    if payload.len() > limits.payload_bytes_max {
        let detail = format!("{} bytes, at most {}", payload.len(), limits.payload_bytes_max);
        return Err(Reject::new(RejectReason::TooLarge, detail));
    }
    let text = std::str::from_utf8(payload).map_err(|e| Reject::new(RejectReason::NotUtf8, e))?;
    let mut raw = WireEvent::default();
    if limits.depth_max < quick::DEPTH || quick::read(text, &mut raw).is_none() {
        raw = general(text, limits)?;
    }
    let fallback = || match envelope.message_id {
        Some(id) if !id.is_empty() && id.len() <= limits.id_bytes_max => Text::from(id),
        _ => Text::from(&blake3::hash(payload).to_hex()[..32]),
    };
    let sound = raw.plain && payload.len() <= limits.text_bytes_max;
    Decoder { limits, sound }.event(&raw, None, envelope, fallback)
}

/// What a line says, whatever it looks like.
fn general<'a>(text: &'a str, limits: &Limits) -> Result<WireEvent<'a>, Reject> {
    if nests_deeper(text.as_bytes(), limits.depth_max) {
        return Err(Reject::new(RejectReason::TooDeep, format!("over {} levels", limits.depth_max)));
    }
    serde_json::from_str(text).map_err(|e| json_fault(&e))
}

/// The event of what stands on the wire, or would. `ts` is its time, where that is known without reading a text.
pub(super) fn decode_raw(
    raw: &WireEvent<'_>,
    ts: Option<Timestamp>,
    envelope: &Envelope<'_>,
    limits: &Limits,
    fallback_id: impl Fn() -> Text,
) -> Result<Event, Reject> {
    Decoder { limits, sound: false }.event(raw, ts, envelope, fallback_id)
}

/// Encodes an event as one line of JSON, in the contract's order of fields.
#[must_use]
pub fn encode(event: &Event) -> String {
    let str = |text: &Text| Some(Str(std::borrow::Cow::Owned(text.to_string())));
    let opt = |text: &Option<Text>| text.as_ref().and_then(str);
    let mut raw = WireEvent {
        id: str(&event.id),
        ts: Some(Str(event.ts.to_string().into())),
        tenant: str(&event.tenant),
        bot: str(&event.bot),
        kind: Some(Str(event.type_name().into())),
        session: opt(&event.session),
        host: opt(&event.host),
        ip: event.ip.map(|ip| Str(ip.to_string().into())),
        device: opt(&event.device),
        geo: event.geo.as_ref().map(|geo| wire::WireGeo { country: opt(&geo.country), lat: geo.lat, lon: geo.lon }),
        system: opt(&event.system),
        operation: opt(&event.operation),
        outcome: Some(Str(outcome_name(event.outcome).into())),
        role: opt(&event.role),
        records_read: event.records_read,
        records_written: event.records_written,
        bytes: event.bytes,
        producer: opt(&event.producer),
        seq: event.seq,
        ..WireEvent::default()
    };
    match &event.kind {
        Kind::Call => {}
        Kind::Run(run) => {
            let phase = run.phase.map(|p| Str(if p == Phase::Start { "start" } else { "end" }.into()));
            raw.run = Some(wire::WireRun { phase, trigger: opt(&run.trigger), by: opt(&run.by) });
        }
        Kind::Login(login) => {
            raw.login =
                Some(wire::WireLogin { method: opt(&login.method), interactive: login.interactive, mfa: login.mfa });
        }
        Kind::Secret(secret) => {
            raw.secret = Some(wire::WireSecret { name: opt(&secret.name), vault: opt(&secret.vault) });
        }
        Kind::Grant(grant) => {
            let (role, change) = (opt(&grant.role), opt(&grant.change));
            raw.grant = Some(wire::WireGrant { role, change, by: opt(&grant.by), ticket: opt(&grant.ticket) });
        }
        Kind::Control(control) => {
            let (action, by, ticket) = (opt(&control.action), opt(&control.by), opt(&control.ticket));
            raw.control = Some(wire::WireControl { action, by, mfa: control.mfa, ticket });
        }
        Kind::Transaction(transaction) => {
            let approvers: Vec<_> = transaction.approvers.iter().filter_map(str).collect();
            raw.transaction = Some(Box::new(WireTransaction {
                kind: opt(&transaction.kind),
                amount: transaction.amount,
                currency: opt(&transaction.currency),
                counterparty: opt(&transaction.counterparty),
                account: opt(&transaction.account),
                customer: opt(&transaction.customer),
                object: opt(&transaction.object),
                approvers: (!approvers.is_empty()).then_some(approvers),
                by: opt(&transaction.by),
            }));
        }
    }
    serde_json::to_string(&raw).unwrap_or_default()
}

struct Decoder<'l> {
    limits: &'l Limits,
    /// Whether all texts are known to be printable ASCII without a backslash and no longer than a text may be.
    sound: bool,
}

impl Decoder<'_> {
    /// Checks first, and makes the texts after, those of the type excepted: each goes straight to its place then, and is
    /// not copied from one result to the next.
    fn event(
        &self,
        raw: &WireEvent<'_>,
        ts: Option<Timestamp>,
        envelope: &Envelope<'_>,
        fallback_id: impl Fn() -> Text,
    ) -> Result<Event, Reject> {
        self.identifier("bot", raw.bot.as_ref())?;
        let bot = given(raw.bot.as_ref()).ok_or_else(|| missing("bot"))?;
        self.identifier("tenant", raw.tenant.as_ref())?;
        let tenant = agree(given(raw.tenant.as_ref()), bot, envelope)?;
        let ts = match ts {
            Some(ts) => ts,
            None => timestamp(raw.ts.as_ref())?,
        };
        limited("id", raw.id.as_ref(), self.limits.id_bytes_max)?;
        self.identifier("session", raw.session.as_ref())?;
        self.identifier("host", raw.host.as_ref())?;
        let ip = ip(raw.ip.as_ref())?;
        self.identifier("device", raw.device.as_ref())?;
        if let Some(geo) = &raw.geo {
            self.geo(geo)?;
        }
        self.length("system", raw.system.as_ref())?;
        self.length("operation", raw.operation.as_ref())?;
        let outcome = outcome(raw.outcome.as_ref())?;
        self.length("role", raw.role.as_ref())?;
        self.identifier("producer", raw.producer.as_ref())?;
        let kind = self.kind(raw)?;
        Ok(Event {
            id: text(raw.id.as_ref()).unwrap_or_else(fallback_id),
            ts,
            tenant: Text::from(tenant),
            bot: Text::from(bot),
            session: text(raw.session.as_ref()),
            host: text(raw.host.as_ref()),
            ip,
            device: text(raw.device.as_ref()),
            geo: raw.geo.as_ref().map(|geo| Geo { country: text(geo.country.as_ref()), lat: geo.lat, lon: geo.lon }),
            system: text(raw.system.as_ref()),
            operation: text(raw.operation.as_ref()),
            outcome,
            role: text(raw.role.as_ref()),
            records_read: raw.records_read,
            records_written: raw.records_written,
            bytes: raw.bytes,
            producer: text(raw.producer.as_ref()),
            seq: raw.seq,
            kind,
        })
    }

    fn kind(&self, raw: &WireEvent<'_>) -> Result<Kind, Reject> {
        let name = raw.kind.as_ref().ok_or_else(|| missing("type"))?;
        Ok(match name.as_str() {
            "call" => Kind::Call,
            "run" => Kind::Run(match &raw.run {
                None => Run::default(),
                Some(run) => Run {
                    phase: phase(run.phase.as_ref())?,
                    trigger: self.taken("run.trigger", run.trigger.as_ref())?,
                    by: self.taken("run.by", run.by.as_ref())?,
                },
            }),
            "login" => Kind::Login(match &raw.login {
                None => Login::default(),
                Some(login) => Login {
                    method: self.taken("login.method", login.method.as_ref())?,
                    interactive: login.interactive,
                    mfa: login.mfa,
                },
            }),
            "secret" => Kind::Secret(match &raw.secret {
                None => Secret::default(),
                Some(secret) => Secret {
                    name: self.taken("secret.name", secret.name.as_ref())?,
                    vault: self.taken("secret.vault", secret.vault.as_ref())?,
                },
            }),
            "grant" => Kind::Grant(match &raw.grant {
                None => Grant::default(),
                Some(grant) => Grant {
                    role: self.taken("grant.role", grant.role.as_ref())?,
                    change: self.taken("grant.change", grant.change.as_ref())?,
                    by: self.taken("grant.by", grant.by.as_ref())?,
                    ticket: self.taken("grant.ticket", grant.ticket.as_ref())?,
                },
            }),
            "control" => Kind::Control(match &raw.control {
                None => Control::default(),
                Some(control) => Control {
                    action: self.taken("control.action", control.action.as_ref())?,
                    by: self.taken("control.by", control.by.as_ref())?,
                    mfa: control.mfa,
                    ticket: self.taken("control.ticket", control.ticket.as_ref())?,
                },
            }),
            "transaction" => Kind::Transaction(Box::new(match &raw.transaction {
                None => Transaction::default(),
                Some(transaction) => self.transaction(transaction)?,
            })),
            other => return Err(Reject::new(RejectReason::UnknownType, format!("type `{other}`"))),
        })
    }

    fn transaction(&self, raw: &WireTransaction<'_>) -> Result<Transaction, Reject> {
        let mut approvers = smallvec::SmallVec::new();
        for name in raw.approvers.iter().flatten() {
            if approvers.len() == self.limits.approvers_max {
                return Err(Reject::new(RejectReason::TooLong, "transaction.approvers"));
            }
            approvers.extend(self.taken("transaction.approvers", Some(name))?);
        }
        Ok(Transaction {
            kind: self.taken("transaction.kind", raw.kind.as_ref())?,
            amount: raw.amount,
            currency: self.taken("transaction.currency", raw.currency.as_ref())?,
            counterparty: self.taken("transaction.counterparty", raw.counterparty.as_ref())?,
            account: self.taken("transaction.account", raw.account.as_ref())?,
            customer: self.taken("transaction.customer", raw.customer.as_ref())?,
            object: self.taken("transaction.object", raw.object.as_ref())?,
            approvers,
            by: self.taken("transaction.by", raw.by.as_ref())?,
        })
    }

    fn geo(&self, raw: &wire::WireGeo<'_>) -> Result<(), Reject> {
        let within = |name: &str, degrees: Option<f64>, bound: f64| match degrees {
            Some(x) if !(-bound..=bound).contains(&x) => {
                Err(Reject::new(RejectReason::WrongType, format!("{name} {x} is outside ±{bound}")))
            }
            _ => Ok(()),
        };
        self.length("geo.country", raw.country.as_ref())?;
        within("geo.lat", raw.lat, 90.0)?;
        within("geo.lon", raw.lon, 180.0)
    }

    /// A text that names something: no control characters, none that change the direction of writing.
    #[inline]
    fn identifier(&self, name: &str, raw: Option<&Str<'_>>) -> Result<(), Reject> {
        if self.sound { Ok(()) } else { self.doubted(name, raw) }
    }

    /// The same of a text of which nothing is known.
    fn doubted(&self, name: &str, raw: Option<&Str<'_>>) -> Result<(), Reject> {
        limited(name, raw, self.limits.text_bytes_max)?;
        // Without a branch in it, which lets the compiler take many bytes at once.
        let plain = |text: &str| text.bytes().fold(true, |plain, byte| plain & (b' '..0x7f).contains(&byte));
        let misleading = |c: char| {
            c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        };
        if raw.is_some_and(|text| !plain(text.as_str()) && text.as_str().contains(misleading)) {
            return Err(Reject::new(RejectReason::BadIdentifier, name));
        }
        Ok(())
    }

    #[inline]
    fn length(&self, name: &str, raw: Option<&Str<'_>>) -> Result<(), Reject> {
        if self.sound { Ok(()) } else { limited(name, raw, self.limits.text_bytes_max) }
    }

    /// A text that may be no longer than others.
    fn taken(&self, name: &str, raw: Option<&Str<'_>>) -> Result<Option<Text>, Reject> {
        self.length(name, raw)?;
        Ok(text(raw))
    }
}

/// Whether a text has no more than so many bytes.
fn limited(name: &str, raw: Option<&Str<'_>>, bytes_max: usize) -> Result<(), Reject> {
    match raw.map(|raw| raw.as_str().len()) {
        Some(bytes) if bytes > bytes_max => {
            Err(Reject::new(RejectReason::TooLong, format!("{name}: {bytes} bytes, at most {bytes_max}")))
        }
        _ => Ok(()),
    }
}

/// An empty text counts as none.
fn given<'a>(raw: Option<&'a Str<'_>>) -> Option<&'a str> {
    raw.map(Str::as_str).filter(|text| !text.is_empty())
}

#[inline]
fn text(raw: Option<&Str<'_>>) -> Option<Text> {
    given(raw).map(Text::from)
}

/// The tenant that body and subject agree on. A body without a tenant takes the subject's.
fn agree<'t>(tenant: Option<&'t str>, bot: &str, envelope: &'t Envelope<'_>) -> Result<&'t str, Reject> {
    let Some(subject) = &envelope.identity else {
        return Ok(tenant.unwrap_or("default"));
    };
    let tenant = tenant.unwrap_or(&subject.tenant);
    if tenant != subject.tenant || bot != subject.bot {
        let detail = format!("body says `{tenant}`/`{bot}`, subject says `{}`/`{}`", subject.tenant, subject.bot);
        return Err(Reject::new(RejectReason::Spoofed, detail));
    }
    Ok(tenant)
}

fn missing(name: &str) -> Reject {
    Reject::new(RejectReason::MissingField, name)
}

fn json_fault(error: &serde_json::Error) -> Reject {
    let reason = match error.classify() {
        Category::Data => RejectReason::WrongType,
        Category::Io | Category::Syntax | Category::Eof => RejectReason::NotJson,
    };
    Reject::new(reason, error)
}

fn timestamp(raw: Option<&Str<'_>>) -> Result<Timestamp, Reject> {
    let text = raw.ok_or_else(|| missing("ts"))?.as_str();
    text.parse().map_err(|e| Reject::new(RejectReason::BadTimestamp, e))
}

fn ip(raw: Option<&Str<'_>>) -> Result<Option<IpAddr>, Reject> {
    match raw.map(Str::as_str) {
        None | Some("") => Ok(None),
        Some(text) => match text.parse::<IpAddr>() {
            Ok(ip) => Ok(Some(ip.to_canonical())),
            Err(_) => Err(Reject::new(RejectReason::WrongType, format!("ip: `{text}` is no address"))),
        },
    }
}

fn phase(raw: Option<&Str<'_>>) -> Result<Option<Phase>, Reject> {
    match raw.map(Str::as_str) {
        None | Some("") => Ok(None),
        Some("start") => Ok(Some(Phase::Start)),
        Some("end") => Ok(Some(Phase::End)),
        Some(other) => Err(Reject::new(RejectReason::WrongType, format!("run.phase: `{other}`"))),
    }
}

fn outcome(raw: Option<&Str<'_>>) -> Result<Outcome, Reject> {
    match raw.map(Str::as_str) {
        None | Some("" | "ok") => Ok(Outcome::Ok),
        Some("error") => Ok(Outcome::Error),
        Some("denied") => Ok(Outcome::Denied),
        Some(other) => Err(Reject::new(RejectReason::WrongType, format!("outcome: `{other}`"))),
    }
}

pub(super) fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Ok => "ok",
        Outcome::Error => "error",
        Outcome::Denied => "denied",
    }
}

/// Whether brackets outside of texts nest deeper than the limit.
///
/// Counting all opening brackets is a plain loop that the compiler vectorizes, and enough for nearly every event;
/// only a payload with more brackets than the limit has them walked one by one.
pub(crate) fn nests_deeper(payload: &[u8], depth_max: usize) -> bool {
    let opening = |chunk: &[u8]| chunk.iter().map(|&b| u8::from(b == b'{' || b == b'[')).sum::<u8>();
    // A chunk's count fits a byte, which keeps the sum in the narrow lanes of a vector.
    if payload.chunks(u8::MAX as usize).map(|chunk| usize::from(opening(chunk))).sum::<usize>() <= depth_max {
        return false;
    }
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for &byte in payload {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                depth += 1;
                if depth > depth_max {
                    return true;
                }
            }
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests;
