//! The short way from a line to its fields, for lines as nearly all producers write them.
//!
//! One pass over the bytes: known keys, texts without escapes, plain numbers, each key once. Whatever is not like that
//! gets no answer here, and the general parser decides; so this never refuses, and what it accepts means what it means
//! there, which a property test holds it to. It takes a fifth of the general parser's instructions, since nothing is
//! asked twice: no key is unescaped, and no value is read without knowing what it is for.

use std::borrow::Cow;

use super::wire::{Str, WireEvent, WireGeo, WireLogin, WireRun, WireSecret};

/// Digits of a number that all have their place in a `u64`, and in an `f64` with a decimal point among them.
const WHOLE_DIGITS: usize = 18;
const EXACT_DIGITS: usize = 15;

/// Powers of ten that an `f64` holds exactly.
const TENS: [f64; EXACT_DIGITS + 1] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// A key of a line.
struct Key {
    name: &'static str,
    /// Its first eight bytes with the quote behind it, and which of them are its own.
    head: u64,
    mask: u64,
}

impl Key {
    const fn new(name: &'static str) -> Self {
        let (mut key, bytes, mut at) = (Self { name, head: 0, mask: 0 }, name.as_bytes(), 0);
        while at < 8 && at <= bytes.len() {
            let byte = if at < bytes.len() { bytes[at] } else { b'"' };
            key.head |= (byte as u64) << (8 * at);
            key.mask |= 0xff << (8 * at);
            at += 1;
        }
        key
    }

    /// Whether it stands at the beginning of these bytes, whose first eight are known.
    fn stands(&self, first: u64, bytes: &[u8]) -> bool {
        let name = self.name.as_bytes();
        let rest = || bytes.get(name.len()) == Some(&b'"') && bytes.starts_with(name);
        first & self.mask == self.head && (name.len() < 8 || rest())
    }
}

/// The keys of a line, in the contract's order, in which most producers write them as well.
const KEYS: [Key; 22] = [
    Key::new("id"),
    Key::new("ts"),
    Key::new("tenant"),
    Key::new("bot"),
    Key::new("type"),
    Key::new("session"),
    Key::new("host"),
    Key::new("ip"),
    Key::new("device"),
    Key::new("geo"),
    Key::new("system"),
    Key::new("operation"),
    Key::new("outcome"),
    Key::new("role"),
    Key::new("records_read"),
    Key::new("records_written"),
    Key::new("bytes"),
    Key::new("producer"),
    Key::new("seq"),
    Key::new("run"),
    Key::new("login"),
    Key::new("secret"),
];

/// Nested objects that a line read here has at most.
pub(super) const DEPTH: usize = 2;

/// Reads what a line says; `None` where that takes the general parser, whatever was read so far.
pub(super) fn read<'a>(text: &'a str, event: &mut WireEvent<'a>) -> Option<()> {
    // Without a branch in it, which lets the compiler take many bytes at once.
    let other = |byte: u8| u8::from(byte < b' ') | u8::from(byte >= 0x7f) | u8::from(byte == b'\\');
    event.plain = text.bytes().fold(0, |others, byte| others | other(byte)) == 0;
    let mut line = Line { text, at: 0, plain: event.plain };
    line.skip_blanks();
    let mut next = 0;
    line.entries(|line| {
        let key = line.key(next)?;
        next = key + 1;
        line.colon()?;
        field(line, key, event)
    })?;
    line.skip_blanks();
    (line.at == text.len()).then_some(())
}

