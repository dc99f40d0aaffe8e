//! The file of refused events: why, where from, and the event itself as it came, so that it can be mended and replayed.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::value::RawValue;

use crate::event::Reject;

/// Bytes of an event that are kept where it is no JSON. Enough to recognize it by.
const TEXT_BYTES_MAX: usize = 4096;

#[derive(Serialize)]
struct Record<'a> {
    reason: &'a str,
    detail: &'a str,
    file: Option<&'a str>,
    line: Option<u64>,
    event: Original<'a>,
}

/// The event as it came where it is JSON, else the beginning of its text.
#[derive(Serialize)]
#[serde(untagged)]
enum Original<'a> {
    Json(&'a RawValue),
    Text(String),
}

/// Where an event stood; none where the engine refused it after it had been held back.
pub(super) type Place<'a> = Option<(&'a str, u64)>;

/// Writes one refused event as a line.
pub(super) fn write(out: &mut dyn Write, reject: &Reject, place: Place<'_>, event: &[u8]) -> io::Result<()> {
    let json = std::str::from_utf8(event).ok().and_then(|text| serde_json::from_str::<&RawValue>(text).ok());
    let original = json.map_or_else(
        || Original::Text(String::from_utf8_lossy(&event[..event.len().min(TEXT_BYTES_MAX)]).into_owned()),
        Original::Json,
    );
    let record = Record {
        reason: reject.reason.as_str(),
        detail: &reject.detail,
        file: place.map(|(file, _)| file),
        line: place.map(|(_, line)| line),
        event: original,
    };
    serde_json::to_writer(&mut *out, &record)?;
    out.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::RejectReason;

    fn written(place: Place<'_>, event: &[u8]) -> String {
        let mut out = Vec::new();
        write(&mut out, &Reject::new(RejectReason::NotJson, "why"), place, event).expect("memory takes everything");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn json_stays_as_it_came_and_anything_else_is_quoted() {
        let head = r#"{"reason":"not_json","detail":"why","file":"e.ndjson","line":3,"event":"#;
        let place = Some(("e.ndjson", 3));
        assert_eq!(written(place, b"{\"a\": 1.00}"), format!("{head}{{\"a\": 1.00}}}}\n"));
        assert_eq!(written(place, b"say \"no\"\x1b"), format!("{head}\"say \\\"no\\\"\\u001b\"}}\n"));
        assert!(written(None, b"\xff").contains(r#""file":null,"line":null,"event":"#));
    }
}
