//! Which alerts a route or a silence means: by tenant, bot, severity, dimension, and by the team and the owner that the
//! registry names, by the [patterns](super::pattern) of all settings. A list that is empty asks for nothing; of a list, one
//! entry has to fit.

use super::pattern::{Pattern, are_particular, take_in};
use super::wire::{Alert, Dimension, Severity};

/// Who answers for a bot, as far as the registry says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Whose {
    /// The team that runs it.
    pub team: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
}

/// What an alert has to be like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matcher {
    /// Of these tenants.
    pub tenants: Vec<Pattern>,
    /// About these bots.
    pub bots: Vec<Pattern>,
    /// This bad.
    pub severities: Vec<Severity>,
    /// Of these dimensions.
    pub dimensions: Vec<Dimension>,
    /// Of bots of these teams.
    pub teams: Vec<Pattern>,
    /// Of bots of these owners.
    pub owners: Vec<Pattern>,
}

impl Matcher {
    /// Whether it asks for nothing, so that it means every alert.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it asks for something in particular: names that are not just any, severities, or dimensions.
    #[must_use]
    pub fn is_particular(&self) -> bool {
        [&self.tenants, &self.bots, &self.teams, &self.owners].into_iter().any(|names| are_particular(names))
            || !self.severities.is_empty()
            || !self.dimensions.is_empty()
    }

    /// Whether it means an alert, of which one reason is of the dimensions: for a route, which must not miss any.
    #[must_use]
    pub fn touches(&self, alert: &Alert, whose: &Whose) -> bool {
        let any = |dimension| self.dimensions.contains(dimension);
        self.fits(alert, whose)
            && (self.dimensions.is_empty() || alert.reasons.iter().any(|reason| any(&reason.dimension)))
    }

    /// Whether it means an alert, of which every reason is of the dimensions: for a silence, which must hide nothing else.
    #[must_use]
    pub fn covers(&self, alert: &Alert, whose: &Whose) -> bool {
        let all = || alert.reasons.iter().all(|reason| self.dimensions.contains(&reason.dimension));
        self.fits(alert, whose) && (self.dimensions.is_empty() || (!alert.reasons.is_empty() && all()))
    }

    fn fits(&self, alert: &Alert, whose: &Whose) -> bool {
        take_in(&self.tenants, Some(&alert.tenant))
            && take_in(&self.bots, alert.bot.as_deref())
            && (self.severities.is_empty() || self.severities.contains(&alert.severity))
            && take_in(&self.teams, whose.team.as_deref())
            && take_in(&self.owners, whose.owner.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire::tests::{about_bot as alert, reason};
    use super::*;

    fn patterns(list: &[&str]) -> Vec<Pattern> {
        list.iter().map(|text| Pattern::parse(text).expect(text)).collect()
    }

    #[test]
    fn every_list_has_to_fit() {
        let whose = Whose { team: Some("rpa".to_owned()), owner: None };
        let mut page = alert("a1", Severity::High);
        page.reasons = vec![reason(Dimension::Volume), reason(Dimension::Time)];
        for (matcher, touches, covers) in [
            (Matcher::default(), true, true),
            (Matcher { tenants: patterns(&["x", "t"]), ..Matcher::default() }, true, true),
            (Matcher { tenants: patterns(&["x"]), ..Matcher::default() }, false, false),
            (Matcher { bots: patterns(&["b*"]), severities: vec![Severity::High], ..Matcher::default() }, true, true),
            (Matcher { bots: patterns(&["b*"]), severities: vec![Severity::Low], ..Matcher::default() }, false, false),
            (Matcher { teams: patterns(&["rpa"]), ..Matcher::default() }, true, true),
            (Matcher { owners: patterns(&["*"]), ..Matcher::default() }, false, false),
            (Matcher { dimensions: vec![Dimension::Time], ..Matcher::default() }, true, false),
            (Matcher { dimensions: vec![Dimension::Time, Dimension::Volume], ..Matcher::default() }, true, true),
            (Matcher { dimensions: vec![Dimension::Rate], ..Matcher::default() }, false, false),
        ] {
            let found = (matcher.touches(&page, &whose), matcher.covers(&page, &whose));
            assert_eq!(found, (touches, covers), "{matcher:?}");
        }
        let open = Matcher { tenants: patterns(&["*"]), bots: patterns(&["?*"]), ..Matcher::default() };
        assert!(!open.is_particular() && !open.is_empty() && open.covers(&page, &whose));
        page.reasons.clear();
        let timely = Matcher { dimensions: vec![Dimension::Time], ..Matcher::default() };
        assert!(!timely.covers(&page, &whose), "without a reason there is nothing to cover");
    }
}
