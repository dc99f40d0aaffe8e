//! From a probability to a severity, by what the operator accepts.
//!
//! The question is not how small a p-value is but how often a bot that is well would show one: `daily_rate` is the
//! fused p-value times the sessions a day. A finding pages when that is at most the accepted rate of false pages for
//! a bot-day; the other severities are fixed multiples of it. Where much is accepted, a multiple of it would take in
//! every session; so nothing that is expected more often than `word_rate_per_bot_day` is worth a word, unless it pages.

use super::profile::DecideProfile;
use crate::alert::Severity;

/// The severity of a finding that is expected `daily_rate` times a bot-day; `None` is not worth a word.
#[must_use]
pub(super) fn severity(daily_rate: f64, page_rate: f64, profile: &DecideProfile) -> Option<Severity> {
    // Pages are not what this takes away: whoever accepts more of them than words gets them.
    let word_max = profile.word_rate_per_bot_day.max(page_rate);
    if daily_rate > word_max {
        return None;
    }
    let multiple = daily_rate / page_rate;
    let steps = [
        (profile.critical, Severity::Critical),
        (profile.high, Severity::High),
        (profile.medium, Severity::Medium),
        (profile.low, Severity::Low),
        (profile.info, Severity::Info),
    ];
    steps.into_iter().find(|(bound, _)| multiple <= *bound).map(|(_, severity)| severity)
}

/// Powers of ten by which an expected rate falls where half of the rest of the scale is used up. Larger: pages have lower
/// scores.
const HALF_DECADES: f64 = 3.0;

/// 0 to 100, comparable between bots: half of the rest of the scale for each factor of 10⁻³ in the expected rate.
#[must_use]
pub(super) fn score(daily_rate: f64) -> f64 {
    let decades = -daily_rate.clamp(f64::MIN_POSITIVE, 1.0).log10();
    (1000.0 * (1.0 - 0.5_f64.powf(decades / HALF_DECADES))).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::profile::Profile;

    #[test]
    fn however_much_may_page_a_usual_session_is_not_worth_a_word() {
        let profile = Profile::shipped().decide;
        for (page_rate, words) in [(0.005, 0.3), (0.02, 0.3), (0.1, 0.3), (0.6, 0.6)] {
            let least = severity(words, page_rate, &profile);
            assert_eq!(severity(words * 1.001, page_rate, &profile), None, "{page_rate}");
            let pages =
                if page_rate < words { least < Some(Severity::Medium) } else { least == Some(Severity::Medium) };
            assert!(least.is_some() && pages, "{page_rate}: {least:?}");
        }
        assert_eq!(severity(1.0, 1.0, &profile), Some(Severity::Medium), "all of it is accepted");
    }

    #[test]
    fn a_page_is_what_happens_as_seldom_as_accepted() {
        let profile = Profile::parse(Profile::SHIPPED).expect("the shipped profile").decide;
        assert_eq!(severity(0.002, 0.002, &profile), Some(Severity::Medium));
        assert_eq!(severity(0.0021, 0.002, &profile), Some(Severity::Low));
        assert_eq!(severity(1e-9, 0.002, &profile), Some(Severity::Critical));
        assert_eq!(severity(0.5, 0.002, &profile), None);
        assert!((score(1.0) - 0.0).abs() < 1e-9 && (score(1e-3) - 50.0).abs() < 1e-9 && score(1e-300) <= 100.0);
    }
}
