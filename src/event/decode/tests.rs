//! What is taken in, what is refused, and why.

use proptest::prelude::*;

use super::*;

const MINIMAL: &str = r#"{"ts":"2026-05-04T06:00:00Z","bot":"svc-pay","type":"call"}"#;

fn taken(json: &str) -> Event {
    decode(json.as_bytes(), &Envelope::default(), &Limits::default()).expect(json)
}

fn refused(json: &[u8]) -> RejectReason {
    decode(json, &Envelope::default(), &Limits::default()).expect_err("should be refused").reason
}

#[test]
fn three_fields_are_enough() {
    let event = taken(MINIMAL);
    assert_eq!((event.tenant.as_str(), event.bot.as_str(), event.outcome), ("default", "svc-pay", Outcome::Ok));
    assert_eq!(event.id.len(), 32);
    assert_eq!(event.id, taken(MINIMAL).id);
}

#[test]
fn unknown_fields_and_nulls_are_passed_over() {
    let json =
        r#"{"ts":"2026-05-04T06:00:00Z","bot":"b","type":"call","session":null,"weather":{"deep":[1,2]},"host":""}"#;
    let event = taken(json);
    assert_eq!((event.session, event.host), (None, None));
}

#[test]
fn every_kind_survives_the_wire() {
    let lines = [
        r#"{"id":"1","ts":"2026-05-04T06:00:00Z","tenant":"t","bot":"b","type":"run","run":{"phase":"start","trigger":"manual","by":"ann"}}"#,
        r#"{"id":"2","ts":"2026-05-04T06:00:00Z","tenant":"t","bot":"b","type":"login","ip":"10.0.0.1","geo":{"country":"DE","lat":52.5,"lon":13.4},"login":{"method":"password","interactive":true,"mfa":false}}"#,
        r#"{"id":"3","ts":"2026-05-04T06:00:00Z","tenant":"t","bot":"b","type":"secret","secret":{"name":"db","vault":"v"}}"#,
        r#"{"id":"4","ts":"2026-05-04T06:00:00Z","tenant":"t","bot":"b","type":"grant","grant":{"role":"admin","change":"added","by":"eve","ticket":"CHG-1"}}"#,
        r#"{"id":"5","ts":"2026-05-04T06:00:00Z","tenant":"t","bot":"b","type":"control","control":{"action":"logging_disabled","by":"eve","mfa":false,"ticket":" "}}"#,
        r#"{"id":"6","ts":"2026-05-04T06:00:00Z","tenant":"t","bot":"b","type":"transaction","transaction":{"kind":"payment","amount":12.5,"currency":"EUR","counterparty":"v","account":"a","customer":"c","object":"o","approvers":["x","y"],"by":"z"}}"#,
        r#"{"id":"7","ts":"2026-05-04T06:00:00Z","tenant":"t","bot":"b","type":"call","session":"s","host":"h","device":"d","system":"sap","operation":"GET /a\"b","outcome":"denied","role":"r","records_read":1,"records_written":2,"bytes":3,"producer":"p","seq":9}"#,
    ];
    for line in lines {
        let event = taken(line);
        assert_eq!(taken(&encode(&event)), event, "{line}");
    }
    assert_eq!(taken(lines[3]).ticket(), Some("CHG-1"));
    assert_eq!(taken(lines[4]).ticket(), None, "a blank ticket approves nothing");
}

