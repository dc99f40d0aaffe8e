//! How times, quantities and sentences are written in pages. Whatever comes in is text; what goes out is HTML.

use minijinja::value::Value;
use minijinja::{Environment, HtmlEscape};

use crate::time::{Span, Timestamp, Zone};

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Makes the words known to the templates.
pub(super) fn filters(pages: &mut Environment<'static>) {
    pages.add_filter("when", |text: &str| Value::from_safe_string(when(text)));
    pages.add_filter("brief", |text: &str| Value::from_safe_string(brief(text)));
    pages.add_filter("code", |text: &str| Value::from_safe_string(code(text)));
    pages.add_filter("plain", plain);
    pages.add_filter("date", |text: &str| date(text));
    pages.add_filter("num", number);
    pages.add_filter("bytes", bytes);
    pages.add_filter("percent", |share: f64| format!("{:.0} %", share * 100.0));
    pages.add_filter("plural", |count: f64, noun: &str| plural(count, noun));
    pages.add_filter("query", |text: &str| query(text));
}

/// A moment in UTC, as an element that a script can read.
fn when(text: &str) -> String {
    text.parse::<Timestamp>().map_or_else(
        |_| HtmlEscape(text).to_string(),
        |at| format!("<time datetime=\"{}\">{}</time>", HtmlEscape(text), clock(at)),
    )
}

/// The same without year and zone, for the many lines of a table: `4 May 06:00:12`.
fn brief(text: &str) -> String {
    let short = text.parse::<Timestamp>().ok().and_then(|at| {
        let (day, clock) = clock(at).split_once(", ").map(|(day, clock)| (day.to_owned(), clock.to_owned()))?;
        Some(format!("{} {}", day.rsplit_once(' ')?.0, clock.strip_suffix(" UTC")?))
    });
    let shown = short.as_deref().unwrap_or(text);
    format!("<time datetime=\"{}\">{}</time>", HtmlEscape(text), HtmlEscape(shown))
}

/// `4 May 2026, 06:00:12 UTC`; seconds only where there are some.
pub(super) fn clock(at: Timestamp) -> String {
    let local = Zone::utc().local(at);
    let seconds = at.as_micros().rem_euclid(Span::MINUTE.as_micros()) / Span::SECOND.as_micros();
    let seconds = if seconds > 0 { format!(":{seconds:02}") } else { String::new() };
    format!("{}, {:02}:{:02}{seconds} UTC", day(i64::from(local.day)), local.minute / 60, local.minute % 60)
}

/// `until 4 May 2026, 06:00 UTC`; midnight is the end of the day before.
pub(super) fn until(at: Timestamp) -> String {
    if at.as_micros().rem_euclid(Span::DAY.as_micros()) == 0 {
        format!("until the end of {}", day(at.day_utc() - 1))
    } else {
        format!("until {}", clock(at))
    }
}

/// `4 May 2026`, of a day since 1970.
pub(super) fn day(day: i64) -> String {
    let date = crate::time::date(day);
    let mut parts = date.split('-').map(|part| part.parse::<usize>().unwrap_or_default());
    let (year, month, day) = (parts.next(), parts.next(), parts.next());
    match (year, month.and_then(|month| MONTHS.get(month.wrapping_sub(1))), day) {
        (Some(year), Some(month), Some(day)) => format!("{day} {month} {year}"),
        _ => date,
    }
}

/// Units that stay beside their number.
const UNITS: [&str; 16] = ["s", "ms", "min", "h", "k", "M", "G", "%", "km", "B", "kB", "MB", "GB", "EUR", "USD", "GBP"];

/// Words between names: moments as people read them, and units beside their numbers.
fn prose(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    let mut after_number = false;
    let mut words = text.split(' ').enumerate().peekable();
    while let Some((at, word)) = words.next() {
        let bare = word.trim_end_matches(ENDINGS);
        if at > 0 {
            html.push(if after_number && UNITS.contains(&bare) { '\u{a0}' } else { ' ' });
        }
        after_number = word.ends_with(|letter: char| letter.is_ascii_digit());
        let moment = bare.len() >= MOMENT_CHARS_MIN && bare.parse::<Timestamp>().is_ok();
        if moment {
            html += &when(bare);
            html += &HtmlEscape(&word[bare.len()..]).to_string();
        } else {
            let measured = words.peek().is_some_and(|(_, next)| UNITS.contains(&next.trim_end_matches(ENDINGS)));
            let whole = (measured && after_number).then(|| word.parse::<u64>().ok()).flatten();
            html += &whole.map_or_else(|| HtmlEscape(word).to_string(), grouped);
        }
    }
    html
}

/// What may stand behind a word.
const ENDINGS: [char; 4] = [',', ';', '.', ':'];
/// Characters of the shortest moment: `2026-05-04T06:00:00Z`.
const MOMENT_CHARS_MIN: usize = 20;

