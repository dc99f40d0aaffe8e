//! What is given inputs, and what must hold of the answers.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use humdrum::config::{self, DEFAULTS, Sources};
use humdrum::detect::{Engine, Output, Settings};
use humdrum::event::decode::{Envelope, Limits, decode, encode};
use humdrum::event::subject::identity;
use humdrum::registry::Registry;
use humdrum::runtime::store::format::{self, Checkpoint, Position};
use humdrum::simulate::{Fleet, FleetSpec};

/// Something that takes inputs.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) name: &'static str,
    pub(crate) corpus: Vec<Vec<u8>>,
    /// Memory that it takes whatever the input is.
    pub(crate) bytes_max: usize,
    /// Besides for each byte of it.
    pub(crate) bytes_each_max: usize,
    /// An error where an answer is wrong.
    pub(crate) take: fn(&[u8]) -> Result<(), String>,
}

/// A fleet, whose events and state are where edits begin.
static FLEET: LazyLock<Fleet> = LazyLock::new(|| {
    Fleet::generate(&FleetSpec { bots: 4, tenants: 2, days_baseline: 15, days_test: 1, ..FleetSpec::default() })
});

/// All of them.
pub(crate) fn all() -> Vec<Target> {
    let target =
        |name, corpus, bytes_max, bytes_each_max, take| Target { name, corpus, bytes_max, bytes_each_max, take };
    vec![
        target("events", events(), 0, 512, take_event as fn(&[u8]) -> Result<(), String>),
        target("snapshots", snapshots(), 0, 512, take_snapshot),
        target("states", vec![state()], 16 << 20, 512, take_state),
        // Whatever is no setting is compared with those that are.
        target("settings", settings(), 32 << 20, 8 << 10, take_settings),
    ]
}

fn events() -> Vec<Vec<u8>> {
    let step = FLEET.events.len() / 200 + 1;
    let mut corpus: Vec<Vec<u8>> = FLEET.events.iter().step_by(step).map(|event| encode(event).into_bytes()).collect();
    let full = r#"{"id":"e1","ts":"2026-05-04T06:00:00+02:00","tenant":"acme","bot":"b","type":"transaction","session":"s",
        "host":"h","ip":"2001:db8::1","device":"d","geo":{"country":"DE","lat":52.5,"lon":13.4},"system":"sap",
        "operation":"GET /invoices/{id}","outcome":"ok","role":"r","records_read":1,"records_written":2,"bytes":3,"producer":
        "p","seq":7,"transaction":{"kind":"payment","amount":1.5,"currency":"EUR","counterparty":"c","account":"a",
        "customer":"k","object":"o","approvers":["x","y"],"by":"z"},"unknown":{"deep":[[[[1]]]]}}"#;
    corpus.push(full.into());
    corpus
}

/// An event that is taken says the same when it is written and read again.
fn take_event(input: &[u8]) -> Result<(), String> {
    for subject in ["humdrum.events.acme.b", "humdrum.events.%zz.%", ""] {
        let envelope = Envelope { identity: identity(subject, "humdrum.events"), message_id: Some("m") };
        drop(decode(input, &envelope, &Limits::default()));
    }
    let Ok(event) = decode(input, &Envelope::default(), &Limits::default()) else { return Ok(()) };
    let text = encode(&event);
    match decode(text.as_bytes(), &Envelope::default(), &Limits::default()) {
        Ok(again) if again == event => {}
        other => return Err(format!("is {event:?}, and read again {other:?}")),
    }
    // And an engine takes it, whatever is in it.
    let mut engine = Engine::new(Settings::default(), Registry::default());
    let mut output = Output::default();
    for _ in 0..3 {
        engine.observe_ref(&event, &mut output);
    }
    engine.finish(&mut output);
    Ok(())
}

fn state() -> Vec<u8> {
    let mut engine = Engine::new(Settings::default(), Registry::default());
    let mut output = Output::default();
    for event in &FLEET.events {
        engine.observe_ref(event, &mut output);
    }
    engine.snapshot()
}

fn snapshots() -> Vec<Vec<u8>> {
    let position = Position { stream: "S".to_owned(), created_us: 5, sequence: 42, record: None };
    let small = Checkpoint { position: Some(position), engine: vec![1, 2, 3], ..Checkpoint::default() };
    let large = Checkpoint { engine: state(), ..small.clone() };
    [small, large].iter().map(|checkpoint| format::encode(checkpoint).expect("encodes")).collect()
}

/// What is taken for a snapshot is one, to the last bit.
fn take_snapshot(input: &[u8]) -> Result<(), String> {
    // Behind a hash that is right, anything may stand.
    for file in [input.to_vec(), sealed(input)] {
        if let Ok(checkpoint) = format::decode(&file) {
            let again = format::encode(&checkpoint).map_err(|error| error.to_string())?;
            let same = format::decode(&again).is_ok_and(|again| again == checkpoint);
            if !same {
                return Err("is another when it is written and read again".to_owned());
            }
        }
    }
    Ok(())
}

/// A file around an edited one's body, with its length and its hash put right.
fn sealed(file: &[u8]) -> Vec<u8> {
    const HEAD: usize = 20;
    const BODY: usize = HEAD + 32;
    let mut sealed = format::encode(&Checkpoint::default()).expect("encodes");
    sealed.truncate(BODY);
    let body = file.get(BODY..).unwrap_or_default();
    sealed[12..HEAD].copy_from_slice(&(body.len() as u64).to_le_bytes());
    let mut hasher = blake3::Hasher::new();
    hasher.update(&sealed[..HEAD]).update(body);
    sealed[HEAD..BODY].copy_from_slice(hasher.finalize().as_bytes());
    sealed.extend_from_slice(body);
    sealed
}

/// A state is taken or refused. What is taken is the same when it is written and read again.
fn take_state(input: &[u8]) -> Result<(), String> {
    let restore = |state: &[u8]| Engine::restore(state, Settings::default(), Registry::default());
    let Ok(engine) = restore(input) else { return Ok(()) };
    let written = engine.snapshot();
    match restore(&written) {
        Ok(again) if again.snapshot() == written => Ok(()),
        Ok(_) => Err("is another when it is written and read again".to_owned()),
        Err(error) => Err(format!("is written and cannot be read: {error}")),
    }
}

fn settings() -> Vec<Vec<u8>> {
    let mut corpus = vec![DEFAULTS.as_bytes().to_vec()];
    for folder in ["fixtures/config/good", "fixtures/config/bad"] {
        corpus.extend(files(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)));
    }
    corpus
}

fn files(folder: &Path) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).expect("a file")).collect()
}

/// Settings are taken, or each fault of them is named.
fn take_settings(input: &[u8]) -> Result<(), String> {
    let Ok(text) = std::str::from_utf8(input) else { return Ok(()) };
    let sources = Sources { file: Some(text), ..Sources::default() };
    match config::load(sources, &|path| Err(format!("nothing at {}", path.display()))) {
        Err(faults) if faults.to_string().is_empty() => Err("is refused without a word".to_owned()),
        Ok(_) | Err(_) => Ok(()),
    }
}
