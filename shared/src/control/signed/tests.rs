//! The rules of signed control files, one by one, and against a small model.

use super::*;
use crate::minisign::SecretKey;
use proptest::prelude::*;

const NOW: OffsetDateTime = datetime!(2027-02-01 12:00 UTC);
const FILE: &[u8] = b"{}";
const NONE: Newest = Newest(BTreeMap::new());

fn key(number: u8) -> SecretKey {
    SecretKey::from_seed([number; 8], [number; 32]).unwrap()
}

fn newest(number: u8, serial: u64) -> Newest {
    Newest::default().with(key(number).public().id(), serial)
}

/// Judges a file signed by key 1 with `comment`, where keys 1 and 2 may speak.
fn judged(comment: &str, newest: &Newest) -> Result<Endorsement, Refusal> {
    judged_at(NOW, comment, newest)
}

fn judged_at(now: OffsetDateTime, comment: &str, newest: &Newest) -> Result<Endorsement, Refusal> {
    let signature = key(1).sign(FILE, comment).unwrap();
    judge(FILE, signature.as_bytes(), &[key(1).public(), key(2).public()], newest, now)
}

#[test]
fn a_signature_by_one_of_the_keys_is_accepted() {
    let accepted = judged("timestamp:1795631972\tfile:x.json\thashed", &NONE).unwrap();
    assert_eq!(
        (accepted.key, accepted.terms, accepted.remember),
        (key(1).public().id(), Terms::default(), None)
    );
}

#[test]
fn strangers_forgeries_and_no_signatures_are_refused() {
    let by_three = key(3).sign(FILE, "serial:1").unwrap();
    let of_another = key(1).sign(b"[]", "serial:1").unwrap();
    let under_our_id = SecretKey::from_seed([1; 8], [3; 32]).unwrap().sign(FILE, "serial:1").unwrap();
    for (signature, word) in [
        (by_three.as_str(), "not among ControlFileKeys (0101010101010101, 0202020202020202)"),
        (&of_another, "only one of the two was uploaded"),
        (&under_our_id, "does not belong to this content"),
        ("<html>", "cannot be read"),
    ] {
        let keys = [key(1).public(), key(2).public()];
        let refusal = judge(FILE, signature.as_bytes(), &keys, &NONE, NOW).unwrap_err();
        assert!(refusal.to_string().contains(word) && !refusal.passes(), "{refusal}");
    }
    let signed = key(1).sign(FILE, "").unwrap();
    assert!(judge(FILE, signed.as_bytes(), &[], &NONE, NOW).is_err(), "without keys nobody may speak");
}

#[test]
fn the_serial_never_goes_back() {
    let seven = newest(1, 7);
    assert_eq!(judged("serial:7", &NONE).unwrap().remember, Some(seven.clone()));
    assert_eq!(judged("serial:7", &seven).unwrap().remember, None, "the same again");
    assert_eq!(judged("serial:8", &seven).unwrap().remember, Some(newest(1, 8)));
    assert_eq!(judged("serial:6", &seven), Err(Refusal::Older { found: 6, newest: 7 }));
    assert_eq!(judged("", &seven), Err(Refusal::NoSerial(7)));
}

#[test]
fn the_serial_counts_over_all_keys_that_still_speak() {
    let by_two = newest(2, 7);
    assert_eq!(judged("serial:6", &by_two), Err(Refusal::Older { found: 6, newest: 7 }));
    let both = newest(2, 7).with(key(1).public().id(), 7);
    assert_eq!(judged("serial:7", &by_two).unwrap().remember, Some(both));
    let withdrawn = newest(9, u64::MAX);
    assert_eq!(
        judged("serial:1", &withdrawn).unwrap().remember,
        Some(newest(9, u64::MAX).with(key(1).public().id(), 1))
    );
}

