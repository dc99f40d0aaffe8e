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

/// A key of a line, of 15 bytes at most.
struct Key {
    /// How many bytes it has with the quote behind it.
    length: usize,
    /// The first eight of them, and which of eight are its own.
    head: u64,
    mask: u64,
    /// Where the last eight begin, 0 where there are no more than eight; and these.
    last: usize,
    tail: u64,
}

impl Key {
    const fn new(name: &'static str) -> Self {
        let (name, length) = (name.as_bytes(), name.len() + 1);
        assert!(length <= 16, "the first eight bytes and the last are all that is looked at");
        let last = length.saturating_sub(8);
        let ((head, mask), (tail, _)) = (eight(name, 0), eight(name, last));
        Self { length, head, mask, last, tail }
    }

    /// Whether it stands at the beginning of these bytes, whose first eight are known.
    fn stands(&self, first: u64, bytes: &[u8]) -> bool {
        first & self.mask == self.head && (self.last == 0 || eight_at(bytes, self.last) == Some(self.tail))
    }
}

/// Eight bytes of a name and the quote behind it from a place on, and which of them are there.
const fn eight(name: &[u8], from: usize) -> (u64, u64) {
    let (mut bytes, mut mask, mut at) = (0, 0, 0);
    while at < 8 && from + at <= name.len() {
        let byte = if from + at < name.len() { name[from + at] } else { b'"' };
        bytes |= (byte as u64) << (8 * at);
        mask |= 0xff << (8 * at);
        at += 1;
    }
    (bytes, mask)
}

/// Eight bytes from a place on.
fn eight_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// What is left from a place on where that is fewer than eight bytes, with blanks behind it.
#[cold]
fn last_at(bytes: &[u8], at: usize) -> Option<u64> {
    let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
    let mut last = [b' '; 8];
    last[..rest.len()].copy_from_slice(rest);
    Some(u64::from_le_bytes(last))
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
    line.begin()?;
    while !line.ends_object()? {
        let key = line.key(next)?;
        next = key + 1;
        line.colon()?;
        match line.peek()? {
            b'"' => {
                let value = line.string()?;
                once(text_of(event, key)?, Str(Cow::Borrowed(value)))?;
            }
            b'{' => line.at = object(line, key, event)?,
            _ => {
                let value = line.whole()?;
                once(whole_of(event, key)?, value)?;
            }
        }
        line.next()?;
    }
    line.skip_blanks();
    (line.at == text.len()).then_some(())
}

/// The field of a key whose values are texts.
fn text_of<'e, 'a>(event: &'e mut WireEvent<'a>, key: usize) -> Option<&'e mut Option<Str<'a>>> {
    Some(match key {
        0 => &mut event.id,
        1 => &mut event.ts,
        2 => &mut event.tenant,
        3 => &mut event.bot,
        4 => &mut event.kind,
        5 => &mut event.session,
        6 => &mut event.host,
        7 => &mut event.ip,
        8 => &mut event.device,
        10 => &mut event.system,
        11 => &mut event.operation,
        12 => &mut event.outcome,
        13 => &mut event.role,
        17 => &mut event.producer,
        _ => return None,
    })
}

/// The field of a key whose values are whole numbers.
fn whole_of<'e>(event: &'e mut WireEvent<'_>, key: usize) -> Option<&'e mut Option<u64>> {
    Some(match key {
        14 => &mut event.records_read,
        15 => &mut event.records_written,
        16 => &mut event.bytes,
        18 => &mut event.seq,
        _ => return None,
    })
}

/// Reads the object that stands here, and says where it ends.
#[inline(never)]
fn object<'a>(mut line: Line<'a>, key: usize, event: &mut WireEvent<'a>) -> Option<usize> {
    match key {
        9 => once(&mut event.geo, geo(&mut line)?),
        19 => once(&mut event.run, run(&mut line)?),
        20 => once(&mut event.login, login(&mut line)?),
        21 => once(&mut event.secret, secret(&mut line)?),
        _ => None,
    }?;
    Some(line.at)
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

/// A line that is read from left to right. It is passed on as a value where its place is not to be kept in memory.
#[derive(Clone, Copy)]
struct Line<'a> {
    text: &'a str,
    at: usize,
    /// Whether all of it is printable ASCII without a backslash, so that only a quote ends a text.
    plain: bool,
}

#[expect(clippy::inline_always, reason = "otherwise its place is kept in memory: a twentieth of decoding")]
impl<'a> Line<'a> {
    #[inline(always)]
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Most lines have none.
    #[inline(always)]
    fn skip_blanks(&mut self) {
        if self.peek().is_some_and(|byte| byte <= b' ') {
            self.at = self.behind_blanks();
        }
    }

