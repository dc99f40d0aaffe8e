//! One role of a bot: how it came to it, and how it uses it.

use serde::{Deserialize, Serialize};

use crate::event::Text;
use crate::time::{Span, Timestamp};

/// Days whose use is remembered one by one.
pub(in crate::detect) const DAYS_KEPT: u16 = 96;
/// Sessions that are named for a role.
const SIGHTS: usize = 4;
/// No session.
const NOWHERE: u8 = u8::MAX;
/// Minutes between two uses that belong to one stretch. Longer: fewer sessions of roles that are seldom used are named.
const STRETCH_MINUTES: u32 = 7 * 24 * 60;
/// Grants that ended, up to which they are counted.
const SPANS_MAX: u8 = 200;

/// A role of one bot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::detect) struct Held {
    /// Number of its name.
    pub name: u32,
    /// First and last day of use; 0 for never.
    pub first_used: u16,
    pub last_used: u16,
    /// Whether work with it was left out for lack of room.
    pub unlisted: bool,
    /// Whether it was told that it stands idle.
    pub idle_told: bool,
    /// Places of the sessions that are named, the newest last.
    pub sights: [u8; SIGHTS],
    /// Sessions that used it, up to 65,535.
    pub sessions: u16,
    /// Days of use, back from the last one, bit by bit.
    days: [u32; 3],
}

/// The last change of a role that somebody gave or took.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(in crate::detect) struct Grant {
    /// Number of the role's name.
    pub name: u32,
    pub at: Timestamp,
    pub by: Option<Text>,
    pub ticket: Option<Text>,
    /// Whether it was taken away again.
    pub removed: bool,
    /// Grants that were taken away again, and the longest of them.
    pub ended: u8,
    pub longest: Span,
    /// Whether it was told that this one lasts.
    pub told: bool,
}

/// A session that exercised a role.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(in crate::detect) struct SightMark {
    pub id: Text,
    /// Minute since 1970; 0 for a place that is free.
    pub minute: u32,
}

impl Grant {
    /// Takes a later change in.
    pub(super) fn change(&mut self, new: Self) {
        let (ended, longest) = (self.ended, self.longest);
        if !new.removed {
            // What is given twice lasts since the first time.
            if self.removed {
                *self = Self { ended, longest, ..new };
            }
        } else if !self.removed {
            let lasted = longest.max(new.at - self.at);
            *self = Self { ended: ended.saturating_add(1).min(SPANS_MAX), longest: lasted, ..new };
        }
    }
}

impl SightMark {
    pub(super) fn is_same_stretch(&self, minute: u32) -> bool {
        minute.abs_diff(self.minute) <= STRETCH_MINUTES
    }
}

impl Held {
    pub(super) fn new(name: u32) -> Self {
        Self {
            name,
            first_used: 0,
            last_used: 0,
            unlisted: false,
            idle_told: false,
            sights: [NOWHERE; SIGHTS],
            sessions: 0,
            days: [0; 3],
        }
    }

    /// Days of use from a day on, of those that are remembered.
    pub(in crate::detect) fn days_since(&self, from: u16) -> u32 {
        let back = (i32::from(self.last_used) - i32::from(from) + 1).clamp(0, i32::from(DAYS_KEPT));
        (self.bits() & ((1_u128 << back) - 1)).count_ones()
    }

    /// Days of use that are remembered one by one, the newest first.
    pub(in crate::detect) fn days_of_use(&self) -> impl Iterator<Item = u16> {
        let (bits, last) = (self.bits(), self.last_used);
        (0..DAYS_KEPT).filter(move |back| bits >> back & 1 == 1).map(move |back| last.saturating_sub(back))
    }

    /// Counts a use on a day.
    pub(super) fn note(&mut self, day: u16, first: bool) {
        self.sessions = self.sessions.saturating_add(u16::from(first));
        if self.last_used == 0 {
            (self.first_used, self.last_used, self.days) = (day, day, [1, 0, 0]);
            return;
        }
        if day == self.last_used {
            return;
        }
        let bits = if day > self.last_used {
            let shift = u32::from(day - self.last_used);
            self.last_used = day;
            self.bits().checked_shl(shift).unwrap_or(0) | 1
        } else {
            self.first_used = self.first_used.min(day);
            self.bits() | 1_u128.checked_shl(u32::from(self.last_used - day)).unwrap_or(0)
        };
        self.days = [bits as u32, (bits >> 32) as u32, (bits >> 64) as u32];
    }

    /// Names a session, in place of the last one or beside it.
    pub(super) fn see(&mut self, slot: u8, in_place: bool) {
        if self.sights[SIGHTS - 1] == slot {
            return;
        }
        if !in_place {
            self.sights.rotate_left(1);
        }
        self.sights[SIGHTS - 1] = slot;
    }

    pub(super) fn newest_sight(&self) -> Option<u8> {
        Some(self.sights[SIGHTS - 1]).filter(|slot| *slot != NOWHERE)
    }

    fn bits(&self) -> u128 {
        let [a, b, c] = self.days.map(u128::from);
        a | b << 32 | c << 64
    }
}
