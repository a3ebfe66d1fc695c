//! Grants: asked for as the rules say, believed or not, and once not, nothing is asked any more.

use super::*;
use shared::title::Place;

#[tokio::test]
async fn t52_t53_a_request_is_posted_and_its_grant_opens_the_repository() {
    let site = Site::new();
    assert_eq!(site.production().await.unwrap(), CATALOG.as_bytes());
    let asked = site.service.seen();
    assert_eq!((asked.len(), asked[0].method.as_str(), asked[0].target.as_str()), (1, "POST", "/v1"));
    assert_eq!(asked[0].header("content-type"), Some("application/jwt"));
    assert_eq!(asked[0].header("authorization"), None);
    let request = claims(&asked[0].body);
    assert_eq!(
        (request["iss"].as_str(), request["sub"].as_str()),
        (Some(&*format!("urn:uuid:{UUID}")), Some(UUID))
    );
    assert_eq!(request["aud"].as_str(), Some(&*site.service.url("")));
    assert_eq!(request["exp"].as_i64().unwrap() - request["iat"].as_i64().unwrap(), 120);
    assert_eq!(request["jti"].as_str().unwrap().len(), 32);
    assert_eq!(request.as_object().unwrap().len(), 6, "T69: nothing else is told, {request}");
    assert_eq!(authorizations(&site.repository.seen()), [Some(LENT)]);
    assert!(site.told().contains("titles: grant: valid (key k1, token "), "{}", site.told());
    site.assert_discreet(&[]);
}

