//! What happened: one event of one bot, from the wire to the engine.
//!
//! [`decode`](decode::decode) turns bytes into an [`Event`] or says why not. Identities are compared as they come, by
//! bytes; nothing is trimmed or folded, since two spellings of one name are two names to the systems behind them.

pub mod cell;
pub mod decode;
pub mod field;
pub mod moment;
pub mod normalize;
mod quick;
mod reject;
pub mod row;
mod same;
pub mod subject;
pub mod values;
mod wire;

use std::net::IpAddr;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::time::Timestamp;

pub use reject::{Reject, RejectReason};
pub use same::same;

/// Text of the wire, kept inline up to 24 bytes.
pub type Text = CompactString;

/// One thing that a bot did, or that was done to it. Optional fields are `None` where the producer was silent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Unique for its bot: as sent, or derived from the content.
    pub id: Text,
    /// Event time.
    pub ts: Timestamp,
    /// Whose bot.
    pub tenant: Text,
    /// The non-human identity.
    pub bot: Text,
    /// One execution of the bot.
    pub session: Option<Text>,
    /// Host that it ran from.
    pub host: Option<Text>,
    /// Address that it ran from.
    pub ip: Option<IpAddr>,
    /// Device that it ran from.
    pub device: Option<Text>,
    /// Place that it ran from.
    pub geo: Option<Geo>,
    /// Target system.
    pub system: Option<Text>,
    /// Endpoint or statement called.
    pub operation: Option<Text>,
    /// How it ended.
    pub outcome: Outcome,
    /// Privilege exercised.
    pub role: Option<Text>,
    /// Records read.
    pub records_read: Option<u64>,
    /// Records written.
    pub records_written: Option<u64>,
    /// Bytes moved.
    pub bytes: Option<u64>,
    /// The log that wrote the event.
    pub producer: Option<Text>,
    /// The log's own gapless counter.
    pub seq: Option<u64>,
    /// What is particular to the event's type.
    pub kind: Kind,
}

/// The type of an event with what is particular to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Kind {
    /// A session starts or ends.
    Run(Run),
    /// Somebody signed in as the bot.
    Login(Login),
    /// An endpoint was called.
    Call,
    /// A secret was read.
    Secret(Secret),
    /// A role was given or taken.
    Grant(Grant),
    /// The bot, or what watches it, was administered.
    Control(Control),
    /// Money or master data moved.
    Transaction(Box<Transaction>),
}

/// Start or end of a session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// `None` where the producer does not say.
    pub phase: Option<Phase>,
    /// `schedule`, `manual`, `queue` or `api`, or what else the producer says.
    pub trigger: Option<Text>,
    /// Who started it.
    pub by: Option<Text>,
}

/// Which end of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// The session begins.
    Start,
    /// The session is over.
    End,
}

/// A sign-in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Login {
    /// How: token, password, key …
    pub method: Option<Text>,
    /// Whether a person sat in front of it.
    pub interactive: Option<bool>,
    /// Whether a second factor was given.
    pub mfa: Option<bool>,
}

/// A secret that was read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Secret {
    /// Name of the secret.
    pub name: Option<Text>,
    /// Vault that holds it.
    pub vault: Option<Text>,
}

/// A change of the bot's roles.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Grant {
    /// The role in question.
    pub role: Option<Text>,
    /// `added` or `removed`.
    pub change: Option<Text>,
    /// Who did it.
    pub by: Option<Text>,
    /// The approved change behind it; empty counts as none.
    pub ticket: Option<Text>,
}

/// An act of administration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Control {
    /// What was done, as `credentials_exported`.
    pub action: Option<Text>,
    /// Who did it.
    pub by: Option<Text>,
    /// Whether a second factor was given.
    pub mfa: Option<bool>,
    /// The approved change behind it; empty counts as none.
    pub ticket: Option<Text>,
}

/// A business transaction.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Transaction {
    /// What kind, as `payment`.
    pub kind: Option<Text>,
    /// Amount in the currency's own unit; finite.
    pub amount: Option<f64>,
    /// Currency code.
    pub currency: Option<Text>,
    /// Who is paid or paying.
    pub counterparty: Option<Text>,
    /// Account used.
    pub account: Option<Text>,
    /// Customer concerned.
    pub customer: Option<Text>,
    /// Object concerned, as an invoice number.
    pub object: Option<Text>,
    /// Who approved.
    pub approvers: SmallVec<[Text; 2]>,
    /// Who did it.
    pub by: Option<Text>,
}

/// Place of an event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Geo {
    /// Country code.
    pub country: Option<Text>,
    /// Degrees north, −90 to 90.
    pub lat: Option<f64>,
    /// Degrees east, −180 to 180.
    pub lon: Option<f64>,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Outcome {
    /// Done, or not said otherwise.
    #[default]
    Ok,
    /// Failed.
    Error,
    /// Refused for lack of privilege.
    Denied,
}

impl Event {
    /// The type's name on the wire.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self.kind {
            Kind::Run(_) => "run",
            Kind::Login(_) => "login",
            Kind::Call => "call",
            Kind::Secret(_) => "secret",
            Kind::Grant(_) => "grant",
            Kind::Control(_) => "control",
            Kind::Transaction(_) => "transaction",
        }
    }

    /// The ticket that approves a grant or an act of administration, if one was named.
    #[must_use]
    pub fn ticket(&self) -> Option<&str> {
        let ticket = match &self.kind {
            Kind::Grant(grant) => grant.ticket.as_deref(),
            Kind::Control(control) => control.ticket.as_deref(),
            _ => None,
        };
        ticket.filter(|text| !text.trim().is_empty())
    }

    /// Whether a person did this on the bot's account: it is about the bot, and none of the bot's own behavior.
    #[must_use]
    pub fn by_person(&self) -> bool {
        match &self.kind {
            Kind::Grant(_) | Kind::Control(_) => true,
            Kind::Login(login) => login.interactive == Some(true),
            Kind::Transaction(transaction) => transaction.by.as_ref().is_some_and(|by| *by != self.bot),
            Kind::Run(_) | Kind::Call | Kind::Secret(_) => false,
        }
    }

    /// The phase of a `run` event.
    #[must_use]
    pub fn phase(&self) -> Option<Phase> {
        match &self.kind {
            Kind::Run(run) => run.phase,
            _ => None,
        }
    }
}
