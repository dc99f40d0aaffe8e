//! Which secrets a bot reads: its own, day after day. The first read of another one is a release or a theft, and several
//! at once are a sweep.
//!
//! What is new is told by days, as [`novelty`](crate::stats::novelty) counts them, so that a bot that reads a fresh secret
//! every morning expects one. A secret that one other bot alone reads regularly weighs more than one that nobody knows.
//! A bot without a record of its own proves less: its log may only just have begun to name secrets, so that it takes
//! twice as many of them to make a sweep.
//!
//! Bound: as many secrets a bot as other values; a few fresh reads until they are old. Blind spots: a theft from the
//! bot's own secrets at its usual time; a bot that always reads fresh secrets can read a few more.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::{Breach, breach};
use crate::alert::{Dimension, Severity};
use crate::detect::profile::Profile;
use crate::event::{Event, Kind, Outcome, Text};
use crate::stats::novelty::Novelty;
use crate::stats::{fingerprint, forget};
use crate::time::{Span, Timestamp};

/// Fresh reads that are held for one bot. What is beyond is a sweep already.
const SIGHTS_MAX: usize = 32;
/// What a fresh read counts where it is sure to be one, in halves of a secret.
const WHOLE: u32 = 2;

/// The secrets of one bot.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(in crate::detect) struct Secrets {
    known: Novelty,
    /// Local days of the first read and of the last one.
    since: i32,
    today: i32,
    sights: Vec<Sight>,
    #[serde(default)]
    burst: Burst,
    /// Sessions that read a secret and did work, and those that did none.
    #[serde(default)]
    used: u16,
    #[serde(default)]
    unused: u16,
}

/// How many reads there are at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Burst {
    since: Timestamp,
    reads: u32,
    /// The most that there were, bursts that were told left out.
    most: u32,
    /// Days with bursts that were told, and the last of them.
    days: u16,
    day: i32,
}

/// A fresh read.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Sight {
    ts: Timestamp,
    session: u64,
    /// What it counts, in halves of a secret, and whether the secret is another bot's.
    halves: u32,
    foreign: bool,
}

/// What else there is to know of a read.
#[derive(Clone, Copy, Debug)]
pub(in crate::detect) struct Read<'a> {
    pub event: &'a Event,
    pub secret: &'a str,
    /// The one other bot that reads the secret.
    pub owner: Option<&'a str>,
    /// The rules that are off.
    pub off: &'a [&'a str],
    /// The bot's local day, and its days at work, weighted by age.
    pub today: i32,
    pub days: f64,
    /// Days of the baseline, and those to its maturity.
    pub window_days: u32,
    pub mature_days: u32,
    pub mature: bool,
    /// Whether a change is announced that explains new secrets.
    pub announced: bool,
}

/// How settled a bot is in what it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Habit {
    /// Always the same.
    Steady,
    /// Too little is known of its secrets.
    Young,
    /// It works so seldom that its own secrets are forgotten in between.
    Rare,
    /// Ever new ones.
    Wandering,
}

/// The name of the secret that an event reads, with its vault.
pub(in crate::detect) fn name(event: &Event) -> Option<Text> {
    let Kind::Secret(secret) = &event.kind else { return None };
    let name = secret.name.as_ref()?;
    Some(secret.vault.as_ref().map_or_else(|| name.clone(), |vault| compact_str::format_compact!("{vault}/{name}")))
}

impl Secrets {
    /// Judges a read, then learns it.
    pub(in crate::detect) fn read(&mut self, read: &Read<'_>, profile: &Profile) -> Option<Breach> {
        self.roll(read);
        let value = self.known.value(read.secret);
        let today = value.is_some_and(|value| value.last_day >= read.today);
        let known = value.is_some_and(|value| value.seen >= profile.learn.adopt_days && !today)
            || self.known.knows(read.secret);
        let found = if known || today || !read.mature { None } else { self.judge(read, profile) };
        let trust = match found.as_ref().map(|breach| breach.severity) {
            _ if read.event.outcome != Outcome::Ok => 0.0,
            // What was told a moment ago is as new as it was.
            _ if read.mature && today && !known => 0.0,
            None | Some(Severity::Info) => 1.0,
            Some(Severity::Low) => profile.learn.trust_low,
            Some(_) => profile.learn.trust_page,
        };
        self.known.learn(read.secret, read.today, trust, profile.novelty.values_max);
        let burst = self.burst(read, profile);
        found.or(burst)
    }