#[test]
fn a_key_that_goes_does_not_take_the_serials_of_the_others_along() {
    let keys = [key(1), key(2)];
    let mut remembered = Newest::default();
    for (signer, serial) in [(&keys[1], 5), (&keys[0], 6)] {
        let signature = signer.sign(FILE, &format!("serial:{serial}")).unwrap();
        let both = keys.each_ref().map(SecretKey::public);
        remembered = judge(FILE, signature.as_bytes(), &both, &remembered, NOW).unwrap().remember.unwrap();
    }
    let old = keys[1].sign(FILE, "serial:1").unwrap();
    let refusal = judge(FILE, old.as_bytes(), &[keys[1].public()], &remembered, NOW);
    assert_eq!(refusal, Err(Refusal::Older { found: 1, newest: 5 }));
    assert_eq!(serde_json::to_string(&newest(1, 7)).unwrap(), r#"{"0101010101010101":7}"#);
}

#[test]
fn an_expired_file_is_refused_and_a_day_lasts_to_its_end() {
    for good in ["expires:2027-02-01", "expires:2027-02-01T12:00:01Z", "expires:2027-02-01T14:00:00+01:00"] {
        judged(good, &NONE).unwrap();
    }
    for late in ["expires:2027-01-31", "expires:2027-02-01T12:00:00Z", "expires:2027-02-01T12:30:00+01:00"] {
        let refusal = judged(late, &NONE).unwrap_err();
        assert!(matches!(refusal, Refusal::Expired { .. }) && !refusal.passes(), "{late}: {refusal}");
        assert!(refusal.to_string().contains("sign it again"), "{refusal}");
    }
}

#[test]
fn a_clock_that_must_be_wrong_is_waited_for_and_never_believed() {
    let dead_battery = datetime!(2001-01-01 00:00 UTC);
    let refusal = judged_at(dead_battery, "expires:2027-01-31", &NONE).unwrap_err();
    assert!(refusal.passes() && refusal.to_string().contains("2001-01-01T00:00:00Z"), "{refusal}");
    let long_over = judged_at(dead_battery, "expires:2026-11-24", &NONE).unwrap_err();
    assert!(matches!(long_over, Refusal::Expired { .. }), "no clock is needed to know that: {long_over}");
    judged_at(dead_battery, "serial:1", &NONE).unwrap();
}

#[test]
fn a_term_that_cannot_be_understood_refuses_the_file() {
    for bad in [
        "serial:",
        "serial:x",
        "serial:-1",
        "serial:+1",
        "serial:18446744073709551616",
        "expires:",
        "expires:soon",
        "expires:2027-13-01",
        "expires:2027-02-30",
        "expires:2027-02-01T12:00:00",
        "expires:9999-12-31",
        "serial:1 serial:1",
        "expires:2028-01-01\texpires:2029-01-01",
    ] {
        assert!(matches!(judged(bad, &NONE), Err(Refusal::Terms(_))), "{bad}");
    }
}

#[test]
fn terms_are_written_as_they_are_read() {
    let terms = Terms { serial: Some(7), expires: moment("2027-03-01") };
    assert_eq!(terms.to_string(), "serial:7 expires:2027-03-02T00:00:00Z");
    assert_eq!(Terms::read(&terms.to_string()), Ok(terms));
}

proptest! {
    #[test]
    fn any_comment_is_read_without_harm(comment in "((serial|expires):?)?[ -~]{0,30}") {
        let _ = Terms::read(&comment);
    }

    /// Whatever order editions come in, what was accepted never goes back, and what is remembered is the highest.
    #[test]
    fn serials_rise(editions in proptest::collection::vec((1..3u8, 0..20u64), 1..30)) {
        let keys = [key(1).public(), key(2).public()];
        let (mut remembered, mut highest) = (Newest::default(), None);
        for (signer, serial) in editions {
            let signature = key(signer).sign(FILE, &format!("serial:{serial}")).unwrap();
            let judged = judge(FILE, signature.as_bytes(), &keys, &remembered, NOW);
            prop_assert_eq!(judged.is_ok(), highest.is_none_or(|highest| serial >= highest));
            if let Ok(endorsement) = judged {
                highest = Some(serial);
                remembered = endorsement.remember.unwrap_or(remembered);
            }
            prop_assert_eq!(remembered.highest(&keys), highest);
        }
    }
}
