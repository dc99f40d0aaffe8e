//! What the last normal session of a bot was like, in a few figures, so that whoever reads an alert sees what is different
//! now without looking for the last time that all was well.
//!
//! One session a bot, by its figures only: the baseline knows what is usual, this knows an example that can be looked up.
//! Blind spot: a bot with several modes of working is compared with whichever mode came last.

use serde::{Deserialize, Serialize};

use super::feature::Session;
use crate::event::Text;
use crate::time::{Local, Span, Timestamp, Zone};

/// Factor from which a quantity is told as different. Smaller: each session differs; larger: a doubling goes untold.
const FACTOR: u64 = 2;
/// Least difference of a quantity that is told, since small numbers double by themselves.
const LEAST: u64 = 3;
/// Largest amount that is told apart: four bytes of it are kept for each bot.
const AMOUNT_MAX: u64 = u32::MAX as u64;
/// Minutes of the day from which a start is told as at another hour.
const START_MINUTES: u16 = 120;

/// A bot's most recent session that nothing was said of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct LastNormal {
    pub id: Option<Text>,
    pub start: Timestamp,
    /// The log that it was read from, if that one counts.
    pub producer: Option<Text>,
    host: Option<Text>,
    calls: u32,
    records: u32,
}

/// What is held against it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now<'a> {
    pub start: Timestamp,
    pub hosts: &'a [Text],
    /// Calls and records so far; none where they say nothing.
    pub amounts: Option<(u64, u64)>,
    /// Whether there will be no more.
    pub closed: bool,
}

impl LastNormal {
    /// A session that is over.
    pub(super) fn of(session: &Session) -> Self {
        Self {
            id: session.id.clone(),
            start: session.opened,
            producer: session.producer.clone(),
            host: session.hosts.first().cloned(),
            calls: session.calls.min(AMOUNT_MAX) as u32,
            records: session.records().min(AMOUNT_MAX) as u32,
        }
    }

    /// What is different now, as a short phrase.
    pub(super) fn differs(&self, now: &Now<'_>, zone: &Zone) -> String {
        let mut parts = Vec::new();
        if let Some(host) = now.hosts.iter().find(|host| Some(*host) != self.host.as_ref()) {
            let before = self.host.as_ref().map_or_else(|| "none".to_owned(), |before| format!("`{before}`"));
            parts.push(format!("host `{host}` instead of {before}"));
        }
        if let Some((calls, records)) = now.amounts {
            for (amount, before, noun) in [(calls, self.calls, "calls"), (records, self.records, "records")] {
                let before = u64::from(before);
                let amount = amount.min(AMOUNT_MAX);
                if unlike(amount, before, now.closed) {
                    parts.push(format!("{amount} {noun} instead of {before}"));
                }
            }
        }
        let (start, before) = (zone.local(now.start), zone.local(self.start));
        if minutes_apart(start, before) >= START_MINUTES {
            parts.push(format!("at {} instead of {}", clock(start), clock(before)));
        }
        if parts.is_empty() { now.alike().to_owned() } else { parts.join(", ") }
    }

    /// Bytes on the heap, about.
    pub(super) fn heap_bytes(&self) -> usize {
        let texts = [&self.id, &self.producer, &self.host];
        texts.into_iter().flatten().filter(|text| text.is_heap_allocated()).map(Text::capacity).sum()
    }
}

impl Now<'_> {
    /// That nothing of what is known is different.
    fn alike(&self) -> &'static str {
        match (self.amounts, self.closed) {
            (None, _) => "nothing in host or hour",
            (Some(_), false) => "nothing in host, amounts or hour so far",
            (Some(_), true) => "nothing in host, amounts or hour",
        }
    }
}

/// Whether a quantity is different enough to be told; one that still grows can only be too much.
fn unlike(now: u64, before: u64, closed: bool) -> bool {
    let (less, more) = (now.min(before), now.max(before));
    more - less >= LEAST && more >= less.saturating_mul(FACTOR) && (closed || now > before)
}

/// Minutes between two times of the day, the shorter way round.
fn minutes_apart(a: Local, b: Local) -> u16 {
    let day = (Span::DAY.as_micros() / Span::MINUTE.as_micros()) as u16;
    let apart = a.minute.abs_diff(b.minute);
    apart.min(day.saturating_sub(apart))
}

fn clock(local: Local) -> String {
    format!("{:02}:{:02}", local.minute / 60, local.minute % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time: &str) -> Timestamp {
        format!("2026-05-04T{time}:00Z").parse().expect("a time")
    }

    #[test]
    fn what_is_different_is_told_and_nothing_else() {
        let normal = LastNormal {
            id: None,
            start: at("23:30"),
            producer: None,
            host: Some("srv-1".into()),
            calls: 4,
            records: 1000,
        };
        let (usual, other): ([Text; 1], [Text; 2]) = (["srv-1".into()], ["srv-1".into(), "kali".into()]);
        let now = Now { start: at("00:30"), hosts: &usual, amounts: Some((6, 1999)), closed: true };
        let alike = "nothing in host, amounts or hour";
        for (now, expected) in [
            (now, alike),
            (Now { hosts: &[], amounts: None, ..now }, "nothing in host or hour"),
            (Now { hosts: &other, ..now }, "host `kali` instead of `srv-1`"),
            (Now { amounts: Some((8, 2000)), ..now }, "8 calls instead of 4, 2000 records instead of 1000"),
            (Now { amounts: Some((1, 2)), ..now }, "1 calls instead of 4, 2 records instead of 1000"),
            (Now { amounts: Some((1, 2)), closed: false, ..now }, "nothing in host, amounts or hour so far"),
            (Now { start: at("03:05"), ..now }, "at 03:05 instead of 23:30"),
        ] {
            assert_eq!(normal.differs(&now, &Zone::utc()), expected, "{now:?}");
        }
    }
}
