//! A record of the alert log as bytes: an alert and what binds it to the record before.
//!
//! ```text
//! {"id":"…", … ,"chain":{"number":17,"hash":"<64 hex digits>"}}
//! ```
//!
//! The line without its last field is the alert as it was published, byte for byte. The hash is BLAKE3 over the hash
//! before (32 bytes, zeros before the first record), the number (u64, little-endian) and those bytes. The chain stands
//! within the line and not in a file beside it: one write is one record, nothing can fall out of step at a crash, and a
//! line that was copied elsewhere still says which one it is. It stands last and its form is fixed, so that it is read
//! from the end of the line without parsing JSON, and so that a record can be written in one way only.

const OPENS: &[u8] = b",\"chain\":{\"number\":";
const BETWEEN: &[u8] = b",\"hash\":\"";
const CLOSES: &[u8] = b"\"}}";
const HEX_DIGITS: usize = 64;

/// A place in the chain: a record's number and hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Number of the record, from 1; 0 is before the first.
    pub number: u64,
    /// Its hash.
    pub hash: blake3::Hash,
}

impl Link {
    /// Before the first record.
    pub const START: Self = Self { number: 0, hash: blake3::Hash::from_bytes([0; 32]) };

    /// The record that follows, of this content.
    #[must_use]
    pub fn next(&self, alert: &[u8]) -> Self {
        self.followed_by(alert.strip_suffix(b"}").unwrap_or(alert))
    }

    /// The same for an alert without its closing brace, as it stands in a line.
    fn followed_by(&self, open: &[u8]) -> Self {
        let number = self.number + 1;
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.hash.as_bytes()).update(&number.to_le_bytes()).update(open).update(b"}");
        Self { number, hash: hasher.finalize() }
    }
}

/// Appends the record of an alert to a text of lines, and goes on to it.
pub fn write(lines: &mut Vec<u8>, link: &mut Link, alert: &[u8]) {
    *link = link.next(alert);
    lines.extend_from_slice(alert.strip_suffix(b"}").unwrap_or(alert));
    lines.extend_from_slice(OPENS);
    lines.extend_from_slice(link.number.to_string().as_bytes());
    lines.extend_from_slice(BETWEEN);
    lines.extend_from_slice(link.hash.to_hex().as_bytes());
    lines.extend_from_slice(CLOSES);
    lines.push(b'\n');
}

/// A line, taken apart. Nothing is proven yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    open: &'a [u8],
    /// The number that the line claims.
    pub number: u64,
    hash: &'a [u8],
}

impl<'a> Record<'a> {
    /// Takes a line apart, without its line break; `None` where it is no record.
    #[must_use]
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        let (rest, hash) = line.strip_suffix(CLOSES)?.split_last_chunk::<HEX_DIGITS>()?;
        let rest = rest.strip_suffix(BETWEEN)?;
        let digits = rest.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        let (rest, number) = rest.split_at(rest.len() - digits);
        let open = rest.strip_suffix(OPENS)?;
        let number = number_of(number)?;
        Some(Self { open, number, hash })
    }

    /// Whether it is the record behind this place, unchanged; then the place that it stands at.
    #[must_use]
    pub fn follows(&self, link: &Link) -> Option<Link> {
        let next = link.followed_by(self.open);
        (next.hash.to_hex().as_bytes() == self.hash && self.number == next.number).then_some(next)
    }

    /// Whether content and hash are those of the record behind this place, and only the number may not be.
    #[must_use]
    pub fn follows_but_for_its_number(&self, link: &Link) -> bool {
        link.followed_by(self.open).hash.to_hex().as_bytes() == self.hash
    }

    /// The place that the line claims to stand at; `None` where its hash is none.
    #[must_use]
    pub fn claims(&self) -> Option<Link> {
        let hash = blake3::Hash::from_hex(self.hash).ok()?;
        Some(Link { number: self.number, hash })
    }
}

/// Whether a line that is no record holds one of this number, as after a line break was lost.
#[must_use]
pub fn holds(line: &[u8], number: u64) -> bool {
    let mut wanted = OPENS.to_vec();
    wanted.extend_from_slice(number.to_string().as_bytes());
    wanted.extend_from_slice(BETWEEN);
    line.windows(wanted.len()).any(|window| window == wanted)
}

/// A number as it is written: without zeros before it.
fn number_of(digits: &[u8]) -> Option<u64> {
    let number = std::str::from_utf8(digits).ok()?.parse().ok()?;
    (digits.first() != Some(&b'0')).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(count: u64) -> Vec<u8> {
        let (mut lines, mut link) = (Vec::new(), Link::START);
        for n in 1..=count {
            write(&mut lines, &mut link, format!("{{\"id\":\"a{n}\"}}").as_bytes());
        }
        lines
    }

    #[test]
    fn a_record_is_the_alert_and_its_place() {
        let text = String::from_utf8(lines(1)).expect("UTF-8");
        let hash = {
            let mut hasher = blake3::Hasher::new();
            hasher.update(&[0; 32]).update(&1_u64.to_le_bytes()).update(b"{\"id\":\"a1\"}");
            hasher.finalize().to_hex()
        };
        assert_eq!(text, format!("{{\"id\":\"a1\",\"chain\":{{\"number\":1,\"hash\":\"{hash}\"}}}}\n"));
    }

    #[test]
    fn records_follow_one_another_and_nothing_else() {
        let text = lines(12);
        let records: Vec<_> =
            text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).filter_map(Record::parse).collect();
        let mut link = Link::START;
        for (nth, record) in records.iter().enumerate() {
            for (other, stranger) in records.iter().enumerate() {
                assert_eq!(stranger.follows(&link).is_some(), other == nth, "{other} at {nth}");
            }
            link = record.follows(&link).expect("the next one");
            assert_eq!(record.claims(), Some(link));
        }
        assert_eq!(link.number, 12);
    }

    #[test]
    fn every_changed_byte_of_a_line_is_noticed() {
        let whole = lines(1);
        let line = &whole[..whole.len() - 1];
        for at in 0..line.len() {
            for byte in 0..=255 {
                let mut changed = line.to_vec();
                changed[at] = byte;
                let follows = Record::parse(&changed).and_then(|record| record.follows(&Link::START));
                assert_eq!(follows.is_some(), changed == line, "byte {at} as {byte}");
            }
        }
        for padded in [&b",\"chain\":{\"number\":01"[..], b",\"chain\":{\"number\":+1", b",\"chain\":{\"number\":"] {
            let text =
                String::from_utf8_lossy(line).replace(",\"chain\":{\"number\":1", &String::from_utf8_lossy(padded));
            assert_eq!(Record::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_record_is_found_in_a_line_that_swallowed_another() {
        let text = lines(2);
        let merged: Vec<u8> = text.into_iter().map(|byte| if byte == b'\n' { b' ' } else { byte }).collect();
        assert_eq!([1, 2, 3].map(|number| holds(&merged, number)), [true, true, false]);
    }
}
