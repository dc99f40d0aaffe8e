//! A person's word about what is usual: known at once, forgotten like all else, and taken back where it was wrong.
//!
//! A word counts like days on which the value was seen, so that nothing else must know of it. Blind spot: what was
//! vouched for and never comes is forgotten with the window.

use super::Baseline;
use crate::alert::Facet;
use crate::detect::profile::Profile;
use crate::event::Text;
use crate::stats::forget;
use crate::stats::novelty::Novelty;
use crate::time::Local;

/// Quarter hours of an hour on each day of the week.
const QUARTERS_OF_WEEK: u16 = 28;

impl Baseline {
    /// Takes somebody's word for a value, as if it had been seen on so many days.
    pub(in crate::detect) fn vouch(&mut self, facet: Facet, name: &str, days: f32, profile: &Profile) {
        let (day, max) = (self.today, profile.novelty.values_max);
        match facet {
            Facet::Operation => {
                let roles: Vec<Text> = self.roles.values().map(|value| value.name.clone()).collect();
                self.graph.vouch(name, (day, days), &roles, profile.sequence.edges_max);
            }
            Facet::Hour => self.vouch_hour(name, days),
            facet => {
                if let Some(values) = self.values(facet, true) {
                    values.vouch(name, day, days, max);
                }
            }
        }
    }

    /// Takes such a word back that was given on a day.
    pub(in crate::detect) fn disown(&mut self, facet: Facet, name: &str, days: f32, since: i32, window_days: u32) {
        if self.first_day.is_none_or(|first| first > since) {
            return;
        }
        let left = days * forget(f64::from(self.today - since), self.window(window_days, 0)) as f32;
        match facet {
            Facet::Operation => self.graph.disown(name, left),
            Facet::Hour => self.vouch_hour(name, -left),
            facet => {
                if let Some(values) = self.values(facet, false) {
                    values.disown(name, left);
                }
            }
        }
    }

    /// Forgets a value that came on a day or later, since it was an attacker's.
    pub(in crate::detect) fn unlearn(&mut self, facet: Facet, name: &str, since: i32) {
        if let Some(values) = self.values(facet, false) {
            values.unlearn(name, since);
        }
    }

    fn vouch_hour(&mut self, hour: &str, days: f32) {
        let Ok(hour) = hour.parse::<u16>() else { return };
        for quarter in 0..QUARTERS_OF_WEEK {
            let minute = hour % 24 * 60 + quarter % 4 * 15;
            let local = Local { day: 0, weekday: (quarter / 4) as u8, minute };
            self.week.learn(local, f64::from(days) / f64::from(QUARTERS_OF_WEEK));
        }
    }

    fn values(&mut self, facet: Facet, made: bool) -> Option<&mut Novelty> {
        let boxed = match facet {
            Facet::Host => return Some(&mut self.hosts),
            Facet::Network => return Some(&mut self.networks),
            Facet::Role => return Some(&mut self.roles),
            Facet::Device => &mut self.devices,
            Facet::Place => &mut self.places,
            Facet::Operation | Facet::Hour => return None,
        };
        if made {
            boxed.get_or_insert_default();
        }
        boxed.as_deref_mut()
    }
}
