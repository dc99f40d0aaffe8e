//! What a source imports from its own crate, by whatever way it is written.

use super::source::{Source, is_word};

/// A path within the crate that a source names.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Import {
    /// Line, from 1.
    pub(super) line: usize,
    /// The path from the crate's root, such as `event::decode::Limits`.
    pub(super) path: String,
}

/// Every path of the crate that the source names outside its tests: `crate::`, `super::`, `self::`, and in the binary
/// the crate's name. A path without any of these leads to a module's own parts.
pub(super) fn imports(source: &Source) -> Vec<Import> {
    let tokens = tokens(source);
    let own = module(&source.path);
    let mut found = Vec::new();
    for at in 0..tokens.len() {
        if tokens.get(at + 1).is_none_or(|next| next.text != "::") || !begins_import(&tokens, at) {
            continue;
        }
        let base = match tokens[at].text {
            "crate" | "humdrum" => Vec::new(),
            "self" => own.clone(),
            "super" => parent(&own),
            _ => continue,
        };
        tree(&tokens, at + 2, base, &mut found);
    }
    found
}

/// A path begins where no other goes on, and `pub(in crate::detect)` only says who may look.
fn begins_import(tokens: &[Token<'_>], at: usize) -> bool {
    let before = |back: usize| at.checked_sub(back).map_or("", |at| tokens[at].text);
    before(1) != "::" && [before(3), before(2), before(1)] != ["pub", "(", "in"]
}

/// The module that a file is, as the parts of its path: `src/detect/score/mod.rs` is `detect`, `score`.
pub(super) fn module(path: &str) -> Vec<String> {
    let path = path.trim_start_matches("src/").trim_end_matches(".rs");
    let path = path.strip_suffix("/mod").unwrap_or(path);
    if path == "lib" { Vec::new() } else { path.split('/').map(ToOwned::to_owned).collect() }
}

fn parent(module: &[String]) -> Vec<String> {
    module[..module.len().saturating_sub(1)].to_vec()
}

/// A name, `::` or another sign.
#[derive(Clone, Copy, Debug)]
struct Token<'a> {
    line: usize,
    text: &'a str,
}

fn tokens(source: &Source) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    for (line, mut rest) in source.shipped() {
        while let Some(first) = rest.trim_start().chars().next() {
            rest = rest.trim_start();
            let length = match first {
                _ if is_word(first) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
                _ if rest.starts_with("::") => 2,
                _ => first.len_utf8(),
            };
            tokens.push(Token { line, text: &rest[..length] });
            rest = &rest[length..];
        }
    }
    tokens
}

/// Reads one path or a tree of paths, and returns where it ends.
fn tree(tokens: &[Token<'_>], mut at: usize, mut path: Vec<String>, found: &mut Vec<Import>) -> usize {
    while let Some(token) = tokens.get(at) {
        match token.text {
            "{" => return group(tokens, at + 1, &path, found),
            "super" => path = parent(&path),
            "self" | "*" => {}
            name if name.chars().all(is_word) => path.push(name.to_owned()),
            _ => break,
        }
        at += 1;
        if tokens.get(at).is_none_or(|next| next.text != "::") {
            break;
        }
        at += 1;
    }
    let line = tokens[at.min(tokens.len()) - 1].line;
    found.push(Import { line, path: path.join("::") });
    at
}

fn group(tokens: &[Token<'_>], mut at: usize, path: &[String], found: &mut Vec<Import>) -> usize {
    while let Some(token) = tokens.get(at) {
        match token.text {
            "}" => return at + 1,
            "," => at += 1,
            "as" => at += 2,
            _ => at = tree(tokens, at, path.to_vec(), found),
        }
    }
    at
}

#[test]
fn every_way_of_naming_a_module_is_seen() {
    let text = "//! Uses [`crate::not_this`].
use crate::event::{self, Event, decode::{Limits as L, decode}};
use super::baseline::*;
pub(in crate::detect) use std::collections::BTreeMap;
pub(crate) fn f(x: crate::time::Span) -> super::super::stats::Week {
    crate::alert::open::<super::Score>(x)
}
#[cfg(test)]
mod tests {
    use crate::runtime::App;
}
";
    let found = imports(&Source::new("src/detect/score/time.rs", text));
    let found: Vec<_> = found.iter().map(|import| (import.line, import.path.as_str())).collect();
    let expected = [
        (2, "event"),
        (2, "event::Event"),
        (2, "event::decode::Limits"),
        (2, "event::decode::decode"),
        (3, "detect::score::baseline"),
        (5, "time::Span"),
        (5, "detect::stats::Week"),
        (6, "alert::open"),
        (6, "detect::score::Score"),
    ];
    assert_eq!(found, expected);
}
