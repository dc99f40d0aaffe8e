//! Names as the models compare them: identifiers inside an operation become `{id}`, so that `GET /invoices/4711` and
//! `GET /invoices/4712` are one endpoint. Only whole segments that cannot be a word are folded: digits, UUIDs, long
//! hexadecimal runs. Addresses are folded to the network that they are routed in.

use std::borrow::Cow;
use std::net::IpAddr;

use super::{Event, Kind, Text};

/// Hexadecimal characters from which a segment counts as an identifier. Shorter ones may be words (`added`, `face`).
const HEX_MIN: usize = 12;

/// The endpoint that an event touches: system and operation, or what stands for them.
#[must_use]
pub fn endpoint(event: &Event) -> Option<Text> {
    endpoint_in(event, &mut String::new()).map(Text::from)
}

/// The same, written into a text that is there already: many a name is too long to go without memory of its own, which each
/// event would ask for.
pub fn endpoint_in<'a>(event: &Event, name: &'a mut String) -> Option<&'a str> {
    name.clear();
    if let Some(system) = &event.system {
        name.push_str(system);
        name.push(' ');
    }
    match (&event.operation, &event.kind) {
        (Some(operation), _) => name.push_str(&fold_identifiers(operation)),
        (None, Kind::Transaction(transaction)) => {
            name.push_str("transaction ");
            name.push_str(transaction.kind.as_deref().unwrap_or("?"));
        }
        (None, Kind::Call) => name.push_str("call"),
        // Signing in and reading a secret are no steps of the work: some runs do them, others still hold a token.
        (None, Kind::Secret(_) | Kind::Login(_) | Kind::Run(_) | Kind::Grant(_) | Kind::Control(_)) => return None,
    }
    Some(name)
}

/// The network of an address: /24 for IPv4, /48 for IPv6, as sites are usually numbered.
#[must_use]
pub fn network(ip: IpAddr) -> Text {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            let mut name = smallvec::SmallVec::<[u8; 16]>::new();
            for octet in [a, b, c] {
                push_octet(&mut name, octet);
            }
            name.extend_from_slice(b"0/24");
            Text::from_utf8_lossy(&name)
        }
        IpAddr::V6(ip) => {
            let [a, b, c, ..] = ip.segments();
            compact_str::format_compact!("{a:x}:{b:x}:{c:x}::/48")
        }
    }
}

/// A number of an address with the dot behind it. Formatting would take ten times as long, in each event.
fn push_octet(name: &mut smallvec::SmallVec<[u8; 16]>, octet: u8) {
    for (unit, least) in [(100, 100), (10, 10), (1, 0)] {
        if octet >= least {
            name.push(b'0' + octet / unit % 10);
        }
    }
    name.push(b'.');
}

/// What an endpoint is about: its system, and the first word of its operation behind the verb. Words are parted by
/// punctuation and capitals; what only says that it is an interface, or its version, is left out.
///
/// `crm GET /api/v2/customers/{id}` is about `customers` of `crm`, `s3 ListBuckets` about `Buckets`, `ci M docs/index.md`
/// about `docs`. Where there is but one word, it is that.
#[must_use]
pub fn family(endpoint: &str) -> (&str, &str) {
    let (system, operation) = endpoint.split_once(' ').unwrap_or(("", endpoint));
    let mut words = Words(operation).filter(|word| !is_interface(word));
    let verb = words.next().unwrap_or("");
    (system, words.next().unwrap_or(verb))
}

fn is_interface(word: &str) -> bool {
    let version = word.strip_prefix('v').is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
    version || word == "api" || word == "rest"
}

/// The words of a name.
struct Words<'a>(&'a str);

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let from = self.0.find(char::is_alphanumeric)?;
        let mut last_small = false;
        let ends = |&(_, c): &(usize, char)| {
            let ends = !c.is_alphanumeric() || (last_small && c.is_uppercase());
            last_small = c.is_lowercase();
            ends
        };
        let rest = &self.0[from..];
        let end = rest.char_indices().find(ends).map_or(rest.len(), |(at, _)| at);
        let (word, left) = rest.split_at(end);
        self.0 = left;
        Some(word)
    }
}

/// Replaces identifiers within a path by `{id}`.
#[must_use]
pub fn fold_identifiers(operation: &str) -> Cow<'_, str> {
    if !has_identifier(operation) {
        return Cow::Borrowed(operation);
    }
    let mut folded = String::with_capacity(operation.len());
    for part in operation.split_inclusive(SEPARATORS) {
        let name = part.trim_end_matches(SEPARATORS);
        folded.push_str(if is_identifier(name) { "{id}" } else { name });
        folded.push_str(&part[name.len()..]);
    }
    Cow::Owned(folded)
}

/// What parts the segments of an operation.
const SEPARATORS: [char; 6] = ['/', '?', '&', '=', ' ', ','];