    /// Counts a read among those of the last minutes; whether that makes more of them than ever.
    fn burst(&mut self, read: &Read<'_>, profile: &Profile) -> Option<Breach> {
        let (event, limits) = (read.event, &profile.secret);
        if event.outcome != Outcome::Ok {
            return None;
        }
        let burst = &mut self.burst;
        let window = Span::from_mins(limits.sweep_minutes);
        let limit = limits.burst_reads.max((f64::from(burst.most) * limits.burst_factor).ceil() as u32);
        if event.ts - burst.since > window || burst.since - event.ts > window {
            if burst.reads < limit || burst.days > profile.learn.adopt_days {
                burst.most = burst.most.max(burst.reads);
            }
            (burst.since, burst.reads) = (event.ts, 0);
        }
        burst.reads = burst.reads.saturating_add(1);
        let known = read.mature && read.today - self.since >= read.mature_days as i32 && !read.announced;
        if read.off.contains(&"secret_burst") || !known || burst.reads != limit {
            return None;
        }
        if burst.day != read.today {
            (burst.day, burst.days) = (read.today, burst.days.saturating_add(1));
        }
        let (reads, most, minutes) = (burst.reads, burst.most, limits.sweep_minutes);
        let phrase =
            format!("{} secrets {reads} times within {minutes} minutes; the most before were {most}", verb(event));
        let (observed, expected) = (format!("{reads} reads in {minutes} minutes"), format!("at most {most}"));
        let mut found = breach(Severity::Medium, 78.0, Dimension::Secret, "secret_burst", &observed, &expected, phrase);
        found.key = fingerprint(&["burst", &read.today.to_string()]);
        Some(found)
    }

    /// A session that read a secret is over. If it did nothing with it, and that is unheard of: how many did something.
    pub(in crate::detect) fn used(&mut self, worked: bool, profile: &Profile) -> Option<u16> {
        let (used, unused) = (self.used, self.unused);
        if used == u16::MAX || unused == u16::MAX {
            (self.used, self.unused) = (used / 2, unused / 2);
        }
        if worked {
            self.used += 1;
            return None;
        }
        self.unused += 1;
        let share = (f64::from(unused) + 0.5) / (f64::from(used) + f64::from(unused) + 1.0);
        (used >= profile.secret.used_min && share <= profile.secret.unused_share_max).then_some(used)
    }

    /// Whether the bot reads a secret so regularly that it is one of its own.
    pub(in crate::detect) fn owns(&self, secret: &str, days_min: u16) -> bool {
        self.known.knows(secret) && self.known.value(secret).is_some_and(|value| value.seen >= days_min)
    }

    /// How many it reads.
    pub(in crate::detect) fn len(&self) -> usize {
        self.known.values().count()
    }

    /// Bytes that it takes, about.
    pub(in crate::detect) fn bytes(&self) -> usize {
        size_of::<Self>() + self.known.heap_bytes() + self.sights.capacity() * size_of::<Sight>()
    }

    fn roll(&mut self, read: &Read<'_>) {
        let passed = read.today - self.today;
        if passed > 0 {
            let factor = forget(f64::from(passed), f64::from(read.window_days));
            self.known.forget(factor, read.today - read.window_days as i32);
            self.today = read.today;
        }
        if self.known.values().next().is_none() {
            self.since = read.today;
        }
    }

    fn habit(&self, read: &Read<'_>, profile: &Profile) -> Habit {
        let once = self.known.values().filter(|value| value.seen == 1 && value.last_day < read.today);
        let once: f64 = once.map(|value| f64::from(value.days.min(1.0))).sum();
        let prior = profile.novelty_prior();
        if (once + prior.a) / (read.days + prior.a + prior.b) > profile.secret.new_share_max {
            return Habit::Wandering;
        }
        if read.days < profile.secret.days_min {
            return Habit::Rare;
        }
        let young = read.today - self.since < read.mature_days as i32;
        if young { Habit::Young } else { Habit::Steady }
    }

