//! Acts of an office: what is usual stays quiet, what is not is named, and probabilities mean what they say.

use proptest::prelude::*;

use super::*;

/// An act of ann's at ten on a working day, with what a test wants to be different.
fn act(day: i32) -> Act<'static> {
    Act {
        id: "e",
        by: "ann",
        bot: "payroll",
        action: "bot_modified",
        host: Some("desk-1"),
        network: Some("10.1.2.0/24".into()),
        local: at(day, 10),
        ticket: true,
        factor: Some(true),
        bare: false,
    }
}

fn at(day: i32, hour: u16) -> Local {
    Local { day, weekday: day.rem_euclid(7) as u8, minute: hour * 60 }
}

/// Ten weeks in which ann and bob act on working days at three hours.
fn office(profile: &Profile) -> Operators {
    let mut operators = Operators::default();
    for day in (0..70).filter(|day| day % 7 < 5) {
        for (nth, by) in ["ann", "bob"].into_iter().enumerate() {
            let hour = 9 + ((day as u16 * 5 + nth as u16 * 3) % 7);
            let act = Act { by, local: at(day, hour), ..act(day) };
            operators.read("acme", &act, profile);
            operators.learn("acme", &act, 1.0, profile);
        }
    }
    operators
}

fn facets(reading: &Reading) -> Vec<Facet> {
    reading.odd.iter().map(|odd| odd.facet).collect()
}

