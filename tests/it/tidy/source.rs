//! The project's files as the rules see them.

use std::path::Path;

use crate::support::files::{read, repository};

/// A Rust source file.
#[derive(Debug)]
pub(super) struct Source {
    /// Path from the repository's root, with slashes.
    pub(super) path: String,
    /// The text as it stands.
    pub(super) text: String,
    /// The text with comments and literals blanked, line by line the same.
    pub(super) code: String,
    /// Number of lines before the tests: all, when the file has none; none, when it is one of tests.
    pub(super) lines_before_tests: usize,
}

impl Source {
    /// A source with this path and text.
    pub(super) fn new(path: &str, text: &str) -> Self {
        let code = code_only(text);
        let lines_before_tests = if is_test_file(path) { 0 } else { lines_before_tests(&code) };
        Self { path: path.to_owned(), text: text.to_owned(), code, lines_before_tests }
    }

    /// Every source under these folders.
    pub(super) fn all(folders: &[&str]) -> Vec<Self> {
        let rust = |path: &String| is_a(path, "rs") && folders.iter().any(|folder| path.starts_with(folder));
        files().iter().filter(|path| rust(path)).map(|path| Self::new(path, &read(&repository(path)))).collect()
    }

    /// Lines of code that are no tests, with their numbers from 1.
    pub(super) fn shipped(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code.lines().enumerate().take(self.lines_before_tests).map(|(nth, line)| (nth + 1, line))
    }

    /// Lines of tests, with their numbers from 1.
    pub(super) fn tested(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code.lines().enumerate().skip(self.lines_before_tests).map(|(nth, line)| (nth + 1, line))
    }

    /// A violation in this file.
    pub(super) fn at(&self, line: usize, rule: &str) -> String {
        format!("{}:{line}: {rule}", self.path)
    }
}

/// Paths of the project's files from its root, sorted; without what `.gitignore` names.
pub(super) fn files() -> Vec<String> {
    let ignored = read(&repository(".gitignore"));
    let ignored: Vec<_> = ignored.lines().map(|line| line.trim_matches('/')).chain([".git"]).collect();
    let (root, mut found, mut folders) = (repository(""), Vec::new(), vec![repository("")]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().and_then(|name| name.to_str()).expect("a name in UTF-8");
            if ignored.contains(&name) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(relative(&root, &path));
            }
        }
    }
    found.sort();
    found
}

/// Whether a path ends like this.
pub(super) fn is_a(path: &str, extension: &str) -> bool {
    Path::new(path).extension().is_some_and(|found| found == extension)
}

fn relative(root: &Path, path: &Path) -> String {
    let path = path.strip_prefix(root).expect("within the repository");
    path.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

fn is_test_file(path: &str) -> bool {
    path.starts_with("tests/") || path.ends_with("/tests.rs") || path.contains("/tests/")
}

/// Whether a line opens the module of tests, here or in a file of its own.
pub(super) fn names_tests(line: &str) -> bool {
    let line = line.strip_prefix("pub(crate) ").or_else(|| line.strip_prefix("pub(super) ")).unwrap_or(line);
    line == "mod tests {" || line == "mod tests;"
}

fn lines_before_tests(code: &str) -> usize {
    let lines: Vec<_> = code.lines().collect();
    let Some(mut first) = lines.iter().position(|line| names_tests(line) && line.ends_with('{')) else {
        return lines.len();
    };
    while first > 0 && lines[first - 1].starts_with("#[") {
        first -= 1;
    }
    first
}

/// Blanks comments and what stands in literals, so that words found are words of code.
fn code_only(text: &str) -> String {
    let (mut code, mut rest) = (String::with_capacity(text.len()), text);
    while !rest.is_empty() {
        let (length, is_code) = lexeme(rest);
        let (lexeme, after) = rest.split_at(length);
        if is_code {
            code.push_str(lexeme);
        } else {
            code.extend(lexeme.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        }
        rest = after;
    }
    code
}

/// Length in bytes of what stands at the beginning, and whether it is code.
fn lexeme(text: &str) -> (usize, bool) {
    let first = text.chars().next().unwrap_or_default();
    if text.starts_with("//") {
        (text.find('\n').unwrap_or(text.len()), false)
    } else if text.starts_with("/*") {
        (comment(text), false)
    } else if let Some(length) = raw_string(text) {
        (length, false)
    } else if is_word(first) {
        (text.find(|c| !is_word(c)).unwrap_or(text.len()), true)
    } else if first == '"' {
        (quoted(text, '"'), false)
    } else if first == '\'' && is_character(text) {
        (quoted(text, '\''), false)
    } else {
        (first.len_utf8(), true)
    }
}

/// Whether a character can stand in a name.
pub(super) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// `'a'` and `'\n'` are characters, `'a` is a lifetime.
fn is_character(text: &str) -> bool {
    let mut characters = text.chars().skip(1);
    characters.next() == Some('\\') || characters.next() == Some('\'')
}

fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn raw_string(text: &str) -> Option<usize> {
    let opening = text.trim_start_matches(['b', 'c']);
    let hashes = opening.strip_prefix('r')?;
    let body = hashes.trim_start_matches('#');
    if text.len() - opening.len() > 1 || !body.starts_with('"') {
        return None;
    }
    let closing = format!("\"{}", "#".repeat(hashes.len() - body.len()));
    let end = body[1..].find(&closing).map_or(body.len(), |at| 1 + at + closing.len());
    Some(text.len() - body.len() + end)
}

fn comment(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < text.len() {
        if text[at..].starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if text[at..].starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

#[test]
fn comments_and_literals_are_no_code() {
    for (text, code) in [
        ("a // b\nc", "a     \nc"),
        ("a /* b /* c */ d */ e", "a                   e"),
        (r#"f("a\"b", 'x', '\'', 'é')"#, "f(      ,    ,     ,    )"),
        ("&'a str", "&'a str"),
        (r##"r#"a"b"# c"##, "         c"),
        (r#"br"\" rest for"#, "      rest for"),
    ] {
        assert_eq!(code_only(text), code, "{text}");
    }
}

#[test]
fn tests_begin_at_their_attributes() {
    let source = Source::new("src/a.rs", "//! A.\n\nfn a() {}\n\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n");
    assert_eq!(source.shipped().map(|(line, _)| line).max(), Some(4));
    assert_eq!(source.tested().next(), Some((5, "#[cfg(test)]")));
    assert_eq!(Source::new("src/a/tests.rs", "fn a() {}\n").shipped().count(), 0);
}