fn field<'a>(line: &mut Line<'a>, key: usize, event: &mut WireEvent<'a>) -> Option<()> {
    match key {
        0 => line.text_into(&mut event.id),
        1 => line.text_into(&mut event.ts),
        2 => line.text_into(&mut event.tenant),
        3 => line.text_into(&mut event.bot),
        4 => line.text_into(&mut event.kind),
        5 => line.text_into(&mut event.session),
        6 => line.text_into(&mut event.host),
        7 => line.text_into(&mut event.ip),
        8 => line.text_into(&mut event.device),
        9 => once(&mut event.geo, geo(line)?),
        10 => line.text_into(&mut event.system),
        11 => line.text_into(&mut event.operation),
        12 => line.text_into(&mut event.outcome),
        13 => line.text_into(&mut event.role),
        14 => line.whole_into(&mut event.records_read),
        15 => line.whole_into(&mut event.records_written),
        16 => line.whole_into(&mut event.bytes),
        17 => line.text_into(&mut event.producer),
        18 => line.whole_into(&mut event.seq),
        19 => once(&mut event.run, run(line)?),
        20 => once(&mut event.login, login(line)?),
        21 => once(&mut event.secret, secret(line)?),
        _ => None,
    }
}

fn geo<'a>(line: &mut Line<'a>) -> Option<WireGeo<'a>> {
    let mut geo = WireGeo::default();
    line.object(|line, key| match key {
        "country" => line.text_into(&mut geo.country),
        "lat" => once(&mut geo.lat, line.number()?),
        "lon" => once(&mut geo.lon, line.number()?),
        _ => None,
    })?;
    Some(geo)
}

fn run<'a>(line: &mut Line<'a>) -> Option<WireRun<'a>> {
    let mut run = WireRun::default();
    line.object(|line, key| match key {
        "phase" => line.text_into(&mut run.phase),
        "trigger" => line.text_into(&mut run.trigger),
        "by" => line.text_into(&mut run.by),
        _ => None,
    })?;
    Some(run)
}

fn login<'a>(line: &mut Line<'a>) -> Option<WireLogin<'a>> {
    let mut login = WireLogin::default();
    line.object(|line, key| match key {
        "method" => line.text_into(&mut login.method),
        "interactive" => once(&mut login.interactive, line.truth()?),
        "mfa" => once(&mut login.mfa, line.truth()?),
        _ => None,
    })?;
    Some(login)
}

fn secret<'a>(line: &mut Line<'a>) -> Option<WireSecret<'a>> {
    let mut secret = WireSecret::default();
    line.object(|line, key| match key {
        "name" => line.text_into(&mut secret.name),
        "vault" => line.text_into(&mut secret.vault),
        _ => None,
    })?;
    Some(secret)
}

/// A key that stands twice is the general parser's to refuse.
fn once<T>(field: &mut Option<T>, value: T) -> Option<()> {
    if field.is_some() {
        return None;
    }
    *field = Some(value);
    Some(())
}

/// A line that is read from left to right.
struct Line<'a> {
    text: &'a str,
    at: usize,
    /// Whether all of it is printable ASCII without a backslash, so that only a quote ends a text.
    plain: bool,
}

