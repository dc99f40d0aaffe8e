//! Single checks of single settings. Each gives a value that can be worked on with, and notes a fault where the one
//! that was given is none: so that checking goes on to the end and every fault is told.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::fault::Fault;
use super::raw::RawSpan;
use super::{SecretText, duration};

/// How the shell reads a secret's file: its text, or `None` where secrets are not needed, or why it cannot be read.
pub type ReadSecret<'a> = &'a dyn Fn(&Path) -> Result<Option<String>, String>;

/// Bytes of a subject prefix. NATS bears more, but tenant, bot and severity have to follow.
const SUBJECT_BYTES_MAX: usize = 128;

/// Bytes of the name of a stream or consumer. NATS makes directories of them, whose paths must stay short.
const NAME_BYTES_MAX: usize = 64;

/// Collects faults.
pub(super) struct Check<'a> {
    pub(super) faults: Vec<Fault>,
    pub(super) given_by: BTreeMap<String, String>,
    pub(super) read: ReadSecret<'a>,
}

impl Check<'_> {
    /// Whether something is known to be wrong with a setting.
    pub(super) fn is_faulty(&self, path: &str) -> bool {
        self.faults.iter().any(|fault| fault.path == path)
    }

    /// Notes a fault, the first of its setting: those after it mostly follow from it.
    pub(super) fn fault(&mut self, path: &str, message: impl Into<String>) {
        if self.is_faulty(path) {
            return;
        }
        let given_by = self.given_by.get(path).cloned();
        self.faults.push(Fault { path: path.to_owned(), message: message.into(), given_by });
    }

    /// A value that has a default and can therefore be missing only by our own mistake.
    pub(super) fn given<T: Default>(&mut self, path: &str, value: Option<T>) -> T {
        value.unwrap_or_else(|| {
            self.fault(path, "missing");
            T::default()
        })
    }

    pub(super) fn whole(&mut self, path: &str, value: Option<i64>, range: RangeInclusive<i64>) -> i64 {
        let value = self.given(path, value);
        if !range.contains(&value) {
            self.fault(path, format!("{value} is outside {} to {}", range.start(), range.end()));
        }
        value
    }

    pub(super) fn size(&mut self, path: &str, value: Option<i64>, range: RangeInclusive<i64>) -> usize {
        usize::try_from(self.whole(path, value, range)).unwrap_or_default()
    }

    /// A number above zero and at most `max`; the positive form, so that NaN fails.
    pub(super) fn share(&mut self, path: &str, value: Option<f64>, max: f64) -> f64 {
        let value = self.given(path, value);
        if !(value > 0.0 && value <= max) {
            self.fault(path, format!("{value} is not above 0 and at most {max}"));
        }
        value
    }

    pub(super) fn span(&mut self, path: &str, value: Option<&RawSpan>, range: RangeInclusive<Duration>) -> Duration {
        let Some(RawSpan(text)) = value else {
            self.fault(path, "missing");
            return *range.start();
        };
        let Some(span) = duration::parse(text) else {
            self.fault(path, format!("`{text}` is no length of time; write `500ms`, `30s`, `15m`, `2h` or `7d`"));
            return *range.start();
        };
        if !range.contains(&span) {
            let (from, to) = (duration::show(*range.start()), duration::show(*range.end()));
            self.fault(path, format!("{text} is outside {from} to {to}"));
        }
        span
    }

    pub(super) fn file(&mut self, path: &str, value: Option<String>) -> Option<PathBuf> {
        match value {
            Some(text) if text.trim().is_empty() => {
                self.fault(path, "an empty path; leave the setting out instead");
                None
            }
            other => other.map(PathBuf::from),
        }
    }

    /// A secret given outright or by its file. The line break that editors put at a file's end is not part of it.
    pub(super) fn secret(&mut self, path: &str, value: Option<SecretText>, file: Option<String>) -> Option<SecretText> {
        let twin = format!("{path}_file");
        if value.is_some() && file.is_some() {
            self.fault(path, format!("given twice; leave `{twin}` or this one out"));
        }
        if value.as_ref().is_some_and(|secret| secret.expose().is_empty()) {
            self.fault(path, "empty; leave the setting out instead");
        }
        let Some(file) = self.file(&twin, file) else { return value };
        match (self.read)(&file) {
            Ok(Some(text)) if text.trim_end().is_empty() => {
                self.fault(&twin, format!("{} is empty", file.display()));
                None
            }
            Ok(text) => Some(SecretText::new(text.unwrap_or_default().trim_end_matches(['\r', '\n']).to_owned())),
            Err(why) => {
                self.fault(&twin, format!("{} cannot be read: {why}", file.display()));
                None
            }
        }
    }

    pub(super) fn listen(&mut self, path: &str, value: Option<&str>) -> Option<SocketAddr> {
        let text = value.unwrap_or("off");
        if text == "off" {
            return None;
        }
        let address = text.parse().ok();
        if address.is_none() {
            self.fault(path, format!("`{text}` is no address; write `127.0.0.1:9464`, `[::1]:9464` or `off`"));
        }
        address
    }

    /// A subject without wildcards.
    pub(super) fn subject(&mut self, path: &str, value: Option<String>) -> String {
        let text = self.given(path, value);
        let bad = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '*' | '>');
        if text.split('.').any(str::is_empty) || text.contains(bad) {
            let message = format!("`{text}` is no subject prefix; write words with dots between, without `*` or `>`");
            self.fault(path, message);
        } else if text.len() > SUBJECT_BYTES_MAX {
            self.fault(path, format!("{} bytes, at most {SUBJECT_BYTES_MAX}", text.len()));
        }
        text
    }

    /// The name of a stream or consumer.
    pub(super) fn name(&mut self, path: &str, value: Option<String>) -> String {
        let text = self.given(path, value);
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if text.is_empty() || text.len() > NAME_BYTES_MAX || !text.chars().all(good) {
            let message = format!("`{text}` is no name; 1 to {NAME_BYTES_MAX} letters, digits, `-` and `_`");
            self.fault(path, message);
        }
        text
    }
}

