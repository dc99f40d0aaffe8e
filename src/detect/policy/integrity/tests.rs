//! What is a gap, and what is only the way that records come.

use super::*;
use crate::alert::Severity;
use crate::detect::profile::Profile;
use crate::event::decode::{Envelope, Limits, decode};
use crate::time::Span;

/// Logs with the watermark that the records themselves give.
#[derive(Default)]
struct Bench {
    logs: Logs,
    watermark: Timestamp,
    told: Vec<LogBreach>,
    over: Vec<(&'static str, String)>,
    limited: usize,
}

/// Seconds after the beginning of a Monday.
fn at(secs: i64) -> Timestamp {
    "2026-03-02T00:00:00Z".parse::<Timestamp>().expect("a time") + Span::from_secs(secs)
}

fn profile() -> IntegrityProfile {
    Profile::shipped().integrity
}

impl Bench {
    /// A log of an old count, a record each ten minutes for two days; the next number is 2880.
    fn settled() -> Self {
        let mut bench = Self::default();
        for seq in 2592..2880 {
            bench.record(seq, 60 * 2879 - 600 * (2879 - seq as i64));
        }
        bench
    }

    fn record(&mut self, seq: u64, secs: i64) {
        self.pass(at(secs));
        self.note(seq, secs, Arrival::Sound);
    }

