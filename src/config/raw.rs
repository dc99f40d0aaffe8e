//! The settings as they are written: every one optional, nothing checked but its type.
//!
//! The fields here are the only list of settings that there is: the names of variables, the check for unknown names
//! and the suggestion for a mistyped one are all derived from it. What each one means stands in `default.toml`.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use super::SecretText;
use super::raw_fields::RawFields;

/// A settings file.
#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    pub(super) registry: Option<String>,
    pub(super) nats: RawNats,
    pub(super) events: RawEvents,
    pub(super) alerts: RawAlerts,
    pub(super) webhook: RawWebhook,
    pub(super) receiver: RawReceiverDefaults,
    pub(super) heartbeat: RawHeartbeat,
    pub(super) routing: RawRouting,
    pub(super) state: RawState,
    pub(super) cluster: RawCluster,
    pub(super) geo: RawGeo,
    pub(super) metrics: RawListen,
    pub(super) console: RawConsole,
    pub(super) baseline: RawBaseline,
    pub(super) detection: RawDetection,
    pub(super) limits: RawLimits,
    pub(super) history: RawHistory,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawNats {
    pub(super) url: Option<String>,
    pub(super) creds_file: Option<String>,
    pub(super) nkey_seed: Option<SecretText>,
    pub(super) nkey_seed_file: Option<String>,
    pub(super) user: Option<String>,
    pub(super) password: Option<SecretText>,
    pub(super) password_file: Option<String>,
    pub(super) token: Option<SecretText>,
    pub(super) token_file: Option<String>,
    pub(super) tls: Option<bool>,
    pub(super) tls_ca_file: Option<String>,
    pub(super) tls_cert_file: Option<String>,
    pub(super) tls_key_file: Option<String>,
    pub(super) inbox_prefix: Option<String>,
    pub(super) monitor_url: Option<String>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawEvents {
    pub(super) mode: Option<String>,
    pub(super) subject_prefix: Option<String>,
    pub(super) stream: Option<String>,
    pub(super) durable: Option<String>,
    pub(super) create_stream: Option<bool>,
    pub(super) batch: Option<i64>,
    pub(super) idle_after: Option<RawSpan>,
    pub(super) canary_every: Option<RawSpan>,
    pub(super) rejected_prefix: Option<String>,
    pub(super) rejected_stream: Option<String>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawAlerts {
    pub(super) subject_prefix: Option<String>,
    pub(super) stream: Option<String>,
    pub(super) create_stream: Option<bool>,
    pub(super) head_subject: Option<String>,
    pub(super) ack_prefix: Option<String>,
    pub(super) feedback_prefix: Option<String>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawWebhook {
    pub(super) name: Option<String>,
    pub(super) url: Option<SecretText>,
    pub(super) url_file: Option<String>,
    pub(super) secret: Option<SecretText>,
    pub(super) secret_file: Option<String>,
    pub(super) min_severity: Option<String>,
    pub(super) timeout: Option<RawSpan>,
    pub(super) attempts_max: Option<i64>,
    pub(super) backoff_min: Option<RawSpan>,
    pub(super) backoff_max: Option<RawSpan>,
}

/// What every receiver takes that says nothing else.
#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawReceiverDefaults {
    pub(super) min_severity: Option<String>,
    pub(super) timeout: Option<RawSpan>,
    pub(super) backoff_min: Option<RawSpan>,
    pub(super) backoff_max: Option<RawSpan>,
    pub(super) give_up_after: Option<RawSpan>,
    pub(super) repeat_every: Option<RawSpan>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawHeartbeat {
    pub(super) url: Option<SecretText>,
    pub(super) url_file: Option<String>,
    pub(super) method: Option<String>,
    pub(super) every: Option<RawSpan>,
}

/// One of `[[receivers]]`.
#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawReceiver {
    pub(super) name: Option<String>,
    #[serde(rename = "type")]
    pub(super) service: Option<String>,
    pub(super) url: Option<SecretText>,
    pub(super) url_file: Option<String>,
    pub(super) subject: Option<String>,
    pub(super) mode: Option<String>,
    pub(super) secret: Option<SecretText>,
    pub(super) secret_file: Option<String>,
    pub(super) authorization: Option<SecretText>,
    pub(super) authorization_file: Option<String>,
    pub(super) routing_key: Option<SecretText>,
    pub(super) routing_key_file: Option<String>,
    pub(super) body: Option<String>,
    pub(super) template: Option<String>,
    pub(super) template_file: Option<String>,
    pub(super) allow_networks: Option<RawNames>,
    pub(super) min_severity: Option<String>,
    pub(super) timeout: Option<RawSpan>,
    pub(super) backoff_min: Option<RawSpan>,
    pub(super) backoff_max: Option<RawSpan>,
    pub(super) give_up_after: Option<RawSpan>,
    pub(super) repeat_every: Option<RawSpan>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawRouting {
    pub(super) default: Option<RawNames>,
    pub(super) escalate_after: Option<RawSpan>,
    pub(super) escalate_to: Option<RawNames>,
    pub(super) fallback_after: Option<RawSpan>,
    pub(super) fallback_to: Option<RawNames>,
}

/// One of `[[routes]]`.
#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawRoute {
    pub(super) tenants: Option<RawNames>,
    pub(super) bots: Option<RawNames>,
    pub(super) severities: Option<RawNames>,
    pub(super) dimensions: Option<RawNames>,
    pub(super) teams: Option<RawNames>,
    pub(super) owners: Option<RawNames>,
    pub(super) hours: Option<String>,
    pub(super) zone: Option<String>,
    pub(super) receivers: Option<RawNames>,
    #[serde(rename = "continue")]
    pub(super) continues: Option<bool>,
    pub(super) escalate_after: Option<RawSpan>,
    pub(super) escalate_to: Option<RawNames>,
}

/// One of `[[silences]]`.
#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawSilence {
    pub(super) name: Option<String>,
    pub(super) owner: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) until: Option<String>,
    pub(super) tenants: Option<RawNames>,
    pub(super) bots: Option<RawNames>,
    pub(super) severities: Option<RawNames>,
    pub(super) dimensions: Option<RawNames>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawState {
    pub(super) dir: Option<String>,
    pub(super) snapshot_every: Option<RawSpan>,
    pub(super) keep: Option<i64>,
    pub(super) keep_days: Option<i64>,
    pub(super) log_key_file: Option<String>,
    pub(super) log_file_bytes_max: Option<i64>,
    pub(super) log_files_max: Option<i64>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawCluster {
    pub(super) enabled: Option<bool>,
    pub(super) name: Option<String>,
    pub(super) member: Option<String>,
    pub(super) subject_prefix: Option<String>,
    pub(super) partitions: Option<i64>,
    pub(super) key: Option<String>,
    pub(super) replicas: Option<i64>,
    pub(super) takeover_after: Option<RawSpan>,
    pub(super) snapshot_every: Option<RawSpan>,
    pub(super) keep_days: Option<i64>,
    pub(super) batch: Option<i64>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawGeo {
    pub(super) maxmind_file: Option<String>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawListen {
    pub(super) listen: Option<String>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawConsole {
    pub(super) listen: Option<String>,
    pub(super) hosts: Option<Vec<String>>,
    pub(super) users_file: Option<String>,
    pub(super) tls_cert_file: Option<String>,
    pub(super) tls_key_file: Option<String>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawBaseline {
    pub(super) days: Option<i64>,
    pub(super) mature_days: Option<i64>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawDetection {
    pub(super) session_timeout: Option<RawSpan>,
    pub(super) lateness_max: Option<RawSpan>,
    pub(super) jump_max: Option<RawSpan>,
    pub(super) page_rate_per_bot_day: Option<f64>,
    pub(super) pages_per_week: Option<f64>,
    pub(super) incident_quiet: Option<RawSpan>,
    pub(super) default_zone: Option<String>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "the names are those of the settings")]
pub(super) struct RawLimits {
    pub(super) payload_bytes_max: Option<i64>,
    pub(super) depth_max: Option<i64>,
    pub(super) text_bytes_max: Option<i64>,
    pub(super) id_bytes_max: Option<i64>,
    pub(super) approvers_max: Option<i64>,
    pub(super) bots_max: Option<i64>,
    pub(super) sessions_open_max: Option<i64>,
    pub(super) operations_max: Option<i64>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawHistory {
    pub(super) time_format: Option<String>,
    pub(super) time_zone: Option<String>,
    pub(super) columns: RawFields,
    pub(super) constants: RawFields,
    pub(super) values: RawFields,
}

/// A decision about a rule.
#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawRule {
    pub(super) rule: Option<RawNames>,
    pub(super) enabled: Option<bool>,
    pub(super) severity: Option<String>,
    pub(super) threshold: Option<f64>,
    pub(super) tenants: Option<RawNames>,
    pub(super) bots: Option<RawNames>,
    pub(super) environments: Option<RawNames>,
    pub(super) until: Option<String>,
}

/// What is hidden for a while.
#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawSuppression {
    pub(super) tenants: Option<RawNames>,
    pub(super) bots: Option<RawNames>,
    pub(super) environments: Option<RawNames>,
    pub(super) hosts: Option<RawNames>,
    pub(super) producers: Option<RawNames>,
    pub(super) dimensions: Option<RawNames>,
    pub(super) rules: Option<RawNames>,
    pub(super) owner: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) from: Option<String>,
    pub(super) until: Option<String>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawStretch {
    pub(super) kind: Option<String>,
    pub(super) tenants: Option<RawNames>,
    pub(super) bots: Option<RawNames>,
    pub(super) environments: Option<RawNames>,
    pub(super) owner: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) from: Option<String>,
    pub(super) until: Option<String>,
}

/// A length of time as written. Its own type, so that a bare number is refused with a word about units.
#[derive(Clone, Serialize)]
pub(super) struct RawSpan(pub(super) String);

impl<'de> Deserialize<'de> for RawSpan {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = RawSpan;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a length of time such as \"30m\"")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<RawSpan, E> {
                Ok(RawSpan(text.to_owned()))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// Names: a list, or a text with commas between them, as the environment has it.
#[derive(Clone, Serialize)]
pub(super) struct RawNames(pub(super) Vec<String>);

impl<'de> Deserialize<'de> for RawNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = RawNames;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of texts such as [\"a\", \"b\"]")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<RawNames, E> {
                let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
                Ok(RawNames(names.map(ToOwned::to_owned).collect()))
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<RawNames, A::Error> {
                let mut names = Vec::new();
                while let Some(name) = list.next_element()? {
                    names.push(name);
                }
                Ok(RawNames(names))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

impl Serialize for SecretText {
    /// A secret does not write itself either.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{self:?}"))
    }
}

/// Paths of all settings, such as `nats.url`.
pub(super) fn paths() -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    if let Ok(tree) = serde_json::to_value(Raw::default()) {
        collect("", &tree, &mut paths);
    }
    paths
}

fn collect(prefix: &str, tree: &serde_json::Value, paths: &mut BTreeSet<String>) {
    match tree.as_object() {
        None => {
            paths.insert(prefix.to_owned());
        }
        Some(table) => {
            for (name, child) in table {
                let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                collect(&path, child, paths);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::lists::names;
    use super::*;

    #[test]
    fn every_setting_has_a_path() {
        let paths = paths();
        for path in ["registry", "nats.url", "webhook.secret_file", "baseline.days", "limits.operations_max"] {
            assert!(paths.contains(path), "{path}");
        }
        assert!(!paths.contains("nats"), "a table is no setting");
    }

    #[test]
    fn every_setting_stands_in_the_documentation() {
        let text = super::super::DEFAULTS;
        let receiving = [names::<RawReceiver>(), names::<RawRoute>(), names::<RawSilence>()];
        let quiet = [names::<RawRule>(), names::<RawSuppression>()];
        for path in paths().into_iter().chain(receiving.into_iter().chain(quiet).flatten()) {
            // What is mapped stands there once, for columns, constants and values alike.
            let name = path.strip_prefix("history.").and_then(|path| path.split_once('.')).map(|(_, field)| field);
            let name = name.unwrap_or_else(|| path.rsplit('.').next().expect("a name"));
            let written = |line: &str| line.trim_start_matches("# ").starts_with(&format!("{name} = "));
            assert!(text.lines().any(written), "{path} is not in default.toml");
        }
    }
}
