//! Words for what people do: to the bot before, and at its account.

use crate::alert::{Dimension, Reason};
use crate::detect::score::Person;
use crate::time::Span;

/// An act that something came after, as a reason and as the end of a sentence.
///
/// It weighs as much as it makes an attack more likely.
pub(in crate::detect) fn after(what: &str, since: Span, factor: f64) -> (Reason, String) {
    let ago = since.in_words();
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

/// A person at the bot's account, told by the pace, as a reason and as a phrase.
pub(super) fn person(person: Person) -> (Reason, String) {
    let (now, usual) = (seconds(person.seconds), seconds(person.usual_seconds));
    let phrase =
        format!("worked at the pace of a person, with about {now} between two acts, unevenly, instead of {usual}");
    let reason = Reason {
        dimension: Dimension::Identity,
        detector: "person_pace".to_owned(),
        p_value: Some(person.p),
        observed: format!("about {now} between two acts, unevenly"),
        expected: format!("about {usual}, evenly"),
        text: format!("It {phrase}."),
        contribution: None,
    };
    (reason, phrase)
}

fn seconds(secs: f64) -> String {
    if secs < 1.0 { format!("{secs:.1} s") } else { format!("{secs:.0} s") }
}