#[test]
fn each_way_of_being_odd_is_named() {
    let profile = Profile::shipped();
    let usual = act(70);
    let cases: [(Act<'_>, &[Facet]); 8] = [
        (usual.clone(), &[]),
        (Act { by: "eve", ..usual.clone() }, &[Facet::Newcomer]),
        (Act { action: "logging_disabled", ..usual.clone() }, &[Facet::Action]),
        (Act { bot: "treasury", ..usual.clone() }, &[Facet::Bot]),
        (Act { host: Some("kali"), ..usual.clone() }, &[Facet::Host]),
        (Act { network: Some("185.1.2.0/24".into()), ..usual.clone() }, &[Facet::Network]),
        (Act { local: at(70, 3), ..usual.clone() }, &[Facet::Hour]),
        (Act { local: at(75, 10), ..usual.clone() }, &[Facet::Hour]),
    ];
    for (act, expected) in cases {
        let reading = office(&profile).read("acme", &act, &profile);
        assert_eq!(facets(&reading), expected, "{act:?}: {reading:?}");
        assert_eq!(reading.p > profile.operator.usual_p, expected.is_empty(), "{act:?}: {reading:?}");
    }
}

#[test]
fn nothing_is_known_of_a_tenant_that_only_began() {
    let profile = Profile::shipped();
    let mut operators = office(&profile);
    let reading = operators.read("other", &Act { by: "eve", local: at(70, 3), ..act(70) }, &profile);
    assert!(reading.p > profile.operator.usual_p && reading.odd.is_empty(), "{reading:?}");
    assert_eq!(operators.of_bot("acme", "payroll"), ["ann", "bob"]);
    assert!(operators.of_bot("other", "payroll").is_empty());
}

#[test]
fn a_second_factor_is_missed_where_it_is_usual() {
    let profile = Profile::shipped();
    let mut operators = office(&profile);
    let second =
        |operators: &mut Operators, factor| operators.read("acme", &Act { factor, ..act(70) }, &profile).second;
    assert_eq!(second(&mut operators, Some(true)), Second::Given);
    assert!(matches!(second(&mut operators, Some(false)), Second::None { p } if p < 0.05));
    assert!(matches!(second(&mut operators, None), Second::Unsaid { .. }));
    assert_eq!(operators.read("other", &Act { factor: None, ..act(70) }, &profile).second, Second::Unknown);
}

/// Reads and learns acts on so many bots of one day; those at which a burst was told.
fn spree(operators: &mut Operators, profile: &Profile, by: &str, day: i32, bots: usize) -> Vec<u32> {
    let names: Vec<String> = (0..bots).map(|nth| format!("bot-{nth}")).collect();
    let mut told = Vec::new();
    for bot in &names {
        let act = Act { by, bot, bare: true, ..act(day) };
        let reading = operators.read("acme", &act, profile);
        operators.learn("acme", &act, 1.0, profile);
        if let Some(burst) = reading.burst {
            operators.told("acme", by, burst.bots);
            told.push(burst.bots);
            assert_eq!((burst.bare, burst.acts), (burst.bots, burst.bots));
        }
    }
    told
}

#[test]
fn many_bots_in_a_day_are_told_once_and_when_they_double() {
    let profile = Profile::shipped();
    for by in ["ann", "eve"] {
        let mut operators = office(&profile);
        let told = spree(&mut operators, &profile, by, 70, 30);
        let first = told[0];
        assert!((5..=12).contains(&first), "{by}: {told:?}");
        assert_eq!(told, [first, 2 * first], "{by}");
    }
    let mut busy = office(&profile);
    (70..100).for_each(|day| drop(spree(&mut busy, &profile, "ann", day, 20)));
    assert_eq!(spree(&mut busy, &profile, "ann", 100, 20), Vec::<u32>::new(), "as every day");
}

#[test]
fn what_was_doubted_teaches_nothing_until_it_stays() {
    let profile = Profile::shipped();
    let mut operators = office(&profile);
    let eve = |day| Act { by: "eve", local: at(day, 3), ..act(day) };
    let first = operators.read("acme", &eve(70), &profile);
    for day in 70..73 {
        operators.read("acme", &eve(day), &profile);
        operators.learn("acme", &eve(day), profile.operator.trust_odd, &profile);
    }
    let fourth = operators.read("acme", &eve(73), &profile);
    assert!(fourth.shows(Facet::Newcomer) && fourth.p < 2.0 * first.p, "{first:?} {fourth:?}");
}

#[test]
fn memory_is_bounded_and_fades() {
    let mut profile = Profile::shipped();
    profile.operator.people_max = 10;
    let mut operators = office(&profile);
    let names: Vec<String> = (0..50).map(|nth| format!("temp-{nth}")).collect();
    let cut: u64 = names.iter().map(|by| operators.learn("acme", &Act { by, ..act(70) }, 1.0, &profile)).sum();
    assert_eq!(cut, 42);
    assert!(operators.heap_bytes() < 64 * 1024);
    let reading = operators.read("acme", &act(70 + profile.operator.memory_days + 1), &profile);
    assert_eq!(reading.days, 0, "everybody is forgotten");
}

#[test]
fn made_up_names_do_not_push_out_the_office() {
    let mut profile = Profile::shipped();
    profile.operator.people_max = 10;
    let mut operators = office(&profile);
    let flood = |operators: &mut Operators, trust: f64, count: usize| {
        for nth in 0..count {
            let by = format!("temp-{trust}-{nth}");
            operators.learn("acme", &Act { by: &by, ..act(70) }, trust, &profile);
        }
    };
    flood(&mut operators, profile.operator.trust_odd, 50);
    assert_eq!(facets(&operators.read("acme", &act(71), &profile)), []);
    // Whoever gets names trusted pushes out those who acted least.
    flood(&mut operators, 1.0, 50);
    for by in ["ann", "bob"] {
        let reading = operators.read("acme", &Act { by, ..act(71) }, &profile);
        assert!(reading.days > 40 && !reading.shows(Facet::Newcomer), "{by}: {reading:?}");
    }
}

/// Operators with settled habits, drawn at random: how often an act of theirs is that unusual.
#[test]
fn probabilities_of_a_steady_office_mean_what_they_say() {
    let profile = Profile::shipped();
    let mut operators = Operators::default();
    let (mut state, mut all, mut below) = (7_u64, 0_u32, [0_u32; 2]);
    let mut draw = |n: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % n
    };
    let (people, bots) = (["ann", "bob", "cid", "dot"], ["a", "b", "c", "d", "e", "f"]);
    for day in (0..2_000).filter(|day| day % 7 < 5) {
        let who = draw(4) as usize;
        // Each has two bots of their own, one of them seldom, and hours of their own.
        let bot = bots[who + usize::from(draw(10) == 0)];
        let action = ["bot_modified", "schedule_changed", "deployed"][draw(8).min(2) as usize];
        let act = Act { by: people[who], bot, action, local: at(day, 8 + who as u16 + draw(5) as u16), ..act(day) };
        let reading = operators.read("acme", &act, &profile);
        operators.learn("acme", &act, 1.0, &profile);
        if day > 120 {
            all += 1;
            for (count, alpha) in below.iter_mut().zip([0.05, 0.01]) {
                *count += u32::from(reading.p <= alpha);
            }
        }
    }
    for (count, alpha) in below.into_iter().zip([0.05, 0.01]) {
        let share = f64::from(count) / f64::from(all);
        assert!(share <= 1.2 * alpha, "P(p <= {alpha}) is {share}");
    }
}

proptest! {
    #[test]
    fn a_reading_is_a_probability(
        acts in proptest::collection::vec((0..5_usize, 0..9_usize, 0..30_i32, 0..24_u16, any::<bool>()), 1..60),
    ) {
        let profile = Profile::shipped();
        let mut operators = Operators::default();
        let names: Vec<String> = (0..9).map(|nth| format!("n{nth}")).collect();
        for (by, bot, day, hour, factor) in acts {
            let act = Act {
                by: &names[by], bot: &names[bot], local: at(day, hour), factor: Some(factor), ..act(day)
            };
            let reading = operators.read("acme", &act, &profile);
            prop_assert!(0.0 < reading.p && reading.p <= 1.0);
            prop_assert!(reading.odd.windows(2).all(|pair| pair[0].p <= pair[1].p));
            operators.learn("acme", &act, 1.0, &profile);
        }
        let bytes = postcard::to_stdvec(&operators).expect("bytes");
        prop_assert_eq!(postcard::from_bytes::<Operators>(&bytes).expect("operators"), operators);
    }
}