/// Answers that must not be believed, with the words for them.
fn lies(site: &Site) -> Vec<(Reply, &'static str)> {
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let tampered = |seen: &Seen, from: &str, to: &str| {
        // What a stranger on the way can do: other claims under the old signature.
        let grant =
            issue(&json!({"rid": claims(&seen.body)["jti"], "repo": "https://good"}), &key("k1", 1)).unwrap();
        let mut parts: Vec<String> = grant.split('.').map(str::to_owned).collect();
        let claims = String::from_utf8(decode_url(&parts[1]).unwrap()).unwrap().replace(from, to);
        parts[1] = encode_url(claims.as_bytes());
        parts.join(".").into_bytes()
    };
    let unsigned = |seen: &Seen| {
        let header = encode_url(br#"{"alg":"none","typ":"titles+jwt","kid":"k1"}"#);
        let text = std::str::from_utf8(&seen.body).unwrap().to_owned();
        format!("{header}.{}.", text.split('.').nth(1).unwrap()).into_bytes()
    };
    vec![
        (site.grant_by(key("k1", 2), |_| {}), "grant: bad signature (key k1, token "),
        (site.grant_by(key("k2", 1), |_| {}), "grant: unknown key (key k2, token "),
        (Reply::made(move |seen| tampered(seen, "good", "evil")), "grant: bad signature"),
        (Reply::made(unsigned), "grant: algorithm not allowed"),
        (Reply::made(|seen| seen.body.clone()), "grant: wrong type"),
        (site.grant(move |grant| grant["exp"] = json!(now - 200)), "grant: expired"),
        (site.grant(move |grant| grant["nbf"] = json!(now + 200)), "grant: not valid yet"),
        (site.grant(move |grant| grant["exp"] = json!(now + 901)), "grant: lifetime too long"),
        (site.grant(|grant| grant["sub"] = json!("other")), "grant: not for this Mac"),
        (
            site.grant(|grant| grant["iss"] = json!("https://other.example")),
            "grant: not an answer to our request",
        ),
        (site.grant(|grant| grant["rid"] = json!("an earlier one")), "grant: not an answer to our request"),
        (site.grant(|grant| grant["auth"] = json!(7)), "grant: malformed"),
        (site.grant(|grant| grant["repo"] = json!("http://cdn.example/")), "grant: malformed"),
        (
            site.grant(|grant| drop(grant.as_object_mut().unwrap().remove("auth"))),
            "grant: missing claim auth",
        ),
        (Reply::ok("welcome"), "grant: malformed"),
        (Reply::ok(""), "grant: malformed"),
    ]
}

#[tokio::test]
async fn t64_a_grant_that_is_not_believed_ends_all_of_titles_and_nothing_is_asked_any_more() {
    let count = lies(&Site::new()).len();
    for lie in 0..count {
        let site = Site::new();
        let (reply, word) = lies(&site).swap_remove(lie);
        site.answer([reply, site.grant(|_| {})]);
        let titles = site.titles();
        let names = ["production".to_owned()];
        let first = titles.open(&names).await.unwrap_err();
        assert!(first.reason.contains(word) && !first.transient, "{word}: {first:?}");
        assert_eq!(titles.open(&names).await, Err(first.clone()), "{word}");
        let package = titles.package(&Place::Below("a.pkg".into()), None).await;
        assert_eq!(package.err(), Some(first.clone()), "{word}");
        assert_eq!(site.service.seen().len(), 1, "{word}");
        assert!(site.repository.seen().is_empty(), "{word}");
        assert!(site.told().contains(&format!("titles: {word}")), "{}", site.told());
        site.assert_discreet(&[&first]);
    }
}

#[tokio::test]
async fn t55_a_grant_that_was_given_once_is_not_taken_again() {
    let site = Site::new();
    site.open().await.unwrap();
    let good = site.service.seen().remove(0);
    // The very token of the first exchange, to a second request.
    let (service, repo) = (site.service.url(""), site.repository.url("/repo"));
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let request = claims(&good.body);
    let replayed = issue(
        &json!({"iss": service, "aud": request["iss"], "sub": UUID, "iat": now, "nbf": now, "exp": now + 600,
                "rid": request["jti"], "repo": repo, "auth": LENT}),
        &key("k1", 1),
    );
    site.answer([Reply::ok(replayed.unwrap())]);
    let error = site.open().await.unwrap_err();
    assert!(error.reason.contains("grant: not an answer to our request"), "{error}");
    assert_eq!(site.repository.seen().len(), 1, "by the first start only");
}

#[tokio::test]
async fn t64_an_older_grant_is_not_used_once_a_newer_one_was_not_believed() {
    let site = Site::new();
    let over = |grant: &mut Value| grant["exp"] = grant["iat"].clone();
    site.answer([site.grant(over), site.grant_by(key("k1", 2), |_| {})]);
    let (titles, names) = (site.titles(), ["production".to_owned()]);
    assert!(titles.open(&names).await.unwrap()["production"].is_ok());
    let error = titles.open(&names).await.unwrap_err();
    assert!(error.reason.contains("bad signature"), "{error}");
    assert_eq!(titles.open(&names).await, Err(error));
    assert_eq!((site.service.seen().len(), site.repository.seen().len()), (2, 1));
}

#[tokio::test]
async fn t52_whoever_is_not_entitled_asks_once() {
    for status in [401, 403] {
        let site = Site::new();
        site.answer([Reply::status(status), site.grant(|_| {})]);
        let (titles, names) = (site.titles(), ["production".to_owned()]);
        let error = titles.open(&names).await.unwrap_err();
        assert!(error.reason.contains("not entitled") && !error.transient, "{error:?}");
        assert_eq!(titles.open(&names).await, Err(error));
        assert_eq!((site.service.seen().len(), site.repository.seen().len()), (1, 0));
    }
}

#[tokio::test]
async fn t52_a_service_that_is_down_is_asked_again_and_may_recover() {
    for status in [429, 500, 503] {
        let site = Site::new();
        site.answer([Reply::status(status), site.grant(|_| {})]);
        assert!(site.production().await.is_ok(), "{status}");
        let requests = site.service.seen();
        assert_eq!(requests.len(), 2);
        assert_ne!(
            claims(&requests[0].body)["jti"],
            claims(&requests[1].body)["jti"],
            "each is its own request"
        );
    }
    let site = Site::new();
    site.answer([Reply::status(503), Reply::status(503), site.grant(|_| {})]);
    let (titles, names) = (site.titles(), ["production".to_owned()]);
    let error = titles.open(&names).await.unwrap_err();
    assert!(error.transient && error.reason.contains("503"), "{error:?}");
    assert!(titles.open(&names).await.is_ok(), "nothing was lied, so it is asked again");
}

#[tokio::test]
async fn t64_a_mac_that_cannot_say_what_it_is_now_is_asked_again() {
    let site = Site::new();
    let ioreg = std::fs::read_to_string(site.on_disk("/usr/sbin/ioreg")).unwrap();
    site.tool("/usr/sbin/ioreg", "exit 1");
    let (titles, names) = (site.titles(), ["production".to_owned()]);
    let error = titles.open(&names).await.unwrap_err();
    assert!(error.transient && error.reason.contains("ioreg"), "{error:?}");
    assert!(site.service.seen().is_empty());
    site.put("/usr/sbin/ioreg", ioreg.as_bytes(), 0o755);
    assert!(titles.open(&names).await.is_ok(), "nobody has refused anything");
}

#[tokio::test]
async fn t52_an_answer_that_is_too_long_or_leads_elsewhere_is_none() {
    let other = Server::start().unwrap();
    for (reply, word) in [
        (Reply::ok("x".repeat(16 * 1024 + 1)), "longer than 16384 bytes"),
        (Reply::ok("xxxxxxxx").endless(), "longer than 16384 bytes"),
        (Reply::redirect(&other.url("/v1")), "redirected to"),
    ] {
        let site = Site::new();
        site.answer([reply]);
        let error = site.open().await.unwrap_err();
        assert!(error.reason.contains(word), "{word}: {error}");
        assert!(site.repository.seen().is_empty() && other.seen().is_empty());
    }
}

#[tokio::test]
async fn t65_a_repository_that_refuses_causes_one_new_grant_then_failure() {
    let refused = Site::new();
    refused.repository.serve("/repo/catalogs/production", [Reply::status(403), Reply::ok(CATALOG)]);
    assert_eq!(refused.production().await.unwrap(), CATALOG.as_bytes());
    assert_eq!((refused.service.seen().len(), refused.repository.seen().len()), (2, 2));

    let always = Site::new();
    always.repository.serve("/repo/catalogs/production", [Reply::status(401)]);
    let error = always.production().await.unwrap_err();
    assert!(error.reason.contains("401") && !error.transient, "{error}");
    assert_eq!((always.service.seen().len(), always.repository.seen().len()), (2, 2));
    always.assert_discreet(&[&error]);
}

#[tokio::test]
async fn t65_a_grant_is_used_until_it_is_over() {
    let site = Site::new();
    let (titles, names) = (site.titles(), ["production".to_owned()]);
    for _ in 0..3 {
        titles.open(&names).await.unwrap();
    }
    assert_eq!(site.service.seen().len(), 1);
    site.answer([site.grant(|grant| grant["exp"] = grant["iat"].clone())]);
    let (titles, before) = (site.titles(), site.service.seen().len());
    for _ in 0..3 {
        titles.open(&names).await.unwrap();
    }
    assert_eq!(site.service.seen().len() - before, 3, "what is over within the leeway serves once");
}