    /// A secret that the bot does not know, for the first time today.
    fn judge(&mut self, read: &Read<'_>, profile: &Profile) -> Option<Breach> {
        let (habit, foreign) = (self.habit(read, profile), read.owner.is_some());
        let halves = match habit {
            _ if foreign => WHOLE,
            Habit::Steady => WHOLE,
            Habit::Young | Habit::Rare => 1,
            Habit::Wandering => 0,
        };
        // No release needs the secrets of several other bots.
        let sweep = if read.announced && !foreign { None } else { self.sweep(read, halves, profile) };
        if sweep.is_some() && !read.off.contains(&"secret_sweep") {
            return sweep;
        }
        let (severity, score) = match (habit, foreign) {
            _ if read.announced => (Severity::Info, 30.0),
            (Habit::Steady, true) => (Severity::Medium, 86.0),
            (Habit::Young | Habit::Rare, true) => (Severity::Medium, 80.0),
            (Habit::Steady, false) => (Severity::Medium, 78.0),
            (Habit::Young | Habit::Rare, false) | (Habit::Wandering, true) => (Severity::Low, 60.0),
            (Habit::Wandering, false) => return None,
        };
        let (verb, secret) = (verb(read.event), read.secret);
        let (detector, phrase) = match read.owner {
            Some(owner) => {
                ("foreign_secret", format!("{verb} the secret `{secret}`, which only the bot `{owner}` reads"))
            }
            None => ("new_secret", format!("{verb} the secret `{secret}` for the first time")),
        };
        Some(breach(severity, score, Dimension::Secret, detector, secret, &self.usual(), phrase))
    }

    /// Whether this read makes a sweep of what was read before, or a larger one.
    fn sweep(&mut self, read: &Read<'_>, halves: u32, profile: &Profile) -> Option<Breach> {
        let (event, window) = (read.event, Span::from_mins(profile.secret.sweep_minutes));
        let session = event.session.as_ref().map_or(0, |id| fingerprint(&[id]).max(1));
        let near = |sight: &Sight| {
            let apart = event.ts - sight.ts;
            let soon = apart <= window && sight.ts - event.ts <= window;
            soon || (session != 0 && sight.session == session)
        };
        self.sights.retain(near);
        if halves == 0 || self.sights.len() >= SIGHTS_MAX {
            return None;
        }
        let before: u32 = self.sights.iter().map(|sight| sight.halves).sum();
        self.sights.push(Sight { ts: event.ts, session, halves, foreign: read.owner.is_some() });
        let crossed = |secrets: u32| before < WHOLE * secrets && before + halves >= WHOLE * secrets;
        let (severity, score, level) = if crossed(profile.secret.sweep_critical) {
            (Severity::Critical, 98.0, "many")
        } else if crossed(profile.secret.sweep_high) {
            (Severity::High, 95.0, "some")
        } else {
            return None;
        };
        let (count, foreign) = (self.sights.len(), self.sights.iter().filter(|sight| sight.foreign).count());
        let others = match foreign {
            0 => String::new(),
            all if all == count => ", all of them other bots'".to_owned(),
            some => format!(", {some} of them other bots'"),
        };
        let times: SmallVec<[Timestamp; 8]> = self.sights.iter().map(|sight| sight.ts).collect();
        let span = times.iter().max().zip(times.iter().min()).map_or(Span::ZERO, |(last, first)| *last - *first);
        let minutes = span.as_micros() / Span::MINUTE.as_micros() + 1;
        let plural = if minutes == 1 { "" } else { "s" };
        let phrase = format!(
            "{} {count} secrets that it never read before within {minutes} minute{plural}{others}",
            verb(event)
        );
        let observed = format!("{count} new secrets, the last one `{}`", read.secret);
        let mut breach = breach(severity, score, Dimension::Secret, "secret_sweep", &observed, &self.usual(), phrase);
        breach.key = fingerprint(&["sweep", level, &read.today.to_string()]);
        Some(breach)
    }

    fn usual(&self) -> String {
        let known = self.known.values().filter(|value| self.known.knows(&value.name)).count();
        match known {
            0 => "no secret so far".to_owned(),
            1 => "the one secret that it reads".to_owned(),
            known => format!("one of the {known} secrets that it reads"),
        }
    }
}

