//! A repository whose credential a service lends for a while: told through the whole run, from the first request to the journal.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use plist::{Dictionary, Value};
use serde_json::json;
use shared::{
    base64::{decode_url, encode_url},
    event::ItemEnd,
    title::grant::{Key, issue},
};
use std::time::{SystemTime, UNIX_EPOCH};
use support::{
    Outcome, Repository, World,
    server::{Reply, Server},
};

const LENT: &str = "Basic bGVudC1zZWNyZXQ=";
const JOURNAL: &str = "/Library/Application Support/ias/last-run.ndjson";

fn key(byte: u8) -> Key {
    Key::new("k1", "HS256", &encode_url(&[byte; 32]), None).unwrap()
}

/// A service that signs with `key` and lends the credential of `repository`.
fn service(key: Key, repository: &Server) -> Server {
    let service = Server::start().unwrap();
    let (own, repo) = (service.url(""), repository.url("/repo"));
    let grant = Reply::made(move |seen| {
        let token = String::from_utf8(seen.body.clone()).unwrap();
        let claims = decode_url(token.split('.').nth(1).unwrap()).unwrap();
        let request: serde_json::Value = serde_json::from_slice(&claims).unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let grant = json!({
            "iss": own, "aud": request["iss"], "sub": request["sub"], "iat": now, "nbf": now, "exp": now + 600,
            "rid": request["jti"], "repo": repo, "auth": LENT,
        });
        issue(&grant, &key).unwrap().into_bytes()
    });
    service.serve("/v1", [grant]);
    service
}

/// A Mac that asks `service`, believes K1, and wants one title and one thing besides.
fn mac(service: &Server) -> World {
    let entry = [("kid", "k1".to_owned()), ("alg", "HS256".to_owned()), ("key", encode_url(&[1; 32]))];
    let entry: Dictionary =
        entry.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect();
    World::new()
        .script("setupassistant", "Other", "touch /Library/other", json!({}))
        .item("setupassistant", json!({"type": "title", "title": "Editor", "fail_policy": "failable"}))
        .setting("TitleEnvQueryURL", service.url("/v1"))
        .setting("TitleKeys", Value::Array(vec![Value::Dictionary(entry)]))
}

fn assert_discreet(outcome: &Outcome) {
    let journal = outcome.read(JOURNAL).unwrap();
    for told in [&outcome.diagnostics, &journal] {
        assert!(
            !told.contains("bGVudC") && !told.contains(&encode_url(&[1; 32])) && !told.contains("eyJ"),
            "{told}"
        );
    }
}

#[test]
fn t52_t65_a_lent_credential_opens_the_repository_and_is_written_nowhere() {
    let repository = Server::start().unwrap();
    Repository::new().package("Editor", "1.0", &[]).on(&repository);
    let service = service(key(1), &repository);
    let outcome = mac(&service).run(&[]);
    outcome.exits(0);
    assert_eq!(*outcome.end("Editor"), ItemEnd::Done, "{}", outcome.diagnostics);
    let seen = repository.seen();
    assert!(
        seen.len() >= 2 && seen.iter().all(|seen| seen.header("authorization") == Some(LENT)),
        "{seen:?}"
    );
    assert_eq!(service.seen().len(), 1);
    assert_discreet(&outcome);
}

#[test]
fn t64_a_forged_grant_ends_titles_and_nothing_else() {
    let repository = Server::start().unwrap();
    Repository::new().package("Editor", "1.0", &[]).on(&repository);
    let service = service(key(2), &repository);
    let outcome = mac(&service).run(&[]);
    outcome.exits(0);
    assert!(outcome.exists("/Library/other"), "{}", outcome.diagnostics);
    let end = outcome.end("Editor").to_string();
    assert!(end.contains("grant: bad signature"), "{end}");
    assert!(repository.seen().is_empty());
    assert_eq!(service.seen().len(), 1, "nobody is asked a second time");
    assert_discreet(&outcome);
}