impl<'a> Line<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\t' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// An object, each of whose values is read by `field`.
    fn object(&mut self, mut field: impl FnMut(&mut Self, &str) -> Option<()>) -> Option<()> {
        self.entries(|line| {
            let key = line.string()?;
            line.colon()?;
            field(line, key)
        })
    }

    /// The number of the key that stands here, sought from one on and then from the first.
    fn key(&mut self, from: usize) -> Option<usize> {
        self.take(b'"')?;
        let rest = self.text.as_bytes().get(self.at..)?;
        let first = u64::from_le_bytes(*rest.first_chunk()?);
        let (before, behind) = KEYS.split_at(from);
        let sought = |keys: &[Key]| keys.iter().position(|key| key.stands(first, rest));
        let key = sought(behind).map(|at| from + at).or_else(|| sought(before))?;
        self.at += KEYS[key].name.len() + 1;
        Some(key)
    }

    fn colon(&mut self) -> Option<()> {
        self.skip_blanks();
        self.take(b':')?;
        self.skip_blanks();
        Some(())
    }

    /// An object, each of whose entries is read by `entry`.
    fn entries(&mut self, mut entry: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.take(b'{')?;
        self.skip_blanks();
        if self.take(b'}').is_some() {
            return Some(());
        }
        loop {
            entry(self)?;
            self.skip_blanks();
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Some(());
                }
                _ => return None,
            }
            self.skip_blanks();
        }
    }

    /// A text without escapes.
    fn string(&mut self) -> Option<&'a str> {
        self.take(b'"')?;
        let rest = self.text.as_bytes().get(self.at..)?;
        let end = if self.plain { find(rest, |eight| marked(eight, b'"'))? } else { find(rest, special)? };
        let text = (rest[end] == b'"').then(|| &self.text[self.at..self.at + end])?;
        self.at += end + 1;
        Some(text)
    }

    fn text_into(&mut self, field: &mut Option<Str<'a>>) -> Option<()> {
        let text = self.string()?;
        once(field, Str(Cow::Borrowed(text)))
    }

    /// The digits that stand here, as many as JSON allows for a whole number.
    fn digits(&mut self, most: usize) -> Option<u64> {
        let (from, mut number) = (self.at, 0_u64);
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            if self.at - from == most {
                return None;
            }
            number = number * 10 + u64::from(digit - b'0');
            self.at += 1;
        }
        let leading = self.at - from > 1 && self.text.as_bytes()[from] == b'0';
        (self.at > from && !leading).then_some(number)
    }

    fn ends_number(&self) -> bool {
        !matches!(self.peek(), Some(b'.' | b'e' | b'E' | b'+' | b'-' | b'0'..=b'9'))
    }

    fn whole_into(&mut self, field: &mut Option<u64>) -> Option<()> {
        let number = self.digits(WHOLE_DIGITS).filter(|_| self.ends_number())?;
        once(field, number)
    }

    /// A number that is one division of two numbers which an `f64` holds exactly, and so the nearest to what is written.
    fn number(&mut self) -> Option<f64> {
        let negative = self.take(b'-').is_some();
        let mut number = self.digits(EXACT_DIGITS)?;
        let mut places = 0;
        if self.take(b'.').is_some() {
            while let Some(digit @ b'0'..=b'9') = self.peek() {
                number = number * 10 + u64::from(digit - b'0');
                (self.at, places) = (self.at + 1, places + 1);
                if number >= 1_000_000_000_000_000 {
                    return None;
                }
            }
            if places == 0 {
                return None;
            }
        }
        let size = number as f64 / *TENS.get(places)?;
        // A zero's sign is the general parser's matter.
        (self.ends_number() && !(negative && number == 0)).then_some(if negative { -size } else { size })
    }

    fn truth(&mut self) -> Option<bool> {
        let rest = &self.text.as_bytes()[self.at..];
        let truth = rest.starts_with(b"true");
        if !truth && !rest.starts_with(b"false") {
            return None;
        }
        self.at += if truth { 4 } else { 5 };
        Some(truth)
    }
}

