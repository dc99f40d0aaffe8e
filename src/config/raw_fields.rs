//! A setting for each field of an event, as `history.columns`, `history.constants` and `history.values` have them.
//!
//! The names are those of the contract; a test holds the two against each other.

use serde::{Deserialize, Serialize};

use crate::event::field::Field;

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawFields {
    id: Option<String>,
    ts: Option<String>,
    tenant: Option<String>,
    bot: Option<String>,
    r#type: Option<String>,
    session: Option<String>,
    host: Option<String>,
    ip: Option<String>,
    device: Option<String>,
    geo: RawGeo,
    system: Option<String>,
    operation: Option<String>,
    outcome: Option<String>,
    role: Option<String>,
    records_read: Option<String>,
    records_written: Option<String>,
    bytes: Option<String>,
    producer: Option<String>,
    seq: Option<String>,
    run: RawRun,
    login: RawLogin,
    secret: RawSecret,
    grant: RawGrant,
    control: RawControl,
    transaction: RawTransaction,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawGeo {
    country: Option<String>,
    lat: Option<String>,
    lon: Option<String>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawRun {
    phase: Option<String>,
    trigger: Option<String>,
    by: Option<String>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawLogin {
    method: Option<String>,
    interactive: Option<String>,
    mfa: Option<String>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawSecret {
    name: Option<String>,
    vault: Option<String>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawGrant {
    role: Option<String>,
    change: Option<String>,
    by: Option<String>,
    ticket: Option<String>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawControl {
    action: Option<String>,
    by: Option<String>,
    mfa: Option<String>,
    ticket: Option<String>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawTransaction {
    kind: Option<String>,
    amount: Option<String>,
    currency: Option<String>,
    counterparty: Option<String>,
    account: Option<String>,
    customer: Option<String>,
    object: Option<String>,
    approvers: Option<String>,
    by: Option<String>,
}

impl RawFields {
    /// What was set, by field.
    pub(super) fn set(&self) -> Vec<(Field, String)> {
        let tree = serde_json::to_value(self).unwrap_or_default();
        let of = |field: Field| {
            let at = format!("/{}", field.path().replace('.', "/"));
            tree.pointer(&at)?.as_str().map(|text| (field, text.to_owned()))
        };
        Field::all().filter_map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::raw;
    use super::*;

    #[test]
    fn the_fields_are_those_of_the_contract() {
        let paths = raw::paths();
        for table in ["history.columns.", "history.constants.", "history.values."] {
            let set: BTreeSet<&str> = paths.iter().filter_map(|path| path.strip_prefix(table)).collect();
            assert_eq!(set, Field::all().map(Field::path).collect());
        }
    }

    #[test]
    fn what_was_set_is_found_by_its_field() {
        let fields = RawFields {
            r#type: Some("kind".to_owned()),
            run: RawRun { phase: Some("what".to_owned()), ..RawRun::default() },
            ..RawFields::default()
        };
        assert_eq!(fields.set(), [(Field::Type, "kind".to_owned()), (Field::RunPhase, "what".to_owned())]);
    }
}
