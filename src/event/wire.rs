//! The event as it stands in JSON: every field optional, texts borrowed where no escape forbids it.
//!
//! `#[serde(borrow)]` does not reach into an `Option<Cow<str>>`, so that a plain one would copy every text;
//! the newtype [`Str`] makes it reach.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// A borrowed text of the wire.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Str<'a>(#[serde(borrow)] pub Cow<'a, str>);

impl Str<'_> {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

type OptStr<'a> = Option<Str<'a>>;

/// Mirrors the contract's table of fields, in its order.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct WireEvent<'a> {
    /// Whether all of it is known to be printable ASCII without a backslash, and each text is a piece of it.
    #[serde(skip)]
    pub plain: bool,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub id: OptStr<'a>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub ts: OptStr<'a>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub tenant: OptStr<'a>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub bot: OptStr<'a>,
    #[serde(borrow, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: OptStr<'a>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub session: OptStr<'a>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub host: OptStr<'a>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub ip: OptStr<'a>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub device: OptStr<'a>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub geo: Option<WireGeo<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub system: OptStr<'a>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub operation: OptStr<'a>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub outcome: OptStr<'a>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub role: OptStr<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub records_read: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub records_written: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub producer: OptStr<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub run: Option<WireRun<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub login: Option<WireLogin<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub secret: Option<WireSecret<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub grant: Option<WireGrant<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub control: Option<WireControl<'a>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub transaction: Option<Box<WireTransaction<'a>>>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct WireGeo<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub country: OptStr<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lat: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lon: Option<f64>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct WireRun<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub phase: OptStr<'a>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub trigger: OptStr<'a>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub by: OptStr<'a>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct WireLogin<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub method: OptStr<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interactive: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mfa: Option<bool>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct WireSecret<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub name: OptStr<'a>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub vault: OptStr<'a>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct WireGrant<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub role: OptStr<'a>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub change: OptStr<'a>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub by: OptStr<'a>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub ticket: OptStr<'a>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct WireControl<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub action: OptStr<'a>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub by: OptStr<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mfa: Option<bool>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub ticket: OptStr<'a>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct WireTransaction<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub kind: OptStr<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<f64>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub currency: OptStr<'a>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub counterparty: OptStr<'a>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub account: OptStr<'a>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub customer: OptStr<'a>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub object: OptStr<'a>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub approvers: Option<Vec<Str<'a>>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub by: OptStr<'a>,
}