/// A sentence without its marks, for a place that holds text only.
fn plain(text: &str) -> String {
    let word = |word: &str| {
        let bare = word.trim_end_matches(ENDINGS);
        bare.parse::<Timestamp>().map_or_else(|_| word.to_owned(), |at| clock(at) + &word[bare.len()..])
    };
    text.replace('`', "").split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// `4 May 2026`, of `2026-05-04`.
fn date(text: &str) -> String {
    let at = format!("{text}T00:00:00Z").parse::<Timestamp>();
    at.map_or_else(|_| text.to_owned(), |at| day(at.day_utc()))
}

/// A sentence whose names stand in backticks.
fn code(text: &str) -> String {
    let mut html = String::with_capacity(text.len() + 32);
    for (at, part) in text.split('`').enumerate() {
        // An opening backtick without a closing one is left as it is by the browser: the element ends with its parent.
        html += &if at % 2 == 1 { format!("<code>{}</code>", HtmlEscape(part)) } else { prose(part) };
    }
    html
}

/// The same in little room: `10 k`.
pub(super) fn brief_number(x: f64) -> String {
    match x {
        x if x >= 1e9 => format!("{:.0}\u{202f}G", x / 1e9),
        x if x >= 1e6 => format!("{:.0}\u{202f}M", x / 1e6),
        x if x >= 1e4 => format!("{:.0}\u{202f}k", x / 1e3),
        x => number(x),
    }
}

/// A quantity: exact while small, with its thousands apart, and with its magnitude when large.
pub(super) fn number(x: f64) -> String {
    match x {
        x if x >= 1e10 => format!("{:.1} G", x / 1e9),
        x if x >= 1e7 => format!("{:.1} M", x / 1e6),
        x if x >= 100.0 || x.fract().abs() < 0.05 => grouped(x.round() as u64),
        x => format!("{x:.1}"),
    }
}

fn grouped(whole: u64) -> String {
    let digits = whole.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            // A narrow space that does not break.
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// Bytes with their unit.
pub(super) fn bytes(x: f64) -> String {
    match x {
        x if x >= 1e9 => format!("{:.1} GB", x / 1e9),
        x if x >= 1e6 => format!("{:.1} MB", x / 1e6),
        x if x >= 1e3 => format!("{:.1} kB", x / 1e3),
        x => format!("{x:.0} B"),
    }
}

/// `1 bot`, `2 bots`.
pub(super) fn plural(count: f64, noun: &str) -> String {
    let ending = if (count - 1.0).abs() < 1e-9 { "" } else { "s" };
    format!("{} {noun}{ending}", number(count))
}

/// A text as the value of a query: every byte but letters, digits, `-`, `_`, `.` and `~` as `%XX`.
pub(super) fn query(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out += &format!("%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_bot_wrote_stays_text() {
        assert_eq!(code("ran `<img src=x>` & \"more\""), "ran <code>&lt;img src=x&gt;</code> &amp; &quot;more&quot;");
        assert_eq!(code("open `end"), "open <code>end</code>");
        assert_eq!(when("<script>"), "&lt;script&gt;");
        assert_eq!(brief("2026-05-04T06:00:12Z"), "<time datetime=\"2026-05-04T06:00:12Z\">4 May 06:00:12</time>");
        assert_eq!(query("a/b&c=d \u{e9}"), "a%2Fb%26c%3Dd%20%C3%A9");
    }

    #[test]
    fn moments_and_units_in_a_sentence_are_for_people() {
        assert_eq!(
            code("silent since 2026-03-30T09:00:00Z, 26 s on `2026-03-30T09:00:00Z 1 s`"),
            "silent since <time datetime=\"2026-03-30T09:00:00Z\">30 Mar 2026, 09:00 UTC</time>, 26\u{a0}s on \
             <code>2026-03-30T09:00:00Z 1 s</code>"
        );
        assert_eq!(code("paid 67323 EUR"), "paid 67\u{202f}323\u{a0}EUR");
        assert_eq!(plain("`a` since 2026-03-30T09:00:00Z, why"), "a since 30 Mar 2026, 09:00 UTC, why");
        assert_eq!([date("2026-02-25"), date("never")], ["25 Feb 2026", "never"]);
        assert_eq!([1000.0, 1e4, 2e6].map(brief_number), ["1\u{202f}000", "10\u{202f}k", "2\u{202f}M"]);
    }

    #[test]
    fn times_and_quantities_have_their_units() {
        let at: Timestamp = "2026-05-04T06:00:12Z".parse().expect("a time");
        assert_eq!(clock(at), "4 May 2026, 06:00:12 UTC");
        assert_eq!(
            when("2026-05-04T06:00:00Z"),
            "<time datetime=\"2026-05-04T06:00:00Z\">4 May 2026, 06:00 UTC</time>"
        );
        assert_eq!(
            [number(0.0), number(1.5), number(12_345.0), number(3.2e7)],
            ["0", "1.5", "12\u{202f}345", "32.0 M"]
        );
        assert_eq!(until(at), "until 4 May 2026, 06:00:12 UTC");
        assert_eq!(until("2026-05-05T00:00:00Z".parse().expect("a time")), "until the end of 4 May 2026");
        assert_eq!([bytes(12.0), bytes(2.5e6)], ["12 B", "2.5 MB"]);
        assert_eq!([plural(1.0, "bot"), plural(0.0, "bot")], ["1 bot", "0 bots"]);
    }
}
