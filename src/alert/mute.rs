//! Silences: alerts that are known and shall page nobody until some day. They are still published and logged; only
//! receivers do not hear of them. A silence has an owner, a reason and an end, which are told with what it hides.
//!
//! A silence is asked when an alert is published, and when it would escalate. Blind spot: evidence of another dimension
//! that joins a silenced alert of the same session without making it worse is not published, so that a silence of
//! dimensions hides it, too.

use super::matcher::{Matcher, Whose};
use super::wire::Alert;
use crate::time::Timestamp;

/// One silence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silence {
    /// Name in logs and metrics.
    pub name: String,
    /// Who wanted it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// When it ends, by the wall clock.
    pub until: Timestamp,
    /// Of which alerts.
    pub matcher: Matcher,
}

/// The silence that holds an alert back now: the first that fits.
#[must_use]
pub fn silenced<'a>(silences: &'a [Silence], alert: &Alert, whose: &Whose, now: Timestamp) -> Option<&'a Silence> {
    silences.iter().find(|silence| now < silence.until && silence.matcher.covers(alert, whose))
}

#[cfg(test)]
mod tests {
    use super::super::pattern::Pattern;
    use super::super::wire::Severity;
    use super::super::wire::tests::about_bot as alert;
    use super::*;

    #[test]
    fn a_silence_ends() {
        let until: Timestamp = "2026-05-04T06:00:00Z".parse().expect("a time");
        let silence = |name: &str, tenant: &str| Silence {
            name: name.to_owned(),
            owner: "alice".to_owned(),
            reason: "migration".to_owned(),
            until,
            matcher: Matcher { tenants: vec![Pattern::parse(tenant).expect("a pattern")], ..Matcher::default() },
        };
        let silences = [silence("other", "x"), silence("first", "t"), silence("second", "*")];
        let page = alert("a1", Severity::High);
        let name = |now| silenced(&silences, &page, &Whose::default(), now).map(|silence| silence.name.as_str());
        assert_eq!(name(Timestamp::from_micros(until.as_micros() - 1)), Some("first"));
        assert_eq!(name(until), None);
    }
}