/// The place of the first byte that is marked, looking at eight at once.
fn find(bytes: &[u8], marks: impl Fn(u64) -> u64) -> Option<usize> {
    let (eights, rest) = bytes.as_chunks();
    let mut at = 0;
    for &eight in eights {
        let marked = marks(u64::from_le_bytes(eight));
        if marked != 0 {
            return Some(at + marked.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    let mut last = [b' '; 8];
    last[..rest.len()].copy_from_slice(rest);
    let marked = marks(u64::from_le_bytes(last));
    (marked != 0).then(|| at + marked.trailing_zeros() as usize / 8)
}

const ONES: u64 = u64::MAX / 255;

/// Marks those of eight bytes that are below a bound of at most 128, exactly up to the first of them.
fn below(eight: u64, bound: u8) -> u64 {
    eight.wrapping_sub(ONES * u64::from(bound)) & !eight & (ONES << 7)
}

/// Marks those of eight bytes that are a certain one, exactly up to the first of them.
fn marked(eight: u64, byte: u8) -> u64 {
    below(eight ^ (ONES * u64::from(byte)), 1)
}

/// Marks those of eight bytes that are a quote, a backslash or a control character, exactly up to the first of them.
fn special(eight: u64) -> u64 {
    marked(eight, b'"') | marked(eight, b'\\') | below(eight, 0x20)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LINE: &str = r#"{"id":"be6a","ts":"2026-02-23T05:49:41.353Z","tenant":"harbor","bot":"snap-000","type":"call",
        "session":"c13","host":"bot-24","ip":"10.30.24.40","device":"d","geo":{"country":"US","lat":40.71,"lon":-74.01},
        "system":"gl","operation":"INSERT é","outcome":"ok","role":"writer","records_read":0,"records_written":4709,
        "bytes":11504305,"producer":"audit","seq":246205,"run":{"phase":"end","trigger":"queue","by":"ann"},
        "login":{"method":"key","interactive":false,"mfa":true},"secret":{"name":"n","vault":"v"}}"#;

    fn short(text: &str) -> Option<String> {
        let mut event = WireEvent::default();
        read(text, &mut event)?;
        assert_eq!(event.plain, text.chars().all(|c| matches!(c, ' '..='~') && c != '\\'), "{text}");
        event.plain = false;
        Some(format!("{event:?}"))
    }

    /// The same line as most producers write it.
    fn plain() -> String {
        LINE.replace("\n        ", "").replace('é', "e")
    }

    fn general(text: &str) -> Option<String> {
        serde_json::from_str::<WireEvent<'_>>(text).ok().map(|event| format!("{event:?}"))
    }

    #[test]
    fn a_line_with_all_that_it_knows_is_read_as_the_general_parser_reads_it() {
        for line in [LINE, &plain()] {
            assert!(short(line).is_some());
            assert_eq!(short(line), general(line));
        }
    }

    #[test]
    fn what_is_unusual_is_left_to_the_general_parser() {
        let unusual = [
            r#"{"bot":"a\u0062"}"#,
            r#"{"bot":"a","bot":"b"}"#,
            r#"{"bot":null}"#,
            r#"{"bot":"a","more":1}"#,
            r#"{"seq":01}"#,
            r#"{"seq":-1}"#,
            r#"{"seq":1.0}"#,
            r#"{"seq":1e3}"#,
            r#"{"seq":18446744073709551615}"#,
            r#"{"geo":{"lat":-0}}"#,
            r#"{"geo":{"lat":1e2}}"#,
            r#"{"geo":{"lat":0.1234567890123456}}"#,
            r#"{"geo":{"lat":1.}}"#,
            r#"{"control":{"action":"x"}}"#,
            r#"{"bot":"a"} x"#,
            r#"{"bot":"a",}"#,
            r#"{"bot":"a"#,
            "",
            "[]",
        ];
        for text in unusual {
            assert_eq!(short(text), None, "{text}");
        }
        assert_eq!(short("{\"bot\":\"a\u{1}\"}"), None);
    }

    proptest! {
        #[test]
        fn what_it_accepts_means_the_same_to_the_general_parser(
            is_plain: bool,
            changes in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..4, any::<prop::sample::Index>()), 0..3),
            piece in prop::sample::select(vec!["\"", "\\", "0", "-", ".", "e", ",", ":", "{", "}", " ", "null", "7", "x", "é"]),
        ) {
            let mut text: Vec<char> = if is_plain { plain() } else { LINE.to_owned() }.chars().collect();
            for (place, what, other) in changes {
                let place = place.index(text.len());
                match what {
                    0 => { text.remove(place); }
                    1 => { text.splice(place..place, piece.chars()); }
                    2 => { let other = other.index(text.len()); text.swap(place, other); }
                    _ => { text[place] = piece.chars().next().unwrap_or('x'); }
                }
            }
            let text: String = text.into_iter().collect();
            if let Some(read) = short(&text) {
                    prop_assert_eq!(Some(read), general(&text));
            }
        }

        #[test]
        fn numbers_are_the_general_parsers(whole in 0_u32..200_000, places in 0_usize..10, part in any::<u32>()) {
            let part = format!("{part:010}");
            let number = if places == 0 { whole.to_string() } else { format!("{whole}.{}", &part[..places]) };
            for sign in ["", "-"] {
                let text = format!(r#"{{"geo":{{"lat":{sign}{number}}}}}"#);
                if let Some(read) = short(&text) {
                    prop_assert_eq!(Some(read), general(&text));
                }
            }
        }
    }
}
