//! What the documents claim and a machine can check: the verbs of the command line, links, and paths of the repository.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use super::none;
use super::source::{files, is_a};
use crate::support::files::{read, repository};

/// The documents: whatever is written in Markdown.
fn documents() -> Vec<String> {
    files().into_iter().filter(|path| is_a(path, "md")).collect()
}

/// What a document holds that can be checked, each with its line.
#[derive(Debug, Default)]
struct Claims {
    verbs: Vec<(usize, String)>,
    paths: Vec<(usize, String)>,
}

fn claims(text: &str) -> Claims {
    let (mut claims, mut fence) = (Claims::default(), None::<String>);
    for (nth, line) in text.lines().enumerate() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            fence = if fence.is_some() { None } else { Some(language.trim().to_owned()) };
        } else if let Some(language) = &fence {
            if matches!(language.as_str(), "sh" | "bash" | "shell" | "console") {
                claims.verbs.extend(verbs(line).map(|verb| (nth + 1, verb)));
            }
        } else {
            for span in line.split('`').skip(1).step_by(2) {
                claims.verbs.extend(verbs(span).map(|verb| (nth + 1, verb)));
                claims.paths.extend(path(span).map(|path| (nth + 1, path)));
            }
            claims.paths.extend(links(line).map(|path| (nth + 1, path)));
        }
    }
    claims
}

/// The verbs that commands name: after the binary, or after the `--` of `cargo run`.
fn verbs(command: &str) -> impl Iterator<Item = String> {
    let words: Vec<_> = command.split('#').next().unwrap_or_default().split_whitespace().collect();
    let runs = command.contains("cargo run");
    let binary = |word: &str| word == "humdrum" || word.ends_with("/humdrum") || (runs && word == "--");
    let verb = |word: &str| word.chars().all(|c| c.is_ascii_lowercase() || c == '-') && !word.starts_with('-');
    let pairs = words.windows(2).filter(|pair| binary(pair[0]) && verb(pair[1]));
    pairs.map(|pair| pair[1].to_owned()).collect::<Vec<_>>().into_iter()
}

/// A path of the repository, if that is what stands in the span: its first folder is one of the repository's.
fn path(span: &str) -> Option<String> {
    let plain = span.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    let (first, _) = span.split_once('/')?;
    let ours = !first.is_empty() && first != "target" && !first.starts_with("..") && repository(first).is_dir();
    (plain && ours).then(|| span.to_owned())
}

/// Links to files of the repository.
fn links(line: &str) -> impl Iterator<Item = String> {
    let targets = line.split("](").skip(1).filter_map(|rest| rest.split([')', '#', ' ']).next());
    targets.filter(|target| !target.is_empty() && !target.contains(':')).map(ToOwned::to_owned)
}

/// Whether the binary has the verb: its help is printed then.
fn exists(verb: &str) -> bool {
    let mut command = Command::new(env!("CARGO_BIN_EXE_humdrum"));
    command.args([verb, "--help"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().expect("the binary runs").success()
}

#[test]
fn the_documents_name_verbs_and_paths_that_there_are() {
    let (mut violations, mut seen) = (Vec::new(), BTreeSet::new());
    for document in documents() {
        let claims = claims(&read(&repository(&document)));
        for (line, verb) in claims.verbs {
            if !exists(&verb) {
                violations.push(format!("{document}:{line}: there is no `humdrum {verb}`"));
            }
            seen.insert(verb);
        }
        let folder = repository(&document).parent().map(ToOwned::to_owned).unwrap_or_default();
        let gone =
            claims.paths.into_iter().filter(|(_, path)| !folder.join(path).exists() && !repository(path).exists());
        violations.extend(gone.map(|(line, path)| format!("{document}:{line}: there is no `{path}`")));
    }
    none(&violations);
    assert!(!seen.is_empty(), "README.md shows no command");
}

#[test]
fn claims_are_found_where_commands_stand() {
    let text =
        "Humdrum is `humdrum replay FILE`, in `src/lib.rs` and [here](docs/x.md#y), see [there](https://example.com).
```sh
target/release/humdrum run --config c.toml  # then humdrum sleeps
cargo run --release -- simulate --out fleet
```
```text
humdrum found three alerts in src/gone.rs
```
`humdrum --help`, `HUMDRUM_LOG`, `humdrum=debug`, `acme/bot`, `humdrum <verb>`, `tests/run`
";
    let claims = claims(text);
    let verbs: Vec<_> = claims.verbs.iter().map(|(line, verb)| (*line, verb.as_str())).collect();
    assert_eq!(verbs, [(1, "replay"), (3, "run"), (4, "simulate")]);
    let paths: Vec<_> = claims.paths.iter().map(|(line, path)| (*line, path.as_str())).collect();
    assert_eq!(paths, [(1, "src/lib.rs"), (1, "docs/x.md"), (9, "tests/run")]);
    assert!(exists("replay") && !exists("nonsense"));
}
