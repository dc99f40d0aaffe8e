//! Settings files, good and bad, each beside what is to be said about it.

use std::path::{Path, PathBuf};

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
    assert!(blocks.iter().any(|block| block.contains("[[receivers]]") && block.contains("[[silences]]")));
    for block in blocks {
        let taken = config::load(Sources { file: Some(block), ..Sources::default() }, &|_| Ok(None));
        assert!(taken.is_ok(), "{block}{}", taken.err().map(|faults| faults.to_string()).unwrap_or_default());
    }
}