    fn note(&mut self, seq: u64, secs: i64, arrival: Arrival) {
        let json =
            format!(r#"{{"id":"e{seq}","ts":"{}","bot":"b","type":"call","producer":"p","seq":{seq}}}"#, at(secs));
        let event = decode(json.as_bytes(), &Envelope::default(), &Limits::default()).expect(&json);
        let (told, limited) = self.logs.note(&event, arrival, self.watermark, &profile(), &mut 0);
        for news in told {
            match news {
                LogNews::Breach(breach) => self.told.push(*breach),
                LogNews::Over { detector, how, .. } => self.over.push((detector, how)),
            }
        }
        self.limited += usize::from(limited);
    }

    fn pass(&mut self, to: Timestamp) {
        self.watermark = self.watermark.later(to);
        self.told.extend(self.logs.due(self.watermark, &profile(), |_, _| None));
    }

    /// What was told once an hour more has passed.
    fn after_an_hour(&mut self) -> Vec<(&'static str, Severity)> {
        self.pass(self.watermark + Span::HOUR);
        let name = |told: &LogBreach| match told.breach.reason.detector.as_str() {
            "sequence_gap" => "gap",
            "counter_restart" => "restart",
            "number_twice" => "twice",
            _ => "shared",
        };
        self.told.iter().map(|told| (name(told), told.breach.severity)).collect()
    }
}

/// What comes after two days, as numbers and seconds from then on.
fn told(records: &[(u64, i64)]) -> Vec<(&'static str, Severity)> {
    let mut bench = Bench::settled();
    for &(seq, secs) in records {
        bench.record(seq, 2880 * 60 + secs);
    }
    bench.after_an_hour()
}

#[test]
fn a_gap_is_told_by_its_size_once_its_time_is_up() {
    assert_eq!(told(&[(2881, 60)]), [("gap", Severity::Low)]);
    assert_eq!(told(&[(2882, 120)]), [("gap", Severity::Low)]);
    assert_eq!(told(&[(2883, 180)]), [("gap", Severity::Medium)], "three records");
    assert_eq!(told(&[(2886, 360)]), [("gap", Severity::High)], "six records and minutes");
    assert_eq!(told(&[(2895, 900)]), [("gap", Severity::High)]);
    let mut bench = Bench::settled();
    bench.record(2892, 2892 * 60);
    bench.pass(at(2892 * 60 + 899));
    assert_eq!(bench.told, []);
    bench.pass(at(2892 * 60 + 900));
    let told = &bench.told[0];
    assert_eq!((told.ts, told.event.as_str()), (at(2892 * 60), "e2892"));
    assert_eq!(
        told.breach.phrase,
        "lacks 12 records, numbers 2880 to 2891, about 13 minutes from 2026-03-03T23:59:00Z on"
    );
}

#[test]
fn records_that_come_late_twice_or_out_of_order_are_no_gap() {
    assert_eq!(told(&[(2882, 120), (2881, 60), (2880, 0), (2883, 180)]), []);
    assert_eq!(told(&[(2880, 0), (2881, 60), (2882, 120)]), []);
    let backward: Vec<(u64, i64)> = (2880..3080).rev().map(|seq| (seq, 60 * (seq as i64 - 2880) / 20)).collect();
    assert_eq!(told(&backward), []);
    assert_eq!(told(&[(2890, 600), (2885, 300), (2900, 1200)]).len(), 3, "what remains on both sides is missing");
}

#[test]
fn a_filled_gap_is_forgotten_and_a_half_filled_one_tells_the_rest() {
    let mut bench = Bench::settled();
    bench.record(2892, 2892 * 60);
    for seq in 2880..2889 {
        bench.record(seq, 60 * seq as i64);
    }
    bench.record(2891, 2891 * 60);
    assert_eq!(bench.after_an_hour(), [("gap", Severity::Low)]);
    assert_eq!(bench.told[0].breach.reason.observed, "numbers 2889 to 2890");
    assert_eq!(bench.told[0].ts, at(2891 * 60));
}

#[test]
fn what_was_told_as_lost_and_comes_after_all_ends_its_story() {
    let mut bench = Bench::settled();
    bench.record(2885, 2885 * 60);
    bench.record(2888, 2888 * 60);
    bench.after_an_hour();
    let named: Vec<&str> = bench.told.iter().map(|told| told.breach.reason.observed.as_str()).collect();
    assert_eq!(named, ["numbers 2880 to 2884", "numbers 2880 to 2884, 2886 to 2887"], "the whole of what is missing");
    let lost = |bench: &Bench| bench.logs.each().next().map(|log| (log.lost, log.ranges.len()));
    assert_eq!(lost(&bench), Some((7, 2)));
    for seq in [2882, 2880, 2881, 2884, 2886, 2887] {
        bench.note(seq, 60 * seq as i64, Arrival::NumberOnly);
    }
    assert_eq!((bench.over.len(), lost(&bench)), (0, Some((1, 1))), "2883 is still missing");
    bench.note(2883, 60 * 2910, Arrival::NumberOnly);
    assert_eq!(bench.over, [], "a record of another time fills nothing");
    bench.note(2883, 60 * 2883, Arrival::NumberOnly);
    assert_eq!(bench.over.len(), 1);
    assert!(bench.over[0].0 == "sequence_gap" && bench.over[0].1.starts_with("What was missing came late"));
    assert_eq!((lost(&bench), bench.logs.missing("default", "p", bench.watermark)), (Some((0, 0)), Some(0)));
    assert_eq!(bench.logs.each().next().map(|log| log.behind), Some(7));
}

#[test]
fn another_record_under_a_number_is_told_and_the_same_one_again_is_counted() {
    let twice = [("twice", Severity::Info)];
    assert_eq!(told(&[(2880, 0), (2881, 60), (2880, 0), (2879, -60)]), twice, "once a day");
    let mut bench = Bench::settled();
    bench.record(2880, 2880 * 60);
    let json = r#"{"id":"e2880","ts":"2026-03-04T00:00:00Z","bot":"b","type":"call","producer":"p","seq":2880}"#;
    let event = decode(json.as_bytes(), &Envelope::default(), &Limits::default()).expect(json);
    bench.logs.again(&event);
    assert_eq!(bench.logs.each().next().map(|log| log.twice), Some(1));
    assert_eq!(bench.after_an_hour(), []);
}

/// Records of some logs of one tenant, an hour between two of one log, as seconds by which each is late; each log's number.
fn hourly(days: std::ops::Range<i64>, lags: &[i64]) -> Vec<(String, u64, i64, i64)> {
    let logs = lags.iter().enumerate();
    let of = |hour: i64| logs.clone().map(move |(log, lag)| (format!("p{log}"), hour as u64, 3600 * hour, *lag));
    (24 * days.start..24 * days.end).flat_map(of).collect()
}

/// What is told of logs that write so.
fn paced(bench: &mut Bench, records: Vec<(String, u64, i64, i64)>) -> Vec<(String, String, Timestamp)> {
    let before = bench.told.len();
    for (producer, seq, secs, lag) in records {
        bench.pass(at(secs));
        let stamped = at(secs - lag);
        let json = format!(
            r#"{{"id":"{producer}-{seq}","ts":"{stamped}","bot":"b","type":"call","producer":"{producer}","seq":{seq}}}"#
        );
        let event = decode(json.as_bytes(), &Envelope::default(), &Limits::default()).expect(&json);
        for news in bench.logs.note(&event, Arrival::Sound, bench.watermark, &profile(), &mut 0).0 {
            match news {
                LogNews::Breach(breach) => bench.told.push(*breach),
                LogNews::Over { detector, how, .. } => bench.over.push((detector, how)),
            }
        }
    }
    let told = bench.told[before..].iter();
    told.map(|told| (told.producer.to_string(), told.breach.reason.detector.clone(), told.ts)).collect()
}

#[test]
fn a_log_that_falls_silent_while_others_go_on_is_told_until_it_writes_again() {
    let mut bench = Bench::default();
    assert_eq!(paced(&mut bench, hourly(0..20, &[0, 0])), []);
    // The second goes on alone. An hour is the longest silence there was, and a day the shortest that counts.
    let alone = |days| hourly(days, &[0, 0]).into_iter().filter(|(producer, ..)| producer == "p0").collect();
    let told = paced(&mut bench, alone(20..25));
    assert_eq!(told, [("p1".to_owned(), "log_silent".to_owned(), at(86_400 * 20 + 3600 * 47))]);
    let phrase = &bench.told[0].breach.phrase;
    assert_eq!(
        phrase,
        "has been silent for 48 hours since 2026-03-21T23:00:00Z; the longest silence before was 60 minutes"
    );
    assert_eq!((bench.over.len(), bench.logs.each().filter(|log| log.silent).count()), (0, 1));
    let back = paced(&mut bench, hourly(25..26, &[0, 0]));
    assert_eq!(
        back.iter().map(|(_, rule, _)| rule.as_str()).collect::<Vec<_>>(),
        ["sequence_gap"],
        "what it wrote then"
    );
    assert_eq!(bench.over, [("log_silent", "It wrote again after 5 days.".to_owned())]);
}

#[test]
fn logs_that_are_silent_together_and_those_of_working_days_are_not_told() {
    let mut bench = Bench::default();
    assert_eq!(paced(&mut bench, hourly(0..20, &[0, 0])), []);
    bench.pass(at(86_400 * 40));
    assert_eq!(bench.told, [], "nothing proves that anything goes on");
    let mut weekly = Bench::default();
    let open = |(producer, _, secs, _): &(String, u64, i64, i64)| producer == "p0" || (secs / 86_400) % 7 < 5;
    let mut seq = 0;
    let mut records: Vec<_> = hourly(0..40, &[0, 0]).into_iter().filter(open).collect();
    for record in records.iter_mut().filter(|(producer, ..)| producer == "p1") {
        seq += 1;
        record.1 = seq;
    }
    assert_eq!(paced(&mut weekly, records), [], "weekends are usual");
    let restored = postcard::to_stdvec(&weekly.logs).expect("bytes");
    weekly.logs = postcard::from_bytes::<Logs>(&restored).expect("logs").rebuilt();
    weekly.pass(at(86_400 * 41));
    assert_eq!(weekly.told, []);
}

#[test]
fn a_clock_that_is_off_beside_the_others_is_told_once_on_either_side() {
    for (lags, expected) in [
        ([0, 0, 0, 1200, 0], Some(("p3", "20 minutes behind the others"))),
        ([1200, 1200, 1200, 0, 1200], Some(("p3", "20 minutes ahead of the others"))),
        ([300, 0, 0, 120, 60], None),
    ] {
        let mut bench = Bench::default();
        let told = paced(&mut bench, hourly(0..5, &lags));
        let observed = |bench: &Bench| bench.told[0].breach.reason.observed.clone();
        match expected {
            Some((producer, words)) => {
                assert_eq!(told.len(), 1, "{told:?}");
                assert_eq!((told[0].0.as_str(), told[0].1.as_str()), (producer, "clock_skew"));
                assert_eq!(observed(&bench), words);
            }
            None => assert_eq!(told, []),
        }
    }
}

#[test]
fn many_small_gaps_of_a_day_are_one_large_one() {
    let mut bench = Bench::settled();
    for nth in 0..10 {
        bench.record(2881 + 2 * nth, (2881 + 2 * nth as i64) * 60);
    }
    let told = bench.after_an_hour();
    let pages = told.iter().position(|(_, severity)| severity.pages());
    assert_eq!(pages, Some(2), "the third record of the day: {told:?}");
}

#[test]
fn a_log_that_loses_records_every_day_does_not_page_forever() {
    let mut bench = Bench::settled();
    let mut seq = 2880;
    for day in 2..7_i64 {
        seq += 20;
        bench.record(seq, day * 86_400);
        bench.record(seq + 1, day * 86_400 + 3600);
        seq += 2;
    }
    let severities: Vec<Severity> = bench.after_an_hour().into_iter().map(|(_, severity)| severity).collect();
    assert_eq!(severities, [Severity::Medium, Severity::High, Severity::High, Severity::Low, Severity::Low]);
}

#[test]
fn a_restart_is_no_gap_of_billions() {
    let restart = [("restart", Severity::Info)];
    assert_eq!(told(&[(0, 0), (1, 60), (2, 120)]), restart);
    assert_eq!(told(&[(3, 180), (1, 60), (2, 120), (4, 240)]), restart, "out of order, from 1");
    assert_eq!(told(&[(1, 60), (2880, 0), (2, 120)]), restart, "the old count's last record is late");
    assert_eq!(told(&[(0, 0), (1, 60), (0, 7200), (1, 7260)]), restart, "the second one is no news");
    assert_eq!(told(&[(0, 0), (20, 60)]), [restart[0], ("gap", Severity::Medium)], "a new count may have gaps");
}

#[test]
fn a_log_that_is_read_again_from_before_its_restart_has_no_gaps() {
    let mut bench = Bench::settled();
    for (nth, secs) in (1..=30).zip((60 * 2880..).step_by(600)) {
        bench.record(nth, secs);
    }
    for seq in 2592..2880 {
        bench.note(seq, 60 * 2879 - 600 * (2879 - seq as i64), Arrival::NumberOnly);
    }
    bench.record(31, 60 * 2880 + 600 * 30);
    assert_eq!(bench.after_an_hour(), [("restart", Severity::Info)]);
}

#[test]
fn two_writers_under_one_name_make_no_gaps() {
    let mut bench = Bench::settled();
    for nth in 0..200_i64 {
        bench.record(2880 + nth as u64, (2880 + nth) * 60);
        bench.record(nth as u64, (2880 + nth) * 60 + 7);
    }
    let [restart, twice, shared] = ["restart", "twice", "shared"].map(|name| (name, Severity::Info));
    assert_eq!(bench.after_an_hour(), [restart, twice, shared]);
}

#[test]
fn one_record_under_an_old_number_neither_begins_a_count_nor_hides_a_gap() {
    let [restart, twice] = ["restart", "twice"].map(|name| (name, Severity::Info));
    let gap = ("gap", Severity::Medium);
    let after = |stray: u64| told(&[(2880, 0), (stray, 60), (2881, 120), (2885, 180), (2886, 240)]);
    assert_eq!(after(2880), [twice, gap], "the last number once more");
    for stray in [2870, 1] {
        assert_eq!(after(stray), [restart, twice, gap], "{stray}");
    }
    assert_eq!(told(&[(2880, 0), (2870, 60), (2884, 120)]), [restart, twice, gap], "the gap is right behind it");
}

#[test]
fn a_log_that_is_new_to_us_begins_where_it_is() {
    let mut bench = Bench::default();
    for (seq, secs) in [(700, 3), (698, 4), (699, 2), (701, 5)] {
        bench.record(seq, secs);
    }
    assert_eq!(bench.after_an_hour(), []);
    bench.record(900, 3700);
    assert_eq!(bench.after_an_hour(), [("gap", Severity::Low)], "its first day proves nothing");
}

#[test]
fn gaps_and_logs_are_bounded() {
    let mut bench = Bench::settled();
    for nth in 0..100 {
        bench.record(2881 + 2 * nth, 2880 * 60 + nth as i64);
    }
    assert_eq!(bench.limited, 100 - profile().gaps_max);
    assert!(bench.logs.heap_bytes() < 16 * 1024);
}

#[test]
fn a_restored_state_goes_on() {
    let mut bench = Bench::settled();
    bench.record(2891, 2891 * 60);
    let bytes = postcard::to_stdvec(&bench.logs).expect("bytes");
    bench.logs = postcard::from_bytes::<Logs>(&bytes).expect("logs").rebuilt();
    assert_eq!(postcard::to_stdvec(&bench.logs).expect("bytes"), bytes);
    assert_eq!(bench.after_an_hour(), [("gap", Severity::High)]);
}