/// What a byte adds to the counts of its segment: one digit, one hexadecimal letter, one dash, one byte of a word.
const COUNTS: [u64; 256] = {
    let mut counts = [WORD; 256];
    let mut byte = 0_u8;
    loop {
        match byte {
            b'0'..=b'9' => counts[byte as usize] = DIGIT,
            b'a'..=b'f' | b'A'..=b'F' => counts[byte as usize] = LETTER,
            b'-' => counts[byte as usize] = DASH,
            _ => {}
        }
        if byte == u8::MAX {
            break;
        }
        byte += 1;
    }
    let mut at = 0;
    while at < SEPARATORS.len() {
        counts[SEPARATORS[at] as usize] = 0;
        at += 1;
    }
    counts
};
/// One in each of the counts, which have so many bits each.
const DIGIT: u64 = 1;
const LETTER: u64 = 1 << COUNT_BITS;
const DASH: u64 = 1 << (2 * COUNT_BITS);
const WORD: u64 = 1 << (3 * COUNT_BITS);
const COUNT_BITS: u32 = 16;

/// Whether any segment is an identifier: in one round over short names, which nearly all are.
fn has_identifier(operation: &str) -> bool {
    if operation.len() >> COUNT_BITS > 0 {
        return operation.split(SEPARATORS).any(is_identifier);
    }
    let is_one = |counts: u64| {
        let of = |nth: u32| counts >> (nth * COUNT_BITS) & ((1 << COUNT_BITS) - 1);
        let (digits, letters, dashes) = (of(0), of(1), of(2));
        counts < WORD && digits > 0 && (letters + dashes == 0 || digits + letters >= HEX_MIN as u64)
    };
    let mut counts = 0;
    for byte in operation.bytes() {
        match COUNTS[usize::from(byte)] {
            0 if is_one(counts) => return true,
            0 => counts = 0,
            one => counts += one,
        }
    }
    is_one(counts)
}

fn is_identifier(segment: &str) -> bool {
    let digits = segment.bytes().filter(u8::is_ascii_digit).count();
    if digits == 0 {
        return false;
    }
    let hex = segment.bytes().filter(u8::is_ascii_hexdigit).count();
    let dashes = segment.bytes().filter(|&b| b == b'-').count();
    digits == segment.len() || (hex + dashes == segment.len() && hex >= HEX_MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_folded_and_words_are_not() {
        let cases = [
            ("GET /invoices/4711", "GET /invoices/{id}"),
            ("GET /invoices/4711/lines?page=2", "GET /invoices/{id}/lines?page={id}"),
            ("GET /u/3f2504e0-4f89-11d3-9a0c-0305e82c3301/x", "GET /u/{id}/x"),
            ("GET /api/v2/users", "GET /api/v2/users"),
            ("GET /invoices/{id}", "GET /invoices/{id}"),
            ("SELECT s3_face FROM t", "SELECT s3_face FROM t"),
        ];
        for (raw, folded) in cases {
            assert_eq!(fold_identifiers(raw), folded);
        }
        let long = "x".repeat(1 << COUNT_BITS);
        assert_eq!(fold_identifiers(&format!("{long}/4711")), format!("{long}/{{id}}"));
    }

    proptest::proptest! {
        #[test]
        fn one_round_sees_what_each_segment_is(operation in "[0-9a-fA-F/?&= ,xyzä-]{0,40}") {
            let each = operation.split(SEPARATORS).any(is_identifier);
            proptest::prop_assert_eq!(has_identifier(&operation), each);
        }
    }

    #[test]
    fn what_an_endpoint_is_about_stands_behind_its_verb() {
        let cases = [
            ("crm GET /api/v2/customers/{id}", ("crm", "customers")),
            ("s3.amazonaws.com ListBuckets", ("s3.amazonaws.com", "Buckets")),
            ("ci M docs/index.md", ("ci", "docs")),
            ("ci M .github/workflows", ("ci", "github")),
            ("pay transaction payment", ("pay", "payment")),
            ("erp read_vendor", ("erp", "vendor")),
            ("erp login", ("erp", "login")),
            ("erp GETÄnderung", ("erp", "GETÄnderung")),
            ("call", ("", "call")),
            ("x /", ("x", "")),
            ("", ("", "")),
        ];
        for (endpoint, about) in cases {
            assert_eq!(family(endpoint), about);
        }
    }

    #[test]
    fn addresses_are_folded_to_networks() {
        assert_eq!(network(IpAddr::from([10, 1, 2, 3])), "10.1.2.0/24");
        for octet in 0..=255 {
            assert_eq!(network(IpAddr::from([octet, 100, 9, 3])), format!("{octet}.100.9.0/24"));
        }
        assert_eq!(network("2001:db8:7::1".parse().expect("an address")), "2001:db8:7::/48");
    }
}
