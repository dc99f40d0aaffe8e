//! What p-values mean, held on every change: on a fleet on which nothing is wrong, the days on which a bot's least p-value
//! is at most α are no more than 1.2 α of all, but for chance.

use std::collections::BTreeMap;

use humdrum::detect::{Engine, Judged, Output, Settings};
use humdrum::registry::Registry;
use humdrum::simulate::{EventStream, FleetSpec};
use statrs::distribution::{DiscreteCDF, Poisson};

const ALPHAS: [f64; 3] = [1e-1, 1e-2, 1e-3];
/// How much more than α is allowed, and the chance with which so many days would come of that alone.
const FACTOR: f64 = 1.2;
const CHANCE: f64 = 1e-3;

#[test]
fn p_values_of_a_clean_fleet_mean_what_they_say() {
    let spec = FleetSpec { seed: 541, bots: 48, clean: true, ..FleetSpec::default() };
    let mut stream = EventStream::new(&spec);
    let lines: Vec<String> =
        stream.registry().iter().map(|record| serde_json::to_string(record).expect("a record")).collect();
    let registry = Registry::from_ndjson(&lines.join("\n")).expect("a registry");
    let mut engine = Engine::new(Settings::default(), registry);
    let mut output = Output { verdicts: Some(Vec::new()), ..Output::default() };
    for event in stream.by_ref() {
        engine.observe(event, &mut output);
        output.alerts.clear();
    }
    let verdicts = output.verdicts.expect("was asked for");
    for judged in [Judged::Session, Judged::Silence, Judged::Levels] {
        let mut days: BTreeMap<_, Vec<f64>> = BTreeMap::new();
        for verdict in verdicts.iter().filter(|verdict| verdict.mature && verdict.judged == judged) {
            // What is excused says nothing.
            let p_values = verdict.p_values.iter().map(|(_, p)| p.unwrap_or(1.0)).chain(verdict.fused);
            let day = days.entry((&verdict.tenant, &verdict.bot, verdict.ts.day_utc())).or_default();
            let p_values: Vec<f64> = p_values.collect();
            day.resize(p_values.len(), 1.0);
            day.iter_mut().zip(p_values).for_each(|(least, p)| *least = least.min(p));
        }
        assert!(days.len() > 500, "{} days of {judged:?}", days.len());
        let detectors = days.values().map(Vec::len).max().unwrap_or(0);
        for detector in 0..detectors {
            for alpha in ALPHAS {
                let under = days.values().filter(|day| day[detector] <= alpha).count();
                let allowed = Poisson::new(FACTOR * alpha * days.len() as f64).expect("some days");
                let chance = if under == 0 { 1.0 } else { allowed.sf(under as u64 - 1) };
                assert!(
                    chance > CHANCE,
                    "{judged:?}, detector {detector}: {under} of {} days at {alpha} or less",
                    days.len()
                );
            }
        }
    }
}
