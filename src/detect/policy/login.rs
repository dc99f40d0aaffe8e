//! How the bot's account is signed in to: by a person, or by another method than ever.
//!
//! A machine has one method, day after day. Another one is told on its first days and adopted when it stays; where the
//! new one is what people use (a password where a token is usual), it pages. A bot that had several methods before it
//! was known is not held to any.
//!
//! Eight bytes a bot. Bound: one method, known by a sixteenth of a million of fingerprints. Blind spot: a bot that signs
//! in by password as ever.

use serde::{Deserialize, Serialize};

use super::{Breach, breach};
use crate::alert::{Dimension, Severity};
use crate::detect::change::ChangeWindows;
use crate::event::{Event, Kind, Login};
use crate::stats::fingerprint;

/// Words of the methods that people sign in by.
const OF_PEOPLE: [&str; 9] = ["password", "passwd", "basic", "sso", "otp", "form", "browser", "interactive", "passkey"];
/// Scores of a method of people's, and of another machine's.
const SCORE_PEOPLE: f64 = 82.0;
const SCORE_MACHINE: f64 = 40.0;

/// The method that a bot signs in by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::detect) struct Methods {
    /// Part of its fingerprint; 0 before the first.
    usual: u16,
    /// The last byte of the day on which it, or another one, was seen last.
    day: u8,
    /// Days with it, up to what a byte holds.
    days: u8,
    /// Days with another one since then.
    others: u8,
    /// Whether it had several before one was known.
    several: bool,
}

/// What else there is to know of a sign-in.
#[derive(Clone, Copy, Debug)]
pub(in crate::detect) struct Signing {
    /// The bot's local day.
    pub today: i32,
    pub mature_days: u32,
    pub adopt_days: u16,
    /// Whether a change is announced that may bring another method.
    pub announced: bool,
}

/// A person at the bot's account, while no change is announced that would need one.
pub(super) fn login(event: &Event, windows: &ChangeWindows) -> Option<Breach> {
    let Kind::Login(login) = &event.kind else { return None };
    if login.interactive != Some(true) || windows.maintenance(event.ts) {
        return None;
    }
    let method = login.method.as_deref().unwrap_or("unknown method");
    let phrase = format!("was signed in to by a person ({method}) with no announced maintenance");
    Some(breach(Severity::High, 86.0, Dimension::Login, "interactive_login", method, "machine logins only", phrase))
}

impl Methods {
    /// Holds a machine's sign-in against those before, then learns it.
    pub(in crate::detect) fn sign_in(&mut self, event: &Event, signing: Signing) -> Option<Breach> {
        let Kind::Login(Login { method: Some(method), interactive, .. }) = &event.kind else { return None };
        if *interactive == Some(true) || self.several {
            return None;
        }
        let print = (fingerprint(&[method]) as u16).max(1);
        let fresh_day = self.day != signing.today as u8;
        self.day = signing.today as u8;
        if self.usual == 0 || self.usual == print {
            self.days = if self.usual == 0 { 1 } else { self.days.saturating_add(u8::from(fresh_day)) };
            self.usual = print;
            return None;
        }
        if u32::from(self.days) < signing.mature_days {
            self.several = true;
            return None;
        }
        if !fresh_day && self.others > 0 {
            // It was told today.
            return None;
        }
        self.others = self.others.saturating_add(1);
        if signing.announced || u16::from(self.others) > signing.adopt_days {
            *self = Self { usual: print, day: self.day, days: self.days, ..Self::default() };
            return None;
        }
        let lower = method.to_lowercase();
        let of_people = OF_PEOPLE.iter().any(|word| lower.contains(word));
        let (severity, score) =
            if of_people { (Severity::Medium, SCORE_PEOPLE) } else { (Severity::Low, SCORE_MACHINE) };
        let days = self.days;
        let phrase = format!("was signed in to by `{method}`, where another method was used on all {days} days before");
        Some(breach(severity, score, Dimension::Login, "new_login_method", method, "the one usual method", phrase))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::decode::{Envelope, Limits, decode};

    fn sign_in(methods: &mut Methods, day: i32, method: &str, announced: bool) -> Option<Severity> {
        let json = format!(
            r#"{{"ts":"2026-05-04T06:00:00Z","bot":"b","type":"login","login":{{"method":"{method}","interactive":false}}}}"#
        );
        let event = decode(json.as_bytes(), &Envelope::default(), &Limits::default()).expect(&json);
        let signing = Signing { today: day, mature_days: 14, adopt_days: 4, announced };
        methods.sign_in(&event, signing).map(|breach| breach.severity)
    }

    /// A bot that signed in by token on these days, twice each.
    fn settled(days: i32) -> Methods {
        let mut methods = Methods::default();
        for day in (0..days).flat_map(|day| [day, day]) {
            assert_eq!(sign_in(&mut methods, day, "token", false), None);
        }
        methods
    }

    #[test]
    fn a_password_where_a_token_is_usual_pages_and_another_key_is_noted() {
        assert_eq!(sign_in(&mut settled(20), 20, "password", false), Some(Severity::Medium));
        assert_eq!(sign_in(&mut settled(20), 20, "certificate", false), Some(Severity::Low));
        assert_eq!(sign_in(&mut settled(20), 20, "certificate", true), None, "it was announced");
        assert_eq!(sign_in(&mut settled(20), 20, "token", false), None);
    }

    #[test]
    fn a_method_that_stays_is_adopted() {
        let mut methods = settled(20);
        let told: Vec<i32> =
            (20..30).filter(|&day| sign_in(&mut methods, day, "certificate", false).is_some()).collect();
        assert_eq!(told, [20, 21, 22, 23]);
        assert_eq!(sign_in(&mut methods, 31, "token", false), Some(Severity::Low));
    }

    #[test]
    fn whoever_has_several_is_held_to_none() {
        let mut methods = settled(3);
        assert_eq!(sign_in(&mut methods, 3, "password", false), None);
        (4..40).for_each(|day| {
            assert_eq!(sign_in(&mut methods, day, if day % 2 == 0 { "token" } else { "password" }, false), None);
        });
    }
}