    fn behind_blanks(self) -> usize {
        let blanks = self.text.as_bytes()[self.at..].iter();
        self.at + blanks.take_while(|byte| matches!(byte, b' ' | b'\n' | b'\t' | b'\r')).count()
    }

    #[inline(always)]
    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// An object, each of whose values is read by `field`.
    #[inline(always)]
    fn object(&mut self, mut field: impl FnMut(&mut Self, &str) -> Option<()>) -> Option<()> {
        self.begin()?;
        while !self.ends_object()? {
            let key = self.string()?;
            self.colon()?;
            field(self, key)?;
            self.next()?;
        }
        Some(())
    }

    /// The number of the key that stands here, sought from one on and then from the first.
    #[inline(always)]
    fn key(&mut self, from: usize) -> Option<usize> {
        self.take(b'"')?;
        let rest = self.text.as_bytes().get(self.at..)?;
        let first = eight_at(rest, 0)?;
        let (before, behind) = KEYS.split_at(from);
        let sought = |keys: &[Key]| keys.iter().position(|key| key.stands(first, rest));
        let key = sought(behind).map(|at| from + at).or_else(|| sought(before))?;
        self.at += KEYS[key].length;
        Some(key)
    }

    #[inline(always)]
    fn colon(&mut self) -> Option<()> {
        self.skip_blanks();
        self.take(b':')?;
        self.skip_blanks();
        Some(())
    }

    /// Where an object begins.
    #[inline(always)]
    fn begin(&mut self) -> Option<()> {
        self.take(b'{')?;
        self.skip_blanks();
        Some(())
    }

    /// Passes the end of an object, if that is what stands here; an entry does otherwise.
    #[inline(always)]
    fn ends_object(&mut self) -> Option<bool> {
        let over = self.peek()? == b'}';
        self.at += usize::from(over);
        Some(over)
    }

    /// Behind an entry: to the next, or to the end.
    #[inline(always)]
    fn next(&mut self) -> Option<()> {
        self.skip_blanks();
        match self.peek()? {
            b',' => {
                self.at += 1;
                self.skip_blanks();
                (self.peek()? == b'"').then_some(())
            }
            b'}' => Some(()),
            _ => None,
        }
    }

    /// A text without escapes.
    #[inline(always)]
    fn string(&mut self) -> Option<&'a str> {
        self.take(b'"')?;
        let end = if self.plain { self.end(|eight| marked(eight, b'"'))? } else { self.careful_end()? };
        let text = self.text.get(self.at..end)?;
        self.at = end + 1;
        Some(text)
    }

    /// Where the text that stands here ends, if a quote is the first of the bytes that are marked.
    #[inline(always)]
    fn end(self, marks: impl Fn(u64) -> u64) -> Option<usize> {
        let (bytes, mut end) = (self.text.as_bytes(), self.at);
        loop {
            let eight = eight_at(bytes, end).or_else(|| last_at(bytes, end))?;
            let marked = marks(eight);
            if marked != 0 {
                end += marked.trailing_zeros() as usize / 8;
                return (bytes[end] == b'"').then_some(end);
            }
            end += 8;
        }
    }

    /// The same where not only a quote ends it.
    #[inline(never)]
    fn careful_end(self) -> Option<usize> {
        self.end(special)
    }

    fn text_into(&mut self, field: &mut Option<Str<'a>>) -> Option<()> {
        let text = self.string()?;
        once(field, Str(Cow::Borrowed(text)))
    }

    /// The digits that stand here, as many as JSON allows for a whole number.
    #[inline(always)]
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

    #[inline(always)]
    fn whole(&mut self) -> Option<u64> {
        self.digits(WHOLE_DIGITS).filter(|_| self.ends_number())
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
            r#"{"seq":"1"}"#,
            r#"{"bot":1}"#,
            r#"{"bot":{}}"#,
            r#"{"geo":"DE"}"#,
            r#"{"geo":{,}}"#,
            r#"{"run":{"mfa":true}}"#,
            r#"{"records_re":1}"#,
            r#"{"records_writtenx":1}"#,
            r#"{"operations":"x"}"#,
            r#"{"ident":"x"}"#,
            r#"{,"bot":"a"}"#,
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

    #[test]
    fn a_line_that_is_cut_off_is_none() {
        for line in [LINE.replace('é', "e"), plain(), r#"{"bot":"b"}"#.to_owned()] {
            let cut = (0..line.len()).find(|&end| short(&line[..end]).is_some());
            assert_eq!(cut, None, "{line}");
        }
        assert_eq!(short(" { } "), short("{}"));
        assert!(short(r#"{"geo":{}}"#).is_some());
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
