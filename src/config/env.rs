//! Names of settings as environment variables: `HUMDRUM_` and the path, in capitals, with `_` for `.`.
//!
//! The environment is handed in as pairs; this module reads nothing. A variable with our prefix that is no setting is
//! a fault, since a mistyped name would otherwise be a setting that silently does not apply.

use std::collections::{BTreeMap, BTreeSet};

use super::fault::{Fault, nearest};

/// What every variable of ours begins with.
pub(super) const PREFIX: &str = "HUMDRUM_";

/// Variables that the shell reads itself and that are no settings: the settings file, and the log's filter and format.
const SHELL_NAMES: [&str; 3] = ["HUMDRUM_CONFIG", "HUMDRUM_LOG", "HUMDRUM_LOG_FORMAT"];

/// The variable of a setting.
pub(super) fn name_of(path: &str) -> String {
    format!("{PREFIX}{}", path.replace('.', "_").to_ascii_uppercase())
}

/// Picks the settings out of an environment: path, variable, value. Empty values count as not set.
pub(super) fn settings(
    environment: impl IntoIterator<Item = (String, String)>,
    paths: &BTreeSet<String>,
) -> (Vec<(String, String, String)>, Vec<Fault>) {
    let known: BTreeMap<String, &String> = paths.iter().map(|path| (name_of(path), path)).collect();
    let ours: BTreeMap<String, String> = environment
        .into_iter()
        .filter(|(name, _)| name.starts_with(PREFIX) && !SHELL_NAMES.contains(&name.as_str()) && !is_service(name))
        .collect();
    let (mut found, mut faults) = (Vec::new(), Vec::new());
    for (name, value) in ours {
        match known.get(&name) {
            Some(_) if value.is_empty() => {}
            Some(path) => found.push(((*path).clone(), name, value)),
            None => {
                let names = known.keys().map(String::as_str).chain(SHELL_NAMES);
                let message = match nearest(&name, names) {
                    Some(other) => format!("no such variable; did you mean `{other}`?"),
                    None => "no such variable; `humdrum check --print-defaults` lists the settings".to_owned(),
                };
                faults.push(Fault { path: name, message, given_by: None });
            }
        }
    }
    (found, faults)
}

/// Kubernetes puts the address of each service into the environment of its neighbors, as `<SERVICE>_SERVICE_HOST`,
/// `<SERVICE>_PORT_9464_TCP` and the like. A service named `humdrum` must not keep Humdrum from starting.
fn is_service(name: &str) -> bool {
    let after_port = name.split_once("_PORT").map(|(_, rest)| rest);
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || after_port.is_some_and(|rest| {
            rest.is_empty() || rest.strip_prefix('_').is_some_and(|r| r.starts_with(|c: char| c.is_ascii_digit()))
        })
}

#[cfg(test)]
mod tests {
    use super::super::raw;
    use super::*;

    fn pick(pairs: &[(&str, &str)]) -> (Vec<(String, String, String)>, Vec<String>) {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let (found, faults) = settings(pairs, &raw::paths());
        (found, faults.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn the_names_of_the_contract_are_known() {
        for (name, path) in [
            ("HUMDRUM_NATS_URL", "nats.url"),
            ("HUMDRUM_STATE_DIR", "state.dir"),
            ("HUMDRUM_REGISTRY", "registry"),
            ("HUMDRUM_METRICS_LISTEN", "metrics.listen"),
            ("HUMDRUM_CONSOLE_LISTEN", "console.listen"),
            ("HUMDRUM_WEBHOOK_URL", "webhook.url"),
            ("HUMDRUM_BASELINE_DAYS", "baseline.days"),
        ] {
            let expected = (path.to_owned(), name.to_owned(), "x".to_owned());
            assert_eq!(pick(&[(name, "x")]), (vec![expected], vec![]), "{name}");
        }
    }

    #[test]
    fn no_two_settings_share_a_variable() {
        let paths = raw::paths();
        let names: BTreeSet<String> = paths.iter().map(|path| name_of(path)).collect();
        assert_eq!(names.len(), paths.len());
        assert!(names.iter().all(|name| !is_service(name) && !SHELL_NAMES.contains(&name.as_str())));
    }

    #[test]
    fn an_unknown_name_is_a_fault_with_the_nearest_known_one() {
        let (found, faults) = pick(&[("HUMDRUM_NAT_URL", "x"), ("PATH", "/bin"), ("HUMDRUM_LOG", "debug")]);
        assert_eq!(found, []);
        assert_eq!(faults, ["HUMDRUM_NAT_URL: no such variable; did you mean `HUMDRUM_NATS_URL`?"]);
    }

    #[test]
    fn an_empty_value_and_a_neighboring_service_are_passed_over() {
        let pairs = [
            ("HUMDRUM_NATS_URL", ""),
            ("HUMDRUM_SERVICE_HOST", "10.0.0.1"),
            ("HUMDRUM_SERVICE_PORT_METRICS", "9464"),
            ("HUMDRUM_PORT", "tcp://10.0.0.1:9464"),
            ("HUMDRUM_PORT_9464_TCP_ADDR", "10.0.0.1"),
        ];
        assert_eq!(pick(&pairs), (vec![], vec![]));
    }
}
