//! Words for what comes after a suspicious act on the bot.

use crate::alert::{Dimension, Reason};
use crate::time::Span;

/// An act that something came after, as a reason and as the end of a sentence.
///
/// It weighs as much as it makes an attack more likely.
pub(in crate::detect) fn after(what: &str, since: Span, factor: f64) -> (Reason, String) {
    let ago = ago(since);
    let reason = Reason {
        dimension: Dimension::Control,
        detector: "after_control".to_owned(),
        p_value: Some(factor.recip()),
        observed: format!("{ago} after the bot {what}"),
        expected: "an oddity at any other time".to_owned(),
        text: format!("It came {ago} after the bot {what}, which makes an attack more likely."),
        contribution: None,
    };
    (reason, format!(", {ago} after it {what}"))
}

fn ago(since: Span) -> String {
    let minutes = since.as_micros() / Span::MINUTE.as_micros();
    match minutes {
        i64::MIN..=0 => "less than a minute".to_owned(),
        1 => "a minute".to_owned(),
        2..=119 => format!("{minutes} minutes"),
        _ => format!("{} hours", minutes / 60),
    }
}
