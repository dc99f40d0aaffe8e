//! Loading as a whole: which source wins, and what is told.

use std::path::Path;

use super::*;

fn no_file(path: &Path) -> Result<Option<String>, String> {
    Err(format!("nothing at {}", path.display()))
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn flag(path: &str, value: &str) -> Flag {
    Flag { name: "--flag".to_owned(), path: path.to_owned(), value: value.to_owned() }
}

#[test]
fn without_any_source_the_defaults_hold() {
    let config = load(Sources::default(), &no_file).expect("valid defaults");
    assert_eq!(config.detection, Settings::default());
    assert_eq!(config.limits, Limits::default());
    assert_eq!(config.nats.url, ["nats://127.0.0.1:4222"]);
    assert_eq!(config.events.mode, SourceMode::Jetstream);
    assert_eq!(config.events.subject_prefix, "humdrum.events");
    assert_eq!(config.events.stream, "HUMDRUM_EVENTS");
    assert_eq!(config.events.rejected_prefix, "humdrum.rejected");
    assert_eq!(config.alerts.subject_prefix, "humdrum.alerts");
    assert!(config.webhooks.is_empty() && config.state.is_none() && config.registry.is_none());
    assert!(config.metrics_listen.is_some_and(|address| address.ip().is_loopback()));
}

#[test]
fn the_documentation_of_the_defaults_is_the_defaults() {
    let empty = load(Sources::default(), &no_file).expect("valid defaults");
    let written = load(Sources { file: Some(DEFAULTS), ..Sources::default() }, &no_file).expect("a valid file");
    assert_eq!(format!("{empty:#?}"), format!("{written:#?}"));
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let days = |file: Option<&str>, environment: &[(&str, &str)], flags: Vec<Flag>| {
        let sources = Sources { file, environment: pairs(environment), flags };
        load(sources, &no_file).expect("a configuration").detection.baseline_days
    };
    let (file, environment) = (Some("[baseline]\ndays = 20"), [("HUMDRUM_BASELINE_DAYS", "21")]);
    assert_eq!(days(file, &[], vec![]), 20);
    assert_eq!(days(file, &environment, vec![]), 21);
    assert_eq!(days(file, &environment, vec![flag("baseline.days", "22")]), 22);
}

#[test]
fn a_variable_is_read_as_what_its_setting_is() {
    let environment = pairs(&[
        ("HUMDRUM_NATS_TLS", "true"),
        ("HUMDRUM_NATS_USER", "1234"),
        ("HUMDRUM_NATS_PASSWORD", "5678"),
        ("HUMDRUM_DETECTION_PAGE_RATE_PER_BOT_DAY", "1"),
        ("HUMDRUM_EVENTS_IDLE_AFTER", "1m"),
        ("HUMDRUM_WEBHOOK_URL", "https://hooks.example.com/key"),
        ("HUMDRUM_METRICS_LISTEN", "off"),
        ("HUMDRUM_CONSOLE_LISTEN", "127.0.0.1:8080"),
    ]);
    let config = load(Sources { environment, ..Sources::default() }, &no_file).expect("a configuration");
    assert!(config.nats.tls);
    assert_eq!(config.nats.user.as_deref(), Some("1234"));
    assert_eq!(config.nats.password.as_ref().map(SecretText::expose), Some("5678"));
    assert!((config.detection.page_rate_per_bot_day - 1.0).abs() < f64::EPSILON);
    assert_eq!(config.events.idle_after, Duration::from_secs(60));
    assert_eq!(config.webhooks[0].url, "https://hooks.example.com/key");
    assert_eq!(config.metrics_listen, None);
    assert_eq!(config.console.map(|console| console.listen.port()), Some(8080));
}

#[test]
fn a_fault_says_which_variable_gave_it() {
    let environment = pairs(&[("HUMDRUM_BASELINE_DAYS", "90"), ("HUMDRUM_EVENTS_BATCH", "many")]);
    let flags = vec![flag("nats.ulr", "x")];
    let faults = load(Sources { environment, flags, ..Sources::default() }, &no_file).expect_err("faults");
    let expected = "\
        events.batch: the text \"many\", expected a whole number (given by HUMDRUM_EVENTS_BATCH)\n\
        nats.ulr: no such setting; did you mean `nats.url`? (given by --flag)\n\
        baseline.days: 90 is outside 14 to 30 (given by HUMDRUM_BASELINE_DAYS)";
    assert_eq!(faults.to_string(), expected);
}

#[test]
fn a_secret_is_read_from_its_file_and_a_stronger_source_replaces_it() {
    let file = "[nats]\ntoken_file = \"/run/token\"";
    let read = |path: &Path| match path.to_str() {
        Some("/run/token") => Ok(Some("from-file\n".to_owned())),
        _ => no_file(path),
    };
    let token = |environment: &[(&str, &str)]| {
        let sources = Sources { file: Some(file), environment: pairs(environment), flags: vec![] };
        load(sources, &read)
            .map(|config| (config.nats.token.map(|token| token.expose().to_owned()), config.nats.secret_files.token))
    };
    // The file is known, since it is read again when the secret is rotated.
    assert_eq!(token(&[]), Ok((Some("from-file".to_owned()), Some("/run/token".into()))));
    assert_eq!(token(&[("HUMDRUM_NATS_TOKEN", "outright")]), Ok((Some("outright".to_owned()), None)));
    let faults = token(&[("HUMDRUM_NATS_TOKEN_FILE", "/gone")]).expect_err("an unreadable file");
    let expected = "nats.token_file: /gone cannot be read: nothing at /gone (given by HUMDRUM_NATS_TOKEN_FILE)";
    assert_eq!(faults.to_string(), expected);
}

#[test]
fn where_secrets_are_not_needed_their_files_are_not_read() {
    let file =
        "[nats]\nuser = \"a\"\npassword_file = \"/gone\"\n[webhook]\nurl = \"https://a/\"\nsecret_file = \"/gone\"";
    assert!(load(Sources { file: Some(file), ..Sources::default() }, &|_| Ok(None)).is_ok());
}

#[test]
fn nothing_secret_is_printed() {
    let file = r#"
        [nats]
        url = "nats://me:hunter2@127.0.0.1:4222"
        token = "hunter2"
        [webhook]
        url = "https://hooks.example.com/hunter2"
        secret = "whsec_aHVudGVyMmh1bnRlcjJodW50ZXIyaHVudGVyMg=="
    "#;
    let config = load(Sources { file: Some(file), ..Sources::default() }, &no_file).expect("a configuration");
    let text = format!("{config:?}");
    assert!(!text.contains("hunter2") && !text.contains("aHVudGVy"), "{text}");
    let mistyped = Sources { file: Some("[nats]\ntoken = 771122"), ..Sources::default() };
    assert_eq!(load(mistyped, &no_file).expect_err("a fault").to_string(), "nats.token: must be a text in quotes");
}