#[test]
fn each_fault_has_its_reason() {
    use RejectReason as R;
    let cases: &[(&str, R)] = &[
        ("", R::NotJson),
        ("[]", R::WrongType),
        ("{", R::NotJson),
        (r#"{"ts":"2026-05-04T06:00:00Z","bot":"b","type":"call"} x"#, R::NotJson),
        (r#"{"ts":"2026-05-04T06:00:00Z","type":"call"}"#, R::MissingField),
        (r#"{"ts":"2026-05-04T06:00:00Z","bot":"","type":"call"}"#, R::MissingField),
        (r#"{"bot":"b","type":"call"}"#, R::MissingField),
        (r#"{"ts":"2026-05-04T06:00:00Z","bot":"b"}"#, R::MissingField),
        (r#"{"ts":"today","bot":"b","type":"call"}"#, R::BadTimestamp),
        (r#"{"ts":1714800000,"bot":"b","type":"call"}"#, R::WrongType),
        (r#"{"ts":"2026-05-04T06:00:00Z","bot":7,"type":"call"}"#, R::WrongType),
        (r#"{"ts":"2026-05-04T06:00:00Z","bot":"b","type":"dance"}"#, R::UnknownType),
        (r#"{"ts":"2026-05-04T06:00:00Z","bot":"b","bot":"c","type":"call"}"#, R::WrongType),
        (r#"{"ts":"2026-05-04T06:00:00Z","bot":"b","type":"call","records_read":-1}"#, R::WrongType),
        (r#"{"ts":"2026-05-04T06:00:00Z","bot":"b","type":"call","bytes":1.5}"#, R::WrongType),
        (r#"{"ts":"2026-05-04T06:00:00Z","bot":"b","type":"call","ip":"300.1.1.1"}"#, R::WrongType),
        (r#"{"ts":"2026-05-04T06:00:00Z","bot":"b","type":"call","geo":{"lat":91}}"#, R::WrongType),
        (r#"{"ts":"2026-05-04T06:00:00Z","bot":"b","type":"call","outcome":"maybe"}"#, R::WrongType),
        (r#"{"ts":"2026-05-04T06:00:00Z","bot":"b\u0007","type":"call"}"#, R::BadIdentifier),
        (r#"{"ts":"2026-05-04T06:00:00Z","bot":"b\u202e","type":"call"}"#, R::BadIdentifier),
    ];
    for (json, reason) in cases {
        assert_eq!(refused(json.as_bytes()), *reason, "{json}");
    }
    assert_eq!(refused(b"{\"bot\":\"\xff\"}"), R::NotUtf8);
    assert_eq!(refused(&vec![b' '; 64 * 1024 + 1]), R::TooLarge);
    let long = MINIMAL.replace("svc-pay", &"x".repeat(1025));
    assert_eq!(refused(long.as_bytes()), R::TooLong);
}

#[test]
fn each_text_has_its_limit_however_long_the_payload_is() {
    let line = r#"{"id":"12345678","ts":"2026-05-04T06:00:00Z","bot":"svc-pay","type":"run","run":{"by":"somebody"}}"#;
    let refused = |text_bytes_max, id_bytes_max| {
        let limits = Limits { text_bytes_max, id_bytes_max, ..Limits::default() };
        decode(line.as_bytes(), &Envelope::default(), &limits).err().map(|reject| reject.detail)
    };
    for enough in [8, line.len() - 1, line.len(), 1024] {
        assert_eq!(refused(enough, 8), None);
        assert_eq!(refused(enough, 7).as_deref(), Some("id: 8 bytes, at most 7"));
    }
    assert_eq!(refused(7, 1024).as_deref(), Some("run.by: 8 bytes, at most 7"));
    assert_eq!(refused(6, 1024).as_deref(), Some("bot: 7 bytes, at most 6"));
}

#[test]
fn nesting_is_refused_before_it_recurses() {
    let deep = format!(r#"{{"x":{}{}}}"#, "[".repeat(40), "]".repeat(40));
    assert_eq!(refused(deep.as_bytes()), RejectReason::TooDeep);
    let wide = MINIMAL.replace('}', &format!(r#","x":[{}]}}"#, ["[]"; 50].join(",")));
    taken(&wide);
    let quoted = MINIMAL.replace("svc-pay", &"[".repeat(60));
    taken(&quoted);
}

#[test]
fn the_subject_speaks_for_the_identity() {
    let envelope = |tenant: &'static str, bot: &'static str| Envelope {
        identity: Some(SubjectIdentity { tenant: tenant.into(), bot: bot.into() }),
        message_id: Some("m-1"),
    };
    let decode = |envelope| decode(MINIMAL.as_bytes(), &envelope, &Limits::default());
    let event = decode(envelope("acme", "svc-pay")).expect("agrees");
    assert_eq!((event.tenant.as_str(), event.id.as_str()), ("acme", "m-1"));
    assert_eq!(decode(envelope("acme", "other")).expect_err("another bot").reason, RejectReason::Spoofed);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(decode(&bytes, &Envelope::default(), &Limits::default()).is_err());
    }

    #[test]
    fn no_json_makes_it_panic(json in "\\{(\"(ts|bot|type|geo|seq|run)\":(\"\\PC{0,8}\"|-?[0-9]{1,25}|null|\\{\\}|\\[\\]),?){0,5}\\}") {
        if let Ok(event) = decode(json.as_bytes(), &Envelope::default(), &Limits::default()) {
            let again = encode(&event);
            let again = decode(again.as_bytes(), &Envelope::default(), &Limits::default());
            prop_assert_eq!(again, Ok(event));
        }
    }
}
