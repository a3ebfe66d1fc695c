//! A request as the service reads it: nothing is lent to whoever cannot sign, or asks somebody else (T53).

use super::*;

const J20: &str = "GbivFrvhyMcee_DlTELKPJaKDhTcab_zlFd4PoEBaY8";

fn verdict(token: &str, now: f64) -> Result<Asked, String> {
    asked(token.as_bytes(), &keys(&[k1()]), SERVICE, clock(now)).map_err(|verdict| verdict.to_string())
}

#[test]
fn t53_the_request_of_j20_tells_the_mac_and_its_id() {
    let expected = Asked { device: DEVICE.to_owned(), id: "r-0001".to_owned() };
    assert_eq!(verdict(&token(HK, PR, J20), NOW), Ok(expected));
}

#[test]
fn t53_what_is_no_request_to_this_service_now_is_refused() {
    let changed = |from: &str, to: &str| {
        assert!(PR.contains(from), "{from}");
        genuine(HK, &PR.replace(from, to))
    };
    let refused = |token: &str| verdict(token, NOW).unwrap_err();
    assert_eq!(refused(&token(HA, PA, J1)), "wrong type", "a grant is no request");
    assert_eq!(refused(&token(HK, PR, J1)), "bad signature");
    assert_eq!(refused(&genuine(&HK.replace("k1", "k9"), PR)), "unknown key");
    assert_eq!(refused(&changed("envquery.", "other.")), "malformed");
    assert_eq!(refused(&changed("urn:uuid:4C", "urn:uuid:5C")), "malformed");
    assert_eq!(refused(&changed("\"jti\"", "\"xti\"")), "missing claim jti");
    assert_eq!(refused(&changed("1767225720", "1767229999")), "lifetime too long");
    assert_eq!(refused(&"x".repeat(LONGEST_TOKEN + 1)), "malformed");
    let j20 = token(HK, PR, J20);
    for (now, word) in [(1_767_225_840.0, "expired"), (1_767_225_479.0, "not valid yet")] {
        assert_eq!(verdict(&j20, now), Err(word.to_owned()), "{now}");
    }
    assert!(verdict(&j20, 1_767_225_839.0).is_ok() && verdict(&j20, 1_767_225_480.0).is_ok());
}