/// A secret that a session read and did nothing with.
pub(in crate::detect) fn unused(secret: &str, used: u16) -> Breach {
    let phrase = format!("read the secret `{secret}` and did no work with it; {used} sessions that read one did");
    let (observed, expected) = (format!("`{secret}` and no work"), "work after the secret is read");
    breach(Severity::Low, 45.0, Dimension::Secret, "secret_unused", &observed, expected, phrase)
}

fn verb(event: &Event) -> &'static str {
    if event.outcome == Outcome::Ok { "read" } else { "tried to read" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::decode::{Envelope, Limits, decode};

    /// A bot that has read its two secrets on each of twenty days.
    fn settled(profile: &Profile) -> Secrets {
        let mut secrets = Secrets::default();
        for day in 1..=20 {
            for name in ["kv/db", "kv/mail"] {
                assert_eq!(read(&mut secrets, profile, name, (day, 0), "s", How::Plain), None);
            }
        }
        secrets
    }

    /// What a test wants to be different.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum How {
        Plain,
        Foreign,
        Announced,
        Denied,
        Rare,
    }

    fn read(
        secrets: &mut Secrets,
        profile: &Profile,
        secret: &str,
        (day, secs): (i32, i64),
        session: &str,
        how: How,
    ) -> Option<(String, Severity)> {
        let start: Timestamp = "2026-03-02T00:00:00Z".parse().expect("a time");
        let ts = start + Span::from_days(i64::from(day)) + Span::from_secs(secs);
        let outcome = if how == How::Denied { "denied" } else { "ok" };
        let json = format!(r#"{{"ts":"{ts}","bot":"b","type":"secret","session":"{session}","outcome":"{outcome}"}}"#);
        let event = decode(json.as_bytes(), &Envelope::default(), &Limits::default()).expect(&json);
        let read = Read {
            event: &event,
            secret,
            owner: (how == How::Foreign).then_some("other"),
            off: &[],
            today: day,
            days: if how == How::Rare { 1.5 } else { f64::from(day.min(16)) },
            // Who seldom works is remembered for longer.
            window_days: if how == How::Rare { 84 } else { 28 },
            mature_days: 14,
            mature: day > 14,
            announced: how == How::Announced,
        };
        secrets.read(&read, profile).map(|breach| (breach.reason.detector, breach.severity))
    }

    #[test]
    fn a_first_read_is_told_once_and_anothers_secret_is_worse() {
        let profile = Profile::shipped();
        let mut secrets = settled(&profile);
        assert_eq!(
            read(&mut secrets, &profile, "kv/new", (21, 0), "s", How::Plain),
            Some(("new_secret".to_owned(), Severity::Medium))
        );
        assert_eq!(read(&mut secrets, &profile, "kv/new", (21, 60), "s", How::Plain), None);
        assert_eq!(
            read(&mut secrets, &profile, "kv/theirs", (22, 0), "t", How::Foreign),
            Some(("foreign_secret".to_owned(), Severity::Medium))
        );
        assert_eq!(
            read(&mut secrets, &profile, "kv/more", (23, 0), "u", How::Announced),
            Some(("new_secret".to_owned(), Severity::Info))
        );
        assert_eq!(read(&mut secrets, &profile, "kv/more", (24, 0), "v", How::Plain), None, "it was announced");
        assert_eq!(read(&mut secrets, &profile, "kv/db", (24, 0), "v", How::Foreign), None, "its own");
    }

    #[test]
    fn what_stays_is_adopted_after_days() {
        let profile = Profile::shipped();
        let mut secrets = settled(&profile);
        let told = (21..30).filter(|&day| read(&mut secrets, &profile, "kv/new", (day, 0), "s", How::Plain).is_some());
        assert_eq!(told.count(), usize::from(profile.learn.adopt_days));
        assert!(secrets.owns("kv/db", 3) && !secrets.owns("kv/other", 3));
    }

    #[test]
    fn a_sweep_is_told_at_once_and_again_when_it_grows() {
        let profile = Profile::shipped();
        let mut secrets = settled(&profile);
        let told: Vec<_> = (0..7)
            .map(|nth| read(&mut secrets, &profile, &format!("kv/{nth}"), (21, 60 * nth), "s", How::Plain))
            .map(|found| found.map(|(detector, severity)| (detector == "secret_sweep", severity)))
            .collect();
        let (first, high, critical) =
            (Some((false, Severity::Medium)), Some((true, Severity::High)), Some((true, Severity::Critical)));
        assert_eq!(told, [first, first, high, first, critical, first, first]);
    }

    #[test]
    fn reads_far_apart_and_announced_ones_are_no_sweep() {
        let profile = Profile::shipped();
        let mut secrets = settled(&profile);
        for nth in 0..6_i32 {
            let (day, name, session) = (21 + nth, format!("kv/{nth}"), format!("s{nth}"));
            let found = read(&mut secrets, &profile, &name, (day, 0), &session, How::Plain);
            assert!(found.is_none_or(|(detector, _)| detector == "new_secret"));
        }
        for nth in 0..6 {
            let found = read(&mut secrets, &profile, &format!("kv/late-{nth}"), (40, nth), "s", How::Announced);
            assert!(found.is_none_or(|(_, severity)| severity == Severity::Info));
        }
    }

    #[test]
    fn bots_without_a_record_and_bots_that_wander_are_hardly_told() {
        let profile = Profile::shipped();
        let mut young = Secrets::default();
        let mut told = Vec::new();
        for nth in 0..6 {
            told.push(
                read(&mut young, &profile, &format!("kv/{nth}"), (21, nth), "s", How::Plain).map(|found| found.1),
            );
        }
        let low = Some(Severity::Low);
        assert_eq!(told, [low, low, low, low, low, Some(Severity::High)]);
        let mut wandering = Secrets::default();
        for day in 1..40 {
            for nth in 0..6 {
                let name = format!("user/{day}-{nth}");
                assert_eq!(read(&mut wandering, &profile, &name, (day, nth), "s", How::Plain), None);
            }
        }
        assert_eq!(
            read(&mut wandering, &profile, "kv/theirs", (41, 0), "s", How::Foreign),
            Some(("foreign_secret".to_owned(), Severity::Low))
        );
        assert!(wandering.bytes() < 8 * 1024);
    }

    #[test]
    fn a_bot_of_the_month_end_may_read_its_own_again() {
        let profile = Profile::shipped();
        let mut secrets = Secrets::default();
        for day in [1, 2, 31, 32] {
            for nth in 0..6 {
                let found = read(&mut secrets, &profile, &format!("kv/{nth}"), (day, nth), "s", How::Rare);
                assert!(found.is_none_or(|(_, severity)| severity == Severity::Low));
            }
        }
    }

    #[test]
    fn far_more_reads_at_once_than_ever_are_a_burst_once() {
        let profile = Profile::shipped();
        let mut secrets = settled(&profile);
        let told = |secrets: &mut Secrets, day: i32, reads: i64| {
            let read = |nth: i64| read(secrets, &profile, "kv/db", (day, 2 * nth), "s", How::Plain);
            (0..reads).filter_map(read).collect::<Vec<_>>()
        };
        assert_eq!(told(&mut secrets, 21, 19), [], "fewer than are a burst at all");
        assert_eq!(told(&mut secrets, 22, 75), [], "fewer than four times the most before");
        let burst = [("secret_burst".to_owned(), Severity::Medium)];
        assert_eq!(told(&mut settled(&profile), 21, 100), burst);
        assert_eq!(told(&mut secrets, 23, 299), []);
        assert_eq!(told(&mut secrets, 24, 40), [], "what was let pass is the most now");
    }

    #[test]
    fn a_secret_that_is_read_for_nothing_is_told_where_that_is_unheard_of() {
        let profile = Profile::shipped();
        let mut secrets = settled(&profile);
        let used: Vec<_> = (0..29).filter_map(|_| secrets.used(true, &profile)).collect();
        assert_eq!((used.len(), secrets.used(false, &profile)), (0, None), "too little is known");
        (0..70).for_each(|_| assert_eq!(secrets.used(true, &profile), None));
        assert_eq!(secrets.used(false, &profile), Some(99));
        assert_eq!(secrets.used(false, &profile), None, "it has become a habit");
    }

    #[test]
    fn an_attempt_counts_and_teaches_nothing() {
        let profile = Profile::shipped();
        let mut secrets = settled(&profile);
        let found = read(&mut secrets, &profile, "kv/root", (21, 0), "s", How::Denied);
        assert_eq!(found, Some(("new_secret".to_owned(), Severity::Medium)));
        assert!(!secrets.known.knows("kv/root"));
    }
}
