//! Settings files, good and bad, each beside what is to be said about it.

use std::path::{Path, PathBuf};

use humdrum::alert::{Alert, Severity, Whose};
use humdrum::config::{self, Config, Sources};

use crate::support::files::{golden, read, repository};

/// Secrets that the fixtures name.
fn secret(path: &Path) -> Result<Option<String>, String> {
    match path.to_str() {
        Some("/run/secrets/token") => Ok(Some("token-from-a-file\n".to_owned())),
        Some("/run/secrets/empty") => Ok(Some("\n".to_owned())),
        _ => Err("No such file or directory".to_owned()),
    }
}

fn settings(config: &Config) -> Vec<String> {
    format!("{config:#?}").lines().map(ToOwned::to_owned).collect()
}

/// For a good file, what differs from the defaults; for a bad one, the faults.
fn verdict(file: &str) -> Result<String, String> {
    let defaults = config::load(Sources::default(), &secret).map_err(|faults| faults.to_string())?;
    let config = config::load(Sources { file: Some(file), ..Sources::default() }, &secret);
    let config = config.map_err(|faults| format!("{faults}\n"))?;
    let usual = settings(&defaults);
    let own = settings(&config).into_iter().filter(|line| !usual.contains(line));
    Ok(own.map(|line| line + "\n").collect())
}

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = repository(folder).read_dir().expect("a folder of fixtures");
    let mut files: Vec<PathBuf> = folder.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    assert!(!files.is_empty());
    files
}

fn check(folder: &str, good: bool) {
    for path in files(folder) {
        let verdict = verdict(&read(&path));
        assert_eq!(verdict.is_ok(), good, "{}: {verdict:?}", path.display());
        golden(&path.with_extension("expected"), &verdict.unwrap_or_else(|faults| faults));
    }
}

#[test]
fn good_files_are_taken() {
    check("fixtures/config/good", true);
}

#[test]
fn bad_files_are_told_what_is_wrong() {
    check("fixtures/config/bad", false);
}

#[test]
fn the_settings_that_the_readme_shows_are_taken() {
    let readme = read(&repository("README.md"));
    let blocks: Vec<&str> = readme.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let secret = |path: &Path| {
        let secret = match path.file_name().and_then(|name| name.to_str()) {
            Some("slack") => "https://hooks.slack.com/services/secret",
            Some("webhook") => "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz",
            _ => "0123456789abcdef0123456789abcdef",
        };
        Ok(Some(secret.to_owned()))
    };
    let taken: Vec<Config> = blocks
        .iter()
        .map(|block| config::load(Sources { file: Some(block), ..Sources::default() }, &secret))
        .map(|taken| taken.unwrap_or_else(|faults| panic!("{faults}")))
        .collect();
    let routed = taken.iter().find(|config| !config.routing.routes.is_empty()).expect("the README routes alerts");
    let page = read(&repository("fixtures/scenarios/new-host/expected.ndjson"));
    let page: Alert = serde_json::from_str(page.lines().next().expect("an alert")).expect("an alert");
    let finance = Whose { team: Some("finance-rpa".to_owned()), ..Whose::default() };
    let told = |severity: Severity, at: &str| {
        let page = Alert { severity, ..page.clone() };
        let way = routed.routing.way(&page, &finance, at.parse().expect("a time"));
        way.receivers.expect("names").into_iter().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(told(Severity::Critical, "2026-05-04T03:00:00+02:00"), "pager prometheus soc");
    assert_eq!(told(Severity::High, "2026-05-04T03:00:00+02:00"), "pager prometheus soc");
    assert_eq!(told(Severity::High, "2026-05-04T15:00:00+02:00"), "desk prometheus soc");
}
