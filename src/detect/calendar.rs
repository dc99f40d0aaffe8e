//! The calendar: stretches of time in which something else is to be expected of bots than on other days.
//!
//! It moves expectations and hides nothing. In a maintenance window a bot may be absent and may run at odd times; what it
//! does, from where and how much is judged as ever, and it must be back behind the window. On a holiday bots that rest on
//! weekends may rest. In a change freeze, what is done to a bot or granted to it is a step worse, since nothing is due.

use crate::alert::{Scope, Whom};
use crate::stats::week::WeekDensity;
use crate::time::Timestamp;

/// Share of starts on weekends up to which a bot rests on them.
const WEEKEND_SHARE_MAX: f64 = 0.05;

/// What a stretch of the calendar is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Season {
    /// Bots are stopped and started.
    Maintenance,
    /// No business day.
    Holiday,
    /// Nothing may be changed.
    Freeze,
}

/// One stretch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// What it is.
    pub season: Season,
    /// For whom.
    pub scope: Scope,
    /// Event time from which it holds.
    pub from: Timestamp,
    /// Event time from which it holds no longer.
    pub until: Timestamp,
}

/// All stretches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calendar(pub Vec<Stretch>);

impl Season {
    /// Every season.
    pub const ALL: [Self; 3] = [Self::Maintenance, Self::Holiday, Self::Freeze];

    /// Its name in the settings.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Maintenance => "maintenance",
            Self::Holiday => "holiday",
            Self::Freeze => "freeze",
        }
    }
}

/// Whether somebody who starts like that rests on weekends, and so on holidays.
pub(super) fn rests_on_weekends(week: &WeekDensity) -> bool {
    week.weekday_share(5) + week.weekday_share(6) <= WEEKEND_SHARE_MAX
}

impl Calendar {
    /// Whether it is a season for somebody.
    pub(super) fn is(&self, season: Season, whom: Whom<'_>, at: Timestamp) -> bool {
        let holds = |stretch: &&Stretch| stretch.season == season && (stretch.from..stretch.until).contains(&at);
        self.0.iter().filter(holds).any(|stretch| stretch.scope.covers(whom))
    }

    /// The end of the last stretch, begun by `now`, in which a bot need not be at work; the end may lie ahead.
    pub(super) fn rest(&self, whom: Whom<'_>, week: &WeekDensity, now: Timestamp) -> Option<Timestamp> {
        let rests = |stretch: &&Stretch| {
            stretch.from <= now
                && stretch.scope.covers(whom)
                && match stretch.season {
                    Season::Maintenance => true,
                    Season::Holiday => rests_on_weekends(week),
                    Season::Freeze => false,
                }
        };
        self.0.iter().filter(rests).map(|stretch| stretch.until).max()
    }
}
