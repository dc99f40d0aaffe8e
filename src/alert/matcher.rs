//! Which alerts a route or a silence means: by tenant, bot, severity, dimension, and by the team and the owner that the
//! registry names. A list that is empty asks for nothing; of a list, one entry has to fit.

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
    /// Of these tenants; `*` stands for any letters, here and in the lists below.
    pub tenants: Vec<String>,
    /// About these bots.
    pub bots: Vec<String>,
    /// This bad.
    pub severities: Vec<Severity>,
    /// Of these dimensions.
    pub dimensions: Vec<Dimension>,
    /// Of bots of these teams.
    pub teams: Vec<String>,
    /// Of bots of these owners.
    pub owners: Vec<String>,
}

impl Matcher {
    /// Whether it asks for anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
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
        named(&self.tenants, Some(&alert.tenant))
            && named(&self.bots, alert.bot.as_deref())
            && (self.severities.is_empty() || self.severities.contains(&alert.severity))
            && named(&self.teams, whose.team.as_deref())
            && named(&self.owners, whose.owner.as_deref())
    }
}

/// Whether a name fits one of the patterns. What has no name fits none.
fn named(patterns: &[String], name: Option<&str>) -> bool {
    patterns.is_empty() || name.is_some_and(|name| patterns.iter().any(|pattern| fits(pattern, name)))
}

/// Whether a text fits a pattern, in which `*` stands for any letters, none too. Pieces are looked for from the left, each
/// at its first place, which finds a fit where there is one, in time linear in the text for each piece.
fn fits(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some(last) = pieces.next_back() else { return rest.is_empty() };
    for piece in pieces {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::super::wire::tests::{about_bot as alert, reason};
    use super::*;

    fn texts(list: &[&str]) -> Vec<String> {
        list.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn patterns_fit_what_they_say() {
        for (pattern, text, fit) in [
            ("payroll", "payroll", true),
            ("payroll", "payroll-2", false),
            ("pay*", "payroll", true),
            ("*roll", "payroll", true),
            ("p*r*l", "payroll", true),
            ("*", "", true),
            ("a*a", "a", false),
            ("a*b*a", "aba", true),
            ("a*b*a", "aa", false),
            ("*ü*", "für", true),
            ("", "", true),
            ("", "x", false),
        ] {
            assert_eq!(fits(pattern, text), fit, "{pattern} {text}");
        }
    }

    #[test]
    fn every_list_has_to_fit() {
        let whose = Whose { team: Some("rpa".to_owned()), owner: None };
        let mut page = alert("a1", Severity::High);
        page.reasons = vec![reason(Dimension::Volume), reason(Dimension::Time)];
        for (matcher, touches, covers) in [
            (Matcher::default(), true, true),
            (Matcher { tenants: texts(&["x", "t"]), ..Matcher::default() }, true, true),
            (Matcher { tenants: texts(&["x"]), ..Matcher::default() }, false, false),
            (Matcher { bots: texts(&["b*"]), severities: vec![Severity::High], ..Matcher::default() }, true, true),
            (Matcher { bots: texts(&["b*"]), severities: vec![Severity::Low], ..Matcher::default() }, false, false),
            (Matcher { teams: texts(&["rpa"]), ..Matcher::default() }, true, true),
            (Matcher { owners: texts(&["*"]), ..Matcher::default() }, false, false),
            (Matcher { dimensions: vec![Dimension::Time], ..Matcher::default() }, true, false),
            (Matcher { dimensions: vec![Dimension::Time, Dimension::Volume], ..Matcher::default() }, true, true),
            (Matcher { dimensions: vec![Dimension::Rate], ..Matcher::default() }, false, false),
        ] {
            let found = (matcher.touches(&page, &whose), matcher.covers(&page, &whose));
            assert_eq!(found, (touches, covers), "{matcher:?}");
        }
        page.reasons.clear();
        let timely = Matcher { dimensions: vec![Dimension::Time], ..Matcher::default() };
        assert!(!timely.covers(&page, &whose), "without a reason there is nothing to cover");
    }
}
