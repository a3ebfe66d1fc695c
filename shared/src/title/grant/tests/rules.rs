//! What no vector says: each claim, each header, the clocks, and that nothing else is believed.

use super::*;
use proptest::prelude::*;

#[test]
fn t68_a_key_is_unknown_once_its_time_is_over() {
    let until = |end: f64| {
        let secret = encode_url(&(0..32).collect::<Vec<u8>>());
        keys(&[Key::new("k1", "HS256", &secret, Some(clock(end))).unwrap()])
    };
    let j1 = token(HA, PA, J1);
    assert_eq!(word(&j1, &until(NOW)), "valid");
    assert_eq!(word(&j1, &until(NOW - 1.0)), "unknown key");
    assert!(until(NOW).for_requests(clock(NOW)).is_some());
    assert!(until(NOW - 1.0).for_requests(clock(NOW)).is_none());
}

#[test]
fn t57_headers_are_read_strictly() {
    let one = keys(&[k1()]);
    for (header, verdict) in [
        (r#"{"alg":"HS256","typ":"titles+jwt"}"#, "valid"),
        (r#"{"alg":"HS256","typ":"titles+jwt","jwk":{"kty":"oct","k":"AA"},"jku":"https://evil"}"#, "valid"),
        (r#"{"alg":"HS256","typ":"titles+jwt","kid":""}"#, "unknown key"),
        (r#"{"alg":"HS256","typ":"titles+jwt","kid":null}"#, "malformed"),
        (r#"{"alg":"HS256","typ":"titles+jwt","kid":["k1"]}"#, "malformed"),
        (r#"{"alg":"HS256","typ":"titles+jwt","kid":"k1","crit":null}"#, "malformed"),
        (r#"{"alg":"HS256","typ":"TITLES+JWT","kid":"k1"}"#, "wrong type"),
        (r#"{"alg":"HS256","typ":"application/titles+jwt","kid":"k1"}"#, "wrong type"),
        (r#"{"alg":"HS256","typ":["titles+jwt"],"kid":"k1"}"#, "wrong type"),
        (r#"{"alg":"HS256","kid":"k1"}"#, "wrong type"),
        (r#"{"typ":"titles+jwt","kid":"k1"}"#, "algorithm not allowed"),
        (r#"{"alg":["HS256"],"typ":"titles+jwt","kid":"k1"}"#, "algorithm not allowed"),
        (r#"{"alg":"HS384","typ":"titles+jwt","kid":"k1"}"#, "algorithm not allowed"),
        (r#"{"alg":"HS256","\u0061lg":"none","typ":"titles+jwt","kid":"k1"}"#, "malformed"),
        ("[]", "malformed"),
        ("", "malformed"),
    ] {
        assert_eq!(word(&genuine(header, PA), &one), verdict, "{header}");
    }
}

#[test]
fn t54_t60_claims_are_read_strictly() {
    let one = keys(&[k1()]);
    let verdict = |changes: &[(&str, &str)]| word(&genuine(HA, &other(changes)), &one);
    for name in ["iss", "aud", "sub", "rid", "iat", "nbf", "exp", "repo", "auth"] {
        let renamed = verdict(&[(&format!("\"{name}\":"), &format!("\"x{name}\":"))]);
        assert_eq!(renamed, format!("missing claim {name}"));
        let doubled = verdict(&[(&format!("\"{name}\":"), &format!("\"{name}\":1,\"{name}\":"))]);
        assert_eq!(doubled, "malformed", "{name} twice");
    }
    let urn = format!("\"urn:uuid:{DEVICE}\"");
    let (list, strangers) = (format!("[1,{urn}]"), format!("[\"{DEVICE}\"]"));
    for (from, to, expected) in [
        (urn.as_str(), list.as_str(), "valid"),
        (&urn, &strangers, "not for this Mac"),
        (&urn, "[]", "not for this Mac"),
        (&urn, "{}", "malformed"),
        (&urn, &urn.to_lowercase(), "not for this Mac"),
        ("envquery.", "other.", "not an answer to our request"),
        ("1767226200", "1767226200.75", "valid"),
        ("1767226200", "1.7672262e9", "valid"),
        ("1767226200", "\"1767226200\"", "malformed"),
        ("1767226200", "1e999", "malformed"),
        ("1767226200", "null", "malformed"),
        ("1767226200", "1767226501", "lifetime too long"),
        ("1767226200", "1767226500", "valid"),
        ("https://cdn.", "http://cdn.", "malformed"),
        ("https://cdn.", "https://me:secret@cdn.", "malformed"),
        ("Basic dGVzdDp0ZXN0", "", "malformed"),
        ("Basic dGVzdDp0ZXN0", "a\\r\\nX-Evil: b", "malformed"),
        ("\"rid\":", "\"catalogs\":\"prod\",\"rid\":", "malformed"),
        ("\"rid\":", "\"catalogs\":[1],\"rid\":", "malformed"),
        ("\"rid\":", "\"unknown\":{\"a\":[]},\"rid\":", "valid"),
    ] {
        assert_eq!(verdict(&[(from, to)]), expected, "{from} as {to}");
    }
    assert_eq!(word(&genuine(HA, "[]"), &one), "malformed");
    let begins_later = other(&[("\"nbf\":1767225600", "\"nbf\":1767225781")]);
    assert_eq!(word(&genuine(HA, &begins_later), &one), "not valid yet", "nbf counts by itself");
}

#[test]
fn t54_a_grant_says_what_may_be_read() {
    let one = keys(&[k1()]);
    let any = judged(&token(HA, PA, J1), &one, &at(NOW)).unwrap();
    assert!(any.allows("production"));
    assert_eq!(
        any.repo().catalog("production").unwrap().as_str(),
        "https://cdn.example.test/repo/catalogs/production"
    );
    assert_eq!(any.authorization(), &Secret("Basic dGVzdDp0ZXN0".into()));
    assert_eq!(any.lifetime(), Duration::from_secs(540));
    let some = other(&[("\"rid\":", "\"catalogs\":[\"testing\"],\"rid\":")]);
    let some = judged(&genuine(HA, &some), &one, &at(NOW)).unwrap();
    assert!(some.allows("testing") && !some.allows("production") && !some.allows("Testing"));
    let late = judged(&token(HA, PA, J1), &one, &at(1_767_226_300.0)).unwrap();
    assert_eq!(late.lifetime(), Duration::ZERO);
}

#[test]
fn t63_t66_what_is_told_of_a_token_holds_no_secret() {
    let one = keys(&[k1()]);
    let expected = Expected { service: SERVICE, device: DEVICE, request: "r-0001" };
    let told = |token: &str| verify(token.as_bytes(), &one, &expected, clock(NOW)).unwrap_err().to_string();
    let forged = token(HA, &other(&[("cdn.", "evil.")]), J1);
    let digits: String = Digest::of(forged.as_bytes()).to_string().chars().take(8).collect();
    assert_eq!(told(&forged), format!("bad signature (key k1, token {digits})"));
    let spoken = told(&genuine(&HA.replace("\"k1\"", "\"k1\\nok\""), PA));
    assert!(spoken.starts_with("unknown key (token ") && spoken.lines().count() == 1, "{spoken}");
    let crit = told(&genuine(HF, PA));
    assert!(crit.starts_with("malformed: it has crit") && crit.contains("(key k1, token "), "{crit}");
    let proven = proven(&token(HA, PA, J1), &one).unwrap();
    let shown = format!("{proven:?}");
    let shown = format!("{shown} {:?} {one:?}", proven.in_time(&at(NOW)));
    assert_eq!(shown, "Proven(<redacted>) Accepted(Grant(<redacted>)) Keys([Key(k1, HS256, <redacted>)])");
}

#[test]
fn t62_the_services_clock_helps_only_where_time_alone_is_wrong() {
    let one = keys(&[k1()]);
    let day = 86_400.0;
    let moment = |local, server, policy, was_set| Moment { server, policy, was_set, ..at(local) };
    let timing = |moment: Moment| match proven(&token(HA, PA, J1), &one).unwrap().in_time(&moment) {
        Timing::Accepted(grant) => format!("accepted for {} s", grant.lifetime().as_secs()),
        Timing::ByServer(grant, ahead) => {
            format!("by server for {} s, {ahead} s ahead", grant.lifetime().as_secs())
        }
        Timing::SetClock { ahead, refusal } => format!("set the clock by {ahead} s: {}", refusal.verdict),
        Timing::Refused(refusal) => refusal.verdict.to_string(),
    };
    let (strict, server) = (ClockPolicy::Strict, ClockPolicy::Server);
    for (moment, expected) in [
        (moment(NOW, None, strict, false), "accepted for 540 s"),
        (moment(NOW, Some(NOW + day), strict, false), "accepted for 540 s"),
        (moment(NOW - day, None, server, false), "not valid yet"),
        (moment(NOW - day, Some(NOW), server, false), "by server for 540 s, 86400 s ahead"),
        (moment(NOW + day, Some(NOW), server, true), "by server for 540 s, -86400 s ahead"),
        (moment(NOW - day, Some(NOW), strict, false), "set the clock by 86400 s: not valid yet"),
        (moment(NOW + day, Some(NOW), strict, false), "set the clock by -86400 s: expired"),
        (moment(NOW - day, Some(NOW), strict, true), "not valid yet"),
        (moment(NOW + day, Some(NOW), strict, true), "expired"),
        (moment(NOW - day, Some(NOW - day + 60.0), server, false), "not valid yet"),
        (moment(NOW - day, Some(NOW + day), server, false), "not valid yet"),
        (moment(NOW - day, Some(NOW + day), strict, false), "not valid yet"),
        // The clocks agree within the leeway: then the token is what is wrong.
        (moment(1_767_226_320.0, Some(1_767_226_319.0), server, false), "expired"),
    ] {
        assert_eq!(timing(moment), expected, "{moment:?}");
    }
}

#[test]
fn what_is_longer_than_any_token_is_not_read() {
    let long =
        genuine(HA, &other(&[("\"rid\":", &format!("\"x\":\"{}\",\"rid\":", "x".repeat(LONGEST_TOKEN)))]));
    assert_eq!(word(&long, &keys(&[k1()])), "malformed");
}

#[test]
fn what_is_issued_is_accepted() {
    let claims: serde_json::Value = serde_json::from_str(PA).unwrap();
    assert_eq!(word(&issue(&claims, &k1()).unwrap(), &keys(&[k1()])), "valid");
    assert_eq!(issue(&claims, &e1()), None);
}

proptest! {
    #[test]
    fn no_token_with_a_changed_byte_is_believed(at in 0usize..1000, to: u8, public: bool) {
        let valid = if public { token(HI, PA, J21) } else { token(HA, PA, J1) };
        let mut bytes = valid.clone().into_bytes();
        let at = at % bytes.len();
        prop_assume!(bytes[at] != to);
        bytes[at] = to;
        let expected = Expected { service: SERVICE, device: DEVICE, request: "r-0001" };
        prop_assert!(verify(&bytes, &keys(&[k1(), e1()]), &expected, clock(NOW)).is_err());
    }

    #[test]
    fn no_shortened_lengthened_or_doubled_token_is_believed(cut in 0usize..600, more in "[A-Za-z0-9._=-]{1,8}") {
        let (both, valid) = (keys(&[k1(), e1()]), token(HA, PA, J1));
        let short = &valid[..cut.min(valid.len() - 1)];
        for changed in [short.to_owned(), format!("{valid}{more}"), format!("{more}{valid}"), format!("{valid}.{valid}")] {
            prop_assert!(proven(&changed, &both).is_err(), "{}", changed);
        }
    }

    #[test]
    fn any_signed_claims_are_judged_without_harm(json in "\\PC{0,60}|[\\[\\]{}\":,0-9a-z]{0,40}", local in any::<f64>()) {
        let _ = judged(&genuine(HA, &json), &keys(&[k1()]), &at(local));
    }
}
