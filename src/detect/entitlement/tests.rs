//! The ledger: what it keeps, what it lets go, and what its bounds may not do.

use proptest::prelude::*;

use super::*;
use crate::detect::profile::Profile;
use crate::time::{Span, Timestamp};

fn limits() -> EntitlementProfile {
    Profile::shipped().entitlement
}

fn used<'a>(day: u16, role: &'a str, work: &'a str, session: &'a str) -> Use<'a> {
    let minute = u32::from(day) * 1440;
    Use { day, minute, role: Some(role), system: Some("sap"), work: Some(work), session: Some(session), first: true }
}

fn sights(ledger: &Entitlements, at: usize) -> Vec<&str> {
    ledger.sights(at).map(|mark| mark.id.as_str()).collect()
}

#[test]
fn a_role_takes_as_little_as_is_said() {
    assert_eq!((size_of::<Held>(), size_of::<Work>()), (28, 8));
}

#[test]
fn a_role_of_every_day_names_one_session_and_a_seldom_one_the_last_four() {
    let (mut ledger, mut names) = (Entitlements::default(), Vocabulary::default());
    for day in 1000..1200_u16 {
        ledger.exercise(&used(day, "reader", "GET", &format!("s{day}")), &mut names, &limits());
        if day % 30 == 0 {
            ledger.exercise(&used(day, "closer", "POST", &format!("s{day}")), &mut names, &limits());
        }
    }
    assert_eq!(sights(&ledger, 0), ["s1199"]);
    assert_eq!(sights(&ledger, 1), ["s1080", "s1110", "s1140", "s1170"]);
    assert_eq!((ledger.roles[0].sessions, ledger.roles[1].sessions), (200, 6));
    assert_eq!(ledger.roles[0].days_since(1190), 10);
    assert_eq!(ledger.roles[1].days_of_use().collect::<Vec<_>>(), [1170, 1140, 1110, 1080]);
    assert!(ledger.sessions.len() <= 6, "{:?}", ledger.sessions);
}

#[test]
fn what_was_not_used_for_long_goes_unless_it_was_granted() {
    let (mut ledger, mut names) = (Entitlements::default(), Vocabulary::default());
    let name = names.roles.number("given").expect("room");
    ledger.granted(Grant { name, at: Timestamp::MIN + Span::from_days(1000), ..Grant::default() }, &limits());
    ledger.exercise(&used(1000, "reader", "GET", "a"), &mut names, &limits());
    ledger.exercise(&used(1000, "given", "POST", "a"), &mut names, &limits());
    ledger.roll(1000, &limits());
    ledger.roll(1401, &limits());
    assert_eq!(ledger.roles.iter().map(|held| names.roles.name(held.name)).collect::<Vec<_>>(), ["given"]);
    assert_eq!((ledger.work.len(), ledger.sessions.len()), (0, 1));
}

#[test]
fn a_role_that_was_taken_away_is_held_no_more() {
    let mut ledger = Entitlements::default();
    let at = |day: i64, removed| Grant { at: Timestamp::MIN + Span::from_days(day), removed, ..Grant::default() };
    for round in 0..3 {
        ledger.granted(at(1000 + 10 * round, false), &limits());
        assert!(ledger.knows_role(0));
        ledger.granted(at(1002 + 10 * round, true), &limits());
        assert!(!ledger.knows_role(0));
    }
    let grant = ledger.grant_of(0).expect("a grant");
    assert_eq!((grant.ended, grant.longest), (3, Span::from_days(2)));
}

proptest! {
    #[test]
    fn bounds_hold_and_work_that_finds_no_room_marks_its_role(
        uses in prop::collection::vec((1000..1100_u16, 0..12_u8, 0..40_u8, 0..30_u8), 1..200),
    ) {
        let limits = EntitlementProfile { roles_max: 6, work_max: 20, ..limits() };
        let (mut ledger, mut names) = (Entitlements::default(), Vocabulary::default());
        for (day, role, work, session) in uses {
            let (role, work, session) = (format!("r{role}"), format!("w{work}"), format!("s{session}"));
            ledger.exercise(&used(day, &role, &work, &session), &mut names, &limits);
            prop_assert!(ledger.roles.len() <= 6 && ledger.work.len() <= 20);
            let held = ledger.roles.iter().position(|held| names.roles.name(held.name) == role).expect("the role in use");
            let print = fingerprint(&[&work]) as u32;
            let listed = ledger.work.iter().any(|known| known.print == print && usize::from(known.role) == held);
            prop_assert!(listed || ledger.roles[held].unlisted);
            prop_assert!(ledger.work.iter().all(|work| usize::from(work.role) < ledger.roles.len()));
            let named = ledger.roles.iter().flat_map(|held| held.sights).filter(|slot| *slot != u8::MAX);
            prop_assert!(named.into_iter().all(|slot| ledger.sessions[usize::from(slot)].minute > 0));
            let bytes = postcard::to_stdvec(&ledger).expect("is written");
            prop_assert_eq!(&postcard::from_bytes::<Entitlements>(&bytes).expect("is read"), &ledger);
        }
    }
}
