//! A baseline, or a dimension of it, as it was.

use super::Baseline;
use crate::alert::Dimension;

impl Baseline {
    /// Takes over what an earlier baseline knew; whether there is anything to take over for a dimension. The days stay
    /// where they are: a bot that is put back has not been silent in between.
    pub(in crate::detect) fn revert(&mut self, earlier: &Self, dimension: Option<Dimension>) -> bool {
        let earlier = earlier.clone();
        match dimension {
            None => {
                let (today, events, begin) = (self.today, self.events, self.last_begin);
                *self = Self { today, events, last_begin: begin, ..earlier };
            }
            Some(Dimension::Time) => (self.week, self.presence) = (earlier.week, earlier.presence),
            Some(Dimension::Source) => {
                (self.hosts, self.networks) = (earlier.hosts, earlier.networks);
                (self.devices, self.places) = (earlier.devices, earlier.places);
            }
            Some(Dimension::Sequence) => (self.graph, self.rhythm) = (earlier.graph, earlier.rhythm),
            Some(Dimension::Volume) => {
                (self.volumes, self.modes, self.levels) = (earlier.volumes, earlier.modes, earlier.levels);
            }
            Some(Dimension::Privilege) => self.roles = earlier.roles,
            Some(Dimension::Rate) => {
                self.daily_sessions_squared = earlier.daily_sessions_squared;
                (self.sessions, self.days, self.hourly) = (earlier.sessions, earlier.days, earlier.hourly);
            }
            Some(_) => return false,
        }
        true
    }
}