/// Scheme and host of an address, credentials left out; `None` where it is none.
pub(super) fn endpoint(url: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    let after_brackets = host.rsplit(']').next()?;
    let (name, port) = after_brackets.split_once(':').unwrap_or((after_brackets, "1"));
    let named = host.starts_with('[') || !name.is_empty();
    let clean = !url.contains(|c: char| c.is_whitespace() || c.is_control());
    let numbered = port.parse::<u16>().is_ok_and(|port| port > 0);
    (named && clean && numbered && !scheme.is_empty()).then_some((scheme, host))
}

/// An address without what may be secret in it: credentials, path and query.
pub(super) fn masked(url: &str) -> String {
    match endpoint(url) {
        Some((scheme, host)) => {
            let rest = &url[scheme.len() + "://".len()..];
            let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
            let credentials = if authority.len() > host.len() { "…@" } else { "" };
            let path = if rest.len() > authority.len() { "/…" } else { "" };
            format!("{scheme}://{credentials}{host}{path}")
        }
        None => "<secret>".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        for (url, expected) in [
            ("nats://127.0.0.1:4222", Some(("nats", "127.0.0.1:4222"))),
            ("https://user:key@[::1]:8080/a?b#c", Some(("https", "[::1]:8080"))),
            ("https://hooks.example.com", Some(("https", "hooks.example.com"))),
            ("https://", None),
            ("example.com", None),
            ("https://a:0/", None),
            ("https://a:port/", None),
            ("https://a b/", None),
        ] {
            assert_eq!(endpoint(url), expected, "{url}");
        }
    }

    #[test]
    fn what_may_be_secret_in_an_address_is_masked() {
        for (url, expected) in [
            ("nats://127.0.0.1:4222", "nats://127.0.0.1:4222"),
            ("nats://me:secret@host:4222", "nats://…@host:4222"),
            ("https://hooks.example.com/T0/secret", "https://hooks.example.com/…"),
            ("secret", "<secret>"),
        ] {
            assert_eq!(masked(url), expected, "{url}");
        }
    }
}
