//! How the bot's account is signed in to: by a person, or by another method than ever.
//!
//! A machine has one method, day after day. Another one is told on its first days and adopted when it is the one that
//! stays; where the new one is what people use (a password where a token is usual), it pages, whatever else was told on
//! the day. A bot that had several methods before it was known is not held to any.
//!
//! 10 bytes a bot. Bound: one method and one other, each known by one of 65,535 fingerprints. Blind spot: a bot that signs
//! in by password as ever.

use serde::{Deserialize, Serialize};

use super::{Breach, breach};
use crate::alert::{Dimension, Severity};
use crate::detect::change::ChangeWindows;
use crate::event::{Event, Kind, Login};
use crate::stats::fingerprint;

/// Words of the methods that people sign in by.
const OF_PEOPLE: [&str; 9] = ["password", "passwd", "basic", "sso", "otp", "form", "browser", "interactive", "passkey"];
/// Score of a sign-in by a method of people's: it pages.
const SCORE_PEOPLE: f64 = 82.0;
/// Score of one by another machine's: for the archive.
const SCORE_MACHINE: f64 = 40.0;

/// The method that a bot signs in by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::detect) struct Methods {
    /// Part of its fingerprint; 0 before the first.
    usual: u16,
    /// The same of the other one that was seen last; 0 for none.
    other: u16,
    /// The last byte of the day on which the usual one was seen last.
    day: u8,
    /// Days with it, up to what a byte holds.
    days: u8,
    /// The last byte of the day on which another one was seen last.
    other_day: u8,
    /// Days with that other one.
    other_days: u8,
    /// Whether one of people's was told on that day.
    told_people: bool,
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
        let today = signing.today as u8;
        if self.usual == 0 || self.usual == print {
            self.days = if self.usual == 0 { 1 } else { self.days.saturating_add(u8::from(self.day != today)) };
            (self.usual, self.day) = (print, today);
            return None;
        }
        if u32::from(self.days) < signing.mature_days {
            self.several = true;
            return None;
        }
        let lower = method.to_lowercase();
        let of_people = OF_PEOPLE.iter().any(|word| lower.contains(word));
        let news = self.is_news(print, today, of_people);
        if signing.announced || u16::from(self.other_days) > signing.adopt_days {
            *self = Self { usual: print, day: today, days: self.days, ..Self::default() };
            return None;
        }
        if !news {
            return None;
        }
        let (severity, score) =
            if of_people { (Severity::Medium, SCORE_PEOPLE) } else { (Severity::Low, SCORE_MACHINE) };
        let days = self.days;
        let phrase = format!("was signed in to by `{method}`, where another method was used on all {days} days before");
        Some(breach(severity, score, Dimension::Login, "new_login_method", method, "the one usual method", phrase))
    }

    /// Notes another method; whether it is the first one of the day, or the first of people's.
    fn is_news(&mut self, print: u16, today: u8, of_people: bool) -> bool {
        let first = self.other == 0 || self.other_day != today;
        let news = first || (of_people && !self.told_people);
        if self.other != print {
            (self.other, self.other_days) = (print, 1);
        } else if first {
            self.other_days = self.other_days.saturating_add(1);
        }
        self.told_people = of_people || (!first && self.told_people);
        self.other_day = today;
        news
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
    fn a_password_pages_whatever_else_came_before_it() {
        let (low, page) = (Some(Severity::Low), Some(Severity::Medium));
        for (before, expected) in [
            (&[(20, "certificate")][..], &[low, page][..]),
            (&[(19, "certificate"), (20, "token")], &[low, None, page]),
            (&[(16, "cert"), (17, "cert"), (18, "cert"), (19, "cert")], &[low, low, low, low, page]),
            (&[(20, "password"), (20, "certificate")], &[page, None, None]),
        ] {
            let mut methods = settled(16);
            let signed = before.iter().chain([&(20, "password")]);
            let told: Vec<_> = signed.map(|&(day, method)| sign_in(&mut methods, day, method, false)).collect();
            assert_eq!(told, expected, "{before:?}");
        }
    }

    #[test]
    fn it_takes_ten_bytes() {
        assert_eq!(size_of::<Methods>(), 10);
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
