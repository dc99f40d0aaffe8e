//! The rules of the house, held by tests: layers, files, words, dependencies, and what the documents claim.
//!
//! A rule is a function from sources to violations, each naming file, line and rule, so that it can be tried on a source
//! that breaks it. What the compiler, clippy or rustfmt can hold is theirs; here is only what they cannot see.

mod claims;
mod constants;
mod dependencies;
mod files;
mod functions;
mod imports;
mod layers;
mod licenses;
mod settings;
mod source;
mod table;
mod words;

/// Fails with every violation, one a line.
#[track_caller]
fn none(violations: &[String]) {
    assert!(violations.is_empty(), "{} violations\n{}", violations.len(), violations.join("\n"));
}
